"""Bounds of what is reported of a book of accounts: the least that is reported, and the most that is not."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.contracts.columns import FIGURE
from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReturnStatus
from advisory_perf.errors import UndefinedReturnError
from advisory_perf.performance.completeness import incomplete_windows
from advisory_perf.performance.linking import twrr_series
from advisory_perf.performance.money_weighted import modified_dietz
from advisory_perf.performance.returns import sub_period_returns
from advisory_perf.performance.shares import Share
from advisory_perf.quality.rules import implausible_returns, large_flows, stale_values, undefined_returns, value_jumps
from advisory_perf.reconciliation.compare import NOTHING_INVESTED, incomparable
from advisory_perf.reconciliation.delivery_factors import common_factors, roll_forwards, scaled
from advisory_perf_tests.performance.scenarios import DAY, a_return, a_schedule, positions, returns

# one factor for a whole delivery: systematic


def compared(pairs: Sequence[tuple[str, str]], *, threshold: str = "0.01") -> pl.DataFrame:
    """Comparisons of ours with theirs, an account each, of one delivery, day and figure."""
    ours, theirs = ([Decimal(pair[side]) for pair in pairs] for side in (0, 1))
    return pl.DataFrame(
        {"account_id": [f"A{place:03}" for place in range(len(pairs))]}
        | {
            "calculated_value": pl.Series(ours, dtype=FIGURE),
            "vendor_value": pl.Series(theirs, dtype=FIGURE),
            "is_break": [abs(one - other) > Decimal(threshold) for one, other in zip(ours, theirs, strict=True)],
        }
    ).with_columns(
        data_source=pl.lit("acme"),
        delivery_id=pl.lit("d1"),
        as_of_date=pl.lit(DAY),
        field_name=pl.lit("ending_market_value"),
        tolerance_threshold=pl.lit(Decimal(threshold), FIGURE),
    )


def off_by(factor: str, of: int, among: int, *, unit: int = 1000, more: str = "0") -> pl.DataFrame:
    """So many accounts off by a factor and, but for the largest, by an amount more; the others agree with ours."""
    amounts = [Decimal(unit * (place + 1)) for place in range(among)]
    theirs = [
        amount * Decimal(factor) + (Decimal(more) if place < among - 1 else 0) if place >= among - of else amount
        for place, amount in enumerate(amounts)
    ]
    return compared([(str(one), str(other)) for one, other in zip(amounts, theirs, strict=True)])


@pytest.mark.parametrize(
    ("of", "among", "is_one"), [(10, 10, True), (9, 9, False), (19, 20, True), (18, 20, False), (38, 40, True), (37, 40, False)]
)
def test_one_factor_breaks_ten_accounts_and_explains_nineteen_of_twenty(of: int, among: int, *, is_one: bool) -> None:
    rows = off_by("1.08", of, among)
    assert common_factors(rows).height == is_one
    assert scaled(rows).height == (of if is_one else 0)


@pytest.mark.parametrize(("factor", "is_one"), [("1.000011", True), ("1.000009", False), ("0.999989", True), ("0.999991", False)])
def test_a_factor_within_a_hundred_thousandth_of_one_is_none(factor: str, *, is_one: bool) -> None:
    assert common_factors(off_by(factor, 12, 12, unit=10**7)).height == is_one


@pytest.mark.parametrize(("more", "is_one"), [("0.009", True), ("0.011", False)])
def test_a_figure_agrees_with_a_factor_below_one_to_the_tolerance_itself(more: str, *, is_one: bool) -> None:
    assert common_factors(off_by("0.001", 12, 12, unit=10**6, more=more)).height == is_one


@pytest.mark.parametrize(("more", "is_one"), [("0.99", True), ("1.01", False)])
def test_a_figure_agrees_with_a_factor_above_one_to_so_much_more(more: str, *, is_one: bool) -> None:
    assert common_factors(off_by("100", 12, 12, unit=10**6, more=more)).height == is_one


def test_small_amounts_whose_quotients_are_blurred_do_not_tell_the_factor() -> None:
    """Of thirty accounts twenty are worth so little that their thousandth is a cent."""
    pairs = [(str(6 + place / 100), "0.01") for place in range(20)] + [
        (str(10**6 + place), f"{1000 + place / 1000:.2f}") for place in range(10)
    ]
    (found,) = common_factors(compared(pairs)).iter_rows(named=True)
    assert float(found["factor"]) == pytest.approx(0.001, rel=1e-4)


def test_an_account_that_is_off_by_something_else_does_not_tell_the_factor() -> None:
    pairs = [(str(1000 * (place + 1)), str(1080 * (place + 1))) for place in range(39)] + [("900000", "1260000")]
    (found,) = common_factors(compared(pairs)).iter_rows(named=True)
    assert float(found["factor"]) == pytest.approx(1.08)


@pytest.mark.parametrize(("breaking", "half_unit", "reported", "breaks"), [(10, "0.005", 12, 10), (9, "0.005", 0, 0), (10, "0.5", 0, 0)])
def test_a_day_on_which_ten_values_do_not_roll_is_compared(breaking: int, half_unit: str, reported: int, breaks: int) -> None:
    """Within half a unit of the vendor's, none of them breaks."""
    rolled = pl.DataFrame(
        {"account_id": [f"A{place}" for place in range(12)], "data_source": "acme", "delivery_id": "d1", "as_of_date": DAY}
        | {"previous_ending_market_value": [Decimal("100.00")] * 12, "vendor_value_half_unit": [Decimal(half_unit)] * 12}
        | {"beginning_market_value": [Decimal("100.02") if place < breaking else Decimal("100.01") for place in range(12)]}
    )
    found = roll_forwards(rolled)
    assert found.height == reported
    assert found["is_break"].sum() == breaks


# completeness


def windows(*counts: int, share: float = 0.1) -> list[tuple[date, int, float]]:
    """The short ones of windows of so many accounts: window, accounts and how many were usual."""
    rows = [
        {"account_id": f"A{account}", "window": date(2024, 1, 1 + window), "ending_market_value": Decimal(1), "file": "f"}
        for window, count in enumerate(counts)
        for account in range(count)
    ]
    valued = pl.DataFrame(rows).with_columns(as_of_date="window")
    none = pl.DataFrame(schema={"account_id": pl.String(), "window": pl.Date()})
    found = incomplete_windows(valued, none, allowed_share=share, is_latest_over=True).short
    return found.select("window", "accounts", "usual_accounts").rows()


def test_a_window_is_held_against_the_median_of_the_five_before_it() -> None:
    assert windows(1, 9, 1, 1, 9, 9, 1)[-1] == (date(2024, 1, 7), 1, 9.0)


@pytest.mark.parametrize(("counts", "is_reported"), [((5, 1), True), ((4, 1), False), ((4, 4, 1), True), ((1, 1), False)])
def test_one_window_before_tells_from_five_accounts_on_and_two_tell_always(counts: tuple[int, ...], *, is_reported: bool) -> None:
    assert bool(windows(*counts)) is is_reported


def a_window(day: int, accounts: int, *files: str) -> list[dict[str, Any]]:
    return [
        {"account_id": f"A{account}", "window": date(2024, 1, day), "ending_market_value": Decimal(1), "file": files[account % len(files)]}
        for account in range(accounts)
    ]


def test_a_row_that_cannot_be_read_makes_no_account_less_than_none_missing() -> None:
    rows = [row for day, accounts in enumerate((20, 20, 20, 5, 5), start=1) for row in a_window(day, accounts, "f")]
    unreadable = pl.DataFrame({"account_id": [None], "window": [date(2024, 1, 5)]}, schema={"account_id": pl.String(), "window": pl.Date()})
    found = incomplete_windows(pl.DataFrame(rows).with_columns(as_of_date="window"), unreadable, allowed_share=0.1, is_latest_over=True)
    assert found.short.rows()[-1] == (date(2024, 1, 5), 6, 20.0, 0)


@pytest.mark.parametrize(("before", "is_validated"), [(("a", "b"), True), (("a", "b", "c"), False)])
def test_the_latest_window_is_compared_once_it_has_as_many_files_as_usual_in_whole_ones(
    before: tuple[str, ...], *, is_validated: bool
) -> None:
    """One file, and one and a half are usual, or two."""
    rows = a_window(1, 6, "a") + a_window(2, 6, *before) + a_window(3, 2, "a")
    none = pl.DataFrame(schema={"account_id": pl.String(), "window": pl.Date()})
    valued = pl.DataFrame(rows).with_columns(as_of_date="window")
    assert incomplete_windows(valued, none, allowed_share=0.1, is_latest_over=False).short.height == is_validated


@pytest.mark.parametrize(("left", "is_short"), [(9, False), (8, True)])
def test_a_window_is_short_beyond_the_allowed_share(left: int, *, is_short: bool) -> None:
    assert bool(windows(10, 10, left, share=0.1)) is is_short


# jumps, stale values and returns: quality


@pytest.mark.parametrize(
    ("before", "begin", "is_jump"),
    [
        ("1000", "500000", True),
        ("1000", "499999", False),
        ("500000", "1000", True),
        ("499999", "1000", False),
        ("100", "50000", True),
        ("99.99", "999999", False),
        ("100", "0.19", True),
        ("100", "0.21", False),
        ("100", "0.051", True),
        ("100", "0.049", False),
        ("99", "0.099", False),
        ("60000", "0.05", True),
        ("60000", "0.025", False),
    ],
)
def test_a_value_jumps_from_half_the_factor_on(before: str, begin: str, *, is_jump: bool) -> None:
    opening = positions({"as_of_date": date(2024, 5, 31), "ending_market_value": before})
    row = positions({"beginning_market_value": begin, "ending_market_value": begin})
    assert value_jumps(row, opening, factor=1000)["field_name"].to_list() == (["beginning_market_value"] if is_jump else [])


@pytest.mark.parametrize(("days", "is_stale"), [(7, True), (6, False), (8, True)])
def test_a_value_is_stale_from_so_many_days_on(days: int, *, is_stale: bool) -> None:
    rows = positions({}).with_columns(value_unchanged_since=pl.lit(DAY - timedelta(days=days)))
    assert stale_values(rows, after_days=7).height == is_stale


@pytest.mark.parametrize("is_valuation", [True, False])
def test_only_valuations_are_findings(*, is_valuation: bool) -> None:
    def row(status: ReturnStatus, value: float | None) -> pl.DataFrame:
        return pl.DataFrame(
            {"account_id": ["A"], "as_of_date": [DAY], "is_valuation": [is_valuation], "return_status": [status.value]},
        ).with_columns(calculated_twrr=pl.lit(value, pl.Float64()))

    assert large_flows(row(ReturnStatus.LARGE_FLOW, 0.5)).height == is_valuation
    assert large_flows(row(ReturnStatus.OK, 0.5)).height == 0
    assert undefined_returns(row(ReturnStatus.MISSING_VALUE, None)).height == is_valuation
    assert undefined_returns(row(ReturnStatus.CLOSED, None)).height == 0, "a closed account owes none"
    assert implausible_returns(row(ReturnStatus.OK, -1.01)).height == is_valuation
    assert implausible_returns(row(ReturnStatus.OK, 1.0)).height == 0


@pytest.mark.parametrize(("missing", "is_reported"), [(2, False), (3, True)])
@pytest.mark.parametrize("nothing", [0, 5])
def test_more_than_the_allowed_share_compares_with_nothing(missing: int, nothing: int, *, is_reported: bool) -> None:
    """Where nothing was invested there is nothing to compare with, and that does not count."""
    rows = [{"within_tolerance": None, "notes": "n"}] * missing + [{"within_tolerance": True, "notes": None}] * (10 - missing)
    rows += [{"within_tolerance": None, "notes": NOTHING_INVESTED}] * nothing
    found = incomparable(pl.DataFrame(rows).with_columns(field_name=pl.lit("twrr")), 0.2)
    assert found.rows() == ([("twrr", 10 - missing, missing)] if is_reported else [])


# shares, weights and bases


@pytest.mark.parametrize(
    ("share", "fits"),
    [("0", True), ("0.1", True), ("0.1001", False), ("0.0001", True), ("0.00005", False), ("-0.0001", False), ("NaN", False)],
)
def test_a_residual_is_a_tenth_of_a_flow_at_most(share: str, *, fits: bool) -> None:
    if fits:
        assert Share.residual(Decimal(share)).whole <= 10_000
    else:
        with pytest.raises(ValueError, match=r"the residual base .* has to be a share from 0 to 0\.1 of at most four decimal places"):
            Share.residual(Decimal(share))


@pytest.mark.parametrize(("share", "fits"), [("0.0001", True), ("0", False), ("100", True), ("100.0001", False), ("0.1", True)])
def test_a_large_flow_is_from_a_basis_point_to_a_hundred_times_the_base(share: str, *, fits: bool) -> None:
    if fits:
        assert Share.large(Decimal(share)) is not None
    else:
        with pytest.raises(ValueError, match=r"the large flow .* has to be a share from 0\.0001 to 100"):
            Share.large(Decimal(share))


@pytest.mark.parametrize(
    ("weight", "fits"), [("0.0000000001", True), ("0.00000000001", False), ("1", True), ("1.0000000001", False), ("0", True)]
)
def test_a_weight_has_ten_decimal_places_at_most(weight: str, *, fits: bool) -> None:
    def computed() -> Any:
        return sub_period_returns(positions({}), timing=FlowTiming.WEIGHTED, fee_basis=FeeBasis.NET, weight=Decimal(weight))

    if fits:
        assert computed()["calculated_twrr"].to_list() == [0.0]
    else:
        with pytest.raises(ValueError, match="has to be a number from 0 to 1 of at most 10 decimal places"):
            computed()


@pytest.mark.parametrize(("times", "agrees"), [(0.9, True), (1.1, False), (-0.9, True), (-1.1, False)])
def test_a_growth_factor_may_be_off_by_a_thousand_millionth(times: float, *, agrees: bool) -> None:
    rows = returns(a_return(DAY, 0.5)).with_columns(growth_factor=pl.lit(1.5 + times * 1e-9 * 2.5))
    if agrees:
        assert twrr_series(rows, schedule=a_schedule()).series.height == 1
    else:
        with pytest.raises(ValueError, match=r"growth_factor is not 1 \+ calculated_twrr for account A1"):
            twrr_series(rows, schedule=a_schedule())


@pytest.mark.parametrize(
    ("begin", "flow", "status"), [(100, -100, ReturnStatus.UNDEFINED_BASE), (100, -101, ReturnStatus.UNDEFINED_BASE), (100, -99, None)]
)
def test_a_base_of_nothing_has_no_modified_dietz_return(begin: int, flow: int, status: ReturnStatus | None) -> None:
    def computed() -> float:
        return modified_dietz(begin, 5, [(date(2024, 6, 2), flow)], date(2024, 6, 1), date(2024, 6, 30), flow_day=FlowTiming.START_OF_DAY)

    if status is None:
        assert computed() == 4.0
    else:
        with pytest.raises(UndefinedReturnError, match=status.value):
            computed()
