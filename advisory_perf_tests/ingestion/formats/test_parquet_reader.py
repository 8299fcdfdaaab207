import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.formats.parquet_reader import read_parquet
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.raw_frame import Reading
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import validate
from advisory_perf_tests.ingestion.scenarios import DELIVERY, a_feed, a_feed_of, cells, codes, lines, read, rejection

FEED = a_feed_of("parquet")


def a_frame(**changes: Any) -> pl.DataFrame:
    columns = {"id": "A1", "day": date(2024, 6, 28), "bmv": 100, "in": 0, "out": 0, "emv": 101, **changes}
    return pl.DataFrame({name: value if isinstance(value, list | pl.Series) else [value] for name, value in columns.items()})


def parquet(frame: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.write_parquet(content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (pl.Series([Decimal("12345678901234567890.1200")], dtype=pl.Decimal(38, 4)), "12345678901234567890.1200"),
        (781680205.69, "781680205.69"),
        (1 / 3, "0.3333333333333333"),
        (100.0, "100.0"),
        (-(10**15), "-1000000000000000"),
        (float("nan"), "NaN"),
        (None, None),
        ("00123.40", "00123.40"),
    ],
)
def test_a_typed_cell_becomes_its_exact_text(value: object, text: str | None) -> None:
    assert cells(read(parquet(a_frame(emv=value)), FEED), "emv") == [text]


def test_a_day_is_read_alike_from_a_date_and_from_an_instant_at_midnight() -> None:
    for unit in ("ns", "us", "ms"):
        days = pl.Series([datetime(2024, 6, 28)], dtype=pl.Datetime(unit))  # noqa: DTZ001 - pandas writes days so
        assert cells(read(parquet(a_frame(day=days)), FEED), "day") == ["2024-06-28"]
    assert cells(read(parquet(a_frame()), FEED), "day") == ["2024-06-28"]


def test_an_instant_with_an_hour_or_a_time_zone_is_no_day() -> None:
    for instant in (datetime(2024, 6, 28, 12), datetime(2024, 6, 28, tzinfo=UTC)):  # noqa: DTZ001 - without a zone on purpose
        (text,) = cells(read(parquet(a_frame(day=instant)), FEED), "day")
        assert text is not None
        assert len(text) > len("2024-06-28")


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["00123", "A1"])], ids=str)
def test_account_numbers_in_a_dictionary_are_text(dtype: pl.DataType) -> None:
    ids = pl.Series(["00123", "A1", "00123"]).cast(dtype)
    raw = read(parquet(pl.concat([a_frame()] * 3).with_columns(id=ids)), FEED)
    assert cells(raw, "id") == ["00123", "A1", "00123"]
    assert lines(raw) == [1, 2, 3]


def test_rows_without_content_are_passed_over_and_the_others_keep_their_ordinal() -> None:
    nothing = a_frame().select(pl.lit(None, dtype).alias(name) for name, dtype in a_frame().schema.items())
    assert lines(read(parquet(pl.concat([a_frame(), nothing, a_frame()])), FEED)) == [1, 3]


def test_names_match_through_case_and_spaces() -> None:
    raw = read(parquet(a_frame().rename({"id": " ID ", "emv": "EMV"})), FEED)
    assert cells(raw, "id") == ["A1"]
    assert cells(raw, "emv") == ["101"]


def test_a_file_that_was_cut_short_is_torn() -> None:
    error = rejection(parquet(a_frame())[:-1], FEED)
    assert error.code == "E_TORN"
    assert "send it again" in error.sentence


def test_a_file_with_a_hole_in_it_cannot_be_read() -> None:
    content = parquet(a_frame())
    assert rejection(content[:40] + content[60:], FEED).code == "E_FORMAT"
    assert rejection(b"PAR1PAR1", FEED).code == "E_FORMAT"


@pytest.mark.parametrize("value", [pl.Series([[1, 2]]), pl.Series([{"x": 1}]), pl.Series([b"x"])], ids=["a list", "a structure", "bytes"])
def test_a_column_that_is_not_plain_is_a_wrong_type(value: pl.Series) -> None:
    error = rejection(parquet(a_frame(emv=value)), FEED)
    assert error.code == "E_TYPE"
    assert "emv" in error.sentence


def test_a_missing_column_and_one_that_stands_twice_are_refused() -> None:
    error = rejection(parquet(a_frame().drop("emv")), FEED)
    assert error.code == "E_MAPPING"
    assert "lacks emv" in error.sentence
    assert rejection(parquet(a_frame(EMV=1)), FEED).code == "E_HEADER_DUPLICATE"


def test_a_file_without_rows_has_none() -> None:
    assert read(parquet(a_frame().clear()), FEED).height == 0


NEW_YORK = a_feed_of("parquet", time_zone="America/New_York")


def test_an_instant_with_a_time_zone_is_the_day_it_fell_on_at_the_vendors() -> None:
    """Half past seven in the evening in New York is the next day already in UTC."""
    evening = datetime(2024, 5, 31, 23, 30, tzinfo=UTC) + timedelta(hours=1)
    frame = a_frame(day=evening, made=evening)
    raw = read(parquet(frame), NEW_YORK)
    assert cells(raw, "day") == ["2024-05-31"]
    assert cells(raw, "made") == ["2024-06-01 00:30:00.000000+00:00"]


def test_a_feed_cannot_name_a_time_zone_that_nobody_knows() -> None:
    for zone in ("New York", "", "../../etc/passwd"):
        with pytest.raises(ValueError, match="no time zone"):
            a_feed_of("parquet", time_zone=zone)


def test_a_part_of_a_structure_is_read_where_the_feed_maps_it() -> None:
    amounts = pl.Series([{"amount": Decimal("101.10"), "in": {"currency": "USD"}}])
    feed = a_feed_of("parquet", {"ending_market_value": "emv.amount", "account_name": "emv.in.currency"})
    raw = read(parquet(a_frame(emv=amounts)), feed)
    assert (cells(raw, "emv.amount"), cells(raw, "emv.in.currency")) == (["101.10"], ["USD"])
    assert rejection(parquet(a_frame(emv=amounts)), a_feed_of("parquet", {"ending_market_value": "emv.in"})).code == "E_TYPE"


def test_a_nested_column_that_the_feed_ignores_is_left_out() -> None:
    feed = a_feed(files={"patterns": ["acme_*"], "format": "parquet"}, ignored=["tags"])
    raw = read(parquet(a_frame(tags=pl.Series([[1, 2]]))), feed)
    assert "cell:tags" not in raw.columns


def test_columns_of_one_name_are_refused_and_none_is_taken() -> None:
    table = pa.table([pa.array(["A1"]), pa.array(["A2"]), *[pa.array([1])] * 5], names=["id", "id", "day", "bmv", "in", "out", "emv"])
    content = io.BytesIO()
    arrow_parquet.write_table(table, content)
    assert rejection(content.getvalue(), FEED).code == "E_HEADER_DUPLICATE"


def test_numbers_that_are_none_stay_visible() -> None:
    raw = read(
        parquet(
            a_frame(
                id=["a", "b", "c"], day=[date(2024, 6, 28)] * 3, emv=[1.0, float("nan"), None], bmv=[1] * 3, **{"in": [0] * 3}, out=[0] * 3
            )
        ),
        FEED,
    )
    assert cells(raw, "emv") == ["1.0", "NaN", None]
    assert codes(validate(raw, FEED, DELIVERY, POSITION_RULES)) == {2: "E_NUMBER", 3: "E_REQUIRED"}


@pytest.mark.parametrize("long", [(0, 1), (2, 3)])
def test_texts_that_are_kept_once_count_in_every_group_of_rows(long: tuple[int, int]) -> None:
    names = ["x" * 1000 if place in long else "y" for place in range(4)]
    content = io.BytesIO()
    pl.concat([a_frame(name=name) for name in names]).write_parquet(content, row_group_size=2)
    assert arrow_parquet.ParquetFile(content).metadata.num_row_groups == 2
    with pytest.raises(DeliveryRejectedError, match="makes a table of"):
        read_parquet(content.getvalue(), Reading(a_feed_of("parquet", {"account_name": "name"}), "acme_1", Bounds(table_bytes=2000)))
