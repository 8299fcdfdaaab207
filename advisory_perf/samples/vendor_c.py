"""Vendor C: nested JSON, one document a row. End-of-day flows, returns as fractions.

Accounts come and go: some are funded on their first day (nothing at the beginning), some are paid out in full on their
last. Now and then the vendor gives no return.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from random import Random
from typing import Any

from advisory_perf.contracts.enums import Cadence, FlowTiming
from advisory_perf.samples.market import Book, Position, account_histories, dollars, with_vendor_return
from advisory_perf.samples.truth import FileTruth, SampleFile, VendorSamples, vendor_truth

VENDOR = "vendor_c"
TIMING = FlowTiming.END_OF_DAY

_TWRR_DIGITS = 8
_RETURN_MISSING_EVERY = 13

_Json = dict[str, dict[str, Any]]


def make_vendor_c(random: Random, accounts: int, dates: Sequence[date]) -> VendorSamples:
    """One file with all dates, named by the latest; every thirteenth row, the first too, lacks a vendor return."""
    book = Book(
        accounts=accounts,
        cadence=Cadence.MONTHLY,
        account_prefix="C-",
        portfolio_prefix="C-P",
        fund_every=4,
        close_every=6,
    )
    positions = [
        with_vendor_return(position, TIMING, _TWRR_DIGITS) for history in account_histories(random, dates, book) for position in history
    ]
    positions = [
        replace(position, vendor_twrr=None) if row % _RETURN_MISSING_EVERY == 0 else position for row, position in enumerate(positions)
    ]
    name = f"{VENDOR}_performance_{dates[-1]:%Y%m%d}.json"
    file = FileTruth(status="INGESTED", read=len(positions), accepted=len(positions))
    content = json.dumps([_document(position) for position in positions], indent=1).encode()
    return VendorSamples((SampleFile(VENDOR, name, content),), vendor_truth({name: file}, positions, TIMING))


def _document(position: Position) -> _Json:
    return {
        "account": {
            "id": position.account.account_id,
            "name": position.account.name,
            "portfolio": position.account.portfolio,
        },
        "reporting": {
            "period_end": position.as_of_date.isoformat(),
            "market_values": {"beginning": _money(position.beginning), "ending": _money(position.ending)},
            "cash_flows": {
                "contributions": _money(position.contributions),
                "distributions": _money(position.distributions),
            },
            "performance": {
                "income_earned": _money(position.income),
                "capital_appreciation": _money(position.appreciation),
                "fees_paid": _money(position.fees),
                "other_adjustments": _money(position.adjustments),
            },
            "returns": {
                "time_weighted": None if position.vendor_twrr is None else float(position.vendor_twrr),
                "benchmark": float(position.benchmark_return),
            },
        },
    }


def _money(cents: int) -> float:
    """The number JSON prints for the amount: the shortest float, which is the cents exactly when read as text."""
    return float(dollars(cents))
