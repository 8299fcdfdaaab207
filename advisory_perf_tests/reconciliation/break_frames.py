"""Frames of a few rows, from which the tests of breaks on frames are built."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from advisory_perf.reconciliation.break_runs import BREAKS, GONE, OUTCOMES, SIGN_OFFS, Difference, Known, followed

MAY, JUNE, JULY, AUGUST, SEPTEMBER = (date(2024, month, 28) for month in range(5, 10))
SIGNED_AT = datetime(2024, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
OWN = {"subject": "A", "field_name": "twrr"}


def outcome(day: date, variance: str, **others: Any) -> dict[str, Any]:
    """A valuation of account A, which breaks unless its variance is 0."""
    return {
        **OWN,
        "as_of_date": day,
        "is_break": variance != "0",
        "vendor_value": Decimal(100),
        "variance": Decimal(variance),
        "tolerance_threshold": Decimal("0.01"),
        "likely_cause": None if variance == "0" else "UNEXPLAINED",
        "delivery_id": f"file of {day}",
        "restates": False,
        **others,
    }


def outcomes(*rows: dict[str, Any]) -> pl.DataFrame:
    """OUTCOMES of the rows, in any order."""
    return pl.DataFrame(rows[::-1], OUTCOMES)


def a_break(first: date, last: date, name: str = "B-1", **others: Any) -> dict[str, Any]:
    """A stored break of account A that nothing has ended."""
    return {
        **OWN,
        "break_id": name,
        "status": "OPEN",
        "first_as_of_date": first,
        "last_as_of_date": last,
        "valuations": 1 + (last.month - first.month),
        "vendor_value": Decimal(100),
        "variance": Decimal(7),
        "first_variance": Decimal(7),
        "tolerance_threshold": Decimal("0.01"),
        "likely_cause": "UNEXPLAINED",
        "delivery_id": f"file of {last}",
        "named_on": first,
        **others,
    }


def breaks(*rows: dict[str, Any]) -> pl.DataFrame:
    """BREAKS of the rows."""
    return pl.DataFrame(rows, BREAKS)


def gone(name: str = "B-1", delivery: str | None = None, *, elsewhere: bool = False) -> pl.DataFrame:
    """GONE of one break."""
    return pl.DataFrame([{"break_id": name, "delivery_id": delivery, "is_told_elsewhere": elsewhere}], GONE)


def sign_off(number: int, day: date, variance: str | None, **others: Any) -> dict[str, Any]:
    """A sign-off of account A's break B-1."""
    return {
        **OWN,
        "id": number,
        "break_id": "B-1",
        "as_of_date": day,
        "variance": None if variance is None else Decimal(variance),
        "vendor_value": Decimal(100),
        "signed_off_by": f"signer {number}",
        "signed_off_at": SIGNED_AT,
        "reason": "known",
        **others,
    }


def follow(
    seen: pl.DataFrame, stored: pl.DataFrame | None = None, accepted: Sequence[dict[str, Any]] = (), *, first: date = MAY, **others: Any
) -> Difference:
    """What account A's breaks lack after the days from the first on have changed."""
    known = Known(
        first,
        seen,
        BREAKS.to_frame() if stored is None else stored,
        others.get("gone", GONE.to_frame()),
        pl.DataFrame(accepted, SIGN_OFFS),
    )
    return followed(known, "alpha", lambda _names: set())
