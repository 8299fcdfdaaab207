"""When what is above the account is computed, as a decision on what is noted."""

import pytest

from advisory_perf.monitoring.attempts import Tries
from advisory_perf.orchestration.planning import FirmRequest, firm_run_to_request, firm_subject
from advisory_perf.positions.composites import composites_are_pending
from advisory_perf.positions.statistics_notes import ACCOUNTS, COMPOSITES, GROUPS, ComputedFrom, Known


def test_nothing_that_is_ready_has_no_name() -> None:
    assert firm_subject({}, [], None) is None
    assert firm_subject({"acme": "1"}, ["acme"], None) is None


def test_the_same_changes_have_one_name_in_any_order_and_others_another() -> None:
    both = firm_subject({"acme": "1", "beta": "2"}, [], None)
    assert both == firm_subject({"beta": "2", "acme": "1"}, ["gamma"], None)
    others = [
        firm_subject({"acme": "1", "beta": "3"}, [], None),
        firm_subject({"acme": "1", "beta": "2"}, ["beta"], None),
        firm_subject({"acme": "1", "beta": "2"}, [], "files"),
        firm_subject({}, [], "files"),
    ]
    assert len({both, *others}) == 5
    assert firm_subject({"acme": "1"}, ["acme"], "files") == firm_subject({}, [], "files"), "composites wait for no pipeline"


@pytest.mark.parametrize(
    ("tries", "in_flight", "attempt"),
    [
        (Tries(), False, 1),
        (Tries(failed=2), False, 3),
        (Tries(failed=3), False, None),
        (Tries(is_resting=True), False, None),
        (Tries(), True, None),
    ],
)
def test_one_run_at_a_time_and_no_oftener_than_agreed(tries: Tries, *, in_flight: bool, attempt: int | None) -> None:
    expected = None if attempt is None else FirmRequest("s", attempt)
    assert firm_run_to_request("s", tries, attempts=3, in_flight=in_flight) == expected
    assert firm_run_to_request(None, tries, attempts=3, in_flight=in_flight) is None


@pytest.mark.parametrize(
    ("computed", "basis", "is_pending"),
    [
        ({}, "", False),
        ({}, "files", True),
        ({COMPOSITES: ComputedFrom("files", 3)}, "files", False),
        ({COMPOSITES: ComputedFrom("files", 3)}, "others", True),
        ({COMPOSITES: ComputedFrom("files", 3)}, "", True),
        ({COMPOSITES: ComputedFrom("", 3), ACCOUNTS.of("acme"): ComputedFrom("b", 9)}, "", False),
        ({COMPOSITES: ComputedFrom("files", 3), ACCOUNTS.of("acme"): ComputedFrom("b", 3)}, "files", False),
        ({COMPOSITES: ComputedFrom("files", 3), ACCOUNTS.of("acme"): ComputedFrom("b", 4)}, "files", True),
        ({COMPOSITES: ComputedFrom("files", 3), GROUPS.of("acme"): ComputedFrom("b", 4)}, "files", False),
    ],
)
def test_composites_are_computed_when_their_files_or_their_accounts_are_others(
    computed: dict[str, ComputedFrom], basis: str, *, is_pending: bool
) -> None:
    assert composites_are_pending(Known({}, computed), basis) is is_pending
