"""What the endpoints work with: settings, feeds and stores, as the reader; connections of their own for exports and for the desk."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from threading import BoundedSemaphore

from advisory_perf.api.callers import Callers
from advisory_perf.api.metrics import Metrics
from advisory_perf.feeds.feed import Feed
from advisory_perf.lake.store import Lake
from advisory_perf.platform import Platform, right_now
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.pool import PoolSize
from advisory_perf.warehouse.reading.snapshot import SESSION
from advisory_perf.warehouse.roles import Role, address_of

VERSION = version("advisory-perf")
EXPORTS_AT_ONCE = 2
_PATIENCE_SECONDS = 5
_OF_THE_DESK = {"lock_timeout": "1500ms", "statement_timeout": "5s"}
_OF_EXPORTS = {"statement_timeout": "0", "lock_timeout": "1500ms", "idle_in_transaction_session_timeout": "60s"}


@dataclass(frozen=True, slots=True)
class Service:
    """One process of the API. ``build`` names code and feeds: another answer may come of the same data once it is another."""

    settings: Settings
    feeds: Mapping[str, Feed]
    lake: Lake
    reader: Warehouse
    desk: Warehouse
    exports: Warehouse
    callers: Callers
    metrics: Metrics
    build: str
    clock: Callable[[], datetime] = right_now
    export_places: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(EXPORTS_AT_ONCE))


def open_service(platform: Platform) -> Service:
    """The API's part of a platform; connects when the first request comes."""
    settings = platform.settings
    size = PoolSize(min(2, settings.api_connections), settings.api_connections, _PATIENCE_SECONDS)

    def warehouse(role: Role, size: PoolSize, session: Mapping[str, str]) -> Warehouse:
        return Warehouse(address_of(settings, role), role, size=size, session=session)

    reader = warehouse(Role.READER, size, SESSION)
    return Service(
        settings,
        platform.feeds,
        platform.lake,
        reader,
        warehouse(Role.DESK, size, _OF_THE_DESK),
        warehouse(Role.READER, PoolSize(0, EXPORTS_AT_ONCE, _PATIENCE_SECONDS), _OF_EXPORTS),
        Callers(settings, platform.clock),
        Metrics(reader),
        _build(platform),
        platform.clock,
    )


def _build(platform: Platform) -> str:
    said = [VERSION, *(feed.model_dump_json() for _, feed in sorted(platform.feeds.items()))]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:8]
