"""The fields of a position that a column of a file may be mapped to."""

from advisory_perf.contracts.columns import COLUMNS, Kind
from advisory_perf.contracts.tables import DELIVERED_POSITIONS

PROVENANCE = ("data_source", "file_name", "delivery_id", "line_number")
VENDOR_RETURN = "vendor_twrr"
PRECISION = ("vendor_value_half_unit", "vendor_twrr_half_unit")

KEY = ("account_id", "as_of_date")
"""What a position is known by."""
NET_FLOW = "net_flow"
FLOWS = ("contributions", "distributions")
_OF_POSITIONS = tuple(name for name in DELIVERED_POSITIONS.column_names if name not in (*PROVENANCE, *PRECISION))
_BEHIND_FLOWS = _OF_POSITIONS.index(FLOWS[-1]) + 1
FIELDS = (*_OF_POSITIONS[:_BEHIND_FLOWS], NET_FLOW, *_OF_POSITIONS[_BEHIND_FLOWS:])
"""What a column may be mapped to: the fields of a position, and the net flow in the place of both flows."""
MONEY_FIELDS = tuple(name for name in FIELDS if COLUMNS[name].kind is Kind.MONEY)
RETURN_FIELDS = tuple(name for name in FIELDS if COLUMNS[name].kind is Kind.RETURN)
IDENTIFIERS = ("account_id", "portfolio_id", "client_id")
"""Whose texts are taken digit by digit, and never as numbers."""
REQUIRED_FIELDS = (
    "account_id",
    "as_of_date",
    "beginning_market_value",
    "contributions",
    "distributions",
    "ending_market_value",
)
NEVER_NULL = (*REQUIRED_FIELDS, NET_FLOW)
