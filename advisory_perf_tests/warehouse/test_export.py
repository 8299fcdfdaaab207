import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from advisory_perf.errors import WarehouseError
from advisory_perf.warehouse import export_forms
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.export import ExportFormat, export_relation, exportable_relations
from advisory_perf_tests.warehouse.waiting import impatient

pytestmark = pytest.mark.slow

AWKWARD = 'said "no",\nthen; \\N ü€ 株'
MONEY = Decimal("12345678901234567890.1234")
FIGURE = Decimal("12345678901234567890123456.123456789012")


@pytest.fixture
def stocked(warehouse: Warehouse) -> Iterator[Warehouse]:
    """The warehouse with a table of every type, put in against the order of its key, and a view of sums over it."""
    with warehouse.connect() as connection:
        connection.execute(
            "CREATE TABLE samples (note text, id bigint PRIMARY KEY, money numeric(24, 4), figure numeric(38, 12),"
            " rate double precision, is_open boolean, day date, at timestamptz, extra json)"
        )
        connection.execute("INSERT INTO samples (id, note) VALUES (3, NULL)")
        connection.execute(
            "INSERT INTO samples VALUES (%s, 2, %s, %s, 0.1, true, '2024-02-29', '2024-02-29 12:00:00.5+02', %s)",
            [AWKWARD, MONEY, FIGURE, '{"a":\n 1}'],
        )
        connection.execute("INSERT INTO samples VALUES ('', 1, -0.0001, 0, -1e-12, false, '1999-12-31', NULL, NULL)")
        connection.execute("CREATE VIEW sample_sums AS SELECT is_open, sum(money) AS money FROM samples GROUP BY 1")
    yield warehouse
    with warehouse.connect() as connection:
        connection.execute("DROP TABLE samples CASCADE")


def exported(warehouse: Warehouse, relation: str, form: ExportFormat, where: str | None = None) -> tuple[int, bytes]:
    target = io.BytesIO()
    return export_relation(warehouse, relation, form=form, target=target, where=where), target.getvalue()


def csv_rows(warehouse: Warehouse, relation: str, where: str | None = None) -> list[dict[str, str]]:
    rows, content = exported(warehouse, relation, ExportFormat.CSV, where)
    read = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    assert len(read) == rows
    return read


def json_rows(warehouse: Warehouse, relation: str, where: str | None = None) -> list[dict[str, Any]]:
    rows, content = exported(warehouse, relation, ExportFormat.NDJSON, where)
    read = [json.loads(line, parse_float=Decimal) for line in content.decode().split("\n")[:-1]]
    assert len(read) == rows
    return read


def parquet_table(warehouse: Warehouse, relation: str, where: str | None = None) -> pa.Table:
    rows, content = exported(warehouse, relation, ExportFormat.PARQUET, where)
    read = pa.parquet.read_table(io.BytesIO(content))
    assert read.num_rows == rows
    return read


def test_csv_keeps_every_value_to_the_digit_in_the_order_of_the_key(stocked: Warehouse) -> None:
    assert csv_rows(stocked, "samples") == [
        {
            "note": "",
            "id": "1",
            "money": "-0.0001",
            "figure": "0.000000000000",
            "rate": "-1e-12",
            "is_open": "false",
            "day": "1999-12-31",
            "at": "",
            "extra": "",
        },
        {
            "note": AWKWARD,
            "id": "2",
            "money": "12345678901234567890.1234",
            "figure": "12345678901234567890123456.123456789012",
            "rate": "0.1",
            "is_open": "true",
            "day": "2024-02-29",
            "at": "2024-02-29T10:00:00.5+00:00",
            "extra": '{"a":\n 1}',
        },
        dict.fromkeys(("note", "id", "money", "figure", "rate", "is_open", "day", "at", "extra"), "") | {"id": "3"},
    ]


def test_csv_tells_null_from_an_empty_text(stocked: Warehouse) -> None:
    _, content = exported(stocked, "samples", ExportFormat.CSV, "id <> 2")
    assert content.decode().splitlines() == [
        "note,id,money,figure,rate,is_open,day,at,extra",
        '"",1,-0.0001,0.000000000000,-1e-12,false,1999-12-31,,',
        ",3,,,,,,,",
    ]


def test_ndjson_is_one_object_a_line_with_exact_numbers(stocked: Warehouse) -> None:
    rows = json_rows(stocked, "samples")
    assert rows[1] == {
        "note": AWKWARD,
        "id": 2,
        "money": MONEY,
        "figure": FIGURE,
        "rate": Decimal("0.1"),
        "is_open": True,
        "day": "2024-02-29",
        "at": "2024-02-29T10:00:00.5+00:00",
        "extra": {"a": 1},
    }
    assert rows[0]["note"] == ""
    assert rows[2] == dict.fromkeys(rows[1]) | {"id": 3}


def test_parquet_has_the_types_of_the_columns_and_their_exact_values(stocked: Warehouse) -> None:
    table = parquet_table(stocked, "samples")
    assert dict(zip(table.schema.names, table.schema.types, strict=True)) == {
        "note": pa.string(),
        "id": pa.int64(),
        "money": pa.decimal128(38, 4),
        "figure": pa.decimal128(38, 12),
        "rate": pa.float64(),
        "is_open": pa.bool_(),
        "day": pa.date32(),
        "at": pa.timestamp("us", tz="UTC"),
        "extra": pa.string(),
    }
    first, second, third = table.to_pylist()
    assert (first["note"], first["money"], first["rate"], first["at"]) == ("", Decimal("-0.0001"), -1e-12, None)
    assert second == {
        "note": AWKWARD,
        "id": 2,
        "money": MONEY,
        "figure": FIGURE,
        "rate": 0.1,
        "is_open": True,
        "day": date(2024, 2, 29),
        "at": datetime(2024, 2, 29, 10, 0, 0, 500_000, tzinfo=UTC),
        "extra": '{"a":\n 1}',
    }
    assert third == dict.fromkeys(second) | {"id": 3}


def test_a_sum_in_a_view_keeps_its_scale_in_parquet(stocked: Warehouse) -> None:
    table = parquet_table(stocked, "sample_sums")
    assert table.schema.field("money").type == pa.decimal128(38, 4)
    assert table.to_pylist() == [
        {"is_open": False, "money": Decimal("-0.0001")},
        {"is_open": True, "money": MONEY},
        {"is_open": None, "money": None},
    ]


@pytest.mark.parametrize("form", ExportFormat)
def test_batches_join_without_a_seam(stocked: Warehouse, monkeypatch: pytest.MonkeyPatch, form: ExportFormat) -> None:
    whole = exported(stocked, "samples", form)
    monkeypatch.setattr(export_forms, "BATCH_ROWS", 2)
    rows, content = exported(stocked, "samples", form)
    assert rows == 3
    if form is ExportFormat.PARQUET:
        assert pa.parquet.ParquetFile(io.BytesIO(content)).num_row_groups == 2
        assert parquet_table(stocked, "samples").column("note").to_pylist() == ["", AWKWARD, None]
    else:
        assert (rows, content) == whole


def test_every_relation_can_be_exported_while_it_is_empty(warehouse: Warehouse) -> None:
    for relation in exportable_relations(warehouse):
        assert csv_rows(warehouse, relation) == []
        assert json_rows(warehouse, relation) == []
        assert parquet_table(warehouse, relation).num_columns > 1


def test_tables_and_views_are_exportable_but_no_partitions_and_no_migration_tables(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("SELECT create_monthly_partition('performance_data', '2024-02-29')")
    relations = exportable_relations(warehouse)
    assert {"accounts", "performance_data", "performance_summary", "daily_vendor_totals"} <= set(relations)
    assert not [name for name in relations if "yoyo" in name or name.endswith("2024_02")]
    assert relations == sorted(relations)


def test_an_unknown_relation_is_reported_with_the_closest_and_all_there_are(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"did you mean performance_data\? choose one of account_groups, account_statistics, "):
        exported(warehouse, "Performance_dat", ExportFormat.CSV)
    with pytest.raises(WarehouseError, match="no table or view 'accounts; DROP TABLE accounts' to export"):
        exported(warehouse, "accounts; DROP TABLE accounts", ExportFormat.CSV)


def test_a_warehouse_without_tables_says_to_migrate(empty_url: str) -> None:
    assert exportable_relations(Warehouse(empty_url)) == []
    with pytest.raises(WarehouseError, match="run `advisory-perf migrate`"):
        exported(Warehouse(empty_url), "accounts", ExportFormat.CSV)


def test_a_value_that_parquet_cannot_hold_is_an_error_and_not_a_null(stocked: Warehouse) -> None:
    with stocked.connect() as connection:
        connection.execute("UPDATE samples SET money = 'NaN' WHERE id = 3")
    with pytest.raises(WarehouseError, match=r"samples has a value Parquet cannot hold .*NaN.*; use csv"):
        exported(stocked, "samples", ExportFormat.PARQUET)
    assert csv_rows(stocked, "samples", "id = 3")[0]["money"] == "NaN"


@pytest.mark.parametrize("form", [ExportFormat.CSV, ExportFormat.NDJSON])
def test_a_full_disk_ends_the_export_and_not_the_warehouse(stocked: Warehouse, form: ExportFormat) -> None:
    class FullDisk(io.BytesIO):
        def write(self, content: Any) -> int:
            raise OSError(28, f"No space left on device for {len(content)} bytes")

    with pytest.raises(OSError, match="No space left"):
        export_relation(stocked, "samples", form=form, target=FullDisk())
    assert len(csv_rows(stocked, "samples")) == 3


def test_memory_is_bounded_by_a_batch(stocked: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counted(io.BytesIO):
        size = 0

        def write(self, content: Any) -> int:
            self.size += len(content)
            return len(content)

    with stocked.connect() as connection:
        connection.execute("INSERT INTO samples (id, note) SELECT g, repeat('x', 40) FROM generate_series(4, 100003) g")
    monkeypatch.setattr(export_forms, "BATCH_ROWS", 1_000)
    target = Counted()
    tracemalloc.start()
    try:
        rows = export_relation(stocked, "samples", form=ExportFormat.CSV, target=target)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows == 100_003
    assert target.size > 5_000_000
    assert peak < 1_000_000


CUT = {"a;=1+1": "a;'=1+1", "a; =1": "a; '=1", "a|@b;-1": "a|'@b;'-1", "a\t+1": "a\t'+1"}
INDENTED = {"\t=1": "'\t'=1", "\n=1": "'\n'=1", "\r=1": "'\r'=1", "\n\t -1": "'\n\t '-1", " =1": " '=1"}
LINES = {"One\n=1+1;, Ltd": "One\n'=1+1;, Ltd", "One\r\n@x": "One\r\n'@x", "a\r+1": "a\r'+1", "a\n\n  -1": "a\n\n  '-1", "a\nb": "a\nb"}
GUARDED = {**CUT, **INDENTED, **LINES}
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\uff1d1"]


def test_texts_that_a_spreadsheet_would_run_get_an_apostrophe_where_it_is_asked_for_and_numbers_none(stocked: Warehouse) -> None:
    with stocked.connect() as connection:
        connection.execute("DELETE FROM samples")
        for number, text in enumerate([*FORMULAS, *GUARDED, "a=1", "'=1", "1-1", "", "a; b"]):
            connection.execute("INSERT INTO samples (id, note, money) VALUES (%s, %s, -1)", [number, text])
    target = io.BytesIO()
    export_relation(stocked, "samples", form=ExportFormat.CSV, target=target, for_spreadsheets=True)
    rows = list(csv.DictReader(io.StringIO(target.getvalue().decode(), newline="")))
    assert [row["note"] for row in rows] == [*(f"'{text}" for text in FORMULAS), *GUARDED.values(), "a=1", "'=1", "1-1", "", "a; b"]
    assert {row["money"] for row in rows} == {"-1.0000"}
    assert [row["note"] for row in csv_rows(stocked, "samples")][: len(FORMULAS)] == FORMULAS, "to the byte where it is not"


@pytest.mark.parametrize("form", ExportFormat)
def test_the_settings_of_a_database_change_nothing_of_an_export(stocked: Warehouse, form: ExportFormat) -> None:
    """Its dates, its encoding, its strings and the digits of its numbers are always ours."""
    options = (
        "-c datestyle=German -c extra_float_digits=-9 -c client_encoding=LATIN1 -c standard_conforming_strings=off -c timezone=Asia/Tokyo"
    )
    where = "note = 'back\\slash' OR id < 3"
    assert exported(impatient(stocked, options), "samples", form, where) == exported(stocked, "samples", form, where)
