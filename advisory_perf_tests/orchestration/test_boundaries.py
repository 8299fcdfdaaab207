"""Where the rules of this room change over: just before, at, and just after; and what each of their parts is for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest
from dagster_shared.error import SerializableErrorInfo

from advisory_perf.deliveries.delivered_days import Beginning, FirstArrival
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.ingestion_writes import IngestionInDoubt
from advisory_perf.deliveries.precedence import by_precedence, replacing, versions_of_the_same
from advisory_perf.deliveries.zones import Arrival
from advisory_perf.errors import AdvisoryPerfError, LakeError, LakeOutageError, LockHeldError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.lake.objects import LakeFile, Listing, OddName
from advisory_perf.lake.store import ARCHIVE, INCOMING
from advisory_perf.monitoring import deadlines, held_locks, long_attempts, red_sensors
from advisory_perf.monitoring.attempts import Tries
from advisory_perf.monitoring.deadlines import late_and_missing, windows_in_question
from advisory_perf.monitoring.red_sensors import SILENT, UNREACHABLE, RedSensor, Sensor, Tick, sensor_alerts
from advisory_perf.orchestration import planning
from advisory_perf.orchestration.asset_checks import Finding, Rule
from advisory_perf.orchestration.assets.ingestion import of_its_time
from advisory_perf.orchestration.outages import is_outage
from advisory_perf.orchestration.partitions import range_of_days, range_of_keys, window_partitions
from advisory_perf.orchestration.planning import IngestionRequest, ingestions_to_repeat, waits_for_ingestions
from advisory_perf.orchestration.run_history import reported_by
from advisory_perf.orchestration.sensors.arriving import Arrived, arrived, odd_name_alerts
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.orchestration.scenarios import a_file, an_entry, days

NOON = datetime(2025, 4, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
FEED = a_feed()
FOURTH, FIFTH, SIXTH = days(4, 5, 6)


def of_files(**files: object) -> PositionsFeed:
    return FEED.model_copy(update={"files": FEED.files.model_copy(update=files)})


# arrivals -------------------------------------------------------------------------------------------------------------


def taken(*files: LakeFile, feed: PositionsFeed = FEED, now: datetime = NOON) -> list[str]:
    found = arrived(files, {"acme": feed}, seen={}, now=now, seconds=5)
    return [file.name for file in [*found.ready["acme"], *found.unclaimed]]


def test_a_file_that_no_feed_claims_settles_for_as_long_as_any_other() -> None:
    stranger = a_file("nobody/x.csv")
    assert [taken(stranger, now=stranger.modified + seconds * SECOND) for seconds in (4, 5)] == [[], ["x.csv"]]


def test_of_a_feeds_patterns_one_with_such_an_ending_is_enough_and_only_its_own_files_are_taken() -> None:
    feed = of_files(patterns=("acme_*.csv", "*.tmp"))
    assert taken(a_file("acme/a.tmp"), a_file("acme/a.csv.part"), feed=feed) == ["a.tmp"]


def test_what_is_left_is_left_in_every_folder_and_what_was_seen_is_kept() -> None:
    own, other, strange = a_file("acme/a.csv"), a_file("acme/b.csv"), a_file("nobody/a.csv")
    found = Arrived({"acme": [own, other]}, [strange], {"d": NOON}).without(lambda file: file.name == "a.csv")
    assert found == Arrived({"acme": [other]}, [], {"d": NOON})


def odd(*files: LakeFile, listed: Sequence[OddName] = (), now: datetime = NOON, written: bool = False) -> dict[str, str]:
    found, _ = odd_name_alerts(
        Listing(list(files), list(listed)), {"acme": FEED}, why_left=lambda _: None, is_written=lambda _: written, now=now
    )
    return {alert.vendor: alert.message for alert in found}


@pytest.mark.parametrize(("name", "written"), [("a.csv.part", False), ("a.csv", True)])
def test_what_waits_is_reported_after_an_hour_and_not_before(name: str, *, written: bool) -> None:
    file = a_file(f"acme/{name}")
    reported = [list(odd(file, now=file.modified + HOUR + more, written=written)) for more in (-SECOND, 0 * SECOND, SECOND)]
    assert reported == [[], [], ["acme"]]


def test_five_names_are_shown_and_the_others_counted() -> None:
    names = [OddName(f"incoming/acme/{number}", "it is odd") for number in range(6)]
    assert "more" not in odd(listed=names[:5])["acme"]
    assert "incoming/acme/4 (it is odd); and 1 more; fix that" in odd(listed=names)["acme"]


# attempts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tries", "number"),
    [
        (Tries(), 1),
        (Tries(failed=2, others=3, last_attempt=1), 6),
        (Tries(failed=1, last_attempt=7), 8),
        (Tries(failed=1, others=1, last_attempt=2), 3),
    ],
)
def test_the_next_attempt_has_a_number_that_no_run_has_had(tries: Tries, number: int) -> None:
    assert tries.next_attempt == number


@pytest.mark.parametrize(
    ("tries", "attempt"),
    [
        (Tries(), 1),
        (Tries(failed=2, last_attempt=4), 5),
        (Tries(failed=3), None),
        (Tries(in_flight=True), None),
        (Tries(others=1, is_resting=True), None),
    ],
)
def test_an_ingestion_in_doubt_is_repeated_as_any_other_is_tried(tries: Tries, attempt: int | None) -> None:
    asked = ingestions_to_repeat([IngestionInDoubt("acme", "d")], {"d": tries}, attempts=3)
    assert asked == ([IngestionRequest("acme", "d", "", attempt)] if attempt else [])


def test_a_pipeline_waits_three_minutes_since_the_first_ingestion_and_not_since_the_last() -> None:
    def waits(*ago: timedelta | None) -> bool:
        pending = [an_entry(f"d{number}", FOURTH, started=NOON - one if one else None) for number, one in enumerate(ago)]
        return waits_for_ingestions(pending, [Tries()], attempts=3, now=NOON)

    assert (planning.LONGEST_WAIT, planning.MOST_PENDING) == (3 * MINUTE, 500)
    assert waits(3 * MINUTE - SECOND, SECOND)
    assert not waits(3 * MINUTE, SECOND)
    assert not waits(SECOND, 3 * MINUTE)
    assert waits(None, SECOND), "one that nobody knows of when it began"
    assert waits(None)


# versions -------------------------------------------------------------------------------------------------------------

VERSIONED = of_files(version=r"_v(\d+)$")


def test_of_equal_versions_that_came_at_once_the_later_entry_counts() -> None:
    entries = [replace(an_entry(name, FOURTH), id=number) for number, name in ((2, "b"), (1, "a"), (3, "c"))]
    assert [entry.id for entry in by_precedence(FEED, entries)] == [1, 2, 3]


def at(name: str, minute: int) -> LedgerEntry:
    return replace(an_entry(name, FOURTH), id=100 - minute, received_at=NOON + minute * MINUTE)


def test_a_version_that_came_after_a_higher_one_lifts_it_to_its_own_arrival_and_no_further() -> None:
    entries = [at("day_v2", 1), at("other", 2), at("day_v1", 3), at("third", 4)]
    assert [entry.delivery_id for entry in by_precedence(VERSIONED, entries)] == ["other", "day_v1", "day_v2", "third"]


@pytest.mark.parametrize("feed", [FEED, VERSIONED])
def test_a_name_that_comes_again_lifts_nothing_over_what_came_in_between(feed: PositionsFeed) -> None:
    entries = [at("daily", 1), at("correction", 2), at("daily", 3)]
    assert by_precedence(feed, entries) == entries


def test_of_equal_versions_that_a_lower_one_lifts_the_later_arrival_counts() -> None:
    first, again, lower = at("day_v2", 1), at("day_v2", 2), at("day_v1", 3)
    assert by_precedence(VERSIONED, [again, first, lower]) == [lower, first, again]


def test_versions_replace_each_other_only_where_the_feed_says_so_and_the_delivery_has_positions() -> None:
    entries = [
        an_entry("acme_20250304", FOURTH),
        an_entry("acme_20250304_v2", FOURTH),
        an_entry("acme_20250304_v3", None),
        an_entry("day_v1", FIFTH),
    ]
    assert replacing(VERSIONED, entries) == {
        "acme_20250304": ("acme_20250304.csv", 0, True),
        "acme_20250304_v2": ("acme_20250304.csv", 2, True),
        "day_v1": ("day.csv", 1, False),
    }
    assert replacing(FEED, entries) == {}
    assert replacing(of_files(version=r"_v(\d+)$", versions="changes"), entries) == {}


def test_of_a_name_that_holds_its_day_all_versions_are_looked_for_and_of_others_none() -> None:
    entries = [an_entry("acme_20250304", FOURTH), an_entry("acme_20250304_v2", FIFTH), an_entry("day", FOURTH), an_entry("day_v2", FIFTH)]
    found = versions_of_the_same(VERSIONED, entries, ["acme_20250304_v9.csv", "day_v2.csv"])
    assert [entry.delivery_id for entry in found] == ["acme_20250304", "acme_20250304_v2"]
    assert versions_of_the_same(VERSIONED, entries, ["day_v2.csv"]) == []


# deadlines ------------------------------------------------------------------------------------------------------------

EVENING = {"days": 1, "business_days": True, "time": "18:00", "time_zone": "UTC"}
DUE = datetime(2025, 3, 5, 18, tzinfo=UTC)
"""Of the fourth."""


def reported(arrivals: Sequence[datetime] = (), *, under_way: Sequence[datetime] = (), now: datetime) -> list[str]:
    came = [FirstArrival(FOURTH, at, "acme_1.csv", "d") for at in arrivals]
    found = late_and_missing(a_feed(deadline=EVENING), [FOURTH], came, [], under_way=under_way, now=now)
    return [alert.message.partition(";")[0] if alert.code == "LATE_FILE" else alert.code for alert in found.alerts]


def test_a_file_that_comes_at_the_deadline_is_in_time_and_one_a_second_later_is_late() -> None:
    assert reported([DUE], now=DUE) == []
    (late,) = reported([DUE + SECOND], now=DUE + MINUTE)
    assert late.startswith("acme, acme_1.csv: came 1 min after the deadline of 2025-03-04, 2025-03-05 18:00 UTC")


def test_a_file_that_came_at_the_deadline_may_be_ingested_within_an_hour() -> None:
    assert deadlines.PATIENCE == HOUR
    assert reported(under_way=[DUE], now=DUE + HOUR - SECOND) == []
    assert reported(under_way=[DUE], now=DUE + HOUR) == ["MISSING_FILE"]
    assert reported(under_way=[DUE + SECOND], now=DUE + HOUR - SECOND) == ["MISSING_FILE"]


def test_a_deadline_that_was_over_just_when_the_first_delivery_came_is_not_owed() -> None:
    def asked(first: datetime) -> list[date]:
        return windows_in_question(a_feed(deadline=EVENING), Beginning(first, days(3)[0]), [], now=DUE + MINUTE)

    assert asked(DUE) == []
    assert asked(DUE - SECOND) == [FOURTH]


def test_what_is_known_to_be_missing_is_looked_at_also_where_nothing_ever_came() -> None:
    assert windows_in_question(a_feed(deadline=EVENING), None, [SIXTH, FOURTH], now=DUE) == [FOURTH, SIXTH]


def test_the_month_in_which_deliveries_are_expected_first_is_owed_whole() -> None:
    feed = a_feed(cadence="monthly", deadline={**EVENING, "first_window": "2025-02-17"})
    assert windows_in_question(feed, None, [], now=datetime(2025, 3, 4, tzinfo=UTC)) == [date(2025, 2, 1)]


def test_the_days_of_months_reach_to_the_last_ones_end() -> None:
    monthly = a_feed(cadence="monthly")
    assert deadlines.span(monthly, [date(2025, 1, 1), date(2025, 2, 1)]) == (date(2025, 1, 1), date(2025, 2, 28))
    assert deadlines.span(FEED, [FOURTH, SIXTH]) == (FOURTH, SIXTH)


def test_a_time_is_in_the_future_by_more_than_a_minute_and_only_of_a_file_that_has_just_come() -> None:
    def noted(ahead: timedelta, zone: str) -> list[str]:
        file = LakeFile(f"{zone}/acme/a.csv", 1, NOON + ahead, "tag")
        return [notice.code for notice in of_its_time(Arrival("d", "acme", "acme", file, NOON))]

    assert noted(MINUTE, INCOMING) == []
    assert noted(MINUTE + SECOND, INCOMING) == ["W_FUTURE_TIME"]
    assert noted(HOUR, ARCHIVE) == []


# what lasts -----------------------------------------------------------------------------------------------------------


def test_what_is_tried_in_vain_is_distinguished_from_an_hour_on_and_from_three_times_on() -> None:
    def reported_of(times: int, ago: timedelta) -> bool:
        tries = {"d": Tries(others=times, in_vain=times, in_vain_since=NOON - ago)}
        return bool(long_attempts.long_tries([("acme", "a.csv", "d")], tries, attempts=3, now=NOON))

    assert [reported_of(3, HOUR - SECOND), reported_of(3, HOUR), reported_of(2, HOUR)] == [False, True, False]


def test_two_things_that_are_tried_in_vain_are_one_and_one_more() -> None:
    one = long_attempts.LongTry("acme", "a.csv", "a", NOON)
    assert "no run for a.csv and 1 more has ended well" in long_attempts.long_try_alert([one, one], "acme", "no room").message
    assert "no run for a.csv has ended well" in long_attempts.long_try_alert([one], "acme", "no room").message


def test_a_lock_is_held_for_long_after_an_hour() -> None:
    assert held_locks.LONG == HOUR


# red sensors ----------------------------------------------------------------------------------------------------------


def sensor(name: str, *ticks: tuple[float, str | None]) -> Sensor:
    return Sensor(name, [Tick(NOON - seconds * SECOND, error, f"{error} at {seconds}" if error else "") for seconds, error in ticks])


def red(*sensors: Sensor) -> list[tuple[str, str, str]]:
    return [(one.name, one.error, one.says) for one in red_sensors.red_sensors(sensors, now=NOON)]


def test_a_sensor_is_silent_after_five_minutes_and_not_at_five() -> None:
    works = sensor("works", (5, None), (125, None))
    assert red(sensor("one", (300, None)), works) == []
    assert [name for name, *_ in red(sensor("one", (300.5, None)), works)] == ["one"]


@pytest.mark.parametrize(
    ("newest", "earlier", "is_silent"),
    [(5, 120, True), (5, 119, False), (119, 299, True), (120, 299, False), (5, 299, True), (5, 300, False)],
)
def test_others_tick_where_the_daemon_has_been_up_for_two_minutes_and_is_up_now(newest: float, earlier: float, *, is_silent: bool) -> None:
    found = red(sensor("up", (newest, None), (earlier, None)), sensor("one", (3600, None)))
    assert [name for name, *_ in found] == (["one"] if is_silent else [])


def test_a_red_sensor_tells_its_newest_error_since_the_first_of_them() -> None:
    assert red(sensor("one", (5, "KeyError"), (200, "LakeError"))) == [("one", "KeyError", "KeyError at 5")]
    (found,) = red_sensors.red_sensors([sensor("one", (5, "KeyError"), (200, "LakeError"), (300, None), (310, "LakeError"))], now=NOON)
    assert found.since == NOON - 200 * SECOND


@pytest.mark.parametrize(
    ("error", "advice"),
    [(UNREACHABLE, "restart the code server"), (SILENT, "restart the daemon"), ("LakeError", "until that is over nothing is taken up, ")],
)
def test_the_alert_says_what_to_restart(error: str, advice: str) -> None:
    (alert,) = sensor_alerts([RedSensor("a", NOON, error, "first"), RedSensor("b", NOON - HOUR, error, "last")])
    assert f": last; {advice}" in alert.message
    assert alert.since == NOON - HOUR


# outages --------------------------------------------------------------------------------------------------------------


def errors(*of: tuple[str, str]) -> list[SerializableErrorInfo]:
    return [SerializableErrorInfo(message, [], name) for name, message in of]


@pytest.mark.parametrize(
    "name",
    [
        *("OperationalError", "InterfaceError", "DagsterPostgresException", "DagsterExecutionInterruptedError", "TimeoutError"),
        *("DagsterUserCodeUnreachableError", "ConnectionError", "ConnectionRefusedError", "ConnectionResetError", "BrokenPipeError"),
        "ConnectionAbortedError",
    ],
)
def test_errors_of_stores_and_networks_are_outages_wherever_they_stand_in_the_chain(name: str) -> None:
    assert is_outage(errors((name, "x")))
    assert is_outage(errors(("RuntimeError", "x"), (name, "x")))
    assert not is_outage(errors((f"{name}s", "x")))


@pytest.mark.parametrize("number", [5, 12, 23, 24, 28, 30, 104, 110, 111, 122])
def test_errors_of_the_system_for_want_of_something_are_outages(number: int) -> None:
    assert is_outage(errors(("OSError", f"OSError: [Errno {number}] x")))
    assert not is_outage(errors(("OSError", f"OSError: [Errno 1{number}0] x")))


def test_the_first_of_our_own_errors_decides_and_tells() -> None:
    held, refused = f"advisory_perf.errors.{LockHeldError.__name__}: held", f"advisory_perf.errors.{LakeError.__name__}: refused"
    outside = ("RuntimeError", "RuntimeError: outside")
    assert is_outage(errors(outside, ("LockHeldError", held), ("LakeError", refused)))
    assert not is_outage(errors(outside, ("LakeError", refused), ("LakeOutageError", held)))
    assert reported_by(errors(outside, ("LakeError", refused), ("LockHeldError", held))) == ("LakeError", "refused")
    assert reported_by(errors(outside, ("KeyError", "KeyError: 'x'\n"))) == ("KeyError", "KeyError: 'x'")
    assert reported_by([]) == ("", "no reason was given")
    assert issubclass(LakeOutageError, AdvisoryPerfError)


# windows --------------------------------------------------------------------------------------------------------------


def test_a_range_is_from_its_first_key_to_its_last_in_whatever_order_they_come() -> None:
    monthly = a_feed(cadence="monthly")
    found = range_of_keys(["2025-03-01", "2025-01-01", "2025-02-01"], monthly)
    assert (found.first, found.last, found.first_day, found.last_day) == (*(date(2025, m, 1) for m in (1, 3, 1)), date(2025, 3, 31))
    assert range_of_days(date(2025, 1, 31), date(2025, 3, 1), monthly) == found
    assert range_of_keys(["2025-03-06", "2025-03-04"], FEED) == range_of_days(FOURTH, SIXTH, FEED)


@pytest.mark.parametrize("cadence", ["daily", "monthly"])
def test_the_present_window_is_a_partition_and_the_next_one_is_none(cadence: str) -> None:
    keys = window_partitions(a_feed(cadence=cadence)).get_partition_keys(current_time=datetime(2025, 3, 4, 12, tzinfo=UTC))
    assert (keys[0], keys[-1]) == ("2020-01-01", "2025-03-04" if cadence == "daily" else "2025-03-01")


# checks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hard", "severity"), [(True, dg.AssetCheckSeverity.ERROR), (False, dg.AssetCheckSeverity.WARN)])
@pytest.mark.parametrize("passed", [True, False])
def test_the_severity_is_the_rules_whatever_was_found(*, hard: bool, severity: dg.AssetCheckSeverity, passed: bool) -> None:
    rule = Rule("a_rule", "what it means", hard=hard)
    found = Finding(rule, pl.DataFrame(), 4, passed=passed, failed=1, metadata={"more": 2}).result(dg.AssetKey("a"))
    assert (found.severity, found.passed, found.check_name) == (severity, passed, "a_rule")
    assert {name: value.value for name, value in found.metadata.items()} == {"failed": 1, "checked": 4, "pass_rate": 0.75, "more": 2}
    assert rule.spec(dg.AssetKey("a")).blocking is hard


@pytest.mark.parametrize("number", [31, 32])
def test_the_failing_days_are_reported_in_order_and_cut_after_a_month(number: int) -> None:
    of = [date(2025, 1, 1) + timedelta(days=day) for day in range(number)]
    frame = pl.DataFrame({"as_of_date": [*reversed(of), of[0], None]}, schema={"as_of_date": pl.Date()})
    found = Finding(Rule("a_rule", "x", hard=False), frame, 0).result(dg.AssetKey("a"))
    says = str(found.metadata["failing_days"].value)
    assert says == ", ".join(map(str, of[:31])) + (" …" if number > 31 else "")
    assert "pass_rate" not in found.metadata, "of nothing there is no rate"
    assert not found.passed
