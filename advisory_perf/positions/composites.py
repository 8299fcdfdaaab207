"""What composites are made of: the declared files, the published statistics of accounts, and for the aggregate method the lake."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl
from psycopg import sql

from advisory_perf.analytics.composite_file import Composite, digest_of, membership_of, read_composites, with_vendors
from advisory_perf.analytics.composite_tables import Aggregated, composite_tables, firm_assets
from advisory_perf.analytics.conventions import ReturnConventions
from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import Deviation, FeeBasis, Weighting
from advisory_perf.contracts.firm_tables import ACCOUNT_STATISTICS, COMPOSITE_TABLES
from advisory_perf.contracts.tables import Table
from advisory_perf.errors import CompositeError, LockHeldError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.platform import Platform, pipeline_lock
from advisory_perf.positions.accounts_store import registered_accounts
from advisory_perf.positions.changed import positions_feeds
from advisory_perf.positions.conventions import conventions_of
from advisory_perf.positions.statistics import days_are_read, days_of, windows_of
from advisory_perf.positions.statistics_notes import COMPOSITES, Known, known
from advisory_perf.positions.unreadable import noted_where_unreadable
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.copy import copied, names
from advisory_perf.warehouse.locks import Locks

_SUMS = pl.Schema({"data_source": pl.String(), "month": pl.Date(), "currency": pl.String(), "ending_market_value": MONEY})


@dataclass(frozen=True, slots=True)
class ComputedComposites:
    """The tables of all composites, with the basis and the number of the accounts that they were made of.

    ``is_unchanged`` where nothing has changed since they were computed last: the tables have no rows then, and are not to be written.
    ``waiting`` are the declared composites that were left out: what is published of them stays. ``failed`` says by vendor why its days
    cannot be read, which composites of the aggregate method are made of.
    """

    tables: Mapping[Table, pl.DataFrame]
    basis: str
    number: int
    is_unchanged: bool = False
    waiting: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


def composites_basis(settings: Settings, vendors: Iterable[str]) -> str:
    """What the composites depend on besides the statistics of accounts; empty where there are none. ``vendors`` deliver positions."""
    digest = digest_of(settings.composites)
    return digest and f"2 {digest} {settings.deviation} {' '.join(sorted(vendors))}"


def composites_are_pending(noted: Known, basis: str) -> bool:
    """Whether the composites are to be computed: their files are others now, or there are some and the accounts were computed since."""
    before = noted.computed.get(COMPOSITES)
    if before is None:
        return basis != ""
    return basis != before.basis or (basis != "" and before.number < noted.accounts_number)


def computed_composites(platform: Platform, without: Collection[str] = ()) -> ComputedComposites:
    """All composites from what is stored now, but for those with a member of the vendors ``without``, and those whose days cannot be read.

    These wait. Where any does, the basis says so, so that composites stay pending until none does.
    CompositeError for a file that is no declaration, and for members of the aggregate method whose conventions differ; LockHeldError
    where the pipeline of such a member's feed runs now.
    """
    noted, basis = known(platform.warehouse), composites_basis(platform.settings, positions_feeds(platform))
    if not composites_are_pending(noted, basis):
        return ComputedComposites({table: table.empty() for table in COMPOSITE_TABLES}, basis, noted.accounts_number, is_unchanged=True)
    declared = read_composites(platform.settings.composites)
    composites = [one for _, one in declared.values()]
    files = {name: path for name, (path, _) in declared.items()}
    stays = with_vendors(membership_of(composites), registered_accounts(platform.warehouse), files)
    waiting = {*stays.filter(pl.col("data_source").is_in(list(without)))["composite"]}
    days = _aggregated(platform, [one for one in composites if one.composite not in waiting], stays, files)
    waiting |= days.waiting
    composites = [one for one in composites if one.composite not in waiting]
    stays = stays.filter(~pl.col("composite").is_in(list(waiting)))
    made = composite_tables(
        composites,
        stays,
        _months(platform.warehouse, stays),
        firm_assets=firm_assets(_sums(platform.warehouse), positions_feeds(platform)),
        aggregated=days.of_composites,
        deviation=Deviation(platform.settings.deviation),
    )
    tables = dict(zip(COMPOSITE_TABLES, (made.performance, made.members, made.report), strict=True))
    left_out = tuple(sorted(waiting))
    made_by = f"{basis} without {' '.join(left_out)}" if left_out else basis
    return ComputedComposites(tables, made_by, noted.accounts_number, waiting=left_out, failed=days.failed)


class _Days(NamedTuple):
    """What the composites of the aggregate method are made of; those of which it cannot be read, and why, by vendor."""

    of_composites: dict[str, Aggregated]
    waiting: set[str]
    failed: dict[str, str]


def _aggregated(platform: Platform, composites: list[Composite], stays: pl.DataFrame, files: Mapping[str, Path]) -> _Days:
    feeds, found = positions_feeds(platform), _Days({}, set(), {})
    for one in composites:
        if one.weighting is not Weighting.AGGREGATE:
            continue
        members = stays.filter(pl.col("composite") == one.composite).select("data_source", "account_id").unique()
        vendors = members["data_source"].unique().sort()
        without = vendors.filter(~vendors.is_in(list(feeds)))
        if len(without):
            raise CompositeError(
                f"{files[one.composite]}: weighting: {without[0]} has members and no feed of positions, so their money cannot be added "
                "up; write beginning_value, or add the feed"
            )
        of = {vendor: feeds[vendor] for vendor in vendors}
        if of:
            conventions = _one_for_all(of, files[one.composite])
            days = [rows for feed in of.values() for rows in _days(platform, feed, members, found.failed)]
            if found.failed.keys().isdisjoint(of):
                found.of_composites[one.composite] = Aggregated(pl.concat(days), conventions)
            else:
                found.waiting.add(one.composite)
    return found


def _one_for_all(feeds: Mapping[str, PositionsFeed], path: Path) -> ReturnConventions:
    """The conventions of all the feeds but for the fee basis, of which both are computed."""
    said = {vendor: replace(conventions_of(feed), fee_basis=FeeBasis.NET) for vendor, feed in feeds.items()}
    first, *others = said
    unlike = next((vendor for vendor in others if said[vendor] != said[first]), None)
    if unlike is not None:
        raise CompositeError(
            f"{path}: weighting: the feeds of {first} and {unlike} have other conventions or calendars, so their accounts have no one "
            "return when they are added up; write beginning_value"
        )
    return said[first]


def _days(platform: Platform, feed: PositionsFeed, members: pl.DataFrame, failed: dict[str, str]) -> list[pl.DataFrame]:
    """The rows of the feed's members; none where ``failed`` says why they cannot be read."""
    accounts = members.filter(pl.col("data_source") == feed.vendor)["account_id"].sort().to_list()
    found = []
    with Locks(platform.warehouse) as locks, noted_where_unreadable(failed, platform, feed, partial(days_are_read, platform, feed)):
        if not locks.take(pipeline_lock(feed.name)):
            raise LockHeldError(f"the pipeline of {feed.name} is under way; its composites are computed by themselves when it has ended")
        rows = days_of(platform, feed, windows_of(platform, feed), accounts)
        found.append(rows.with_columns(data_source=pl.lit(feed.vendor)))
    return found


def _months(warehouse: Warehouse, members: pl.DataFrame) -> pl.DataFrame:
    """The rows of ACCOUNT_STATISTICS of the accounts that ``members`` names by data_source and account_id."""
    of = members.select("data_source", "account_id").unique().sort("data_source", "account_id")
    statement = sql.SQL(
        "SELECT {} FROM account_statistics AS stored WHERE (data_source, account_id) IN"
        " (SELECT * FROM unnest(%(vendors)s::text[], %(accounts)s::text[])) ORDER BY {}"
    ).format(names(ACCOUNT_STATISTICS.column_names), names(ACCOUNT_STATISTICS.key))
    with warehouse.connect() as connection:
        return copied(
            connection,
            statement,
            ACCOUNT_STATISTICS.polars_schema,
            {"vendors": of["data_source"].to_list(), "accounts": of["account_id"].to_list()},
        )


def _sums(warehouse: Warehouse) -> pl.DataFrame:
    """Of each vendor, month and currency what its accounts are worth: data_source, month, currency and ending_market_value."""
    with warehouse.connect() as connection:
        return copied(
            connection,
            "SELECT data_source, month, currency, sum(ending_market_value) AS ending_market_value FROM account_statistics"
            " GROUP BY data_source, month, currency ORDER BY data_source, month, currency",
            _SUMS,
        )
