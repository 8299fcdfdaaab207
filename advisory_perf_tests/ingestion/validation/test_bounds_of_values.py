"""Bounds of jumps, subtotals, announced sums and half units: what lies just within, and what lies just beyond."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.columns import MONEY
from advisory_perf.ingestion.validation.positions.jumps import without_jumps
from advisory_perf.ingestion.validation.positions.subtotals import subtotals
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, notices, refusal, validated

pytestmark = pytest.mark.table

FIRST = date(2024, 3, 29)
MONEY_COLUMNS = ("beginning_market_value", "contributions", "distributions", "ending_market_value")


def jumping(*rows: tuple[int, str, str, str, str], cadence: str = "daily", **plausibility: Any) -> list[int]:
    """The places of rows that jump, each of its day's number and its four amounts."""
    amounts = {name: pl.Series([Decimal(row[place]) for row in rows], dtype=MONEY) for place, name in enumerate(MONEY_COLUMNS, start=1)}
    days = [FIRST + timedelta(days=row[0]) for row in rows]
    frame = pl.DataFrame({"account_id": ["A1"] * len(rows), "as_of_date": days, "line_number": range(len(rows))} | amounts)
    screened = without_jumps(frame, a_feed(cadence=cadence, plausibility=plausibility), "acme_1.csv")
    assert screened.good.height + screened.refused.height == len(rows)
    return screened.refused["line_number"].to_list()


@pytest.mark.parametrize(
    ("begin", "end", "is_jump"),
    [
        ("1000", "500000", True),
        ("1000", "499999", False),
        ("1000", "2000000", True),
        ("1000", "2000001", False),
        ("1000", "500000000", True),
        ("1000", "499999999", False),
        ("1000", "2000000000", True),
        ("1000", "2000000001", False),
        ("500000", "1000", True),
        ("499999", "1000", False),
        ("2000000", "1000", True),
        ("2000001", "1000", False),
        ("500000000", "1000", True),
        ("499999999", "1000", False),
        ("2000000001", "1000", False),
        ("100", "100000", True),
        ("99.99", "99990", False),
        ("100", "0.1", True),
        ("99.99", "0.1", False),
    ],
)
def test_a_jump_within_a_row_is_from_half_to_twice_the_factor_or_its_square_and_of_a_hundred_or_more(
    begin: str, end: str, *, is_jump: bool
) -> None:
    assert jumping((0, begin, "0", "0", end)) == ([0] if is_jump else [])
    assert jumping((0, f"-{begin}", "0", "0", f"-{end}")) == ([0] if is_jump else [])


@pytest.mark.parametrize(
    ("before", "begin", "is_jump"),
    [
        ("1000", "500000", True),
        ("1000", "499999", False),
        ("1000", "2000000", True),
        ("1000", "2000001", False),
        ("1000", "500000000", True),
        ("1000", "499999999", False),
        ("500000", "1000", True),
        ("499999", "1000", False),
        ("2000001", "1000", False),
        ("100", "100000", True),
        ("99.99", "99990", False),
        ("100", "0.1", True),
        ("99.99", "0.1", False),
    ],
)
def test_a_jump_between_rows_is_bounded_in_the_same_way(before: str, begin: str, *, is_jump: bool) -> None:
    assert jumping((0, before, "0", "0", before), (1, begin, "0", "0", begin)) == ([1] if is_jump else [])


@pytest.mark.parametrize(
    ("cadence", "days", "is_jump"), [("daily", 10, True), ("daily", 11, False), ("monthly", 45, True), ("monthly", 46, False)]
)
def test_a_jump_is_reported_over_so_many_days_and_no_more(cadence: str, days: int, *, is_jump: bool) -> None:
    assert jumping((0, "1000", "0", "0", "1000"), (days, "1000000", "0", "0", "1000000"), cadence=cadence) == ([1] if is_jump else [])


@pytest.mark.parametrize("flow", [1, 2])
def test_a_flow_explains_a_jump_on_its_own_side_only(flow: int) -> None:
    inflow, outflow = ("999000", "0") if flow == 1 else ("0", "999000")
    assert jumping((0, "1000", inflow, outflow, "1000000")) == ([] if flow == 1 else [0])
    assert jumping((0, "1000000", inflow, outflow, "1000")) == ([] if flow == 2 else [0])


@pytest.mark.parametrize(("outflow", "begin", "is_jump"), [("99900", "0.1", True), ("99950", "0.05", False)])
def test_what_an_outflow_may_have_left_is_a_hundred_or_more_where_the_rest_jumps(outflow: str, begin: str, *, is_jump: bool) -> None:
    assert jumping((0, "100000", "0", "0", "100000"), (1, begin, "0", outflow, begin)) == ([1] if is_jump else [])


# subtotals


def summing(*rows: tuple[str, str], names: tuple[str, ...] = (), portfolios: tuple[str | None, ...] = ()) -> list[int]:
    """The places of the rows that sum others, each of its beginning and ending value, on one day without flows."""
    accounts = [names[place] if place < len(names) else f"A{place}" for place in range(len(rows))]
    frame = pl.DataFrame(
        {"account_id": accounts, "as_of_date": [FIRST] * len(rows)}
        | {
            "beginning_market_value": pl.Series([Decimal(begin) for begin, _ in rows], dtype=MONEY),
            "ending_market_value": pl.Series([Decimal(end) for _, end in rows], dtype=MONEY),
        }
        | {name: pl.Series([Decimal(0)] * len(rows), dtype=MONEY) for name in ("contributions", "distributions")}
        | ({"portfolio_id": pl.Series(portfolios, dtype=pl.String())} if portfolios else {})
    )
    return subtotals(frame).arg_true().to_list()


@pytest.mark.parametrize(("portfolio", "found"), [("P1", [2]), (None, [])])
def test_rows_without_a_portfolio_are_none_together(portfolio: str | None, found: list[int]) -> None:
    rows = [("1000", "500"), ("77", "88"), ("1234", "5678"), ("234", "5178"), ("99", "66")]
    assert summing(*rows, portfolios=(portfolio, "P2", portfolio, portfolio, "P2")) == found


@pytest.mark.parametrize(("begins", "ends", "is_one"), [("1234", "5678", True), ("1234", "567", False), ("1234", "5670", False)])
def test_a_sum_from_the_beginning_on_shows_eight_digits_or_more(begins: str, ends: str, *, is_one: bool) -> None:
    rows = [("1000", "500"), (str(int(begins) - 1000), str(int(ends) - 500)), (begins, ends), ("9", "7")]
    assert summing(*rows) == ([2] if is_one else [])
    assert summing(*rows[:3]) == ([2] if is_one else [])
    assert summing(*rows[:3], names=("A", "B", "Total")) == [2]


@pytest.mark.parametrize(("begins", "ends", "is_one"), [("12345678", "87654321", True), ("12345678", "8765432", False)])
def test_a_sum_that_begins_where_nothing_says_so_shows_sixteen_digits_or_more(begins: str, ends: str, *, is_one: bool) -> None:
    rows = [("31", "37"), ("10000", "5000"), (str(int(begins) - 10000), str(int(ends) - 5000)), (begins, ends), ("9", "7")]
    assert summing(*rows) == ([3] if is_one else [])


def test_one_row_is_summed_only_by_what_is_called_a_total() -> None:
    twins = (("12345.67", "23456.78"), ("12345.67", "23456.78"))
    assert summing(*twins) == []
    assert summing(*twins, names=("A", "Total")) == [1]
    assert summing(*twins, ("5", "7"), names=("A", "Total")) == [1]
    assert summing(("12345.67", "23456.78"), ("1", "1"), ("12346.67", "23457.78")) == [2]


@pytest.mark.parametrize(("others", "called", "found"), [(1, True, [1]), (1, False, []), (2, True, [2]), (2, False, [2])])
def test_a_row_that_is_half_of_its_day_is_a_sum_by_its_name_or_of_two_others(others: int, *, called: bool, found: list[int]) -> None:
    """As the first row of its day too, where nothing stands above it."""
    rows = [(f"{1000 + place}.37", f"{2000 + place}.41") for place in range(others)]
    total = (str(sum(Decimal(begin) for begin, _ in rows)), str(sum(Decimal(end) for _, end in rows)))
    names = tuple(f"A{place}" for place in range(others))
    assert summing(*rows, total, names=(*names, "Total" if called else "B1")) == found
    assert summing(total, *rows, names=("Total" if called else "B1", *names)) == [0] * len(found)


def test_subtotals_of_subtotals_are_found_four_levels_deep() -> None:
    def tree(level: int, first: int) -> list[tuple[int, int]]:
        """Rows of two halves and their sum, in units of a ten-thousandth; the sum is the last."""
        if level == 0:
            return [(1_234_567 + 91_193 * first, 7_654_321 + 71_777 * first * first)]
        halves = tree(level - 1, 2 * first), tree(level - 1, 2 * first + 1)
        return [*halves[0], *halves[1], (halves[0][-1][0] + halves[1][-1][0], halves[0][-1][1] + halves[1][-1][1])]

    rows = tree(4, 1)
    found = summing(*((str(Decimal(begin).scaleb(-4)), str(Decimal(end).scaleb(-4))) for begin, end in rows))
    assert len(rows) - len(found) == 16


# announced sums


@pytest.mark.parametrize("announced", ["1", "100", "-", "x"])
def test_a_file_that_announces_no_sum_where_the_feed_has_one_was_cut(announced: str) -> None:
    totals = {"totals": {"ending_market_value": r"^SUM,([0-9.]+)"}}
    content = f"{HEADER}\nA1,2024-06-28,100,0,0,101.50\n"
    refused = refusal(content + f"CHECK,{announced}\n", a_feed(controls=totals, footer=[{"column": "id", "starts_with": ["CHECK"]}]))
    assert (refused.code, "no line announces the sum of ending_market_value" in refused.sentence) == ("E_CONTROL_TOTAL", True)
    assert validated(content + "SUM,101.50\n", a_feed(controls=totals)).notices == ()


@pytest.mark.parametrize("printed", ["two", "2.5", "?"])
def test_a_count_that_is_announced_and_cannot_be_read_is_a_difference(printed: str) -> None:
    feed = a_feed(controls={"count": r"^Rows: ([^,]+)", "on_difference": "warn"})
    result = validated(f"{HEADER}\nA1,2024-06-28,100,0,0,101.50\nRows: {printed}\n", feed)
    assert notices(result) == ["W_CONTROL_COUNT"]
    assert f"the vendor announces {printed} rows, and the file holds 1" in result.notices[0].sentence


@pytest.mark.parametrize(("scale", "announced", "is_right"), [(1000, "0.10151", True), (1000, "0.1016", False), (1, "101.51", True)])
def test_an_announced_sum_is_of_the_scale_of_its_column(scale: int, announced: str, *, is_right: bool) -> None:
    feed = a_feed(
        {"ending_market_value": {"from": "emv", "scale": scale}},
        controls={"totals": {"ending_market_value": r"^SUM,([0-9.]+)"}, "on_difference": "warn"},
    )
    value = "0.1015" if scale == 1000 else "101.50"
    result = validated(f"{HEADER}\nA1,2024-06-28,100,0,0,{value}\nSUM,{announced}\n", feed)
    assert result.accepted["ending_market_value"].to_list() == [Decimal("101.5")]
    assert notices(result) == ([] if is_right else ["W_CONTROL_TOTAL"])


# half units


def half_units(column: dict[str, Any], *cells: str, **changes: Any) -> tuple[Any, Any]:
    """Half a unit of the money and of the return that a column of these cells prints."""
    feed = a_feed(column, plausibility={"scale": "warn", "identity": "warn"}, **changes)
    name = "emv" if "ending_market_value" in column else "twr"
    rows = [f"A{number},2024-06-28,1,0,0,{f'{cell}' if name == 'emv' else f'1,{cell}'}" for number, cell in enumerate(cells)]
    result = validated("\n".join([HEADER if name == "emv" else f"{HEADER},twr", *rows]) + "\n", feed)
    return result.accepted["vendor_value_half_unit"][0], result.accepted["vendor_twrr_half_unit"][0]


@pytest.mark.parametrize(
    ("scale", "cells", "half"),
    [
        ("fraction", ["1.25%"], 0.00005),
        ("percent", ["1.25%"], 0.00005),
        ("percent", ["1.25"], 0.00005),
        ("percent", ["1.5%", "1.25"], 0.00005),
        ("percent", ["1.5%", "(2.5%)"], 0.0005),
        ("fraction", ["0.0125"], 0.00005),
        ("fraction", ["0.0125", "1.25%"], 0.00005),
        ("fraction", ["0.0125", "1.255%"], 0.000005),
        ("basis_points", ["125.5"], 0.000005),
    ],
)
def test_half_a_unit_of_a_return_is_that_of_its_own_scale(scale: str, cells: list[str], half: float) -> None:
    assert half_units({"vendor_twrr": {"from": "twr", "scale": scale}}, *cells)[1] == pytest.approx(half, rel=1e-12)


@pytest.mark.parametrize(
    ("scale", "cells", "half"),
    [
        (1, ["5"], "0.5"),
        (1, ["5.0"], "0.5"),
        (1, ["(5.0)"], "0.5"),
        (1, ["5.0-", "7"], "0.5"),
        (1, ["(5.00)"], "0.005"),
        (1000, ["5"], "500"),
        (1000, ["5.1"], "50"),
        (1000, ["5.125"], "0.5"),
        (1_000_000, ["5.1"], "50000"),
        ("0.01", ["5"], "0.005"),
        ("0.01", ["5.5"], "0.0005"),
    ],
)
def test_half_a_unit_of_money_is_that_of_its_scale(scale: int | str, cells: list[str], half: str) -> None:
    assert half_units({"ending_market_value": {"from": "emv", "scale": scale}}, *cells)[0] == Decimal(half)


@pytest.mark.parametrize(("scale", "round_to", "half"), [(1, 2, "0.005"), (1, 0, "0.5"), (1000, 2, "0.005"), (1000, 1, "0.05")])
def test_half_a_unit_of_rounded_money_is_that_of_its_rounding(scale: int, round_to: int, half: str) -> None:
    rows = '[{"id": "A1", "day": "2024-06-28", "bmv": 1, "in": 0, "out": 0, "emv": 1.23456789}]'
    column = {"ending_market_value": {"from": "emv", "scale": scale}}
    feed = a_feed(column, files={"patterns": ["acme_*"], "format": "json"}, numbers={"round_to": round_to})
    assert validated(rows, feed).accepted["vendor_value_half_unit"].to_list() == [Decimal(half)]


@pytest.mark.parametrize(
    ("number", "half"), [("1234567890123.25", "0.005"), ("-1234567890123.25", "0.05"), ("-123456789012.25", "0.005"), ("12.25", "0.005")]
)
def test_half_a_unit_is_not_inferred_by_a_number_of_more_than_fifteen_digits_and_a_point(number: str, half: str) -> None:
    rows = ",".join(
        f'{{"id": "A{place}", "day": "2024-06-28", "bmv": 1, "in": 0, "out": 0, "emv": {emv}}}' for place, emv in enumerate(("1.5", number))
    )
    feed = a_feed(files={"patterns": ["acme_*"], "format": "json"}, numbers={"binary_floats": "15_digits"}, plausibility={"jump": "warn"})
    assert validated(f"[{rows}]", feed).accepted["vendor_value_half_unit"].to_list() == [Decimal(half)] * 2


@pytest.mark.parametrize(("twins", "more"), [(3, ""), (4, " and 1 more"), (5, " and 2 more")])
def test_three_accounts_of_two_cases_are_named_and_the_others_counted(twins: int, more: str) -> None:
    rows = [f"{name}{number},2024-06-28,100,0,0,101" for number in range(twins) for name in ("AB", "ab")]
    (notice,) = validated("\n".join([HEADER, *rows]) + "\n").notices
    assert notice.sentence.count(" and 'ab") == min(twins, 3)
    assert f"{more} differ by case only" in notice.sentence


@pytest.mark.parametrize(("totals", "more"), [(3, ""), (4, " and 1 more")])
def test_three_subtotals_are_named_and_the_others_counted(totals: int, more: str) -> None:
    rows = []
    for number in range(totals):
        pair = [(f"{1000 + 7 * number}.37", f"{2000 + 11 * number}.41"), (f"{3000 + 13 * number}.53", f"{4000 + 17 * number}.59")]
        sums = [sum(Decimal(each[side]) for each in pair) for side in (0, 1)]
        day = FIRST + timedelta(days=number)
        rows += [f"A{place},{day},{begin},0,0,{end}" for place, (begin, end) in enumerate([*pair, sums])]
    result = validated("\n".join([HEADER, *rows]) + "\n", a_feed(plausibility={"subtotals": "warn", "jump": "warn"}))
    (sentence,) = [notice.sentence for notice in result.notices if notice.code == "W_SUBTOTAL"]
    assert sentence.count("line ") == 3
    assert f"){more}: exactly the sum" in sentence


@pytest.mark.parametrize(
    ("scale", "text", "amount"),
    [
        (1000, "\u00a35", "5000"),
        ("0.01", "5p", "0.05"),
        ("0.01", "\u00a35", "0.05"),
        (1000, "5p", None),
        (1, "\u00a35", "5"),
        (1, "5p", None),
    ],
)
def test_a_mark_stands_beside_amounts_in_its_own_unit_or_thousands_of_it(scale: int | str, text: str, amount: str | None) -> None:
    feed = a_feed({"fees": {"from": "fee", "scale": scale}}, numbers={"currency_signs": ["p", "\u00a3"]}, currency="GBP")
    result = validated(f"{HEADER},fee\nA1,2024-06-28,100,0,0,101,{text}\n", feed)
    if amount is None:
        assert result.quarantined["code"].to_list() == ["E_CURRENCY"]
    else:
        assert result.accepted["fees"].to_list() == [Decimal(amount)]


@pytest.mark.parametrize(
    ("scale", "currency", "text", "amount"), [(1000, "GBX", "5p", "50"), (1000, "GBP", "\u00a35", "5000"), (1, "GBX", "\u00a35", None)]
)
def test_a_mark_of_a_minor_unit_stands_beside_thousands_of_it_too(scale: int, currency: str, text: str, amount: str | None) -> None:
    columns = {"fees": {"from": "fee", "scale": scale}, "currency": "ccy"}
    feed = a_feed(columns, currency=None, minor_units="accept", numbers={"currency_signs": ["p", "\u00a3"]})
    result = validated(f"{HEADER},fee,ccy\nA1,2024-06-28,100,0,0,101,{text},{currency}\n", feed)
    if amount is None:
        assert result.quarantined["code"].to_list() == ["E_CURRENCY"]
    else:
        assert result.accepted["fees"].to_list() == [Decimal(amount)]


def test_a_total_of_a_portfolio_of_one_account_is_one_by_its_name_wherever_it_stands() -> None:
    amounts = {"beginning_market_value": ["12345.67", "7.1", "12345.67"], "ending_market_value": ["23456.78", "8.2", "23456.78"]}
    amounts |= {"contributions": ["0", "0", "0"], "distributions": ["0", "0", "0"]}
    columns = {name: pl.Series([Decimal(text) for text in texts], dtype=MONEY) for name, texts in amounts.items()}
    for name, found in (("Total P1", [2]), ("A3", [])):
        frame = pl.DataFrame({"account_id": ["A1", "A2", name], "as_of_date": [FIRST] * 3, "portfolio_id": ["P1", "P2", "P1"]} | columns)
        assert subtotals(frame).arg_true().to_list() == found
