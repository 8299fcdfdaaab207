"""`/api/composites`: what the firm shows of its portfolios together, by the GIPS standards."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.models.portfolios import CompositeDetails, CompositeInList
from advisory_perf.api.parameters import PathName, Query
from advisory_perf.api.responses import error_responses
from advisory_perf.errors import NotFoundError
from advisory_perf.warehouse.reading.composites import composites_of, members_of_composite, months_of_composite, report_of_composite
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

router = APIRouter(prefix="/api/composites", tags=["composites"])


@router.get("")
def composites(answering: ForReaders, _query: Annotated[Query, InQuery()]) -> Envelope[list[CompositeInList]]:  # type: ignore[valid-type]
    """Every composite with its latest month, by name."""
    return answering.all_of(answering.read(composites_of))


@router.get("/{composite}", responses=error_responses(HTTPStatus.NOT_FOUND))
def composite_details(answering: ForReaders, composite: PathName, _query: Annotated[Query, InQuery()]) -> Envelope[CompositeDetails]:
    """A composite with its yearly report, its months, and the members of the latest of them."""

    def reading(snapshot: Snapshot) -> Row:
        months = months_of_composite(snapshot, composite)
        if not months:
            raise NotFoundError(f"there is no composite {composite}; /api/composites lists them")
        return {
            "composite": composite,
            "report": report_of_composite(snapshot, composite),
            "performance": months,
            "members": members_of_composite(snapshot, composite, months[-1]["month"]),
        }

    return answering.one(answering.read(reading))
