"""What the assets and sensors work with. Made in ``definitions``; nothing here decides anything."""

from collections.abc import Mapping
from dataclasses import dataclass

from advisory_perf.settings import Settings
from advisory_perf.storage.lake import Lake
from advisory_perf.storage.ledger import Ledger
from advisory_perf.storage.warehouse import Warehouse
from advisory_perf.vendors.feed import Feed


@dataclass(frozen=True, slots=True)
class Platform:
    """Settings, feeds and stores of one installation."""

    settings: Settings
    feeds: Mapping[str, Feed]
    lake: Lake
    warehouse: Warehouse
    ledger: Ledger
