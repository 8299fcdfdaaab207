from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReconciledField
from advisory_perf.contracts.tolerance import Allowance
from advisory_perf.performance.net_flow import net_flows
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.quality.rules import (
    accounts_in_two_cases,
    breaks,
    implausible_returns,
    market_value_failures,
    net_flow_failures,
    pass_rate,
    roll_forward_failures,
    undefined_returns,
    value_jumps,
)
from advisory_perf.reconciliation.compare import reconcile
from advisory_perf_tests.performance.scenarios import DAY, positions

CENT = Allowance(Decimal("0.01"))
MAY, JUNE, JULY = date(2024, 5, 31), date(2024, 6, 28), date(2024, 7, 31)


def test_a_net_flow_that_is_not_contributions_less_distributions_is_found() -> None:
    flows = net_flows(positions({"contributions": 5}, {"account_id": "A2", "contributions": 5}))
    assert net_flow_failures(flows).height == 0
    wrong = flows.with_columns(net_flow=pl.when(account_id="A2").then(pl.col("net_flow") + Decimal("0.0001")).otherwise("net_flow"))
    assert net_flow_failures(wrong)["account_id"].to_list() == ["A2"]
    assert net_flow_failures(flows.with_columns(net_flow=pl.lit(None, flows.schema["net_flow"]))).height == 2


def test_a_calculated_value_beyond_the_tolerance_is_found_and_one_at_it_is_not() -> None:
    rows = [{"account_id": f"A{i}", "appreciation": value} for i, value in enumerate(["0.01", "-0.01", "0.0101", "-0.02", None])]
    failures = market_value_failures(net_flows(positions(*rows)), CENT)
    assert failures.select("account_id", "difference").rows() == [("A2", Decimal("0.0101")), ("A3", Decimal("-0.02"))]


@pytest.mark.parametrize(("off", "half_unit", "fails"), [("0.03", "0.05", False), ("0.0501", "0.05", True), ("0.03", None, True)])
def test_what_a_vendor_rounds_away_fails_no_check(off: str, half_unit: str | None, *, fails: bool) -> None:
    """1,000,000.03 calculated against a vendor that prints 1,000,000.0."""
    values = {"beginning_market_value": "1000000", "ending_market_value": "1000000", "vendor_value_half_unit": half_unit}
    assert market_value_failures(net_flows(positions({**values, "appreciation": off})), CENT).height == fails
    later = {**values, "as_of_date": JULY, "beginning_market_value": str(1_000_000 + Decimal(off))}
    assert roll_forward_failures(positions({**values, "as_of_date": JUNE}, later), None).height == fails


@given(
    off=st.decimals("-0.2", "0.2", places=4),
    half_unit=st.sampled_from([None, "0.005", "0.05"]),
    absolute=st.sampled_from(["0", "0.01", "0.1"]),
    relative=st.sampled_from(["0", "0.001"]),
)
def test_the_check_of_market_values_fails_where_the_reconciliation_finds_a_break(
    off: Decimal, half_unit: str | None, absolute: str, relative: str
) -> None:
    allowance = Allowance(Decimal(absolute), Decimal(relative))
    value = ReconciledField.ENDING_MARKET_VALUE
    rows = net_flows(positions({"appreciation": off, "vendor_value_half_unit": half_unit}))
    rows = sub_period_returns(rows, timing=FlowTiming.END_OF_DAY, fee_basis=FeeBasis.NET)
    rows = rows.with_columns(vendor_twrr_half_unit=pl.lit(None, pl.Float64()))
    found = reconcile(rows, {value: allowance}, timing=FlowTiming.END_OF_DAY)
    assert found["within_tolerance"].to_list() == [market_value_failures(rows, allowance).is_empty()]


def roll(begins: str, ends: str = "100", day: date = JUNE, account: str = "A1") -> dict[str, object]:
    return {"account_id": account, "as_of_date": day, "beginning_market_value": begins, "ending_market_value": ends}


def test_a_beginning_value_is_held_against_the_ending_value_of_the_valuation_before() -> None:
    rows = positions(roll("100.02", day=JULY), roll("1", "100", day=MAY), roll("100.01", "100"))
    failures = roll_forward_failures(rows, None)
    assert failures.rows() == [("A1", JULY, Decimal(100), Decimal("100.02"))]


def test_a_first_valuation_has_nothing_to_roll_from() -> None:
    assert roll_forward_failures(positions(roll("1"), roll("2", account="A2")), None).height == 0


def test_the_opening_is_the_valuation_before_the_first() -> None:
    opening = positions(roll("1", "99", day=MAY), roll("1", "100", day=MAY, account="A2"), roll("1", "7", day=MAY, account="A3"))
    rows = positions(roll("100"), roll("100", account="A2"), roll("1", account="A4"))
    failures = roll_forward_failures(rows, opening.with_columns(growth_index=1.0))
    assert failures.rows() == [("A1", JUNE, Decimal(99), Decimal(100))]


def test_accounts_do_not_roll_into_each_other() -> None:
    rows = positions(roll("1", "5", day=MAY), roll("1", "9", day=MAY, account="A2"), roll("9"), roll("9", account="A2"))
    assert roll_forward_failures(rows, None)["account_id"].to_list() == ["A1"]


def jumped(begin: str, inflow: str, outflow: str, end: str, *, before: str | None = "1000") -> list[str]:
    row = {"beginning_market_value": begin, "contributions": inflow, "distributions": outflow, "ending_market_value": end}
    opening = None if before is None else positions(roll("1", before, day=MAY))
    return value_jumps(positions({**row, "as_of_date": JUNE}), opening, factor=1000)["field_name"].to_list()


BEGIN, END = ["beginning_market_value"], ["ending_market_value"]


@pytest.mark.parametrize(
    ("row", "before", "found"),
    [
        (("1000", "0", "0", "1010000"), "1000", END),
        (("1000", "0", "0", "400000"), "1000", []),
        (("1000000", "0", "0", "1000"), "1000000", END),
        (("1000000", "0", "0", "1000000"), "1000", BEGIN),
        (("1000", "0", "0", "1000"), "1000000", BEGIN),
        (("1000", "1000000", "0", "1001000"), "1000", []),
        (("0", "1000000", "0", "1001000"), None, []),
        (("0", "1000000", "0", "1001000000"), None, END),
        (("1000000", "0", "999000", "1000"), "1000000", []),
        (("1000000", "0", "999999", "600"), "1000000", []),
        (("1000000", "0", "0", "0"), "1000000", []),
        (("0.01", "0", "0", "15"), "0.01", []),
        (("1000000", "0", "0", "1000000"), None, []),
        (("1001000", "1000000", "0", "1001000"), "1000", []),
        (("50000", "0", "0", "50"), "50000", END),
        (("50", "0", "0", "50"), "50000", BEGIN),
        (("50000", "0", "49950", "50"), "50000", []),
        (("50000", "0", "0", "5"), "50000", []),
        (("50", "0", "0", "50000"), "50", []),
        (("-1000", "0", "0", "-1010000"), "-1000", END),
        (("-1010000", "0", "0", "-1010000"), "-1000", BEGIN),
        (("-1000", "0", "1000000", "-1001000"), "-1000", []),
        (("-1000", "0", "0", "1010000"), "-1000", []),
        (("1000", "0", "900", "600000"), "1000", END),  # what was paid out explains no growth
        (("1000000", "500000", "999000", "1000"), "1000000", []),  # with the contribution in the beginning value already
    ],
)
def test_a_value_jumps_only_where_no_flow_explains_it(row: tuple[str, str, str, str], before: str | None, found: list[str]) -> None:
    assert jumped(*row, before=before) == found


@pytest.mark.parametrize(
    ("begin", "end", "found"),
    [("1000", "1010000", (*END, Decimal(1010000), Decimal(1000))), ("1020000", "1", (*BEGIN, Decimal(1020000), Decimal(1100)))],
)
def test_a_jump_is_reported_with_the_value_that_it_jumped_from(begin: str, end: str, found: tuple[str, Decimal, Decimal]) -> None:
    rows, opening = positions(roll(begin, end)), positions(roll("1", "1100", day=MAY))
    assert value_jumps(rows, opening, factor=1000).select("field_name", "value", "previous_value").rows() == [found]


def test_accounts_whose_numbers_differ_by_case_only_are_found_across_deliveries() -> None:
    opening = positions(roll("1", account="AB-1", day=MAY), roll("1", account="C", day=MAY))
    rows = positions(roll("1", account="ab-1"), roll("1", account="C"), roll("1", account="d"), roll("1", account="D"))
    assert accounts_in_two_cases(rows, opening).rows() == [("D", "d"), ("ab-1", "AB-1"), ("d", "D")]
    assert accounts_in_two_cases(opening, None).height == 0


def valuations(*returns: float | None, is_valuation: bool = True) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "account_id": [f"A{i}" for i in range(len(returns))],
            "as_of_date": [DAY] * len(returns),
            "is_valuation": [is_valuation] * len(returns),
            "calculated_twrr": pl.Series(returns, dtype=pl.Float64()),
            "return_status": ["UNDEFINED_BASE" if value is None else "OK" for value in returns],
        }
    )


def test_returns_beyond_plus_or_minus_one_hundred_percent_deserve_a_look() -> None:
    found = implausible_returns(valuations(1.0, 1.0001, -1.0, 0.5, None))
    assert found.rows() == [("A1", DAY, 1.0001)]
    assert implausible_returns(valuations(5.0, is_valuation=False)).height == 0


def test_valuations_without_a_return_are_listed_with_the_reason() -> None:
    assert undefined_returns(valuations(0.1, None)).rows() == [("A1", DAY, "UNDEFINED_BASE")]
    assert undefined_returns(valuations(None, is_valuation=False)).height == 0


def comparisons(*outcomes: tuple[str, str, bool | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "account_id": [f"A{i}" for i in range(len(outcomes))],
            "as_of_date": [DAY] * len(outcomes),
            "field_name": [field for field, _, _ in outcomes],
            "calculated_value": [Decimal(0)] * len(outcomes),
            "vendor_value": [Decimal(0)] * len(outcomes),
            "variance": [Decimal(variance) for _, variance, _ in outcomes],
            "tolerance_threshold": [CENT.absolute] * len(outcomes),
            "within_tolerance": pl.Series([within for _, _, within in outcomes], dtype=pl.Boolean()),
            "likely_cause": [None] * len(outcomes),
            "explained_by": [None] * len(outcomes),
        }
    )


def test_breaks_are_listed_the_largest_first_within_each_figure() -> None:
    results = comparisons(
        ("twrr", "0.2", False), ("net_flow", "1", False), ("twrr", "-0.3", False), ("twrr", "0", True), ("twrr", "9", None)
    )
    assert breaks(results)["account_id"].to_list() == ["A1", "A2", "A0"]


def test_the_pass_rate_counts_only_what_was_compared() -> None:
    results = comparisons(("twrr", "0", True), ("twrr", "1", False), ("twrr", "0", None), ("net_flow", "0", True), ("net_flow", "0", True))
    assert pass_rate(results) == 0.75
    assert pass_rate(results, ReconciledField.TWRR) == 0.5
    assert pass_rate(results, ReconciledField.NET_FLOW) == 1.0


def test_there_is_no_pass_rate_where_nothing_was_compared() -> None:
    results = comparisons(("twrr", "0", None))
    assert pass_rate(results) is None
    assert pass_rate(results, ReconciledField.NET_FLOW) is None
    assert pass_rate(results.clear()) is None
