"""Account histories in whole cents, and the exact return each position earned.

All four vendors draw their positions from here, so that they differ in layout and convention only. Every random number
is an integer and every amount is whole cents: a seed gives the same bytes on every machine. Nothing here knows a file
format, and nothing comes from the rooms that are to be tested with it.
"""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

from advisory_perf.contracts.enums import Cadence, FlowTiming

_PPM = 10**6
_PPB = 10**9
_SPREAD_PPB = {Cadence.MONTHLY: 30_000_000, Cadence.DAILY: 7_000_000}
_DRIFT_PPB = {Cadence.MONTHLY: 5_000_000, Cadence.DAILY: 250_000}
_FEE_PPM = {Cadence.MONTHLY: 600, Cadence.DAILY: 28}
_INCOME_PPM = {Cadence.MONTHLY: 3_000, Cadence.DAILY: 150}
_BENCHMARK_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Account:
    """Who a position belongs to, as the vendor names it."""

    account_id: str
    name: str
    portfolio: str


@dataclass(frozen=True, slots=True)
class Position:
    """One account on one as-of date. Money is whole cents; returns are fractions (0.01 is 1 %), as printed.

    ``vendor_twrr`` is None where the vendor gives none.
    """

    account: Account
    as_of_date: date
    beginning: int
    contributions: int
    distributions: int
    income: int
    appreciation: int
    fees: int
    adjustments: int
    ending: int
    benchmark_return: Decimal
    vendor_twrr: Decimal | None = None

    @property
    def net_flow(self) -> int:
        """Contributions - distributions, in cents."""
        return self.contributions - self.distributions

    @property
    def calculated_ending(self) -> int:
        """Beginning + net flow + income + appreciation - fees + adjustments, in cents."""
        return self.beginning + self.net_flow + self.income + self.appreciation - self.fees + self.adjustments

    def exact_return(self, timing: FlowTiming) -> Fraction | None:
        """The sub-period return under the timing, as a fraction; None where its base is zero or negative.

        A funding day (nothing at the beginning, a positive net flow) takes its flow at the start of day, a closing day (nothing at
        the end, a negative one) at the end of day, unless the timing has it there anyway. A weighted timing needs a weight and is
        refused with a ValueError.
        """
        if timing is not FlowTiming.INFLOW_START_OUTFLOW_END:
            if self.beginning == 0 and self.net_flow > 0:
                timing = FlowTiming.START_OF_DAY
            elif self.ending == 0 and self.net_flow < 0:
                timing = FlowTiming.END_OF_DAY
        match timing:
            case FlowTiming.START_OF_DAY:
                base = Fraction(self.beginning + self.net_flow)
                gain = self.ending - base
            case FlowTiming.END_OF_DAY:
                base = Fraction(self.beginning)
                gain = self.ending - self.net_flow - base
            case FlowTiming.MID_DAY:
                base = self.beginning + Fraction(self.net_flow, 2)
                gain = Fraction(self.ending - self.beginning - self.net_flow)
            case FlowTiming.INFLOW_START_OUTFLOW_END:
                base = Fraction(self.beginning + self.contributions)
                gain = self.ending + self.distributions - base
            case _:
                raise ValueError(f"the samples have no return for the timing {timing}; name one that needs no weight")
        return gain / base if base > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The accounts one vendor keeps, and how their histories run.

    ``fund_every`` n: every n-th account starts empty and is funded on the first date. ``close_every`` n: every n-th
    account, counted from the second, is paid out on a date of the later half. ``skip_percent``: the chance that a date
    after the first is not reported. Zero switches each of them off.
    """

    accounts: int
    cadence: Cadence
    account_prefix: str
    portfolio_prefix: str
    fund_every: int = 0
    close_every: int = 0
    skip_percent: int = 0


def dollars(cents: int) -> Decimal:
    """The amount in account currency with two decimals, exactly."""
    return Decimal(cents).scaleb(-2)


def rounded_return(exact: Fraction, digits: int) -> Decimal:
    """The return with so many decimals, halves to even, from exact arithmetic."""
    return Decimal(round(exact * 10**digits)).scaleb(-digits)


def month_ends(last_month: date, months: int) -> tuple[date, ...]:
    """So many month ends up to and with ``last_month``, oldest first; ValueError if that is not the end of a month."""
    if (last_month + timedelta(days=1)).day != 1:
        raise ValueError(f"{last_month} is not the last day of a month; pass a month end")
    ordinals = range(last_month.year * 12 + last_month.month - months, last_month.year * 12 + last_month.month)
    return tuple(date(n // 12, n % 12 + 1, calendar.monthrange(n // 12, n % 12 + 1)[1]) for n in ordinals)


def business_days(last_day: date, days: int) -> tuple[date, ...]:
    """So many days from Monday to Friday, the latest of them on or before ``last_day``, oldest first."""
    found: list[date] = []
    day = last_day
    while len(found) < days:
        if day.weekday() < 5:
            found.append(day)
        day -= timedelta(days=1)
    return tuple(reversed(found))


def account_histories(random: Random, dates: Sequence[date], book: Book) -> list[list[Position]]:
    """One history an account, in account order and date order, without vendor returns.

    Each beginning is the ending before it, and each ending is the calculated one, to the cent.
    """
    benchmark = {day: rounded_return(Fraction(_spread(random, book.cadence), _PPB), _BENCHMARK_DIGITS) for day in dates}
    return [_history(random, _account(number, book), number, benchmark, book) for number in range(book.accounts)]


def with_vendor_return(position: Position, timing: FlowTiming, digits: int) -> Position:
    """The position with the vendor's own return: the exact one, from the values reported, with so many decimals."""
    exact = position.exact_return(timing)
    return replace(position, vendor_twrr=None if exact is None else rounded_return(exact, digits))


def misstated(history: Sequence[Position], index: int, cents: int) -> list[Position]:
    """The history with one ending so many cents off its own figures; the later values carry the error on."""
    wrong = history[index]
    return [
        *history[:index],
        replace(wrong, ending=wrong.ending + cents),
        *(replace(row, beginning=row.beginning + cents, ending=row.ending + cents) for row in history[index + 1 :]),
    ]


def _account(number: int, book: Book) -> Account:
    name = f"Trust {number}, Smith & Sons" if number % 7 == 0 else f"Trust {number}, Family"
    return Account(f"{book.account_prefix}{number:06d}", name, f"{book.portfolio_prefix}{number // 4:04d}")


def _spread(random: Random, cadence: Cadence) -> int:
    """A bell-shaped return in parts per billion, around the drift: the mean of four even draws."""
    width = _SPREAD_PPB[cadence] * 2
    return sum(random.randint(-width, width) for _ in range(4)) // 4 + _DRIFT_PPB[cadence]


def _history(random: Random, account: Account, number: int, benchmark: dict[date, Decimal], book: Book) -> list[Position]:
    dates = list(benchmark)
    opening = random.randint(5_000_000, 300_000_000)
    funded = book.fund_every > 0 and number % book.fund_every == 0
    closed = book.close_every > 0 and number % book.close_every == 1
    closing_date = dates[random.randint(len(dates) // 2, len(dates) - 1)] if closed else None
    history: list[Position] = []
    for day in dates:
        first = not history
        if not first and day != closing_date and random.randrange(100) < book.skip_percent:
            continue
        beginning = (0 if funded else opening) if first else history[-1].ending
        contributions, distributions = (opening, 0) if first and funded else _flows(random, beginning)
        invested = beginning or contributions
        paid = random.randrange(20) > 0
        position = Position(
            account=account,
            as_of_date=day,
            beginning=beginning,
            contributions=contributions,
            distributions=distributions,
            income=invested * random.randint(1, _INCOME_PPM[book.cadence]) // _PPM if paid else 0,
            appreciation=invested * _spread(random, book.cadence) // _PPB,
            fees=invested * _FEE_PPM[book.cadence] // _PPM,
            adjustments=random.randint(-15_000, 15_000) if random.randrange(20) == 0 else 0,
            ending=0,
            benchmark_return=benchmark[day],
        )
        if day == closing_date:
            history.append(replace(position, distributions=distributions + position.calculated_ending))
            break
        history.append(replace(position, ending=position.calculated_ending))
    return history


def _flows(random: Random, beginning: int) -> tuple[int, int]:
    """Contributions and distributions in cents: mostly none, now and then one of them, rarely both."""
    draw = random.randrange(100)
    contributions = beginning * random.randint(1, 100) // 1_000 if draw < 15 else 0
    distributions = beginning * random.randint(1, 100) // 1_000 if 12 <= draw < 24 else 0
    return contributions, distributions
