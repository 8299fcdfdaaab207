"""What a day's publication costs where 100,000 breaks of a vendor are open: by Polars, beside the PL/pgSQL that it took the place of.

``python -m bench.breaks [BREAKS]`` makes the vendor in a server of its own and takes its breaks over a day by both, one after the other in
transactions that are rolled back, one after the other; the better of two. The function is read out of migration 0008, which still makes it.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import psycopg

from advisory_perf.reconciliation.breaks import bring_breaks_up_to_date
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.warehouse.migrations import migrate
from advisory_perf.warehouse.roles import Role

BREAKS, RUNS = 100_000, 2
VENDOR = "bulk"
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2024, 6, day) for day in (3, 4, 5, 6))
_MIGRATION = Path(__file__).parents[1] / "sql" / "0008_life_of_a_break.sql"
_POSITIONS = (
    "INSERT INTO performance_data (data_source, account_id, as_of_date, beginning_market_value, contributions, distributions,"
    " ending_market_value, currency, file_name, delivery_id, line_number, net_flow, cumulative_net_flow, return_status, linked_over_gap,"
    " inception_date, reconciliation_status) SELECT %(vendor)s, 'ACC' || number, %(day)s, 100, 0, 0, 101, 'USD', 'file', %(delivery)s,"
    " number, 0, 0, 'OK', false, %(day)s, 'COMPLETED' FROM generate_series(1, %(accounts)s) AS number"
)
_RESULTS = (
    "INSERT INTO reconciliation_results (data_source, account_id, as_of_date, field_name, calculated_value, vendor_value, variance,"
    " tolerance_threshold, within_tolerance, likely_cause) SELECT %(vendor)s, 'ACC' || number, %(day)s, field_name, 107, 100,"
    " %(variance)s, 0.01, field_name <> 'twrr' OR %(variance)s = 0, CASE WHEN field_name = 'twrr' AND %(variance)s <> 0 THEN 'UNEXPLAINED'"
    " END FROM generate_series(1, %(accounts)s) AS number, unnest(ARRAY['ending_market_value', 'net_flow', 'twrr']) AS field_name"
)


def publish(connection: psycopg.Connection, day: date, variance: int, breaks: int, delivery: str = "") -> None:
    """Positions and results of a day, in place of those that there are; one figure of each account has the variance."""
    place = {"vendor": VENDOR, "day": day, "variance": variance, "accounts": breaks, "delivery": delivery or f"file of {day}"}
    for table in ("reconciliation_results", "performance_data"):
        connection.execute("SELECT create_monthly_partition(%s::regclass, %s)", [table, day])
        connection.execute(f"DELETE FROM {table} WHERE data_source = %s AND as_of_date = %s".encode(), [VENDOR, day])  # noqa: S608
    connection.execute(_POSITIONS, place)
    connection.execute(_RESULTS, place)
    connection.execute("ANALYZE performance_data, reconciliation_results")


def by_function(connection: psycopg.Connection, day: date) -> None:
    """The PL/pgSQL function."""
    connection.execute("SELECT bring_breaks_up_to_date(%s, %s, %s)", [VENDOR, day, day])


def by_polars(connection: psycopg.Connection, day: date) -> None:
    """What publications do."""
    bring_breaks_up_to_date(connection, VENDOR, first=day, last=day)


def seconds(warehouse: Warehouse, follow: Callable[[psycopg.Connection, date], None], day: date) -> float:
    """From the question to the last row written, without the commit."""
    with warehouse.open() as connection:
        begin = time.perf_counter()
        follow(connection, day)
        took = time.perf_counter() - begin
        connection.rollback()
    return took


def with_function(server: EmbeddedPostgres) -> Warehouse:
    """A migrated warehouse that has the function, too."""
    migrate(server.url())
    text = _MIGRATION.read_text()
    functions = text[text.index("CREATE OR REPLACE FUNCTION break_id_of") : text.index("COMMENT ON FUNCTION bring_breaks_up_to_date")]
    warehouse = Warehouse(server.url(), Role.OWNER)
    with warehouse.connect() as connection:
        connection.execute(functions.encode())
    return warehouse


def compare(breaks: int) -> None:
    """Prints seconds of both for each way in which a day's breaks go on, and their ratio."""
    with tempfile.TemporaryDirectory() as home, EmbeddedPostgres(Path(home)) as server:
        warehouse = with_function(server)
        with warehouse.connect() as connection:
            connection.execute(
                "INSERT INTO accounts (data_source, account_id) SELECT %s, 'ACC' || number FROM generate_series(1, %s) AS number",
                [VENDOR, breaks],
            )
        print(f"{breaks:,} breaks\n{'a day on which':<40}{'PL/pgSQL':>10}{'Polars':>10}{'ratio':>8}")
        for says, day, variance, delivery in (
            ("they begin", MONDAY, 7, ""),
            ("they go on", TUESDAY, 7, ""),
            ("they go on, published again", TUESDAY, 7, ""),
            ("they go on, restated", TUESDAY, 8, "restated"),
            ("they end", WEDNESDAY, 0, ""),
            ("nothing breaks", THURSDAY, 0, ""),
        ):
            with warehouse.connect() as connection:
                publish(connection, day, variance, breaks, delivery)
            taken = [[seconds(warehouse, follow, day) for follow in (by_function, by_polars)] for _ in range(RUNS)]
            function, polars = map(min, zip(*taken, strict=True))
            print(f"{says:<40}{function:>10.2f}{polars:>10.2f}{polars / function:>8.2f}", flush=True)
            with warehouse.connect() as connection:
                by_polars(connection, day)
                connection.execute("ANALYZE reconciliation_breaks")
    print(f"\npeak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    compare(int(sys.argv[1]) if len(sys.argv) > 1 else BREAKS)
