"""`/api/breaks`: figures outside their tolerance, and what people do with them."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForAnalysts, ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.models.breaks import (
    BreakDetails,
    Breaks,
    BreaksQuery,
    CommentAsked,
    Commented,
    Owned,
    OwnerAsked,
    SignOff,
    SignOffAsked,
    SignOffResult,
    SignOffsAsked,
)
from advisory_perf.api.parameters import PathName, Query
from advisory_perf.api.problems import sentence_of
from advisory_perf.api.responses import NOT_FOUND, error_responses
from advisory_perf.errors import AdvisoryPerfError, NotFoundError, RequestError
from advisory_perf.reconciliation.break_work import Seen, assign, comment, sign_off_each, sign_off_seen
from advisory_perf.reconciliation.breaks import Break
from advisory_perf.warehouse.auditing import Origin
from advisory_perf.warehouse.reading.breaks import (
    BreaksWanted,
    break_of,
    breaks_of,
    events_of,
    others_like,
    valuations_of,
    vendors_of_breaks,
)
from advisory_perf.warehouse.reading.files import factors_of_break
from advisory_perf.warehouse.reading.paging import PageFound
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

router = APIRouter(prefix="/api/breaks", tags=["breaks"])


@router.get("")
def breaks(answering: ForReaders, query: Annotated[BreaksQuery, InQuery()]) -> Envelope[Breaks]:
    """Breaks, by default those that are open, whole deliveries and the oldest first; and how many there are by status."""
    measuring = answering.service.measuring()
    asked = BreaksWanted(
        ages=measuring.ages,
        today=measuring.now.date(),
        statuses=query.status,
        vendor=query.vendor,
        account_id=query.account_id,
        file_id=query.file_id,
        field=query.field,
        cause=query.cause,
        owner=query.owner,
        age_min=query.age_min,
        new_since=query.new_since,
        sort=query.sort,
    )
    wanted = answering.wanted(query)

    def reading(snapshot: Snapshot) -> tuple[PageFound, dict[str, int]]:
        return breaks_of(snapshot, asked, wanted)

    found, counts = answering.read(reading, varies=measuring.now.date().isoformat())
    return answering.listed(found, query, data={"counts": counts, "breaks": measuring.measured_rows(found.rows)})


@router.post("/sign-offs")
def breaks_sign_off(answering: ForAnalysts, asked: SignOffsAsked, _query: Annotated[Query, InQuery()]) -> Envelope[list[SignOffResult]]:
    """Accepts several breaks for one reason, each at the amount that was seen, and says of each what became of it.

    Those of a vendor are one transaction; one that is refused stops no other.
    """
    names = [item.break_id for item in asked.items]
    with answering.service.reader.connect() as connection:
        vendors = vendors_of_breaks(Snapshot(connection), names)
    seen = [Seen(item.break_id, item.expected_variance) for item in asked.items]
    by, origin = answering.caller.name, answering.origin
    results = sign_off_each(answering.service.desk, seen, vendors, by=by, reason=asked.reason, origin=origin)
    return answering.all_of([_result(name, result, origin) for name, result in zip(names, results, strict=True)])


@router.get("/{break_id}", responses=NOT_FOUND)
def break_details(answering: ForReaders, break_id: PathName, _query: Annotated[Query, InQuery()]) -> Envelope[BreakDetails]:
    """All that is known of a break: its valuations, what was done, what else breaks like it, and whether it matters."""
    measuring = answering.service.measuring()

    def reading(snapshot: Snapshot) -> Row:
        found = break_of(snapshot, break_id)
        if found is None:
            raise _unknown(break_id)
        (row,) = measuring.measured_rows([found])
        materiality = {**asdict(measuring.materiality), "is_material": row["is_material"]}
        return {
            **row,
            "valuations_of_break": valuations_of(snapshot, found),
            "factors": factors_of_break(snapshot, found),
            "history": events_of(snapshot, break_id),
            "others": others_like(snapshot, found),
            "materiality": materiality,
        }

    return answering.one(answering.read(reading, varies=measuring.now.date().isoformat()))


@router.post("/{break_id}/sign-off", status_code=HTTPStatus.CREATED, responses=error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
def break_sign_off(
    answering: ForAnalysts, break_id: PathName, asked: SignOffAsked, _query: Annotated[Query, InQuery()]
) -> Envelope[SignOff]:
    """Accepts a break at the amount that was seen: it stays closed as long as its amount stays.

    409 where it has another amount by now, is signed off already or resolved. The same once more by the same caller writes nothing.
    """
    seen = Seen(break_id, asked.expected_variance)
    found = sign_off_seen(answering.service.desk, seen, by=answering.caller.name, reason=asked.reason, origin=answering.origin)
    return answering.one(asdict(found))


@router.post("/{break_id}/comments", status_code=HTTPStatus.CREATED, responses=NOT_FOUND)
def break_comment(
    answering: ForAnalysts, break_id: PathName, asked: CommentAsked, _query: Annotated[Query, InQuery()]
) -> Envelope[Commented]:
    """Adds a comment to a break, whatever its status; what was said before stays."""
    by = answering.caller.name
    comment(answering.service.desk, [break_id], by=by, words=asked.comment, origin=answering.origin)
    return answering.one({"break_id": break_id, "made_by": by, "comment": asked.comment})


@router.put("/{break_id}/owner", responses=NOT_FOUND)
def break_owner(answering: ForAnalysts, break_id: PathName, asked: OwnerAsked, _query: Annotated[Query, InQuery()]) -> Envelope[Owned]:
    """Says who has a break from now on, or that nobody has."""
    assign(answering.service.desk, [break_id], owner=asked.owner or "", by=answering.caller.name, origin=answering.origin)
    return answering.one({"break_id": break_id, "owner": asked.owner})


def _unknown(break_id: str) -> NotFoundError:
    return NotFoundError(f"there is no break {break_id}; /api/breaks lists them", {"break_id": break_id})


def _result(name: str, result: Break | AdvisoryPerfError, origin: Origin) -> dict[str, Any]:
    if isinstance(result, AdvisoryPerfError):
        return {"break_id": name, "result": "refused", "sign_off": None, "refusal": _refusal(result, origin)}
    return {"break_id": name, "result": "signed_off", "sign_off": asdict(result), "refusal": None}


def _refusal(error: AdvisoryPerfError, origin: Origin) -> dict[str, Any]:
    details = error.details if isinstance(error, RequestError) else {}
    return {"status": error.http_status, "code": error.code, "detail": sentence_of(error, origin.request_id or ""), "details": details}
