"""What an export may be asked with."""

from pydantic import Field

from advisory_perf.api.parameters import DateRange, Name, Query
from advisory_perf.warehouse.export import ExportFormat


class ExportQuery(Query):
    """Form and rows of an export."""

    format: ExportFormat = ExportFormat.CSV
    vendor: Name | None = Field(default=None, description="rows of this vendor only")
    date_range: DateRange | None = Field(default=None, description="as-of dates: FROM/TO, `..` open, or a day")
    account_id: Name | None = Field(default=None, description="rows of this account only")
    as_reported: Name | None = Field(
        default=None, description="the rows as they stood at the end of that day in UTC, or at an instant with its offset"
    )
    defuse: bool = Field(default=False, description="puts an apostrophe before texts of a csv that a spreadsheet would run as a formula")
