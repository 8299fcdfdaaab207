from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf_tests.accepting import accepts_at_least, counted


@pytest.mark.parametrize(("accepted", "passes"), [(6, True), (5, True), (4, False), (0, False)])
def test_a_property_that_accepts_less_than_its_share_fails(accepted: int, *, passes: bool) -> None:
    @accepts_at_least(0.5)
    def check() -> None:
        counted("rows", accepted, 10)
        counted("days", 1)

    if passes:
        check()
    else:
        with pytest.raises(AssertionError, match=rf"rows: accepted {accepted} of 10 draws, less than 50%"):
            check()


@pytest.mark.parametrize(("check", "why"), [(lambda: None, "counted nothing"), (lambda: counted("rows", 0, 0), "accepted 0 of 0")])
def test_a_property_that_draws_nothing_fails(check: Callable[[], None], why: str) -> None:
    with pytest.raises(AssertionError, match=why):
        accepts_at_least(0.0)(check)()


def test_the_share_is_that_of_all_examples_and_not_of_one() -> None:
    @accepts_at_least(1.0)
    @settings(max_examples=20, database=None)
    @given(st.integers(0, 9))
    def check(number: int) -> None:
        counted("numbers", number != 0)

    with pytest.raises(AssertionError, match=r"numbers: accepted \d+ of \d+ draws"):
        check()


def test_what_a_property_says_itself_comes_first() -> None:
    @accepts_at_least(1.0)
    def check() -> None:
        counted("rows", 0, 1)
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        check()
