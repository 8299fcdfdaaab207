"""The scores of what is counted: exact, between 0 and 100, and null where there is nothing to count."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import lcm
from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.contracts.columns import MONEY
from advisory_perf.contracts.enums import QualityDimension
from advisory_perf.contracts.tolerance import CENT
from advisory_perf.quality.scores import (
    COUNTED,
    DIMENSIONS,
    accuracy,
    completeness,
    consistency,
    scores,
    timeliness,
    total,
    uniqueness,
    validity,
    with_stored,
)

BY = ["as_of_date"]
THIRD, FOURTH = date(2025, 3, 3), date(2025, 3, 4)
EQUAL = dict.fromkeys(DIMENSIONS, 1)
WEIGHTS = dict(zip(DIMENSIONS, (20, 20, 10, 20, 10, 20), strict=True))

SHARE = st.integers(0, 10**6).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole)))
SHARES = st.lists(SHARE, min_size=len(DIMENSIONS), max_size=len(DIMENSIONS))
SOME_WEIGHTS = st.lists(st.integers(0, 100), min_size=len(DIMENSIONS), max_size=len(DIMENSIONS)).map(
    lambda weights: dict(zip(DIMENSIONS, weights, strict=True))
)


def counted(shares: Sequence[tuple[int, int]], day: date = THIRD) -> pl.DataFrame:
    """One share a dimension."""
    rows = [(day, dimension.value, *share) for dimension, share in zip(DIMENSIONS, shares, strict=False)]
    return pl.DataFrame(rows, schema={"as_of_date": pl.Date(), **COUNTED}, orient="row")


def scored(rows: pl.DataFrame, weights: dict[QualityDimension, int] = EQUAL, day: date = THIRD) -> dict[str, float | None]:
    """The score of each dimension of a day."""
    return dict(scores(rows, weights, BY).filter(as_of_date=day).select("dimension", "score").rows())


def shares(rows: pl.DataFrame) -> dict[date, tuple[int, int]]:
    return {day: (numerator, denominator) for day, numerator, denominator in rows.select(*BY, "numerator", "denominator").sort(BY).rows()}


# arithmetic -----------------------------------------------------------------------------------------------------------


def test_each_dimension_is_its_share_and_the_total_their_weighted_mean() -> None:
    found = scored(counted([(9, 10), (1, 2), (1, 1), (3, 4), (0, 1), (1, 1)]), WEIGHTS)
    assert found == {
        "COMPLETENESS": 90.0,
        "VALIDITY": 50.0,
        "UNIQUENESS": 100.0,
        "CONSISTENCY": 75.0,
        "TIMELINESS": 0.0,
        "ACCURACY": 100.0,
        "TOTAL": 73.0,
    }, "0.2 * 90 + 0.2 * 50 + 0.1 * 100 + 0.2 * 75 + 0.1 * 0 + 0.2 * 100"


def test_the_weight_of_what_cannot_be_counted_is_shared_out_and_it_is_no_100() -> None:
    found = scored(counted([(9, 10), (0, 0), (0, 0), (3, 4), (0, 0), (0, 0)]), WEIGHTS)
    assert (found["VALIDITY"], found["TOTAL"]) == (None, 82.5)
    assert scored(counted([(9, 10), (1, 2), (1, 1)]), WEIGHTS)["TIMELINESS"] is None, "a dimension without a row"


def test_where_nothing_can_be_counted_or_nothing_weighs_there_is_no_total() -> None:
    assert set(scored(counted([(0, 0)] * 6)).values()) == {None}
    found = scored(counted([(1, 2)] * 6), dict.fromkeys(DIMENSIONS, 0))
    assert (found["VALIDITY"], found["TOTAL"]) == (50.0, None)


def test_nothing_counted_at_all_is_no_row() -> None:
    assert scores(counted([]), EQUAL, BY).is_empty()


@pytest.mark.parametrize("share", [(2, 1), (-1, 1)])
def test_a_share_that_is_none_is_refused(share: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="a share lies between nothing and the whole; 1 do not"):
        scores(counted([share]), EQUAL, BY)


@given(SHARES, SOME_WEIGHTS)
def test_scores_lie_between_0_and_100_and_are_the_nearest_number_to_the_fraction(
    given_shares: list[tuple[int, int]], weights: dict[QualityDimension, int]
) -> None:
    found = scored(counted(given_shares), weights)
    assert all(value is None or 0 <= value <= 100 for value in found.values())
    for dimension, (numerator, denominator) in zip(DIMENSIONS, given_shares, strict=True):
        assert found[dimension] == (float(Fraction(100 * numerator, denominator)) if denominator else None)
    known = [(weights[one], *share) for one, share in zip(DIMENSIONS, given_shares, strict=True) if share[1]]
    whole, common = sum(weight for weight, _, _ in known), lcm(*(denominator for _, _, denominator in known))
    over = sum(weight * numerator * (common // denominator) for weight, numerator, denominator in known)
    assert found["TOTAL"] == (float(Fraction(100 * over, common * whole)) if whole else None)


@given(SHARES, SOME_WEIGHTS, st.integers(0, len(DIMENSIONS) - 1))
def test_one_more_that_is_right_lowers_no_score(
    given_shares: list[tuple[int, int]], weights: dict[QualityDimension, int], place: int
) -> None:
    numerator, denominator = given_shares[place]
    if numerator == denominator:
        return
    better = [(one + (at == place), other) for at, (one, other) in enumerate(given_shares)]
    before, after = total(given_shares, weights), total(better, weights)
    weighs = weights[DIMENSIONS[place]] > 0
    assert (before is None and after is None) or (before is not None and after is not None and (after > before) == weighs)
    assert (scored(counted(better))[DIMENSIONS[place]] or 0) > (scored(counted(given_shares))[DIMENSIONS[place]] or 0)


@given(SHARES, SOME_WEIGHTS)
def test_without_what_cannot_be_counted_the_total_is_that_of_the_others_alone(
    given_shares: list[tuple[int, int]], weights: dict[QualityDimension, int]
) -> None:
    others = {one: weight if share[1] else 0 for (one, weight), share in zip(weights.items(), given_shares, strict=True)}
    assert total(given_shares, weights) == total([share if share[1] else (7, 7) for share in given_shares], others)


@given(SHARES, SHARES, SOME_WEIGHTS, st.randoms(use_true_random=False))
def test_the_order_of_what_is_counted_does_not_matter(
    first: list[tuple[int, int]], second: list[tuple[int, int]], weights: dict[QualityDimension, int], random: Random
) -> None:
    rows = pl.concat([counted(first), counted(second), counted(first, FOURTH)])
    places = list(range(rows.height))
    random.shuffle(places)
    assert scores(rows[places], weights, BY).equals(scores(rows, weights, BY))


@given(SHARES, SHARES)
def test_the_score_of_a_feed_is_that_of_all_its_days_counted_together(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    days = pl.concat([counted(first), counted(second, FOURTH)]).with_columns(feed=pl.lit("acme"))
    together = [(one + other, whole + all_) for (one, whole), (other, all_) in zip(first, second, strict=True)]
    of_feed: dict[str, float | None] = dict(scores(days, EQUAL, ["feed"]).select("dimension", "score").rows())
    assert of_feed == scored(counted(together))


# what is counted ------------------------------------------------------------------------------------------------------


def test_completeness_counts_accounts_that_are_there_among_those_due() -> None:
    present = pl.DataFrame({"as_of_date": [THIRD, FOURTH], "accounts": [10, 8]})
    missing = pl.DataFrame({"as_of_date": [FOURTH], "accounts": [2]})
    assert shares(completeness(present, missing, BY)) == {THIRD: (10, 10), FOURTH: (8, 10)}


def test_validity_and_uniqueness_count_rows() -> None:
    rows = pl.DataFrame({"as_of_date": [THIRD], "accepted": [90], "quarantined": [10], "conflicting": [4], "duplicate": [5]})
    assert shares(validity(rows, BY)) == {THIRD: (90, 100)}
    assert shares(uniqueness(rows, BY)) == {THIRD: (96, 105)}, "105 rows, of which 5 repeat and 4 contradict another"


def flow(account: str, day: date, begin: str, end: str, calculated: str | None) -> tuple[object, ...]:
    return (account, day, Decimal(begin), Decimal(end), Decimal(calculated) if calculated else None, Decimal("0.005"))


def flows(*rows: tuple[object, ...]) -> pl.DataFrame:
    names = ("beginning_market_value", "ending_market_value", "calculated_ending_market_value", "vendor_value_half_unit")
    return pl.DataFrame(rows, schema={"account_id": pl.String(), "as_of_date": pl.Date(), **dict.fromkeys(names, MONEY)}, orient="row")


def test_consistency_counts_the_identity_and_the_roll_forward_of_each_row_that_has_them() -> None:
    rows = flows(
        flow("A", THIRD, "100", "110", "110"),
        flow("B", THIRD, "200", "210", "211"),
        flow("A", FOURTH, "110", "120", None),
        flow("B", FOURTH, "215", "220", "220"),
    )
    assert shares(consistency(rows, None, CENT, BY)) == {THIRD: (1, 2), FOURTH: (2, 3)}
    before = flows(flow("A", date(2025, 3, 2), "90", "100", None), flow("B", date(2025, 3, 2), "90", "199", None))
    assert shares(consistency(rows, before, CENT, BY)) == {THIRD: (2, 4), FOURTH: (2, 3)}


def test_timeliness_and_accuracy_count_what_was_due_and_what_was_compared() -> None:
    arrivals = pl.DataFrame({"as_of_date": [THIRD, FOURTH], "is_in_time": [True, None]}, schema_overrides={"is_in_time": pl.Boolean()})
    assert shares(timeliness(arrivals, BY)) == {THIRD: (1, 1), FOURTH: (0, 0)}
    totals = pl.DataFrame({"as_of_date": [THIRD, THIRD], "compared": [2, 1], "breaks": [1, 0]})
    assert shares(accuracy(totals, BY)) == {THIRD: (2, 3)}


def test_a_delivery_is_scored_as_a_day_is_by_another_key() -> None:
    totals = pl.DataFrame({"delivery_id": ["one", "two", "one"], "compared": [1, 1, 1], "breaks": [0, 1, 1]})
    found = scores(accuracy(totals, ["delivery_id"]), EQUAL, ["delivery_id"]).filter(dimension="ACCURACY")
    assert dict(found.select("delivery_id", "score").rows()) == {"one": 50.0, "two": 0.0}


def test_of_days_before_only_what_is_counted_anew_changes_and_days_that_nobody_stored_stay_out() -> None:
    stored = pl.concat([counted([(10, 10), (5, 10)])])
    anew = pl.concat([counted([(10, 12)]), counted([(3, 3)], FOURTH)])
    found = with_stored(anew, stored, BY).sort("dimension")
    assert found.rows() == [(THIRD, "COMPLETENESS", 10, 12), (THIRD, "VALIDITY", 5, 10)]
