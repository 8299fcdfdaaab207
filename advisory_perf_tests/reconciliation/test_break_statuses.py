"""Where a break stands: what ended it and who has accepted it, on frames of a few rows."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from advisory_perf.reconciliation.break_runs import BREAKS, GONE, OUTCOMES, SIGN_OFFS, ends, runs, sign_offs_of
from advisory_perf_tests.reconciliation.break_frames import (
    AUGUST,
    JULY,
    JUNE,
    MAY,
    SIGNED_AT,
    a_break,
    breaks,
    follow,
    gone,
    outcome,
    outcomes,
    sign_off,
)

# sign-offs ------------------------------------------------------------------------------------------------------------


def accepted(latest: dict[str, Any], *signed: dict[str, Any]) -> list[tuple[Any, ...]]:
    named = runs(outcomes({**outcome(JULY, "7"), **latest}), BREAKS.to_frame()).with_columns(break_id=pl.lit("B-1"))
    return sign_offs_of(named, pl.DataFrame(signed, SIGN_OFFS)).select("signed_off_by", "holds").rows()


def test_a_sign_off_of_another_amount_is_told_of_its_own_break_only_and_does_not_hold() -> None:
    assert accepted({}, sign_off(1, JULY, "9")) == [("signer 1", False)]
    assert accepted({}, sign_off(1, JULY, "9", break_id="B-2")) == []


@pytest.mark.parametrize(("day", "holds"), [(JUNE, True), (JULY, True), (AUGUST, False)])
def test_a_sign_off_of_another_break_holds_for_the_same_amount_at_no_earlier_a_valuation(day: date, *, holds: bool) -> None:
    assert accepted({}, sign_off(1, day, "7", break_id="B-2")) == ([("signer 1", True)] if holds else [])


@pytest.mark.parametrize("other", [{"subject": "B"}, {"subject": ""}, {"field_name": "net_flow"}], ids=str)
def test_a_sign_off_of_another_figure_says_nothing(other: dict[str, str]) -> None:
    assert accepted({}, sign_off(1, JULY, "7", **other)) == []


def test_of_several_sign_offs_the_latest_that_holds_counts_else_the_latest() -> None:
    assert accepted({}, sign_off(1, JUNE, "7"), sign_off(2, JUNE, "7"), sign_off(3, JUNE, "9")) == [("signer 2", True)]
    assert accepted({}, sign_off(1, JUNE, "8"), sign_off(2, JUNE, "9")) == [("signer 2", False)]


@pytest.mark.parametrize(
    ("latest", "signed", "holds"),
    [
        ({"variance": "7.01"}, {"variance": "7"}, True),
        ({"variance": "7.010000000001"}, {"variance": "7"}, False),
        ({"variance": "6.99"}, {"variance": "7"}, True),
        ({"variance": "-7"}, {"variance": "7"}, False),
        ({"variance": "99999999999999999999999999"}, {"variance": "-99999999999999999999999999"}, False),
        ({"variance": None, "vendor_value": "5"}, {"variance": None, "vendor_value": "5.01"}, True),
        ({"variance": None, "vendor_value": "5"}, {"variance": None, "vendor_value": "5.02"}, False),
        ({"variance": None, "vendor_value": "7"}, {"variance": "7"}, False),
        ({"variance": "7"}, {"variance": None, "vendor_value": "7"}, False),
        ({"variance": None, "vendor_value": None}, {"variance": None, "vendor_value": None}, False),
        ({"variance": None, "vendor_value": None, "factor": "2"}, {"variance": None, "vendor_value": None, "factor": "2.02"}, True),
        ({"variance": None, "vendor_value": None, "factor": "-2"}, {"variance": None, "vendor_value": None, "factor": "-2.02"}, True),
        (
            {"variance": None, "vendor_value": None, "factor": "2"},
            {"variance": None, "vendor_value": None, "factor": "2.020000000001"},
            False,
        ),
        (
            {"variance": None, "vendor_value": None, "factor": "98765432109876543210987654.321098765432", "tolerance_threshold": "0.00001"},
            {"variance": None, "vendor_value": None, "factor": "98766419764197641976419764.197641976419"},
            True,
        ),
        (
            {"variance": None, "vendor_value": None, "factor": "98765432109876543210987654.321098765432", "tolerance_threshold": "0.00001"},
            {"variance": None, "vendor_value": None, "factor": "98766419764197641976419764.197641976420"},
            False,
        ),
        (
            {"variance": None, "vendor_value": None, "factor": "0.000000000099", "tolerance_threshold": "0.00001"},
            {"variance": None, "vendor_value": None, "factor": "0.0000000001"},
            False,
        ),
    ],
    ids=str,
)
def test_amounts_are_equal_within_the_tolerance_of_the_latest_comparison_exactly(
    latest: dict[str, str | None], signed: dict[str, str | None], *, holds: bool
) -> None:
    ours, theirs = ({name: None if text is None else Decimal(text) for name, text in one.items()} for one in (latest, signed))
    assert accepted(ours, {**sign_off(1, JULY, None), **theirs}) == [("signer 1", holds)]


def test_a_break_tells_the_sign_off_that_counts_for_it_and_one_that_has_ended_is_resolved_all_the_same() -> None:
    columns = "status", "signed_off_break_id", "signed_off_by", "signed_off_at", "signed_off_variance", "signed_off_reason"
    accepted = "B-0", "signer 1", SIGNED_AT, Decimal("7.01"), "known"
    signed = [sign_off(1, MAY, "7.01", break_id="B-0")]
    assert follow(outcomes(outcome(MAY, "7")), None, signed).new.select(columns).rows() == [("SIGNED_OFF", *accepted)]
    assert follow(outcomes(outcome(MAY, "7"), outcome(JUNE, "0")), None, signed).new.select(columns).rows() == [("RESOLVED", *accepted)]


def test_the_sign_off_of_a_whole_delivery_tells_its_factor() -> None:
    whole = {"subject": "", "variance": None, "vendor_value": None, "factor": Decimal("1.08")}
    found = follow(outcomes({**outcome(MAY, "7"), **whole}), None, [{**sign_off(1, MAY, None), **whole}])
    assert found.new.select("status", "signed_off_variance").rows() == [("SIGNED_OFF", Decimal("1.08"))]


# ends -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stored", "restates", "status", "ended_by"),
    [
        ({}, True, "RESOLVED", "now"),
        ({"last_as_of_date": JUNE, "delivery_id": "then"}, False, "RESOLVED_BY_RESTATEMENT", "now"),
        ({"last_as_of_date": JUNE, "delivery_id": "now"}, True, "RESOLVED", "now"),
        ({"last_as_of_date": JUNE, "delivery_id": None}, False, "RESOLVED_BY_RESTATEMENT", "now"),
        ({"last_as_of_date": JULY}, True, "RESOLVED_BY_RESTATEMENT", "now"),
        ({"last_as_of_date": JULY}, False, "RESOLVED", "now"),
        (
            {"status": "RESOLVED_BY_RESTATEMENT", "resolved_on": JUNE, "resolved_by_delivery_id": "then"},
            False,
            "RESOLVED_BY_RESTATEMENT",
            "then",
        ),
        ({"status": "RESOLVED_BY_RESTATEMENT", "resolved_on": JULY, "resolved_by_delivery_id": "then"}, False, "RESOLVED", "now"),
        ({"status": "RESOLVED", "resolved_on": JUNE, "resolved_by_delivery_id": "then"}, False, "RESOLVED", "now"),
    ],
    ids=[
        "the next valuation passes",
        "its last valuation passes in another delivery",
        "its last valuation passes in the same delivery",
        "its last valuation passes in a delivery where it had none",
        "one before its last was restated",
        "one before its last came late",
        "a restatement had ended it there",
        "a restatement had ended it elsewhere",
        "it was resolved there by another delivery",
    ],
)
def test_a_valuation_that_came_as_a_restatement_ends_a_break_as_one(
    stored: dict[str, Any], restates: bool, status: str, ended_by: str
) -> None:
    seen = outcomes(outcome(MAY, "7"), outcome(JUNE, "0", delivery_id="now", restates=restates))
    found = follow(seen, breaks({**a_break(MAY, MAY, accounts=5), **stored}))
    columns = "break_id", "status", "last_as_of_date", "resolved_on", "resolved_by_delivery_id"
    assert found.changed.select(columns).rows() == [("B-1", status, MAY, JUNE, ended_by)]


def test_a_new_break_that_has_ended_is_resolved() -> None:
    seen = outcomes(outcome(MAY, "7"), outcome(JUNE, "0", restates=True))
    assert follow(seen).new["status"].to_list() == ["RESOLVED"]


def test_a_break_that_goes_on_again_has_no_end() -> None:
    stored = breaks(a_break(MAY, MAY, status="RESOLVED_BY_RESTATEMENT", resolved_on=MAY, resolved_by_delivery_id="then"))
    found = follow(outcomes(outcome(MAY, "7")), stored)
    assert found.changed.select("status", "resolved_on", "resolved_by_delivery_id").rows() == [("OPEN", None, None)]


@pytest.mark.parametrize(
    ("then", "now", "status"),
    [
        ("first", "first", "RESOLVED"),
        ("first", "restated", "RESOLVED_BY_RESTATEMENT"),
        ("first", None, "RESOLVED_BY_RESTATEMENT"),
        (None, None, "RESOLVED"),
    ],
    ids=["same delivery", "another", "withdrawn", "never in one"],
)
def test_a_break_that_nothing_is_left_of_is_closed_on_its_last_valuation(then: str | None, now: str | None, status: str) -> None:
    stored = a_break(MAY, JUNE, delivery_id=then)
    found = follow(OUTCOMES.to_frame(), breaks(stored), gone=gone(delivery=now))
    assert found.changed.to_dicts() == breaks({**stored, "status": status, "resolved_on": JUNE, "resolved_by_delivery_id": now}).to_dicts()
    assert (found.deleted, found.new.height) == ([], 0)


def test_a_break_that_is_put_off_with_its_whole_delivery_is_deleted() -> None:
    found = follow(OUTCOMES.to_frame(), breaks(a_break(MAY, JUNE)), gone=gone(elsewhere=True))
    assert (found.deleted, found.changed.height, found.new.height) == (["B-1"], 0, 0)


def test_a_break_that_goes_on_in_another_run_is_not_closed_though_its_last_valuation_is_gone() -> None:
    found = follow(outcomes(outcome(MAY, "7")), breaks(a_break(MAY, JUNE)), gone=gone(delivery="restated"))
    assert found.changed.select("status", "last_as_of_date").rows() == [("OPEN", MAY)]


def test_a_break_that_has_ended_stays_as_it_is_where_nothing_is_left_of_it() -> None:
    closed, accepted = ends(breaks(a_break(MAY, JUNE, resolved_on=JUNE)), GONE.to_frame())
    assert (closed.height, accepted) == (0, [])
