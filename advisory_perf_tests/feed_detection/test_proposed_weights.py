from collections.abc import Callable
from decimal import Decimal

import pytest

from advisory_perf.feed_detection.proposal import Proposal
from advisory_perf.samples.market import Position
from advisory_perf_tests.feed_detection.scenarios import (
    a_file,
    cells,
    columns,
    finding,
    inferred,
    positions,
    proposed,
)

pytestmark = pytest.mark.slow


def with_returns(given: Callable[[Position], Decimal | None]) -> Proposal:
    """The proposal for twenty accounts whose returns are made otherwise, to eight digits."""
    rows = []
    for row in positions(accounts=20):
        made = given(row)
        rows.append({**cells(row), "vendor_twrr": "" if made is None else f"{made:.8f}"})
    return proposed(a_file(rows))


def weighted(weight: str) -> Callable[[Position], Decimal | None]:
    """Returns whose flows are there for a part of the time."""

    def earned(row: Position) -> Decimal | None:
        base = row.beginning + Decimal(weight) * row.net_flow
        return (row.ending - row.beginning - row.net_flow) / base if row.beginning > 0 and base > 0 else None

    return earned


@pytest.mark.parametrize("weight", ["0.25", "0.60"])
def test_flows_of_any_one_weight_are_inferred_with_the_weight(weight: str) -> None:
    proposal = with_returns(weighted(weight))
    assert inferred(proposal)["conventions.flow_timing"] == "weighted"
    assert inferred(proposal)["conventions.weight"] == weight
    assert proposal.is_complete


def test_a_weight_that_is_inferred_to_no_hundredth_leaves_the_timing_open() -> None:
    proposal = with_returns(weighted("0.333"))
    assert "conventions.flow_timing" in proposal.open_keys
    assert not {"contributions", "distributions"} & columns(proposal).keys()


def test_returns_that_are_nearly_right_tell_as_much_and_say_so() -> None:
    def nearly(row: Position) -> Decimal | None:
        return None if row.vendor_twrr is None else row.vendor_twrr + Decimal(row.ending % 19 - 9) / 200_000

    proposal = with_returns(nearly)
    assert inferred(proposal)["conventions.flow_timing"] == "end_of_day"
    assert proposal.is_complete
    assert "to within 1 basis points" in finding(proposal, "columns.vendor_twrr").evidence


def test_a_timing_is_not_inferred_by_the_rows_without_flows() -> None:
    def right_without_flows(row: Position) -> Decimal | None:
        return row.vendor_twrr if row.net_flow == 0 or row.vendor_twrr is None else row.vendor_twrr * 2

    assert {"conventions.flow_timing", "columns.vendor_twrr"} <= set(with_returns(right_without_flows).open_keys)


@pytest.mark.parametrize("zone", ["Z", "-05:00", "+0100"])
def test_instants_are_left_open_with_what_has_to_be_said(zone: str) -> None:
    proposal = proposed(a_file([{**cells(row), "as_of_date": f"{cells(row)['as_of_date']}T21:00:00{zone}"} for row in positions()]))
    found = finding(proposal, "columns.as_of_date")
    assert found.candidates == ("{from: As Of Date, formats: ['%Y-%m-%dT%H:%M:%S%z']}",)
    assert "time_zone" in found.evidence


def test_a_header_of_two_rows_is_inferred_with_its_joined_names() -> None:
    header = (
        "Account,,Market Value,Flows,,Earned,,Costs,,Market Value,Return,,",
        "Number,As Of Date,Beginning,In,Out,Income,Appreciation,Fees,Adjustments,Ending,TWR,Benchmark,Currency",
    )
    body = a_file([cells(row) for row in positions()]).decode().partition("\n")[2]
    proposal = proposed("\n".join([*header, body]).encode())
    assert inferred(proposal)["files"]["header_rows"] == 2  # type: ignore[index]
    assert columns(proposal)["beginning_market_value"] == "Market Value Beginning"
    assert columns(proposal)["distributions"] == "Flows Out"
    assert proposal.is_complete
