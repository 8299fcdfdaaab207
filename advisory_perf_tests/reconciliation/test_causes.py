"""Causes one by one: which figure closes a break, the simplest of several, and what is looked at besides the row itself."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReconciledField
from advisory_perf.contracts.tolerance import Allowance
from advisory_perf.performance.net_flow import net_flows
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.reconciliation.causes import NOTHING_BEFORE, Before, common_causes
from advisory_perf.reconciliation.compare import reconcile
from advisory_perf_tests.performance.scenarios import DAY, positions

EMV, NET_FLOW, TWRR = ReconciledField
ALLOWANCES = {EMV: Allowance(Decimal("0.01")), NET_FLOW: Allowance(Decimal("0.01")), TWRR: Allowance(Decimal("0.0001"))}
BEFORE = DAY - timedelta(days=1)
USUAL = {
    "beginning_market_value": "10000",
    "contributions": "3000",
    "distributions": "500",
    "income": "40",
    "fees": "7",
    "appreciation": "100",
    "ending_market_value": "12633",
    "vendor_value_half_unit": "0.005",
    "vendor_twrr_half_unit": 5e-9,
    "vendor_net_flow": "2500",
    "vendor_twrr": None,
}
"""10000 + 3000 - 500 + 40 - 7 + 100 = 12633"""


def found(
    field: ReconciledField, *rows: Mapping[str, Any], before: Before = NOTHING_BEFORE, timing: FlowTiming = FlowTiming.END_OF_DAY
) -> pl.DataFrame:
    """The breaks of one figure."""
    frame = positions(*({**USUAL, **row} for row in rows)).with_columns(pl.col("vendor_twrr", "vendor_twrr_half_unit").cast(pl.Float64()))
    figures = sub_period_returns(net_flows(frame), timing=timing, fee_basis=FeeBasis.NET)
    results = reconcile(figures, {field: ALLOWANCES[field]}, timing=timing, fee_basis=FeeBasis.NET, before=lambda: before)
    return results.filter(~pl.col("within_tolerance"))


def cause(field: ReconciledField, *rows: Mapping[str, Any], **others: Any) -> tuple[str, str | None]:
    """Cause and words of the only break."""
    (row,) = found(field, *rows, **others).iter_rows(named=True)
    value = row["explained_value"]
    assert value is None or abs(value - row["vendor_value"]) <= max(row["tolerance_threshold"], Decimal("0.04"))
    assert (value is None) == (row["explained_by"] is None or row["likely_cause"] == "UNDEFINED_BASE")
    return row["likely_cause"], row["explained_by"]


@pytest.mark.parametrize(
    ("theirs", "expected", "words"),
    [
        ("12633.03", "ROUNDING", "amounts that the vendor has rounded"),
        ("12633.05", "UNEXPLAINED", None),
        ("-12633", "SIGN", "ours with the other sign: columns.ending_market_value.sign"),
        ("10133", "MISSING_FLOW", "without the day's contributions and distributions"),
        ("9633", "MISSING_FLOW", "without the day's contributions"),
        ("13133", "MISSING_FLOW", "without the day's distributions"),
        ("15133", "DOUBLED_FLOW", "with twice the day's contributions and distributions"),
        ("15633", "DOUBLED_FLOW", "with twice the day's contributions"),
        ("12133", "DOUBLED_FLOW", "with twice the day's distributions"),
        ("12626", "DOUBLED_FEES", "with the fees taken twice"),
        ("12640", "FEE_BASIS", "without the fees"),
        ("12593", "INCOME", "without the income"),
        ("7633", "SIGN", "with the day's net flow the other way round"),
        ("126330", "OUTLIER", None),
        ("1263.30", "OUTLIER", None),
        ("126329.99", "UNEXPLAINED", None),
        ("12900", "UNEXPLAINED", None),
    ],
)
def test_a_value_is_explained_by_what_gives_it(theirs: str, expected: str, words: str | None) -> None:
    assert cause(EMV, {"ending_market_value": theirs}) == (expected, words)


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        ("2500.02", "ROUNDING"),
        ("-2500", "SIGN"),
        ("0", "MISSING_FLOW"),
        ("3000", "MISSING_FLOW"),
        ("-500", "MISSING_FLOW"),
        ("5000", "DOUBLED_FLOW"),
        ("5500", "DOUBLED_FLOW"),
        ("2000", "DOUBLED_FLOW"),
        ("2600", "UNEXPLAINED"),
    ],
)
def test_a_net_flow_is_explained_by_what_gives_it(theirs: str, expected: str) -> None:
    assert cause(NET_FLOW, {"vendor_net_flow": theirs})[0] == expected


START, GROSS, BOTH = 12633 / 12500 - 1, (12640 - 2500) / 10000 - 1, 12640 / 12500 - 1
OURS = (12633 - 2500) / 10000 - 1


@pytest.mark.parametrize(
    ("theirs", "expected", "words"),
    [
        (START, "FLOW_TIMING", "conventions.flow_timing: start_of_day"),
        (133 / 11250, "FLOW_TIMING", "conventions.flow_timing: mid_day"),
        (GROSS, "FEE_BASIS", "conventions.fee_basis: gross"),
        (BOTH, "FLOW_TIMING", "conventions.flow_timing: start_of_day, conventions.fee_basis: gross"),
        (OURS * 100, "PERCENT_SCALE", "100 times ours: columns.vendor_twrr.scale"),
        (OURS / 100, "PERCENT_SCALE", "0.01 times ours: columns.vendor_twrr.scale"),
        (OURS * 10_000, "PERCENT_SCALE", "10000 times ours: columns.vendor_twrr.scale"),
        (-OURS, "SIGN", "ours with the other sign: columns.vendor_twrr.sign"),
        (0.2633, "MISSING_FLOW", "without the day's contributions and distributions"),
        (0.7633 - 1 + 0.0, "DOUBLED_FLOW", "with twice the day's contributions and distributions"),
        (0.0, "STALE", "nothing earned, as if its value were the one before"),
        (0.05, "UNEXPLAINED", None),
    ],
)
def test_a_return_is_explained_by_what_gives_it(theirs: float, expected: str, words: str | None) -> None:
    assert cause(TWRR, {"vendor_twrr": theirs}) == (expected, words)


def test_a_return_that_comes_within_the_tolerance_but_not_to_the_printed_digits_is_no_explanation_of_one_break() -> None:
    assert cause(TWRR, {"vendor_twrr": START + 0.00005})[0] == "UNEXPLAINED"
    assert cause(TWRR, {"vendor_twrr": START + 0.00005, "vendor_twrr_half_unit": 0.00005})[0] == "FLOW_TIMING"
    assert cause(TWRR, {"vendor_twrr": START + 0.00005, "vendor_twrr_half_unit": None})[0] == "FLOW_TIMING"


@pytest.mark.parametrize(("count", "expected"), [(5, "FLOW_TIMING"), (4, "UNEXPLAINED")])
def test_within_the_tolerance_it_counts_where_it_closes_most_breaks_of_the_day(count: int, expected: str) -> None:
    rows = [{"account_id": f"A{number}", "vendor_twrr": START + 0.00005} for number in range(count)]
    assert found(TWRR, *rows)["likely_cause"].to_list() == [expected] * count
    others = [{"account_id": f"B{number}", "vendor_twrr": 0.05 + number / 100} for number in range(count)]
    assert set(found(TWRR, *rows, *others)["likely_cause"]) == {"UNEXPLAINED"}, "half is not most"


@pytest.mark.parametrize(("off", "expected"), [(0.00015, "ROUNDING"), (0.00017, "UNEXPLAINED")])
def test_a_cut_digit_is_rounding(off: float, expected: str) -> None:
    assert cause(TWRR, {"vendor_twrr": OURS - off, "vendor_twrr_half_unit": 0.00008})[0] == expected


def test_of_digits_that_are_coarser_than_the_tolerance_most_of_a_day_have_to_be_cut() -> None:
    coarse = {"vendor_twrr": 0.0125, "vendor_twrr_half_unit": 0.0005}
    assert cause(TWRR, coarse)[0] == "UNEXPLAINED"
    assert set(found(TWRR, *({**coarse, "account_id": f"A{number}"} for number in range(5)))["likely_cause"]) == {"ROUNDING"}


def test_of_several_causes_the_simplest_is_named_and_the_others_are_listed() -> None:
    (row,) = found(EMV, {"fees": "40", "ending_market_value": "12560"}).iter_rows(named=True)
    assert (row["likely_cause"], row["other_causes"]) == ("DOUBLED_FEES", "INCOME")


EARLIER = {"as_of_date": BEFORE, "beginning_market_value": "9000", "contributions": "0", "distributions": "0", "income": "0", "fees": "0"}
EARLIER |= {"appreciation": "900", "ending_market_value": "9900", "vendor_net_flow": "0"}


def as_state(value: str = "9900", earned: float = 0.1) -> Before:
    return Before(
        pl.DataFrame(
            {"account_id": ["A1"], "ending_market_value": [Decimal(value)], "calculated_twrr": [earned]},
            schema_overrides={"ending_market_value": MONEY},
        ),
        None,
    )


@pytest.mark.parametrize(
    ("field", "row", "expected"),
    [
        (EMV, {"ending_market_value": "9900"}, "STALE"),
        (EMV, {"ending_market_value": "12533"}, "ROLL_FORWARD"),
        (TWRR, {"vendor_twrr": 0.1}, "DAY_SHIFT"),
    ],
)
def test_the_valuation_before_is_the_same_in_the_run_and_before_it(field: ReconciledField, row: dict[str, Any], expected: str) -> None:
    assert cause(field, EARLIER, row)[0] == expected
    assert cause(field, row, before=as_state())[0] == expected
    assert cause(field, row)[0] == "UNEXPLAINED"
    assert cause(field, EARLIER, row, before=as_state("1", 0.5))[0] == expected, "what the run has is later"


def flows(account: str, amount: str) -> Before:
    return Before(None, pl.DataFrame({"account_id": [account], "net_flow": [Decimal(amount)]}, schema_overrides={"net_flow": MONEY}))


def test_a_flow_of_the_day_before_is_found_in_the_run_and_before_it() -> None:
    late = {"contributions": "0", "distributions": "0", "ending_market_value": "10883", "vendor_net_flow": "750"}
    earlier = EARLIER | {"contributions": "750", "ending_market_value": "10650", "vendor_net_flow": "750"}
    wanted = ("MISSING_FLOW", "with the flow of 750.0000 of the day before")
    assert cause(EMV, earlier, late) == wanted
    assert cause(EMV, late, before=flows("A1", "750")) == wanted
    assert cause(EMV, late, before=flows("A2", "750"))[0] == "UNEXPLAINED"
    assert cause(NET_FLOW, earlier, late)[0] == "MISSING_FLOW", "a flow that the row does not have"
    shifted = {"vendor_net_flow": "750"}
    assert cause(NET_FLOW, shifted, before=flows("A1", "750"))[0] == "DAY_SHIFT"


def test_a_flow_that_another_account_has_is_named_with_it() -> None:
    other = {
        "account_id": "A2",
        "contributions": "1234.56",
        "distributions": "0",
        "ending_market_value": "11367.56",
        "vendor_net_flow": None,
    }
    assert cause(EMV, {"ending_market_value": "13867.56"}, other) == ("MISSING_FLOW", "with the flow of 1234.5600 that A2 has on the day")
    assert cause(EMV, {"ending_market_value": "11398.44"}, other)[1] == "with the flow of -1234.5600 that A2 has on the day"
    small = other | {"contributions": "9.99", "ending_market_value": "10142.99"}
    assert cause(EMV, {"ending_market_value": "12642.99"}, small)[0] == "UNEXPLAINED", "so small an amount may coincide"


def test_a_flow_that_several_accounts_have_is_that_of_none() -> None:
    others = [
        {"account_id": f"A{number}", "contributions": "1000", "distributions": "0", "ending_market_value": "11133", "vendor_net_flow": None}
        for number in (2, 3)
    ]
    lacking = {"contributions": "0", "distributions": "0", "ending_market_value": "11133", "vendor_net_flow": None}
    assert cause(EMV, lacking, others[0])[1] == "with the flow of 1000.0000 that A2 has on the day"
    assert cause(EMV, lacking, *others)[0] == "UNEXPLAINED"


def test_equal_flows_of_many_accounts_are_not_paired_with_each_other() -> None:
    rows = [
        {
            "account_id": f"A{number:05}",
            "beginning_market_value": str(10_000 + number),
            "contributions": "100",
            "distributions": "0",
            "ending_market_value": str(10_133 + number),
        }
        for number in range(20_000)
    ]
    breaks = found(EMV, *rows)  # of pairs there would be 400 million
    assert set(breaks["likely_cause"]) == {"MISSING_FLOW"}


@pytest.mark.parametrize(
    "row",
    [
        {"beginning_market_value": "0.01", "contributions": "0", "distributions": "200000000000", "ending_market_value": "1"},
        {"beginning_market_value": "0.0001", "contributions": "0", "distributions": "9" * 18, "ending_market_value": "9" * 18},
        {"beginning_market_value": "0", "contributions": "0", "distributions": "0", "ending_market_value": "9" * 18},
        {
            "beginning_market_value": None,
            "contributions": None,
            "distributions": None,
            "ending_market_value": None,
            "fees": None,
            "income": None,
        },
    ],
)
def test_returns_of_no_size_that_a_return_has_are_no_explanation_and_no_error(row: dict[str, Any]) -> None:
    for theirs in (-1.0, 0.5, 999_999.0):
        for timing in (FlowTiming.END_OF_DAY, FlowTiming.MID_DAY):
            assert found(TWRR, {**row, "vendor_twrr": theirs}, timing=timing).height <= 1


def test_a_small_account_is_not_off_by_a_hundred_within_what_its_amounts_are_rounded_by() -> None:
    small = {"beginning_market_value": "1.00", "contributions": "0", "distributions": "0", "ending_market_value": "1.05"}
    assert cause(TWRR, {**small, "vendor_twrr": 3.5})[0] == "UNEXPLAINED"
    assert cause(TWRR, {**small, "vendor_twrr": 5.0})[0] == "PERCENT_SCALE"


def test_one_printed_digit_is_no_scale() -> None:
    assert cause(TWRR, {"vendor_twrr": 0.0001, "vendor_twrr_half_unit": 0.00005})[0] == "UNEXPLAINED"
    assert cause(TWRR, {"vendor_twrr": 0.000133, "vendor_twrr_half_unit": 5e-8})[0] == "PERCENT_SCALE"


def test_what_was_valued_before_may_have_no_return() -> None:
    """The valuation in between has none, so that there is none to shift, whichever run has it."""
    undefined = {
        "as_of_date": BEFORE,
        "beginning_market_value": "0",
        "contributions": "0",
        "distributions": "0",
        "ending_market_value": "10000",
    }
    undefined |= {"income": "0", "fees": "0", "appreciation": "10000"}
    row = {"vendor_twrr": 0.1}
    in_one_run = found(TWRR, undefined, row, before=as_state("0", 0.1)).filter(as_of_date=DAY)["likely_cause"].to_list()
    nothing = as_state("10000").states
    assert nothing is not None
    alone = found(TWRR, row, before=Before(nothing.with_columns(calculated_twrr=pl.lit(None, pl.Float64()))))["likely_cause"].to_list()
    assert in_one_run == alone == ["UNEXPLAINED"]


def test_a_return_that_we_do_not_have_says_why() -> None:
    assert cause(TWRR, {"beginning_market_value": "10000", "ending_market_value": "-5000", "vendor_twrr": -1.5}) == (
        "UNDEFINED_BASE",
        "our return is BEYOND_TOTAL_LOSS",
    )


def test_accounts_of_one_currency_that_are_off_by_one_rate_have_that_cause() -> None:
    euro = [{"account_id": f"E{number}", "currency": "EUR", "ending_market_value": "13896.30"} for number in range(3)]
    dollars = [{"account_id": f"D{number}"} for number in range(12)]
    breaks = found(EMV, *euro, *dollars)
    assert breaks.select("account_id", "likely_cause", "explained_value").rows() == [
        (f"E{number}", "CURRENCY_RATE", Decimal("13896.300000000000")) for number in range(3)
    ]
    right = [{"account_id": f"F{number}", "currency": "EUR"} for number in range(3)]
    assert set(found(EMV, *euro, *right)["likely_cause"]) == {"UNEXPLAINED"}


def test_a_change_of_the_feed_that_would_close_most_breaks_is_one_sentence() -> None:
    rows = [{"account_id": f"A{number}", "vendor_twrr": START} for number in range(5)]
    others = [{"account_id": f"B{number}", "vendor_twrr": 0.05 + number / 100} for number in range(4)]
    found_changes = common_causes(found(TWRR, *rows, *others))
    assert found_changes["sentence"].to_list() == [f"on {DAY}, 5 of 9 breaks of twrr close with conventions.flow_timing: start_of_day"]
    assert common_causes(found(TWRR, *rows, *others, {"account_id": "C", "vendor_twrr": 0.3})).is_empty()
    assert common_causes(found(TWRR, *rows[:4])).is_empty()
    stale = [{"account_id": f"A{number}", "vendor_twrr": 0.0} for number in range(6)]
    assert common_causes(found(TWRR, *stale)).is_empty(), "no key of the feed closes these"
