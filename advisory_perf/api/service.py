"""What the endpoints work with: settings, feeds and stores, as the reader; connections of their own for exports and for the desk."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from threading import BoundedSemaphore

from advisory_perf.api.callers import Callers
from advisory_perf.api.metrics import Metrics
from advisory_perf.contracts.materiality import Materiality
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.lake.store import Lake
from advisory_perf.packaged import packaged
from advisory_perf.platform import Platform, right_now
from advisory_perf.reconciliation.break_measures import Measuring
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.pool import PoolSize
from advisory_perf.warehouse.reading.snapshot import SESSION
from advisory_perf.warehouse.roles import Role, address_of

VERSION = version("advisory-perf")
EXPORTS_AT_ONCE = 2
EXPORT_SECONDS = 30 * 60
"""After which an export ends, wherever it is: a client that reads no more would hold its place and its snapshot for ever."""
_PATIENCE_SECONDS = 5
_OF_THE_DESK = {"lock_timeout": "1500ms", "statement_timeout": "5s"}
_OF_EXPORTS = {"statement_timeout": f"{EXPORT_SECONDS}s", "lock_timeout": "1500ms", "idle_in_transaction_session_timeout": "60s"}
_NETWORK = {"connect_timeout": 3, "tcp_user_timeout": 10_000, "keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3}
"""By which a thread that answers notices within seconds that the server's machine is gone; there are few of them."""
_CODE = frozenset({".py", ".sql", ".json", ".yaml"})
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Service:
    """One process of the API. ``build`` names code, feeds and settings: another answer may come of the same data once it is another."""

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

    def feeds_of(self, vendor: str) -> list[Feed]:
        """The vendor's feeds, of which it has none any more where only its deliveries are left."""
        return [feed for feed in self.feeds.values() if feed.vendor == vendor]

    def positions_feed(self, vendor: str) -> PositionsFeed | None:
        """The vendor's feed of positions, if there is one still."""
        return next((feed for feed in self.feeds_of(vendor) if isinstance(feed, PositionsFeed)), None)

    def measuring(self) -> Measuring:
        """By what ages and sizes of breaks are measured now."""
        materiality = Materiality(self.settings.material_amount, self.settings.material_return)
        return Measuring.by(self.feeds.values(), materiality, self.clock())


def open_service(platform: Platform) -> Service:
    """The API's part of a platform; connects when the first request comes."""
    settings = platform.settings
    size = PoolSize(min(2, settings.api_connections), settings.api_connections, _PATIENCE_SECONDS)

    def warehouse(role: Role, size: PoolSize, session: Mapping[str, str]) -> Warehouse:
        return Warehouse(address_of(settings, role), role, size=size, session=session, network=_NETWORK)

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
        build_of(platform, reader.place),
        platform.clock,
    )


def build_of(platform: Platform, place: str) -> str:
    """A digest of all that answers are made by besides data and time: code, feeds, settings, and which warehouse is read.

    Of the settings those that are no secrets, which the digest is not to give away: these hide themselves from a person, too.
    """
    shown = {name for name, field in Settings.model_fields.items() if field.repr}
    said = [
        VERSION,
        digest_of_code(Path(str(files("advisory_perf"))), packaged("sql")),
        place,
        platform.settings.model_dump_json(include=shown),
        *(feed.model_dump_json() for _, feed in sorted(platform.feeds.items())),
    ]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:_DIGITS]


@cache
def digest_of_code(*folders: Path) -> str:
    """A digest of names and bytes of the folders' code: modules, schema, and the data that come with them."""
    found = hashlib.sha256()
    for folder in folders:
        for file in sorted(path for path in folder.rglob("*") if path.suffix in _CODE):
            found.update(f"{file.relative_to(folder).as_posix()}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()
