"""Which lines below the rows announce a count or a sum, on three small tables."""

from typing import Any

import polars as pl
import pytest

from advisory_perf.feed_detection.control_totals import Announcements
from advisory_perf.feed_detection.findings import KeyFinding, Status
from advisory_perf.feed_detection.structure import FILE
from advisory_perf.feeds.sources import Numbers, Source
from advisory_perf.ingestion.raw_frame import LINE_NUMBER, MISFIT, cell

AMOUNTS = {name: Source.model_validate({"from": column}) for name, column in (("contributions", "in"), ("ending_market_value", "emv"))}


def a_table(rows: list[tuple[str | None, str, str, str]], *, line: int = 2, file: str = "a.csv") -> pl.DataFrame:
    """Lines of a misfit's text, or of an identifier and two amounts."""
    columns = (MISFIT, cell("id"), cell("in"), cell("emv"))
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String()), orient="row").with_columns(
        pl.lit(file).alias(FILE), pl.int_range(line, line + pl.len(), dtype=pl.Int64()).alias(LINE_NUMBER)
    )


def rows_of(height: int, **changed: str) -> pl.DataFrame:
    rows: list[tuple[str | None, str, str, str]] = [
        (None, f"A{number}", f"{number + 1}.25", f"{100 + number}.5") for number in range(height)
    ]
    if changed:
        rows[-1] = (None, changed.get("id", "A"), changed.get("flow", "1"), changed.get("emv", "1"))
    return a_table(rows)


def found(rows: pl.DataFrame, *lines: str, footer: KeyFinding | None = None, wide: tuple[str, str, str] | None = None) -> list[KeyFinding]:
    below: list[tuple[str | None, str, str, str]] = [(line, "", "", "") for line in lines]
    if wide is not None:
        below.append((None, *wide))
    footers = a_table(below, line=rows.height + 2) if below else a_table([("x", "", "", "")]).clear()
    return Announcements(rows, footers, AMOUNTS, Numbers(), ",").findings(footer)


def controls(rows: pl.DataFrame, *lines: str) -> Any:
    return next((one.value for one in found(rows, *lines) if one.key == "controls"), None)


@pytest.mark.parametrize(("height", "is_inferred"), [(3, True), (2, False), (1, False)])
def test_a_count_is_distinguished_from_three_rows_on(height: int, *, is_inferred: bool) -> None:
    assert controls(rows_of(height), f"TRAILER {height}") == ({"count": r"^TRAILER (\d+)$"} if is_inferred else None)


@pytest.mark.parametrize(("below", "is_inferred"), [(19, True), (20, False)])
def test_a_vendor_announces_in_the_last_twenty_lines(below: int, *, is_inferred: bool) -> None:
    remarks = [f"remark {'x' * (number + 1)}" for number in range(below)]
    assert (controls(rows_of(4), "TRAILER 4", *remarks) is not None) is is_inferred


@pytest.mark.parametrize(("others", "is_inferred"), [(11, True), (12, False)])
def test_a_line_of_more_than_twelve_numbers_announces_nothing(others: int, *, is_inferred: bool) -> None:
    assert (controls(rows_of(4), "TRAILER 4 " + "77 " * others) is not None) is is_inferred


def test_a_pattern_that_a_row_or_a_second_line_fits_announces_nothing() -> None:
    assert controls(rows_of(4), "4", "4") is None
    assert controls(rows_of(4), "T 4", "T 5") is None
    assert controls(rows_of(4), "T 4", "U 5") == {"count": r"^T (\d+)$"}
    like_a_row = a_table([(None, "A1", "1.5", "2.5"), (None, "A2", "1.5", "2.5"), (None, "A4", "1.5", "2.5"), (None, "A5", "1.5", "2.5")])
    assert controls(like_a_row, "A4,1.5,2.5") is None


def test_a_sum_is_inferred_of_the_one_column_that_has_it() -> None:
    rows = rows_of(4)
    assert controls(rows, "sum 408.0") == {"totals": {"ending_market_value": r"^sum (-?\d[\d.']*)$"}}
    assert controls(rows, "sum 11.00") == {"totals": {"contributions": r"^sum (-?\d[\d.']*)$"}}
    twins = a_table([(None, f"A{number}", "1.5", "1.5") for number in range(4)])
    assert controls(twins, "sum 6.0") is None, "either column may be meant"
    zeros = a_table([(None, f"A{number}", "0", "1.5") for number in range(4)])
    assert controls(zeros, "sum 0.00") is None, "a sum of nothing is no announcement"


def test_a_column_with_a_cell_that_is_no_amount_has_no_sum() -> None:
    rows = rows_of(4, id="A9", flow="4", emv="n.m.")
    assert controls(rows, "sum 304.5") is None
    assert controls(rows, "sum 10.75") == {"totals": {"contributions": r"^sum (-?\d[\d.']*)$"}}
    blank = rows_of(4, id="A9", flow="4", emv="")
    assert controls(blank, "sum 304.5") == {"totals": {"ending_market_value": r"^sum (-?\d[\d.']*)$"}}, "a blank is zero"


@pytest.mark.parametrize(
    ("wide", "is_total"),
    [
        (("Total", "11.00", "408.0"), True),
        (("Total", "", "408.0"), False),
        (("Total", "11.01", "408.0"), False),
        (("Total", "11.00", "408.1"), False),
        (("Total", "n/a", "408.0"), False),
        (("Total", "", ""), False),
    ],
)
def test_a_row_of_totals_is_the_sum_of_two_columns_at_least_and_nothing_else_in_any(wide: tuple[str, str, str], *, is_total: bool) -> None:
    footer = KeyFinding("footer", Status.CONFIRMED, "", [{"column": "id", "starts_with": ["Total"]}])
    (inferred,) = [one for one in found(rows_of(4), footer=footer, wide=wide) if one.key == "footer"]
    assert inferred.value == [{"column": "id", "starts_with": ["Total"], **({"totals": True} if is_total else {})}]


def test_without_lines_below_nothing_is_announced() -> None:
    assert found(rows_of(4)) == []
