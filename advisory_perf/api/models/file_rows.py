"""The rows of a file."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from advisory_perf.api.envelope import Instant
from advisory_perf.api.models.rows import row_model
from advisory_perf.api.parameters import DateRange, Name, Paged
from advisory_perf.contracts.enums import ReconciliationStatus
from advisory_perf.contracts.tables import PERFORMANCE_DATA


class RowState(StrEnum):
    """Rows that are published now, rows whose place another took or that went, or both."""

    STANDING = "standing"
    SUPERSEDED = "superseded"
    ALL = "all"


class FileRowsQuery(Paged):
    """Which rows of a file."""

    date_range: DateRange | None = Field(default=None, description="as-of dates: FROM/TO, `..` open, or a day")
    account_id: Name | None = Field(default=None, description="of this account only")
    status: list[ReconciliationStatus] = Field(default=[], description="reconciliation_status, one or more")
    state: list[RowState] = Field(default=[RowState.STANDING], description="standing, superseded, or all")


_STATES: dict[str, tuple[Any, str]] = {
    "created_at": (Instant, "when the row was published"),
    "updated_at": (Instant, "when it changed last"),
    "state": (RowState, "standing: it is published now; superseded: another row took its place, or it went"),
    "superseded_at": (datetime | None, "when that was; null of a standing row"),
    "superseded_by": (str | None, "the file whose row took its place; null where it went, or was computed anew because of an earlier day"),
}

FileRow = row_model("FileRow", PERFORMANCE_DATA, more=_STATES)
