"""The closed vocabularies of the field: conventions, statuses and causes.

An enum here is a fact that several rooms have to agree on. No enum has a default anywhere in the code: a financial
convention is always said by the caller, in the end by the feed.
"""

from datetime import date, timedelta
from enum import StrEnum

DAYS_TO_MONTH_END = 4
"""How far a valuation may lie before the month's last day and still stand for it: a weekend with a holiday on either side."""


class _Convention(StrEnum):
    """A convention, which may be given as its text: what it does not know is refused with what it does."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in cls.__name__).strip()
        raise ValueError(f"{value!r} is no {words}: choose one of {', '.join(cls)}")


class Cadence(StrEnum):
    """How often a feed values its accounts; it chooses the windows of the pipeline."""

    DAILY = "daily"
    MONTHLY = "monthly"


class FlowTiming(_Convention):
    """When external flows are taken to cross the account's boundary within a sub-period."""

    START_OF_DAY = "start_of_day"
    END_OF_DAY = "end_of_day"
    MID_DAY = "mid_day"
    INFLOW_START_OUTFLOW_END = "inflow_start_outflow_end"
    WEIGHTED = "weighted"


class FeeBasis(_Convention):
    """Whether fees stay out of the ending market value (net) or are added back at the end of the day (gross)."""

    NET = "net"
    GROSS = "gross"


class ReturnPeriod(_Convention):
    """The period that a vendor's return covers up to its row, where that is longer than the row's own sub-period."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    INCEPTION = "inception"

    @property
    def figure(self) -> str:
        """The column of our linked return of that period."""
        return {"month": "twrr_mtd", "quarter": "twrr_qtd", "year": "twrr_ytd", "inception": "cumulative_twrr"}[self.value]

    @property
    def over_gap(self) -> str:
        """The column that says whether a gap lies in it."""
        return "linked_over_gap" if self is ReturnPeriod.INCEPTION else f"{self.figure}_over_gap"


class DayCount(_Convention):
    """How many years lie between two dates: their days by a year of 365.25 or of 365 days, or whole months between month ends by 12."""

    ACTUAL_365_25 = "actual/365.25"
    ACTUAL_365 = "actual/365"
    MONTHS_12 = "months/12"

    @property
    def days_a_year(self) -> float:
        """The days that make a year; ValueError where the convention counts months."""
        if self is DayCount.MONTHS_12:
            raise ValueError("months/12 counts whole months and no days; choose actual/365.25 or actual/365")
        return 365.25 if self is DayCount.ACTUAL_365_25 else 365.0

    def years(self, start: date, end: date) -> float:
        """The years from the end of ``start`` to the end of ``end``.

        Of months/12 both have to be month ends: at most four days before the month's last, as far as a weekend with a holiday on either
        side puts the last business day. ValueError where one is not.
        """
        if self is not DayCount.MONTHS_12:
            return (end - start).days / self.days_a_year
        for day in (start, end):
            if (day + timedelta(days=DAYS_TO_MONTH_END + 1)).month == day.month:
                raise ValueError(
                    f"months/12 needs month ends, and {day} lies before the last days of its month; choose actual/365.25 or actual/365"
                )
        return ((end.year - start.year) * 12 + end.month - start.month) / 12


class Deviation(_Convention):
    """The divisor of a variance: one less than the number of returns (sample), or the number itself (population)."""

    SAMPLE = "sample"
    POPULATION = "population"

    @property
    def lost_degrees(self) -> int:
        """What the divisor lacks of the number of returns."""
        return 1 if self is Deviation.SAMPLE else 0


class RateStatus(StrEnum):
    """Why dated flows have no internal rate of return."""

    NO_RATE = "NO_RATE"
    SEVERAL_RATES = "SEVERAL_RATES"


class Reopening(_Convention):
    """What new money in an account that its owner had emptied does: a new episode, or the history goes on."""

    NEW_EPISODE = "new_episode"
    LINK = "link"


class ReturnStatus(StrEnum):
    """Why a sub-period return is what it is; every status but those of ``WITH_RETURN`` goes with a null return.

    LARGE_FLOW: there is a return, and it depends on when within the sub-period the flow crossed. CLOSED: nothing was there to earn one.
    """

    OK = "OK"
    LARGE_FLOW = "LARGE_FLOW"
    UNDEFINED_BASE = "UNDEFINED_BASE"
    BELOW_MINIMUM_BASE = "BELOW_MINIMUM_BASE"
    BEYOND_TOTAL_LOSS = "BEYOND_TOTAL_LOSS"
    MISSING_VALUE = "MISSING_VALUE"
    CURRENCY_CHANGE = "CURRENCY_CHANGE"
    CLOSED = "CLOSED"


WITH_RETURN = (ReturnStatus.OK, ReturnStatus.LARGE_FLOW)
"""The statuses of a sub-period that has a return."""


class TransferNetting(_Convention):
    """What becomes of flows between two accounts of a group: those that match without doubt are netted, or none is."""

    MATCHED = "matched"
    NONE = "none"


class GroupLevel(StrEnum):
    """What accounts are rolled up to."""

    PORTFOLIO = "PORTFOLIO"
    CLIENT = "CLIENT"

    @property
    def column(self) -> str:
        """The column of a position that names its account's group."""
        return f"{self.value.lower()}_id"


class Weighting(_Convention):
    """How a composite's return is made of its members: weighted by their beginning values, or of the sum of their money."""

    BEGINNING_VALUE = "beginning_value"
    AGGREGATE = "aggregate"


class RollUpStatus(StrEnum):
    """Whether a day of a group of accounts has a sum; every status but OK goes with null amounts.

    MISSING_MEMBERS: a member that held a value has no valuation. SEVERAL_CURRENCIES: the members' amounts are in more than one currency.
    MISSING_VALUE: a member's amount is null.
    """

    OK = "OK"
    MISSING_MEMBERS = "MISSING_MEMBERS"
    SEVERAL_CURRENCIES = "SEVERAL_CURRENCIES"
    MISSING_VALUE = "MISSING_VALUE"


class ConversionStatus(StrEnum):
    """Whether a row's amounts could be converted; every status but OK goes with null amounts.

    MISSING_RATE: no rate of the very day that is needed. MISSING_DATE: the row does not say of which day an amount is.
    """

    OK = "OK"
    MISSING_RATE = "MISSING_RATE"
    MISSING_DATE = "MISSING_DATE"


class LinkStatus(StrEnum):
    """Why figures that were linked over a period are what they are; every status but OK goes with null figures.

    UNDEFINED_RETURN: a sub-period of the period has no return. TOTAL_LOSS: everything was lost in it, so that logarithms end.
    NOT_A_MEMBER: the account was in the group on no day of the period.
    """

    OK = "OK"
    UNDEFINED_RETURN = "UNDEFINED_RETURN"
    TOTAL_LOSS = "TOTAL_LOSS"
    NOT_A_MEMBER = "NOT_A_MEMBER"


class DeliveryStatus(StrEnum):
    """Where a delivery stands in the ledger.

    RECEIVED: its ingestion has begun. PROCESSING: ingested, its pipeline has still to publish it. The others are final.
    """

    RECEIVED = "RECEIVED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ISSUES = "COMPLETED_WITH_ISSUES"
    FAILED = "FAILED"
    DUPLICATE = "DUPLICATE"


class AccountStatus(StrEnum):
    """Whether an account holds assets, and if not, whether that is its owner's doing."""

    ACTIVE = "ACTIVE"
    """It held assets at its last valuation."""
    EMPTY = "EMPTY"
    """It holds none: it was never funded, or everything was lost."""
    CLOSED = "CLOSED"
    """Its owner has emptied it, and nothing has come in since."""


class ReconciliationStatus(StrEnum):
    """Where one published account-date stands against the vendor's own figures."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ISSUES = "COMPLETED_WITH_ISSUES"


class Cause(StrEnum):
    """The likely cause of a break."""

    FLOW_TIMING = "FLOW_TIMING"
    FEE_BASIS = "FEE_BASIS"
    PERCENT_SCALE = "PERCENT_SCALE"
    ROUNDING = "ROUNDING"
    ROLL_FORWARD = "ROLL_FORWARD"
    MISSING_FLOW = "MISSING_FLOW"
    DOUBLED_FLOW = "DOUBLED_FLOW"
    DOUBLED_FEES = "DOUBLED_FEES"
    INCOME = "INCOME"
    DAY_SHIFT = "DAY_SHIFT"
    CURRENCY_RATE = "CURRENCY_RATE"
    SIGN = "SIGN"
    UNDEFINED_BASE = "UNDEFINED_BASE"
    MONEY_WEIGHTED = "MONEY_WEIGHTED"
    STALE = "STALE"
    OUTLIER = "OUTLIER"
    SYSTEMATIC = "SYSTEMATIC"
    UNEXPLAINED = "UNEXPLAINED"


class BreakStatus(StrEnum):
    """Where a break stands.

    OPEN: somebody has to look at it. SIGNED_OFF: a person has accepted its amount. RESOLVED: the next valuation passes.
    RESOLVED_BY_RESTATEMENT: a valuation at which it broke was restated, or withdrawn.
    """

    OPEN = "OPEN"
    SIGNED_OFF = "SIGNED_OFF"
    RESOLVED = "RESOLVED"
    RESOLVED_BY_RESTATEMENT = "RESOLVED_BY_RESTATEMENT"


class Severity(StrEnum):
    """How much a data quality issue matters."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class ReconciledField(StrEnum):
    """The figures that are compared with the vendor's own."""

    ENDING_MARKET_VALUE = "ending_market_value"
    NET_FLOW = "net_flow"
    TWRR = "twrr"


class QualityDimension(StrEnum):
    """What a quality score is about, and the weighted total of the others."""

    COMPLETENESS = "COMPLETENESS"
    VALIDITY = "VALIDITY"
    UNIQUENESS = "UNIQUENESS"
    CONSISTENCY = "CONSISTENCY"
    TIMELINESS = "TIMELINESS"
    ACCURACY = "ACCURACY"
    TOTAL = "TOTAL"
