"""What a comparison with the vendor's figures comes to: nothing compared, too little, and returns of a longer period."""

from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from advisory_perf.cli.tables import deliveries_table
from advisory_perf.runtime.in_process import Handed
from advisory_perf.warehouse.queries import pass_rates
from advisory_perf_tests.orchestration.scenarios import A_FIFTH, A_THIRD, B_THIRD, a_world, cases, checks, csv, days, value

pytestmark = pytest.mark.slow

THIRD, FIFTH = days(3, 5)


def test_a_pass_rate_of_none_of_none_is_nothing_compared(tmp_path: Path, warehouse_url: str) -> None:
    """The feed maps the vendor's return, and no row has one: no 100 %, neither in the check nor in what is printed."""
    with a_world(tmp_path, warehouse_url, feed={"columns": {"appreciation": None}, "ignored": ["gain"]}) as world:
        world.ingest("acme_1.csv", csv(A_THIRD.replace("0.10000", ""), B_THIRD.replace("0.02500", "")))
        found = checks(world.run_pipeline(THIRD, THIRD))
        rate = found["reconciliation_pass_rate"]
        assert (rate.passed, rate.severity, value(rate.metadata, "says")) == (False, dg.AssetCheckSeverity.WARN, "nothing compared")
        assert value(rate.metadata, "pass_rate_twrr") == "nothing compared"
        assert "pass_rate" not in rate.metadata
        assert not found["figures_compared"].passed
        warehouse = world.platform.warehouse
        (entry,) = world.platform.ledger.entries("acme")
        assert pass_rates(warehouse, [entry.delivery_id]) == {entry.delivery_id: None}
        table = deliveries_table([Handed("acme_1.csv", entry, is_repeated=False)], {entry.delivery_id: None})
        assert [*map(str, table.columns[-1].cells)] == ["nothing compared"]


@pytest.mark.parametrize(("share", "warns"), [(0.0, True), (0.32, True), (0.34, False), (1.0, False)])
def test_a_share_of_figures_that_compare_with_nothing_warns_beyond_the_agreed_one(
    tmp_path: Path, warehouse_url: str, share: float, *, warns: bool
) -> None:
    with a_world(tmp_path, warehouse_url, incomparable_share=share) as world:
        world.ingest("acme_1.csv", csv(A_THIRD.replace("0.10000", ""), B_THIRD, A_FIFTH))
        found = checks(world.run_pipeline(THIRD, FIFTH))["figures_compared"]
        assert found.passed is not warns
        expected = [{"field_name": "twrr", "compared": "2", "not_compared": "1"}] if warns else []
        assert (cases(found) if warns else []) == expected
        assert value(found.metadata, "failed") == len(expected)


def test_an_account_without_money_breaks_nothing_and_does_not_count(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, incomparable_share=0.0) as world:
        world.ingest("acme_1.csv", csv(A_THIRD, "B,2025-03-03,0.00,0.00,0.00,0.00,0.00,0.00000"))
        found = checks(world.run_pipeline(THIRD, THIRD))
        assert found["figures_compared"].passed
        assert found["reconciliation_pass_rate"].passed
        rows = world.rows("reconciliation_results").filter(account_id="B", field_name="twrr")
        assert rows.select("within_tolerance", "notes").rows() == [(None, "not compared: nothing was invested")]
        assert world.platform.ledger.entries("acme")[0].status == "COMPLETED"


def test_a_months_return_on_daily_rows_is_reconciled_over_the_month(tmp_path: Path, warehouse_url: str) -> None:
    """110 / 100 and 121 / 110 - 1: 10 % and 21 % since the end of February; in April 5 % anew. A break is one of the month's return."""
    days_of_two_months = csv(
        "A,2025-03-03,100.00,0.00,0.00,10.00,110.00,0.10000",
        "A,2025-03-04,110.00,0.00,0.00,11.00,121.00,0.21000",
        "A,2025-03-05,121.00,0.00,0.00,0.00,121.00,0.31000",
        "A,2025-04-01,121.00,0.00,0.00,6.05,127.05,0.05000",
    )
    feed = {"columns": {"vendor_twrr": {"from": "twr", "period": "month"}}}
    with a_world(tmp_path, warehouse_url, feed=feed) as world:
        assert world.ingest("acme_1.csv", days_of_two_months).success
        assert world.run_pipeline(THIRD, date(2025, 4, 1)).success
        rows = world.rows("reconciliation_results").filter(field_name="twrr").sort("as_of_date")
        assert rows["within_tolerance"].to_list() == [True, True, False, True]
        assert rows["calculated_value"].cast(pl.Float64()).to_list() == pytest.approx([0.1, 0.21, 0.21, 0.05])
        variances = world.rows("performance_data").sort("as_of_date")["twrr_variance"]
        assert variances.to_list() == pytest.approx([0, 0, -0.1, 0], abs=1e-12)
        again = world.rows("reconciliation_results")
        assert world.run_pipeline(FIFTH, date(2025, 4, 1)).success
        assert world.rows("reconciliation_results").equals(again), "a piece of the history says what the whole does"
