"""Which days of a file's name count, what is proposed for columns with other names, and which reversals are the vendor's sign."""

import signal
from datetime import date
from typing import Any

import polars as pl
import pytest

from advisory_perf.errors import DeliveryRejectedError, ReaderLostError
from advisory_perf.feeds.suggestions import proposed_changes, renamed_by_a_unit
from advisory_perf.ingestion.limits import Limits
from advisory_perf.ingestion.raw_frame import cell
from advisory_perf.ingestion.reading_apart import Death
from advisory_perf.ingestion.validation.named_days import day_notices
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, codes, validated


def inferred(name: str, *days: str, received: str = "2025-06-30", **changes: Any) -> bool:
    """Whether a notice says that the name's days are none of the rows'."""
    good = pl.DataFrame({"as_of_date": [date.fromisoformat(day) for day in days]}, schema={"as_of_date": pl.Date()})
    return bool(day_notices(pl.DataFrame(), good, a_feed(**changes), f"{name}.csv", received=date.fromisoformat(received)))


@pytest.mark.parametrize(
    ("days", "is_inferred"),
    [
        (["2025-01-12", "2025-01-15"], False),
        (["2025-01-11", "2025-01-24"], False),
        (["2025-01-09", "2025-01-15"], True),
        (["2025-01-12", "2025-01-31"], True),
        (["2025-01-09", "2025-01-31"], True),
        (["2025-01-09", "2025-01-25"], False),
        ([], False),
    ],
)
def test_rows_lie_between_the_two_days_of_a_name(days: list[str], *, is_inferred: bool) -> None:
    assert inferred("acme_20250110-20250130", *days) is is_inferred


def test_rows_on_both_sides_of_one_day_lie_between_none() -> None:
    assert inferred("acme_20250110", "2025-01-09", "2025-01-13")
    assert inferred("acme_20250110", "2025-01-02", "2025-01-03")


def test_the_latest_day_tells_when_a_file_is_made() -> None:
    assert not inferred("acme_20250120", "2025-01-02", "2025-01-16")
    assert inferred("acme_20250107", "2025-01-02", "2025-01-16")


def test_a_month_counts_that_the_first_window_lies_in() -> None:
    assert inferred("acme_202001", "2020-03-05", first_window="2020-01-01")
    assert not inferred("acme_201912", "2020-03-05", first_window="2020-01-01")


def test_a_file_states_its_day_where_its_first_row_may_have_none() -> None:
    match = {"stated": "file_day", "formats": ["%Y-%m-%d"], "rows": "day"}
    stated = {"file_day": {"in": "preamble", "pattern": r"As of (\S+)"}}
    feed = a_feed(files={"patterns": ["*"], "format": "csv", "stated": stated, "day_must_match": match})
    raw = pl.DataFrame({cell("file_day"): [None, "2025-01-31"]})
    good = pl.DataFrame({"as_of_date": [date(2025, 2, 3), date(2025, 2, 1), date(2025, 1, 31)], "line_number": [2, 3, 4]})
    with pytest.raises(DeliveryRejectedError, match="2 rows are not, such as line 3 of 2025-02-01"):
        day_notices(raw, good, feed, "a.csv", received=date(2025, 6, 30))


@pytest.mark.parametrize(
    ("missing", "new", "says"),
    [
        (["fees"], ["zzz"], ["fee was renamed to 'zzz'"]),
        (["fees"], ["zzz", "yyy"], ["fee comes no more", "ignored"]),
        (["fees", "income"], ["zzz"], ["fee comes no more", "inc comes no more", "zzz"]),
        (["fees", "contributions"], ["fees"], ["fee was renamed to 'fees'", "in comes no more, say absent: zero for contributions"]),
        (["fees"], ["fees", "zzz"], ["fee was renamed to 'fees'", "'zzz' is not wanted, add it"]),
        (["fees"], [], ["take fees out of columns"]),
    ],
)
def test_each_new_column_is_proposed_for_one_that_is_missing(missing: list[str], new: list[str], says: list[str]) -> None:
    feed = a_feed({"fees": {"from": "fee", "absent": "null"}, "income": {"from": "inc", "absent": "null"}})
    found = proposed_changes(feed, missing, new)
    assert [part for part in says if part not in found] == []
    assert found.count("was renamed") == sum("was renamed" in part for part in says)


def test_a_unit_behind_a_name_in_any_case_is_distinguished_from_another_name() -> None:
    assert renamed_by_a_unit("BMV", ["emv ($000)", "bmv ($000)"]) == "bmv ($000)"
    assert renamed_by_a_unit("BMV", ["bmv", "bmv total"]) is None


PARTS: dict[str, Any] = {"income": "inc", "appreciation": "gain", "fees": "fee", "other_adjustments": "other"}


def netted(*rows: str) -> tuple[dict[int, str], list[str]]:
    """The codes of the quarantined rows, and what is inferred of reversals."""
    content = "\n".join([f"{HEADER},inc,gain,fee,other", *(f"A{place},2024-06-28,{row}" for place, row in enumerate(rows))]) + "\n"
    result = validated(content, a_feed(PARTS, negative_flows="net", plausibility={"identity": "warn"}))
    return codes(result), [notice.sentence for notice in result.notices if notice.code == "W_NEGATIVE_FLOW"]


def test_a_row_in_which_either_sign_holds_is_a_reversal_and_one_notice_counts_them() -> None:
    reversal, turned, cent = "100,-10,0,90,0,0,0,0", "100,-10,0,110,0,0,0,0", "100,-0.01,0,100,0,0,0,0"
    found, sentences = netted(reversal, cent, turned)
    assert found == {4: "E_SIGN"}
    assert [sentence.partition(": ")[2] for sentence in sentences] == ["2 rows have a negative flow on the other side, such as line 2"]


LIMITS = Limits(memory_bytes=1 << 30, seconds=60)


@pytest.mark.parametrize(
    ("death", "error"),
    [
        (Death(signal.SIGIO), ReaderLostError),
        (Death(signal.SIGKILL), ReaderLostError),
        (Death(signal.SIGKILL, lacks_memory=True), DeliveryRejectedError),
        (Death(signal.SIGKILL, made_too_much=True), DeliveryRejectedError),
        (Death(stood_still=True), ReaderLostError),
        (Death(code=3), DeliveryRejectedError),
    ],
)
def test_a_file_is_refused_for_what_it_did_and_tried_again_for_what_was_done_to_its_reader(death: Death, error: type[Exception]) -> None:
    assert type(death.error("acme", "x", LIMITS)) is error
    assert death.is_of_the_file is (error is DeliveryRejectedError)
    assert LIMITS.table_bytes == 1 << 29
