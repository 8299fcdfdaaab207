"""`/api/exports/{relation}`: a table or view whole, as a file that streams."""

from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.exporting import MEDIA_TYPES, SERVED, StreamedExport, begun
from advisory_perf.api.models.exports import ExportQuery
from advisory_perf.api.parameters import PathName, ends_of
from advisory_perf.api.responses import error_responses
from advisory_perf.errors import AdvisoryPerfError, NotFoundError, RequestError
from advisory_perf.warehouse.as_reported import instant_of
from advisory_perf.warehouse.export import ExportFormat, export_relation
from advisory_perf.warehouse.filters import Filters

router = APIRouter(prefix="/api/exports", tags=["exports"])

_FILES: dict[int | str, dict[str, Any]] = {
    HTTPStatus.OK: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}}
}

_REFUSED = error_responses(HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS)


@router.get("/{relation}", response_class=Response, responses=_FILES | _REFUSED)
def export(answering: ForReaders, relation: PathName, query: Annotated[ExportQuery, InQuery()]) -> Response:
    """A table or view as it is in one instant, in the order of its key: csv, ndjson or parquet. One that breaks off has no last chunk."""
    if relation not in SERVED:
        raise NotFoundError(f"there is no table or view {relation} to export; there are {', '.join(sorted(SERVED))}")
    if query.defuse and query.format is not ExportFormat.CSV:
        raise RequestError(f"only a csv is defused for spreadsheets; {query.format} keeps texts as texts, so leave defuse out")
    first, last = (None if day is None else day.isoformat() for day in ends_of(query.date_range))
    write = partial(
        export_relation,
        answering.service.exports,
        relation,
        form=query.format,
        filters=Filters(query.vendor, query.account_id, first, last),
        as_reported=None if query.as_reported is None else _instant(query.as_reported),
        for_spreadsheets=query.defuse,
    )
    running = begun(answering.service, lambda target: write(target=target))
    try:
        part = running.first_part()
    except BaseException:
        running.close()
        raise
    return StreamedExport(running, part, media_type=MEDIA_TYPES[query.format], file_name=f"{relation}.{query.format}")


def _instant(text: str) -> datetime:
    try:
        return instant_of(text)
    except AdvisoryPerfError as error:
        raise RequestError(str(error)) from error
