"""Runs of valuations and the names of the breaks that go on in them, on frames of a few rows."""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.reconciliation.break_runs import BREAKS, OUTCOMES, break_id_of, differing, matches, runs, with_names
from advisory_perf_tests.reconciliation.break_frames import (
    AUGUST,
    JULY,
    JUNE,
    MAY,
    SEPTEMBER,
    SIGNED_AT,
    a_break,
    breaks,
    follow,
    outcome,
    outcomes,
    sign_off,
)

TWO_RUNS = outcome(MAY, "7"), outcome(JUNE, "0"), outcome(JULY, "7"), outcome(AUGUST, "7")


# runs -----------------------------------------------------------------------------------------------------------------


def runs_of(*rows: dict[str, Any], begun: pl.DataFrame | None = None) -> list[tuple[Any, ...]]:
    found = runs(outcomes(*rows), BREAKS.to_frame() if begun is None else begun)
    return found.select("first_as_of_date", "last_as_of_date", "valuations", "resolved_on", "ended_by").rows()


def test_a_run_lasts_from_its_first_bad_valuation_to_its_last_and_ends_with_the_good_one_after_it() -> None:
    seen = outcome(MAY, "0"), outcome(JUNE, "7"), outcome(JULY, "8"), outcome(AUGUST, "0"), outcome(SEPTEMBER, "0")
    assert runs_of(*seen) == [(JUNE, JULY, 2, AUGUST, f"file of {AUGUST}")]


def test_a_good_valuation_parts_two_runs_and_the_last_one_has_no_end() -> None:
    seen = outcome(MAY, "7"), outcome(JUNE, "0"), outcome(JULY, "7")
    assert runs_of(*seen) == [(MAY, MAY, 1, JUNE, f"file of {JUNE}"), (JULY, JULY, 1, None, None)]


@pytest.mark.parametrize("other", [{"subject": "B"}, {"subject": ""}, {"field_name": "net_flow"}], ids=str)
def test_a_good_valuation_of_another_figure_ends_nothing(other: dict[str, str]) -> None:
    seen = outcome(MAY, "7"), outcome(JUNE, "0", **other), outcome(JULY, "7")
    assert runs_of(*seen) == [(MAY, JULY, 2, None, None)]


def test_a_run_has_the_amounts_of_its_latest_valuation_and_its_first_variance() -> None:
    seen = outcomes(outcome(MAY, "7"), outcome(JUNE, "8", accounts=3), outcome(JULY, "0", accounts=4))
    found = runs(seen, BREAKS.to_frame()).select("first_variance", "variance", "accounts", "delivery_id", "likely_cause")
    assert found.rows() == [(Decimal(7), Decimal(8), 3, f"file of {JUNE}", "UNEXPLAINED")]


@pytest.mark.parametrize("first_variance", [Decimal(3), None])
def test_a_run_that_a_stored_break_goes_on_in_has_begun_with_it(first_variance: Decimal | None) -> None:
    begun = breaks(a_break(MAY, JUNE, valuations=5, first_variance=first_variance))
    found = runs(outcomes(outcome(JUNE, "7"), outcome(JULY, "8")), begun).select("first_as_of_date", "valuations", "first_variance")
    assert found.rows() == [(MAY, 6, first_variance)]


def test_a_stored_break_whose_latest_valuation_does_not_break_is_gone_on_with_nowhere() -> None:
    assert runs_of(outcome(JUNE, "0"), outcome(JULY, "8"), begun=breaks(a_break(MAY, JUNE))) == [(JULY, JULY, 1, None, None)]


@pytest.mark.parametrize(
    ("last", "resolved_on", "goes_on"), [(MAY, None, True), (MAY, JUNE, True), (MAY, MAY, False), (JUNE, None, False), (JULY, None, False)]
)
def test_only_a_break_whose_valuations_lie_before_the_days_and_whose_end_does_not_goes_on_as_it_is_stored(
    last: date, resolved_on: date | None, *, goes_on: bool
) -> None:
    stored = breaks(a_break(date(2024, 1, 31), last, valuations=40, resolved_on=resolved_on))
    found = follow(outcomes(outcome(last, "7"), outcome(SEPTEMBER, "7")), stored, first=JUNE)
    assert found.changed["valuations"].to_list() + found.new["valuations"].to_list() == [41 if goes_on else 2]


# names ----------------------------------------------------------------------------------------------------------------


def matched(stored: pl.DataFrame, *seen: dict[str, Any]) -> list[tuple[Any, ...]]:
    found = matches(runs(outcomes(*seen), BREAKS.to_frame()), stored)
    return found.select("break_id", "first_as_of_date", "keeps_name").sort("break_id").rows()


@pytest.mark.parametrize(
    ("first", "last", "named_on", "run"),
    [
        (MAY, AUGUST, AUGUST, JULY),
        (MAY, AUGUST, MAY, MAY),
        (MAY, AUGUST, JUNE, MAY),
        (JUNE, JULY, MAY, JULY),
        (JUNE, JUNE, AUGUST, JULY),
        (JUNE, JUNE, JUNE, None),
        (SEPTEMBER, SEPTEMBER, SEPTEMBER, None),
        (SEPTEMBER, SEPTEMBER, MAY, MAY),
        (MAY, MAY, AUGUST, MAY),
    ],
    ids=[
        "shares a day with both, and its name is in the second",
        "shares a day with both, and its name is in the first",
        "shares a day with both, and its name is in none",
        "shares a day with the second, and its name is in the first",
        "shares none, and the day of its name breaks",
        "shares none between two",
        "shares none behind both",
        "shares none behind both, and the day of its name breaks",
        "shares a day with the first, and its name is in the second",
    ],
)
def test_a_break_goes_on_where_it_shares_a_day_best_with_its_name_or_comes_back_with_its_name(
    first: date, last: date, named_on: date, run: date | None
) -> None:
    found = matched(breaks(a_break(first, last, named_on=named_on)), *TWO_RUNS)
    assert found == ([] if run is None else [("B-1", run, True)])


def test_a_break_goes_on_in_no_run_of_another_figure() -> None:
    assert matched(breaks(a_break(MAY, MAY, subject="B"), a_break(MAY, MAY, "B-2", field_name="net_flow")), *TWO_RUNS) == []


@pytest.mark.parametrize(
    ("keeps", "goes"),
    [
        ({"break_id": "B-2", "named_on": JULY}, {"break_id": "B-1", "named_on": MAY, "resolved_on": AUGUST}),
        ({"break_id": "B-2", "named_on": MAY}, {"break_id": "B-1", "named_on": JULY}),
        ({"break_id": "B-1"}, {"break_id": "B-2"}),
    ],
    ids=["nothing has ended it", "named for the earlier day", "the smaller name"],
)
@pytest.mark.parametrize("order", [1, -1])
def test_of_two_that_go_on_in_one_run_one_keeps_its_name_and_the_other_is_deleted(
    keeps: dict[str, Any], goes: dict[str, Any], order: int
) -> None:
    stored = breaks(*[{**a_break(MAY, MAY), **one} for one in (keeps, goes)][::order])
    found = follow(outcomes(outcome(MAY, "7"), outcome(JUNE, "7"), outcome(JULY, "7")), stored)
    assert (found.deleted, found.changed["break_id"].to_list(), found.new.height) == ([goes["break_id"]], [keeps["break_id"]], 0)


def test_a_new_break_is_named_for_its_first_day() -> None:
    found = follow(outcomes(outcome(MAY, "7"), outcome(JUNE, "8")))
    name = break_id_of("alpha", "A", "twrr", MAY, 0)
    assert found.new.select("break_id", "named_on", "first_as_of_date", "status").rows() == [(name, MAY, MAY, "OPEN")]
    assert (found.deleted, found.changed.height) == ([], 0)


def test_a_name_counts_up_until_no_break_has_it_and_the_others_stay() -> None:
    new = runs(outcomes(outcome(MAY, "7"), outcome(MAY, "7", subject="B")), BREAKS.to_frame()).with_columns(
        break_id=pl.lit(None, pl.String()), named_on=pl.lit(None, pl.Date())
    )
    has = {break_id_of("alpha", "A", "twrr", MAY, again) for again in (0, 1)}
    asked = []

    def taken(names: Sequence[str]) -> Collection[str]:
        asked.append(len(names))
        return has & set(names)

    named = with_names(new, "alpha", taken).sort("subject")
    assert named["break_id"].to_list() == [break_id_of("alpha", "A", "twrr", MAY, 2), break_id_of("alpha", "B", "twrr", MAY, 0)]
    assert asked == [2, 1, 1]


# difference -----------------------------------------------------------------------------------------------------------


def test_a_second_time_changes_nothing() -> None:
    seen, signed = outcomes(*TWO_RUNS, outcome(MAY, "7", subject="")), [sign_off(1, MAY, "7", break_id="B-0")]
    first = follow(seen, None, signed)
    second = follow(seen, first.new, signed)
    assert first.new.height == 3
    assert (second.deleted, second.changed.height, second.new.height) == ([], 0, 0)


@pytest.mark.parametrize("name", [name for name in BREAKS.names() if name != "break_id"])
def test_a_row_differs_by_any_column_and_a_null_is_a_value(name: str) -> None:
    row = a_break(MAY, JUNE)
    other = {**row, name: {pl.String(): "x", pl.Date(): AUGUST, pl.Int64(): 9}.get(BREAKS[name], Decimal(9))}
    if BREAKS[name] == pl.Datetime("us", "UTC"):
        other[name] = SIGNED_AT
    assert differing(breaks(row), breaks(row)).is_empty()
    for one, two in ((row, other), (other, row), ({**row, name: None}, other)):
        assert differing(breaks(one), breaks(two)).to_dicts() == breaks(one).to_dicts()


def test_what_is_wanted_has_the_columns_of_breaks_in_their_types() -> None:
    found = follow(outcomes(*TWO_RUNS), breaks(a_break(MAY, MAY)))
    assert (found.new.schema, found.changed.schema) == (BREAKS, BREAKS)
    empty = follow(OUTCOMES.to_frame())
    assert (empty.deleted, empty.new.schema, empty.changed.schema) == ([], BREAKS, BREAKS)


def test_the_order_of_rows_does_not_matter() -> None:
    seen = outcomes(*TWO_RUNS, outcome(MAY, "7", subject="B"))
    stored = breaks(a_break(JULY, JULY, "B-2"), a_break(MAY, MAY))
    one, other = follow(seen, stored), follow(seen.reverse(), stored.reverse())
    assert one.new.equals(other.new)
    assert one.changed.sort("break_id").equals(other.changed.sort("break_id"))
