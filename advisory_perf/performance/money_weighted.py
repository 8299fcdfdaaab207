"""Returns weighted by the money at work: modified Dietz and the internal rate of return.

Amounts are read exactly and become floats once, at the end (modified Dietz) or after scaling (rate of return). Nothing here guesses
a rate: all roots of the flows' present value are isolated first, so that none and several can be distinguished from one.
"""

import itertools
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

import polars as pl

from advisory_perf.contracts.enums import DayCount, FlowTiming, RateStatus, ReturnStatus
from advisory_perf.errors import UndefinedReturnError
from advisory_perf.performance.measures import Number, number, rate_of
from advisory_perf.performance.ordering import require

DatedAmounts = Iterable[tuple[date, Number]] | pl.DataFrame | pl.LazyFrame

_SHARE_OF_OWN_DAY = {FlowTiming.START_OF_DAY: Fraction(1), FlowTiming.MID_DAY: Fraction(1, 2), FlowTiming.END_OF_DAY: Fraction(0)}


def modified_dietz(bmv: Number, emv: Number, flows: DatedAmounts, start: date, end: date, *, flow_day: FlowTiming) -> float:
    """(EMV - BMV - NF) / (BMV + sum of weight · flow), a fraction (0.01 is 1 %), not annualised.

    ``start`` is the day at whose end the beginning value holds, ``end`` that of the ending value, CD the days between. ``flows`` are
    pairs of a date and an amount (positive into the account), or a frame with as_of_date and net_flow; NF is their sum. A flow on
    the D-th day works for its part of the period: (CD - D + 1) / CD where it comes at the start of its day, (CD - D) / CD at the
    end, half a day between them at mid day. No other ``flow_day`` has a weight. Computed in fractions, rounded once.

    Raises UndefinedReturnError where a value is missing, the base is zero or negative, or more than everything was lost; ValueError
    where a flow lies outside the period or a number is not finite. Sources: Dietz (1966); GIPS Standards Handbook, modified Dietz;
    Bacon, Practical Portfolio Performance Measurement and Attribution, ch. 2.
    """
    own_day = _SHARE_OF_OWN_DAY.get(FlowTiming(flow_day))
    if own_day is None:
        raise ValueError(f"a flow at {flow_day} has no weight by its day: choose one of {', '.join(_SHARE_OF_OWN_DAY)}")
    days = (_day(end) - _day(start)).days
    if days < 1:
        raise ValueError(f"the period from {start} to {end} has no day: it ends after the day it starts on")
    begin, finish = Fraction(number(bmv, "the beginning market value")), Fraction(number(emv, "the ending market value"))
    base, gain = begin, finish - begin
    for day, amount in _dated(flows, "net_flow"):
        if not start < day <= end:
            raise ValueError(f"the flow of {day} lies outside the period, which goes from the day after {start} to {end}")
        base += amount * ((end - day).days + own_day) / days
        gain -= amount
    if base <= 0:
        raise UndefinedReturnError(ReturnStatus.UNDEFINED_BASE, f"no money is at work from {start} to {end}, or less than none")
    if gain < -base:
        raise UndefinedReturnError(ReturnStatus.BEYOND_TOTAL_LOSS, f"more than everything was lost from {start} to {end}")
    return float(number(gain / base, "the modified Dietz return"))


def internal_rate_of_return(dated_flows: DatedAmounts, *, day_count: DayCount) -> float:
    """The yearly rate r above -1 at which the flows are worth nothing: sum of amount / (1 + r)^t = 0, t in years by ``day_count``.

    ``dated_flows`` are pairs of a date and an amount, or a frame with as_of_date and amount, from the investor's side: what is paid
    in (the opening value too) has one sign, what comes back (the closing value too) the other. Any order; those of one day are
    added. The rate is a fraction (0.01 is 1 %) and always a yearly one: GIPS Standards 2020, provision 5.A.1, wants a money-weighted
    return of less than a year not annualised, for which (1 + r)^t - 1 over the period is the figure. A rate nearer to -1 than a
    float can tell comes out as -1.

    Raises UndefinedReturnError where an amount is missing and where no rate (NO_RATE) or more than one (SEVERAL_RATES, with
    all of them in the sentence) solves the flows; rates that rounding cannot distinguish are one. ValueError where an amount is not
    finite, and for months/12, since flows come on any day.

    Sources: GIPS Standards 2020, glossary, "money-weighted return"; for the number of roots Descartes' rule of signs in
    Laguerre's form, as in Jameson, Counting zeros of generalised polynomials, The Mathematical Gazette 90 (2006).
    """
    days_a_year = DayCount(day_count).days_a_year
    terms = _terms(_dated(dated_flows, "amount"))
    rates = [rate_of(root * days_a_year) for root in _roots(terms)]
    if len(rates) > 1:
        listed = ", ".join(f"{rate:.15g}" for rate in rates)
        raise UndefinedReturnError(
            RateStatus.SEVERAL_RATES, f"{len(rates)} rates solve the flows, and none of them is the return: {listed}"
        )
    if not rates:
        why = "money goes one way only, if at all" if _sign_changes(terms) == 0 else "their present value is never zero"
        raise UndefinedReturnError(RateStatus.NO_RATE, f"no rate above -1 solves the flows: {why}")
    return float(number(rates[0], "the rate that solves the flows"))


def _dated(flows: DatedAmounts, amount_name: str) -> Iterator[tuple[date, Fraction]]:
    if isinstance(flows, pl.DataFrame | pl.LazyFrame):
        require(flows, "a frame of flows", "as_of_date", amount_name)
        flows = flows.lazy().select("as_of_date", amount_name).collect().rows()
    for day, amount in flows:
        yield _day(day), Fraction(number(amount, f"the flow of {day}"))


def _day(value: date) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError(f"{value!r} is no date: flows and periods have days, without a time of day")
    return value


@dataclass(frozen=True, slots=True)
class _Term:
    """``amount`` · exp(``log`` - ``days`` · x): one flow, x being the daily log rate."""

    amount: float
    days: int
    log: float = 0.0


def _terms(flows: Iterable[tuple[date, Fraction]]) -> list[_Term]:
    """The flows by day, the largest of them between a half and two; days without money are left out."""
    by_day: defaultdict[date, Fraction] = defaultdict(Fraction)
    for day, amount in flows:
        by_day[day] += amount
    days = sorted(day for day, amount in by_day.items() if amount)
    largest = max((abs(amount) for amount in by_day.values()), default=Fraction(0))
    # a power of two takes no digit from amounts that a float holds exactly
    scale = Fraction(2) ** (largest.numerator.bit_length() - largest.denominator.bit_length())
    terms = [_Term(float(by_day[day] / scale), (day - days[0]).days) for day in days]
    if any(abs(term.amount) < sys.float_info.min for term in terms):
        raise ValueError("the smallest flow is nothing beside the largest: a float cannot hold both")
    return terms


def _roots(terms: list[_Term]) -> list[float]:
    """All x at which the terms add up to zero.

    By Rolle's theorem: divided by its first term's exponential and differentiated, a sum has one term less and is zero where the
    sum, so divided, turns; between two turning points lies one root at most. That leads down to sums with one change of sign, which
    have one root. Flows that stay invested at a rate need none of it.
    """
    sums = [terms] if _sign_changes(terms) else []
    if _sign_changes(terms) % 2:
        (root,) = _roots_between(terms, turning_points=())
        if _stays_invested(terms, root):
            return [root]
    while sums and _sign_changes(sums[-1]) > 1:
        sums.append(_derivative(sums[-1]))
    roots: list[float] = []
    for level in reversed(sums):
        roots = _roots_between(level, turning_points=roots)
    return roots


def _stays_invested(terms: Sequence[_Term], root: float) -> bool:
    """Whether the balance, compounded at the rate, keeps its sign until the last flow; such a rate is the only one.

    The sum is (x - root) times the integral of the discounted balance, which then is nowhere zero. Source: Soper, The Economic
    Journal 69 (1959). A balance that rounding could have given its sign is left to the long way.
    """
    parts = _parts(terms, root)
    direction = math.copysign(1, parts[0])
    moved = itertools.accumulate(abs(part) for part in parts)
    balances = itertools.accumulate(parts)
    return all(balance * direction > 1e-9 * gross for balance, gross in itertools.islice(zip(balances, moved, strict=True), len(parts) - 1))


def _sign_changes(terms: Sequence[_Term]) -> int:
    return sum((one.amount > 0) != (other.amount > 0) for one, other in itertools.pairwise(terms))


def _derivative(terms: Sequence[_Term]) -> list[_Term]:
    """Of the sum divided by its first term's exponential, but for a positive factor; logs, since the factors overflow."""
    first, last = terms[0], terms[-1]
    span = last.days - first.days
    return [_Term(term.amount, term.days, term.log + math.log((term.days - first.days) / span)) for term in terms[1:]]


def _roots_between(terms: Sequence[_Term], *, turning_points: Iterable[float]) -> list[float]:
    """The roots of a sum that is monotone between the points; a point where it touches zero within rounding is one."""
    low, high = _bounds(terms)
    signs = [(point, _sign(terms, point)) for point in turning_points if low < point < high]
    # towards -infinity the last term decides, towards +infinity the first one
    signs = [(low, math.copysign(1, terms[-1].amount)), *signs, (high, math.copysign(1, terms[0].amount))]
    roots = []
    for (left, sign), (right, next_sign) in itertools.pairwise(signs):
        if sign * next_sign < 0:
            roots.append(_bisect(terms, left, right, sign=sign))
        elif next_sign == 0 and sign != 0:
            # neighbouring zeros are one root: the sum is monotone between them
            roots.append(right)
    return roots


def _bounds(terms: Sequence[_Term]) -> tuple[float, float]:
    """Between which all roots lie: outside, the last or the first term alone is larger than all others together."""
    size = [math.log(abs(term.amount)) + term.log for term in terms]
    days = [term.days for term in terms]
    share = math.log(len(terms))
    low = min((size[-1] - each - share) / (days[-1] - day) for each, day in zip(size[:-1], days[:-1], strict=True))
    high = max((each + share - size[0]) / (day - days[0]) for each, day in zip(size[1:], days[1:], strict=True))
    return low, high


def _bisect(terms: Sequence[_Term], left: float, right: float, *, sign: float) -> float:
    """The one root between two points, to the last bit; the sum has the ``sign`` at the left one and the other at the right one."""
    middle = 0.0 if left < 0 < right else (left + right) / 2
    while left < middle < right:
        value = math.fsum(_parts(terms, middle)) * sign
        if value == 0:
            return middle
        if value > 0:
            left = middle
        else:
            right = middle
        middle = (left + right) / 2
    return middle


def _sign(terms: Sequence[_Term], point: float) -> float:
    """1.0, -1.0, or 0.0 where the terms cancel within what rounding may have done to them."""
    parts = _parts(terms, point)
    doubt = (abs(part) * (2 + abs(term.log) + abs(term.days * point)) for part, term in zip(parts, terms, strict=True))
    total = math.fsum(parts)
    return math.copysign(1, total) if abs(total) > 2 * sys.float_info.epsilon * math.fsum(doubt) else 0.0


def _parts(terms: Sequence[_Term], point: float) -> list[float]:
    """The terms at a point, all divided by their largest exponential, so that none overflows."""
    powers = [term.log - term.days * point for term in terms]
    largest = max(powers)
    return [term.amount * math.exp(power - largest) for term, power in zip(terms, powers, strict=True)]
