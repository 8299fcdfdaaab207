"""Swapped columns, cut files and scales that do not fit, on deliveries of forty accounts with every component."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.enums import FlowTiming
from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.validation.rows import Validated
from advisory_perf_tests.ingestion.scenarios import a_feed, codes, notices, refusal, validated

pytestmark = pytest.mark.slow

FIELDS = {
    "account_id": "Account ID",
    "account_name": "Account Name",
    "as_of_date": "As Of Date",
    "beginning_market_value": "Beginning Market Value",
    "contributions": "Contributions",
    "distributions": "Distributions",
    "income": "Income",
    "appreciation": "Appreciation",
    "fees": "Fees",
    "other_adjustments": "Other",
    "ending_market_value": "Ending Market Value",
    "benchmark_return": "Benchmark",
    "vendor_twrr": "TWRR",
}
MONEY = [name for name in FIELDS.values() if name not in ("Account ID", "Account Name", "As Of Date", "Benchmark", "TWRR")]


def the_feed(**changes: Any) -> PositionsFeed:
    return a_feed(dict(FIELDS), **{"conventions": {"flow_timing": "end_of_day", "fee_basis": "net"}, **changes})


def a_row(number: int, *, off: int = 0) -> list[str]:
    """An account with figures of its own; ``off`` is what its ending is away from the identity, in whole currency."""
    begin = Decimal(100_000 + 7_919 * number)
    inflow, outflow = Decimal(1_000 * (number % 3)), Decimal(700 * (number % 4))
    income, gain, fees, other = Decimal(130 + number), Decimal(900 - 61 * number), Decimal(75), Decimal(20 * (number % 5 == 0))
    end = begin + inflow - outflow + income + gain - fees + other + off
    twrr = ((end - inflow + outflow) / begin - 1).quantize(Decimal("0.000001"))
    money = (begin, inflow, outflow, income, gain, fees, other, end)
    return [
        f"A-{number:03}",
        f"Trust, {number}",
        "2024-05-31",
        *(f"{amount:.2f}" for amount in money),
        f"{0.01 + number / 5000:.4f}",
        f"{twrr}",
    ]


def a_file(rows: Sequence[Sequence[str]], header: Sequence[str] = tuple(FIELDS.values()), *, end: str = "\n") -> str:
    return "\n".join(",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in [header, *rows]) + end


FEES_PLACE = list(FIELDS).index("fees")
ROWS = [a_row(number) for number in range(40)]


def swapped(one: str, other: str) -> str:
    """The delivery whose header has two columns in each other's place."""
    places = {one: other, other: one}
    return a_file(ROWS, [places.get(name, name) for name in FIELDS.values()])


def test_a_delivery_that_fits_is_taken_without_a_word() -> None:
    result = validated(a_file(ROWS), the_feed())
    assert (result.accepted.height, result.notices) == (40, ())


SURVIVORS = {
    ("Income", "Appreciation"): "both are added; no figure that is computed from them changes",
    ("Income", "Other"): "both are added; no figure that is computed from them changes",
    ("Appreciation", "Other"): "both are added; no figure that is computed from them changes",
}
"""Pairs that no arithmetic on one delivery distinguish, and why no market value, flow or return is wrong through them."""


SAME_EQUATIONS = {
    ("Distributions", "Ending Market Value"): "with flows at the end of the day both leave the account alike; only their size is noticed",
}
"""Pairs that no equation distinguish under the feed's flow timing, but that are noticed."""


def outcome(content: str, feed: PositionsFeed) -> Validated | DeliveryRejectedError:
    try:
        return validated(content, feed)
    except DeliveryRejectedError as error:
        return error


@pytest.mark.parametrize("pair", list(combinations(FIELDS.values(), 2)), ids=" <-> ".join)
def test_two_columns_in_each_others_place_are_never_taken_silently(pair: tuple[str, str]) -> None:
    result = outcome(swapped(*pair), the_feed())
    if pair in SURVIVORS:
        assert isinstance(result, Validated)
        right = validated(a_file(ROWS), the_feed()).accepted
        named = [field for field, name in FIELDS.items() if name in pair]
        assert result.accepted.drop(named).equals(right.drop(named)), SURVIVORS[pair]
        assert result.accepted.select(pl.sum_horizontal(named)).equals(right.select(pl.sum_horizontal(named)))
    elif isinstance(result, Validated) and pair in SAME_EQUATIONS:
        assert notices(result) == ["W_LARGE_FLOWS"], SAME_EQUATIONS[pair]
    elif isinstance(result, Validated):
        assert result.accepted.is_empty(), "every row is quarantined"
        assert result.quarantined.height == len(ROWS)
    else:
        assert result.code in {"E_HEADER_AMBIGUOUS", "E_SCALE_AMBIGUOUS"}


def test_the_sentence_names_the_two_columns_that_would_have_to_change_places() -> None:
    refused = refusal(swapped("Beginning Market Value", "Ending Market Value"), the_feed())
    assert refused.code == "E_HEADER_AMBIGUOUS"
    assert "the market value identity fails on 100% of 40 rows" in refused.sentence
    assert "Beginning Market Value and Ending Market Value change places" in refused.sentence


def test_columns_that_the_identity_cannot_distinguish_are_inferred_by_the_vendors_returns() -> None:
    refused = refusal(swapped("Contributions", "Income"), the_feed())
    assert "the vendor's returns do not follow from the values" in refused.sentence
    assert "Contributions and Income change places" in refused.sentence


def test_fees_of_a_quarter_percent_count_in_returns_before_fees() -> None:
    def before_fees(row: list[str]) -> list[str]:
        begin, inflow, outflow, income, gain, _, other, _ = map(Decimal, row[3:11])
        fees = (begin / 400).quantize(Decimal("0.01"))
        end = begin + inflow - outflow + income + gain - fees + other
        return [*row[:8], f"{fees}", row[9], f"{end}", row[11], f"{(end + fees - inflow + outflow) / begin - 1:.6f}"]

    gross = the_feed(conventions={"flow_timing": "end_of_day", "fee_basis": "gross"})
    rows = list(map(before_fees, ROWS))
    assert validated(a_file(rows), gross).notices == ()
    places = {"Contributions": "Income", "Income": "Contributions"}
    refused = refusal(a_file(rows, [places.get(name, name) for name in FIELDS.values()]), gross)
    assert "Contributions and Income change places" in refused.sentence


def test_under_another_flow_timing_it_is_the_beginning_and_the_contributions_that_only_their_size_tells() -> None:
    def at_start(row: list[str]) -> list[str]:
        begin, inflow, outflow, end = (Decimal(row[place]) for place in (3, 4, 5, 10))
        return [*row[:-1], f"{end / (begin + inflow - outflow) - 1:.6f}"]

    places = {"Beginning Market Value": "Contributions", "Contributions": "Beginning Market Value"}
    header = [places.get(name, name) for name in FIELDS.values()]
    feed = the_feed(conventions={"flow_timing": "start_of_day", "fee_basis": "net"})
    assert validated(a_file(list(map(at_start, ROWS))), feed).notices == ()
    assert notices(validated(a_file(list(map(at_start, ROWS)), header), feed)) == ["W_LARGE_FLOWS"]


def test_even_one_row_tells_where_everything_holds_once_they_change_places() -> None:
    places = {"Beginning Market Value": "Ending Market Value", "Ending Market Value": "Beginning Market Value"}
    header = [places.get(name, name) for name in FIELDS.values()]
    assert refusal(a_file(ROWS[1:2], header), the_feed()).code == "E_HEADER_AMBIGUOUS"


@pytest.mark.parametrize(("wrong", "rejected"), [(8, False), (9, True), (40, True)])
def test_an_identity_that_fails_on_more_than_every_fifth_row_rejects_the_delivery(wrong: int, rejected: bool) -> None:
    rows = [a_row(number, off=1_000 if number < wrong else 0) for number in range(40)]
    result = outcome(a_file(rows), the_feed())
    assert isinstance(result, DeliveryRejectedError) == rejected
    if isinstance(result, DeliveryRejectedError):
        assert "columns may be swapped" in result.sentence


def test_a_feed_may_take_such_a_delivery_with_a_notice() -> None:
    rows = [a_row(number, off=1_000) for number in range(40)]
    result = validated(a_file(rows), the_feed(plausibility={"identity": "warn"}))
    assert (result.accepted.height, notices(result)) == (40, ["W_IDENTITY"])


def test_a_sign_that_the_feed_has_wrong_is_inferred_by_the_identity() -> None:
    rows = [[f"-{cell}" if place == FEES_PLACE else cell for place, cell in enumerate(row)] for row in ROWS]
    refused = refusal(a_file(rows), the_feed())
    assert refused.code == "E_SIGN"
    assert "everything holds once the sign of Fees is turned; say sign: -1 for fees in the feed" in refused.sentence
    turned = a_feed({**FIELDS, "fees": {"from": "Fees", "sign": -1}})
    assert validated(a_file(rows), turned).accepted["fees"].to_list() == [Decimal(75)] * 40


def test_a_few_rows_that_break_are_the_reconciliations_business() -> None:
    assert validated(a_file([a_row(1, off=1_000), a_row(2)]), the_feed()).notices == ()


def test_a_feed_without_every_component_is_not_asked_for_the_identity() -> None:
    feed = a_feed({name: column for name, column in FIELDS.items() if name != "fees"})
    assert validated(a_file([a_row(number, off=1_000) for number in range(40)]), feed).accepted.height == 40


@pytest.mark.parametrize(
    ("times", "word"), [(100, "100 times larger"), (10_000, "10000 times larger"), (Decimal("0.01"), "100 times smaller")]
)
def test_returns_in_another_scale_than_the_feed_says_reject_the_delivery(times: Decimal, word: str) -> None:
    rows = [[*row[:-1], f"{Decimal(row[-1]) * times:f}"] for row in ROWS]
    refused = refusal(a_file(rows), the_feed())
    assert refused.code == "E_SCALE_AMBIGUOUS"
    assert word in refused.sentence or "more than 1000 %" in refused.sentence


def test_one_return_in_another_scale_is_the_reconciliations_business() -> None:
    rows = [[*ROWS[0][:-1], f"{Decimal(ROWS[0][-1]) * 100:f}"], *ROWS[1:3]]
    assert validated(a_file(rows), the_feed()).accepted.height == 3


def test_the_feed_may_let_such_returns_pass_with_a_notice() -> None:
    rows = [[*row[:-1], f"{Decimal(row[-1]) * 100:f}"] for row in ROWS]
    assert notices(validated(a_file(rows), the_feed(plausibility={"scale": "warn"}))) == ["W_SCALE"]


@pytest.mark.parametrize("unit", ["($000)", "(000s)", "(in thousands)", "($ mm)", "(pence)", "(k)"])
def test_a_unit_in_a_columns_name_needs_a_scale_in_the_feed(unit: str) -> None:
    header = [f"Fees {unit}" if name == "Fees" else name for name in FIELDS.values()]
    unsaid = a_feed({**FIELDS, "fees": f"Fees {unit}"})
    refused = refusal(a_file(ROWS, header), unsaid)
    assert refused.code == "E_SCALE_AMBIGUOUS"
    assert f"the column 'Fees {unit}' names a unit" in refused.sentence
    said = a_feed({**FIELDS, "fees": {"from": f"Fees {unit}", "scale": 1}})
    assert validated(a_file(ROWS, header), said).accepted.height == 40


@pytest.mark.parametrize("name", ["Fees ($)", "Fees (USD)", "Fees (net of credits)", "Fees 2000"])
def test_a_currency_or_a_remark_in_a_columns_name_is_no_unit(name: str) -> None:
    header = [name if column == "Fees" else column for column in FIELDS.values()]
    assert validated(a_file(ROWS, header), a_feed({**FIELDS, "fees": name})).accepted.height == 40


def test_a_last_row_without_a_line_end_that_does_not_fit_its_figures_was_cut() -> None:
    whole = a_file(ROWS, end="")
    assert validated(whole, the_feed()).accepted.height == 40
    refused = refusal(whole[:-5], the_feed())
    assert refused.code == "E_TORN"
    assert "line 41 has no line end and does not fit its own figures" in refused.sentence


@pytest.mark.parametrize("timing", [timing for timing in FlowTiming if timing is not FlowTiming.WEIGHTED])
@pytest.mark.parametrize(
    "amounts",
    [
        ("0.50", "1000.00", "0.00", "10.00", "0.00", "0.00", "0.00", "1010.50", "0.009995"),
        ("1.00", "1000.00", "0.00", "10.00", "0.00", "0.00", "0.00", "1011.00", "0.009990"),
        ("1000.00", "0.00", "1010.00", "10.00", "0.00", "0.00", "0.00", "0.00", "0.010000"),
        ("1000.00", "0.00", "1009.50", "10.00", "0.00", "0.00", "0.00", "0.50", "0.010000"),
    ],
    ids=["funded beside a residual", "funded beside the largest residual", "closed", "closed but for a residual"],
)
def test_a_funding_or_closing_day_in_the_last_row_fits_its_figures(timing: FlowTiming, amounts: tuple[str, ...]) -> None:
    row = ["A-777", "Trust", "2024-05-31", *amounts[:-1], "0.0100", amounts[-1]]
    feed = the_feed(conventions={"flow_timing": timing.value, "fee_basis": "net"})
    refused = refusal(a_file([row], end=""), feed)
    assert "nothing confirms its last cell" in refused.sentence  # which nothing but its own digits could; the figures are fine
    assert validated(a_file([row]), feed).accepted.height == 1


def test_a_last_row_without_a_line_end_that_cannot_be_read_was_cut() -> None:
    assert "cannot be read" in refusal(a_file([*ROWS, [*ROWS[0][:-1], "-"]], end="").replace("A-000", "A*000"), the_feed()).sentence
    assert codes(validated(a_file([["*", *ROWS[0][1:]], ROWS[1]]), the_feed())) == {2: "E_ID"}


def test_many_rows_that_contradict_each_other_on_one_account_mean_the_wrong_column() -> None:
    rows = [["AMERIPRISE", *row[1:]] for row in ROWS]
    refused = refusal(a_file(rows), the_feed())
    assert refused.code == "E_HEADER_AMBIGUOUS"
    assert "all rows are of the account 'AMERIPRISE'" in refused.sentence
    assert set(codes(validated(a_file(rows[:2]), the_feed())).values()) == {"E_KEY_CONFLICT"}


@pytest.mark.parametrize("period", ["month", "quarter", "year", "inception"])
@pytest.mark.parametrize("times", ["1", "7", "100"])
def test_a_return_of_a_longer_period_contradicts_no_row(period: str, times: str) -> None:
    """It follows from no single row, so that it tells of neither scale nor columns; without its period the file is refused."""
    rows = [a_row(number) for number in range(40)]
    rows = [[*row[:-1], str(Decimal(row[-1]) * Decimal(times) / 100 + Decimal("0.11"))] for row in rows]
    source = {"from": FIELDS["vendor_twrr"], "period": period}
    found = validated(a_file(rows), a_feed({**FIELDS, "vendor_twrr": source}))
    assert (found.accepted.height, found.quarantined.height, notices(found)) == (40, 0, [])


def test_a_period_is_for_the_vendors_return_only() -> None:
    for name in ("benchmark_return", "ending_market_value"):
        with pytest.raises(ValueError, match=f"columns: {name}: period is what a return of the vendor's covers"):
            a_feed({**FIELDS, name: {"from": FIELDS[name], "period": "month"}})
    with pytest.raises(ValueError, match="Input should be 'month', 'quarter', 'year' or 'inception'"):
        a_feed({**FIELDS, "vendor_twrr": {"from": "TWRR", "period": "week"}})
