"""`/api/lineage/{vendor}/{account_id}/{as_of_date}`: where one published number comes from."""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.known import with_remedy
from advisory_perf.api.lineage import formula_of, link_of, raw_of, terms_of
from advisory_perf.api.models.lineage import NumberLineage
from advisory_perf.api.parameters import PathDay, PathName, Query
from advisory_perf.api.responses import NOT_FOUND
from advisory_perf.api.service import Service
from advisory_perf.warehouse.reading.lineage import Lineage, lineage_of
from advisory_perf.warehouse.reading.snapshot import Row

router = APIRouter(prefix="/api/lineage", tags=["lineage"])

_OF_THE_ROW = ("formula", "link", "file", "line_number", "raw", "terms")


@router.get("/{vendor}/{account_id}/{as_of_date}", responses=NOT_FOUND)
def number_lineage(
    answering: ForReaders, vendor: PathName, account_id: PathName, as_of_date: PathDay, _query: Annotated[Query, InQuery()]
) -> Envelope[NumberLineage]:
    """One account-date whole: its figures, the formula with the amounts put in, file and line, and what stood there before.

    The file's line is of the lake, of whose state no ETag speaks: the answer has none.
    """
    found = answering.read(lambda snapshot: lineage_of(snapshot, vendor, account_id, as_of_date), is_kept=False)
    if found.row is None or found.entry is None:
        data, message = {**dict.fromkeys(_OF_THE_ROW), "row": found.row}, "the account-date is published no more"
    else:
        data, message = _of_the_row(answering.service, found, found.row, found.entry), ""
    return answering.one({**data, **_around(found)}, message)


def _of_the_row(service: Service, found: Lineage, row: Row, entry: Row) -> dict[str, Any]:
    feed = service.feeds.get(entry["feed"])
    return {
        "row": row,
        "formula": formula_of(row, feed),
        "link": link_of(row, found.before),
        "file": {"file_id": entry["delivery_id"], **{name: entry[name] for name in _OF_THE_FILE}},
        "line_number": row["line_number"],
        "raw": raw_of(service.lake, entry, row["line_number"]),
        "terms": None if feed is None else terms_of(feed),
    }


_OF_THE_FILE = ("file_name", "feed", "sha256", "size_bytes", "received_at", "run_id")


def _around(found: Lineage) -> dict[str, Any]:
    return {
        "versions": found.versions,
        "results": found.results,
        "breaks": found.breaks,
        "quarantined": [with_remedy(row) for row in found.quarantined],
    }
