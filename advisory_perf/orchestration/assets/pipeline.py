"""A pipeline: the assets of one feed by window. One body serves every stage of every feed."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl

from advisory_perf.contracts.datasets import Dataset
from advisory_perf.contracts.windows import WindowRange, window_expr
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.feeds.feed import Feed
from advisory_perf.orchestration.asset_checks import Finding, audited, is_blocked, schema_finding, schema_rule
from advisory_perf.orchestration.metadata import add_partition_metadata, definition_metadata, lineage, range_metadata
from advisory_perf.orchestration.partitions import range_of_keys, window_partitions
from advisory_perf.orchestration.pipelines.model import Pipeline, Stage
from advisory_perf.orchestration.resources import LOCKS, STORES
from advisory_perf.orchestration.run_config import printing
from advisory_perf.platform import Platform, pipeline_lock

WAREHOUSE_POOL = "warehouse"


def pipeline_assets(feed: Feed, pipeline: Pipeline[Any], platform: Platform) -> list[dg.AssetsDefinition]:
    """The assets of a feed's pipeline, in the order of the data flow."""
    return [_asset(stage, pipeline.dataset, feed, platform) for stage in pipeline.stages]


def pipeline_job(feed: Feed, pipeline: Pipeline[Any], *, log_level: str) -> dg.JobDefinition:
    """The job that brings a range of a feed's windows to the warehouse, and the register of accounts up to date."""
    tables = [stage.table.name for stage in pipeline.stages]
    return dg.define_asset_job(  # type: ignore[return-value]
        pipeline_job_name(feed.name),
        selection=dg.AssetSelection.assets(*(dg.AssetKey([feed.name, table]) for table in tables), *map(dg.AssetKey, pipeline.across)),
        description=f"{pipeline.dataset.name} of {feed.name}, {tables[0]} to {tables[-1]}, for a range of windows in one pass",
        config=printing(log_level),
        tags={"feed": feed.name, "vendor": feed.vendor, "pipeline": feed.name},
    )


def pipeline_job_name(feed: str) -> str:
    """The name of a feed's pipeline job."""
    return f"{feed}_pipeline"


def _asset(stage: Stage[Any], dataset: Dataset, feed: Feed, platform: Platform) -> dg.AssetsDefinition:
    key = dg.AssetKey([feed.name, stage.table.name])
    upstream = {table.name: dg.AssetKey([feed.name, table.name]) for table in stage.inputs}

    @dg.asset(
        key=key,
        ins={name: dg.AssetIn(key=upstream_key) for name, upstream_key in upstream.items()},
        deps=_further_deps(stage, dataset, feed),
        partitions_def=window_partitions(feed),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[rule.spec(key) for rule in (schema_rule(stage.table), *stage.rules)],
        output_required=False,
        required_resource_keys={LOCKS, STORES},
        io_manager_key="published" if stage.is_published else "lake",
        group_name=feed.name,
        description=f"{stage.table.meaning} ({feed.title})",
        owners=list(feed.owners),
        kinds=set(stage.kinds),
        metadata=definition_metadata(stage.table),
        pool=WAREHOUSE_POOL if stage.is_published else None,
    )
    def stage_asset(context: dg.AssetExecutionContext, **inputs: Any) -> Iterator[Any]:
        windows = range_of_keys(context.partition_keys, feed)
        if not stage.inputs:  # else the lock was taken with what was loaded
            context.resources.locks.wait(pipeline_lock(feed.name))
        pending = platform.ledger.pending(feed.name)
        computed = stage.compute(context.resources.stores, feed, windows, inputs)
        frame = computed.rows
        findings = [schema_finding(frame, stage.table), *computed.findings]
        window = pl.col("window") if "window" in frame.columns else window_expr(pl.col("as_of_date"), feed.cadence)
        add_partition_metadata(context, frame, window, context.partition_keys, computed.numbers)
        origin = lineage(stage.table, [(upstream[table.name], table) for table in stage.inputs])
        metadata = {**range_metadata(frame), "dagster/column_lineage": origin}
        yield from audited(findings, dg.Output(computed, metadata=metadata), key)
        taken_up(platform.ledger.under(context.resources.locks), pending, stage, windows, findings)

    return stage_asset


def taken_up(ledger: Ledger, pending: Sequence[LedgerEntry], stage: Stage[Any], windows: WindowRange, findings: Sequence[Finding]) -> None:
    """Says of the deliveries that were pending that the stage has their rows, unless a hard rule has kept its output back."""
    if not is_blocked(findings):
        inputs = [table.name for table in stage.inputs]
        ledger.taken_up(pending, by=stage.table.name, after=inputs, first=windows.first_day, last=windows.last_day)


def _further_deps(stage: Stage[Any], dataset: Dataset, feed: Feed) -> list[dg.AssetDep]:
    """What a stage reads through the platform and not as an input: the deliveries, or the windows before its own."""
    if not stage.inputs:
        delivered = dg.AssetKey([feed.name, dataset.delivered.name])
        return [dg.AssetDep(delivered, partition_mapping=dg.AllPartitionMapping())]
    if stage.looks_back:
        before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True)
        return [dg.AssetDep(dg.AssetKey([feed.name, stage.table.name]), partition_mapping=before)]
    return []
