"""How old breaks are, whether they matter, and what came and went today."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from advisory_perf.contracts.columns import FIGURE
from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.materiality import Materiality
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.reconciliation.break_measures import Measuring, with_measures

FRIDAY, MONDAY, TUESDAY = date(2025, 4, 4), date(2025, 4, 7), date(2025, 4, 8)
AGREED = Materiality(Decimal(1000), Decimal("0.001"))
NOON = datetime(2025, 4, 8, 12, tzinfo=UTC)


def breaks(*rows: dict[str, Any]) -> pl.DataFrame:
    blank = {
        "data_source": "alpha",
        "field_name": "ending_market_value",
        "status": "OPEN",
        "first_as_of_date": FRIDAY,
        "last_as_of_date": FRIDAY,
        "variance": Decimal(1),
        "resolved_on": None,
        "created_at": datetime(2025, 4, 5, tzinfo=UTC),
        "closed_at": None,
    }
    days = {"resolved_on": pl.Date(), "variance": FIGURE, "closed_at": pl.Datetime("us", "UTC"), "created_at": pl.Datetime("us", "UTC")}
    return pl.DataFrame([{**blank, **row} for row in rows], schema_overrides=days)


def measured(*rows: dict[str, Any], now: datetime = NOON) -> pl.DataFrame:
    return with_measures(breaks(*rows), {}, AGREED, now)


def ages(*rows: dict[str, Any], **schedules: Schedule) -> list[int]:
    return with_measures(breaks(*rows), schedules, AGREED, NOON)["business_days"].to_list()


def test_an_open_break_ages_by_business_days_until_today_and_one_that_is_over_no_more() -> None:
    over = {"status": "RESOLVED", "resolved_on": MONDAY, "closed_at": NOON}
    gone = {"status": "RESOLVED_BY_RESTATEMENT", "last_as_of_date": MONDAY, "closed_at": NOON}
    signed = {"status": "SIGNED_OFF"}
    of_today, of_tomorrow = {"first_as_of_date": TUESDAY}, {"first_as_of_date": date(2025, 4, 9)}
    assert ages({}, over, gone, signed, of_today, of_tomorrow) == [2, 1, 1, 2, 0, 0]


def test_spans_have_the_ages_of_their_breaks_and_none_has_none() -> None:
    spans = breaks({}, {"data_source": "beta"}).select("data_source", first="first_as_of_date", last=pl.lit(TUESDAY))
    always = Schedule(Cadence.DAILY, frozenset(), weekends=True)
    assert Measuring({"beta": always}, AGREED, NOON).ages(spans).to_list() == [2, 4]
    assert Measuring({}, AGREED, NOON).ages(spans.clear()).to_list() == []


def test_each_vendor_has_its_own_calendar() -> None:
    closed = Schedule(Cadence.DAILY, frozenset({MONDAY}), weekends=False)
    always = Schedule(Cadence.DAILY, frozenset(), weekends=True)
    rows: tuple[dict[str, Any], ...] = ({}, {"data_source": "beta"}, {"data_source": "gamma"})
    assert ages(*rows, alpha=closed, beta=always) == [1, 4, 2]


@pytest.mark.parametrize(
    ("field", "variance", "expected"),
    [
        ("ending_market_value", "999.99", False),
        ("ending_market_value", "-1000", True),
        ("net_flow", "1000", True),
        ("twrr", "0.0009", False),
        ("twrr", "-0.001", True),
        ("ending_market_value", None, True),
    ],
)
def test_a_break_is_material_from_the_agreed_size_on(field: str, variance: str | None, *, expected: bool) -> None:
    size = None if variance is None else Decimal(variance)
    assert measured({"field_name": field, "variance": size})["is_material"].to_list() == [expected]
    assert AGREED.reached(size, is_return=field == "twrr") is expected


def test_today_is_that_of_the_readers_clock() -> None:
    late = {"created_at": datetime(2025, 4, 7, 23, 30, tzinfo=UTC), "status": "RESOLVED", "closed_at": datetime(2025, 4, 8, 1, tzinfo=UTC)}
    found = measured(late, {"closed_at": None})
    assert found.select("is_new_today", "is_closed_today").rows() == [(False, True), (False, False)]
    in_zurich = measured(late, now=NOON.astimezone(ZoneInfo("Europe/Zurich")))
    assert in_zurich.select("is_new_today", "is_closed_today").rows() == [(True, True)]
