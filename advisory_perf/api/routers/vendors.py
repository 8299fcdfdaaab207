"""`/api/vendors`, and the files of one."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as InQuery

from advisory_perf.api.answering import ForReaders
from advisory_perf.api.envelope import Envelope
from advisory_perf.api.feeds_in_words import feed_in_words
from advisory_perf.api.known import refuse_unknown_vendor
from advisory_perf.api.models.files import File, FilesQuery
from advisory_perf.api.models.vendors import Vendor
from advisory_perf.api.parameters import PathName, Query, ends_of
from advisory_perf.api.responses import NOT_FOUND
from advisory_perf.warehouse.reading.files import FilesWanted, files_of
from advisory_perf.warehouse.reading.paging import PageFound, PageWanted
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot
from advisory_perf.warehouse.reading.vendors import feeds_with_missing_files, latest_days, vendor_counts

router = APIRouter(prefix="/api/vendors", tags=["vendors"])


@router.get("")
def vendors(answering: ForReaders, _query: Annotated[Query, InQuery()]) -> Envelope[list[Vendor]]:
    """Every vendor that has a feed or deliveries: what came of it, how its figures compare with ours, and what is open."""
    service = answering.service
    now = service.clock()

    def reading(snapshot: Snapshot) -> list[Row]:
        counts, late, latest = vendor_counts(snapshot), feeds_with_missing_files(snapshot), latest_days(snapshot)
        return [
            {
                **dict.fromkeys(Vendor.model_fields, 0),
                "latest_as_of_date": None,
                "latest_received_at": None,
                "reconciliation_pass_rate": None,
                **counts.get(vendor, {}),
                "vendor": vendor,
                "has_feed": bool(service.feeds_of(vendor)),
                "feeds": [
                    feed_in_words(feed, latest.get(feed.name, {}).get("latest_as_of_date"), now=now, is_late=feed.name in late)
                    for feed in service.feeds_of(vendor)
                ],
            }
            for vendor in sorted({*counts, *(feed.vendor for feed in service.feeds.values())})
        ]

    return answering.all_of(answering.read(reading, varies=now.date().isoformat()))


@router.get("/{vendor}/files", responses=NOT_FOUND)
def vendor_files(answering: ForReaders, vendor: PathName, query: Annotated[FilesQuery, InQuery()]) -> Envelope[list[File]]:
    """A vendor's files, the latest arrival first unless sorted otherwise."""
    first, last = ends_of(query.date_range)
    received_first, received_last = ends_of(query.received_range)
    asked = FilesWanted(
        vendor=vendor,
        statuses=query.status,
        first=first,
        last=last,
        received_first=received_first,
        received_last=received_last,
        name_contains=query.q,
        sort=query.sort,
    )
    wanted: PageWanted = answering.wanted(query)

    def reading(snapshot: Snapshot) -> PageFound:
        refuse_unknown_vendor(snapshot, answering.service, vendor)
        return files_of(snapshot, asked, wanted)

    return answering.listed(answering.read(reading), query)
