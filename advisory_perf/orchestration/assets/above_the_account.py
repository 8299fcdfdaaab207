"""Assets across feeds, above the account: statistics, contributions, composites. No steps of a pipeline, which runs at each delivery.

Each step writes what it has computed itself, in one transaction with what says that it is done.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.storage.tags import PRIORITY_TAG

from advisory_perf.contracts.firm_tables import ACCOUNT_STATISTICS, COMPOSITE_TABLES, PORTFOLIO_CONTRIBUTIONS
from advisory_perf.contracts.tables import PERFORMANCE_DATA, PORTFOLIO_PERFORMANCE, Table
from advisory_perf.errors import LakeError, LockHeldError
from advisory_perf.orchestration.asset_checks import is_blocked, schema_finding, schema_rule
from advisory_perf.orchestration.metadata import definition_metadata, output_metadata
from advisory_perf.orchestration.resources import LOCKS, UNREADABLE
from advisory_perf.orchestration.run_config import printing
from advisory_perf.platform import Platform
from advisory_perf.positions.changed import ChangedFigures, positions_feeds
from advisory_perf.positions.composites import computed_composites
from advisory_perf.positions.contributions import changed_contributions
from advisory_perf.positions.statistics import changed_statistics
from advisory_perf.positions.statistics_store import publish_changed, publish_composites
from advisory_perf.positions.unreadable import not_computed
from advisory_perf.warehouse.locks import Locks
from advisory_perf.warehouse.replacing import RowChange

JOB_NAME = "firm_performance"
GROUP = "above_the_account"
_COMPOSITES = "composites"
_LOCK = "statistics all"
"""Two runs at once would have the older figures written last."""
_Compute = Callable[[Platform], tuple[list[ChangedFigures], dict[str, str]]]


def firm_job(*, log_level: str) -> dg.JobDefinition:
    """The job that brings everything above the account up to date."""
    return dg.define_asset_job(  # type: ignore[return-value]
        JOB_NAME,
        selection=dg.AssetSelection.groups(GROUP),
        description="statistics of the accounts that changed, contributions to the portfolios that did, and composites",
        config=printing(log_level),
    )


def statistics_asset(platform: Platform) -> dg.AssetsDefinition:
    """Statistics of every account whose published rows have changed since."""
    return _of_changes(platform, ACCOUNT_STATISTICS, [PERFORMANCE_DATA], changed_statistics)


def contributions_asset(platform: Platform) -> dg.AssetsDefinition:
    """Contributions of the accounts of every portfolio and client whose published rows, or its accounts', have changed since."""
    return _of_changes(platform, PORTFOLIO_CONTRIBUTIONS, [PERFORMANCE_DATA, PORTFOLIO_PERFORMANCE], changed_contributions)


def _of_changes(platform: Platform, table: Table, of: Sequence[Table], compute: _Compute) -> dg.AssetsDefinition:
    """The step that computes the table's changed rows of every vendor, of what is published of these tables."""
    published = [dg.AssetKey([feed.name, each.name]) for feed in positions_feeds(platform).values() for each in of]

    @dg.multi_asset(
        name=table.name,
        specs=[_spec(table, [dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping()) for key in published])],
        **_step(table),
    )
    def of_changes(context: dg.AssetExecutionContext) -> Iterator[Any]:
        take(context.resources.locks)
        changed, failed = compute(platform)
        rows = pl.concat([table.empty(), *(one.rows for one in changed)])
        confirm, stores = context.resources.locks.confirm, platform.warehouse

        def write() -> Mapping[str, RowChange]:
            return {table.name: sum((publish_changed(stores, one, confirm=confirm) for one in changed), RowChange())}

        context.resources.unreadable[table.name] = failed
        was_written = yield from audited_and_written({table: rows}, write)
        if failed and not (was_written and _is_followed(context)):  # else once what can be computed of composites is written
            raise LakeError(not_computed({table.name: failed}))

    return of_changes


def composites_asset(platform: Platform) -> dg.AssetsDefinition:
    """All composites of the firm, where their files or their members' figures have changed since."""
    of_statistics = [dg.AssetDep(ACCOUNT_STATISTICS.name)]

    @dg.multi_asset(
        name=_COMPOSITES,
        specs=[_spec(table, of_statistics) for table in COMPOSITE_TABLES],
        op_tags={PRIORITY_TAG: "-1"},  # after contributions, too, whose failure it says at the run's end
        **_step(*COMPOSITE_TABLES),
    )
    def composites(context: dg.AssetExecutionContext) -> Iterator[Any]:
        take(context.resources.locks)
        said = context.resources.unreadable
        of_accounts = said.get(ACCOUNT_STATISTICS.name, {})
        computed = computed_composites(platform, without=of_accounts)
        failed = {**said, ACCOUNT_STATISTICS.name: {**computed.failed, **of_accounts}}
        confirm, stores = context.resources.locks.confirm, platform.warehouse

        def write() -> Mapping[str, RowChange]:
            return publish_composites(stores, computed, confirm=confirm)

        yield from audited_and_written(computed.tables, write)
        if any(failed.values()):
            raise LakeError(not_computed(failed))

    return composites


def _is_followed(context: dg.AssetExecutionContext) -> bool:
    """Whether the run computes composites last, and so says at its end what could not be computed."""
    steps, chosen = context.run.step_keys_to_execute, context.run.asset_selection
    has_step = steps is None or _COMPOSITES in steps
    return has_step and (not chosen or not chosen.isdisjoint(dg.AssetKey(table.name) for table in COMPOSITE_TABLES))


def take(locks: Locks) -> None:
    """Takes the lock of what is above the account; LockHeldError where another run has it."""
    if not locks.take(_LOCK):
        raise LockHeldError("another run computes what is above the account; this one is launched again by itself when that has ended")


def audited_and_written(frames: Mapping[Table, pl.DataFrame], write: Callable[[], Mapping[str, RowChange]]) -> Generator[Any, None, bool]:
    """The checks of the schemas first; then, unless one fails, the write, and what it changed of each table. Whether it has written."""
    findings = {table: schema_finding(frame, table) for table, frame in frames.items()}
    for table, finding in findings.items():
        yield finding.result(dg.AssetKey(table.name))
    if is_blocked(list(findings.values())):
        return False
    changes = write()
    for table, frame in frames.items():
        counted = {f"{name}_by_run": count for name, count in asdict(changes[table.name]).items()} if table.name in changes else {}
        yield dg.MaterializeResult(asset_key=dg.AssetKey(table.name), metadata={**output_metadata(frame), **counted})
    return True


def _spec(table: Table, deps: Sequence[dg.AssetDep]) -> dg.AssetSpec:
    return dg.AssetSpec(
        table.name,
        deps=deps,
        skippable=True,
        group_name=GROUP,
        description=table.meaning,
        kinds={"polars", "postgres"},
        metadata=definition_metadata(table),
    )


def _step(*tables: Table) -> dict[str, Any]:
    return {
        "check_specs": [schema_rule(table).spec(dg.AssetKey(table.name)) for table in tables],
        "required_resource_keys": {LOCKS, UNREADABLE},
        "pool": GROUP,  # and not that of publications, which would wait for whole histories to be read
    }
