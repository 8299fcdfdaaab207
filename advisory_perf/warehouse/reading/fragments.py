"""Figures that several statements count, each in one expression of SQL."""

from typing import LiteralString

LATENCY: LiteralString = "extract(epoch FROM processing_end_time - coalesce(first_received_at, received_at))::float8"
"""Seconds from a delivery's first arrival to published, rejected or found a duplicate, of a row of the ledger; null before."""

SHARE_WITHIN: LiteralString = "(sum(compared) - sum(breaks))::float8 / nullif(sum(compared), 0)::float8"
"""The share of figures within tolerance, of rows of ``reconciliation_totals``; null where none was compared."""
