"""What is true of a sample delivery, worked out with exact rational arithmetic apart from the platform.

The figures are what a person with paper and patience would find in the positions that count: linked returns, flows, and
breaks at the default tolerances. Nothing here reads a file; each vendor's module says itself what it did to its lines.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from math import prod
from operator import attrgetter
from typing import Literal

from advisory_perf.contracts.enums import FlowTiming
from advisory_perf.samples.market import Position, dollars

UNPLANTED = "UNEXPLAINED"
_ENDING_TOLERANCE_CENTS = 1
_TWRR_TOLERANCE = Fraction(1, 10_000)


@dataclass(frozen=True)
class SampleFile:
    """One file as the vendor would hand it over."""

    vendor: str
    name: str
    content: bytes


@dataclass(frozen=True)
class FileTruth:
    """Where the rows of one file go: read = accepted + duplicates + footers + all quarantined.

    ``quarantined`` counts rows by code. A file that was sent before is ``DUPLICATE``, and nothing in it is read.
    """

    status: Literal["INGESTED", "DUPLICATE"]
    read: int
    accepted: int
    duplicates: int = 0
    footers: int = 0
    quarantined: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class AccountTruth:
    """One account after everything is processed.

    ``cumulative_twrr`` is a fraction (0.01 is 1 %); undefined returns are linked over. ``cumulative_net_flow`` is in
    account currency. ``rows`` counts its as-of dates, ``undefined`` those without a return. ``twrr_1y`` is that of the last one, from
    month end to month end; None where the account has no valuation to start from.
    """

    cumulative_twrr: Fraction
    twrr_1y: Fraction | None
    cumulative_net_flow: Decimal
    rows: int
    undefined: int


@dataclass(frozen=True)
class VendorTruth:
    """One vendor after everything is processed: files by name, breaks by field, accounts by account id.

    ``causes`` has how many breaks were planted for a cause, by its name; those of UNPLANTED mean nothing.
    """

    files: dict[str, FileTruth]
    breaks: dict[str, int]
    accounts: dict[str, AccountTruth]
    causes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class VendorSamples:
    """The files of one vendor in order of arrival, and what is true of them."""

    files: tuple[SampleFile, ...]
    truth: VendorTruth


def vendor_truth(
    files: dict[str, FileTruth], positions: Iterable[Position], timing: FlowTiming, causes: Mapping[str, int] | None = None
) -> VendorTruth:
    """The truth of the positions that count: one an account-date, restated ones already in place of the earlier."""
    ordered = sorted(positions, key=lambda row: (row.account.account_id, row.as_of_date))
    return VendorTruth(
        files=files,
        breaks={
            "ending_market_value": sum(_ending_breaks(row) for row in ordered),
            "twrr": sum(_twrr_breaks(row, timing) for row in ordered),
        },
        accounts={account.account_id: _account_truth(tuple(rows), timing) for account, rows in groupby(ordered, key=attrgetter("account"))},
        causes=dict(causes or {}),
    )


def _account_truth(positions: Sequence[Position], timing: FlowTiming) -> AccountTruth:
    returns = [row.exact_return(timing) for row in positions]
    return AccountTruth(
        cumulative_twrr=prod((1 + r for r in returns if r is not None), start=Fraction(1)) - 1,
        twrr_1y=_year(positions, returns),
        cumulative_net_flow=dollars(sum(row.net_flow for row in positions)),
        rows=len(positions),
        undefined=returns.count(None),
    )


def _year(positions: Sequence[Position], returns: Sequence[Fraction | None]) -> Fraction | None:
    """The latest year of an account that is valued on the last day of each month; None of a shorter life, such as a daily vendor's.

    The first beginning value is a valuation at the end of the month before, if there was money.
    """
    last = positions[-1].as_of_date
    first_month = (last.year - 1) * 12 + last.month
    months = [position.as_of_date.year * 12 + position.as_of_date.month for position in positions]
    within = [place for place, month in enumerate(months) if month > first_month]
    is_valued = within[0] > 0 or (months[0] == first_month + 1 and positions[0].beginning > 0)
    if not is_valued or len(set(months)) < len(months):
        return None
    return prod((1 + r for r in (returns[place] for place in within) if r is not None), start=Fraction(1)) - 1


def _ending_breaks(position: Position) -> bool:
    return abs(position.calculated_ending - position.ending) > _ENDING_TOLERANCE_CENTS


def _twrr_breaks(position: Position, timing: FlowTiming) -> bool:
    """Whether the vendor's return is off; a missing one is not compared, a given one against our null is a break."""
    if position.vendor_twrr is None:
        return False
    ours = position.exact_return(timing)
    return ours is None or abs(ours - Fraction(position.vendor_twrr)) > _TWRR_TOLERANCE
