"""The whole platform under random deliveries and random incident; afterwards it has to have settled by itself, equal to one left in peace.

``python -m advisory_perf_tests.soak --minutes 30`` runs `advisory-perf dev` on a bucket for half of the time and on a folder for the
other half. Vendors deliver new, restated, late, repeated and wrong files; processes are killed and stopped, connections cut, stores made
full and read-only, and the network to the bucket does what networks do. Then everything is healed, and within a generous patience all
has to settle without a hand: incoming/ empty, every delivery final, nothing pending, no alert of incident, no run under way. What is
published then has to be what the same deliveries, in the same order, give in a process of their own that nothing befalls.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from advisory_perf_tests.soaking.deliveries import Deliveries, write_feeds
from advisory_perf_tests.soaking.incidents import Incidents
from advisory_perf_tests.soaking.lakes import SoakedLake, a_bucket, a_folder
from advisory_perf_tests.soaking.running import Running, running
from advisory_perf_tests.soaking.undisturbed import soaked_state, undisturbed
from advisory_perf_tests.states import differences

LAKES = ("bucket", "folder")
_SECOND = 1.1
"""Objects have whole seconds: what comes closer together has come at once, and its order is nobody's."""
_PAUSE = 4
"""Seconds between two deliveries beyond that, on average."""
_MOST_WAITING = 20
"""Vendors hold back while so many files have not ended, so that a slow machine settles in time, too."""
_INGESTED = {"COMPLETED", "COMPLETED_WITH_ISSUES"}
_ENDED = {*_INGESTED, "FAILED", "DUPLICATE"}
_ENVIRONMENT = {"ADVISORY_PERF_SETTLE_SECONDS": "1", "ADVISORY_PERF_LONGEST_REST_SECONDS": "20"}


def soak(lake_kind: str, *, seconds: float, seed: int, patience: float, keep: bool) -> list[str]:
    """One installation on a lake of that kind; what is wrong in the end, in lines."""
    started = time.monotonic()

    def say(line: str) -> None:
        _say(f"{lake_kind} {time.monotonic() - started:6.1f} s  {line}")

    with _a_place(keep=keep) as place, _a_lake(lake_kind, place, seed) as lake:
        feeds = write_feeds(place / "feeds")
        with running(place, feeds, lake, _ENVIRONMENT) as platform:
            say(f"up, seed {seed}, in {place}")
            deliveries, incidents = Deliveries(random.Random(seed)), Incidents(platform, random.Random(seed + 1), say)
            _disturb(platform, deliveries, incidents, seconds)
            incidents.end_all()
            lake.calm()
            kinds = Counter(delivery.kind for delivery in deliveries.sent)
            say(f"healed; {len(deliveries.sent)} deliveries {dict(kinds)}, incidents {incidents.counts}, of the network {lake.met()}")
            left = _settled(platform, len({(one.folder, one.name) for one in deliveries.sent}), patience, say)
            if left:
                return ["it has not settled:", *left]
            found = soaked_state(platform.platform)
        say("settled; the same in peace")
        expected = undisturbed(place / "in_peace", feeds, deliveries.sent)
        wrong = differences(expected, found)
        say(f"compared: {sum(map(len, expected.values()))} lines, {len(wrong)} differ")
        return wrong


def _disturb(platform: Running, deliveries: Deliveries, incidents: Incidents, seconds: float) -> None:
    end, due, waiting, statuses = time.monotonic() + seconds, 0.0, None, dict[str, str]()
    while time.monotonic() < end:
        incidents.look()
        if time.monotonic() >= due:
            statuses = platform.statuses() or statuses
            ingested, ended = ([name for name, status in statuses.items() if status in these] for these in (_INGESTED, _ENDED))
            if len({one.name for one in deliveries.sent} - set(ended)) < _MOST_WAITING:
                waiting = waiting or deliveries.next(ingested, ended)
            if waiting is not None and platform.lake.deliver(waiting):
                deliveries.sent.append(waiting)
                waiting = None
            due = time.monotonic() + _SECOND + deliveries.chance.expovariate(1 / _PAUSE)
        time.sleep(0.1)


def _settled(platform: Running, files: int, patience: float, say: object) -> list[str]:
    """What has not come to its end when patience is over; nothing as soon as all has."""
    end, reported = time.monotonic() + patience, 0.0
    while True:
        left = platform.unsettled(files)
        if not left or time.monotonic() > end or platform.process.poll() is not None:
            return left
        if time.monotonic() - reported > 30:
            reported = time.monotonic()
            say(f"{len(left)} things to settle, such as: {left[0][:200]}")  # type: ignore[operator]
        time.sleep(2)


@contextmanager
def _a_place(*, keep: bool) -> Iterator[Path]:
    if keep:
        yield Path(tempfile.mkdtemp(prefix="advisory_perf_"))
        return
    with tempfile.TemporaryDirectory(prefix="advisory_perf_", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _a_lake(kind: str, place: Path, seed: int) -> Iterator[SoakedLake]:
    with a_bucket(seed) if kind == "bucket" else a_folder(place) as lake:
        yield lake


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201 - a program


def main(arguments: Sequence[str] | None = None) -> int:
    """Soaks; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="of incident, all lakes together")
    parser.add_argument("--lake", action="append", choices=LAKES, help="by default each, one after the other")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="by default another one each time")
    parser.add_argument("--patience", type=float, default=15, help="minutes in which everything has to settle")
    parser.add_argument("--keep", action="store_true", help="leave everything in its folder")
    chosen = parser.parse_args(arguments)
    lakes = chosen.lake or LAKES
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wrong = 0
    for lake in lakes:
        found = soak(lake, seconds=60 * chosen.minutes / len(lakes), seed=chosen.seed, patience=60 * chosen.patience, keep=chosen.keep)
        wrong += len(found)
        _say(f"{lake}, seed {chosen.seed}: {f'{len(found)} things are wrong' if found else 'ended as if nothing had happened'}", *found)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
