"""A dataset that only the tests know is read and validated by what its contract says: nothing here is about positions."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError
from xlsxwriter import Workbook

from advisory_perf.contracts.datasets import POSITIONS, Dataset
from advisory_perf.errors import DeliveryRejectedError, FeedError
from advisory_perf.feeds.registry import load_feeds, read_feed
from advisory_perf.ingestion.limits import Bounds, Limits
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.reading_apart import read_apart
from advisory_perf.ingestion.validation.rows import Delivery, Validated, validate
from advisory_perf_tests import prices
from advisory_perf_tests.prices import MODELS, RULES, PricesFeed, a_prices_feed, prices_as_data

PACKAGE = Path(__file__).parents[2] / "advisory_perf"
DELIVERY = Delivery("d1", "prices_1.csv", datetime(2025, 3, 31, 20, tzinfo=UTC))
ROWS = [("2025-03-03", "10.50"), ("2025-03-04", "11.00"), ("2025-03-05", "10.25")]
MAPPED = {"valued_on": "Day", "price": "Price"}
WANTED = [(date.fromisoformat(day), Decimal(price)) for day, price in ROWS]


def as_csv(rows: list[tuple[str, str]]) -> bytes:
    return "\n".join(["Day,Price", *(",".join(row) for row in rows)]).encode() + b"\n"


def as_json(rows: list[tuple[str, str]]) -> bytes:
    return json.dumps([{"Day": day, "Price": price} for day, price in rows]).encode()


def as_parquet(rows: list[tuple[str, str]]) -> bytes:
    buffer = BytesIO()
    pl.DataFrame(rows, schema=["Day", "Price"], orient="row").with_columns(
        pl.col("Day").str.to_date(), pl.col("Price").cast(pl.Decimal(18, 2))
    ).write_parquet(buffer)
    return buffer.getvalue()


def as_excel(rows: list[tuple[str, str]]) -> bytes:
    buffer = BytesIO()
    with Workbook(buffer) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([("Day", "Price"), *rows]):
            sheet.write_row(number, 0, row)
    return buffer.getvalue()


WRITERS: dict[str, Callable[[list[tuple[str, str]]], bytes]] = {"csv": as_csv, "json": as_json, "parquet": as_parquet, "excel": as_excel}


def validated(content: bytes, feed: PricesFeed | None = None) -> Validated:
    known = feed or a_prices_feed()
    result = validate(read_raw_rows(content, known, DELIVERY.file_name), known, DELIVERY, RULES)
    assert result.is_conserved
    assert result.accepted.schema == prices.DELIVERED.polars_schema
    return result


def in_quarantine(result: Validated) -> list[tuple[Any, ...]]:
    return result.quarantined.select("line_number", "code", "field_name", "account_id", "as_of_date").rows()


@pytest.mark.parametrize("file_format", WRITERS)
def test_every_format_gives_the_same_rows(file_format: str) -> None:
    feed = a_prices_feed(files={"patterns": ["prices_*"], "format": file_format})
    result = validated(WRITERS[file_format](ROWS), feed)
    assert result.accepted.select("valued_on", "price").rows() == WANTED
    assert result.quarantined.is_empty()
    assert result.accepted.select("data_source", "file_name", "delivery_id").unique().rows() == [("acme", "prices_1.csv", "d1")]


def test_its_feed_is_read_in_a_process_of_its_own_too() -> None:
    limits = Limits(1 << 28, 60)
    raw = read_apart(as_csv(ROWS), a_prices_feed(), DELIVERY.file_name, bounds=Bounds(), limits=limits)
    assert raw["cell:Price"].to_list() == [price for _, price in ROWS]


def test_what_cannot_be_read_is_quarantined_by_its_own_fields() -> None:
    rows = [*ROWS, ("2025-03-06", "x"), ("2025-02-30", "11"), ("2025-03-07", ""), ("2025-03-08", "-1")]
    assert in_quarantine(validated(as_csv(rows))) == [
        (5, "E_NUMBER", "price", None, date(2025, 3, 6)),
        (6, "E_DATE", "valued_on", None, None),
        (7, "E_REQUIRED", "price", None, date(2025, 3, 7)),
        (8, "E_SIGN", "price", None, date(2025, 3, 8)),
    ]


def test_a_key_of_one_column_is_claimed_once() -> None:
    result = validated(as_csv([*ROWS, ROWS[1], ("2025-03-05", "10.26")]))
    assert result.duplicate == 1
    assert result.accepted["line_number"].to_list() == [2, 3]
    assert in_quarantine(result) == [
        (4, "E_KEY_CONFLICT", None, None, date(2025, 3, 5)),
        (6, "E_KEY_CONFLICT", None, None, date(2025, 3, 5)),
    ]
    assert "(2025-03-05, which line 6 claims too)" in result.quarantined["reason"][0]


def test_its_rules_across_rows_are_its_own() -> None:
    assert in_quarantine(validated(as_csv([*ROWS, ("2025-03-06", "1025")]))) == [(5, "E_VALUE_JUMP", None, None, date(2025, 3, 6))]


def test_control_totals_and_footers_are_those_of_its_amounts() -> None:
    feed = a_prices_feed(controls={"totals": {"price": "^Sum,(.*)$"}})
    assert validated(as_csv(ROWS) + b"Sum,31.75\n", feed).footer == 1
    with pytest.raises(DeliveryRejectedError, match=r"announces 31\.77 for Price, the rows sum to 31\.75"):
        validated(as_csv(ROWS) + b"Sum,31.77\n", feed)


def test_a_unit_in_the_name_of_a_column_is_asked_for() -> None:
    feed = a_prices_feed(columns={"valued_on": "Day", "price": "Price (in thousands)"})
    with pytest.raises(DeliveryRejectedError, match=r"names a unit \(in thousands\), and the feed no scale for price") as caught:
        validated(as_csv(ROWS).replace(b"Day,Price", b"Day,Price (in thousands)"), feed)
    assert caught.value.code == "E_SCALE_AMBIGUOUS"


@pytest.mark.parametrize("cut", [b"2025-03-06,12", b"2025-03-06,12.5"])
def test_a_last_row_that_nothing_confirms_is_torn(cut: bytes) -> None:
    with pytest.raises(DeliveryRejectedError, match="nothing confirms its last cell") as caught:
        validated(as_csv(ROWS) + cut)
    assert caught.value.code == "E_TORN"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"columns": {"valued_on": "Day"}}, "price must be mapped to a column"),
        (
            {"columns": {"valued_on": "Day", "price": "P", "account_id": "A"}},
            "account_id is no field of a price; the fields are valued_on, price",
        ),
        ({"currency": "USD"}, "a price has none"),
        ({"controls": {"totals": {"fees": "^x(.*)$"}}}, "fees is no amount of a price; the amounts are price"),
        ({"columns": {"valued_on": {"from": "D", "absent": "zero"}, "price": "P"}}, "valued_on is required"),
        ({"conventions": {"flow_timing": "end_of_day", "fee_basis": "net"}}, "Extra inputs are not permitted"),
    ],
)
def test_a_feed_is_held_against_its_datasets_columns(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(says)):
        a_prices_feed(**changes)


def test_the_feeds_dataset_picks_its_model(tmp_path: Path) -> None:
    path = tmp_path / "acme_prices.yaml"
    path.write_text(json.dumps(prices_as_data()), encoding="utf-8")
    assert type(read_feed(path, MODELS)) is PricesFeed
    assert "acme_prices" in load_feeds(tmp_path, models=MODELS)
    with pytest.raises(FeedError, match=r"acme_prices\.yaml: dataset: 'prices' is no dataset that feeds have; set one of positions"):
        read_feed(path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"required": ("price",)}, "x: valued_on has to be required"),
        ({"key": ("valued_on", "account_id")}, "x: account_id has to be required"),
        ({"figures": ("fees",)}, "x: fees has to be required"),
        ({"account": "who"}, "x: who is no column of delivered_prices"),
        ({"identifiers": ("who",)}, "x: who is no column of delivered_prices"),
        ({"instead_of": {"net": ("in", "out")}}, "x: in, out is no column of delivered_prices"),
    ],
)
def test_a_dataset_requires_what_it_is_known_by_and_names_its_columns(changes: dict[str, Any], says: str) -> None:
    whole = {"name": "x", "row": "x", "delivered": prices.DELIVERED, "key": ("valued_on",), "day": "valued_on"}
    with pytest.raises(ValueError, match=says):
        Dataset(**{**whole, "required": ("valued_on", "price"), **changes})


def test_several_fields_may_stand_in_the_place_of_the_same_others() -> None:
    two = replace(prices.DATASET, instead_of={"bid": ("price",), "ask": ("price",)})
    assert two.fields == ("valued_on", "price", "bid", "ask")


def test_reading_and_validation_name_no_field_of_a_position() -> None:
    own = {name for name in POSITIONS.fields if name != "currency"}
    of_positions = PACKAGE / "ingestion" / "validation" / "positions"
    texts = {file: file.read_text(encoding="utf-8") for file in (PACKAGE / "ingestion").rglob("*.py") if of_positions not in file.parents}
    named = [(file.name, name) for file, text in texts.items() for name in re.findall(r"""["']([a-z_]+)["']""", text) if name in own]
    # the quarantine has columns that are called so for every dataset, as have known accounts and what is counted by day
    assert set(named) == {("rows.py", "account_id"), ("rows.py", "as_of_date"), ("day_counts.py", "as_of_date")}
    assert not [file.name for file, text in texts.items() if "feeds.fields" in text or "validation.positions" in text]
