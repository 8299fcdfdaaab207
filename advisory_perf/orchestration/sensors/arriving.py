"""Which files of incoming/ are there to be taken now, as pure functions of a listing, the feeds and our own clock.

A file is taken when it has settled: by its own time, or, since that may lie in the future or be another clock's, when we have seen it
unchanged for as long. Names that transfer tools give to what has not finished wait for their own name, and what lies in a sub-folder
is not its feed's unless that reads the path.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from advisory_perf.alerts.model import ODD_NAME, Alert
from advisory_perf.deliveries.zones import UNKNOWN_FEED, delivery_id_of
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.registry import vendor_of
from advisory_perf.lake.objects import LakeFile, Listing, is_unfinished
from advisory_perf.lake.store import INCOMING
from advisory_perf.orchestration.planning import waiting_by_feed
from advisory_perf.showing import cut

PATIENCE = timedelta(hours=1)
"""How long a file may keep an unfinished name, or a writer, before a person is reported."""

_SHOWN = 5
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Arrived:
    """The files to take by feed, oldest first, and those in no feed's folder; ``seen`` is when each unsettled one was first listed."""

    ready: dict[str, list[LakeFile]]
    unclaimed: list[LakeFile]
    seen: dict[str, datetime]

    def without(self, is_left: Callable[[LakeFile], bool]) -> "Arrived":
        """The same without some files."""
        ready = {feed: [file for file in files if not is_left(file)] for feed, files in self.ready.items()}
        return Arrived(ready, [file for file in self.unclaimed if not is_left(file)], self.seen)


def arrived(
    files: Iterable[LakeFile], feeds: Mapping[str, Feed], *, seen: Mapping[str, datetime], now: datetime, seconds: float
) -> Arrived:
    """What of a listing of incoming/ is to be taken now.

    ``seconds`` is how long a file has to be unchanged, where its feed says nothing else; ``seen`` is what the last call gave.
    """
    waiting, unclaimed = waiting_by_feed(files, feeds)
    still_seen: dict[str, datetime] = {}

    def settled(file: LakeFile, patience: float) -> bool:
        if (now - file.modified).total_seconds() >= patience:
            return True
        key = delivery_id_of(file)
        still_seen[key] = seen.get(key, now)
        return (now - still_seen[key]).total_seconds() >= patience

    ready = {
        name: [file for file in of_feed if why_not_taken(file, feeds[name]) is None and settled(file, _patience(feeds[name], seconds))]
        for name, of_feed in waiting.items()
    }
    strangers = [file for file in unclaimed if why_not_taken(file, None) is None and settled(file, seconds)]
    return Arrived(ready, strangers, still_seen)


def why_not_taken(file: LakeFile, feed: Feed | None) -> str | None:
    """Why a file in incoming/ is none of its feed's, though it lies in that feed's folder; None where it is to be taken.

    A pattern of the feed that ends as such a name does, or begins so, takes it all the same.
    """
    asked_for = feed is not None and feed.files.claims(file.name) and any(is_unfinished(pattern) for pattern in feed.files.patterns)
    if is_unfinished(file.name) and not asked_for:
        return "its name is that of a transfer that has not finished"
    if feed is not None and not feed.files.path_is_name and "/" in file.path.removeprefix(f"{INCOMING}/{feed.name}/"):
        return "it lies in a sub-folder, which its feed does not read"
    return None


def seen_in(cursor: str | None) -> dict[str, datetime]:
    """What a cursor holds of the files that had not settled."""
    return {key: datetime.fromisoformat(since) for key, since in json.loads(cursor or "{}").items()}


def cursor_of(seen: Mapping[str, datetime]) -> str:
    """A cursor for the next tick."""
    return json.dumps({key: since.isoformat() for key, since in seen.items()})


def odd_name_alerts(
    listing: Listing,
    feeds: Mapping[str, Feed],
    *,
    why_left: Callable[[LakeFile], str | None],
    is_written: Callable[[LakeFile], bool],
    now: datetime,
) -> tuple[list[Alert], list[str]]:
    """One alert for each feed about everything in incoming/ that is left alone; the keys of those feeds that have nothing such.

    ``why_left`` says why a file is not read that could be taken by its name; what waits by its name or for its writer is reported when it
    has waited for an hour.
    """
    found: dict[str, list[str]] = {feed: [] for feed in [*feeds, UNKNOWN_FEED]}
    for odd in listing.odd:
        folder = odd.path.removeprefix(f"{INCOMING}/").partition("/")[0]
        found[folder if folder in feeds else UNKNOWN_FEED].append(f"{cut(odd.path, _LONGEST)} ({odd.why})")
    waiting, unclaimed = waiting_by_feed(listing.files, feeds)
    for name, files in {**waiting, UNKNOWN_FEED: unclaimed}.items():
        for file in files:
            why = why_not_taken(file, feeds.get(name)) or why_left(file)
            is_late = now - file.modified > PATIENCE
            if why is None and is_late and is_written(file):
                why = "a process has it open for writing"
            if why is not None and (is_late or not is_unfinished(file.name)):
                found[name].append(f"{cut(file.path, _LONGEST)} ({why})")
    alerts = [_alert(feed, vendor_of(feeds, feed), names, now) for feed, names in found.items() if names]
    return alerts, [_key(feed) for feed, names in found.items() if not names]


def _alert(feed: str, vendor: str, names: Sequence[str], now: datetime) -> Alert:
    more = f"; and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return Alert(
        key=_key(feed),
        code=ODD_NAME.name,
        severity=ODD_NAME.severity,
        feed=feed,
        vendor=vendor,
        since=now,
        subject=f"{ODD_NAME.name} {feed}",
        message=f"{vendor}: what lies in {INCOMING}/ under these names is not taken, and holds up nothing else: "
        f"{'; '.join(names[:_SHOWN])}{more}; fix that, take it away, or have it sent under a plain name into {INCOMING}/<feed>/",
    )


def _key(feed: str) -> str:
    return f"{ODD_NAME.name} {feed}"


def _patience(feed: Feed, seconds: float) -> float:
    return seconds if feed.files.settle_seconds is None else feed.files.settle_seconds
