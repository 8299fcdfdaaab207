"""The day that a file's name, title or preamble says, against the days of its rows."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.ingestion.validation.named_days import Named, days_in_name
from advisory_perf.ingestion.validation.rows import Delivery
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, notices, refusal, validated

JANUARY = Named(date(2025, 1, 1), date(2025, 1, 31))


def a_day(*parts: int) -> Named:
    return Named(date(*parts), date(*parts))


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("acme_20250131", [a_day(2025, 1, 31)]),
        ("acme_2025-01-31", [a_day(2025, 1, 31)]),
        ("acme_2025_01_31", [a_day(2025, 1, 31)]),
        ("acme.2025.01.31", [a_day(2025, 1, 31)]),
        ("acme_31.01.2025", [a_day(2025, 1, 31)]),
        ("acme 31-01-2025", [a_day(2025, 1, 31)]),
        ("acme_01-31-2025", [a_day(2025, 1, 31)]),
        ("acme_03-04-2025", [a_day(2025, 4, 3), a_day(2025, 3, 4)]),
        ("acme_31Jan2025", [a_day(2025, 1, 31)]),
        ("acme January 31, 2025", [a_day(2025, 1, 31)]),
        ("acme_20250131T181500", [a_day(2025, 1, 31)]),
        ("acme_20250131-1815", [a_day(2025, 1, 31)]),
        ("acme_202501", [JANUARY]),
        ("acme_2025-01", [JANUARY]),
        ("acme_Jan2025", [JANUARY]),
        ("acme_January_2025", [JANUARY]),
        ("acme_2025Jan", [JANUARY]),
        ("acme_20250101-20250131", [a_day(2025, 1, 1), a_day(2025, 1, 31)]),
        ("acme_v2", []),
        ("acme_00020250131", []),
        ("acme_20251399", []),
        ("acme_202513", []),
        ("acme_2025", []),
        ("acme_1234567890", []),
        ("acme_marble_2500", []),
        ("remarks2025", []),
        ("acme_12", []),
    ],
)
def test_what_a_name_says_of_days(name: str, named: list[Named]) -> None:
    assert days_in_name(name) == named


def inferred(name: str, *days: str, cadence: str = "monthly", **files: Any) -> list[str]:
    feed = a_feed(cadence=cadence, files={"patterns": ["*"], "format": "csv", **files})
    rows = [f"A{number},{day},100,0,0,101" for number, day in enumerate(days)]
    delivery = Delivery("d1", f"{name}.csv", datetime(2025, 6, 30, tzinfo=UTC))
    return notices(validated("\n".join([HEADER, *rows]) + "\n", feed, delivery))


@pytest.mark.parametrize(
    ("name", "days", "cadence", "is_inferred"),
    [
        ("acme_20250228", ["2025-01-31"], "monthly", True),
        ("acme_202502", ["2025-01-31"], "monthly", True),
        ("acme_Feb2025", ["2025-01-31"], "monthly", True),
        ("acme_202412", ["2025-01-31"], "monthly", True),
        ("acme_202501", ["2025-01-31"], "monthly", False),
        ("acme_20250203", ["2025-01-31"], "monthly", False),
        ("acme_20250131_20250204", ["2025-01-31"], "monthly", False),
        ("acme_202502", ["2025-01-31", "2025-02-28"], "monthly", False),
        ("acme_20250101-20250331", ["2025-02-28"], "monthly", False),
        ("acme_20250130", ["2025-01-30"], "daily", False),
        ("acme_20250131", ["2025-01-30"], "daily", False),
        ("acme_20250203", ["2025-01-31"], "daily", False),
        ("acme_20250206", ["2025-01-30"], "daily", True),
        ("acme_20250129", ["2025-01-30"], "daily", True),
        ("acme_202501", ["2025-01-30"], "daily", False),
        ("acme_202412", ["2025-01-30"], "daily", True),
        ("acme_03-04-2025", ["2025-04-03"], "daily", False),
        ("acme_03-04-2025", ["2025-03-04"], "daily", False),
        ("acme_20310101", ["2025-01-30"], "daily", False),
        ("acme_19990101", ["2025-01-30"], "daily", False),
        ("acme", ["2025-01-30"], "daily", False),
    ],
)
def test_a_notice_says_where_all_rows_lie_in_another_window(name: str, days: list[str], cadence: str, *, is_inferred: bool) -> None:
    assert inferred(name, *days, cadence=cadence) == (["W_FILE_DAY"] if is_inferred else [])


def test_a_version_is_no_day() -> None:
    assert inferred("acme_202502", "2025-01-31", version=r"_(\d{6})$") == []


@pytest.mark.slow
@given(
    st.dates(date(2020, 1, 1), date(2025, 5, 31)), st.sampled_from(["%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%d%b%Y", "%Y%m", "%b%Y", "%B %Y"])
)
def test_a_file_of_the_day_in_its_name_raises_no_alarm(day: date, form: str) -> None:
    for cadence in ("daily", "monthly"):
        assert inferred(f"acme_{day:{form}}", day.isoformat(), cadence=cadence) == []


MATCH = {"stated": {"file_day": {"in": "preamble", "pattern": r"As of (\S+)"}}}


@pytest.mark.parametrize(
    ("rows", "days", "agrees"),
    [
        ("day", ["2025-01-31"], True),
        ("day", ["2025-01-31", "2025-01-30"], False),
        ("window", ["2025-01-31", "2025-01-02"], True),
        ("window", ["2025-01-31", "2025-02-28"], False),
        ("until", ["2024-11-30", "2025-01-31"], True),
        ("until", ["2025-02-01"], False),
    ],
)
def test_the_feed_may_ask_that_the_files_own_day_agrees(rows: str, days: list[str], *, agrees: bool) -> None:
    def feed(**asked: str) -> Any:
        match = {"stated": "file_day", "formats": ["%d.%m.%Y"], "rows": rows, **asked}
        return a_feed(cadence="monthly", files={"patterns": ["*"], "format": "csv", **MATCH, "day_must_match": match})

    lines = [f"A{number},{day},100,0,0,101" for number, day in enumerate(days)]
    content = "\n".join(["As of 31.01.2025", HEADER, *lines]) + "\n"
    delivery = Delivery("d1", "acme_1.csv", datetime(2025, 6, 30, tzinfo=UTC))
    if agrees:
        assert validated(content, feed(), delivery).notices == ()
        return
    refused = refusal(content, feed(), delivery)
    assert refused.code == "E_FILE_DAY"
    assert "2025-01-31 by file_day" in refused.sentence
    assert notices(validated(content, feed(on_difference="warn"), delivery)) == ["W_FILE_DAY"]
    assert refusal(content.replace("31.01.2025", "today"), feed(), delivery).code == "E_FILE_DAY"


def test_a_feed_names_where_the_day_is_stated() -> None:
    with pytest.raises(ValueError, match="day_must_match: file_day is none of files: stated"):
        a_feed(files={"patterns": ["*"], "format": "csv", "day_must_match": {"stated": "file_day"}})
