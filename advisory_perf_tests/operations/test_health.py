from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from advisory_perf.contracts.tables import QUARANTINED_ROWS
from advisory_perf.deliveries.ingestion_writes import note_ingestion
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.lake.store import Lake
from advisory_perf.operations import health
from advisory_perf.operations.health import HealthFinding, lake_health, ledger_health, partition_health, warehouse_health
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.locks import Locks
from advisory_perf.warehouse.migrations import migrate

pytestmark = pytest.mark.slow

LONG_AGO = datetime(2025, 3, 14, 22, tzinfo=UTC)
NOWHERE = Warehouse("postgresql://someone:secret@127.0.0.1:1/nowhere")


def bad(findings: Iterable[HealthFinding]) -> list[HealthFinding]:
    return [finding for finding in findings if not finding.is_good]


def publish(warehouse: Warehouse, *days: date) -> None:
    """A valuation of one account on each of the days; months get their partition unless a default one takes them."""
    with warehouse.connect() as connection:
        connection.execute("INSERT INTO accounts (data_source, account_id) VALUES ('alpha', 'A-1')")
        has_default = connection.execute("SELECT to_regclass('performance_data_others')").fetchone() != (None,)
        for day in days:
            if not has_default:
                connection.execute("SELECT create_monthly_partition('performance_data', %s)", [day])
            connection.execute(
                "INSERT INTO performance_data (data_source, account_id, as_of_date, beginning_market_value,"
                " contributions, distributions, ending_market_value, currency, file_name, delivery_id, line_number,"
                " net_flow, cumulative_net_flow, return_status, linked_over_gap, inception_date, reconciliation_status)"
                " VALUES ('alpha', 'A-1', %s, 100, 0, 0, 101, 'USD', 'a.csv', 'a-1', 2, 0, 0, 'OK', false, %s,"
                " 'COMPLETED')",
                [day, day],
            )


def ingest(warehouse: Warehouse, name: str, *, hours_ago: float, is_ingested: bool = False) -> Ledger:
    """A delivery of ten rows, one of them quarantined, whose ingestion began some hours ago."""
    ledger = Ledger(warehouse)
    ledger.claim(
        delivery_id=name,
        file_name=f"{name}.csv",
        file_path=f"incoming/alpha/{name}.csv",
        feed="alpha",
        vendor="alpha",
        sha256=name,
        size_bytes=1,
        received_at=datetime(2024, 3, 1, tzinfo=UTC),
        run_id="run",
    )
    if is_ingested:
        ledger.mark_ingested(
            name,
            read=10,
            accepted=9,
            quarantined=1,
            duplicate=0,
            footer=0,
            as_of_dates=[date(2024, 2, 29)],
            issues=pl.DataFrame(schema=QUARANTINED_ROWS.polars_schema),
        )
    with warehouse.connect() as connection:
        began = f"now() - {hours_ago} * interval '1 hour'"
        statement = f"UPDATE etl_processing_log SET processing_start_time = {began} WHERE delivery_id = %s"
        connection.execute(statement.encode(), [name])
    return ledger


# lake -----------------------------------------------------------------------------------------------------------------


def test_a_lake_that_works_is_good_and_keeps_no_probe(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    findings = lake_health(lake)
    assert [finding.subject for finding in findings] == ["lake: write", "lake: list", "lake: read", "lake: delete"]
    assert not bad(findings)
    assert lake.files("") == []


def test_a_lake_that_cannot_be_written_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    (finding,) = lake_health(Lake(str(tmp_path / "file")))
    assert finding.subject == "lake: write"
    assert not finding.is_good
    assert "check its address and rights" in finding.says


def test_a_lake_without_the_right_to_delete_is_reported(tmp_path: Path) -> None:
    class Keeping(Lake):
        def delete(self, paths: Iterable[str]) -> None:
            """Nothing goes."""

    (finding,) = bad(lake_health(Keeping(str(tmp_path))))
    assert finding.subject == "lake: delete"
    assert "give the right to delete" in finding.says


def test_whatever_a_lake_raises_is_a_finding_and_the_rest_is_still_looked_at(tmp_path: Path) -> None:
    class Strange(Lake):
        def read(self, path: str) -> bytes:
            raise ValueError(f"no such scheme for {path}")

    lake = Strange(str(tmp_path))
    findings = lake_health(lake)
    assert len(findings) == 4
    (finding,) = bad(findings)
    assert finding.subject == "lake: read"
    assert "ValueError: no such scheme" in finding.says
    assert lake.files("") == []


# warehouse ------------------------------------------------------------------------------------------------------------


def test_a_migrated_warehouse_is_good(warehouse: Warehouse) -> None:
    findings = warehouse_health(warehouse)
    assert [finding.subject for finding in findings] == ["warehouse", "warehouse: schema"]
    assert not bad(findings)
    assert "answers, PostgreSQL" in findings[0].says


def test_a_warehouse_that_does_not_answer_is_reported_without_its_password() -> None:
    (finding,) = warehouse_health(NOWHERE)
    assert not finding.is_good
    assert "cannot be reached" in finding.says
    assert "secret" not in finding.says


def test_a_missing_migration_is_named_until_it_is_applied(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0005_reporting'")
    (finding,) = bad(warehouse_health(warehouse))
    assert finding.says == "the schema lacks 0005_reporting; run `advisory-perf migrate`"
    migrate(warehouse.url)
    assert not bad(warehouse_health(warehouse))


def test_a_server_that_is_too_old_is_reported(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "OLDEST_SERVER", 99)
    (finding,) = bad(warehouse_health(warehouse))
    assert "upgrade it to 99 or later" in finding.says


# partitions -----------------------------------------------------------------------------------------------------------


def test_a_warehouse_without_rows_has_good_partitions(warehouse: Warehouse) -> None:
    findings = partition_health(warehouse)
    assert [finding.subject for finding in findings] == [
        "partitions: performance_data",
        "partitions: portfolio_performance",
        "partitions: reconciliation_results",
        "indexes",
        "constraints",
    ]
    assert not bad(findings)


def test_a_gap_between_the_histories_of_two_vendors_is_no_missing_month(warehouse: Warehouse) -> None:
    publish(warehouse, date(2019, 12, 31), date(2024, 3, 31))
    findings = partition_health(warehouse)
    assert not bad(findings)
    assert findings[0].says == "rows from 2019-12-31 to 2024-03-31, each in the partition of its month"


def test_months_whose_partition_is_detached_are_named_until_it_is_attached(warehouse: Warehouse) -> None:
    publish(warehouse, date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29))
    with warehouse.connect() as connection:
        connection.execute("ALTER TABLE performance_data DETACH PARTITION performance_data_2024_02")
        connection.execute("ALTER TABLE performance_data DETACH PARTITION performance_data_2023_12")
    (finding,) = bad(partition_health(warehouse))
    assert finding.says == (
        "2023-12, 2024-02: rows of performance_data are not seen, since their partition is detached; run ALTER TABLE performance_data "
        "ATTACH PARTITION performance_data_2023_12 FOR VALUES FROM ('2023-12-01') TO ('2024-01-01') and so on for each"
    )
    with warehouse.connect() as connection:
        for name, first, after in (("2023_12", "2023-12-01", "2024-01-01"), ("2024_02", "2024-02-01", "2024-03-01")):
            bounds = f"FOR VALUES FROM ('{first}') TO ('{after}')"
            connection.execute(f"ALTER TABLE performance_data ATTACH PARTITION performance_data_{name} {bounds}".encode())
    assert not bad(partition_health(warehouse))


def test_a_month_of_a_published_delivery_without_a_partition_is_named(warehouse: Warehouse) -> None:
    ingest(warehouse, "a", hours_ago=0, is_ingested=True)
    publish(warehouse, date(2024, 2, 29))
    with warehouse.connect() as connection:
        connection.execute("UPDATE etl_processing_log SET status = 'COMPLETED', records_inserted = 9")
    assert not bad(partition_health(warehouse))
    with warehouse.connect() as connection:
        connection.execute("DROP TABLE performance_data_2024_02")
    (finding,) = bad(partition_health(warehouse))
    assert finding.says == (
        "2024-02 of alpha: deliveries were published, and performance_data has no partition for them; materialise it from "
        "2024-02 to its latest window, or take the partition from a backup"
    )


def test_rows_in_a_default_partition_are_reported_and_an_empty_one_is_not(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("CREATE TABLE performance_data_others PARTITION OF performance_data DEFAULT")
    assert not bad(partition_health(warehouse))
    publish(warehouse, date(2024, 2, 28), date(2024, 2, 29))
    (finding,) = bad(partition_health(warehouse))
    assert "2 rows of performance_data lie in its default partition performance_data_others; detach it" in finding.says


def test_an_invalid_index_is_named_with_its_remedy(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        index = "'etl_processing_log_status'::regclass"
        connection.execute(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = {index}".encode())
    (finding,) = bad(partition_health(warehouse))
    says = "the index etl_processing_log_status of etl_processing_log is not valid; run REINDEX INDEX "
    assert finding.says == f"{says}etl_processing_log_status"
    with warehouse.connect() as connection:
        connection.execute("REINDEX INDEX etl_processing_log_status")
    assert not bad(partition_health(warehouse))


def test_an_index_that_a_partition_lacks_is_named(warehouse: Warehouse) -> None:
    publish(warehouse, date(2024, 2, 29))
    with warehouse.connect() as connection:
        connection.execute("CREATE INDEX half_done ON ONLY performance_data (currency)")
    (finding,) = bad(partition_health(warehouse))
    assert "create it on each partition of performance_data that lacks it and attach it" in finding.says


def test_a_constraint_that_was_never_checked_is_named(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("ALTER TABLE accounts ADD CONSTRAINT has_client CHECK (client_id IS NOT NULL) NOT VALID")
    (finding,) = bad(partition_health(warehouse))
    assert "run ALTER TABLE accounts VALIDATE CONSTRAINT has_client" in finding.says


def test_a_warehouse_without_schema_gives_findings_and_no_error(empty_url: str) -> None:
    bare = Warehouse(empty_url)
    (schema,) = bad(warehouse_health(bare))
    assert "0001_ledger" in schema.says
    assert len(bad(partition_health(bare))) == 3
    (ledger,) = bad(ledger_health(bare, Ledger(bare)))
    assert "run `advisory-perf migrate`" in ledger.says


def test_partitions_that_cannot_be_looked_at_are_findings() -> None:
    findings = partition_health(NOWHERE)
    assert len(findings) == 5
    assert all("cannot be reached" in finding.says for finding in bad(findings))


# ledger ---------------------------------------------------------------------------------------------------------------


def test_an_empty_ledger_is_good(warehouse: Warehouse) -> None:
    findings = ledger_health(warehouse, Ledger(warehouse))
    assert [finding.subject for finding in findings] == [
        "ledger: RECEIVED",
        "ledger: PROCESSING",
        "ledger: FAILED",
        "ledger: rows",
        "ledger: published rows",
        "ledger: ingestions",
    ]
    assert not bad(findings)


def test_a_delivery_under_way_for_almost_an_hour_is_good(warehouse: Warehouse) -> None:
    ingest(warehouse, "a", hours_ago=0.98)
    assert not bad(ledger_health(warehouse, ingest(warehouse, "b", hours_ago=0.98, is_ingested=True)))


def test_deliveries_under_way_for_more_than_an_hour_are_named_with_what_to_do(warehouse: Warehouse) -> None:
    ingest(warehouse, "a", hours_ago=1.01)
    ledger = ingest(warehouse, "b", hours_ago=1.01, is_ingested=True)
    received, processing = bad(ledger_health(warehouse, ledger))
    assert received.says.startswith("alpha a.csv: 1 delivery is RECEIVED for more than an hour; start the daemon")
    assert processing.says.startswith("alpha b.csv: 1 delivery is PROCESSING for more than an hour; they have been ingested")


def test_a_long_list_of_deliveries_is_cut_short(warehouse: Warehouse) -> None:
    for name in "abcde":
        ledger = ingest(warehouse, name, hours_ago=2)
    (finding,) = bad(ledger_health(warehouse, ledger))
    assert finding.says.startswith("alpha a.csv, alpha b.csv, alpha c.csv and 2 more: 5 deliveries are RECEIVED")


def test_a_rejected_delivery_is_reported_and_is_no_incident(warehouse: Warehouse) -> None:
    ledger = ingest(warehouse, "a", hours_ago=5)
    ledger.rejected("a", code="E_EMPTY", sentence="the file has no bytes")
    findings = ledger_health(warehouse, ledger)
    assert not bad(findings)
    assert "alpha a.csv: 1 delivery is rejected" in " ".join(finding.says for finding in findings)


def test_rows_without_an_account_are_reported(warehouse: Warehouse) -> None:
    ledger = ingest(warehouse, "a", hours_ago=0.1)
    with warehouse.connect() as connection:
        connection.execute("UPDATE etl_processing_log SET records_read = 10, records_processed = 8, records_footer = 1")
    (finding,) = bad(ledger_health(warehouse, ledger))
    assert finding.subject == "ledger: rows"
    assert "of a 10 rows were read and 9 are accounted for" in finding.says


def test_published_rows_of_a_delivery_that_the_ledger_does_not_know_are_reported(warehouse: Warehouse) -> None:
    publish(warehouse, date(2024, 2, 28), date(2024, 2, 29))
    (finding,) = bad(ledger_health(warehouse, Ledger(warehouse)))
    assert finding.subject == "ledger: published rows"
    assert finding.says.startswith(
        "2 published rows are of deliveries that the ledger does not know (alpha a-1), and the next run of their"
    )
    ledger = ingest(warehouse, "a-1", hours_ago=0.1)
    assert not bad(ledger_health(warehouse, ledger))


def test_published_rows_of_days_that_wait_for_their_pipeline_are_no_incident(warehouse: Warehouse) -> None:
    publish(warehouse, date(2024, 2, 29))
    ledger = ingest(warehouse, "b", hours_ago=0.1, is_ingested=True)
    assert not bad(ledger_health(warehouse, ledger))
    with warehouse.connect() as connection:
        connection.execute("UPDATE etl_processing_log SET pending_first_date = '2024-02-27', pending_last_date = '2024-02-28'")
    assert [finding.subject for finding in bad(ledger_health(warehouse, ledger))] == ["ledger: published rows"]


def test_an_ingestion_that_has_been_writing_for_long_is_reported(warehouse: Warehouse) -> None:
    ledger = ingest(warehouse, "a-1", hours_ago=0.5, is_ingested=True)
    number = note_ingestion(warehouse, "alpha", "a-1", run_id="run", confirm=Locks(warehouse).confirm)
    later = "UPDATE ingestion_writes SET begun_at = begun_at - make_interval(mins => %s) WHERE id = %s"
    with warehouse.connect() as connection:
        connection.execute(later, [59, number])
    assert not bad(ledger_health(warehouse, ledger))
    with warehouse.connect() as connection:
        connection.execute(later, [2, number])
    (finding,) = bad(ledger_health(warehouse, ledger))
    assert finding.says.startswith("the rows of alpha a-1 are in doubt, since an ingestion began to write them more than an hour ago")


def test_a_ledger_that_cannot_be_read_is_a_finding() -> None:
    (finding,) = ledger_health(NOWHERE, Ledger(NOWHERE))
    assert not finding.is_good
    assert "cannot be reached" in finding.says
