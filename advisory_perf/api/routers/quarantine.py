"""`/api/quarantine`: the rows that became no positions."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.models.quarantine import QuarantinedRow, QuarantineQuery
from advisory_perf.api.parameters import ends_of
from advisory_perf.contracts.issue_codes import CODES
from advisory_perf.warehouse.reading.quarantine import QuarantineWanted, quarantined_rows
from advisory_perf.warehouse.reading.snapshot import Row

router = APIRouter(prefix="/api/quarantine", tags=["quarantine"])


@router.get("")
def quarantine(answering: ForReaders, query: Annotated[QuarantineQuery, InQuery()]) -> Envelope[list[QuarantinedRow]]:
    """The rows that are in quarantine now, by file and line, each with the reason and what would make it right."""
    first, last = ends_of(query.date_range)
    asked = QuarantineWanted(query.vendor, query.file_id, query.code, query.severity, query.account_id, first, last)
    wanted = answering.wanted(query)
    found = answering.read(lambda snapshot: quarantined_rows(snapshot, asked, wanted))
    return answering.listed(found, query, data=[with_remedy(row) for row in found.rows])


def with_remedy(row: Row) -> Row:
    """A row in quarantine with what its code means; null of a code that is no longer known."""
    code = CODES.get(row["code"])
    return {**row, "remedy": None if code is None else code.sentence}
