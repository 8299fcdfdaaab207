from dataclasses import replace
from datetime import date

from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.windows import WindowRange
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.precedence import by_precedence
from advisory_perf.deliveries.zones import delivery_id_of
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.lake.objects import LakeFile
from advisory_perf.monitoring.attempts import Tries, abandoning_subject
from advisory_perf.orchestration.partitions import tags_of
from advisory_perf.orchestration.planning import (
    IngestionRequest,
    PipelineRequest,
    deliveries_to_abandon,
    ingestions_to_request,
    pipeline_subject,
    pipeline_to_request,
    waiting_by_feed,
    windows_touched,
)
from advisory_perf_tests.ingestion.scenarios import a_feed
from advisory_perf_tests.orchestration.scenarios import a_file, an_entry, days

DAILY = a_feed()
MONTHLY = a_feed(cadence="monthly")
FOURTH, FIFTH, TENTH, LAST = days(4, 5, 10, 31)


def span(first: date, last: date, feed: PositionsFeed = DAILY) -> WindowRange:
    return WindowRange(first, last, feed.cadence)


def asked(pending: list[LedgerEntry], *, waiting: bool = False, tries: Tries | None = None, attempts: int = 3) -> PipelineRequest | None:
    return pipeline_to_request(DAILY, pending, LAST, waiting=waiting, tries=tries or Tries(), attempts=attempts)


# files of incoming ----------------------------------------------------------------------------------------------------


def test_files_wait_by_vendor_the_oldest_first() -> None:
    old, new, other = a_file("acme/b.csv", minute=1), a_file("acme/a.csv", minute=2), a_file("zeta/z.csv")
    waiting, unclaimed = waiting_by_feed([new, other, old], ["acme", "zeta"])
    assert waiting == {"acme": [old, new], "zeta": [other]}
    assert unclaimed == []


def test_files_of_the_same_minute_wait_by_name() -> None:
    first, second = a_file("acme/a.csv"), a_file("acme/b.csv")
    assert waiting_by_feed([second, first], ["acme"])[0] == {"acme": [first, second]}


def test_a_vendor_without_files_waits_for_nothing() -> None:
    assert waiting_by_feed([], ["acme"]) == ({"acme": []}, [])


def test_a_file_in_a_folder_within_a_vendors_folder_is_that_vendors() -> None:
    nested = a_file("acme/2025/march/a.csv")
    assert waiting_by_feed([nested], ["acme"]) == ({"acme": [nested]}, [])


def test_files_in_no_vendors_folder_are_unclaimed_the_oldest_first() -> None:
    loose, stranger, alike = a_file("acme.csv", minute=2), a_file("nobody/a.csv", minute=1), a_file("acme2/a.csv", minute=3)
    waiting, unclaimed = waiting_by_feed([alike, loose, stranger], ["acme"])
    assert waiting == {"acme": []}
    assert unclaimed == [stranger, loose, alike]


def test_a_file_that_is_named_like_a_vendor_is_in_no_folder() -> None:
    assert waiting_by_feed([a_file("acme")], ["acme"])[1] == [a_file("acme")]


# ingestions -------------------------------------------------------------------------------------------------------------


def to_ingest(files: list[LakeFile], tries: dict[str, Tries], at_most: int = 50) -> list[IngestionRequest]:
    return ingestions_to_request("acme", files, lambda delivery_id: tries.get(delivery_id, Tries()), attempts=3, at_most=at_most)


def test_each_waiting_file_is_ingested_once_and_in_order() -> None:
    files = [a_file("acme/b.csv", minute=1), a_file("acme/a.csv", minute=2)]
    ids = [delivery_id_of(file) for file in files]
    assert to_ingest(files, {}) == [
        IngestionRequest("acme", ids[0], "incoming/acme/b.csv", attempt=1),
        IngestionRequest("acme", ids[1], "incoming/acme/a.csv", attempt=1),
    ]


def test_a_run_that_left_its_file_to_another_process_is_launched_again_and_uses_up_no_attempt() -> None:
    file = a_file("acme/a.csv")
    name = delivery_id_of(file)
    asked = [request.attempt for idle in range(4) for request in to_ingest([file], {name: Tries(failed=2, others=idle)})]
    assert asked == [3, 4, 5, 6]
    assert to_ingest([file], {name: Tries(failed=3, others=1)}) == []


def test_a_file_whose_ingestion_is_under_way_is_not_asked_for_again() -> None:
    busy, idle = a_file("acme/a.csv"), a_file("acme/b.csv")
    assert [request.path for request in to_ingest([busy, idle], {delivery_id_of(busy): Tries(in_flight=True)})] == [idle.path]


def test_a_failed_ingestion_is_tried_again_as_often_as_agreed() -> None:
    file = a_file("acme/a.csv")
    attempts = {
        failed: [request.attempt for request in to_ingest([file], {delivery_id_of(file): Tries(failed=failed)})] for failed in range(5)
    }
    assert attempts == {0: [1], 1: [2], 2: [3], 3: [], 4: []}


def test_no_more_ingestions_are_under_way_at_once_than_agreed() -> None:
    files = [a_file(f"acme/{number}.csv", minute=number) for number in range(5)]
    busy = {delivery_id_of(files[0]): Tries(in_flight=True)}
    assert [request.path for request in to_ingest(files, busy, at_most=3)] == [files[1].path, files[2].path]


def test_files_whose_attempts_are_used_up_do_not_keep_the_others_waiting() -> None:
    files = [a_file(f"acme/{number}.csv", minute=number) for number in range(5)]
    used_up = {delivery_id_of(file): Tries(failed=3) for file in files[:3]}
    assert [request.path for request in to_ingest(files, used_up, at_most=2)] == [files[3].path, files[4].path]


# deliveries to abandon ------------------------------------------------------------------------------------------------


def abandoned(files: list[LakeFile], tries: dict[str, Tries]) -> list[tuple[str, int]]:
    asked_for = deliveries_to_abandon("acme", files, lambda subject: tries.get(subject, Tries()), attempts=3)
    return [(request.delivery_id, request.attempt) for request in asked_for]


def test_a_delivery_is_abandoned_when_its_attempts_are_used_up_and_not_before() -> None:
    file = a_file("acme/a.csv")
    name = delivery_id_of(file)
    assert {failed: abandoned([file], {name: Tries(failed=failed)}) for failed in (0, 2, 3, 4)} == {
        0: [],
        2: [],
        3: [(name, 1)],
        4: [(name, 1)],
    }
    assert abandoned([file], {name: Tries(failed=3, in_flight=True)}) == []


def test_abandoning_is_tried_as_often_as_an_ingestion_and_one_at_a_time() -> None:
    file = a_file("acme/a.csv")
    name = delivery_id_of(file)
    used_up = {name: Tries(failed=3)}
    asked_for = [abandoned([file], {**used_up, abandoning_subject(name): Tries(failed=failed)}) for failed in range(4)]
    assert asked_for == [[(name, 1)], [(name, 2)], [(name, 3)], []]
    assert abandoned([file], {**used_up, abandoning_subject(name): Tries(in_flight=True)}) == []


# windows of a pipeline ----------------------------------------------------------------------------------------------------


def test_the_newest_day_is_a_range_of_its_own() -> None:
    assert windows_touched(DAILY, [an_entry("d", LAST)], LAST) == span(LAST, LAST)


def test_a_late_day_goes_on_to_the_latest_day_of_the_pipeline() -> None:
    assert windows_touched(DAILY, [an_entry("d", FOURTH)], LAST) == span(FOURTH, LAST)


def test_the_earliest_of_all_touched_days_counts() -> None:
    pending = [an_entry("new", LAST), an_entry("restated", FIFTH, TENTH), an_entry("late", FOURTH)]
    assert windows_touched(DAILY, pending, LAST) == span(FOURTH, LAST)


def test_a_pipeline_without_an_earlier_day_ends_with_the_delivery() -> None:
    assert windows_touched(DAILY, [an_entry("d", FOURTH, TENTH)], None) == span(FOURTH, TENTH)


def test_a_delivery_beyond_the_pipelines_latest_day_extends_it() -> None:
    assert windows_touched(DAILY, [an_entry("d", TENTH, LAST)], FIFTH) == span(TENTH, LAST)


def test_months_run_from_first_day_to_first_day() -> None:
    found = windows_touched(MONTHLY, [an_entry("d", date(2025, 1, 31))], LAST)
    assert found == WindowRange(date(2025, 1, 1), date(2025, 3, 1), Cadence.MONTHLY)
    assert (found.first_day, found.last_day) == (date(2025, 1, 1), LAST)
    assert tags_of(found) == {
        "dagster/asset_partition_range_start": "2025-01-01",
        "dagster/asset_partition_range_end": "2025-03-01",
    }


def test_a_delivery_without_positions_asks_for_no_window() -> None:
    assert windows_touched(DAILY, [an_entry("empty", None)], LAST) is None


def test_days_of_an_earlier_ingestion_are_computed_again() -> None:
    moved = replace(an_entry("d", LAST), pending_first_date=TENTH)
    assert windows_touched(DAILY, [moved], LAST) == span(TENTH, LAST)


def test_a_delivery_without_positions_does_not_move_the_others_first_day() -> None:
    assert windows_touched(DAILY, [an_entry("empty", None), an_entry("d", TENTH)], LAST) == span(TENTH, LAST)


def test_a_delivery_without_positions_on_a_pipeline_without_days_has_no_window() -> None:
    assert windows_touched(DAILY, [an_entry("empty", None)], None) is None


# pipelines ----------------------------------------------------------------------------------------------------------------


def test_an_ingested_delivery_asks_for_its_pipeline() -> None:
    pending = [an_entry("d", FOURTH)]
    assert asked(pending) == PipelineRequest("acme", span(FOURTH, LAST), pipeline_subject("acme", pending), attempt=1)


def test_without_pending_deliveries_no_pipeline_runs() -> None:
    assert asked([]) is None


def test_a_pipeline_waits_for_the_files_that_still_have_to_be_ingested() -> None:
    assert asked([an_entry("d", FOURTH)], waiting=True) is None


def test_a_pipeline_that_is_under_way_is_not_asked_for_again() -> None:
    assert asked([an_entry("d", FOURTH)], tries=Tries(in_flight=True)) is None


def test_a_failed_pipeline_is_tried_again_as_often_as_agreed() -> None:
    pending = [an_entry("d", FOURTH)]
    requests = [asked(pending, tries=Tries(failed=failed)) for failed in range(5)]
    assert [request and request.attempt for request in requests] == [1, 2, 3, None, None]


def test_a_pipeline_that_has_no_day_at_all_does_not_run() -> None:
    assert pipeline_to_request(DAILY, [an_entry("empty", None)], None, waiting=False, tries=Tries(), attempts=3) is None


# subjects -------------------------------------------------------------------------------------------------------------


def test_the_subject_of_a_set_of_ingestions_does_not_depend_on_their_order() -> None:
    one, two = an_entry("d1", FOURTH, ingestion_no=1), an_entry("d2", FIFTH, ingestion_no=2)
    assert pipeline_subject("acme", [one, two]) == pipeline_subject("acme", [two, one])


def test_a_delivery_that_was_ingested_again_makes_a_new_subject() -> None:
    first, again = an_entry("d1", FOURTH, ingestion_no=1), an_entry("d1", FOURTH, ingestion_no=3)
    assert pipeline_subject("acme", [first]) != pipeline_subject("acme", [again])


def test_one_more_delivery_makes_a_new_subject() -> None:
    one, two = an_entry("d1", FOURTH, ingestion_no=1), an_entry("d2", FIFTH, ingestion_no=2)
    assert pipeline_subject("acme", [one]) != pipeline_subject("acme", [one, two])


def test_a_subject_names_its_vendor() -> None:
    assert pipeline_subject("acme", [an_entry("d1", FOURTH)]).startswith("acme:")


def arrived(name: str, hour: int) -> LedgerEntry:
    entry = an_entry(name, TENTH)
    return replace(entry, id=hour, received_at=entry.received_at.replace(hour=hour))


def names_by_precedence(*entries: LedgerEntry) -> list[str]:
    feed = DAILY.model_copy(update={"files": DAILY.files.model_copy(update={"version": r"_v(\d+)$"})})
    return [entry.delivery_id for entry in by_precedence(feed, entries)]


def test_of_one_files_versions_the_higher_counts_whenever_it_came() -> None:
    assert names_by_precedence(arrived("day", 1), arrived("day_v2", 2)) == ["day", "day_v2"]
    assert names_by_precedence(arrived("day_v2", 1), arrived("day", 2)) == ["day", "day_v2"]
    assert names_by_precedence(arrived("day_v10", 1), arrived("day_v9", 2), arrived("day", 3)) == ["day", "day_v9", "day_v10"]


def test_a_version_says_nothing_about_files_of_another_name() -> None:
    assert names_by_precedence(arrived("day_v2", 1), arrived("year", 2)) == ["day_v2", "year"]
    assert names_by_precedence(arrived("year", 1), arrived("day_v2", 2), arrived("other", 3)) == ["year", "day_v2", "other"]
