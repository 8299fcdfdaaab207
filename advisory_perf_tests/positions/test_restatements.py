"""What a publication changes of published figures: which fields, of how many account-dates, and by how much."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.alerts.outbox import Outbox, write_alerts
from advisory_perf.contracts.materiality import Materiality
from advisory_perf.contracts.tables import PERFORMANCE_DATA, PUBLISHED_PERFORMANCE
from advisory_perf.deliveries.alerts_of_feeds import restatement_alerts
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.positions.publication import SliceChange, publish_slices
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.deliveries.test_ledger import ingest, january, publish
from advisory_perf_tests.warehouse.scenarios import FEBRUARY, JANUARY, put, rows_of, valuation

pytestmark = pytest.mark.slow

AGREED = Materiality(Decimal(50), Decimal("0.001"))


def rows(*changed: dict[str, Any]) -> pl.DataFrame:
    """Accounts A and B on two days, with what is changed in place of the row of its account and day."""
    every = {(account, day): valuation(account, january(day)) for account in "AB" for day in (5, 6)}
    every |= {(row["account_id"], row["as_of_date"].day): row for row in changed}
    return rows_of(PERFORMANCE_DATA, *every.values())


def restatements(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return warehouse.query(
        "SELECT delivery_id, field_name, first_as_of_date, last_as_of_date, changed, accounts, largest_change, largest_account_id,"
        " largest_as_of_date FROM restatements ORDER BY id"
    ).rows()


def test_what_comes_first_restates_nothing_and_what_comes_again_in_another_file_neither(warehouse: Warehouse) -> None:
    put(warehouse, rows())
    again = [valuation(account, january(5), delivery_id="second", file_name="again.csv") for account in "AB"]
    assert put(warehouse, rows(*again, valuation("C", january(6)))) == SliceChange(1, 2, 0, 2)
    assert restatements(warehouse) == []


def test_each_field_of_a_delivery_is_counted_with_its_largest_change(warehouse: Warehouse) -> None:
    put(warehouse, rows())
    second = {"delivery_id": "second", "calculated_twrr": 0.25}
    of_a, of_b = valuation("A", january(5), 90, **second), valuation("B", january(6), 130, **second)
    in_euros = valuation("A", january(6), currency="EUR", fees=None)
    assert put(warehouse, rows(of_a, of_b, in_euros)) == SliceChange(0, 3, 0, 1, 3)
    fifth, sixth = january(5), january(6)
    assert restatements(warehouse) == [
        ("second", "calculated_twrr", fifth, sixth, 2, 2, Decimal("0.25"), "A", fifth),
        ("second", "ending_market_value", fifth, sixth, 2, 2, Decimal(30), "B", sixth),
        (None, "currency", sixth, sixth, 1, 1, None, "A", sixth),
        (None, "fees", sixth, sixth, 1, 1, None, "A", sixth),
    ]


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (0.1, 0.1 + 1e-13, []),
        (0.1, 0.1 + 1e-11, [Decimal("1E-11")]),
        (0.1, None, [None]),
        (None, 0.1, [None]),
        (1e300, -1e300, [None]),
    ],
)
def test_returns_that_differ_behind_the_twelfth_place_are_equal(
    warehouse: Warehouse, before: float | None, after: float | None, changes: list[Decimal | None]
) -> None:
    put(warehouse, rows(valuation("A", january(5), cumulative_twrr=before)))
    found = put(warehouse, rows(valuation("A", january(5), cumulative_twrr=after)))
    assert (found.updated, found.restated) == (1, len(changes))
    assert [change if change is None else round(change, 12) for *_, change, _, _ in restatements(warehouse)] == changes


def test_a_change_without_a_size_stands_before_those_that_have_one(warehouse: Warehouse) -> None:
    put(warehouse, rows(valuation("A", january(5), calculated_twrr=0.05)))
    put(warehouse, rows(valuation("A", january(5), calculated_twrr=None), valuation("B", january(6), calculated_twrr=1e-9)))
    assert restatements(warehouse) == [(None, "calculated_twrr", january(5), january(6), 2, 2, None, "A", january(5))]


def test_rows_that_are_published_no_more_are_withdrawn(warehouse: Warehouse) -> None:
    put(warehouse, rows(valuation("C", january(5)), valuation("C", january(6))))
    assert put(warehouse, rows(valuation("A", january(5), 90))) == SliceChange(0, 1, 2, 3, 1)
    assert restatements(warehouse) == [
        (None, "ending_market_value", january(5), january(5), 1, 1, Decimal(-10), "A", january(5)),
        (None, "withdrawn", january(5), january(6), 2, 1, None, "C", january(5)),
    ]


def test_the_ledger_counts_the_rows_that_a_delivery_restated_among_those_it_took_over(warehouse: Warehouse, ledger: Ledger) -> None:
    put(warehouse, rows(valuation("A", january(5), delivery_id="zero")))
    ingest(ledger, "second", january(5), january(6))
    of_a, of_b = valuation("A", january(5), 90, delivery_id="second"), valuation("B", january(5), delivery_id="second")
    new = valuation("C", january(6), delivery_id="second")
    put(warehouse, rows(of_a, of_b, new))
    put(warehouse, rows({**of_a, "cumulative_twrr": 0.5}, of_b, new))
    publish(ledger, january(1), january(9))
    entry = ledger.entry("second")
    assert entry is not None
    assert (entry.records_inserted, entry.records_updated, entry.records_restated) == (1, 2, 1)
    ledger.rejected("second", code="E_FORMAT", sentence="second.csv: it is none")
    rejected = ledger.entry("second")
    assert rejected is not None
    assert (rejected.records_updated, rejected.records_restated) == (0, 0)


def published(warehouse: Warehouse, *changed: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Publishes with the alerts of it, and gives code and delivery of those that are open."""
    publish_slices(
        warehouse,
        [(PUBLISHED_PERFORMANCE, rows(*changed))],
        vendor="alpha",
        first=JANUARY,
        last=FEBRUARY,
        along=lambda connection: write_alerts(connection, raised=restatement_alerts(connection, "alpha", "alpha", AGREED)),
    )
    return [(alert.code, alert.delivery_id) for alert in Outbox(warehouse).alerts(only_open=True)]


def test_a_material_restatement_alerts_once_and_says_what_changed(warehouse: Warehouse, ledger: Ledger) -> None:
    published(warehouse)
    ingest(ledger, "second", january(5), january(5))
    slight = valuation("A", january(5), 149, delivery_id="second", calculated_twrr=0.0009)
    assert published(warehouse, slight) == []
    ingest(ledger, "third", january(5), january(5))
    material = valuation("A", january(5), 99, delivery_id="third", calculated_twrr=0.0009)
    assert published(warehouse, material) == [("RESTATED", "third")]
    (alert,) = Outbox(warehouse).alerts(only_open=True)
    assert alert.message.startswith(
        "alpha, third.csv: published figures changed materially: ending_market_value of 1 accounts (largest: -50, A on 2024-01-05); look at"
    )
    assert published(warehouse, material) == [("RESTATED", "third")]
    assert len(Outbox(warehouse).alerts(only_open=False)) == 1
    ledger.rejected("third", code="E_FORMAT", sentence="third.csv: it is none")
    codes = [alert.code for alert in Outbox(warehouse).alerts(only_open=True)]
    assert codes == ["RESTATED", "E_FORMAT"], "what was reported differs all the same"


@pytest.mark.parametrize(("twrr", "alerts"), [(0.0009, []), (0.001, [("RESTATED", None)])])
def test_a_return_that_changes_without_a_delivery_alerts_and_what_is_linked_to_it_does_not(
    warehouse: Warehouse, twrr: float, alerts: list[tuple[str, str | None]]
) -> None:
    published(warehouse)
    assert published(warehouse, valuation("A", january(5), calculated_twrr=twrr, cumulative_twrr=0.5)) == alerts


def test_what_changes_without_a_delivery_alerts_each_time_and_so_does_a_withdrawal(warehouse: Warehouse) -> None:
    published(warehouse)
    published(warehouse, valuation("A", january(5), calculated_twrr=0.5))
    published(warehouse, valuation("A", january(5), calculated_twrr=0.1), valuation("C", january(5)))
    published(warehouse, valuation("A", january(5), calculated_twrr=0.1))
    says = [alert.message.partition("materially: ")[2].partition(";")[0] for alert in Outbox(warehouse).alerts(only_open=True)]
    assert says == [
        "calculated_twrr of 1 accounts (largest: +0.5, A on 2024-01-05)",
        "calculated_twrr of 1 accounts (largest: -0.4, A on 2024-01-05)",
        "1 accounts are withdrawn (C on 2024-01-05 first)",
    ]


def test_an_alert_of_one_vendors_restatement_is_none_of_another(warehouse: Warehouse) -> None:
    published(warehouse)
    other = rows_of(PERFORMANCE_DATA, valuation("A", date(2024, 1, 5), data_source="beta"))
    for frame in (other, other.with_columns(ending_market_value=pl.lit(Decimal(900), other.schema["ending_market_value"]))):
        publish_slices(
            warehouse,
            [(PUBLISHED_PERFORMANCE, frame)],
            vendor="beta",
            first=JANUARY,
            last=FEBRUARY,
            along=lambda connection: write_alerts(connection, raised=restatement_alerts(connection, "alpha", "alpha", AGREED)),
        )
    assert Outbox(warehouse).alerts(only_open=True) == []
