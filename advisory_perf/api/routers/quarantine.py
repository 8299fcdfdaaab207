"""`/api/quarantine`: the rows that became no positions."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.known import with_remedy
from advisory_perf.api.models.quarantine import QuarantinedRow, QuarantineQuery
from advisory_perf.api.parameters import ends_of
from advisory_perf.warehouse.reading.quarantine import QuarantineWanted, quarantined_rows

router = APIRouter(prefix="/api/quarantine", tags=["quarantine"])


@router.get("")
def quarantine(answering: ForReaders, query: Annotated[QuarantineQuery, InQuery()]) -> Envelope[list[QuarantinedRow]]:
    """The rows that are in quarantine now, by file and line, each with the reason and what would make it right."""
    first, last = ends_of(query.date_range)
    asked = QuarantineWanted(
        vendor=query.vendor,
        file_id=query.file_id,
        code=query.code,
        severities=query.severity,
        account_id=query.account_id,
        first=first,
        last=last,
    )
    wanted = answering.wanted(query)
    found = answering.read(lambda snapshot: quarantined_rows(snapshot, asked, wanted))
    return answering.listed(found, query, data=[with_remedy(row) for row in found.rows])
