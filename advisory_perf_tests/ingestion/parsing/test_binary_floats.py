"""An amount that was stored as a binary float is the amount that was meant, to the last digit, or its row is quarantined."""

import io
import json
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
import xlsxwriter
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from advisory_perf.feed_detection.values import money, notation
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.raw_frame import cell
from advisory_perf_tests.ingestion.scenarios import a_feed, codes, notices, validated
from advisory_perf_tests.ingestion.workbook_files import binary_workbook, old_workbook

pytestmark = pytest.mark.slow

NAMES = ["id", "day", "bmv", "in", "out", "emv", "fee"]


def a_feed_of(file_format: str, columns: dict[str, Any] | None = None, **numbers: Any) -> PositionsFeed:
    return a_feed({"fees": "fee", **(columns or {})}, files={"patterns": ["acme_*"], "format": file_format}, numbers=numbers)


def rows_of(values: list[Any]) -> list[list[Any]]:
    return [[f"A{number}", "2024-06-28", "100", "0", "0", "100", value] for number, value in enumerate(values)]


def xlsx(values: list[float]) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([NAMES, *rows_of([repr(value) for value in values])]):
            for column, text in enumerate(row):
                sheet.write_string(number, column, text)
        # Seventeen digits, as Excel writes them; the writer of its own accord prints sixteen.
        for number, value in enumerate(values, start=1):
            sheet.write_number(number, 6, _Exact(value))
    return content.getvalue()


class _Exact(float):
    def __format__(self, spec: str) -> str:
        return repr(float(self))


def in_grid(writer: Callable[..., bytes]) -> Callable[[list[float]], bytes]:
    return lambda values: writer([NAMES, *rows_of(values)])


def parquet(values: list[float], dtype: pa.DataType | None = None) -> bytes:
    columns = list(zip(*rows_of(values), strict=True))
    table = pa.table({name: pa.array(column, dtype if name == "fee" else None) for name, column in zip(NAMES, columns, strict=True)})
    content = io.BytesIO()
    arrow_parquet.write_table(table, content)
    return content.getvalue()


def parquet_of_32_bits(values: list[float]) -> bytes:
    return parquet(values, pa.float32())


def as_json(values: list[float]) -> bytes:
    return json.dumps([dict(zip(NAMES, row, strict=True)) for row in rows_of(values)]).encode()


def as_csv(values: list[float]) -> bytes:
    return "\n".join(",".join(row) for row in [NAMES, *rows_of(list(map(repr, values)))]).encode() + b"\n"


FORMATS: dict[str, tuple[Callable[[list[float]], bytes], PositionsFeed]] = {
    "xlsx": (xlsx, a_feed_of("excel")),
    "xls": (in_grid(old_workbook), a_feed_of("excel")),
    "xlsb": (in_grid(binary_workbook), a_feed_of("excel")),
    "parquet": (parquet, a_feed_of("parquet", binary_floats="15_digits")),
    "json": (as_json, a_feed_of("json", binary_floats="15_digits")),
    "csv": (as_csv, a_feed_of("csv", binary_floats="15_digits")),
}
WITHOUT_A_WORD = {
    "parquet": (parquet, a_feed_of("parquet")),
    "parquet of 32 bits": (parquet_of_32_bits, a_feed_of("parquet")),
}


def amounts(content: bytes, feed: PositionsFeed) -> list[Decimal | str]:
    """The fee of each row, or the code that its row is quarantined under, in the file's order."""
    result = validated(content, feed)
    first = 2 if feed.files.format in {"csv", "excel"} else 1
    ends: dict[int, Any] = {**dict(result.accepted.select("line_number", "fees").rows()), **codes(result)}
    return [ends[line] for line in range(first, first + len(ends))]


def digits_of(amount: Decimal) -> int:
    return len(amount.normalize().as_tuple().digits)


decimals = st.builds(lambda unit, scale: Decimal(unit).scaleb(-scale), st.integers(-(10**18), 10**18), st.integers(0, 4))
lengths = st.integers(1, 18).flatmap(lambda digits: st.integers(-(10**digits), 10**digits))
amounts_of_any_length = st.lists(
    st.builds(lambda unit, scale: Decimal(unit).scaleb(-scale), lengths, st.integers(0, 4)), min_size=1, max_size=30
)


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=8)
@given(meant=amounts_of_any_length)
@example(meant=list(map(Decimal, ["12345678901234.56", "1234567890123456.78", "500000000000000.01", "123456789012.3456", "0.3", "-0.01"])))
def test_a_decimal_in_a_float_is_that_decimal_or_no_amount(kind: str, meant: list[Decimal]) -> None:
    write, feed = FORMATS[kind]
    for amount, found in zip(meant, amounts(write([float(one) for one in meant]), feed), strict=True):
        if digits_of(amount) <= 15 and abs(amount) < 2**46:
            assert found == amount
        elif amount == round(amount, 2):
            assert found in (amount, "E_PRECISION", "E_NOT_FINITE")
        else:  # a fraction of a cent beyond 550 billion, which no float keeps
            assert isinstance(found, str) or abs(found - amount) < Decimal("0.005")


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=8)
@given(terms=st.lists(st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=8), min_size=1, max_size=20))
@example(terms=[[10, 20], [30, -10, -20], [5_000_000, 3, -3], [1, 1, 1]])
def test_a_sum_of_floats_is_the_sum_of_the_cents_or_no_amount(kind: str, terms: list[list[int]]) -> None:
    write, feed = FORMATS[kind]
    sums = [sum(cents / 100 for cents in row) for row in terms]
    for row, found in zip(terms, amounts(write(sums), feed), strict=True):
        assert found in (Decimal(sum(row)) / 100, "E_PRECISION")


@settings(max_examples=25)
@given(cents=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=30))
@example(cents=[1234567891, 30000001, 104000003, 10000, 131072_00, 99999_99])
def test_an_amount_in_a_float_of_32_bits_is_that_amount_or_none(cents: list[int]) -> None:
    write, feed = WITHOUT_A_WORD["parquet of 32 bits"]
    meant = [Decimal(one) / 100 for one in cents]
    for amount, found in zip(meant, amounts(write([float(one) for one in meant]), feed), strict=True):
        assert found in (amount, "E_PRECISION")
        assert found == amount or abs(amount) >= 100_000


@pytest.mark.parametrize("kind", ["parquet", "json", "csv"])
def test_noise_is_refused_until_the_feed_says_that_it_is_noise(kind: str) -> None:
    write, feed = FORMATS[kind]
    values = [50000.00000000001, 0.1 + 0.2, 0.3 - 0.2 - 0.1, 1 / 3, 1234567.8912345]
    silent = a_feed_of(kind)
    result = validated(write(values), silent)
    assert set(codes(result).values()) == {"E_PRECISION"}
    assert all("numbers: binary_floats: 15_digits" in reason for reason in result.quarantined["reason"])
    assert amounts(write(values), feed) == [Decimal(50000), Decimal("0.3"), Decimal(0), "E_PRECISION", "E_PRECISION"]


def test_workbooks_need_no_word_for_noise() -> None:
    values = [50000.00000000001, 0.1 + 0.2, 0.3 - 0.2 - 0.1, 1 / 3]
    for kind in ("xlsx", "xls", "xlsb"):
        write, feed = FORMATS[kind]
        assert amounts(write(values), feed) == [Decimal(50000), Decimal("0.3"), Decimal(0), "E_PRECISION"]


ROUNDED = {
    "xlsx": (xlsx, a_feed_of("excel", round_to=2)),
    "parquet": (parquet, a_feed_of("parquet", round_to=2)),
    "parquet of 32 bits": (parquet_of_32_bits, a_feed_of("parquet", round_to=2)),
    "json": (as_json, a_feed_of("json", round_to=2)),
}


@pytest.mark.parametrize("kind", ROUNDED)
def test_a_feed_may_have_amounts_rounded_and_a_notice_says_so(kind: str) -> None:
    write, feed = ROUNDED[kind]
    values = [12345678.91, 1 / 3, 0.125, 7.0, 1e12 + 0.5]
    expected = [Decimal(repr(value)).quantize(Decimal("0.01"), ROUND_HALF_EVEN) for value in values]
    if kind == "parquet of 32 bits":
        expected[0], expected[-1] = Decimal(12345679), Decimal(1000000000000)  # as such a float prints them
    assert amounts(write(values), feed) == expected
    assert "W_ROUNDED" in notices(validated(write(values), feed))
    assert "W_ROUNDED" not in notices(validated(write([1.25, 7.0]), feed))


def test_decimals_are_counted_in_the_amount_and_not_in_its_unit() -> None:
    feed = a_feed_of("json", {"fees": {"from": "fee", "scale": 1000}}, round_to=2)
    assert amounts(as_json([1.2345678, 0.5]), feed) == [Decimal("1234.57"), Decimal(500)]
    pence = a_feed_of("json", {"fees": {"from": "fee", "scale": "0.01"}}, round_to=1)
    assert amounts(as_json([123.0, 12.0]), pence) == [Decimal("1.2"), Decimal("0.1")]


@pytest.mark.parametrize("text", ["9" * 500, "1e400", "1e-400", "0." + "3" * 500, "\u224812", "9" * 18 + ".5", "-" + "9" * 19])
@pytest.mark.parametrize("numbers", [{"round_to": 2}, {"binary_floats": "15_digits"}, {"round_to": 2, "binary_floats": "15_digits"}])
def test_a_number_of_any_length_is_an_amount_or_quarantined(text: str, numbers: dict[str, Any]) -> None:
    (found,) = amounts(json.dumps([dict(zip(NAMES, row, strict=True)) for row in rows_of([text])]).encode(), a_feed_of("json", **numbers))
    assert isinstance(found, Decimal) or found in {"E_PRECISION", "E_NOT_FINITE", "E_NUMBER"}


@pytest.mark.parametrize(("file_format", "numbers"), [("excel", {"binary_floats": "15_digits"}), ("csv", {"round_to": 2})])
def test_a_word_on_floats_is_for_formats_that_need_it(file_format: str, numbers: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"numbers: (binary_floats|round_to) is for"):
        a_feed_of(file_format, **numbers)
    with pytest.raises(ValidationError, match="less than or equal to 4"):
        a_feed_of("json", round_to=5)
    assert a_feed_of("json", round_to=4).numbers.round_to == 4


def test_a_control_figure_is_read_by_the_same_word() -> None:
    rows = [dict(zip(NAMES, row, strict=True)) for row in rows_of([0.1, 0.2])]
    content = json.dumps([*rows, {**rows[0], "id": "Total", "bmv": 200, "emv": 200, "fee": 0.1 + 0.2}])
    footer = [{"column": "id", "starts_with": ["Total"], "totals": True}]
    feed = a_feed({"fees": "fee"}, files={"patterns": ["acme_*"], "format": "json"}, numbers={"binary_floats": "15_digits"}, footer=footer)
    result = validated(content, feed)
    assert (result.accepted.height, result.footer) == (2, 1)


def test_noise_says_nothing_of_the_last_digit_that_a_vendor_prints() -> None:
    content = json.dumps(
        [dict(zip(NAMES, [*row[:5], emv, row[6]], strict=True)) for row, emv in zip(rows_of([0, 0]), [100.25, 0.1 + 0.2], strict=True)]
    )
    result = validated(content, a_feed_of("json", binary_floats="15_digits"))
    assert result.accepted["vendor_value_half_unit"].to_list() == [Decimal("0.005")] * 2


@pytest.mark.parametrize(
    ("text", "is_noise"), [("50000.000000000007", True), ("0.30000000000000004", True), ("1.9999999999999998", True), ("0.3", False)]
)
def test_detection_proposes_the_word_where_a_file_shows_noise(text: str, *, is_noise: bool) -> None:
    inferred = notation([pl.Series(["12.50", text])], is_text=True)
    assert inferred.inferred.get("binary_floats") == ("15_digits" if is_noise else None)
    amounts_read = money(pl.DataFrame({cell("fee"): [text]}), "fee", inferred.numbers, 0)
    assert amounts_read.to_list() == [round(Decimal(text), 1)]


@settings(max_examples=6)
@given(texts=st.lists(st.one_of(st.floats(-1e12, 1e12).map(repr), decimals.map(str)), min_size=1, max_size=20))
@pytest.mark.parametrize("numbers", [{"round_to": 2}, {"binary_floats": "15_digits"}, {"round_to": 0, "binary_floats": "15_digits"}])
@pytest.mark.parametrize("scale", [1, 1000, "0.01"])
def test_both_looks_read_the_same_amount(texts: list[str], numbers: dict[str, Any], scale: int | str) -> None:
    feed = a_feed_of("json", {"fees": {"from": "fee", "scale": scale}}, **numbers)
    once, again = (json.dumps([dict(zip(NAMES, row, strict=True)) for row in rows_of(each)]) for each in (texts, [f"{t} " for t in texts]))
    assert amounts(once.encode(), feed) == amounts(again.encode(), feed)
