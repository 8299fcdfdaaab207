"""The fields of a position by name, for what is about positions: their feed, their rules across columns, the detection of feeds."""

from advisory_perf.contracts.datasets import POSITIONS

NET_FLOW, FLOWS = next(iter(POSITIONS.instead_of.items()))
FIELDS = POSITIONS.fields
"""What a column may be mapped to: the fields of a position, and the net flow in the place of both flows."""
MONEY_FIELDS = POSITIONS.money
RETURN_FIELDS = POSITIONS.returns
IDENTIFIERS = POSITIONS.identifiers
"""Whose texts are taken digit by digit, and never as numbers."""
REQUIRED_FIELDS = POSITIONS.required
