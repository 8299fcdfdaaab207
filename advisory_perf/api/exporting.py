"""Exports over HTTP: which relations go out, and how one is written by a thread while a client reads it.

A pipe lies between them, so that neither gets ahead of the other by more than it holds, and whoever goes away first is noticed by the
other. An answer whose export failed ends without its last chunk, which no client takes for the end.
"""

import fcntl
import os
import select
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from threading import Thread
from typing import IO

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from advisory_perf.api.service import EXPORT_SECONDS, EXPORTS_AT_ONCE, Service
from advisory_perf.contracts.firm_tables import FIRM_TABLES
from advisory_perf.contracts.stored_tables import (
    ALERTS,
    BREAK_EVENTS,
    BREAKS,
    DAY_COUNTS,
    DELIVERED_DAYS,
    DELIVERY_SCORES,
    ISSUES,
    LEDGER,
    PROFILES,
    QUALITY_SCORES,
    QUALITY_SHARES,
    RESTATEMENTS,
    SIGN_OFFS,
)
from advisory_perf.contracts.tables import ACCOUNTS, CURRENCY_RETURNS, DELIVERY_FACTORS, EXCHANGE_RATES, PUBLISHED, RECONCILIATION_TOTALS
from advisory_perf.errors import OutageError, TooManyError
from advisory_perf.warehouse.export import ExportFormat

MEDIA_TYPES: Mapping[ExportFormat, str] = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.NDJSON: "application/x-ndjson",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}

_STORED = (LEDGER, DELIVERED_DAYS, PROFILES, DAY_COUNTS, QUALITY_SCORES, QUALITY_SHARES, DELIVERY_SCORES, RESTATEMENTS, ISSUES)
_OF_BREAKS = (BREAKS, BREAK_EVENTS, SIGN_OFFS, ALERTS)
_COMPUTED = (ACCOUNTS, RECONCILIATION_TOTALS, DELIVERY_FACTORS, EXCHANGE_RATES, CURRENCY_RETURNS)
_HISTORY = ("exchange_rates_history",)
_VIEWS = (
    "account_groups",
    "break_history",
    "break_work",
    "daily_vendor_totals",
    "data_quality_dashboard",
    "data_quality_trend",
    "delivery_pass_rates",
    "open_alerts",
    "performance_summary",
    "quarantine",
)
SERVED = frozenset(
    {
        *(table.name for table in (*_STORED, *_OF_BREAKS, *_COMPUTED, *PUBLISHED, *FIRM_TABLES)),
        *(published.history for published in PUBLISHED if published.history is not None),
        *_HISTORY,
        *_VIEWS,
    }
)
"""What is in the data dictionary of figures, deliveries and breaks, and the views of it; not what runs note for each other."""

_PART, _PIPE = 1 << 18, 1 << 19
"""Bytes of the largest part, and of what lies between writer and reader where the system lets a pipe have so much."""

_TOO_LONG = f"an export has {EXPORT_SECONDS // 60} minutes at most; narrow it by its filters, or read it faster"


class Export:
    """One export under way: a thread writes it, and ``parts`` gives what it has written."""

    def __init__(self, write: Callable[[IO[bytes]], object], give_back: Callable[[], object]) -> None:
        """Begins; ``give_back`` is called once the writing has ended, however it did."""
        read_end, write_end = os.pipe()
        with suppress(OSError, AttributeError):  # where a pipe keeps its size, there are more and smaller parts
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, _PIPE)
        self._source = os.fdopen(read_end, "rb", buffering=0)
        self._error: BaseException | None = None
        self._end = time.monotonic() + EXPORT_SECONDS
        self._writer = Thread(target=self._run, args=(write, write_end, give_back), name="export", daemon=True)
        self._writer.start()

    def _run(self, write: Callable[[IO[bytes]], object], write_end: int, give_back: Callable[[], object]) -> None:
        try:
            with os.fdopen(write_end, "wb", buffering=_PART) as target:
                write(target)
        except BaseException as error:  # noqa: BLE001 - whoever reads is to have it
            self._error = error
        finally:
            give_back()

    def first_part(self) -> bytes:
        """What is written first, empty where there is nothing; raises what went wrong before."""
        part = self._next()
        if part or self._error is None:
            return part
        raise self._error

    def parts(self, first: bytes) -> Iterator[bytes]:
        """The first part and all others; raises what has made the export fail midway."""
        part = first
        while part:
            yield part
            part = self._next()
        if self._error is not None:
            raise self._error

    @property
    def seconds_left(self) -> float:
        """Until it ends, wherever it is; 0 from then on."""
        return max(0.0, self._end - time.monotonic())

    def close(self) -> None:
        """Nobody reads any more: a writer that is still at it fails at its next part, and ends."""
        self._source.close()

    def _next(self) -> bytes:
        waiting = select.poll()
        waiting.register(self._source, select.POLLIN)
        if not waiting.poll(1000 * self.seconds_left):
            raise OutageError(_TOO_LONG)
        part: bytes = self._source.read(_PART)
        if not part:
            self._writer.join()
        return part


class StreamedExport(StreamingResponse):
    """The answer that an export is read by, which ends the export with itself."""

    def __init__(self, export: Export, first: bytes, *, media_type: str, file_name: str) -> None:
        """``file_name`` is what a browser keeps it as, in plain letters."""
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{file_name}"'}
        super().__init__(export.parts(first), headers=headers, media_type=media_type)
        self._export = export

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it, until its end, until the client is gone, or until it has taken as long as it may."""
        try:
            with anyio.fail_after(self._export.seconds_left):
                await super().__call__(scope, receive, send)
        except TimeoutError as error:
            raise OutageError(_TOO_LONG) from error
        finally:
            self._export.close()


def begun(service: Service, write: Callable[[IO[bytes]], object]) -> Export:
    """An export in one of the few places there are; TooManyError where all are taken."""
    if not service.export_places.acquire(blocking=False):
        raise TooManyError(f"{EXPORTS_AT_ONCE} exports are under way, as many as may be at once; ask again once one has ended")
    service.metrics.exports.inc()

    def give_back() -> None:
        service.metrics.exports.dec()
        service.export_places.release()

    try:
        return Export(write, give_back)
    except BaseException:  # no thread or pipe to be had
        give_back()
        raise
