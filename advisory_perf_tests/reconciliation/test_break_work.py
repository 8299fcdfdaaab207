"""What people do with breaks: who has one, what was said, and sign-offs of several at once."""

from decimal import Decimal

import pytest

from advisory_perf.errors import ConflictError, LockHeldError, NotFoundError, RequestError
from advisory_perf.positions.publication import lock_publication
from advisory_perf.reconciliation.break_work import Seen, assign, comment, history_of, sign_off, sign_off_each, sign_off_seen
from advisory_perf.warehouse.auditing import Origin, by_command
from advisory_perf.warehouse.conditions import condition
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.queries import stored_breaks
from advisory_perf_tests.reconciliation.breaking import JUNE, MAY, Vendor
from advisory_perf_tests.warehouse.waiting import impatient

pytestmark = pytest.mark.slow

BY_HAND = Origin("api", "10.0.0.1", "analyst", "r-1")


@pytest.fixture
def vendors(warehouse: Warehouse) -> tuple[Vendor, Vendor]:
    """Two vendors, one with a break of two figures and the other with one."""
    alpha = Vendor(warehouse, figures=("ending_market_value", "net_flow"))
    beta = Vendor(warehouse, name="beta")
    for vendor in (alpha, beta):
        vendor.deliver({MAY: "7"})
    return alpha, beta


def names(warehouse: Warehouse, status: str = "OPEN") -> list[str]:
    found: list[str] = stored_breaks(warehouse, condition({"status": status}))["break_id"].to_list()
    return found


def events(warehouse: Warehouse, break_id: str) -> list[tuple[str | None, ...]]:
    return history_of(warehouse, break_id).drop("made_at").rows()


def test_the_latest_owner_has_a_break_and_what_was_said_stays(warehouse: Warehouse, vendors: tuple[Vendor, Vendor]) -> None:
    one, two, *_ = names(warehouse)
    assign(warehouse, [one, two], owner="Ann", by="Bob")
    assign(warehouse, [one], owner=" Cy ", by="Ann")
    comment(warehouse, [one], by="Cy", words="asked the vendor")
    comment(warehouse, [one], by="Cy", words="they answered")
    assign(warehouse, [two], owner=" ", by="Bob")
    owners = {row["break_id"]: row for row in stored_breaks(warehouse, condition({})).iter_rows(named=True)}
    assert [(owners[name]["owner"], owners[name]["comments"], owners[name]["latest_comment"]) for name in (one, two)] == [
        ("Cy", 2, "they answered"),
        (None, 0, None),
    ]
    assert stored_breaks(warehouse, condition({"owner": "Cy"}))["break_id"].to_list() == [one]
    assert events(warehouse, one) == [
        ("FOUND", None, None, None),
        ("ASSIGNED", "Bob", "Ann", None),
        ("ASSIGNED", "Ann", "Cy", None),
        ("COMMENTED", "Cy", None, "asked the vendor"),
        ("COMMENTED", "Cy", None, "they answered"),
    ]


def test_owner_and_comments_stay_with_a_break_that_goes_on_and_its_end_is_said(warehouse: Warehouse) -> None:
    vendor = Vendor(warehouse)
    vendor.deliver({MAY: "7"})
    (name,) = names(warehouse)
    assign(warehouse, [name], owner="Ann", by="Bob")
    vendor.deliver({JUNE: "8"})
    assert stored_breaks(warehouse, condition({}))["owner"].to_list() == ["Ann"]
    vendor.deliver({JUNE: "0"})
    assert [event for event, *_ in events(warehouse, name)] == ["FOUND", "ASSIGNED", "RESOLVED"]
    closed = stored_breaks(warehouse, condition({}))["closed_at"]
    assert closed.null_count() == 0
    vendor.publish(MAY, JUNE)
    assert stored_breaks(warehouse, condition({}))["closed_at"].equals(closed), "a rerun says nothing new"
    vendor.deliver({JUNE: "0"}, "sent again")
    assert stored_breaks(warehouse, condition({})).select("resolved_by_delivery_id").item() == "sent again"
    assert stored_breaks(warehouse, condition({}))["closed_at"][0] > closed[0], "another delivery has ended it"
    vendor.deliver({JUNE: "8"})
    assert stored_breaks(warehouse, condition({})).select("status", "closed_at").rows() == [("OPEN", None)]


def test_of_several_breaks_all_are_signed_off_or_none(warehouse: Warehouse, vendors: tuple[Vendor, Vendor]) -> None:
    every = names(warehouse)
    assert len(every) == 3
    with pytest.raises(RequestError, match="there is no break B-none"):
        sign_off(warehouse, [*every, "B-none"], by="Ann", reason="known")
    assert names(warehouse) == every
    found = sign_off(warehouse, [every[2], every[0]], by="Ann", reason="known")
    assert {one.break_id for one in found} == {every[0], every[2]}
    assert names(warehouse) == [every[1]]
    with pytest.raises(RequestError, match="is signed off by Ann"):
        sign_off(warehouse, every, by="Bob", reason="known")
    assert names(warehouse) == [every[1]]
    assert events(warehouse, every[0])[-1] == ("SIGNED_OFF", "Ann", None, "known")


def test_once_more_by_the_same_person_for_the_same_reason_changes_nothing(warehouse: Warehouse, vendors: tuple[Vendor, Vendor]) -> None:
    name, other, *_ = names(warehouse)
    first, again = (sign_off(warehouse, [name], by=by, reason="known") for by in ("Ann", " Ann "))
    assert (first[0].is_new, again[0].is_new) == (True, False)
    assert warehouse.query("SELECT count(*) FROM break_sign_offs").item() == 1
    both = sign_off(warehouse, [name, other], by="Ann", reason="known")
    assert {one.break_id: one.is_new for one in both} == {name: False, other: True}


def test_a_break_is_signed_off_at_the_amount_that_was_seen_or_not_at_all(warehouse: Warehouse, vendors: tuple[Vendor, Vendor]) -> None:
    name = names(warehouse)[0]
    amount = stored_breaks(warehouse, condition({"break_id": name}))["variance"].item()
    for seen in (amount + Decimal("0.000000000001"), None):
        with pytest.raises(ConflictError, match=f"{name} is no longer at") as caught:
            sign_off_seen(warehouse, Seen(name, seen), by="Ann", reason="known", origin=BY_HAND)
        assert Decimal(caught.value.details["present_variance"]) == amount
    assert sign_off_seen(warehouse, Seen(name, amount), by="Ann", reason="known", origin=BY_HAND).is_new
    assert not sign_off_seen(warehouse, Seen(name, amount), by="Ann", reason="known", origin=BY_HAND).is_new


def test_each_of_several_is_accepted_by_itself_and_a_vendor_that_is_published_waits(
    warehouse: Warehouse, vendors: tuple[Vendor, Vendor]
) -> None:
    rows = stored_breaks(warehouse, condition({})).rows(named=True)
    whose = {row["break_id"]: row["data_source"] for row in rows}
    seen = [*(Seen(row["break_id"], row["variance"]) for row in rows), Seen("B-none", None)]
    wrong = Seen(seen[0].break_id, Decimal(1))
    with warehouse.connect() as publication:
        lock_publication(publication, vendors[1].name)
        found = sign_off_each(impatient(warehouse), [wrong, *seen[1:]], whose, by="Ann", reason="known", origin=BY_HAND)
    kinds = {one.break_id: type(result) for one, result in zip(seen, found, strict=True)}
    theirs = {row["break_id"] for row in rows if row["data_source"] == vendors[1].name}
    assert {name for name, kind in kinds.items() if kind is LockHeldError} == theirs - {wrong.break_id}
    assert kinds["B-none"] is NotFoundError
    assert kinds[wrong.break_id] in {ConflictError, LockHeldError}
    assert set(names(warehouse)) == theirs | {wrong.break_id}


def test_the_audit_log_has_what_was_done_and_nothing_of_what_was_refused(warehouse: Warehouse, vendors: tuple[Vendor, Vendor]) -> None:
    name = names(warehouse)[0]
    assign(warehouse, [name], owner="Ann", by="Bob", origin=BY_HAND)
    with pytest.raises(NotFoundError, match="there is no break B-none"):
        assign(warehouse, [name, "B-none"], owner="Cy", by="Bob")
    comment(warehouse, [name], by="Ann", words="asked")
    sign_off(warehouse, [name], by="Ann", reason="known")
    with pytest.raises(ConflictError, match="is signed off by Ann"):
        sign_off(warehouse, [name], by="Bob", reason="known")
    with warehouse.connect() as connection:
        connection.execute("SELECT comment_on_break(%s, 'Cy', 'by a statement')", [name])
    found = warehouse.query("SELECT principal, action, subject, origin, address, role, request_id FROM audit_log ORDER BY id").rows()
    login = by_command().address
    assert found == [
        ("Bob", "ASSIGNED", name, "api", "10.0.0.1", "analyst", "r-1"),
        ("Ann", "COMMENTED", name, "cli", login, None, None),
        ("Ann", "SIGNED_OFF", name, "cli", login, None, None),
        ("Cy", "COMMENTED", name, "sql", None, None, None),
    ]


@pytest.mark.parametrize(
    ("does", "says"),
    [
        (lambda warehouse, name: assign(warehouse, [name, "B-none"], owner="Ann", by="Bob"), "there is no break B-none; `advisory-perf"),
        (lambda warehouse, name: assign(warehouse, [name], owner="Ann", by=" "), "names nobody; say who assigns it"),
        (lambda warehouse, name: comment(warehouse, [name, "B-none"], by="Ann", words="x"), "there is no break B-none; `advisory-perf"),
        (lambda warehouse, name: comment(warehouse, [name], by="Ann", words=" "), "has no author or no words; give both"),
        (lambda warehouse, name: comment(warehouse, [name], by="", words="x"), "has no author or no words; give both"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence_and_leaves_no_trace(
    warehouse: Warehouse, vendors: tuple[Vendor, Vendor], does: object, says: str
) -> None:
    name = names(warehouse)[0]
    with pytest.raises(RequestError, match=says):
        does(warehouse, name)  # type: ignore[operator]
    assert warehouse.query("SELECT * FROM break_events").is_empty()
