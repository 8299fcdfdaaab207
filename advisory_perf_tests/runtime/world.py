"""A whole installation in a temporary folder, and what its warehouse holds."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import polars as pl
from polars.testing import assert_frame_equal
from psycopg import sql

from advisory_perf.contracts.tables import ACCOUNTS, PERFORMANCE_DATA, PUBLISHED_PORTFOLIOS, RECONCILIATION_RESULTS
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.platform import Platform, open_platform
from advisory_perf.runtime.in_process import Handed, LocalRuns, run_files
from advisory_perf.runtime.installation import Installation, open_installation
from advisory_perf.samples.truth import SampleFile, VendorTruth
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.feeds.known import known_feed
from advisory_perf_tests.instances import forgetful
from advisory_perf_tests.positions.groups import of_published_positions, published_groups

PROVENANCE = ("delivery_id", "file_name")
"""Differs between two installations that got the same deliveries at different times."""


@contextmanager
def installed(home: Path, **settings: object) -> Iterator[Installation]:
    """An installation with its own embedded PostgreSQL."""
    with open_installation(Settings.model_validate({"home": home, **settings})) as installation:
        yield installation


@dataclass(frozen=True)
class Passing:
    """An installation on a warehouse that is there, whose runs are kept nowhere."""

    settings: Settings

    def platform(self) -> Platform:
        """Feeds and stores."""
        return open_platform(self.settings)

    def definitions(self) -> dg.Definitions:
        """Every asset and job."""
        return build_definitions(self.settings)

    def instance(self) -> AbstractContextManager[dg.DagsterInstance]:
        """Of Dagster, for as long as it is used."""
        return forgetful()


def passing(home: Path, warehouse_url: str, **settings: object) -> Passing:
    """An installation in the folder without a server of its own."""
    return Passing(Settings.model_validate({"home": home, "warehouse_url": warehouse_url, **settings}))


def run(installation: Installation | Passing, folder: Path, files: Sequence[SampleFile], vendor: str | None = None) -> list[Handed]:
    """Hands the files over in order, as `advisory-perf run` does."""
    folder.mkdir(exist_ok=True)
    paths = [folder / file.name for file in files]
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file.content)
    with installation.instance() as instance:
        runs = LocalRuns(installation.platform(), installation.definitions(), instance)
        outcome = run_files(runs, paths, vendor, ingested=lambda _: None, pipeline_done=lambda _name, _of: None)
    assert outcome.failures == []
    return outcome.handed


def content(warehouse: Warehouse, *, without: Sequence[str] = ()) -> dict[str, pl.DataFrame]:
    """The published tables, sorted by key, without the columns that only say when or whence."""
    tables = {}
    for table in (PERFORMANCE_DATA, RECONCILIATION_RESULTS, PUBLISHED_PORTFOLIOS.table, ACCOUNTS):
        names = [name for name in table.column_names if name not in without]
        statement = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.Identifier(table.name),
            sql.SQL(", ").join(map(sql.Identifier, table.key)),
        )
        tables[table.name] = warehouse.query(statement)
    return tables


def every_row(warehouse: Warehouse) -> dict[str, str]:
    """A digest of each table with all its columns, ids and times included."""
    digests = {}
    for name in (
        "accounts",
        "performance_data",
        "performance_data_history",
        "portfolio_performance",
        "portfolio_performance_history",
        "reconciliation_results",
        "etl_processing_log",
        "data_quality_issues",
        "reconciliation_totals",
        "reconciliation_breaks",
        "delivery_factors",
        "delivery_quality_shares",
        "delivery_quality_scores",
        "restatements",
    ):
        statement = sql.SQL("SELECT count(*) || ':' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') AS d FROM {} AS t")
        digests[name] = str(warehouse.query(statement.format(sql.Identifier(name))).item())
    return digests


def assert_equals_truth(warehouse: Warehouse, truth: dict[str, VendorTruth]) -> None:
    """Counts and codes of each file, breaks of each vendor, and figures of each account are the known ones."""
    ledger = Ledger(warehouse)
    issues = dict[tuple[int, str], int]()
    found = warehouse.query(
        "SELECT etl_log_id, issue_type, count(*) AS n FROM data_quality_issues WHERE line_number IS NOT NULL GROUP BY 1, 2"
    )
    issues = {(log, code): count for log, code, count in found.iter_rows()}
    for vendor, expected in truth.items():
        entries = {entry.file_name: entry for entry in ledger.entries(vendor)}
        assert entries.keys() == expected.files.keys()
        for name, file in expected.files.items():
            entry = entries[name]
            if file.status == "DUPLICATE":
                assert (entry.status, entry.records_read) == ("DUPLICATE", 0), name
                continue
            assert entry.status in {"COMPLETED", "COMPLETED_WITH_ISSUES"}, name
            assert (entry.records_read, entry.records_processed, entry.records_duplicate, entry.records_footer) == (
                file.read,
                file.accepted,
                file.duplicates,
                file.footers,
            ), name
            assert {code: count for (log, code), count in issues.items() if log == entry.id} == file.quarantined, name
        _assert_figures(warehouse, vendor, expected)
        feed = known_feed(vendor)
        groups = of_published_positions(warehouse, feed)
        assert groups.height > 0, vendor
        assert_frame_equal(published_groups(warehouse, feed), groups, check_exact=True)


def _assert_figures(warehouse: Warehouse, vendor: str, expected: VendorTruth) -> None:
    breaks = warehouse.query(
        "SELECT field_name, count(*) FILTER (WHERE NOT within_tolerance) AS n FROM reconciliation_results"
        " WHERE data_source = %s GROUP BY 1",
        [vendor],
    )
    assert dict(breaks.iter_rows()) == expected.breaks
    causes = warehouse.query(
        "SELECT likely_cause, count(*) FROM reconciliation_results WHERE data_source = %s AND NOT within_tolerance GROUP BY 1", [vendor]
    )
    assert dict(causes.iter_rows()) == expected.causes
    accounts = warehouse.query(
        "SELECT account_id, count(*) AS rows, count(*) FILTER (WHERE calculated_twrr IS NULL) AS undefined,"
        " (array_agg(cumulative_twrr ORDER BY as_of_date DESC))[1] AS twrr,"
        " (array_agg(twrr_1y ORDER BY as_of_date DESC))[1] AS year,"
        " (array_agg(cumulative_net_flow::text ORDER BY as_of_date DESC))[1] AS net_flow"
        " FROM performance_data WHERE data_source = %s GROUP BY 1",
        [vendor],
    )
    assert set(accounts["account_id"]) == expected.accounts.keys()
    for row in accounts.iter_rows(named=True):
        account = expected.accounts[row["account_id"]]
        assert (row["rows"], row["undefined"]) == (account.rows, account.undefined)
        assert abs(row["twrr"] - float(account.cumulative_twrr)) <= 1e-12
        assert (row["year"] is None) == (account.twrr_1y is None)
        if account.twrr_1y is not None:
            assert abs(row["year"] - float(account.twrr_1y)) <= 1e-12
        assert pl.Series([row["net_flow"]]).cast(pl.Decimal(38, 4)).item() == account.cumulative_net_flow
