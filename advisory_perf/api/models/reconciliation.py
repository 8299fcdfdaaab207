"""One file's figures against ours."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field

from advisory_perf.api.envelope import Body, Money
from advisory_perf.api.models.files import DeliveryFactor
from advisory_perf.api.models.rows import row_model
from advisory_perf.api.parameters import Paged
from advisory_perf.contracts.enums import BreakStatus, Cause, DeliveryStatus, ReconciledField
from advisory_perf.contracts.tables import RECONCILIATION_RESULTS


class Within(StrEnum):
    """Which results: breaks, those within tolerance, those not compared, or all."""

    FALSE = "false"
    TRUE = "true"
    NULL = "null"
    ALL = "all"


class ResultSort(StrEnum):
    """By account, day and figure, or the largest variance first."""

    ACCOUNT = "account"
    VARIANCE = "variance"


class ResultsQuery(Paged):
    """Which results of a file."""

    field: ReconciledField | None = Field(default=None, description="of this figure only")
    within_tolerance: Within = Field(default=Within.FALSE, description="false: breaks; null: not compared")
    cause: Cause | None = Field(default=None, description="of this likely cause only")
    min_variance: Annotated[Decimal, Field(ge=0, max_digits=38, decimal_places=12)] | None = Field(
        default=None, description="of at least this variance, of either sign, in the figure's own unit"
    )
    sort: ResultSort = ResultSort.ACCOUNT


class Largest(Body):
    """The largest break of a figure."""

    variance: Money | None = Field(description="ours less theirs; null where one of them is missing")
    account_id: str
    as_of_date: date


class FieldCount(Body):
    """Comparisons of one figure."""

    field_name: ReconciledField
    compared: int
    breaks: int = Field(description="of these outside tolerance")
    not_compared: int = Field(description="the vendor gives no figure, or one that cannot be compared")
    pass_rate: float | None = Field(description="the share within tolerance (1 is all); null where nothing was compared")
    largest: Largest | None = Field(description="null where nothing breaks")


class CauseCount(Body):
    """Breaks of one likely cause."""

    likely_cause: Cause | None = Field(description="null where none is known")
    breaks: int


class ReconciliationSummary(Body):
    """How a file's figures compare with ours."""

    status: DeliveryStatus = Field(description="of the file")
    pass_rate: float | None = Field(description="the share within tolerance (1 is all); null where nothing was compared")
    compared: int
    breaks: int = Field(description="of these outside tolerance")
    not_compared: int = Field(description="the vendor gives no figure, or one that cannot be compared")
    by_field: list[FieldCount]
    by_cause: list[CauseCount] = Field(description="breaks, the most frequent cause first")
    factors: list[DeliveryFactor] = Field(description="factors by which the whole file is off")


_OF_ITS_BREAK: dict[str, tuple[Any, str]] = {
    "reconciliation_date": (date, "the day on which the comparison was made or last changed"),
    "break_id": (str | None, "the break that it is part of; null of what does not break"),
    "break_status": (BreakStatus | None, "where that break stands"),
    "age_days": (int | None, "days from that break's first valuation to its latest"),
}

Result: type[BaseModel] = row_model("Result", RECONCILIATION_RESULTS, more=_OF_ITS_BREAK)


class FileReconciliation(Body):
    """A file's figures against ours, and a page of the results."""

    summary: ReconciliationSummary
    results: list[Result] = Field(description="the page; total_records counts all results that were asked for")  # type: ignore[valid-type]
