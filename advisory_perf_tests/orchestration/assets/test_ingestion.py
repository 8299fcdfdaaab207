"""What an ingestion stores and says of a delivery that is good, unreadable, known or cut short."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest

from advisory_perf.deliveries.zones import delivery_id_of, find_arrival
from advisory_perf.ingestion import reading_apart
from advisory_perf.ingestion.reading_apart import end_idle_readers
from advisory_perf.ingestion.validation.rows import Validated, validate
from advisory_perf_tests.orchestration.scenarios import (
    A_FIFTH,
    A_THIRD,
    DELIVERY,
    HEADER,
    World,
    a_world,
    acme_as_data,
    cases,
    checks,
    csv,
    materialised,
    materialised_stages,
    value,
)

pytestmark = pytest.mark.slow


def test_an_ingestion_says_what_became_of_every_row(world: World) -> None:
    result = world.ingest("acme_1.csv", csv(A_THIRD, A_THIRD, "C,nonsense,1.00,0.00,0.00,0.00,1.00,0.00"))
    found = checks(result)
    assert result.success
    conserved = found["rows_conserved"].metadata
    counted = {name: value(conserved, name) for name in ("read", "accepted", "quarantined", "duplicate", "footer")}
    assert counted == {"read": 3, "accepted": 1, "quarantined": 1, "duplicate": 1, "footer": 0}
    accepted = found["rows_accepted"]
    assert (accepted.passed, accepted.severity, accepted.blocking) == (False, dg.AssetCheckSeverity.WARN, False)
    (case,) = cases(accepted)
    assert (case["line_number"], case["code"], case["field_name"], case["account_id"]) == ("4", "E_DATE", "as_of_date", "C")
    (raw,) = materialised(result, "raw_vendor_file").values()
    assert (value(raw.metadata, "dagster/row_count"), value(raw.metadata, "file_name")) == (3, "acme_1.csv")
    assert result.dagster_run.tags["vendor"] == "acme"


def test_a_file_that_cannot_be_read_fails_its_run_with_the_reason(world: World) -> None:
    result = world.ingest("acme_1.csv", "id,day\nA,2025-03-03\n")
    assert not result.success
    assert materialised_stages(result) == set()
    readable = checks(result)["delivery_is_readable"]
    assert not readable.passed
    assert value(readable.metadata, "error_code") == "E_MAPPING"
    assert "acme, acme_1.csv" in value(readable.metadata, "reason")
    moved = value(readable.metadata, "moved_to")
    assert moved.startswith("error/acme/acme_1-")
    assert world.platform.lake.exists(moved)
    assert world.platform.lake.files("incoming/") == []
    assert world.platform.lake.files("raw_vendor_file/") == []
    assert world.platform.ledger.entries("acme")[0].status == "FAILED"


def a_parquet_file(**columns: pa.Array) -> bytes:
    """The third of March of account A, with other or further columns."""
    usual = {name: [text] for name, text in zip(HEADER.split(","), A_THIRD.split(","), strict=True)}
    content = io.BytesIO()
    arrow_parquet.write_table(pa.table({**usual, **columns}), content)
    return content.getvalue()


FAR = pa.array([2**31 - 1], pa.int32()).cast(pa.date32())
DURATION = pa.array([timedelta(1)])


@pytest.mark.parametrize("column", [FAR, DURATION, pa.array([1], pa.int64()).cast(pa.timestamp("us", "+05:30"))], ids=lambda c: str(c.type))
def test_a_column_of_any_type_that_nobody_maps_keeps_no_delivery_out(world: World, tmp_path: Path, column: pa.Array) -> None:
    of_parquet = world.with_feed(tmp_path / "feeds", files={"patterns": ["acme_*"], "format": "parquet"})
    assert of_parquet.ingest("acme_1.parquet", a_parquet_file(further=column)).success
    assert of_parquet.platform.lake.files("incoming/") == []


@pytest.mark.parametrize(("name", "column", "code"), [("emv", DURATION, "E_TYPE"), ("bmv", pa.array([[1]]), "E_TYPE")])
def test_a_mapped_column_without_a_text_form_fails_its_run_with_the_reason(
    world: World, tmp_path: Path, name: str, column: pa.Array, code: str
) -> None:
    of_parquet = world.with_feed(tmp_path / "feeds", files={"patterns": ["acme_*"], "format": "parquet"})
    result = of_parquet.ingest("acme_1.parquet", a_parquet_file(**{name: column}))
    assert not result.success
    readable = checks(result)["delivery_is_readable"]
    assert value(readable.metadata, "error_code") == code
    assert f"the column '{name}' " in value(readable.metadata, "reason")
    assert of_parquet.platform.lake.files("incoming/") == []
    assert of_parquet.platform.lake.exists(value(readable.metadata, "moved_to"))


@pytest.fixture
def crashing_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Deliveries are read by a program whose CSV parser does what the file says."""
    end_idle_readers()
    monkeypatch.setattr(reading_apart, "PROGRAM", "advisory_perf_tests.ingestion.crashing_reader")
    yield
    end_idle_readers()


def test_a_parser_that_panics_fails_the_run_with_a_sentence(world: World, crashing_reader: None) -> None:
    result = world.ingest("acme_1.csv", "panic\n")
    readable = checks(result)["delivery_is_readable"]
    assert value(readable.metadata, "error_code") == "E_FORMAT"
    assert "straddling" not in value(readable.metadata, "reason")
    assert world.platform.lake.files("incoming/") == []


@pytest.mark.parametrize(("does", "says"), [("abort", "SIGABRT"), ("hog", "READ_MEMORY_BYTES"), ("loop", "READ_SECONDS (1)")])
def test_a_file_that_ends_its_reader_is_rejected_and_the_next_one_is_ingested(
    tmp_path: Path, warehouse_url: str, crashing_reader: None, does: str, says: str
) -> None:
    with a_world(tmp_path, warehouse_url, read_memory_bytes=1 << 28, read_seconds=1) as world:
        readable = checks(world.ingest("acme_1.csv", f"{does}\n"))["delivery_is_readable"]
        assert value(readable.metadata, "error_code") == "E_RESOURCES"
        assert says in value(readable.metadata, "reason")
        assert world.platform.lake.exists(value(readable.metadata, "moved_to"))
        assert world.ingest("acme_2.csv", csv(A_THIRD)).success


def test_a_delivery_that_contradicts_itself_fails_its_run_with_the_reason(world: World) -> None:
    swapped = "A,2025-03-03,110.00,0.00,0.00,10.00,100.00,0.10000"
    result = world.ingest("acme_1.csv", csv(swapped))
    assert not result.success
    assert materialised_stages(result) == {"raw_vendor_file"}
    plausible = checks(result)["delivery_is_plausible"]
    assert (plausible.passed, plausible.blocking) == (False, True)
    assert value(plausible.metadata, "error_code") == "E_HEADER_AMBIGUOUS"
    assert "bmv and emv change places" in value(plausible.metadata, "reason")
    assert world.platform.lake.exists(value(plausible.metadata, "moved_to"))
    assert world.platform.lake.files("incoming/") == []
    assert world.platform.lake.files("archive/") == []
    (entry,) = world.platform.ledger.entries("acme")
    assert (entry.status, entry.error_code) == ("FAILED", "E_HEADER_AMBIGUOUS")


def test_what_a_person_should_know_of_a_delivery_is_a_check_that_warns(world: World) -> None:
    result = world.ingest("acme_1.csv", csv(A_THIRD).replace("twr", "twr,memo").replace("0.10000", "0.10000,x"))
    assert result.success
    found = checks(result)["nothing_to_notice"]
    assert (found.passed, found.severity, found.blocking) == (False, dg.AssetCheckSeverity.WARN, False)
    assert value(found.metadata, "codes") == "W_NEW_COLUMN, W_MISSING_OPTIONAL"
    assert [case["code"] for case in cases(found)] == ["W_NEW_COLUMN", "W_MISSING_OPTIONAL"]


def test_a_feed_that_takes_known_accounts_only_asks_the_warehouse_for_its_own(
    loaded: tuple[World, dg.ExecuteInProcessResult], tmp_path: Path
) -> None:
    world, _ = loaded
    strict = world.with_feed(tmp_path / "strict", accounts="known")
    with strict.administrator.connect() as connection:
        other = '{"data_source": "vendor_a", "account_id": "Z"}'
        connection.execute("INSERT INTO accounts SELECT (jsonb_populate_record(a, %s)).* FROM accounts AS a LIMIT 1", [other])
    assert strict.ingest("acme_2.csv", csv(A_FIFTH.replace("111.00", "111.50"), A_THIRD.replace("A,", "Z,"))).success
    issues = world.rows("data_quality_issues").drop_nulls("line_number").select("account_id", "issue_type").rows()
    assert issues == [("Z", "E_UNKNOWN_ACCOUNT")]


def test_rows_that_go_astray_keep_the_delivery_from_being_ingested(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def losing_one(*arguments: object) -> Validated:
        validated = validate(*arguments)  # type: ignore[arg-type, type-var]
        return replace(validated, accepted=validated.accepted.head(1))

    monkeypatch.setattr("advisory_perf.orchestration.assets.ingestion.validate", losing_one)
    result = world.ingest("acme_1.csv", DELIVERY)
    assert not result.success
    conserved = checks(result)["rows_conserved"]
    assert (conserved.passed, conserved.blocking) == (False, True)
    assert materialised_stages(result) == {"raw_vendor_file"}
    assert world.platform.lake.files("delivered_positions/") == []
    assert world.platform.lake.files("quarantined_rows/") == []
    assert world.platform.ledger.entries("acme")[0].status == "RECEIVED"
    assert [file.name for file in world.platform.lake.files("incoming/acme/")] == ["acme_1.csv"], "so that it can be tried again"


def test_a_delivery_that_is_known_yields_nothing_and_succeeds(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, _ = loaded
    before = world.rows("etl_processing_log")
    again = world.ingest("acme_1.csv", DELIVERY)
    assert again.success
    assert materialised_stages(again) == set()
    known = world.platform.ledger.entries("acme")[0].delivery_id
    says = value(checks(again)["delivery_is_readable"].metadata, "nothing_new")
    assert says == f"the ledger has acme_1.csv as COMPLETED (delivery {known}); nothing was changed"
    assert world.platform.lake.files("incoming/") == []
    assert world.rows("etl_processing_log").equals(before)


def test_the_same_bytes_under_another_name_are_a_duplicate_that_changes_nothing(loaded: tuple[World, dg.ExecuteInProcessResult]) -> None:
    world, _ = loaded
    again = world.ingest("acme_1_resent.csv", DELIVERY)
    assert again.success
    assert materialised_stages(again) == set()
    original, repeat = world.platform.ledger.entries("acme")
    assert (original.status, repeat.status) == ("COMPLETED", "DUPLICATE")
    assert value(checks(again)["delivery_is_readable"].metadata, "nothing_new") == repeat.error_message
    assert sorted(file.name for file in world.platform.lake.files("archive/acme/")) == ["acme_1.csv", "acme_1_resent.csv"]
    assert world.rows("performance_data").height == 3


BY_FOLDER = {"patterns": ["acme_*"], "format": "csv", "stated": {"sent": {"in": "path", "pattern": r"^(\d{4}-\d\d-\d\d)/"}}}


def test_the_folder_of_a_file_is_part_of_its_name_where_it_says_the_day(world: World, tmp_path: Path) -> None:
    columns = {**acme_as_data()["columns"], "as_of_date": "sent"}
    stated = world.with_feed(tmp_path / "stated", files=BY_FOLDER, columns=columns, ignored=["day"])
    for folder in ("2025-03-03", "2025-03-04"):
        assert stated.ingest(f"{folder}/acme_1.csv", csv(A_THIRD)).success
    first, second = sorted(stated.platform.ledger.entries("acme"), key=lambda entry: entry.file_name)
    assert [first.file_name, second.file_name] == ["2025-03-03/acme_1.csv", "2025-03-04/acme_1.csv"]
    assert [str(entry.first_as_of_date) for entry in (first, second)] == ["2025-03-03", "2025-03-04"]
    assert stated.platform.lake.exists(f"archive/acme/{second.delivery_id}/2025-03-04/acme_1.csv")
    again = find_arrival(stated.platform.lake, stated.platform.ledger, stated.platform.feeds["acme"], second.delivery_id)
    assert again.name == "2025-03-04/acme_1.csv"
    assert not stated.ingest("acme_1.csv", csv(A_THIRD)).success
    assert "E_MAPPING" in {entry.error_code for entry in stated.platform.ledger.entries("acme")}


def test_a_delivery_that_does_not_look_like_the_last_ones_is_taken_with_a_notice_each_time(world: World) -> None:
    usual = [f"{account}{number},2025-03-03,100.00,0.00,0.00,10.00,110.00,0.10000" for account in "AB" for number in range(10)]
    for number in range(6):
        result = world.ingest(f"acme_{number}.csv", csv(*usual).replace("2025-03-03", f"2025-03-0{number + 1}"))
        assert profile_codes(result) == []
    path = world.put("acme_7.csv", csv(*usual[:12]).replace("2025-03-03", "2025-03-07"))
    for _ in range(2):
        result = world.ingest_again(delivery_id_of(path))
        assert result.success
        assert profile_codes(result) == ["W_PROFILE_ROWS", "W_PROFILE_SUM"]
    kept = world.platform.warehouse.query("SELECT (profile ->> 'read')::int AS read FROM delivery_profiles ORDER BY etl_log_id")
    assert kept["read"].to_list() == [20] * 6 + [12]


def profile_codes(result: dg.ExecuteInProcessResult) -> list[str]:
    """What an ingestion noticed of a delivery beside the others of its feed."""
    found = result.get_asset_check_evaluations()
    (rows,) = (one for one in found if one.check_name == "nothing_to_notice" and one.asset_key.path[-1] == "delivered_positions")
    return [code for code in value(rows.metadata, "codes").split(", ") if code.startswith("W_PROFILE")]
