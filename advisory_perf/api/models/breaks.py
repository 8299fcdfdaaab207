"""Breaks, and what is done with them."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from advisory_perf.api.envelope import Body, Instant, Money
from advisory_perf.api.models.files import DeliveryFactor
from advisory_perf.api.models.rows import row_model
from advisory_perf.api.parameters import LONGEST, Asked, Name, Paged, Said, When
from advisory_perf.contracts.enums import BreakStatus, Cause, ReconciledField
from advisory_perf.contracts.stored_tables import BREAKS

MOST_AT_ONCE = 500
_AMOUNT = r"^-?[0-9]{1,26}(\.[0-9]{1,12})?$"


def _is_text(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError('write the amount as text, such as "12.5000": a number of JSON would be rounded')  # noqa: TRY004 - Pydantic's way
    return value


Amount = Annotated[
    Decimal,
    BeforeValidator(_is_text),
    Field(max_digits=38, decimal_places=12, allow_inf_nan=False),
    WithJsonSchema({"type": "string", "pattern": _AMOUNT, "examples": ["12.5000"]}),
]


class BreaksSort(StrEnum):
    """Whole deliveries and the oldest first; or the largest, as it is or in its tolerances."""

    AGE = "age"
    AMOUNT = "amount"
    TOLERANCE = "tolerance"


class BreaksQuery(Paged):
    """Which breaks."""

    status: list[BreakStatus] = Field(default=[BreakStatus.OPEN], description="one or more")
    vendor: Name | None = None
    account_id: Name | None = None
    file_id: Name | None = Field(default=None, description="the file of its latest valuation")
    field: ReconciledField | None = Field(default=None, description="the figure")
    cause: Cause | None = Field(default=None, description="the likely cause")
    age_min: int | None = Field(default=None, ge=0, le=100_000, description="business days that it has lasted at least")
    new_since: When | None = Field(default=None, description="found at that instant or later")
    owner: Name | None = Field(default=None, description="who has it")
    sort: BreaksSort = BreaksSort.AGE


_OF_WORK: dict[str, tuple[Any, str]] = {
    "owner": (str | None, "who has it; null: nobody"),
    "comments": (int, "how many comments there are"),
    "latest_comment": (str | None, "what was said last"),
    "explained_value": (Money | None, "what the likely cause gives for the figure; null where it gives none"),
    "explained_by": (str | None, "the key of the feed with which it closes"),
    "other_causes": (str | None, "others that give the vendor's figure too"),
    "currency": (str | None, "of the amounts; null of a whole delivery"),
    "business_days": (int, "how long it has lasted, by the vendor's calendar: up to today, or to the valuation that ended it"),
    "is_material": (bool, "its variance reaches what matters to the firm, or has no size"),
    "is_new_today": (bool, "it was found today, in UTC"),
    "is_closed_today": (bool, "it was over today, in UTC"),
}

Break: Any = row_model("Break", BREAKS, more=_OF_WORK)


class BreakCounts(Body):
    """How many there are by status, whatever statuses are asked for."""

    OPEN: int = 0
    SIGNED_OFF: int = 0
    RESOLVED: int = 0
    RESOLVED_BY_RESTATEMENT: int = 0


class Breaks(Body):
    """A page of breaks."""

    counts: BreakCounts
    breaks: list[Break]


class BreakValuation(Body):
    """The figure at one valuation."""

    as_of_date: date
    calculated_value: Money | None
    vendor_value: Money | None
    variance: Money | None = Field(description="ours less the vendor's")
    tolerance_threshold: Money | None
    within_tolerance: bool | None = Field(description="null where it was not compared")
    likely_cause: Cause | None
    explained_value: Money | None
    explained_by: str | None


class BreakEvent(Body):
    """What happened to a break."""

    made_at: Instant
    event: str = Field(description="FOUND, ASSIGNED, COMMENTED, SIGNED_OFF, RESOLVED or RESOLVED_BY_RESTATEMENT")
    made_by: str | None = Field(description="null where a publication did it")
    owner: str | None = Field(description="of ASSIGNED: to whom; null: to nobody")
    comment: str | None = Field(description="what was said, the reason of a sign-off, or the delivery that resolved it")


class BreakOthers(Body):
    """Other breaks of the vendor with the same likely cause and the same latest valuation."""

    breaks: int
    open: int


class BreakMateriality(Body):
    """From which size on a difference matters to the firm."""

    amount: Money = Field(description="in the account's currency")
    share: Money = Field(description="of a return: 0.0010 is 10 basis points")
    is_material: bool


class BreakDetails(Break):  # type: ignore[misc]
    """All that is known of a break."""

    valuations_of_break: list[BreakValuation] = Field(description="the figure from its first day to its last; none of a whole delivery")
    factors: list[DeliveryFactor] = Field(description="of a whole delivery, by day; none of an account")
    history: list[BreakEvent] = Field(description="the oldest first")
    others: BreakOthers
    materiality: BreakMateriality


class SignOffAsked(Asked):
    """Accepts a break at the amount that was seen."""

    reason: Said = Field(description="why, for those who ask later")
    expected_variance: Amount | None = Field(
        description="its variance as it was seen, of a whole delivery its factor; null where it has none"
    )


class SignOffItem(Asked):
    """One break of several."""

    break_id: Name
    expected_variance: Amount | None = Field(description="as of a single one")


class SignOffsAsked(Asked):
    """Accepts several breaks for one reason."""

    items: list[SignOffItem] = Field(min_length=1, max_length=MOST_AT_ONCE)
    reason: Said


class SignOff(Body):
    """A break as it is once it is signed off."""

    break_id: str
    data_source: str
    account_id: str | None = Field(description="null for a whole delivery")
    field_name: ReconciledField
    status: BreakStatus
    last_as_of_date: date
    variance: Money | None
    vendor_value: Money | None
    factor: Money | None
    signed_off_by: str
    is_new: bool = Field(description="false where it was signed off just so before")


class Refusal(Body):
    """Why one was not done: as the error of a single one."""

    status: int = Field(examples=[409])
    code: str = Field(examples=["CONFLICT"])
    detail: str
    details: dict[str, Any] = Field(description="such as present_variance or signed_off_by")


class SignOffResult(Body):
    """What became of one of several."""

    break_id: str
    result: Literal["signed_off", "refused"]
    sign_off: SignOff | None
    refusal: Refusal | None


class CommentAsked(Asked):
    """What is to be said of a break."""

    comment: Said


class Commented(Body):
    """What was said of a break."""

    break_id: str
    made_by: str
    comment: str


class OwnerAsked(Asked):
    """Who is to have a break from now on."""

    owner: Annotated[Said, Field(max_length=LONGEST)] | None = Field(description="null: nobody")


class Owned(Body):
    """Who has a break."""

    break_id: str
    owner: str | None
