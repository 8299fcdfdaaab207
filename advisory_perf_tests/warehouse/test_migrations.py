import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from enum import StrEnum
from pathlib import Path

import psycopg
import pytest

from advisory_perf.contracts.enums import (
    BreakStatus,
    Cause,
    ConversionStatus,
    DeliveryStatus,
    FeeBasis,
    GroupLevel,
    LinkStatus,
    QualityDimension,
    ReconciledField,
    ReconciliationStatus,
    ReturnStatus,
    RollUpStatus,
    Severity,
)
from advisory_perf.contracts.firm_tables import FIRM_TABLES
from advisory_perf.contracts.stored_tables import OWN_COLUMNS, STORED, StoredTable
from advisory_perf.contracts.tables import (
    ACCOUNTS,
    CURRENCY_RETURNS,
    DELIVERY_FACTORS,
    PUBLISHED,
    PUBLISHED_RATES,
    RECONCILIATION_TOTALS,
    Table,
)
from advisory_perf.deliveries.ingestion_writes import IngestionWrite, noted_ingestions
from advisory_perf.errors import WarehouseError
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.lake_writes import LakeWrite, noted_writes
from advisory_perf.warehouse.migrations import migrate, pending_migrations

pytestmark = pytest.mark.slow

SQL = Path(__file__).parents[2] / "sql"
NUMBERED = sorted(path.stem for path in SQL.glob("*.sql"))
ALL = [*NUMBERED, *sorted(f"functions/{path.stem}" for path in SQL.glob("functions/*.sql"))]


_RELATIONS = (
    "SELECT relname, attname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND NOT attisdropped AND attnum > 0"
    " WHERE relnamespace = 'public'::regnamespace ORDER BY 1, 2"
)


def test_nothing_of_a_migration_is_printed(empty_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A command that opens a new home may give out a file."""
    (tmp_path / "0001_one.sql").write_text("SELECT 1;")
    (tmp_path / "functions").mkdir()
    migrate(empty_url, tmp_path)
    assert capsys.readouterr().out == ""


def test_a_function_is_applied_again_when_its_script_has_changed_and_only_then(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text(
        "CREATE TABLE sql_functions (name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());"
    )
    (tmp_path / "functions").mkdir()
    (one, other) = (tmp_path / "functions" / f"{name}.sql" for name in ("one", "other"))
    one.write_text("CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1;")
    other.write_text("CREATE OR REPLACE FUNCTION other() RETURNS int LANGUAGE sql RETURN 5;")
    assert migrate(empty_url, tmp_path) == ["0001_one", "functions/one", "functions/other"]
    assert (pending_migrations(empty_url, tmp_path), migrate(empty_url, tmp_path)) == ([], [])
    one.write_text("CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql RETURN 2;")
    assert pending_migrations(empty_url, tmp_path) == ["functions/one"]
    assert migrate(empty_url, tmp_path) == ["functions/one"]
    assert Warehouse(empty_url).query("SELECT one(), other()").row(0) == (2, 5)
    one.write_text("CREATE OR REPLACE FUNCTION one() RETURNS text LANGUAGE sql RETURN 'x';")
    with pytest.raises(WarehouseError, match="migration functions/one failed"):
        migrate(empty_url, tmp_path)
    assert Warehouse(empty_url).query("SELECT one()").item() == 2


def test_migrations_apply_in_order_and_the_second_time_do_nothing(empty_url: str) -> None:
    assert pending_migrations(empty_url) == ALL
    assert migrate(empty_url) == ALL
    assert pending_migrations(empty_url) == []
    assert migrate(empty_url) == []


def test_two_at_once_apply_each_migration_once(empty_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(migrate, [empty_url, empty_url]))
    assert sorted(applied) == [[], ALL]


def test_looking_for_pending_migrations_changes_nothing(empty_url: str) -> None:
    pending_migrations(empty_url)
    assert Warehouse(empty_url).query("SELECT * FROM pg_tables WHERE schemaname = 'public'").is_empty()


def test_a_migration_that_was_applied_but_not_noted_is_applied_again_without_harm(warehouse_url: str) -> None:
    with psycopg.connect(warehouse_url) as connection:
        connection.execute("DELETE FROM _yoyo_migration")
    tables = Warehouse(warehouse_url).query(_RELATIONS)
    assert migrate(warehouse_url) == NUMBERED
    assert Warehouse(warehouse_url).query(_RELATIONS).equals(tables)
    assert Warehouse(warehouse_url).query("SELECT prosecdef FROM pg_proc WHERE proname = 'create_monthly_partition'").item()


def test_the_lock_of_a_killed_process_does_not_stop_the_next(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (x int);")
    migrate(empty_url, tmp_path)
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two (x int);")
    with psycopg.connect(empty_url) as connection:
        connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1)")
    assert migrate(empty_url, tmp_path) == ["0002_two"]


def test_results_that_are_there_are_held_against_the_new_causes_apart_from_the_change_that_shuts_readers_out(
    empty_url: str, tmp_path: Path
) -> None:
    for path in SQL.glob("000?_*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    migrate(empty_url, tmp_path)
    with psycopg.connect(empty_url) as connection:
        connection.execute("SELECT create_monthly_partition('reconciliation_results', '2024-05-01')")
    checks = "SELECT convalidated, conrelid::regclass::text FROM pg_constraint WHERE conname = 'reconciliation_results_cause' ORDER BY 2"
    assert Warehouse(empty_url).query(checks).rows()[0] == (False, "reconciliation_results")
    migrate(empty_url)
    expected = [(True, "reconciliation_results"), (True, "reconciliation_results_2024_05")]
    assert Warehouse(empty_url).query(checks).rows() == expected


def test_what_was_ingested_before_days_were_kept_has_those_that_were_published_or_are_its_first_and_last(
    empty_url: str, tmp_path: Path
) -> None:
    for path in SQL.glob("000[1-8]_*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    migrate(empty_url, tmp_path)
    with psycopg.connect(empty_url) as connection:
        connection.execute(
            "INSERT INTO etl_processing_log"
            " (delivery_id, file_name, file_path, vendor, sha256, size_bytes, status, received_at, first_as_of_date, last_as_of_date)"
            " SELECT name, name, name, 'alpha', name, 1, status, now(), first::date, last::date FROM (VALUES"
            " ('published', 'COMPLETED', '2024-01-31', '2024-03-31'), ('pending', 'PROCESSING', '2024-05-01', '2024-05-01'),"
            " ('failed', 'FAILED', NULL, NULL)) AS known (name, status, first, last)"
        )
        connection.execute("INSERT INTO accounts (data_source, account_id) VALUES ('alpha', 'A-1')")
        for day in ("2024-01-31", "2024-02-29", "2024-03-31"):
            connection.execute("SELECT create_monthly_partition('performance_data', %s)", [day])
        connection.execute(
            "INSERT INTO performance_data (data_source, account_id, as_of_date, beginning_market_value, contributions, distributions,"
            " ending_market_value, currency, file_name, delivery_id, line_number, net_flow, cumulative_net_flow, return_status,"
            " linked_over_gap, inception_date, reconciliation_status) SELECT 'alpha', 'A-1', day::date, 100, 0, 0, 101, 'USD', 'published',"
            " 'published', 2, 0, 0, 'OK', false, day::date, 'COMPLETED'"
            " FROM unnest(ARRAY['2024-01-31', '2024-02-29', '2024-03-31']) AS day"
        )
    assert migrate(empty_url) == ALL[8:]
    found = Warehouse(empty_url).query(
        "SELECT delivery_id, day.as_of_date::text FROM delivered_days AS day JOIN etl_processing_log AS log ON log.id = day.etl_log_id"
        " ORDER BY 2"
    )
    assert found.rows() == [
        ("published", "2024-01-31"),
        ("published", "2024-02-29"),
        ("published", "2024-03-31"),
        ("pending", "2024-05-01"),
    ]


def test_accounts_that_were_published_before_have_their_statistics_computed_once(warehouse_url: str) -> None:
    with psycopg.connect(warehouse_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO accounts (data_source, account_id, first_as_of_date) VALUES ('alpha', 'A-1', '2024-01-31'), ('alpha', 'A-2', NULL)"
        )
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0031_account_statistics'")
    assert migrate(warehouse_url) == ["0031_account_statistics"]
    noted = Warehouse(warehouse_url).query("SELECT data_source, account_id, first_date FROM statistics_pending")
    assert noted.rows() == [("alpha", "A-1", date(2024, 1, 31))]


def test_portfolios_that_were_published_before_have_their_contributions_computed_once(warehouse_url: str) -> None:
    with psycopg.connect(warehouse_url, autocommit=True) as connection:
        for day in ("2024-01-31", "2024-02-29"):
            connection.execute("SELECT create_monthly_partition('portfolio_performance', %s)", [day])
            connection.execute(
                "INSERT INTO portfolio_performance (data_source, level, group_id, as_of_date, members, missing_members, roll_up_status,"
                " return_status, growth_index, linked_over_gap, inception_date)"
                " VALUES ('alpha', 'CLIENT', 'X', %(day)s, 1, 0, 'OK', 'OK', 1, false, %(day)s)",
                {"day": day},
            )
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0033_portfolio_contributions'")
    assert migrate(warehouse_url) == ["0033_portfolio_contributions"]
    noted = Warehouse(warehouse_url).query("SELECT data_source, level, group_id, first_date FROM contributions_pending")
    assert noted.rows() == [("alpha", "CLIENT", "X", date(2024, 1, 31))]


def test_what_was_kept_by_the_vendors_name_is_kept_by_the_name_of_its_one_feed(empty_url: str, tmp_path: Path) -> None:
    for path in SQL.glob("00[01]?_*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    for path in SQL.glob("002[0-4]_*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    migrate(empty_url, tmp_path)
    with psycopg.connect(empty_url) as connection:
        for vendor in ("alpha", "beta"):
            connection.execute(
                "INSERT INTO etl_processing_log (delivery_id, file_name, file_path, vendor, sha256, size_bytes, status, received_at)"
                " VALUES (%(vendor)s, 'x.csv', 'x', %(vendor)s, 'same', 1, 'RECEIVED', now())",
                {"vendor": vendor},
            )
        connection.execute(
            "INSERT INTO alerts (alert_key, code, severity, vendor, since, subject, message)"
            " VALUES ('k', 'MISSING_FILE', 'HIGH', 'alpha', now(), 's', 'm')"
        )
        connection.execute(
            "INSERT INTO lake_writes (vendor, first_date, last_date, run_id) VALUES ('alpha', '2024-01-31', '2024-01-31', 'run')"
        )
        connection.execute("INSERT INTO ingestion_writes (vendor, delivery_id, run_id) VALUES ('beta', 'beta', 'run')")
    assert migrate(empty_url) == ALL[ALL.index("0025_feeds") :]
    warehouse = Warehouse(empty_url)
    assert warehouse.query("SELECT feed, vendor FROM etl_processing_log ORDER BY 1").rows() == [("alpha", "alpha"), ("beta", "beta")]
    assert warehouse.query("SELECT feed, vendor FROM alerts").rows() == [("alpha", "alpha")]
    assert noted_writes(warehouse) == [LakeWrite(1, "alpha", date(2024, 1, 31), date(2024, 1, 31), "run")]
    assert noted_ingestions(warehouse) == [IngestionWrite(1, "beta", "beta", "run")]


def test_a_file_is_one_delivery_of_a_feed_and_another_of_another_feed_of_its_vendor(warehouse_url: str) -> None:
    insert = (
        "INSERT INTO etl_processing_log (delivery_id, file_name, file_path, feed, vendor, sha256, size_bytes, status, received_at)"
        " VALUES (%s, 'x.csv', 'x', %s, 'alpha', 'same', 1, 'RECEIVED', now())"
    )
    with psycopg.connect(warehouse_url, autocommit=True) as connection:
        connection.execute(insert, ["one", "alpha"])
        connection.execute(insert, ["two", "alpha_trades"])
        with pytest.raises(psycopg.errors.UniqueViolation, match="etl_processing_log_same_file"):
            connection.execute(insert, ["three", "alpha_trades"])
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id = '0025_feeds'")
    assert migrate(warehouse_url) == ["0025_feeds"]
    names = "SELECT feed FROM etl_processing_log ORDER BY 1"
    assert Warehouse(warehouse_url).query(names)["feed"].to_list() == ["alpha", "alpha_trades"], "a second time changes no name"


def test_a_migration_that_fails_is_named_and_leaves_no_trace(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "0001_good.sql").write_text("CREATE TABLE good (x int);")
    (tmp_path / "0002_bad.sql").write_text("CREATE TABLE bad (x int);\nCREATE TABLE bad (x int);")
    with pytest.raises(WarehouseError, match=r'migration 0002_bad failed .*"bad" already exists'):
        migrate(empty_url, tmp_path)
    assert pending_migrations(empty_url, tmp_path) == ["0002_bad"]
    assert Warehouse(empty_url).query("SELECT to_regclass('bad')::text AS found").item() is None


def test_a_folder_without_migrations_is_refused(warehouse_url: str, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="no migrations"):
        migrate(warehouse_url, tmp_path)


def test_an_unreachable_warehouse_cannot_be_migrated() -> None:
    with pytest.raises(WarehouseError, match="cannot be reached"):
        migrate("postgresql://someone@127.0.0.1:1/nowhere")


def columns_of(warehouse: Warehouse, table: str) -> dict[str, tuple[str, bool]]:
    """Type and whether it may be null, of each column as the warehouse has it."""
    found = warehouse.query(
        "SELECT attname, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS nullable FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [table],
    )
    return {name: (kind, nullable) for name, kind, nullable in found.iter_rows()}


IN_WAREHOUSE: tuple[Table, ...] = (
    ACCOUNTS,
    *(one.table for one in PUBLISHED),
    RECONCILIATION_TOTALS,
    DELIVERY_FACTORS,
    PUBLISHED_RATES.table,
    CURRENCY_RETURNS,
    *FIRM_TABLES,
)
WITH_HISTORY = [one.name for one in (*PUBLISHED, PUBLISHED_RATES) if one.history == f"{one.name}_history"]
OWN = {column.name: (column.sql, column.nullable) for column in OWN_COLUMNS}


@pytest.mark.parametrize("table", IN_WAREHOUSE, ids=lambda table: table.name)
def test_columns_types_and_nulls_are_those_of_the_data_dictionary(shared_warehouse: Warehouse, table: Table) -> None:
    stored = columns_of(shared_warehouse, table.name)
    expected = {column.name: (column.kind.sql, table.is_nullable(column)) for column in table.columns}
    assert {name: stored[name] for name in expected if name in stored} == expected
    assert {name: OWN.get(name) for name in stored.keys() - expected.keys()} == {
        name: stored[name] for name in stored.keys() - expected.keys()
    }


@pytest.mark.parametrize("table", STORED, ids=lambda table: table.name)
def test_the_warehouses_own_tables_are_those_of_the_data_dictionary(shared_warehouse: Warehouse, table: StoredTable) -> None:
    assert columns_of(shared_warehouse, table.name) == {column.name: (column.sql, column.nullable) for column in table.columns}


def test_no_table_is_without_an_entry(shared_warehouse: Warehouse) -> None:
    found = shared_warehouse.query(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
        " AND relname NOT LIKE '%yoyo%'"
    )
    histories = {f"{name}_history" for name in WITH_HISTORY}
    assert set(found["relname"]) == {*(table.name for table in IN_WAREHOUSE), *(table.name for table in STORED)} | histories


@pytest.mark.parametrize("table", IN_WAREHOUSE, ids=lambda table: table.name)
def test_the_natural_key_is_the_primary_key(shared_warehouse: Warehouse, table: Table) -> None:
    found = shared_warehouse.query(
        "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)"
        " WHERE indrelid = %s::regclass AND indisprimary ORDER BY array_position(indkey::int2[], attnum)",
        [table.name],
    )
    assert tuple(found["attname"]) == table.key


@pytest.mark.parametrize("table", WITH_HISTORY)
def test_the_history_has_every_column_of_its_table(shared_warehouse: Warehouse, table: str) -> None:
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
    published = set(shared_warehouse.query(columns, [table])["attname"])
    history = set(shared_warehouse.query(columns, [f"{table}_history"])["attname"])
    assert history - published == {"superseded_at", "superseded_by_delivery_id"}
    assert all(columns_of(shared_warehouse, f"{table}_history")[name] == OWN[name] for name in history - published)
    assert published <= history


@pytest.mark.parametrize(
    ("table", "column", "allowed"),
    [
        ("etl_processing_log", "status", DeliveryStatus),
        ("data_quality_issues", "severity", Severity),
        ("alerts", "severity", Severity),
        ("performance_data", "return_status", ReturnStatus),
        ("performance_data", "reconciliation_status", ReconciliationStatus),
        ("reconciliation_results", "field_name", ReconciledField),
        ("reconciliation_results", "likely_cause", Cause),
        ("reconciliation_breaks", "status", BreakStatus),
        ("portfolio_performance", "level", GroupLevel),
        ("portfolio_performance", "return_status", ReturnStatus),
        ("portfolio_performance", "roll_up_status", RollUpStatus),
        ("data_quality_scores", "dimension", QualityDimension),
        ("composite_performance", "composite_status", RollUpStatus),
        ("composite_report", "fee_basis", FeeBasis),
        ("currency_returns", "conversion_status", ConversionStatus),
        ("portfolio_contributions", "level", GroupLevel),
        *(("portfolio_contributions", f"status_{period}", LinkStatus) for period in ("mtd", "qtd", "ytd")),
    ],
)
def test_a_check_allows_exactly_the_words_of_the_code(shared_warehouse: Warehouse, table: str, column: str, allowed: type[StrEnum]) -> None:
    found = shared_warehouse.query(
        "SELECT pg_get_constraintdef(oid) AS d FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'",
        [table],
    )
    (check,) = (text for text in found["d"] if text.startswith(f"CHECK (({column} = ANY"))
    assert set(re.findall(r"'(\w+)'::text", check)) == set(allowed)
