"""Whatever columns the names stand over, nothing is called confirmed that is not so."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from advisory_perf.contracts.enums import FlowTiming
from advisory_perf_tests.feed_detection.scenarios import FIGURES, NAMES, columns, confirmed, gross_of_fees, positions, proposed_of

pytestmark = pytest.mark.slow

BOOKS = {
    "month ends": positions(accounts=10, months=5),
    "one day": tuple(row for row in positions(accounts=60, months=1, timing=FlowTiming.INFLOW_START_OUTFLOW_END)),
    "gross": gross_of_fees(positions(accounts=10, months=5), FlowTiming.END_OF_DAY),
    "start of day": positions(accounts=10, months=3, timing=FlowTiming.START_OF_DAY, seed=5),
}
INTERCHANGEABLE = {**NAMES, "fees": NAMES["distributions"], "distributions": NAMES["fees"]}
"""In the gross book both are added to the ending value, so that every equation holds with either under the other's name."""
AMBIGUOUS = {"beginning_market_value": "Value", "ending_market_value": "Market Value", "income": "Interest", "appreciation": "Gain/Loss"}


@st.composite
def shuffles(draw: st.DrawFn) -> dict[str, str]:
    """Field to the name that stands over its column: two to all of the figures' names changed places."""
    moved = draw(st.lists(st.sampled_from(FIGURES), min_size=2, max_size=len(FIGURES), unique=True))
    names = {**NAMES, **(AMBIGUOUS if draw(st.booleans()) else {})}
    return {**names, **dict(zip(moved, (names[field] for field in draw(st.permutations(moved))), strict=True))}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    names=shuffles(), book=st.sampled_from(sorted(BOOKS)), left_out=st.sampled_from([(), ("vendor_twrr",), ("appreciation",), ("fees",)])
)
@example(names=INTERCHANGEABLE, book="gross", left_out=())
def test_no_column_is_confirmed_as_a_field_that_it_is_not(names: dict[str, str], book: str, left_out: tuple[str, ...]) -> None:
    present = {field: name for field, name in names.items() if field not in left_out}
    proposal = proposed_of(BOOKS[book], present)
    wrong = {field: column for field, column in confirmed(proposal).items() if present.get(field) != column}
    assert wrong == {}
    filled_in_wrongly = {field for field, column in columns(proposal).items() if present.get(field) != column}
    assert filled_in_wrongly <= {"income", "appreciation", "other_adjustments"}
