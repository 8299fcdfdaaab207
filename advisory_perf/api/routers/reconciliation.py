"""`/api/reconciliation/{file_id}`: a file's figures against ours."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.known import known_entry
from advisory_perf.api.models.reconciliation import FileReconciliation, ResultsQuery
from advisory_perf.api.parameters import PathName
from advisory_perf.api.responses import NOT_FOUND
from advisory_perf.warehouse.reading.paging import PageFound
from advisory_perf.warehouse.reading.reconciliation import ResultsWanted, results_of_file, summary_of_file
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

router = APIRouter(prefix="/api/reconciliation", tags=["reconciliation"])


@router.get("/{file_id}", responses=NOT_FOUND)
def file_reconciliation(
    answering: ForReaders, file_id: PathName, query: Annotated[ResultsQuery, InQuery()]
) -> Envelope[FileReconciliation]:
    """How many of a file's figures agree with ours, and the results: unless asked otherwise, those outside their tolerance."""
    asked = ResultsWanted(
        field_name=query.field, within=query.within_tolerance, cause=query.cause, min_variance=query.min_variance, sort=query.sort
    )
    wanted = answering.wanted(query)

    def reading(snapshot: Snapshot) -> tuple[Row, PageFound]:
        entry = known_entry(snapshot, file_id)
        return summary_of_file(snapshot, entry), results_of_file(snapshot, entry, asked, wanted)

    summary, found = answering.read(reading)
    message = "" if summary["compared"] else "nothing of the file was compared with figures of the vendor's"
    return answering.listed(found, query, data={"summary": summary, "results": found.rows}, message=message)
