"""The life of a break: its age, its end, its sign-offs, and that the order in which its valuations come does not matter."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from itertools import count, permutations, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.errors import RequestError
from advisory_perf.reconciliation.break_work import sign_off
from advisory_perf.reconciliation.breaks import bring_breaks_up_to_date
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.reconciliation.breaking import AUGUST, JULY, JUNE, MAY, Outcome, Vendor, days_from, is_break, live, runs

pytestmark = pytest.mark.slow

FUNCTION_OF_RESULTS = ("first_as_of_date", "last_as_of_date", "valuations", "resolved_on", "variance")
_NUMBERS = count()


@pytest.fixture
def vendor(warehouse: Warehouse) -> Vendor:
    """A vendor that has delivered nothing."""
    return Vendor(warehouse)


def delivered(warehouse: Warehouse, *each: Mapping[date, Outcome]) -> Vendor:
    """A vendor of its own that delivers one after the other."""
    made = Vendor(warehouse, f"vendor_{next(_NUMBERS)}")
    for outcomes in each:
        made.deliver(outcomes)
    return made


# age ------------------------------------------------------------------------------------------------------------------


def test_a_break_that_goes_on_keeps_its_name_and_first_day_and_ages(vendor: Vendor) -> None:
    names = []
    for day, variance in {MAY: "7", JUNE: "8", JULY: "9"}.items():
        vendor.deliver({day: variance})
        ((name,),) = vendor.breaks("break_id")
        names.append(name)
    assert len(set(names)) == 1
    columns = ("first_as_of_date", "last_as_of_date", "valuations", "age_days", "first_variance", "variance", "status", "delivery_id")
    assert vendor.breaks(*columns) == [(MAY, JULY, 3, 61, Decimal(7), Decimal(9), "OPEN", f"file of {JULY}")]


def test_a_month_that_is_sent_again_does_not_reset_the_age(vendor: Vendor) -> None:
    for day in (MAY, JUNE, JULY):
        vendor.deliver({day: "7"})
    before = vendor.breaks("break_id", "first_as_of_date", "valuations", "age_days", "created_at")
    changed = vendor.breaks("updated_at")
    vendor.deliver({JULY: "7"}, "July once more")
    assert vendor.breaks("break_id", "first_as_of_date", "valuations", "age_days", "created_at") == before
    assert vendor.breaks("delivery_id") == [("July once more",)]
    assert vendor.breaks("updated_at") > changed


def test_a_second_time_changes_nothing(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7", JUNE: "0", JULY: "8"})
    vendor.deliver({JUNE: "5"}, "June again")
    vendor.deliver({JULY: "0"}, "July again")
    before = vendor.breaks()
    vendor.publish(MAY, JULY)
    vendor.publish(JUNE, JUNE)
    vendor.publish(AUGUST, AUGUST)
    assert vendor.breaks() == before


def test_a_valuation_without_comparison_neither_ends_nor_ages_a_break(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7", JUNE: None, JULY: "7"})
    assert vendor.breaks("first_as_of_date", "last_as_of_date", "valuations", "status") == [(MAY, JULY, 2, "OPEN")]


def test_a_late_bad_month_joins_two_breaks_and_the_open_one_goes_on(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7", JUNE: "0", JULY: "8"})
    (_, (second, _)) = vendor.breaks("break_id", "status")
    vendor.deliver({JUNE: "6"}, "June again")
    assert vendor.breaks("break_id", "first_as_of_date", "valuations") == [(second, MAY, 3)]


def test_a_good_month_that_comes_late_parts_a_break_which_keeps_the_part_it_was_named_for(vendor: Vendor) -> None:
    vendor.deliver({JULY: "8"})
    ((name,),) = vendor.breaks("break_id")
    vendor.deliver({MAY: "7"})
    assert vendor.breaks("break_id", "first_as_of_date") == [(name, MAY)]
    vendor.deliver({JUNE: "0"})
    (earlier, later) = vendor.breaks("break_id", "first_as_of_date", "status", "resolved_on")
    assert earlier[1:] == (MAY, "RESOLVED", JUNE)
    assert later == (name, JULY, "OPEN", None)


def test_a_break_whose_first_day_was_taken_away_comes_back_with_it(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7", JUNE: "7"})
    ((name,),) = vendor.breaks("break_id")
    vendor.deliver({MAY: "0"}, "May again")
    assert vendor.breaks("break_id", "first_as_of_date", "named_on") == [(name, JUNE, MAY)]
    vendor.deliver({MAY: "7", JUNE: "0"}, "both again")
    assert vendor.breaks("break_id", "first_as_of_date", "status") == [(name, MAY, "RESOLVED_BY_RESTATEMENT")]


def test_a_name_that_is_taken_is_not_given_twice(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7", JUNE: "7", JULY: "7"})
    vendor.deliver({MAY: "0", JUNE: "0"}, "again")
    ((name,),) = vendor.breaks("break_id")
    vendor.deliver({MAY: "7"}, "once more")
    (earlier, later) = vendor.breaks("break_id", "first_as_of_date", "named_on")
    assert (earlier[1:], later) == ((MAY, MAY), (name, JULY, MAY)), "the break that goes on in July keeps the name that it has from May"


@pytest.mark.parametrize("factors", [{}, {MAY: "1.08", JUNE: "1.08", JULY: "1.08"}], ids=["account", "whole delivery"])
def test_a_break_goes_on_as_it_is_stored_and_its_earlier_valuations_are_not_read(vendor: Vendor, factors: dict[date, str]) -> None:
    vendor.factors = factors
    vendor.deliver({MAY: "7"})
    vendor.deliver({JUNE: "8"})
    with vendor.warehouse.connect() as connection:
        connection.execute("UPDATE reconciliation_results SET variance = 0, within_tolerance = true WHERE as_of_date = %s", [MAY])
        connection.execute("DELETE FROM delivery_factors WHERE as_of_date = %s", [MAY])
    accept(vendor)
    vendor.deliver({JULY: "8"})
    columns = ("first_as_of_date", "last_as_of_date", "valuations", "first_variance", "status")
    assert vendor.breaks(*columns) == [(MAY, JULY, 3, None if factors else Decimal(7), "SIGNED_OFF")]


# ends -----------------------------------------------------------------------------------------------------------------


def test_the_next_valuation_that_passes_resolves_a_break_and_a_later_one_is_another(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7"})
    vendor.deliver({JUNE: "0.01"})
    vendor.deliver({JULY: "7"})
    columns = ("first_as_of_date", "status", "resolved_on", "resolved_by_delivery_id")
    assert vendor.breaks(*columns) == [(MAY, "RESOLVED", JUNE, f"file of {JUNE}"), (JULY, "OPEN", None, None)]
    assert len({name for (name,) in vendor.breaks("break_id")}) == 2


@pytest.mark.parametrize("months", [[MAY], [MAY, JUNE]], ids=["whole", "latest of two"])
def test_a_break_that_a_restatement_takes_away_says_which_delivery_did_it(vendor: Vendor, months: list[date]) -> None:
    vendor.deliver(dict.fromkeys(months, "7"))
    vendor.deliver({months[-1]: "0"}, "restated")
    expected = [("RESOLVED_BY_RESTATEMENT", months[-1], "restated")]
    assert vendor.breaks("status", "resolved_on", "resolved_by_delivery_id") == expected
    vendor.deliver({AUGUST: "0"})
    vendor.deliver({months[-1]: "0"}, "restated once more")
    assert vendor.breaks("status", "resolved_on", "resolved_by_delivery_id") == expected


def test_the_later_of_two_breaks_that_are_read_together_is_resolved_by_its_restatement(vendor: Vendor) -> None:
    first, good, second, restated, last = days_from(MAY, 5)
    vendor.deliver({first: "7", good: "0", second: "7", restated: "7", last: "7"})
    vendor.deliver({first: "7", restated: "0"}, "restated")
    assert vendor.breaks("first_as_of_date", "status", "resolved_on", "resolved_by_delivery_id") == [
        (first, "RESOLVED", good, f"file of {good}"),
        (second, "RESOLVED_BY_RESTATEMENT", restated, "restated"),
        (last, "OPEN", None, None),
    ]


def test_a_restatement_that_brings_the_break_back_opens_the_same_one(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7"})
    before = vendor.breaks("break_id", "first_as_of_date", "status", "created_at")
    vendor.deliver({MAY: "0"}, "restated")
    vendor.deliver({MAY: "7"}, "restated again")
    assert vendor.breaks("break_id", "first_as_of_date", "status", "created_at") == before
    assert vendor.breaks("resolved_on", "resolved_by_delivery_id") == [(None, None)]


def test_a_break_that_a_fixed_feed_takes_away_was_not_restated(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7"}, "one")
    vendor.deliver({MAY: "0"}, "one")
    assert vendor.breaks("status", "resolved_on", "resolved_by_delivery_id") == [("RESOLVED", MAY, "one")]


def test_the_delivery_that_ends_a_break_is_its_accounts_own_and_not_that_of_most_accounts(vendor: Vendor) -> None:
    vendor.others = 3
    vendor.deliver({MAY: "7", JUNE: "7", JULY: "7"})
    vendor.deliver({JULY: "0"}, "restated")
    assert vendor.breaks("status", "resolved_on", "resolved_by_delivery_id") == [("RESOLVED_BY_RESTATEMENT", JULY, "restated")]
    vendor.deliver({JULY: "7"}, "restated again")
    vendor.deliver({MAY: "0", JUNE: "0", JULY: "0"}, "all restated")
    assert vendor.breaks("status", "resolved_on", "resolved_by_delivery_id") == [("RESOLVED_BY_RESTATEMENT", JULY, "all restated")]


def test_the_delivery_that_ends_a_whole_deliverys_break_is_that_of_most_accounts(vendor: Vendor) -> None:
    vendor.others = 3
    vendor.factors = {MAY: "1.08"}
    vendor.deliver({MAY: "8"})
    vendor.factors = {}
    vendor.deliver({MAY: "0"}, "in dollars")
    assert vendor.breaks("account_id", "resolved_by_delivery_id") == [(None, "of the others")]


def test_a_break_whose_valuation_is_withdrawn_is_closed_without_a_delivery(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7"})
    vendor.withdraw(MAY)
    assert vendor.breaks("status", "resolved_by_delivery_id") == [("RESOLVED_BY_RESTATEMENT", None)]


# sign-offs ------------------------------------------------------------------------------------------------------------


def accept(vendor: Vendor, place: int = 0) -> str:
    name: str = vendor.breaks("break_id")[place][0]
    assert sign_off(vendor.warehouse, [name], by="Ann", reason="the vendor's fee accrual")[0].status == "SIGNED_OFF"
    return name


@pytest.mark.parametrize(("amount", "status"), [("7", "SIGNED_OFF"), ("7.01", "SIGNED_OFF"), ("7.0101", "OPEN"), ("-7", "OPEN")])
def test_a_sign_off_holds_for_its_amount_within_the_tolerance_and_no_other(vendor: Vendor, amount: str, status: str) -> None:
    vendor.deliver({MAY: "7"})
    name = accept(vendor)
    vendor.deliver({JUNE: amount})
    columns = ("break_id", "status", "valuations", "signed_off_break_id", "signed_off_by", "signed_off_variance", "signed_off_reason")
    assert vendor.breaks(*columns) == [(name, status, 2, name, "Ann", Decimal(7), "the vendor's fee accrual")]


def test_small_steps_do_not_carry_a_sign_off_away(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7"})
    accept(vendor)
    vendor.deliver({JUNE: "7.01"})
    vendor.deliver({JULY: "7.02"})
    assert vendor.breaks("status") == [("OPEN",)], "held against what was accepted, not against the month before"


@pytest.mark.parametrize(("amount", "status", "refers"), [("7", "SIGNED_OFF", True), ("9", "OPEN", False)])
def test_a_break_that_recurs_refers_to_the_sign_off_of_the_one_before(vendor: Vendor, amount: str, status: str, *, refers: bool) -> None:
    vendor.deliver({MAY: "7"})
    name = accept(vendor)
    vendor.deliver({JUNE: "0"})
    vendor.deliver({JULY: amount})
    assert vendor.breaks("status", "signed_off_break_id") == [("RESOLVED", name), (status, name if refers else None)]


def test_a_sign_off_says_nothing_of_earlier_breaks(vendor: Vendor) -> None:
    vendor.deliver({JULY: "7"})
    accept(vendor)
    vendor.deliver({MAY: "7", JUNE: "0"})
    assert vendor.breaks("first_as_of_date", "status", "signed_off_by") == [(MAY, "RESOLVED", None), (JULY, "SIGNED_OFF", "Ann")]


def test_what_cannot_be_signed_off_is_refused_with_a_sentence(vendor: Vendor) -> None:
    vendor.deliver({MAY: "7"})
    name = accept(vendor)
    for break_id, by, says in (
        ("B-none", "Ann", "there is no break B-none; `advisory-perf breaks list` names them"),
        (name, " ", f"the sign-off of {name} names nobody or no reason"),
        (name, "Bob", f"{name} is signed off by Ann at this amount"),
    ):
        with pytest.raises(RequestError, match=says):
            sign_off(vendor.warehouse, [break_id], by=by, reason="because")
    vendor.deliver({JUNE: "0"})
    with pytest.raises(RequestError, match="is RESOLVED; only an open break"):
        sign_off(vendor.warehouse, [name], by="Ann", reason="because")


# whole deliveries -----------------------------------------------------------------------------------------------------


def test_what_a_factor_puts_off_is_one_break_of_the_delivery_and_none_of_the_account(vendor: Vendor) -> None:
    vendor.factors = {MAY: "1.08", JUNE: "1.09"}
    vendor.deliver({MAY: "8"})
    vendor.deliver({JUNE: "9"})
    columns = ("account_id", "field_name", "factor", "accounts", "valuations", "age_days", "status", "likely_cause", "delivery_id")
    row = (None, "ending_market_value", Decimal("1.09"), 5000, 2, 30, "OPEN", "SYSTEMATIC", f"file of {JUNE}")
    assert vendor.breaks(*columns) == [row]
    vendor.deliver({JULY: "0"})
    assert vendor.breaks("status", "resolved_on", "resolved_by_delivery_id") == [("RESOLVED", JULY, f"file of {JULY}")]


def test_a_break_of_an_account_goes_on_over_a_month_that_is_off_as_a_whole(vendor: Vendor) -> None:
    vendor.factors = {JUNE: "1.08"}
    vendor.deliver({MAY: "7"})
    vendor.deliver({JUNE: "8"})
    vendor.deliver({JULY: "7"})
    rows = vendor.breaks("account_id", "first_as_of_date", "last_as_of_date", "valuations", "status")
    assert rows == [("A", MAY, JULY, 2, "OPEN"), (None, JUNE, JUNE, 1, "RESOLVED")]


def test_the_file_in_its_own_currency_resolves_the_break_of_the_delivery(vendor: Vendor) -> None:
    vendor.factors = {MAY: "1.08"}
    vendor.deliver({MAY: "8"})
    vendor.factors = {}
    vendor.deliver({MAY: "0"}, "in dollars")
    assert vendor.breaks("account_id", "status", "resolved_by_delivery_id") == [(None, "RESOLVED_BY_RESTATEMENT", "in dollars")]


def test_an_accounts_break_that_proves_to_be_the_deliverys_is_reported_once(vendor: Vendor) -> None:
    vendor.deliver({MAY: "8"})
    vendor.factors = {MAY: "1.08"}
    vendor.publish(MAY, MAY)
    assert vendor.breaks("account_id", "status") == [(None, "OPEN")]


@pytest.mark.parametrize(
    ("signed", "latest", "status"),
    [
        ("1.08", "1.08", "SIGNED_OFF"),
        ("1.08", "1.081", "OPEN"),
        ("0.00001", "0.000019", "OPEN"),
        ("0.00001", "0.0000100001", "SIGNED_OFF"),
        ("1000", "1000.0001", "SIGNED_OFF"),
        ("1000", "1000.02", "OPEN"),
        ("-1", "1", "OPEN"),
    ],
)
def test_a_factor_is_signed_off_as_an_amount_is_and_holds_within_a_share_of_it(
    vendor: Vendor, signed: str, latest: str, status: str
) -> None:
    vendor.factors = {MAY: signed, JUNE: latest}
    vendor.deliver({MAY: "8"})
    accept(vendor)
    vendor.deliver({JUNE: "8"})
    assert vendor.breaks("status", "signed_off_variance") == [(status, Decimal(signed))]


# orders ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_history_of_three_months_ends_equal_in_every_order_of_arrival(shared_warehouse: Warehouse) -> None:
    months = (MAY, JUNE, JULY)
    for outcomes in product(("7", "0"), repeat=3):
        expected = runs(dict(zip(months, outcomes, strict=True)))
        for order in permutations(zip(months, outcomes, strict=True)):
            made = delivered(shared_warehouse, *({day: outcome} for day, outcome in order))
            assert live(made.breaks(*FUNCTION_OF_RESULTS)) == expected, order


DAYS = days_from(date(2024, 1, 10), 7)
slices = st.dictionaries(st.sampled_from(DAYS), st.sampled_from(["0", "7", "8", "-7", None]), min_size=1, max_size=4)


@pytest.mark.slow
@accepts_at_least(0.7)
@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.lists(slices, min_size=1, max_size=6))
def test_breaks_say_what_the_results_do_however_these_have_come(shared_warehouse: Warehouse, each: list[dict[date, Outcome]]) -> None:
    made = delivered(shared_warehouse, *each)
    assert live(made.breaks(*FUNCTION_OF_RESULTS)) == runs(made.outcomes)
    counted("histories with a break", bool(runs(made.outcomes)))
    names = made.breaks("break_id", "status", "created_at", "updated_at")
    assert len({row[0] for row in names}) == len(names)
    made.publish(min(made.outcomes), max(made.outcomes))
    assert made.breaks("break_id", "status", "created_at", "updated_at") == names


steps = st.tuples(
    st.sampled_from(DAYS), st.sampled_from(["0", "7", "8", None, "withdrawn"]), st.sampled_from([None, None, "1.08"]), st.booleans()
)


@pytest.mark.slow
@accepts_at_least(0.7)
@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.lists(steps, min_size=4, max_size=12))
def test_a_day_at_a_time_with_factors_and_withdrawals_says_what_reading_everything_does(
    shared_warehouse: Warehouse, each: list[tuple[date, Outcome, str | None, bool]]
) -> None:
    made = delivered(shared_warehouse)
    for number, (day, outcome, factor, is_signed) in enumerate(each):
        made.factors.pop(day, None)
        made.outcomes.pop(day, None)
        if outcome != "withdrawn":
            made.outcomes[day] = outcome
            made.deliveries[day] = f"file {number}"
        if factor is not None and outcome != "withdrawn":
            made.factors[day] = factor
        made.publish(day, day)
        is_open = [name for name, status in made.breaks("break_id", "status") if status == "OPEN"]
        if is_signed and is_open:
            sign_off(shared_warehouse, [is_open[0]], by="Ann", reason="known")
    own = {day: None if day in made.factors and is_break(outcome) else outcome for day, outcome in made.outcomes.items()}
    assert of_subject(made, "A") == [row[:4] for row in runs(own)]
    assert of_subject(made, None) == [row[:4] for row in runs({day: "1" if day in made.factors else "0" for day in made.outcomes})]
    before = made.breaks()
    counted("histories with a break", bool(before))
    with shared_warehouse.connect() as connection:
        bring_breaks_up_to_date(connection, made.name, first=date.min, last=date.max)
    assert made.breaks() == before


def of_subject(vendor: Vendor, account: str | None) -> list[tuple[Any, ...]]:
    rows = vendor.breaks("first_as_of_date", "last_as_of_date", "valuations", "resolved_on", "account_id")
    return [row[:4] for row in live(rows) if row[4] == account]
