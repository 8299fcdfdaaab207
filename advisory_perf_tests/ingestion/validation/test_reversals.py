"""Negative flows: quarantined, or on the other side where the feed says that they reverse earlier ones."""

from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, codes, notices, refusal, validated

pytestmark = pytest.mark.slow

NET: dict[str, Any] = {"negative_flows": "net"}
COMPONENTS: dict[str, Any] = {"income": "inc", "appreciation": "gain", "fees": "fee", "other_adjustments": "other"}
AMOUNTS = ("-100", "-0.01", "0", "40", "(25.50)", "7-")
VALUES = {
    "-100": Decimal(-100),
    "-0.01": Decimal("-0.01"),
    "0": Decimal(0),
    "40": Decimal(40),
    "(25.50)": Decimal("-25.50"),
    "7-": Decimal(-7),
}


def a_file(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def with_signs(inflow: int, outflow: int, **changes: Any) -> PositionsFeed:
    return a_feed({"contributions": {"from": "in", "sign": inflow}, "distributions": {"from": "out", "sign": outflow}}, **changes)


@pytest.mark.parametrize("signs", list(product((1, -1), repeat=2)))
def test_a_negative_flow_goes_to_the_other_side_or_is_quarantined(signs: tuple[int, int]) -> None:
    """Six amounts on each side under every pair of signs, 144 rows: the net flow stays, and nothing is negative."""
    usual = ("40" if signs[0] > 0 else "-40", "40" if signs[1] > 0 else "-40")
    pairs = [*product(AMOUNTS, AMOUNTS), *[usual] * 72]  # most amounts of a side are not reversed
    values = {**VALUES, "-40": Decimal(-40)}
    content = a_file(*(f"A{place:03},2024-06-28,1000,{inflow},{outflow},1001" for place, (inflow, outflow) in enumerate(pairs)))
    flows = [(values[inflow] * signs[0], values[outflow] * signs[1]) for inflow, outflow in pairs]
    positions = validated(content, with_signs(*signs, **NET)).accepted
    assert positions["account_id"].to_list() == [f"A{place:03}" for place in range(len(pairs))]
    for (came, went), position in zip(flows, positions.iter_rows(named=True), strict=True):
        assert position["contributions"] == max(came, Decimal(0)) + max(-went, Decimal(0))
        assert position["distributions"] == max(went, Decimal(0)) + max(-came, Decimal(0))
        assert position["contributions"] - position["distributions"] == came - went
    strict = validated(content, with_signs(*signs))
    assert codes(strict) == {2 + place: "E_SIGN" for place, (came, went) in enumerate(flows) if came < 0 or went < 0}


@given(st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12)), min_size=1, max_size=2))
def test_net_flows_are_what_they_were_to_the_last_digit(flows: list[tuple[int, int]]) -> None:
    amounts = [(Decimal(came).scaleb(-4), Decimal(went).scaleb(-4)) for came, went in flows]
    rows = [f"A{number},2024-06-28,1000,{came:f},{went:f},1001" for number, (came, went) in enumerate(amounts)]
    positions = validated(a_file(*rows), a_feed(**NET)).accepted
    assert [one - other for one, other in positions.select("contributions", "distributions").rows()] == [
        came - went for came, went in amounts
    ]
    assert positions.select("contributions", "distributions").min().row(0) >= (0, 0)


def test_a_notice_says_where_a_flow_was_moved_and_the_refusal_names_the_key() -> None:
    content = a_file("A1,2024-06-28,100,5,0,106", "A2,2024-06-28,100,-5,0,96")
    result = validated(content, a_feed(**NET))
    assert [notice.sentence for notice in result.notices] == [
        "acme, acme_1.csv: 1 rows have a negative flow on the other side, such as line 3"
    ]
    assert "negative_flows: net" in validated(content).quarantined["reason"].item()


def test_the_vendors_sum_of_the_column_is_held_against_what_it_prints() -> None:
    controls = {"totals": {"contributions": r"^SUM (-?[0-9.]+)$"}}
    feed = a_feed(controls=controls, **NET)
    content = a_file("A1,2024-06-28,100,50,0,151", "A2,2024-06-28,100,-20,0,81", "SUM {}")
    assert notices(validated(content.format(30), feed)) == ["W_NEGATIVE_FLOW"]
    assert refusal(content.format(50), feed).code == "E_CONTROL_TOTAL"


@pytest.mark.parametrize("name", ["in", "out"])
def test_a_column_that_is_mostly_negative_is_no_reversal(name: str) -> None:
    cells = {"in": ("0", "0"), "out": ("0", "0"), name: ("-5", "5")}
    row = "A{},2024-06-28,100,{},{},101"
    negative = [row.format(number, cells["in"][0], cells["out"][0]) for number in range(3)]
    positive = [row.format(number, cells["in"][1], cells["out"][1]) for number in range(3, 6)]
    refused = refusal(a_file(*negative), a_feed(**NET))
    assert refused.code == "E_SIGN"
    assert f"set sign: -1 for {'contributions' if name == 'in' else 'distributions'}" in refused.sentence
    assert validated(a_file(*negative, *positive), a_feed(**NET)).accepted.height == 6


def test_a_row_whose_figures_say_that_the_sign_is_the_vendors_stays_in_quarantine() -> None:
    feed = a_feed(COMPONENTS, **NET)
    reversal, by_sign = "A1,2024-06-28,1000,-100,0,905,0,5,0,0", "A2,2024-06-28,1000,0,-100,905,0,5,0,0"
    either = "A3,2024-06-28,1000,-5,-5,1005,0,5,0,0"
    result = validated(a_file(reversal, by_sign, either, header=f"{HEADER},inc,gain,fee,other"), feed)
    assert codes(result) == {3: "E_SIGN"}, "where both signs fit, it is a reversal"
    assert result.accepted.select("contributions", "distributions").row(0) == (0, 100)


def test_a_reversal_that_is_netted_still_conflicts_with_the_row_that_it_reverses() -> None:
    result = validated(a_file("A1,2024-06-28,100,5,0,106", "A1,2024-06-28,-100,-5,0,-106"), a_feed(**NET))
    assert codes(result) == {2: "E_KEY_CONFLICT", 3: "E_KEY_CONFLICT"}


def test_a_net_flow_is_split_as_it_is_and_takes_no_such_key() -> None:
    data = a_feed().model_dump(by_alias=True)
    columns = {name: source for name, source in data["columns"].items() if name not in {"contributions", "distributions"}}
    with pytest.raises(ValueError, match="a net flow is split by its sign as it is"):
        PositionsFeed.model_validate({**data, "columns": {**columns, "net_flow": "net"}, **NET})
