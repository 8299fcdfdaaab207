from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.windows import (
    last_day_of,
    next_window,
    number_expr,
    window_expr,
    window_number,
    window_of,
    window_of_number,
)

days = st.dates(date(1905, 1, 1), date(2199, 12, 31))
both_cadences = pytest.mark.parametrize("cadence", list(Cadence))


def one(expression: pl.Expr, day: date) -> object:
    return pl.DataFrame({"day": [day]}).select(expression).item()


def test_a_month_is_named_by_its_first_day_and_ends_on_its_last() -> None:
    assert window_of(date(2024, 2, 29), Cadence.MONTHLY) == date(2024, 2, 1)
    assert last_day_of(date(2024, 2, 1), Cadence.MONTHLY) == date(2024, 2, 29)
    assert last_day_of(date(2023, 2, 1), Cadence.MONTHLY) == date(2023, 2, 28)
    assert next_window(date(2023, 12, 1), Cadence.MONTHLY) == date(2024, 1, 1)


def test_a_day_is_its_own_window_weekends_included() -> None:
    saturday = date(2024, 6, 29)
    assert window_of(saturday, Cadence.DAILY) == last_day_of(saturday, Cadence.DAILY) == saturday
    assert next_window(saturday, Cadence.DAILY) == date(2024, 6, 30)


def test_windows_are_counted_from_january_1970() -> None:
    assert window_number(date(1970, 1, 1), Cadence.MONTHLY) == window_number(date(1970, 1, 1), Cadence.DAILY) == 0
    assert window_number(date(2024, 2, 1), Cadence.MONTHLY) == 54 * 12 + 1
    assert window_number(date(1969, 12, 1), Cadence.MONTHLY) == window_number(date(1969, 12, 31), Cadence.DAILY) == -1


@both_cadences
@settings(max_examples=60)
@given(day=days)
def test_every_day_lies_in_its_window_and_the_next_window_begins_the_day_after(cadence: Cadence, day: date) -> None:
    window = window_of(day, cadence)
    assert window <= day <= last_day_of(window, cadence)
    assert next_window(window, cadence) == last_day_of(window, cadence) + timedelta(days=1)
    assert window_number(next_window(window, cadence), cadence) == window_number(window, cadence) + 1


@both_cadences
@settings(max_examples=60)
@given(day=days)
def test_the_expressions_say_what_the_plain_functions_say(cadence: Cadence, day: date) -> None:
    window = window_of(day, cadence)
    assert one(window_expr(pl.col("day"), cadence), day) == window
    number = one(number_expr(pl.col("day"), cadence), window)
    assert number == window_number(window, cadence)
    assert pl.DataFrame({"number": [number]}).select(window_of_number(pl.col("number"), cadence)).item() == window


@both_cadences
def test_a_number_is_an_int32_whatever_the_cadence(cadence: Cadence) -> None:
    frame = pl.DataFrame({"day": [date(2024, 1, 1)]}).select(number=number_expr(pl.col("day"), cadence))
    assert frame.schema["number"] == pl.Int32()
