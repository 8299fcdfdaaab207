"""How a published number came about, beyond what the warehouse says: the formula with its inputs, and the row of the file."""

from threading import BoundedSemaphore
from typing import Any

import polars as pl

from advisory_perf.api.feeds_in_words import terms_in_words
from advisory_perf.contracts.enums import ReturnStatus
from advisory_perf.contracts.tables import RAW_VENDOR_FILE
from advisory_perf.errors import LakeError, LakeOutageError
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.raw_frame import CELL, LINE_NUMBER, cell_columns
from advisory_perf.lake.store import Lake
from advisory_perf.performance.explained import WHY_NO_RETURN, explained_return
from advisory_perf.warehouse.reading.snapshot import Row

_OF_HISTORY = (ReturnStatus.CURRENCY_CHANGE, ReturnStatus.CLOSED)
"""What the valuations before give in place of a return."""

_READING, _PATIENCE_SECONDS = BoundedSemaphore(2), 5
"""Of one process: what is read lies in memory meanwhile."""


def formula_of(row: Row, feed: Feed | None) -> dict[str, Any] | None:
    """The return's formula with the row's amounts put in, and whether it gives the published return to the last bit.

    None where no feed says how the vendor's returns are computed.
    """
    if not isinstance(feed, PositionsFeed):
        return None
    agreed, status = feed.conventions, ReturnStatus(row["return_status"])
    found = explained_return(
        row,
        timing=agreed.flow_timing,
        fee_basis=agreed.fee_basis,
        weight=agreed.weight,
        minimum_base=agreed.minimum_base,
        residual_base=agreed.residual_base,
        large_flow=agreed.large_flow,
        of_history=status if status in _OF_HISTORY else None,
    )
    return {
        "flow_timing": agreed.flow_timing,
        "fee_basis": agreed.fee_basis,
        "formula": found.formula,
        "put_in": found.put_in,
        "inputs": [{"name": name, "value": value} for name, value in found.inputs.items()],
        "numerator": found.numerator,
        "base": found.base,
        "result": found.result,
        "growth_factor": found.growth_factor,
        "status": found.status,
        "rule": found.rule,
        "why_null": WHY_NO_RETURN.get(found.status),
        "is_published": (found.result, found.status) == (row["calculated_twrr"], status),
    }


def link_of(row: Row, before: Row | None) -> dict[str, Any]:
    """How the return goes on from the valuation before; its key is null at an account's first one."""
    previous = before or {}
    ending = previous.get("ending_market_value")
    return {
        "before": before,
        "rolls_forward_by": None if ending is None or previous["currency"] != row["currency"] else row["beginning_market_value"] - ending,
        "cumulative_twrr_before": previous.get("cumulative_twrr"),
        "cumulative_twrr": row["cumulative_twrr"],
        "linked_over_gap": row["linked_over_gap"],
        "inception_date": row["inception_date"],
    }


def raw_of(lake: Lake, entry: Row, line_number: int) -> dict[str, Any]:
    """The line of the file as it was delivered: ``rows`` of cells with the file's column names, or ``why_null``.

    Only the delivery's own partition is read (from a bucket whole, so that few do it at once), and of it the rows of the line; one line of
    a file that is turned around makes several.
    """
    again = f"`advisory-perf quarantine replay --delivery {entry['delivery_id']}` makes them again while the file is kept"
    if not _READING.acquire(timeout=_PATIENCE_SECONDS):
        return {"rows": None, "why_null": "the lake is read for others; ask again"}
    try:
        rows = lake.read_partitions(
            RAW_VENDOR_FILE, entry["feed"], "delivery", [entry["delivery_id"]], where=pl.col(LINE_NUMBER) == line_number
        )
    except LakeOutageError:
        return {"rows": None, "why_null": "the lake does not answer; ask again once it does"}
    except LakeError:
        return {"rows": None, "why_null": f"the lake has the file's raw rows no more; {again}"}
    finally:
        _READING.release()
    if rows.is_empty():
        return {"rows": None, "why_null": f"the file's raw rows have no line {line_number}; {again}"}
    names = [name.removeprefix(CELL) for name in cell_columns(rows)]
    found = [
        [{"column": name, "text": text} for name, text in zip(names, raw, strict=True)] for raw in rows.select(cell_columns(rows)).rows()
    ]
    return {"rows": found, "why_null": None}


def terms_of(feed: Feed) -> dict[str, Any]:
    """What is agreed with the vendor, and which column of the file fills which field."""
    agreed = feed.conventions.model_dump() if isinstance(feed, PositionsFeed) else {}
    return {
        **terms_in_words(feed),
        **{name: agreed.get(name) for name in ("weight", "minimum_base", "residual_base", "large_flow")},
        "columns": [{"field_name": name, "column": source.from_} for name, source in feed.columns.items()],
    }
