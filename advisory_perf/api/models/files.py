"""Deliveries, by the name the documents have for them: files."""

from datetime import date
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from advisory_perf.api.envelope import Body, Instant
from advisory_perf.api.models.rows import row_model
from advisory_perf.api.parameters import DateRange, Name, Paged
from advisory_perf.contracts.enums import DeliveryStatus, Severity
from advisory_perf.contracts.stored_tables import ISSUES, LEDGER
from advisory_perf.contracts.tables import DELIVERY_FACTORS

_OF_A_FILE = {"delivery_id", "id", "normalized_run_id", "taken_up_no", "taken_up_by", "ingestion_no", "file_path", "first_received_at"}


class FileSort(StrEnum):
    """The latest first, or those with most quarantined rows."""

    RECEIVED_AT = "received_at"
    LAST_AS_OF_DATE = "last_as_of_date"
    RECORDS_FAILED = "records_failed"


class FilesQuery(Paged):
    """Which files of a vendor."""

    status: list[DeliveryStatus] = Field(default=[], description="one or more")
    date_range: DateRange | None = Field(default=None, description="as-of dates that the file has some of; FROM/TO, `..` open, or a day")
    received_range: DateRange | None = Field(default=None, description="days on which it arrived, in UTC")
    q: Name | None = Field(default=None, description="what its name contains")
    sort: FileSort = FileSort.RECEIVED_AT


class IssuesQuery(Paged):
    """Which issues of a file."""

    code: Name | None = Field(default=None, description="of this code only, such as E_NUMBER")
    severity: list[Severity] = Field(default=[], description="one or more")


class File(Body):
    """One delivery in a list."""

    file_id: str
    file_name: str
    feed: str
    vendor: str
    status: DeliveryStatus
    first_as_of_date: date | None
    last_as_of_date: date | None
    records_read: int
    records_processed: int = Field(description="accepted rows")
    records_inserted: int
    records_updated: int
    records_restated: int
    records_failed: int = Field(description="quarantined rows")
    records_duplicate: int
    records_footer: int
    error_code: str | None
    error_message: str | None
    received_at: Instant
    processing_start_time: Instant | None
    processing_end_time: Instant | None
    latency_seconds: float | None = Field(description="from its first arrival to published, rejected or found a duplicate")
    pass_rate: float | None = Field(description="of its figures that were compared those within tolerance (1 is all)")
    breaks: int = Field(description="its figures outside tolerance")


class Conservation(Body):
    """No row is lost: what was read is the sum of what became of it."""

    read: int
    accepted: int
    quarantined: int
    duplicate: int
    footer: int
    holds: bool


class IssueCount(Body):
    """Issues of one code."""

    issue_type: str
    severity: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
    count: int
    first_line: int | None = Field(description="null of an issue that a pipeline found")
    first_description: str


class FileDay(Body):
    """A day of a file."""

    as_of_date: date
    rows: int = Field(description="that are published of it now")
    breaks: int


class RelatedFile(Body):
    """A file with which rows were exchanged."""

    file_id: str
    rows: int


class SameBytes(Body):
    """A file that has the very bytes."""

    file_id: str
    file_name: str
    status: DeliveryStatus
    received_at: Instant


class Links(Body):
    """Where to go on."""

    data: str
    issues: str
    reconciliation: str
    run: str | None = Field(description="of Dagster, as a path of its page; null before a run has ingested it")


DeliveryFactor: Any = row_model("DeliveryFactor", DELIVERY_FACTORS, without={"data_source"})
FileIssue = row_model("FileIssue", ISSUES)

FileEntry = row_model("FileEntry", LEDGER, without=_OF_A_FILE)


class FileDetails(FileEntry):  # type: ignore[misc,valid-type]
    """All that is known of a file."""

    file_id: str
    zone: str = Field(description="where in the lake it lies: incoming, archive or error")
    latency_seconds: float | None
    pass_rate: float | None
    breaks: int
    conservation: Conservation
    issues: list[IssueCount]
    profile: dict[str, Any] | None = Field(description="what it looks like, column by column; null where it was not read")
    factors: list[DeliveryFactor]
    days: list[FileDay]
    superseded_by: list[RelatedFile] = Field(description="files whose rows took the place of its own")
    supersedes: list[RelatedFile] = Field(description="files whose rows its own took the place of")
    same_bytes: list[SameBytes]
    open_alerts: int
    links: Links
