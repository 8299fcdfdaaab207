"""Vendor A: a CSV file with CRLF, many month ends in one file, mid-day flows, returns as fractions.

The untidy one of the four. A blank dividend is no dividend; months without news are left out; some lines cannot be
read, come twice or contradict each other; some endings and returns are wrong. Every defect has a row of its own.
"""

import csv
import io
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial
from random import Random
from typing import TypeVar

from advisory_perf.contracts.enums import Cadence, FlowTiming
from advisory_perf.samples.market import Book, Position, account_histories, dollars, misstated, rounded_return, with_vendor_return
from advisory_perf.samples.truth import UNPLANTED, FileTruth, SampleFile, VendorSamples, vendor_truth

VENDOR = "vendor_a"
TIMING = FlowTiming.MID_DAY
CSV_COLUMNS = (
    "acct_id",
    "acct_name",
    "port_id",
    "report_date",
    "beginning_mv",
    "deposits",
    "withdrawals",
    "dividend",
    "unrealized_gl",
    "management_fee",
    "adjustments",
    "ending_mv",
    "bmk_return",
    "twr",
)

_TWRR_DIGITS = 8
_SHORT_LINE_CELLS = 9
_UNREADABLE = "n/a?"
_CONFLICT_CENTS = 10_000
_WRONG_ENDING_CENTS = (57, -10_000, 450_027, -14_616)
_AT_TOLERANCE_CENTS = 1
_WRONG_TWRR = (Decimal("0.0250"), Decimal("-0.1400"), Decimal("0.0031"))
_BREAKS = 2
"""Cents, and ten-thousandths of a return, from which on a planted figure is surely another."""

_Figure = TypeVar("_Figure", int, Fraction)

_ENDINGS: tuple[tuple[str, Callable[[Position], int | None]], ...] = (
    ("DOUBLED_FEES", lambda position: -position.fees),
    ("INCOME", lambda position: -position.income),
    ("DOUBLED_FLOW", lambda position: position.net_flow),
    (UNPLANTED, lambda _: None),
)
"""What the vendor's ending is off by, by its cause; without one by an amount that means nothing."""
_RETURNS: tuple[tuple[str, Callable[[Position], Fraction | None]], ...] = (
    ("FEE_BASIS", lambda position: replace(position, ending=position.ending + position.fees).exact_return(TIMING)),
    ("FLOW_TIMING", lambda position: position.exact_return(FlowTiming.START_OF_DAY)),
    (UNPLANTED, lambda _: None),
    ("SIGN", lambda position: -(position.exact_return(TIMING) or Fraction(0))),
)
"""What the vendor gives as the return, by its cause; without one it is off by an amount that means nothing."""

_Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Defects:
    """Which rows are defective, by account and place in its history; no row is in two of them."""

    unreadable: frozenset[_Place]
    short: frozenset[_Place]
    duplicated: frozenset[_Place]
    conflicting: frozenset[_Place]
    wrong_ending: frozenset[_Place]
    wrong_twrr: frozenset[_Place]
    at_tolerance: frozenset[_Place]
    """Endings that are off by the tolerance to the cent, and so pass."""


def make_vendor_a(random: Random, accounts: int, dates: Sequence[date]) -> VendorSamples:
    """One file with all dates, named by the latest."""
    book = Book(
        accounts=accounts,
        cadence=Cadence.MONTHLY,
        account_prefix="ACC",
        portfolio_prefix="ACCP",
        skip_percent=5,
    )
    histories = account_histories(random, dates, book)
    defects = _plan(random, [(a, i) for a, history in enumerate(histories) for i in range(len(history))])
    rows, causes = _reported(random, histories, defects)

    lines: list[list[str]] = []
    accepted: list[Position] = []
    for place, position in rows.items():
        cells = _cells(position)
        if place in defects.unreadable:
            column = CSV_COLUMNS.index(random.choice(("beginning_mv", "ending_mv")))
            lines.append([*cells[:column], _UNREADABLE, *cells[column + 1 :]])
        elif place in defects.short:
            lines.append(cells[:_SHORT_LINE_CELLS])
        elif place in defects.conflicting:
            lines += [cells, _cells(replace(position, ending=position.ending + _CONFLICT_CENTS))]
        else:
            lines += [cells, cells] if place in defects.duplicated else [cells]
            accepted.append(position)

    name = f"{VENDOR}_performance_{dates[-1]:%Y%m%d}.csv"
    quarantined = {
        "E_NUMBER": len(defects.unreadable),
        "E_FIELDS": len(defects.short),
        "E_KEY_CONFLICT": 2 * len(defects.conflicting),
    }
    file = FileTruth(
        status="INGESTED",
        read=len(lines),
        accepted=len(accepted),
        duplicates=len(defects.duplicated),
        quarantined={code: count for code, count in quarantined.items() if count},
    )
    return VendorSamples((SampleFile(VENDOR, name, _csv(lines)),), vendor_truth({name: file}, accepted, TIMING, causes))


def _plan(random: Random, places: list[_Place]) -> _Defects:
    """Deals the defects out over shuffled rows, about one row in 80 for each kind; a tiny file gets the first kinds."""
    share = max(1, len(places) // 80)
    deck = iter(random.sample(places, len(places)))

    def deal(count: int) -> frozenset[_Place]:
        return frozenset(place for place, _ in zip(deck, range(count), strict=False))

    return _Defects(
        unreadable=deal(share),
        short=deal(share),
        duplicated=deal(share),
        conflicting=deal(share),
        wrong_ending=deal(2 * share),
        wrong_twrr=deal(share),
        at_tolerance=deal(1),
    )


def _reported(random: Random, histories: list[list[Position]], defects: _Defects) -> tuple[dict[_Place, Position], Counter[str]]:
    """The positions as the vendor has them: wrong endings carried on, returns from the values reported, some wrong; and why so many are."""
    rows: dict[_Place, Position] = {}
    causes = Counter[str]()
    endings, returns = deque(_ENDINGS), deque(_RETURNS)
    for number, original in enumerate(histories):
        history = original
        for index in range(len(history)):
            if (number, index) in defects.wrong_ending:
                off = random.choice(_WRONG_ENDING_CENTS)
                cause, planted = _dealt(endings, history[index], lambda off: abs(off) > _BREAKS)
                causes[cause] += 1
                history = misstated(history, index, off if planted is None else planted)
            elif (number, index) in defects.at_tolerance:
                history = misstated(history, index, _AT_TOLERANCE_CENTS)
        for index, position in enumerate(history):
            reported = with_vendor_return(position, TIMING, _TWRR_DIGITS)
            own = reported.vendor_twrr
            if (number, index) in defects.wrong_twrr and own is not None:
                by = random.choice(_WRONG_TWRR)
                cause, other = _dealt(returns, position, partial(_differs, own))
                causes[cause] += 1
                reported = replace(reported, vendor_twrr=own + by if other is None else rounded_return(other, _TWRR_DIGITS))
            rows[number, index] = reported
    return rows, causes


def _differs(own: Decimal, other: Fraction) -> bool:
    return abs(other - Fraction(own)) * 10_000 > _BREAKS


def _dealt(
    kinds: deque[tuple[str, Callable[[Position], _Figure | None]]], position: Position, breaks: Callable[[_Figure], bool]
) -> tuple[str, _Figure | None]:
    """The cause that has waited longest of those that the position can have, with what it gives; None is UNPLANTED, which any can have."""
    for place, (cause, of_cause) in enumerate(kinds):
        figure = of_cause(position)
        if cause == UNPLANTED or (figure is not None and breaks(figure)):
            kinds.append(kinds[place])
            del kinds[place]
            return cause, None if cause == UNPLANTED else figure
    raise AssertionError("any position can have a break that was planted for no cause")


def _cells(position: Position) -> list[str]:
    return [
        position.account.account_id,
        position.account.name,
        position.account.portfolio,
        position.as_of_date.isoformat(),
        str(dollars(position.beginning)),
        _money(position.contributions),
        _money(position.distributions),
        _money(position.income, zero=""),
        _money(position.appreciation),
        _money(position.fees),
        _money(position.adjustments),
        str(dollars(position.ending)),
        f"{position.benchmark_return.normalize():f}",
        "" if position.vendor_twrr is None else f"{position.vendor_twrr:f}",
    ]


def _money(cents: int, *, zero: str = "0") -> str:
    return str(dollars(cents)) if cents else zero


def _csv(lines: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([list(CSV_COLUMNS), *lines])
    return text.getvalue().encode()
