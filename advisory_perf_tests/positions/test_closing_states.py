from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.windows import window_of
from advisory_perf.positions.closing_states import with_carried_states

SCHEMA = {"account_id": pl.String(), "as_of_date": pl.Date(), "growth_index": pl.Float64()}
Valuation = tuple[str, date, float]
State = tuple[date, bool, str, date, float]


def series(*rows: Valuation) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def states(frame: pl.DataFrame) -> list[State]:
    return frame.select("window", "is_valuation", *SCHEMA).sort("window", "account_id", "as_of_date").rows()


def closing(frame: pl.DataFrame, window: date) -> pl.DataFrame:
    """The latest row of every account in one window: what the next range opens with."""
    return frame.filter(window=window).sort("account_id", "as_of_date").unique("account_id", keep="last", maintain_order=True)


def june(day: int) -> date:
    return date(2024, 6, day)


def test_every_valuation_stays_as_one_in_its_window() -> None:
    frame = with_carried_states(series(("A1", june(3), 1.1)), None, cadence=Cadence.DAILY, first=june(3), last=june(3))
    assert states(frame) == [(june(3), True, "A1", june(3), 1.1)]


def test_an_account_is_carried_through_days_without_a_valuation_with_the_day_of_its_last() -> None:
    frame = with_carried_states(
        series(("A1", june(3), 1.1), ("A1", june(6), 1.2)), None, cadence=Cadence.DAILY, first=june(2), last=june(7)
    )
    assert states(frame) == [
        (june(3), True, "A1", june(3), 1.1),
        (june(4), False, "A1", june(3), 1.1),
        (june(5), False, "A1", june(3), 1.1),
        (june(6), True, "A1", june(6), 1.2),
        (june(7), False, "A1", june(6), 1.2),
    ]


def test_a_month_with_valuations_has_no_carried_row_and_one_without_has_the_last_state() -> None:
    frame = with_carried_states(
        series(("A1", june(3), 1.1), ("A1", june(28), 1.2), ("A2", june(10), 3.0), ("A2", date(2024, 8, 5), 3.1)),
        None,
        cadence=Cadence.MONTHLY,
        first=june(1),
        last=date(2024, 8, 1),
    )
    july, august = date(2024, 7, 1), date(2024, 8, 1)
    assert states(frame) == [
        (june(1), True, "A1", june(3), 1.1),
        (june(1), True, "A1", june(28), 1.2),
        (june(1), True, "A2", june(10), 3.0),
        (july, False, "A1", june(28), 1.2),
        (july, False, "A2", june(10), 3.0),
        (august, False, "A1", june(28), 1.2),
        (august, True, "A2", date(2024, 8, 5), 3.1),
    ]


@pytest.mark.parametrize("cadence", list(Cadence))
def test_an_account_that_only_the_opening_knows_is_carried_through_every_window(cadence: Cadence) -> None:
    before = date(2023, 11, 1)
    opening = with_carried_states(series(("A1", before, 1.1)), None, cadence=cadence, first=before, last=before)
    first, last = (date(2023, 12, 1), date(2024, 2, 1)) if cadence is Cadence.MONTHLY else (date(2023, 11, 2), date(2023, 11, 4))
    frame = with_carried_states(series(), opening, cadence=cadence, first=first, last=last)
    assert frame.height == 3
    assert [row[1:] for row in states(frame)] == [(False, "A1", before, 1.1)] * 3
    assert [frame["window"].min(), frame["window"].max()] == [first, last]


def test_the_opening_is_carried_only_up_to_the_first_valuation() -> None:
    opening = with_carried_states(series(("A1", june(1), 1.1)), None, cadence=Cadence.DAILY, first=june(1), last=june(1))
    frame = with_carried_states(series(("A1", june(4), 1.2)), opening, cadence=Cadence.DAILY, first=june(2), last=june(4))
    assert states(frame) == [
        (june(2), False, "A1", june(1), 1.1),
        (june(3), False, "A1", june(1), 1.1),
        (june(4), True, "A1", june(4), 1.2),
    ]


def test_a_carried_opening_is_carried_on_with_the_day_of_its_valuation() -> None:
    opening = with_carried_states(series(("A1", june(1), 1.1)), None, cadence=Cadence.DAILY, first=june(1), last=june(5))
    frame = with_carried_states(series(), closing(opening, june(5)), cadence=Cadence.DAILY, first=june(6), last=june(6))
    assert states(frame) == [(june(6), False, "A1", june(1), 1.1)]


def test_windows_before_1970_are_carried_too() -> None:
    frame = with_carried_states(
        series(("A1", date(1969, 11, 28), 1.1)), None, cadence=Cadence.MONTHLY, first=date(1969, 11, 1), last=date(1970, 1, 1)
    )
    assert frame["window"].sort().to_list() == [date(1969, 11, 1), date(1969, 12, 1), date(1970, 1, 1)]


def test_nothing_at_all_gives_nothing() -> None:
    assert with_carried_states(series(), None, cadence=Cadence.DAILY, first=june(1), last=june(9)).height == 0


START = date(2023, 12, 20)
valuations = st.lists(
    st.tuples(st.sampled_from(["A1", "A2", "A3"]), st.integers(0, 99), st.floats(0, 2)), max_size=20, unique_by=lambda row: row[:2]
).map(lambda rows: [(account, START + timedelta(days=days), index) for account, days, index in rows])


@settings(max_examples=40)
@given(valuations, st.sampled_from(Cadence))
def test_the_last_row_of_each_window_is_the_state_of_every_account_by_its_end(rows: list[Valuation], cadence: Cadence) -> None:
    first, last = window_of(START, cadence), window_of(START + timedelta(days=99), cadence)
    frame = with_carried_states(series(*rows), None, cadence=cadence, first=first, last=last)
    for day in [START, START + timedelta(days=45), START + timedelta(days=99)]:
        window = window_of(day, cadence)
        latest = {row[0]: row for row in sorted(rows) if window_of(row[1], cadence) <= window}
        assert closing(frame, window).select(*SCHEMA).rows() == [latest[account] for account in sorted(latest)]
    assert frame.filter("is_valuation").height == len(rows)


@settings(max_examples=40)
@given(valuations, st.sampled_from(Cadence), st.integers(0, 98))
def test_windows_in_two_ranges_are_the_windows_at_once(rows: list[Valuation], cadence: Cadence, cut: int) -> None:
    first, last = window_of(START, cadence), window_of(START + timedelta(days=99), cadence)
    middle = window_of(START + timedelta(days=cut), cadence)
    if middle == last:
        return
    following = window_of(middle + timedelta(days=1 if cadence is Cadence.DAILY else 31), cadence)
    one = with_carried_states(series(*(row for row in rows if row[1] < following)), None, cadence=cadence, first=first, last=middle)
    two = with_carried_states(
        series(*(row for row in rows if row[1] >= following)), closing(one, middle), cadence=cadence, first=following, last=last
    )
    whole = with_carried_states(series(*rows), None, cadence=cadence, first=first, last=last)
    assert states(pl.concat([one, two.select(one.columns)])) == states(whole)
