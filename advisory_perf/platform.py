"""Settings, feeds and stores put together: what assets, sensors, commands and the API work with. Nothing here decides anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from advisory_perf.contracts.datasets import RATES
from advisory_perf.contracts.materiality import Materiality
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.errors import SettingsError
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.registry import FEED_MODELS, load_feeds
from advisory_perf.lake.store import Lake
from advisory_perf.settings import Settings
from advisory_perf.warehouse.addresses import check_endpoint
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.locks import Locks
from advisory_perf.warehouse.roles import Role


def right_now() -> datetime:
    """The time, by the clock of the machine, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Platform:
    """Settings, feeds and stores of one installation, and the clock by which it acts."""

    settings: Settings
    feeds: Mapping[str, Feed]
    lake: Lake
    warehouse: Warehouse
    ledger: Ledger
    clock: Callable[[], datetime] = right_now

    @property
    def materiality(self) -> Materiality:
        """From which size on a difference matters to the firm."""
        return Materiality(self.settings.material_amount, self.settings.material_return)

    def under(self, locks: Locks) -> "Platform":
        """The same for a run that holds locks: ledger and lake change nothing once one of them is lost."""
        return replace(self, ledger=self.ledger.under(locks), lake=self.lake.under(locks.kept))


def pipeline_lock(feed: str) -> str:
    """The lock that a run takes before it reads of a pipeline: of two one could publish what the other computed from older deliveries."""
    return f"pipeline {feed}"


def ingestion_lock(feed: str, delivery_id: str) -> str:
    """The lock that a run takes to ingest a delivery, or to abandon it."""
    return f"ingestion {feed} {delivery_id}"


def bytes_lock(feed: str, sha256: str) -> str:
    """The lock that a run takes besides, so that no two ingest, or reject, the same bytes of a feed at once."""
    return f"bytes {feed} {sha256}"


def open_platform(
    settings: Settings, *, models: Mapping[str, type[Feed]] = FEED_MODELS, clock: Callable[[], datetime] = right_now
) -> Platform:
    """Feeds and stores of an installation. The warehouse needs an address: the command gives the embedded server's.

    ``models`` has the model of each dataset's feeds.
    """
    if settings.warehouse_url is None:
        raise SettingsError(
            "ADVISORY_PERF_WAREHOUSE_URL is not set; set it to postgresql://…, or start with `advisory-perf dev`, which brings a server"
        )
    if settings.s3_endpoint_url is not None:
        check_endpoint(settings.s3_endpoint_url)
    warehouse = Warehouse(settings.warehouse_url, Role.WRITER)
    lake = Lake(settings.lake, endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
    feeds = load_feeds(settings.feeds_dir, models=models)
    _check_rates_source(settings, feeds)
    return Platform(settings, feeds, lake, warehouse, Ledger(warehouse), clock)


def _check_rates_source(settings: Settings, feeds: Mapping[str, Feed]) -> None:
    sources = sorted({feed.vendor for feed in feeds.values() if feed.dataset == RATES.name})
    if settings.rates_source is not None and settings.rates_source not in sources:
        known = f"one of {', '.join(sources)}" if sources else "one that has a feed with `dataset: rates`, of which there is none"
        raise SettingsError(f"ADVISORY_PERF_RATES_SOURCE is {settings.rates_source}, which has no feed of rates; set it to {known}")
