"""A signed net flow in one column, where the vendor does not tell what came in from what went out."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf_tests.ingestion.scenarios import codes, feed_as_data, notices, refusal, validated

pytestmark = pytest.mark.slow

HEADER = "id,day,bmv,net,emv"
ALL = {"income": "income", "appreciation": "gain", "fees": "fees", "other_adjustments": "other", "vendor_twrr": "twr"}


def the_feed(net_flow: Any = "net", columns: dict[str, Any] | None = None, **changes: Any) -> PositionsFeed:
    """The feed of scenarios with the net flow in the place of both flows."""
    data = feed_as_data(**changes)
    others = {name: column for name, column in data["columns"].items() if name not in {"contributions", "distributions"}}
    return PositionsFeed.model_validate({**data, "columns": {**others, "net_flow": net_flow, **(columns or {})}})


def a_file(*nets: str, below: str = "") -> str:
    return "\n".join([HEADER, *(f"A{place},2024-06-28,100,{net},100" for place, net in enumerate(nets))]) + f"\n{below}"


def flows(*nets: str, net_flow: Any = "net") -> list[tuple[Decimal, Decimal]]:
    """Contributions and distributions by row."""
    return validated(a_file(*nets), the_feed(net_flow)).accepted.select("contributions", "distributions").rows()


def test_what_is_positive_came_in_and_what_is_negative_went_out() -> None:
    assert flows("5.25", "-7.1", "0", "-0.00") == [
        (Decimal("5.25"), Decimal(0)),
        (Decimal(0), Decimal("7.10")),
        (Decimal(0), Decimal(0)),
        (Decimal(0), Decimal(0)),
    ]


@given(st.lists(st.decimals(min_value=-(10**17), max_value=10**17, places=4), min_size=1, max_size=30))
def test_no_digit_of_a_net_flow_is_lost_and_one_of_its_parts_is_zero(amounts: list[Decimal]) -> None:
    parts = flows(*(f"{amount:f}" for amount in amounts))
    assert [inflow - outflow for inflow, outflow in parts] == amounts
    assert all(min(inflow, outflow) == 0 for inflow, outflow in parts)


@pytest.mark.parametrize(
    ("net_flow", "parts"),
    [
        ({"from": "net", "sign": -1}, (Decimal(0), Decimal("5.25"))),
        ({"from": "net", "scale": 1000}, (Decimal(5250), Decimal(0))),
    ],
)
def test_sign_and_scale_are_those_of_the_column(net_flow: dict[str, Any], parts: tuple[Decimal, Decimal]) -> None:
    assert flows("5.25", net_flow=net_flow) == [parts]


def test_parentheses_and_other_notation_are_read_as_in_any_amount() -> None:
    assert flows("(5.25)", "5.25-") == [(Decimal(0), Decimal("5.25"))] * 2


def test_a_blank_cell_is_zero_only_where_the_feed_says_so() -> None:
    assert flows("", net_flow={"from": "net", "blank": "zero"}) == [(Decimal(0), Decimal(0))]
    assert codes(validated(a_file(""), the_feed())) == {2: "E_REQUIRED"}


def test_a_column_that_may_be_absent_counts_as_no_flow() -> None:
    content = "id,day,bmv,emv\nA1,2024-06-28,100,100\n"
    result = validated(content, the_feed({"from": "net", "absent": "zero"}))
    assert result.accepted.select("contributions", "distributions").rows() == [(Decimal(0), Decimal(0))]
    assert notices(result) == ["W_MISSING_OPTIONAL"]


@pytest.mark.parametrize(
    ("net", "code"), [("x", "E_NUMBER"), ("1.23456", "E_PRECISION"), ("inf", "E_NOT_FINITE"), ("#REF!", "E_CELL_ERROR")]
)
def test_a_quarantined_cell_names_the_column_of_the_file(net: str, code: str) -> None:
    quarantined = validated(a_file(net, "1"), the_feed()).quarantined
    assert quarantined.select("code", "field_name").rows() == [(code, "net_flow")]
    assert "column net:" in quarantined["reason"].item()


def test_an_announced_sum_is_held_against_the_net_flows() -> None:
    feed = the_feed(controls={"totals": {"net_flow": r"^T,(-?[0-9.]+)$"}})
    assert validated(a_file("5.25", "-7.10", below="T,-1.85\n"), feed).footer == 1
    assert refusal(a_file("5.25", "-7.10", below="T,12.35\n"), feed).code == "E_CONTROL_TOTAL"


def test_a_totals_row_is_held_against_the_net_flows() -> None:
    feed = the_feed(footer=[{"column": "id", "starts_with": ["Total"], "totals": True}])
    assert validated(a_file("5.25", "-7.10", below="Total,,200,-1.85,200\n"), feed).footer == 1
    assert "net" in refusal(a_file("5.25", "-7.10", below="Total,,200,1.85,200\n"), feed).sentence


def test_rows_that_differ_in_their_net_flow_only_are_in_conflict() -> None:
    content = f"{HEADER}\nA1,2024-06-28,100,1,100\nA1,2024-06-28,100,2,100\n"
    assert set(codes(validated(content, the_feed())).values()) == {"E_KEY_CONFLICT"}


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"contributions": "in"}, "beside them it is vendor_net_flow"),
        ({"contributions": "in", "distributions": "out"}, "beside them it is vendor_net_flow"),
        ({"net_flow": {"from": "net", "absent": "null"}}, "net_flow is required"),
        ({"vendor_net_flow": "net"}, "net is mapped to more than one field"),
    ],
)
def test_a_feed_says_its_flows_once(columns: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        the_feed(columns=columns)


def test_a_sum_of_a_field_that_is_not_mapped_is_refused_with_the_feed() -> None:
    with pytest.raises(ValidationError, match="contributions is not mapped"):
        the_feed(controls={"totals": {"contributions": r"^T,(.+)$"}})


def a_whole_file(*, turned: bool = False, swapped: bool = False) -> str:
    """Forty accounts with every component of the identity, and end of day returns."""
    lines = []
    for number in range(40):
        begin, income, gain, fees, other = 1000 + 31 * number, 3 + number % 5, 11 - number, 2, 4 * (number % 7 == 0)
        net = (number % 5 - 2) * 10
        end = begin + net + income + gain - fees + other
        flow, interest = (income, net) if swapped else (net, income)
        row = (begin, -flow if turned else flow, interest, gain, fees, other, end, f"{(end - net) / begin - 1:.6f}")
        lines.append(f"A{number:02},2024-06-28,{','.join(map(str, row))}")
    return "\n".join(["id,day,bmv,net,income,gain,fees,other,emv,twr", *lines]) + "\n"


def test_figures_that_agree_are_taken() -> None:
    assert validated(a_whole_file(), the_feed(columns=ALL)).accepted.height == 40


def test_a_sign_that_is_turned_is_refused_with_the_change_of_the_feed() -> None:
    refused = refusal(a_whole_file(turned=True), the_feed(columns=ALL))
    assert refused.code == "E_SIGN"
    assert "say sign: -1 for net_flow" in refused.sentence
    assert validated(a_whole_file(turned=True), the_feed({"from": "net", "sign": -1}, columns=ALL)).accepted.height == 40


def test_a_net_flow_in_the_place_of_another_column_is_refused_with_both_names() -> None:
    refused = refusal(a_whole_file(swapped=True), the_feed(columns=ALL))
    assert refused.code == "E_HEADER_AMBIGUOUS"
    assert "net and income change places" in refused.sentence


def test_flows_beyond_the_values_beside_them_are_noticed_by_the_name_of_their_column() -> None:
    result = validated(a_file("500", "-500"), the_feed())
    assert notices(result) == ["W_LARGE_FLOWS"]
    assert "net exceed the market values beside them" in result.notices[0].sentence
