"""Scores of days and deliveries follow what they are counted from; a feed whose latest day falls short is reported while it does."""

from datetime import date
from fractions import Fraction

import polars as pl
import pytest

from advisory_perf.alerts.outbox import Outbox, write_alerts
from advisory_perf.deliveries.alerts_of_feeds import quality_alerts
from advisory_perf.deliveries.quality_scores import SHARES, publish_scores_of, stored_shares
from advisory_perf.quality.scores import DIMENSIONS
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.deliveries.test_ledger import january

pytestmark = pytest.mark.slow

EQUAL = dict.fromkeys(DIMENSIONS, 1)
Share = tuple[date, str, str, int, int]


def publish(warehouse: Warehouse, *shares: Share, first: int = 1, last: int = 31, feed: str = "alpha", least: float = 90) -> None:
    with warehouse.connect() as connection:
        frame = pl.DataFrame(shares, schema=SHARES, orient="row")
        publish_scores_of(connection, feed, frame, EQUAL, first=january(first), last=january(last))
        raised, over = quality_alerts(connection, feed, feed, least)
        write_alerts(connection, raised=raised, resolved=over)


def of_deliveries(warehouse: Warehouse) -> dict[str, tuple[float, float]]:
    """Of each delivery its score of accuracy and its total."""
    rows = warehouse.query(
        "SELECT delivery_id, max(score) FILTER (WHERE dimension = 'ACCURACY') AS accuracy,"
        " max(score) FILTER (WHERE dimension = 'TOTAL') AS total FROM delivery_quality_scores GROUP BY 1"
    )
    return {delivery: (accuracy, total) for delivery, accuracy, total in rows.iter_rows()}


def of_day(warehouse: Warehouse, day: int) -> float | None:
    found = warehouse.query("SELECT score FROM data_quality_scores WHERE as_of_date = %s AND dimension = 'TOTAL'", [january(day)])
    score: float | None = found.item()
    return score


def test_a_day_sums_its_deliveries_and_a_delivery_its_days(warehouse: Warehouse) -> None:
    publish(
        warehouse,
        (january(1), "one", "ACCURACY", 1, 2),
        (january(1), "two", "ACCURACY", 1, 1),
        (january(2), "one", "ACCURACY", 5, 6),
        (january(2), "one", "VALIDITY", 0, 0),
    )
    assert of_deliveries(warehouse) == {"one": (75.0, 75.0), "two": (100.0, 100.0)}
    assert [of_day(warehouse, day) for day in (1, 2)] == [float(Fraction(200, 3)), float(Fraction(500, 6))]
    publish(warehouse, (january(2), "three", "ACCURACY", 1, 4), first=2, last=2)
    assert of_deliveries(warehouse) == {"one": (50.0, 50.0), "two": (100.0, 100.0), "three": (25.0, 25.0)}
    publish(warehouse, first=1, last=1)
    assert of_deliveries(warehouse) == {"three": (25.0, 25.0)}
    with warehouse.connect() as connection:
        assert stored_shares(connection, "alpha", january(1), january(9)).rows() == [(january(2), "three", "ACCURACY", 1, 4)]


def test_what_stays_as_it_is_is_not_written_and_other_feeds_are_left_alone(warehouse: Warehouse) -> None:
    relations = ("delivery_quality_shares", "data_quality_scores", "delivery_quality_scores")
    one, two = (january(1), "one", "ACCURACY", 1, 2), (january(2), "two", "ACCURACY", 1, 1)
    publish(warehouse, one, two)
    publish(warehouse, (january(1), "of beta", "ACCURACY", 1, 2), feed="beta")

    def versions() -> dict[str, set[str]]:
        return {name: {*warehouse.query(f"SELECT xmin::text FROM {name}")["xmin"]} for name in relations}

    before = versions()
    publish(warehouse, one, two)
    assert versions() == before
    publish(warehouse, one)
    assert of_deliveries(warehouse) == {"one": (50.0, 50.0), "of beta": (50.0, 50.0)}


def test_shares_of_a_day_from_before_there_were_deliveries_count_for_the_day_alone(warehouse: Warehouse) -> None:
    publish(warehouse, (january(1), "", "VALIDITY", 1, 2), (january(1), "one", "ACCURACY", 1, 1))
    assert of_day(warehouse, 1) == 75.0
    assert of_deliveries(warehouse) == {"one": (100.0, 100.0)}


def low(warehouse: Warehouse) -> list[tuple[str, str]]:
    return [(alert.subject, f"{alert.since:%Y-%m-%d}") for alert in Outbox(warehouse).alerts(only_open=True)]


def test_a_feed_is_reported_while_its_latest_day_falls_short_since_the_first_that_does(warehouse: Warehouse) -> None:
    publish(warehouse, (january(1), "one", "ACCURACY", 8, 10), (january(2), "two", "ACCURACY", 9, 10))
    assert low(warehouse) == [], "the latest day reaches what is agreed"
    publish(warehouse, (january(3), "three", "ACCURACY", 85, 100), first=3, last=3)
    assert low(warehouse) == [("LOW_QUALITY alpha: 85.0", "2024-01-03")]
    publish(warehouse, (january(4), "four", "ACCURACY", 70, 100), first=4, last=4)
    assert low(warehouse) == [("LOW_QUALITY alpha: 70.0", "2024-01-03")], "one alert while it lasts, with the latest words"
    (alert,) = Outbox(warehouse).alerts(only_open=True)
    assert alert.message.startswith("alpha, 2024-01-04: the quality score is 70.0, and 90 is agreed: ACCURACY 70.0 (70 of 100); look")
    publish(warehouse, (january(5), "five", "ACCURACY", 1, 1), feed="beta", first=5, last=5)
    assert len(low(warehouse)) == 1
    publish(warehouse, (january(4), "four", "ACCURACY", 90, 100), first=4, last=4)
    assert low(warehouse) == []
