"""Every type that an Arrow column can have, in a column that the feed maps, ignores, or does not know."""

import io
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf_tests.ingestion.scenarios import a_feed, cells, codes, notices, read, rejection, validated

pytestmark = pytest.mark.slow

DAY = datetime(2024, 6, 28)  # noqa: DTZ001 - without a zone on purpose
PLAIN: dict[str, pa.Array] = {
    **{str(dtype): pa.array([1, None], dtype) for dtype in (pa.int8(), pa.int16(), pa.int32(), pa.int64())},
    **{str(dtype): pa.array([1, None], dtype) for dtype in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())},
    **{str(dtype): pa.array([1.5, None], dtype) for dtype in (pa.float16(), pa.float32(), pa.float64())},
    "decimal32": pa.array([Decimal("1.50"), None], pa.decimal32(5, 2)),
    "decimal64": pa.array([Decimal("1.50"), None], pa.decimal64(15, 2)),
    "decimal128": pa.array([Decimal("1.50"), None], pa.decimal128(38, 2)),
    "decimal256": pa.array([Decimal("1.50"), None], pa.decimal256(76, 2)),
    "decimal256 of tiny values": pa.array([Decimal("1E-60"), None], pa.decimal256(76, 60)),
    "bool": pa.array([True, None]),
    "null": pa.array([None, None], pa.null()),
    "string": pa.array(["a", None]),
    "large string": pa.array(["a", None], pa.large_string()),
    "string view": pa.array(["a", None], pa.string_view()),
    "dictionary of texts": pa.array(["a", None]).dictionary_encode(),
    "dictionary of numbers": pa.array([1, None]).dictionary_encode(),
    "date32": pa.array([DAY.date(), None]),
    "date64": pa.array([DAY.date(), None], pa.date64()),
    **{f"date {day}": pa.array([day, None], pa.int32()).cast(pa.date32()) for day in (-(2**31), -800_000, 3_000_000, 2**31 - 1)},
    **{f"timestamp {unit}": pa.array([DAY, None], pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")},
    **{f"timestamp {unit} far off": pa.array([2**62, -(2**62)], pa.int64()).cast(pa.timestamp(unit)) for unit in ("ms", "us", "ns")},
    **{str(dtype): pa.array([1, None], dtype) for dtype in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))},
    "time out of range": pa.array([10**9, None], pa.int32()).cast(pa.time32("ms")),
    "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", None])),
}
ZONED: dict[str, pa.Array] = {
    f"timestamp {unit} {zone}": pa.array([at, 2**62], pa.int64()).cast(pa.timestamp(unit, zone))
    for unit, at in (("ms", 1_719_532_800_000), ("us", 1_719_532_800_000_000), ("ns", 1_719_532_800_000_000_000))
    for zone in ("UTC", "Z", "+05:30", "-0300", "+00:00", "America/New_York", "EST5EDT", "Mars/Phobos", "+99:99", "x")
}
WITHOUT_TEXT: dict[str, pa.Array] = {
    **{f"duration {unit}": pa.array([timedelta(1), None], pa.duration(unit)) for unit in ("s", "ms", "us", "ns")},
    "dictionary of durations": pa.array([timedelta(1), None]).dictionary_encode(),
    "binary": pa.array([b"\xff", None]),
    "large binary": pa.array([b"\xff", None], pa.large_binary()),
    "binary view": pa.array([b"\xff", None], pa.binary_view()),
    "fixed size binary": pa.array([b"ab", None], pa.binary(2)),
    "dictionary of bytes": pa.array([b"\xff", None]).dictionary_encode(),
    "list": pa.array([[1], None]),
    "large list": pa.array([[1], None], pa.large_list(pa.int64())),
    "fixed size list": pa.array([[1], None], pa.list_(pa.int64(), 1)),
    "list view": pa.array([[1], None], pa.list_view(pa.int64())),
    "large list view": pa.array([[1], None], pa.large_list_view(pa.int64())),
    "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    "struct": pa.array([{"a": 1}, None]),
    "struct of durations": pa.array([{"a": timedelta(1), "b": [date(1, 1, 1)]}, None]),
    "bool8": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None], pa.int8())),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"a" * 16, None], pa.binary(16))),
    "opaque": pa.ExtensionArray.from_storage(pa.opaque(pa.int64(), "period", "pandas"), pa.array([1, None])),
    "tensor": pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.int64(), [2]), pa.array([[1, 2], None], pa.list_(pa.int64(), 2))),
    "list of structures": pa.array([[{"a": Decimal("1.5")}], None]),
}
UNWRITABLE: dict[str, pa.Array] = {
    "run end encoded": pa.RunEndEncodedArray.from_arrays(pa.array([2], pa.int32()), pa.array(["a"])),
    "interval": pa.array([pa.MonthDayNano([1, 2, 3]), None]),
    "dense union": pa.UnionArray.from_dense(pa.array([0, 0], pa.int8()), pa.array([0, 1], pa.int32()), [pa.array([1, 2])]),
    "union": pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [pa.array([1, 2])]),
}
ALL = {**PLAIN, **ZONED, **WITHOUT_TEXT}
_FIELDS = ("account_id", "account_name", "currency", "as_of_date", "ending_market_value", "vendor_twrr")


def a_file(**columns: pa.Array) -> bytes:
    """Two rows of the feed's columns, with others or in place of them."""
    usual = {"id": ["A1", "A2"], "day": [DAY.date()] * 2, "bmv": [100] * 2, "in": [0] * 2, "out": [0] * 2, "emv": [101] * 2}
    content = io.BytesIO()
    arrow_parquet.write_table(pa.table({**usual, **columns}), content)
    return content.getvalue()


def a_feed_with(column: str | None = None, field: str = "", **changes: Any) -> Any:
    columns = {field: column} if column is not None else {}
    changes = {"currency": None, **changes} if field == "currency" else changes
    return a_feed(columns, files={"patterns": ["acme_*"], "format": "parquet", "time_zone": "America/New_York"}, **changes)


@pytest.mark.parametrize("name", ALL)
def test_a_column_that_nobody_maps_may_be_of_any_type(name: str) -> None:
    content = a_file(extra=ALL[name])
    unknown, ignored = validated(content, a_feed_with()), validated(content, a_feed_with(ignored=["extra"]))
    assert unknown.accepted["account_id"].to_list() == ignored.accepted["account_id"].to_list() == ["A1", "A2"]
    assert ("W_NEW_COLUMN" in notices(unknown), notices(ignored)) == (True, [])


@pytest.mark.parametrize("name", WITHOUT_TEXT)
@pytest.mark.parametrize("field", _FIELDS)
def test_a_mapped_column_without_a_text_form_is_a_wrong_type(field: str, name: str) -> None:
    error = rejection(a_file(extra=WITHOUT_TEXT[name]), a_feed_with("extra", field))
    assert (error.code, "the column 'extra' " in error.sentence, "; send it as" in error.sentence) == ("E_TYPE", True, True)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("field", _FIELDS)
def test_a_mapped_column_with_a_text_form_is_read_row_by_row(field: str, name: str) -> None:
    result = validated(a_file(extra=PLAIN[name]), a_feed_with("extra", field))
    assert result.accepted.height + len(codes(result)) == 2


@pytest.mark.parametrize("name", ZONED)
@pytest.mark.parametrize("field", ["account_id", "as_of_date", "ending_market_value"])
def test_an_instant_with_a_zone_is_read_row_by_row(field: str, name: str) -> None:
    result = validated(a_file(extra=ZONED[name]), a_feed_with("extra", field))
    assert result.accepted.height + len(codes(result)) == 2


def test_types_that_parquet_cannot_hold_are_known() -> None:
    """A new Arrow that writes them has to be looked at again."""
    for array in UNWRITABLE.values():
        with pytest.raises(pa.ArrowNotImplementedError, match="Unhandled type"):
            a_file(extra=array)


def test_every_kind_of_type_that_arrow_has_is_walked() -> None:
    """By Arrow's own ids of types, so that one which a new Arrow brings is missed here."""
    walked = {array.type.id for array in (*ALL.values(), *UNWRITABLE.values())}
    ids = {name: getattr(pa.lib, name) for name in dir(pa.lib) if name.startswith("Type_")}
    never_made = {"Type_INTERVAL_MONTHS", "Type_INTERVAL_DAY_TIME", "Type_MAX_ID"}
    missing = {name for name, number in ids.items() if number not in walked and name not in never_made}
    assert missing == set()


@pytest.mark.parametrize(
    ("day", "text"),
    [(-(2**31), "-2147483648"), (-800_000, "-0221-09-04"), (3_000_000, "10183-09-21"), (2**31 - 1, "2147483647")],
)
def test_a_day_out_of_range_is_no_day_and_stays_visible(day: int, text: str) -> None:
    far = pa.array([day, 19902], pa.int32()).cast(pa.date32())
    result = validated(a_file(day=far), a_feed_with())
    assert codes(result) == {1: "E_DATE"}
    assert text in result.quarantined["reason"].item()


def test_a_text_that_is_not_utf_8_is_damage() -> None:
    array = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff\xfe", b"a"]).buffers())
    error = rejection(a_file(extra=array), a_feed_with())
    assert (error.code, "damaged" in error.sentence) == ("E_FORMAT", True)


def test_the_digits_of_a_wide_decimal_are_exact() -> None:
    wide = pa.array([Decimal("0.0001"), Decimal("123456789012345678.1234")], pa.decimal256(60, 4))
    raw_texts = [str(amount) for amount in validated(a_file(bmv=wide, emv=wide), a_feed_with()).accepted["ending_market_value"]]
    assert raw_texts == ["0.0001", "123456789012345678.1234"]


def test_a_value_without_text_is_kept_as_the_name_of_its_type() -> None:
    raw = read(a_file(extra=WITHOUT_TEXT["duration us"]), a_feed_with())
    assert cells(raw, "extra") == ["<duration[us]>", None]


def test_instants_of_96_bits_do_not_wrap_around() -> None:
    content = io.BytesIO()
    days = pa.array([datetime(2600, 1, 1), DAY], pa.timestamp("us"))  # noqa: DTZ001 - likewise
    usual = pa.table({"id": ["A1", "A2"], "day": days, "bmv": [1] * 2, "in": [0] * 2, "out": [0] * 2, "emv": [1] * 2})
    arrow_parquet.write_table(usual, content, use_deprecated_int96_timestamps=True)
    assert codes(validated(content.getvalue(), a_feed_with())) == {1: "E_DATE_RANGE"}


def test_a_part_of_a_structure_may_stand_beside_parts_of_any_type() -> None:
    amounts = pa.array([{"x": timedelta(1), "amount": Decimal("101.10")}, {"x": None, "amount": None}])
    feed = a_feed({"ending_market_value": "emv.amount"}, files={"patterns": ["acme_*"], "format": "parquet"})
    assert codes(validated(a_file(emv=amounts), feed)) == {2: "E_REQUIRED"}
    with pytest.raises(DeliveryRejectedError, match=r"'emv\.x' .*duration"):
        validated(a_file(emv=amounts), a_feed({"ending_market_value": "emv.x"}, files={"patterns": ["acme_*"], "format": "parquet"}))
