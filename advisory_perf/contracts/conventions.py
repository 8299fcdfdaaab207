"""The closed vocabularies of the field: conventions, statuses and causes.

An enum here is a fact that several rooms have to agree on. No enum has a default anywhere in the code: a financial
convention is always said by the caller, in the end by the feed.
"""

from enum import StrEnum


class Cadence(StrEnum):
    """How often a feed values its accounts; it chooses the windows of the lane."""

    DAILY = "daily"
    MONTHLY = "monthly"


class FlowTiming(StrEnum):
    """When external flows are taken to cross the account's boundary within a sub-period."""

    START_OF_DAY = "start_of_day"
    END_OF_DAY = "end_of_day"
    MID_DAY = "mid_day"
    INFLOW_START_OUTFLOW_END = "inflow_start_outflow_end"
    WEIGHTED = "weighted"


class FeeBasis(StrEnum):
    """Whether fees stay out of the ending market value (net) or are added back at the end of the day (gross)."""

    NET = "net"
    GROSS = "gross"


class ReturnStatus(StrEnum):
    """Why a sub-period return is what it is; every status but ``OK`` goes with a null return."""

    OK = "OK"
    UNDEFINED_BASE = "UNDEFINED_BASE"
    BELOW_MINIMUM_BASE = "BELOW_MINIMUM_BASE"
    BEYOND_TOTAL_LOSS = "BEYOND_TOTAL_LOSS"
    MISSING_VALUE = "MISSING_VALUE"


class DeliveryStatus(StrEnum):
    """Where a delivery stands in the ledger.

    RECEIVED: its landing has begun. PROCESSING: landed, its lane has still to publish it. The others are final.
    """

    RECEIVED = "RECEIVED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ISSUES = "COMPLETED_WITH_ISSUES"
    FAILED = "FAILED"
    DUPLICATE = "DUPLICATE"


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
    SIGN = "SIGN"
    UNDEFINED_BASE = "UNDEFINED_BASE"
    MONEY_WEIGHTED = "MONEY_WEIGHTED"
    STALE = "STALE"
    OUTLIER = "OUTLIER"
    UNEXPLAINED = "UNEXPLAINED"


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
