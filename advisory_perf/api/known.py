"""What several endpoints ask of what is named in a path, and what they say of a row in quarantine."""

from advisory_perf.api.service import Service
from advisory_perf.contracts.issue_codes import CODES
from advisory_perf.errors import NotFoundError
from advisory_perf.warehouse.reading.files import file_entry, is_vendor
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot


def known_entry(snapshot: Snapshot, file_id: str) -> Row:
    """The ledger's row; NotFoundError without one."""
    entry = file_entry(snapshot, file_id)
    if entry is None:
        raise NotFoundError(f"there is no file {file_id}; /api/vendors/VENDOR/files lists those of a vendor by their file_id")
    return entry


def refuse_unknown_vendor(snapshot: Snapshot, service: Service, vendor: str) -> None:
    """NotFoundError for a vendor that has neither a feed nor a delivery."""
    if not service.feeds_of(vendor) and not is_vendor(snapshot, vendor):
        raise NotFoundError(f"there is no vendor {vendor}; /api/vendors lists them")


def with_remedy(row: Row) -> Row:
    """A row in quarantine with what its code means; null of a code that is no longer known."""
    code = CODES.get(row["code"])
    return {**row, "remedy": None if code is None else code.sentence}
