"""Every tolerance and share of ``plausibility``: what lies just within, and what lies just beyond."""

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.columns import MONEY
from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.validation.positions.plausibility import COMPONENTS, identity_holds, plausibility_notices, refuse_one_account
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, refusal, validated

FURTHER = {name: name for name in ("income", "appreciation", "fees", "other_adjustments", "vendor_twrr", "benchmark_return")}


def a_row(number: int = 0, **changes: float | None) -> dict[str, float | None]:
    """A row that fits itself, with figures of its own: 1,000 that earn 10 and a number of cents, at no flow."""
    gain = 10 + number / 100
    row: dict[str, float | None] = dict.fromkeys(COMPONENTS, 0.0)
    row |= {"beginning_market_value": 1000.0, "appreciation": gain, "ending_market_value": 1000 + gain}
    return {**row, "vendor_twrr": gain / 1000, "benchmark_return": 0.5 + number / 1000, **changes}


def said(rows: Sequence[dict[str, Any]], feed: PositionsFeed | None = None) -> str:
    """The code of what is said of the rows, refused or noticed; empty where nothing is."""
    frame = pl.DataFrame(rows, schema_overrides=dict.fromkeys(COMPONENTS, MONEY), strict=False)
    try:
        notices = plausibility_notices(frame, feed or a_feed(FURTHER), "acme_1.csv")
    except DeliveryRejectedError as refused:
        return refused.code
    return ",".join(notice.code for notice in notices)


def turned_fees(turned: int, broken: int, of: int) -> list[dict[str, float | None]]:
    """Rows of which some have fees with the wrong sign, and others break by an amount of their own."""
    rows = [a_row(number) for number in range(of)]
    for number in range(turned):
        rows[number] |= {"fees": -5.0, "appreciation": rows[number]["appreciation"] + 5.0}  # type: ignore[operator]
    for number in range(of - broken, of):
        rows[number] |= {"income": 100.0 + 7 * number * number}
    return rows


@pytest.mark.parametrize(("off", "holds"), [(0.0, True), (0.0799, True), (-0.0799, True), (0.0801, False), (-0.0801, False)])
def test_the_identity_holds_to_a_cent_for_each_of_its_eight_terms(off: float, *, holds: bool) -> None:
    assert pl.DataFrame([a_row(income=off)]).select(identity_holds()).item() is holds


def test_the_identity_of_a_row_without_a_component_is_unknown() -> None:
    for name in COMPONENTS:
        frame = pl.DataFrame([{**a_row(), name: None}], schema_overrides={name: pl.Float64()})
        assert frame.select(identity_holds()).item() is None


@pytest.mark.parametrize(("turned", "expected"), [(0, ""), (2, ""), (3, "E_SIGN")])
def test_two_rows_of_forty_may_fail_before_another_reading_is_asked(turned: int, expected: str) -> None:
    assert said(turned_fees(turned, 0, of=40)) == expected


@pytest.mark.parametrize(("broken", "expected"), [(2, "E_SIGN"), (3, "")])
def test_another_reading_has_to_hold_on_all_but_two_rows_of_forty(broken: int, expected: str) -> None:
    assert said(turned_fees(3, broken, of=40)) == expected


def test_rows_of_which_the_identity_cannot_be_asked_do_not_speak_against_another_reading() -> None:
    rows = turned_fees(3, 0, of=40)
    assert said([*rows[:-3], *({**row, "other_adjustments": None} for row in rows[-3:])]) == "E_SIGN"


@pytest.mark.parametrize(
    ("broken", "of", "expected"), [(4, 20, ""), (5, 20, "E_HEADER_AMBIGUOUS"), (20, 20, "E_HEADER_AMBIGUOUS"), (19, 19, "")]
)
def test_an_unexplained_identity_is_refused_from_twenty_rows_on_of_which_more_than_every_fifth_fails(
    broken: int, of: int, expected: str
) -> None:
    assert said(turned_fees(0, broken, of=of)) == expected


@pytest.mark.parametrize(("height", "expected"), [(19, ""), (20, "E_HEADER_AMBIGUOUS")])
def test_the_benchmark_in_the_place_of_the_return_is_distinguished_from_twenty_rows_on(height: int, expected: str) -> None:
    rows = [a_row(number) for number in range(height)]
    assert said([{**row, "vendor_twrr": row["benchmark_return"], "benchmark_return": row["vendor_twrr"]} for row in rows]) == expected


def income_as_contribution(number: int, *, begin: float = 1000.0, off: float = 0.0) -> dict[str, float | None]:
    """A row whose income stands in the column of contributions, and whose return is off."""
    income = begin * (0.1 + number / 100)
    end = begin + income
    figures = {"beginning_market_value": begin, "contributions": income, "appreciation": 0.0, "ending_market_value": end}
    return a_row(number, **figures, vendor_twrr=income / begin + off)


@pytest.mark.parametrize(("height", "expected"), [(1, ""), (2, ""), (3, "E_HEADER_AMBIGUOUS")])
def test_returns_of_one_row_or_two_tell_nothing_of_swapped_columns(height: int, expected: str) -> None:
    assert said([income_as_contribution(number) for number in range(height)]) == expected


@pytest.mark.parametrize(
    ("begin", "off", "holds"),
    [
        (10.0, 0.0021, False),
        (1000.0, 0.001009, True),
        (1000.0, 0.001011, False),
        (1000.0, -0.001009, True),
        (1000.0, -0.001011, False),
        (10.0, 0.0019, True),
    ],
)
def test_a_return_follows_within_ten_basis_points_of_its_base_and_a_cent(begin: float, off: float, *, holds: bool) -> None:
    rows = [income_as_contribution(number, begin=begin, off=off) for number in range(3)]
    assert said(rows) == ("E_HEADER_AMBIGUOUS" if holds else "")


@pytest.mark.parametrize(("large", "of", "expected"), [(1, 2, ""), (2, 3, "W_LARGE_FLOWS"), (2, 4, ""), (3, 4, "W_LARGE_FLOWS")])
@pytest.mark.parametrize("flow", ["contributions", "distributions"])
def test_flows_beyond_the_values_beside_them_are_noticed_in_more_than_half_of_the_rows(
    flow: str, large: int, of: int, expected: str
) -> None:
    rows = [a_row(number, **{flow: 1000.01 if number < large else 1000.0}, ending_market_value=1000.0) for number in range(of)]
    assert said(rows, a_feed()) == expected


# scales


@pytest.mark.parametrize("field", ["vendor_twrr", "benchmark_return"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10.0, 10.0], ""),
        ([10.0001, -10.0001], "E_SCALE_AMBIGUOUS"),
        ([10.0001, 0.5], ""),
        ([10.0001, 10.0001, 0.5], "E_SCALE_AMBIGUOUS"),
        ([10.0001, 0.0, 0.0], "E_SCALE_AMBIGUOUS"),
        ([0.0, 0.0], ""),
    ],
)
def test_most_returns_of_more_than_a_thousand_percent_are_in_another_scale(field: str, values: list[float], expected: str) -> None:
    rows = [a_row(number, **{"vendor_twrr": None, "benchmark_return": None, field: value}) for number, value in enumerate(values)]
    types = dict.fromkeys(("vendor_twrr", "benchmark_return"), pl.Float64())
    frame = pl.DataFrame(rows, schema_overrides=types | dict.fromkeys(COMPONENTS, MONEY), strict=False)
    feed = a_feed({field: field}, plausibility={"scale": "warn"})
    assert [notice.code for notice in plausibility_notices(frame, feed, "acme_1.csv")] == (["W_SCALE"] if expected else [])


def scaled(times: float, of: int, among: int, *, earned: float = 0.01) -> str:
    """What is said where so many returns of some are so many times what the values earned."""
    figures = {"ending_market_value": 1000 * (1 + earned)}
    rows = [a_row(number, **figures, vendor_twrr=earned * (times if number < of else 1)) for number in range(among)]
    return said(rows, a_feed({"vendor_twrr": "vendor_twrr"}))


@pytest.mark.parametrize(
    ("of", "among", "refused"), [(1, 1, False), (2, 2, False), (3, 3, True), (3, 5, True), (3, 6, False), (4, 6, True)]
)
@pytest.mark.parametrize("times", [100.0, 8_500.0, 0.01, 0.0001])
def test_a_scale_is_inferred_by_most_returns_and_never_by_one_or_two(times: float, of: int, among: int, *, refused: bool) -> None:
    assert scaled(times, of, among, earned=0.00101) == ("E_SCALE_AMBIGUOUS" if refused else "")


@pytest.mark.parametrize(("times", "refused"), [(81, True), (79, False), (124, True), (126, False), (8_100, True), (7_900, False)])
def test_a_scale_is_one_from_four_fifths_to_five_fourths_of_it(times: float, *, refused: bool) -> None:
    assert scaled(times, 3, 3, earned=0.00101) == ("E_SCALE_AMBIGUOUS" if refused else "")
    assert scaled(-times, 3, 3, earned=0.00101) == ""


@pytest.mark.parametrize(("earned", "refused"), [(0.0011, True), (0.0009, False), (-0.0011, True), (-0.0009, False)])
def test_a_gain_of_a_tenth_of_a_percent_or_less_tells_no_scale(earned: float, *, refused: bool) -> None:
    assert scaled(100, 3, 3, earned=earned) == ("E_SCALE_AMBIGUOUS" if refused else "")


# one account, and a last row


@pytest.mark.parametrize(("conflicts", "accounts", "is_refused"), [(5, 1, True), (4, 1, False), (5, 2, False)])
def test_five_rows_that_contradict_each_other_on_one_account_mean_the_wrong_column(
    conflicts: int, accounts: int, *, is_refused: bool
) -> None:
    rows = [f"A{number % accounts},2024-06-28,{100 + number},0,0,101" for number in range(conflicts)]
    content = "\n".join(["id,day,bmv,in,out,emv", *rows]) + "\n"
    if is_refused:
        assert refusal(content).code == "E_HEADER_AMBIGUOUS"
    else:
        assert set(validated(content).quarantined["code"]) == {"E_KEY_CONFLICT"}


def test_rows_of_one_account_are_no_wrong_column_where_another_row_is_good() -> None:
    feed = a_feed()
    conflicting = pl.DataFrame(
        {"account_id": ["A"] * 5, "as_of_date": [1, 2, 3, 4, 5]}
        | {name: [1] * 5 for name in ("beginning_market_value", "contributions", "distributions", "ending_market_value")}
    )
    refuse_one_account(conflicting, conflicting, feed, "acme_1.csv")
    with pytest.raises(DeliveryRejectedError, match="all rows are of the account 'A'"):
        refuse_one_account(conflicting.clear(), conflicting, feed, "acme_1.csv")


@pytest.mark.parametrize(("adjustment", "is_taken"), [("0", True), ("0.0001", False), ("-0.0001", False), ("0.01", False), ("", False)])
def test_only_the_exact_identity_confirms_a_last_cell_without_a_line_end(adjustment: str, *, is_taken: bool) -> None:
    names = ("income", "appreciation", "fees", "other_adjustments")
    header = "id,day,bmv,in,out,income,appreciation,fees,other_adjustments,emv"
    content = f"{header}\nA1,2024-06-28,100,0,0,0,1,0,{adjustment},101"
    feed = a_feed({name: name for name in names})
    if is_taken:
        assert validated(content, feed).accepted.height == 1
    else:
        assert "nothing confirms its last cell" in refusal(content, feed).sentence


@pytest.mark.parametrize(("others", "is_taken"), [(("", ""), True), (("", "0.01"), False), (("0.01", "0.01"), False)])
def test_a_last_cell_is_blank_and_whole_only_where_all_others_are_blank(others: tuple[str, str], *, is_taken: bool) -> None:
    rows = "\n".join(f"A{number},2024-06-28,100,0,0,101,{cell}" for number, cell in enumerate((*others, "")))
    content, feed = f"{HEADER},twrr\n{rows}", a_feed({"vendor_twrr": "twrr"})
    if is_taken:
        assert validated(content, feed).accepted.height == 3
    else:
        assert refusal(content, feed).code == "E_TORN"


@pytest.mark.parametrize(("last", "is_taken"), [("101.50 EUR", True), ("101.50", False), ("101.50 EU", False)])
def test_a_last_cell_is_whole_with_what_stands_behind_the_others(last: str, *, is_taken: bool) -> None:
    content = f"{HEADER}\nA1,2024-06-28,100,0,0,101.50 EUR\nA2,2024-06-28,100,0,0,101.40 EUR\nB1,2024-06-28,100,0,0,{last}"
    feed = a_feed(numbers={"currency_signs": ["EUR"], "trailing_minus": False}, currency="EUR")
    if is_taken:
        assert validated(content, feed).accepted.height == 3
    else:
        assert refusal(content, feed).code == "E_TORN"
