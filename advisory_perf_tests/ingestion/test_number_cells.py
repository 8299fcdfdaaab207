"""Formats with numbers of their own: a number keeps its value whatever notation the feed has, and a text is read by it."""

import io
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed_of, cells, codes, read, validated
from advisory_perf_tests.ingestion.workbook_files import a_book

pytestmark = pytest.mark.slow

GERMAN = {"decimal_mark": ",", "grouping": "."}
NAMES = [*HEADER.split(","), "fee", "name"]


def a_workbook(fees: Sequence[str | Decimal]) -> bytes:
    rows = [[f"A{number}", "2024-06-28", 1, 0, 0, 1, fee if isinstance(fee, str) else float(fee), 1.5] for number, fee in enumerate(fees)]
    return a_book(("Sheet1", [NAMES, *rows]))


def a_document(fees: Sequence[str | Decimal]) -> bytes:
    def row(number: int, fee: str | Decimal) -> str:
        printed = json.dumps(fee) if isinstance(fee, str) else f"{fee:f}"
        return f'{{"id": "A{number}", "day": "2024-06-28", "bmv": 1, "in": 0, "out": 0, "emv": 1.00, "fee": {printed}, "name": 1.5}}'

    return f"[{','.join(row(number, fee) for number, fee in enumerate(fees))}]".encode()


def a_feed_for(file_format: str, numbers: dict[str, Any], **changes: Any) -> PositionsFeed:
    data = a_feed_of(file_format, {"fees": "fee", "account_name": "name"}).model_dump(by_alias=True, exclude_unset=True)
    return PositionsFeed.model_validate({**data, "numbers": numbers, **changes})


def german(amount: Decimal) -> str:
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


@pytest.mark.parametrize(("amount", "is_sure"), [("70368744177663", True), ("70368744177664", False)])
@pytest.mark.parametrize(("file_format", "made"), [("excel", a_workbook), ("json", a_document)])
def test_a_whole_amount_is_doubted_where_a_number_cell_keeps_no_cent(
    file_format: str, made: Callable[..., bytes], amount: str, *, is_sure: bool
) -> None:
    result = validated(made([Decimal(amount)]), a_feed_for(file_format, {}))
    is_exact = is_sure or file_format == "json"
    assert result.accepted["fees"].to_list() == ([Decimal(amount)] if is_exact else [])
    assert set(codes(result).values()) == (set() if is_exact else {"E_PRECISION"})


figures = st.integers(-(10**9), 10**9).flatmap(
    lambda units: st.sampled_from([0, 1, 2, 3]).map(lambda digits: Decimal(units).scaleb(-digits))
)


@pytest.mark.parametrize(("file_format", "made"), [("excel", a_workbook), ("json", a_document)])
@pytest.mark.parametrize("numbers", [GERMAN, {"decimal_mark": ","}, {"decimal_mark": ",", "grouping": " "}, {"decimal_mark": "auto"}])
@accepts_at_least(0.15)
@settings(derandomize=True, max_examples=15, deadline=None)
@given(rows=st.lists(st.tuples(figures, st.booleans()), min_size=1, max_size=12))
def test_numbers_keep_their_value_and_texts_are_read_by_the_notation_or_refused(
    file_format: str, made: Callable[..., bytes], numbers: dict[str, Any], rows: list[tuple[Decimal, bool]]
) -> None:
    rows = [(round(amount, 2) if is_text else amount, is_text) for amount, is_text in rows]
    content = made([german(amount) if is_text else amount for amount, is_text in rows])
    try:
        result, codes_of_file = validated(content, a_feed_for(file_format, numbers)), set[str]()
    except DeliveryRejectedError as refusal:
        result = None
        codes_of_file = {refusal.code}
    assert codes_of_file <= {"E_NUMBER_AMBIGUOUS"}
    counted("amounts", 0 if result is None else result.accepted.height, len(rows))
    if result is None:
        return
    found = dict(result.accepted.select("account_id", "fees").rows())
    assert all(found.get(f"A{place}", amount) == amount for place, (amount, _) in enumerate(rows))
    assert set(codes(result).values()) <= {"E_NUMBER", "E_NUMBER_AMBIGUOUS"}
    if numbers == GERMAN:
        assert len(found) == len(rows)
    if numbers["decimal_mark"] == ",":
        assert all(f"A{place}" in found for place, (_, is_text) in enumerate(rows) if not is_text)


@pytest.mark.parametrize(("file_format", "made"), [("excel", a_workbook), ("json", a_document)])
def test_a_text_and_a_number_of_the_same_characters_are_two_amounts(file_format: str, made: Callable[..., bytes]) -> None:
    result = validated(made(["1.234", Decimal("1.234"), "1.000.000", "1.000.000,-", "1234,5"]), a_feed_for(file_format, GERMAN))
    amounts = [Decimal(1234), Decimal("1.234"), Decimal(1_000_000), Decimal(1_000_000), Decimal("1234.5")]
    assert result.accepted["fees"].to_list() == amounts
    assert result.accepted["account_name"].to_list() == ["1.5"] * 5, "what is no amount stays as it is"
    assert result.quarantined.is_empty()


def test_columns_of_a_parquet_file_are_texts_or_numbers_as_a_whole() -> None:
    content = io.BytesIO()
    usual = {"id": ["A1", "A2"], "day": ["2024-06-28"] * 2, "bmv": ["1.234", "1.000,5"], "in": [0, 0], "out": [0.0, 0.0]}
    fees = pl.Series([Decimal("1.234"), None], dtype=pl.Decimal(10, 3))
    pl.DataFrame({**usual, "emv": [12.345, 2.5], "fee": fees, "name": [1.5, 2.5]}).write_parquet(content)
    position = validated(content.getvalue(), a_feed_for("parquet", GERMAN)).accepted
    assert position["beginning_market_value"].to_list() == [Decimal(1234), Decimal("1000.5")]
    assert position["ending_market_value"].to_list() == [Decimal("12.345"), Decimal("2.5")]
    assert position["fees"].to_list() == [Decimal("1.234"), None]
    assert position["account_name"].to_list() == ["1.5", "2.5"]


def test_a_figure_beside_the_rows_of_a_document_may_be_a_number_or_a_text() -> None:
    row = '{"id": "A1", "day": "2024-06-28", "bmv": 1, "in": 0, "out": 0, "emv": 1234.5, "fee": 0, "name": "n"}'
    files = {"patterns": ["acme_*"], "format": "json", "json": {"rows_at": "rows"}}
    files |= {"stated": {"sum": {"in": "document", "at": "sum"}}}
    feed = a_feed_for("json", GERMAN, files=files, controls={"totals": {"ending_market_value": "sum"}})
    for printed in ("1234.5", '"1.234,5"', "1.234500e3"):
        assert validated(f'{{"sum": {printed}, "rows": [{row}]}}'.encode(), feed).notices == ()


def test_numbers_in_columns_that_are_periods_are_numbers_too() -> None:
    files = {"unpivot": {"header": r"(?P<column>bmv|emv) (?P<day>\d{4}-\d\d-\d\d)", "values": ["bmv", "emv"]}}
    feed = a_feed_of("excel", {"contributions": {"from": "in"}}, **files)
    feed = PositionsFeed.model_validate({**feed.model_dump(by_alias=True, exclude_unset=True), "numbers": GERMAN})
    content = a_book(("Sheet1", [["id", "in", "out", "bmv 2024-06-28", "emv 2024-06-28"], ["A1", 0, 0, "1.234", 1.234]]))
    assert (cells(read(content, feed), "bmv"), cells(read(content, feed), "emv")) == (["1.234"], ["1,234"])
