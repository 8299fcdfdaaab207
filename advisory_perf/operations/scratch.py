"""A scratch installation: a home in a temporary folder, with a server and a lake of its own, that has one feed's past taken over.

It knows nothing of the true home's lake, warehouse and Dagster instance: whatever runs in it writes there and nowhere else. Dagster's own
records of it are kept in memory. The folder goes when it is closed, also where the work in it is interrupted.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Protocol

import dagster as dg

from advisory_perf.errors import SettingsError
from advisory_perf.lake.store import Lake
from advisory_perf.platform import Platform
from advisory_perf.runtime.in_process import LocalRuns
from advisory_perf.runtime.installation import open_installation
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.roles import Role, address_of

_OF_OTHER_FEEDS = ("reporting_currency", "rates_source")
"""What the changed feed alone is computed without: the rates are another feed's."""
_PREFIX = "advisory_perf_preview_"
_THREADS = 8
_OF_THE_TRUE_HOME = (
    "lake_url",
    "warehouse_url",
    "owner_url",
    "reader_url",
    "desk_url",
    "dagster_url",
    "s3_endpoint_url",
    "alerts_url",
    "heartbeat_file",
)


class Opened(Protocol):
    """What a scratch installation takes of an opened one."""

    @property
    def settings(self) -> Settings:
        """With every address filled in."""

    def platform(self) -> Platform:
        """Feeds and stores."""

    def definitions(self) -> dg.Definitions:
        """What Dagster runs."""


Opening = Callable[[Settings], AbstractContextManager[Opened]]


@dataclass(frozen=True, slots=True)
class Scratch:
    """Feeds and stores of the scratch installation, its runs, its warehouse as the superuser, and a folder for whatever is noted."""

    platform: Platform
    runs: LocalRuns
    owner: Warehouse
    folder: Path

    def take_over(self, lake: Lake, paths: Iterable[str]) -> None:
        """Copies objects of another lake to the same paths here."""
        root = Path(self.platform.lake.address)

        def copy(path: str) -> None:
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(lake.read(path))

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(copy, paths))


@contextmanager
def scratch_installation(settings: Settings, feed_file: Path, opening: Opening = open_installation) -> Iterator[Scratch]:
    """An installation that knows the package's feeds and the one of the file, and is otherwise set as the true one; gone afterwards."""
    with TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        feeds = folder / "feeds"
        feeds.mkdir()
        copyfile(feed_file, feeds / "changed.yaml")
        own = apart(settings, folder / "home", feeds)
        with opening(own) as installation, dg.DagsterInstance.ephemeral() as instance:
            platform = installation.platform()
            Path(platform.lake.address).mkdir(parents=True, exist_ok=True)
            runs = LocalRuns(platform, installation.definitions(), instance)
            yield Scratch(platform, runs, Warehouse(address_of(installation.settings, Role.OWNER)), folder)


def apart(settings: Settings, home: Path, feeds: Path) -> Settings:
    """The settings with another home and feeds, and with no address of the true home; SettingsError where one would be kept."""
    kept = {name: getattr(settings, name) for name in type(settings).model_fields}
    own = Settings.model_validate({**kept, **dict.fromkeys((*_OF_THE_TRUE_HOME, *_OF_OTHER_FEEDS)), "home": home, "feeds_dir": feeds})
    if not own.is_embedded or Path(own.lake) != home / "lake" or any(getattr(own, name) is not None for name in _OF_THE_TRUE_HOME):
        raise SettingsError(
            "a preview would be made in the true home's stores; unset ADVISORY_PERF_LAKE_URL and ADVISORY_PERF_WAREHOUSE_URL"
        )
    return own
