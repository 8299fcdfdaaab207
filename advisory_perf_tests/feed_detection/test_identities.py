from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import FeeBasis, FlowTiming
from advisory_perf.feed_detection.column_names import Strength
from advisory_perf.feed_detection.identities import Figures, Seen, best_identity, missing_terms, roll_forward
from advisory_perf.feed_detection.return_equation import Witness
from advisory_perf.performance.returns import sub_period_returns

DAYS = 6
ASSIGNMENT = {"beginning_market_value": "b", "contributions": "c", "distributions": "d", "ending_market_value": "e"}


def figures(**columns: list[str]) -> Figures:
    """One account's amounts on consecutive days."""
    rows = len(next(iter(columns.values())))
    keys = pl.DataFrame({"account": ["A1"] * rows, "day": [date(2025, 1, 1 + place) for place in range(rows)]})
    amounts = pl.DataFrame({name: [Decimal(text) for text in texts] for name, texts in columns.items()})
    return Figures(keys, amounts.cast(MONEY), Decimal("0.01"))


def rolling(gain: int = 10) -> Figures:
    """An account that earns so much a day: 100, 110, 120, … and the values before, without flows but 5 in on the third day."""
    flows = [5 if place == 2 else 0 for place in range(DAYS)]
    ends: list[int] = []
    for flow in flows:
        ends.append((ends[-1] if ends else 100) + gain + flow)
    begins = [100, *ends[:-1]]
    return figures(
        b=[str(one) for one in begins],
        e=[str(one) for one in ends],
        g=[str(gain)] * DAYS,
        c=[str(one) for one in flows],
        z=["0"] * DAYS,
    )


def test_the_ending_rolls_into_the_beginning_and_not_the_other_way_round() -> None:
    rolled = roll_forward(rolling())
    assert {pair for pair, one in rolled.items() if one.holds} == {("e", "b")}
    assert rolled["e", "b"].rows == DAYS - 1


def test_values_that_never_change_roll_either_way_and_so_tell_nothing() -> None:
    rolled = roll_forward(figures(b=["100"] * DAYS, e=["100"] * DAYS))
    assert not any(one.holds for one in rolled.values())


def test_accounts_with_one_day_tell_nothing() -> None:
    one_each = figures(b=["1", "2"], e=["2", "3"])
    keys = one_each.keys.with_columns(pl.Series("account", ["A1", "A2"]))
    assert not any(one.rows for one in roll_forward(Figures(keys, one_each.amounts, one_each.unit)).values())


def candidates(**columns: str) -> dict[str, dict[str, Strength]]:
    return {field: dict.fromkeys(names.split(), Strength.LIKELY) for field, names in columns.items()}


def test_the_identity_chooses_among_columns_that_names_allow() -> None:
    found = best_identity(
        rolling(),
        candidates(beginning_market_value="b e", ending_market_value="e b", contributions="c", appreciation="g"),
        set(),
    )
    assert found is not None
    assert found.holds
    assert found.assignment == {"beginning_market_value": "b", "contributions": "c", "appreciation": "g", "ending_market_value": "e"}
    assert found.seen == {
        "beginning_market_value": Seen(6, 6),
        "contributions": Seen(1, 1),
        "appreciation": Seen(6, 6),
        "ending_market_value": Seen(6, 6),
    }
    assert found.rivals == {}


def test_an_amount_within_the_rounding_of_the_identity_is_no_witness() -> None:
    amounts = figures(b=["100", "100"], c=["0.04", "0.05"], e=["100.04", "100.05"])
    found = best_identity(amounts, candidates(beginning_market_value="b", contributions="c", ending_market_value="e"), set())
    assert found is not None
    assert found.seen["contributions"] == Seen(1, 1)


def test_two_columns_with_other_amounts_that_do_as_well_are_rivals() -> None:
    amounts = rolling().amounts.with_columns((pl.col("c") + 1).alias("c2"), (pl.col("g") - 1).alias("g2"))
    both = Figures(rolling().keys, amounts, Decimal("0.01"))
    named = candidates(beginning_market_value="b", ending_market_value="e", contributions="c c2", appreciation="g g2")
    found = best_identity(both, named, set())
    assert found is not None
    assert set(found.rivals["appreciation"]) == {"g", "g2"}
    assert set(found.rivals["contributions"]) == {"c", "c2"}


def test_a_term_that_is_missing_is_found_with_its_sign() -> None:
    assert missing_terms(rolling(), {"beginning_market_value": "b", "contributions": "c", "ending_market_value": "e"}) == [("g", 1)]


@pytest.mark.parametrize(
    ("amounts", "field", "sign"),
    [
        (["1", "0", "2"], "contributions", 1),
        (["-1", "0", "-2"], "contributions", -1),
        (["1", "-1", "2"], "contributions", 0),
        (["-1", "-1"], "income", 0),
        (["1", "-1"], "appreciation", 1),
        (["0", "0"], "distributions", 1),
    ],
)
def test_signs_make_a_column_fit_a_field_reverse_it_or_refuse_it(amounts: list[str], field: str, sign: int) -> None:
    assert figures(x=amounts).orientation("x", field) == sign


def witness(returns: list[float]) -> Witness:
    """Ten days that begin with 100; every other day 10 come in, 4 go out, and the day ends 5 higher than its flows make it."""
    amounts = figures(
        b=["100"] * 10, c=["10", "0"] * 5, d=["4", "0"] * 5, e=["111", "105"] * 5,
    )  # fmt: skip
    return Witness(amounts, pl.Series("r", returns), pl.Series("digits", [8] * 10), sub_period_returns)


@pytest.mark.parametrize(
    ("timing", "earned"),
    [
        (FlowTiming.START_OF_DAY, 111 / 106 - 1),
        (FlowTiming.END_OF_DAY, 105 / 100 - 1),
        (FlowTiming.MID_DAY, 5 / 103),
        (FlowTiming.INFLOW_START_OUTFLOW_END, 115 / 110 - 1),
    ],
)
def test_the_timing_whose_returns_are_the_vendors_is_the_only_one_left(timing: FlowTiming, earned: float) -> None:
    verdict = witness([round(earned, 8), 0.05] * 5).verdict(ASSIGNMENT, sides=False, values=True)
    assert verdict is not None
    assert verdict.holds
    assert (verdict.best.timing, verdict.best.fee_basis, verdict.best.scale, verdict.best.sign) == (timing, FeeBasis.NET, "fraction", 1)
    assert {one.timing for one in verdict.tied} == {timing}


def test_returns_that_follow_from_nothing_hold_under_no_timing() -> None:
    verdict = witness([0.031, 0.07] * 5).verdict(ASSIGNMENT, sides=False, values=True)
    assert verdict is not None
    assert not verdict.holds


def test_an_assignment_without_flows_is_not_asked() -> None:
    assert witness([0.05] * 10).verdict({"beginning_market_value": "b", "ending_market_value": "e"}, sides=False, values=True) is None
