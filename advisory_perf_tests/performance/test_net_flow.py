from datetime import date
from decimal import Decimal
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.performance.net_flow import current_positions, net_flows
from advisory_perf_tests.performance.scenarios import DAY, positions


def precedence(*delivery_ids: str) -> pl.DataFrame:
    """Deliveries in order; the last counts most."""
    return pl.DataFrame({"delivery_id": delivery_ids, "rank": range(len(delivery_ids))})


def test_net_flow_is_contributions_less_distributions_exactly() -> None:
    flows = net_flows(positions({"contributions": "0.30", "distributions": "0.1001"}))
    assert flows["net_flow"].item() == Decimal("0.1999")


def test_the_calculated_value_is_the_market_value_identity() -> None:
    flows = net_flows(
        positions(
            {
                "beginning_market_value": "1000000",
                "contributions": "50000",
                "distributions": "20000",
                "income": "1234.56",
                "appreciation": "-2000.06",
                "fees": "250.25",
                "other_adjustments": "-0.01",
            }
        )
    )
    assert flows["calculated_ending_market_value"].item() == Decimal("1028984.24")


def test_amounts_of_twenty_digits_stay_exact() -> None:
    flows = net_flows(positions({"beginning_market_value": "99999999999999999999.9999", "contributions": "0.0001", "fees": "0.0001"}))
    assert flows["calculated_ending_market_value"].item() == Decimal("99999999999999999999.9999")


@pytest.mark.parametrize("component", ["income", "appreciation", "fees", "other_adjustments"])
def test_a_component_that_the_vendor_does_not_say_makes_the_calculated_value_null(component: str) -> None:
    flows = net_flows(positions({component: None}))
    assert flows["calculated_ending_market_value"].item() is None
    assert flows["net_flow"].item() == 0


def test_of_two_deliveries_the_one_that_ranks_higher_counts_for_each_account_and_day() -> None:
    delivered = positions(
        {"delivery_id": "new", "ending_market_value": 2},
        {"delivery_id": "old", "ending_market_value": 1},
        {"delivery_id": "old", "account_id": "A2", "ending_market_value": 3},
        {"delivery_id": "new", "as_of_date": date(2024, 6, 27), "ending_market_value": 4},
    )
    current = current_positions(delivered, precedence("old", "new"))
    assert current.select("as_of_date", "account_id", "ending_market_value").rows() == [
        (date(2024, 6, 27), "A1", Decimal(4)),
        (DAY, "A1", Decimal(2)),
        (DAY, "A2", Decimal(3)),
    ]
    assert current.columns == delivered.columns


def test_in_a_month_the_higher_delivery_counts_whatever_its_day_and_of_its_days_the_latest() -> None:
    thursday, wednesday = date(2024, 6, 27), date(2024, 6, 26)
    delivered = positions(
        {"delivery_id": "old", "ending_market_value": 1},
        {"delivery_id": "new", "as_of_date": thursday, "ending_market_value": 2},
        {"delivery_id": "new", "as_of_date": wednesday, "ending_market_value": 3},
        {"delivery_id": "old", "account_id": "A2", "ending_market_value": 4},
    )
    current = current_positions(delivered, precedence("old", "new"), slot=pl.col("as_of_date").dt.month_start())
    assert current.select("as_of_date", "account_id", "ending_market_value").rows() == [
        (thursday, "A1", Decimal(2)),
        (DAY, "A2", Decimal(4)),
    ]


def test_a_delivery_alone_counts_whatever_the_precedence() -> None:
    current = current_positions(positions({"account_id": "A2"}, {"account_id": "A1"}), precedence("d1"))
    assert current["account_id"].to_list() == ["A1", "A2"]


keys = st.tuples(st.integers(1, 4), st.integers(1, 4), st.sampled_from("abc"))


@settings(max_examples=40)
@given(st.sets(keys, min_size=1), st.permutations("abc"), st.randoms(use_true_random=False))
def test_the_highest_delivery_counts_in_whatever_order_the_rows_come(
    delivered: set[tuple[int, int, str]], order: list[str], random: Random
) -> None:
    rows = [{"account_id": f"A{a}", "as_of_date": date(2024, 6, d), "delivery_id": v} for a, d, v in sorted(delivered)]
    random.shuffle(rows)
    current = current_positions(positions(*rows), precedence(*order))
    expected: dict[tuple[str, date], str] = {}
    for delivery in order:
        expected |= {(f"A{a}", date(2024, 6, d)): v for a, d, v in delivered if v == delivery}
    assert {(a, d): v for a, d, v in current.select("account_id", "as_of_date", "delivery_id").rows()} == expected
    assert current.height == len(expected)


def test_a_component_without_a_column_is_not_taken_as_zero() -> None:
    flows = net_flows(positions({"contributions": "5"}).drop("income"))
    assert flows.select("net_flow", "calculated_ending_market_value").row(0) == (Decimal(5), None)


def test_flows_by_the_time_of_day_make_a_net_flow_too() -> None:
    frame = positions({}).drop("contributions", "distributions").with_columns(bod_flow=pl.lit(7.5), eod_flow=pl.lit(-2.25))
    assert net_flows(frame)["net_flow"].item() == 5.25
    with pytest.raises(ValueError, match="the frame has bod_flow alone; bod_flow and eod_flow go together"):
        net_flows(frame.drop("eod_flow"))
    with pytest.raises(ValueError, match="net_flows needs the column contributions"):
        net_flows(frame.drop("eod_flow", "bod_flow"))
    both = positions({"contributions": 50}).with_columns(bod_flow=pl.lit(7.5), eod_flow=pl.lit(-2.25))
    assert net_flows(both)["net_flow"].item() == 5.25


@pytest.mark.parametrize("dtype", [pl.UInt32(), pl.Int8(), pl.Int64(), pl.Float32(), pl.Decimal(12, 2)])
def test_amounts_of_any_number_type_give_the_flow_that_they_say(dtype: pl.DataType) -> None:
    frame = positions({"contributions": 20, "distributions": 40}).with_columns(pl.col("contributions", "distributions").cast(dtype))
    assert net_flows(frame)["net_flow"].item() == -20


def test_a_column_that_holds_no_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="the column contributions holds String; amounts and returns are Decimal or Float64"):
        net_flows(positions({}).with_columns(contributions=pl.lit("20")))


def test_a_float_that_is_no_number_makes_no_flow() -> None:
    frame = positions({}, {}).with_columns(contributions=pl.Series([float("nan"), float("inf")]))
    assert net_flows(frame)["net_flow"].to_list() == [None, None]
