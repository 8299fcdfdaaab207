"""Dashboard, key figures and quality scores."""

from datetime import date

from pydantic import Field

from advisory_perf.analytics.kpis import KpiState
from advisory_perf.api.envelope import Body, Money
from advisory_perf.api.parameters import DateRange, Name, Query
from advisory_perf.contracts.enums import DeliveryStatus, QualityDimension, ReconciledField


class DashboardQuery(Query):
    """Which days, and of whom."""

    vendor: Name | None = Field(default=None, description="of this vendor only")
    date_range: DateRange | None = Field(
        default=None, description="as-of dates, FROM/TO; by default the 30 days up to the latest that is published"
    )


class KeyFigure(Body):
    """One figure and what is wanted of it."""

    name: str
    title: str
    definition: str
    unit: str = Field(description="share (1 is all), score (0 to 100) or seconds")
    value: float | None = Field(description="null where nothing was counted")
    target: float
    alert: float = Field(description="beyond this it alerts")
    more_is_better: bool
    state: KpiState


class DayOfDeliveries(Body):
    """Files of a day and status: by their latest as-of date, or by the day they arrived where they have none."""

    day: date
    status: DeliveryStatus
    deliveries: int
    rows_read: int
    rows_accepted: int
    rows_quarantined: int
    rows_restated: int = Field(description="published rows that gave another figure than the row before")


class DayOfValues(Body):
    """Accounts of a day in one currency; sums over two currencies are not made."""

    as_of_date: date
    currency: str
    accounts: int
    beginning_market_value: Money
    ending_market_value: Money
    net_flow: Money


class DayOfComparisons(Body):
    """A figure of a day, compared with the vendors' own."""

    as_of_date: date
    field_name: ReconciledField
    compared: int
    breaks: int
    pass_rate: float | None = Field(description="the share within tolerance; null where nothing was compared")


class OpenBreaksOfCause(Body):
    """Open breaks of one cause."""

    cause: str
    breaks: int


class BreaksOfDays(Body):
    """Breaks as they stand now; `new` and `resolved` count those that began, or ended, in the days shown."""

    open: int
    signed_off: int
    new: int
    resolved: int
    age_0_1: int = Field(description="open ones, by the business days that they have lasted up to today, as /api/breaks counts them")
    age_2_5: int
    age_6_30: int
    age_over_30: int
    by_cause: list[OpenBreaksOfCause]


class AlertCounts(Body):
    """Open alerts."""

    critical: int
    high: int
    medium: int
    low: int
    missing_files: int
    late_files: int


class DashboardSummary(Body):
    """What a dashboard shows of some days."""

    first: date
    last: date
    vendor: str | None
    kpis: list[KeyFigure]
    deliveries: list[DayOfDeliveries]
    market_values: list[DayOfValues]
    pass_rates: list[DayOfComparisons]
    breaks: BreaksOfDays
    alerts: AlertCounts


class DimensionScore(Body):
    """One dimension, and what it was counted from; null, and its weight shared out, where there is nothing to count."""

    dimension: QualityDimension
    numerator: int | None
    denominator: int | None
    score: float | None = Field(description="0 to 100")


class WeighedScore(DimensionScore):
    """The same with its weight in the total."""

    weight: int


class FeedScore(DimensionScore):
    """The same of one feed."""

    feed: str


class DayScore(Body):
    """The score of a day by dimension, and in TOTAL."""

    as_of_date: date
    dimension: QualityDimension
    score: float | None


class QualityScore(Body):
    """How good what was delivered is: sums of what was counted, divided once."""

    first: date
    last: date
    vendor: str | None
    score: float | None = Field(description="the weighted mean of the dimensions, 0 to 100; null where nothing was counted")
    dimensions: list[WeighedScore]
    by_feed: list[FeedScore]
    by_day: list[DayScore]
