"""How many figures are compared and break: counted by delivery, day and figure, and kept beside the results."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.contracts.tables import RECONCILIATION_RESULTS, RECONCILIATION_TOTALS
from advisory_perf.reconciliation.totals import publish_totals, totals
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.warehouse.scenarios import rows_of

FIGURES = ("ending_market_value", "net_flow", "twrr")
DAYS = (date(2025, 3, 3), date(2025, 3, 4))
OUTCOMES = st.dictionaries(
    st.tuples(st.sampled_from(["A", "B", "C", "D"]), st.sampled_from(DAYS), st.sampled_from(FIGURES)), st.sampled_from([True, False, None])
)


def results(outcomes: dict[tuple[str, date, str], bool | None]) -> pl.DataFrame:
    rows = [
        {"account_id": account, "as_of_date": day, "data_source": "alpha", "field_name": figure, "within_tolerance": within}
        for (account, day, figure), within in outcomes.items()
    ]
    return rows_of(RECONCILIATION_RESULTS, *rows)


def positions() -> pl.DataFrame:
    """A and B came in the delivery of their account on each day, C and D in one."""
    keys = [(account, day, account if account in "AB" else "both") for account in "ABCD" for day in DAYS]
    return pl.DataFrame(keys, schema=["account_id", "as_of_date", "delivery_id"], orient="row")


@given(OUTCOMES)
def test_every_result_is_counted_once_with_the_delivery_of_its_position(outcomes: dict[tuple[str, date, str], bool | None]) -> None:
    expected: dict[tuple[date, str, str], list[int]] = {}
    for (account, day, figure), within in outcomes.items():
        counts = expected.setdefault((day, figure, account if account in "AB" else "both"), [0, 0, 0])
        counts[0] += 1
        counts[1] += within is not None
        counts[2] += within is False
    found = totals(results(outcomes), positions())
    assert found.schema == RECONCILIATION_TOTALS.polars_schema
    assert {row[1:4]: [*row[4:]] for row in found.rows()} == expected


@pytest.mark.slow
def test_totals_of_days_are_replaced_and_those_that_stay_are_not_written(warehouse: Warehouse) -> None:
    version = "SELECT as_of_date, delivery_id, breaks, xmin::text FROM reconciliation_totals ORDER BY 1, 2"
    first = totals(results({("A", DAYS[0], "twrr"): True, ("B", DAYS[0], "twrr"): False, ("A", DAYS[1], "twrr"): False}), positions())
    with warehouse.connect() as connection:
        publish_totals(connection, "alpha", first, first=DAYS[0], last=DAYS[1])
    before = warehouse.query(version).rows()
    again = totals(results({("A", DAYS[0], "twrr"): True, ("C", DAYS[0], "twrr"): False}), positions())
    with warehouse.connect() as connection:
        publish_totals(connection, "alpha", again, first=DAYS[0], last=DAYS[0])
        publish_totals(connection, "beta", first.clear(), first=DAYS[0], last=DAYS[1])
    after = warehouse.query(version).rows()
    assert [row[:3] for row in after] == [(DAYS[0], "A", 0), (DAYS[0], "both", 1), (DAYS[1], "A", 1)]
    assert {after[0], after[2]} < {*before}, "what stays as it is keeps its version"
