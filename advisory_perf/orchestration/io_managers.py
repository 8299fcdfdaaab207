"""IO managers: frames to the lake by partition, and from there, where a table is published, into the warehouse.

A range's frame is cut into its partitions; a window without rows gets an empty file, so that what was computed and what
was not can be distinguished. Everything downstream reads from the lake, also what is published.
"""

import dagster as dg
import polars as pl

from advisory_perf.contracts.tables import RAW_VENDOR_FILE
from advisory_perf.contracts.windows import WindowRange, window_expr
from advisory_perf.deliveries.ingestion_writes import note_ingestion, strike_off_ingestion
from advisory_perf.errors import LakeError
from advisory_perf.orchestration.partitions import range_of_keys
from advisory_perf.orchestration.pipelines.model import Computed
from advisory_perf.orchestration.resources import LOCKS, STORES, take_pipeline
from advisory_perf.platform import Platform
from advisory_perf.positions.accounts import account_register
from advisory_perf.positions.accounts_store import latest_positions, registered_accounts, upsert_accounts
from advisory_perf.positions.publication import lock_publication, publish_slices
from advisory_perf.warehouse.lake_writes import note_write, strike_off
from advisory_perf.warehouse.locks import Locks

DELIVERY, WINDOW = "delivery", "window"


class LakeIOManager(dg.IOManager):
    """Parquet in the lake, ``<stage>/vendor=<feed>/delivery=<id>/`` or ``…/window=<day>/``."""

    def __init__(self, platform: Platform, locks: Locks) -> None:
        self._platform = platform
        self._locks = locks

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame | Computed) -> None:
        """Replaces the run's partitions of the asset by the frame's rows, as long as the run has its lock."""
        feed, stage = context.asset_key.path
        warehouse = self._platform.warehouse  # noted before the lock is kept, so that a run has one connection beside that of its locks
        keys, rows = list(context.asset_partition_keys), obj.rows if isinstance(obj, Computed) else obj
        if _dimension(context) == DELIVERY:
            ingestion = note_ingestion(warehouse, feed, keys[0], run_id=context.run_id, confirm=self._locks.confirm)
            with self._locks.kept() as connection:
                self._platform.lake.write_partitions(stage, feed, DELIVERY, {keys[0]: rows})
                if stage == RAW_VENDOR_FILE:  # of validated rows the note stays until the ledger counts them
                    strike_off_ingestion(connection, ingestion)
            return
        windows = range_of_keys(keys, self._platform.feeds[feed])
        partitions = split_by_window(rows, windows, keys)
        days = {"first": windows.first_day, "last": windows.last_day}
        write = note_write(warehouse, feed, **days, run_id=context.run_id, confirm=self._locks.confirm)
        with self._locks.kept() as connection:
            self._platform.lake.write_partitions(stage, feed, WINDOW, partitions)
            strike_off(connection, write)

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        """The rows of the upstream asset in the run's partitions; those of a pipeline are read only by the run that holds its lock."""
        feed, stage = context.asset_key.path
        if _dimension(context) == WINDOW:
            take_pipeline(self._locks, feed)
        return self._platform.lake.read_partitions(stage, feed, _dimension(context), context.asset_partition_keys)


class PublishingIOManager(LakeIOManager):
    """Parquet in the lake; with a pipeline's last stage, everything that a publication changes in the warehouse, in one transaction.

    No reader sees one part without the others, and a run that is cut short has published all or nothing.
    """

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame | Computed) -> None:
        """Lake first, so that the warehouse never has rows that cannot be traced; metadata says what changed."""
        super().handle_output(context, obj)
        publication = obj.publication if isinstance(obj, Computed) else None
        if publication is None:
            return
        feed, stage = context.asset_key.path
        windows = range_of_keys(list(context.asset_partition_keys), self._platform.feeds[feed])
        changes = publish_slices(
            self._platform.warehouse,
            publication.tables,
            vendor=self._platform.feeds[feed].vendor,
            first=windows.first_day,
            last=windows.last_day,
            confirm=self._locks.confirm,
            along=publication.along,
        )
        counted = {f"{name}_by_run": getattr(changes[stage], name) for name in ("inserted", "updated", "restated", "deleted", "unchanged")}
        context.add_output_metadata(counted)


def under_locks(of: type[LakeIOManager]) -> dg.IOManagerDefinition:
    """An IO manager that writes under the locks of its run."""

    @dg.io_manager(required_resource_keys={LOCKS, STORES})
    def manager(context: dg.InitResourceContext) -> LakeIOManager:
        return of(context.resources.stores, context.resources.locks)

    return manager


def _dimension(context: dg.OutputContext | dg.InputContext) -> str:
    return DELIVERY if isinstance(context.asset_partitions_def, dg.DynamicPartitionsDefinition) else WINDOW


def split_by_window(frame: pl.DataFrame, windows: WindowRange, keys: list[str]) -> dict[str, pl.DataFrame]:
    """The frame's rows by partition key, an empty frame for a key without any; rows of no key are a LakeError."""
    has_window = WINDOW in frame.columns
    marked = frame if has_window else frame.with_columns(window_expr(pl.col("as_of_date"), windows.cadence).alias(WINDOW))
    parts = {part[WINDOW][0].isoformat(): part for part in marked.partition_by(WINDOW, maintain_order=True)}
    strangers = sorted(parts.keys() - set(keys))
    if strangers:
        raise LakeError(f"rows of {', '.join(strangers[:5])} do not belong to this run's windows; give a run its own windows only")
    empty = marked.clear()
    return {key: parts.get(key, empty) if has_window else parts.get(key, empty).drop(WINDOW) for key in keys}


class AccountsIOManager(dg.IOManager):
    """The register of accounts in the warehouse: rows that differ are written, the others are left alone.

    A publication has brought its own vendor's up to date already; this fixes what is otherwise amiss.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:  # noqa: ARG002 - Dagster's signature
        """Brings the register up to date with what is published now, not when the frame was computed."""
        changed = 0
        for vendor in sorted({feed.vendor for feed in self._platform.feeds.values()}):
            with self._platform.warehouse.connect() as connection:
                lock_publication(connection, vendor)
                changed += upsert_accounts(connection, account_register(latest_positions(connection, vendor)))
        context.add_output_metadata({"changed": changed})

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:  # noqa: ARG002 - Dagster's signature
        """The register as the warehouse has it."""
        return registered_accounts(self._platform.warehouse)
