"""`make bench`: one million rows from a CSV file to published and reconciled, beside a bare COPY of the same rows.

Both run in this one call against the same server, so that the ratio holds on a noisy machine where seconds do not. The bare COPY
loads what the pipeline published, already rendered as CSV, into empty tables with the same indexes, keys and checks.
"""

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import psycopg

from advisory_perf.contracts.tables import ACCOUNTS, PUBLISHED, Table
from advisory_perf.lake.store import Lake
from advisory_perf.runtime.in_process import LocalRuns
from advisory_perf.runtime.installation import open_installation
from advisory_perf.samples.bulk import bulk_csv
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.warehouse.migrations import migrate
from advisory_perf.warehouse.roles import Role, address_of
from bench.additions import print_shares, timed
from bench.causes import compare_causes
from bench.reading import LAST_DAY, compare_readers

VENDOR = "bulk"
FEED = Path(__file__).parent / "feeds" / "bulk.yaml"


def main() -> None:
    """Parses the arguments and runs the whole comparison, or one part of it in a process of its own."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("part", nargs="?", choices=["pipeline", "copy", "reading"], help="reading: only how files are read")
    arguments = parser.parse_args()
    if arguments.part == "pipeline":
        print(json.dumps(run_pipeline(arguments.home)))
    elif arguments.part == "copy":
        print(json.dumps(run_copy(arguments.home)))
    elif arguments.part == "reading":
        compare_readers(arguments.accounts, arguments.days)
    else:
        compare_readers(arguments.accounts, arguments.days)
        seconds = compare(arguments.accounts, arguments.days)
        compare_causes(arguments.accounts, arguments.days, seconds)


def compare(accounts: int, days: int) -> float:
    """Makes the file, runs both parts and prints times, peak memory and the ratio; gives the seconds of the pipeline."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        content = bulk_csv(accounts=accounts, days=days, last_day=LAST_DAY, seed=1)
        (home / "bulk_all.csv").write_bytes(content)
        print(f"{accounts * days:,} rows, {len(content) / 1e6:,.0f} MB of CSV; {accounts:,} accounts, {days} days")
        with EmbeddedPostgres(home):
            pipeline, copy = (_part(name, home) for name in ("pipeline", "copy"))
    print(f"\n{'stage':<32}{'seconds':>9}")
    for name, seconds in pipeline["stages"].items():
        print(f"{name:<32}{seconds:>9.1f}")
    print(f"{'file to published, reconciled':<32}{pipeline['seconds']:>9.1f}   peak memory {pipeline['peak_mb']:,.0f} MB")
    print_shares(pipeline["besides"], pipeline["seconds"])
    print()
    for name, seconds in copy["tables"].items():
        print(f"{'bare COPY of ' + name:<32}{seconds:>9.1f}")
    print(f"{'bare COPY':<32}{copy['seconds']:>9.1f}")
    print(f"\nratio {pipeline['seconds'] / copy['seconds']:.2f}   (aim 1.25, alarm 3)")
    return float(pipeline["seconds"])


def _part(name: str, home: Path) -> dict[str, object]:
    done = subprocess.run([sys.executable, "-m", "bench", name, "--home", str(home)], stdout=subprocess.PIPE, check=True, text=True)
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def run_pipeline(home: Path) -> dict[str, object]:
    """The platform's way: incoming, ingestion, pipeline, warehouse; seconds by stage from Dagster's own events."""
    settings = Settings(home=home, feeds_dir=FEED.parent)
    with open_installation(settings) as installation, installation.instance() as instance:
        runs = LocalRuns(installation.platform(), installation.definitions(), instance)
        _settle(address_of(installation.settings, Role.OWNER))
        begin = time.perf_counter()
        with timed() as spent:
            handed = runs.ingest(home / "bulk_all.csv", None)
            runs.run_pipeline(handed.entry.feed)
        seconds = time.perf_counter() - begin
        stages = {}
        for record in reversed(instance.get_run_records()):
            for stats in instance.get_run_step_stats(record.dagster_run.run_id):
                stages[stats.step_key.removeprefix(f"{VENDOR}__")] = (stats.end_time or 0) - (stats.start_time or 0)
    stages["between and around the stages"] = seconds - sum(stages.values())
    return {"seconds": seconds, "stages": stages, "besides": spent, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def run_copy(home: Path) -> dict[str, object]:
    """The same rows by nothing but COPY, into a database with the same schema."""
    lake = Lake(str(home / "lake"))
    with EmbeddedPostgres(home) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bare_copy")
        url = server.url("bare_copy")
        migrate(url)
        tables = {}
        for table in (one.table for one in PUBLISHED):
            rows = lake.read_partitions(table.name, VENDOR, "window", lake.partition_keys(table.name, VENDOR, "window"))
            rows = rows.filter("is_valuation") if "is_valuation" in rows.columns else rows
            tables[table.name] = _bare_copy(Warehouse(url), table, rows.select(table.column_names))
    return {"seconds": sum(tables.values()), "tables": tables}


def _bare_copy(warehouse: Warehouse, table: Table, rows: pl.DataFrame) -> float:
    rendered = io.BytesIO()
    rows.write_csv(rendered, include_header=False)
    accounts = rows.select(ACCOUNTS.key if set(ACCOUNTS.key) <= set(rows.columns) else []).unique()
    with warehouse.connect() as connection:
        for month in rows["as_of_date"].dt.month_start().unique():
            connection.execute("SELECT create_monthly_partition(%s::regclass, %s)", [table.name, month])
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO accounts (data_source, account_id) VALUES (%s, %s) ON CONFLICT DO NOTHING", accounts.rows())
    _settle(warehouse.url)
    with warehouse.connect() as connection:
        begin = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(rows.columns)}) FROM STDIN (FORMAT csv)") as copy:
            copy.write(rendered.getbuffer())
        connection.commit()
        return time.perf_counter() - begin


def _settle(url: str) -> None:
    """Neither part pays for the pages that came before it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")


if __name__ == "__main__":
    main()
