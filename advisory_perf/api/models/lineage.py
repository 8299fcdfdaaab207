"""Where one published number comes from."""

from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, Field

from advisory_perf.api.envelope import Body, Instant, Money
from advisory_perf.api.models.file_rows import FileRow
from advisory_perf.api.models.quarantine import QuarantinedRow
from advisory_perf.api.models.rows import row_model
from advisory_perf.api.models.vendors import FeedTerms
from advisory_perf.contracts.enums import FeeBasis, FlowTiming, ReturnStatus
from advisory_perf.contracts.stored_tables import BREAKS
from advisory_perf.contracts.tables import RECONCILIATION_RESULTS

_COMPARED: dict[str, tuple[Any, str]] = {
    "reconciliation_date": (date, "the day on which the comparison was made or last changed"),
}
DayResult: type[BaseModel] = row_model("DayResult", RECONCILIATION_RESULTS, more=_COMPARED)
CoveringBreak: type[BaseModel] = row_model("CoveringBreak", BREAKS)


class FormulaInput(Body):
    """One amount of a formula."""

    name: str = Field(description="as the formula has it: a column of the row, or the weight of the flow timing")
    value: Money | None = Field(description="null where the row has none")


class Formula(Body):
    """How the row's return comes about."""

    flow_timing: FlowTiming
    fee_basis: FeeBasis
    formula: str = Field(description="the return, by the names of its inputs")
    put_in: str | None = Field(description="the same with their amounts; null where one is missing")
    inputs: list[FormulaInput]
    numerator: Money | None = Field(description="the gain, exact")
    base: Money | None = Field(description="what it is divided by, exact")
    result: float | None = Field(description="one by the other; null where status says why")
    growth_factor: float | None = Field(description="1 + the return, divided by itself, by which returns are linked")
    status: ReturnStatus
    rule: str = Field(description="when within the day the flow counts, and why")
    why_null: str | None = Field(description="why there is no return; null where there is one")
    is_published: bool = Field(description="it is the published return to the last bit; false where the feed has changed since")


class ValuationBefore(Body):
    """The account's valuation before: its key, and what is linked on from."""

    data_source: str
    account_id: str
    as_of_date: date
    ending_market_value: Money
    currency: str
    return_status: ReturnStatus
    cumulative_twrr: float | None
    delivery_id: str


class Link(Body):
    """How the return goes on from the valuation before: 1 + cumulative_twrr is 1 + cumulative_twrr_before times the growth factor."""

    before: ValuationBefore | None = Field(description="null at the first valuation")
    rolls_forward_by: Money | None = Field(description="beginning value less the ending one before; 0 where they agree")
    cumulative_twrr_before: float | None
    cumulative_twrr: float | None
    linked_over_gap: bool = Field(description="a valuation without a return lies before, over which the others are linked")
    inception_date: date = Field(description="from when it is linked; a later one than the valuation before begins an episode anew")


class SourceFile(Body):
    """The file that the row came in."""

    file_id: str
    file_name: str
    feed: str
    sha256: str
    size_bytes: int
    received_at: Instant
    run_id: str | None = Field(description="the run that ingested it last")


class FileCell(Body):
    """One cell of a file, as it was delivered."""

    column: str
    text: str | None


class RawRow(Body):
    """The line as it was delivered."""

    rows: list[list[FileCell]] | None = Field(description="one, or several where the feed turns lines around; null where why_null says why")
    why_null: str | None


class ColumnOfField(Body):
    """Which column of the file fills a field."""

    field_name: str
    column: str


class Terms(FeedTerms):
    """What is agreed about the file's kind, as the feed says it now."""

    weight: Decimal | None = Field(description="of flows under the weighted timing")
    minimum_base: Decimal | None = Field(description="the least base that a return is given of")
    residual_base: Decimal | None = Field(description="the share of a flow up to which what lies beside it counts as nothing")
    large_flow: Decimal | None = Field(description="the share of the base beyond which a flow is large")
    columns: list[ColumnOfField]


class NumberLineage(Body):
    """One published account-date whole: where each of its figures comes from, and what stood there before."""

    row: FileRow | None = Field(description="what is published now; null where the account-date was withdrawn")  # type: ignore[valid-type]
    formula: Formula | None = Field(description="null where no feed says how the vendor's returns are computed")
    link: Link | None
    file: SourceFile | None
    line_number: int | None = Field(description="the row's line in the file")
    raw: RawRow | None
    terms: Terms | None = Field(description="null where no feed claims such files any more")
    versions: list[FileRow] = Field(description="what was published before, the earliest first")  # type: ignore[valid-type]
    results: list[DayResult] = Field(description="its figures against the vendor's")  # type: ignore[valid-type]
    breaks: list[CoveringBreak] = Field(description="the breaks that its figures are part of")  # type: ignore[valid-type]
    quarantined: list[QuarantinedRow] = Field(description="rows of the same account and day in quarantine, at most 100")
