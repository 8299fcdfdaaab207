from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.lake.objects import LakeFile, Listing, OddName
from advisory_perf.orchestration.sensors.arriving import arrived, cursor_of, odd_name_alerts, seen_in
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.orchestration.scenarios import a_file

FEED = a_feed()
NOON = datetime(2025, 4, 1, 12, tzinfo=UTC)


def feed_with(**files: object) -> PositionsFeed:
    return FEED.model_copy(update={"files": FEED.files.model_copy(update=files)})


def ready(*files: LakeFile, feed: PositionsFeed = FEED, now: datetime = NOON, seen: Mapping[str, datetime] | None = None) -> list[str]:
    """The names of the files that are taken, where five seconds are the installation's patience."""
    found = arrived(files, {"acme": feed}, seen=seen or {}, now=now, seconds=5)
    return [file.name for file in [*found.ready["acme"], *found.unclaimed]]


def at(path: str, modified: datetime) -> LakeFile:
    return LakeFile(f"incoming/{path}", 100, modified, f"tag {modified}")


def test_a_file_that_has_just_changed_is_left_to_settle() -> None:
    young, old = a_file("acme/young.csv", 59), a_file("acme/old.csv", 1)
    assert ready(young, old, now=young.modified + timedelta(seconds=3)) == ["old.csv"]
    assert ready(young, old, now=young.modified + timedelta(seconds=5)) == ["old.csv", "young.csv"]


def test_a_feed_may_want_its_files_to_settle_longer_or_not_at_all() -> None:
    file = a_file("acme/a.csv")
    for seconds, patience, names in ((60, 59, []), (60, 60, ["a.csv"]), (0, 0, ["a.csv"])):
        assert ready(file, feed=feed_with(settle_seconds=seconds), now=file.modified + timedelta(seconds=patience)) == names


def test_a_time_in_the_future_settles_by_our_own_clock() -> None:
    ahead = at("acme/ahead.csv", NOON + timedelta(days=400))
    first = arrived([ahead], {"acme": FEED}, seen={}, now=NOON, seconds=5)
    assert first.ready == {"acme": []}
    seen = seen_in(cursor_of(first.seen))
    assert ready(ahead, seen=seen, now=NOON + timedelta(seconds=4)) == []
    assert ready(ahead, seen=seen, now=NOON + timedelta(seconds=5)) == ["ahead.csv"]


def test_a_file_that_keeps_growing_never_settles_and_holds_up_no_other() -> None:
    seen: Mapping[str, datetime] = {}
    for second in range(0, 60, 3):
        now = NOON + timedelta(seconds=second)
        found = arrived([at("acme/grows.csv", now), a_file("acme/b.csv")], {"acme": FEED}, seen=seen, now=now, seconds=5)
        assert [file.name for file in found.ready["acme"]] == ["b.csv"]
        seen = found.seen
        assert len(seen) == 1, "what is gone is forgotten"


def test_what_is_seen_is_kept_of_unsettled_files_only() -> None:
    assert arrived([a_file("acme/a.csv")], {"acme": FEED}, seen={"gone": NOON}, now=NOON, seconds=5).seen == {}
    assert seen_in(None) == {}


@pytest.mark.parametrize("name", [".a.csv.Xy12Zq", "a.csv.filepart", "a.csv.part", "a.csv.tmp", "a.csv.crdownload", "~a.csv", "a.csv~"])
@pytest.mark.parametrize("folder", ["acme", "nobody"])
def test_what_a_transfer_tool_has_not_finished_waits_for_its_own_name(folder: str, name: str) -> None:
    assert ready(a_file(f"{folder}/{name}"), a_file("acme/b.csv")) == ["b.csv"]


def test_a_feed_whose_pattern_has_such_an_ending_takes_it() -> None:
    assert ready(a_file("acme/a.tmp"), feed=feed_with(patterns=("*.tmp",))) == ["a.tmp"]
    assert ready(a_file("acme/a.tmp"), feed=feed_with(patterns=("*",))) == []


def test_a_file_in_a_sub_folder_is_taken_only_where_the_feed_reads_the_path() -> None:
    assert ready(a_file("acme/2025-04-01/a.csv")) == []
    stated = a_feed(files={**a_feed_files(), "stated": {"day": {"in": "path", "pattern": "([0-9-]{10})"}}})
    assert ready(a_file("acme/2025-04-01/a.csv"), feed=stated) == ["a.csv"]
    assert ready(a_file("nobody/sub/a.csv")) == ["a.csv"], "which is rejected as any in no feed's folder"


def a_feed_files() -> dict[str, object]:
    return {"patterns": ["acme_*.csv"], "format": "csv"}


def alerts(
    *odd: OddName, files: tuple[LakeFile, ...] = (), written: bool = False, left: str | None = None, now: datetime = NOON
) -> dict[str, str]:
    """The messages by key."""
    listing, feeds = Listing(list(files), list(odd)), {"acme": FEED, "beta": FEED}
    found, over = odd_name_alerts(listing, feeds, why_left=lambda _: left, is_written=lambda _: written, now=now)
    assert {alert.key for alert in found} | set(over) == {"ODD_NAME acme", "ODD_NAME beta", "ODD_NAME unknown"}
    return {alert.key: alert.message for alert in found}


def test_all_odd_names_of_a_vendor_are_one_alert_that_shows_them_with_escapes() -> None:
    reported = alerts(
        *(OddName(f"incoming/acme/{number}\n\x1b.csv", "it is odd") for number in range(8)), OddName("incoming/beta", "it is a link")
    )
    assert sorted(reported) == ["ODD_NAME acme", "ODD_NAME beta"]
    assert reported["ODD_NAME acme"].startswith(
        "acme: what lies in incoming/ under these names is not taken, and holds up nothing else: incoming/acme/0\\n\\x1b.csv (it is odd); "
    )
    assert "; and 3 more; fix that, take it away" in reported["ODD_NAME acme"]


def test_odd_names_in_no_vendors_folder_are_reported_too() -> None:
    assert list(alerts(OddName("incoming/..", "it is odd"), OddName("incoming/nobody/x", "it is odd"))) == ["ODD_NAME unknown"]


def test_an_unfinished_name_is_reported_when_it_has_lain_for_an_hour() -> None:
    part = a_file("acme/a.csv.part")
    assert alerts(files=(part,), now=part.modified + timedelta(minutes=59)) == {}
    assert (
        "incoming/acme/a.csv.part (its name is that of a transfer"
        in alerts(files=(part,), now=part.modified + timedelta(minutes=61))["ODD_NAME acme"]
    )


def test_a_file_that_is_never_closed_is_reported_after_an_hour() -> None:
    file = a_file("acme/a.csv")
    assert alerts(files=(file,), written=True, now=file.modified + timedelta(minutes=59)) == {}
    assert "has it open for writing" in alerts(files=(file,), written=True)["ODD_NAME acme"]
    assert alerts(files=(file,)) == {}


def test_a_file_that_is_not_read_is_reported_at_once() -> None:
    file = a_file("acme/a.csv", 0)
    assert "incoming/acme/a.csv (it is large)" in alerts(files=(file,), left="it is large", now=file.modified)["ODD_NAME acme"]


def test_a_sub_folder_is_reported_at_once() -> None:
    assert (
        "incoming/acme/sub/a.csv (it lies in a sub-folder"
        in alerts(files=(a_file("acme/sub/a.csv", 0),), now=a_file("", 0).modified)["ODD_NAME acme"]
    )
