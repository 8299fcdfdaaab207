"""Which deliveries a changed feed may read otherwise."""

from dataclasses import replace
from datetime import date

from advisory_perf.deliveries.replays import kept_since
from advisory_perf_tests.orchestration.scenarios import an_entry

FIFTH = date(2025, 3, 5)
BEFORE = an_entry("before", date(2025, 3, 1), date(2025, 3, 4))
UNTIL = an_entry("until", date(2025, 3, 1), FIFTH)
AFTER = an_entry("after", date(2025, 3, 6))
REFUSED = replace(an_entry("refused", None), status="FAILED")
"""It came on the first of April."""
TWICE = replace(AFTER, delivery_id="twice", status="DUPLICATE")


def test_all_but_what_repeats_another_and_in_the_same_order() -> None:
    assert kept_since([AFTER, BEFORE, TWICE, REFUSED, UNTIL], None) == [AFTER, BEFORE, REFUSED, UNTIL]


def test_those_that_touch_the_day_or_later_ones() -> None:
    assert kept_since([BEFORE, UNTIL, AFTER, TWICE], FIFTH) == [UNTIL, AFTER]


def test_a_refused_one_cannot_touch_a_day_after_it_came() -> None:
    assert kept_since([REFUSED], date(2025, 4, 1)) == [REFUSED]
    assert kept_since([REFUSED], date(2025, 4, 2)) == []
