"""The quarantine as a person meets it: which rows are in it, and which deliveries a fixed feed may read better."""

from collections.abc import Sequence

from rich.table import Table

from advisory_perf.cli.cells import add_row, titled
from advisory_perf.contracts.enums import DeliveryStatus
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.zones import UNKNOWN_FEED
from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.warehouse.conditions import Condition
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.queries import quarantined


def quarantine_table(warehouse: Warehouse, where: Condition) -> Table:
    """One line a row in quarantine: where it stands, why it is there, and its cells as they came."""
    rows = quarantined(warehouse, where)
    table = titled(f"Quarantine: {rows.height:,} rows", ("vendor", "delivery", "line", "code", "why", "cells"), lines=True)
    for row in rows.iter_rows():
        add_row(table, *row)
    return table


def pipelines_to_replay(entries: Sequence[LedgerEntry], feeds: Sequence[str], *, feed: str | None, delivery_id: str | None) -> list[str]:
    """The feeds whose pipelines a replay brings to their end: the one that is named, or the named delivery's, or all."""
    if delivery_id is not None:
        return [entry.feed for entry in entries if entry.delivery_id == delivery_id]
    return [name for name in feeds if feed in {None, name}]


def to_replay(entries: Sequence[LedgerEntry], feeds: Sequence[str], *, feed: str | None, delivery_id: str | None) -> list[LedgerEntry]:
    """The deliveries to ingest again: the one that is named, or those, of a feed or of all, that failed or have rows in quarantine.

    One that is only RECEIVED is among them: its ingestion is under way elsewhere, or was killed, as that of a replay may have been.
    """
    if delivery_id is not None:
        named = next((entry for entry in entries if entry.delivery_id == delivery_id), None)
        if named is None:
            raise AdvisoryPerfError(f"the ledger has no delivery {delivery_id}; `advisory-perf export etl_processing_log` names them all")
        if named.status == DeliveryStatus.DUPLICATE:
            raise AdvisoryPerfError(f"{delivery_id} {named.error_message}; replay that one")
        if named.feed == UNKNOWN_FEED or named.feed not in feeds:
            raise AdvisoryPerfError(
                f"{delivery_id} has no feed ({named.feed}); add one, and put {named.file_name} into incoming/<feed>/ again"
            )
        return [named]
    of_feed = [entry for entry in entries if entry.feed in feeds and feed in {None, entry.feed}]
    return [
        entry
        for entry in of_feed
        if entry.status in {DeliveryStatus.FAILED, DeliveryStatus.RECEIVED}
        or (entry.records_failed > 0 and entry.status != DeliveryStatus.DUPLICATE)
    ]
