"""What a changed feed file would change: the kept deliveries of its feed, ingested again in a scratch installation, and what differs then.

The scratch installation begins as the true one stands, with the feed's and its vendor's rows, files and partitions; then it does what a
replay does, by the same jobs: it ingests the deliveries again and runs the pipeline once over the windows that they touch. So the result
is that of the replay, the life of breaks and which delivery counts included. Of the true home everything is only read.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from advisory_perf.contracts.datasets import POSITIONS
from advisory_perf.contracts.enums import DeliveryStatus
from advisory_perf.contracts.tables import QUARANTINED_ROWS
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.replays import kept_since
from advisory_perf.deliveries.zones import REASON_ENDING, UNKNOWN_FEED
from advisory_perf.errors import AdvisoryPerfError, FeedError, LakeError, WarehouseError
from advisory_perf.feeds.differences import ChangedKey, changed_keys
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.registry import read_feed
from advisory_perf.lake.store import ARCHIVE, ERROR, Lake
from advisory_perf.operations.feed_state import keep_rows, slices_since, state_of
from advisory_perf.operations.scratch import Opening, Scratch, scratch_installation
from advisory_perf.orchestration.pipelines.registry import PIPELINES
from advisory_perf.orchestration.planning import windows_touched
from advisory_perf.platform import Platform
from advisory_perf.reconciliation.state_changes import COMPARED, DELIVERIES, Changes, State, changes
from advisory_perf.runtime.installation import open_installation
from advisory_perf.warehouse.taking_over import reading, take_over

_BEFORE = "before"

Says = Callable[[str, int, int], object]
"""Called with what has been done, how many of how many."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would change, and of what: the feed, its changed keys, how many deliveries were ingested again.

    ``lost`` are the deliveries whose bytes the lake has no more, so that their rows stay as they are; ``unclaimed`` those whose names the
    changed feed no longer claims, though their rows stay; ``unpublished`` those that wait for their pipeline, so that what they bring by
    themselves is among the changes. ``failures`` are sentences about what could not be done. ``is_dated`` says that
    the true home changed meanwhile.
    """

    feed: Feed
    since: date | None
    keys: list[ChangedKey]
    ingested: int
    lost: list[LedgerEntry]
    unclaimed: list[LedgerEntry]
    unpublished: list[LedgerEntry]
    changes: Changes
    failures: list[str]
    is_dated: bool


def changed_feed(feeds: Mapping[str, Feed], file: Path) -> Feed:
    """The feed of the file; FeedError where it is none, or not one of these with the same vendor and dataset."""
    feed = read_feed(file)
    present = feeds.get(feed.name)
    if present is None:
        raise FeedError(f"{file}: name: {feed.name} is no feed of this installation, whose feeds are {', '.join(feeds)}; set one of them")
    for key, value, known in (("vendor", feed.vendor, present.vendor), ("dataset", feed.dataset, present.dataset)):
        if value != known:
            raise FeedError(
                f"{file}: {key}: {value} is not that of the feed {feed.name}, {known}; a preview is of the same rows, so keep it"
            )
    if feed.dataset != POSITIONS.name:
        raise FeedError(f"{file}: dataset: a preview is of positions, and {feed.name} has {feed.dataset}; try the change in another home")
    return feed


def preview(
    platform: Platform,
    file: Path,
    *,
    since: date | None = None,
    opening: Opening = open_installation,
    says: Says = lambda _what, _done, _of: None,
) -> Preview:
    """What the changed feed of the file would change, for all deliveries, or those that may touch ``since`` or later days.

    Raises FeedError, LakeError and WarehouseError.
    """
    feed = changed_feed(platform.feeds, file)
    with scratch_installation(platform.settings, file, opening) as scratch:
        says("opened a scratch installation; taking over rows and files", 0, 0)
        with reading(platform.warehouse) as source, scratch.owner.connect() as target:
            take_over(source, target, feed=feed.name, vendor=feed.vendor)
        known = scratch.platform.ledger.entries(feed.name)
        refused = _not_yet_ingested(platform.ledger.entries(UNKNOWN_FEED), feed, known)
        again, lost = _kept(platform.lake, kept_since(known, since))
        strangers, lost_strangers = _kept(platform.lake, kept_since(refused, since))
        scratch.take_over(platform.lake, [*(path for one in again for path in one.paths), *_of_deliveries(platform.lake, feed)])
        replay = _Replay(platform.lake, scratch, feed, says, len(again) + len(strangers))
        known_state = state_of(scratch.platform.warehouse, scratch.platform.lake, feed)
        before = _with_strangers(known_state, [one.entry for one in strangers])
        for table in COMPARED:
            keep_rows(scratch.platform.warehouse, table, feed, scratch.folder / _BEFORE)
        replay.ingest(again, strangers)
        replay.run_pipeline()
        found = _found(scratch, feed, before, replay.renamed)
    return Preview(
        feed,
        since,
        changed_keys(platform.feeds[feed.name], feed),
        len(again) + len(strangers),
        [entry for entry in (*lost, *lost_strangers) if entry.status != DeliveryStatus.RECEIVED],
        [one.entry for one in again if not feed.claims(one.entry.file_name)],
        [entry for entry in known if entry.pending_first_date is not None],
        found,
        replay.failures,
        is_dated=any(entry.status == DeliveryStatus.RECEIVED for entry in lost)
        or _numbers(platform.ledger.entries(feed.name)) != _numbers(known),
    )


def _found(scratch: Scratch, feed: Feed, before: State, renamed: Mapping[str, str]) -> Changes:
    warehouse = scratch.platform.warehouse
    after = state_of(warehouse, scratch.platform.lake, feed, renamed=renamed)
    slices = (slices_since(warehouse, table, feed, scratch.folder / _BEFORE, renamed) for table in COMPARED)
    return changes(before, after, zip(COMPARED, slices, strict=True))


@dataclass(frozen=True, slots=True)
class _KeptDelivery:
    """A delivery and where the lake has its bytes, and why it was refused."""

    entry: LedgerEntry
    paths: tuple[str, ...]

    @property
    def content(self) -> str:
        """The path of its bytes."""
        return next(path for path in self.paths if not path.endswith(REASON_ENDING))


def _kept(lake: Lake, entries: Sequence[LedgerEntry]) -> tuple[list[_KeptDelivery], list[LedgerEntry]]:
    """The deliveries whose bytes lie in archive or error/, and those whose bytes are gone."""
    paths = defaultdict[str, list[str]](list)
    for feed in dict.fromkeys(entry.feed for entry in entries):
        for folder in (f"{zone}/{feed}/" for zone in (ARCHIVE, ERROR)):
            for file in lake.files(folder):
                paths[file.path.removeprefix(folder).split("/", 1)[0]].append(file.path)
    found = [_KeptDelivery(entry, tuple(paths[entry.delivery_id])) for entry in entries]
    has_bytes = [any(not path.endswith(REASON_ENDING) for path in one.paths) for one in found]
    return (
        [one for one, has in zip(found, has_bytes, strict=True) if has],
        [one.entry for one, has in zip(found, has_bytes, strict=True) if not has],
    )


def _not_yet_ingested(refused: Iterable[LedgerEntry], feed: Feed, known: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """The files of no feed whose names the changed feed claims, but for those that were put into its folder since."""
    own = {(entry.file_name, entry.sha256) for entry in known}
    return [one for one in refused if feed.claims(one.file_name) and (one.file_name, one.sha256) not in own]


def _with_strangers(state: State, strangers: Sequence[LedgerEntry]) -> State:
    rows = pl.DataFrame([{name: getattr(entry, name) for name in DELIVERIES.names()} for entry in strangers], schema=DELIVERIES)
    return replace(state, deliveries=pl.concat([state.deliveries, rows]))


def _of_deliveries(lake: Lake, feed: Feed) -> list[str]:
    """The partitions with the rows of the feed's deliveries."""
    stages = (feed.contract.delivered.name, QUARANTINED_ROWS.name)
    return [file.path for stage in stages for file in lake.files(f"{stage}/vendor={feed.name}/")]


def _numbers(entries: Iterable[LedgerEntry]) -> set[tuple[int, int, str]]:
    """What a publication or an ingestion changes of a ledger."""
    return {(entry.id, entry.ingestion_no, entry.status) for entry in entries}


class _Replay:
    """Deliveries ingested again in the scratch installation, and their pipeline; ``renamed`` are the ids that files of no feed got here."""

    def __init__(self, lake: Lake, scratch: Scratch, feed: Feed, says: Says, of: int) -> None:
        self.renamed: dict[str, str] = {}
        self.failures: list[str] = []
        self._lake, self._scratch, self._feed, self._says, self._of = lake, scratch, feed, says, of

    def ingest(self, again: Sequence[_KeptDelivery], strangers: Sequence[_KeptDelivery]) -> None:
        """Those of the feed under their own ids, then those of no feed, as if they were put into the feed's folder now."""
        runs = self._scratch.runs
        for number, one in enumerate([*again, *strangers], start=1):
            with self._noted():
                if one.entry.feed == self._feed.name:
                    handed = runs.ingest_again(one.entry)
                else:
                    handed = runs.ingest(self._handed(one), self._feed.name)
                    self.renamed[handed.entry.delivery_id] = one.entry.delivery_id
                self._says(f"ingested {one.entry.file_name}: {handed.status}", number, self._of)

    def run_pipeline(self) -> None:
        """One run over all windows that the deliveries touch; what lies before them is taken over for it."""
        platform, feed = self._scratch.platform, self._feed
        pending = platform.ledger.pending(feed.name)
        windows = windows_touched(feed, pending, platform.ledger.latest_as_of_date(feed.name)) if pending else None
        if windows is None:
            return
        self._scratch.take_over(self._lake, self._windows_before(windows.first))
        self._says(f"running the pipeline from {windows.first} to {windows.last_day}", self._of, self._of)
        with self._noted():
            self._scratch.runs.run_pipeline(feed.name)

    def _windows_before(self, first: date) -> list[str]:
        stages = [stage.table.name for stage in PIPELINES[self._feed.dataset].stages]
        return [
            file.path
            for stage in stages
            for file in self._lake.files(f"{stage}/vendor={self._feed.name}/")
            if file.path.split("/")[2].removeprefix("window=") < first.isoformat()
        ]

    def _handed(self, one: _KeptDelivery) -> Path:
        path = self._scratch.folder / "handed" / one.entry.delivery_id / one.content.rsplit("/", 1)[-1]
        path.parent.mkdir(parents=True)
        path.write_bytes(self._lake.read(one.content))
        return path

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """One delivery's incident does not keep the others from going on; that of a store does."""
        try:
            yield
        except (LakeError, WarehouseError):
            raise
        except AdvisoryPerfError as error:
            self.failures.append(str(error))
