"""The rows in quarantine."""

from datetime import date

from pydantic import Field

from advisory_perf.api.envelope import Body, Instant
from advisory_perf.api.parameters import DateRange, Name, Paged
from advisory_perf.contracts.enums import Severity


class QuarantineQuery(Paged):
    """Which rows in quarantine."""

    vendor: Name | None = None
    file_id: Name | None = None
    code: Name | None = Field(default=None, description="why a row is there, such as E_NUMBER")
    severity: list[Severity] = Field(default=[], description="one or more")
    date_range: DateRange | None = Field(
        default=None, description="as-of dates: FROM/TO, `..` open, or a day; leaves out rows whose day cannot be read"
    )
    account_id: Name | None = None


class QuarantinedRow(Body):
    """A row that became no position, whole."""

    vendor: str
    delivery_id: str
    file_name: str
    line_number: int
    code: str
    field_name: str | None = Field(description="the field that is wrong; null where it is the row")
    reason: str = Field(description="what is wrong with this row")
    remedy: str | None = Field(description="what the code means, and what would make such a row right")
    severity: Severity
    account_id: str | None = Field(description="null where it cannot be read, as the day")
    as_of_date: date | None
    is_published: bool = Field(description="the account-date is published all the same, from another row or file")
    raw_row: str | None = Field(description="the row as it came: a JSON object of its cells, or the line itself where it did not fit")
    quarantined_at: Instant
