"""The two equations that distinguish without any return: the market value identity and the roll-forward.

All amounts are exact decimals. An equation only counts where it could fail: on rows whose amounts are not zero, and, for the
roll-forward, where the two values of the earlier day differ.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Self

import polars as pl

from advisory_perf.contracts.tolerance import CENT
from advisory_perf.feed_detection.column_names import Strength
from advisory_perf.feed_detection.values import share
from advisory_perf.feeds.fields import FLOWS, NET_FLOW

BEGINNING, ENDING = "beginning_market_value", "ending_market_value"
CONTRIBUTIONS, DISTRIBUTIONS = FLOWS
FEES = "fees"
SPLIT = ("income", "appreciation", "other_adjustments")
"""What no equation distinguish: they enter every one of them as their sum."""

COEFFICIENT = {BEGINNING: 1, CONTRIBUTIONS: 1, NET_FLOW: 1, **dict.fromkeys(SPLIT, 1), DISTRIBUTIONS: -1, FEES: -1, ENDING: -1}
"""Of each field in the identity, which sums to zero; the net flow stands there in the place of both flows."""

HOLDS = 0.9
"""A part of the rows that an equation may miss: vendors' files have defects, wrong columns miss nearly all."""
MOSTLY_ZERO = 0.5
"""A column that is zero on more rows is no market value: most accounts do not begin or end with nothing."""
LEAST_ROWS = 5
LEAST_WITNESSES = 3
"""Rows that a column has to take part in before an equation says anything of it."""

_TERMS = 8
_HALF = 0.5
_ONE_SIGNED = 0.9
_MOSTLY_ONE_SIGNED = 0.8
_MOST_ASSIGNMENTS, _MOST_CANDIDATES = 512, 4

Assignment = Mapping[str, str]
"""Field to column."""


@dataclass(frozen=True)
class Figures:
    """The amounts of a file by column, of one row an account and day; ``unit`` is one of the last digit printed.

    ``turned`` are columns of either sign, which no count of signs reverses, to be read with the other one.
    """

    keys: pl.DataFrame
    amounts: pl.DataFrame
    unit: Decimal
    turned: frozenset[str] = frozenset()

    @cached_property
    def slack(self) -> Decimal:
        """What the identity may be off by rounding: half a unit in each of its eight terms, and a cent at least."""
        return max(CENT.absolute, self.unit * _TERMS / 2)

    @cached_property
    def zero_part(self) -> dict[str, float]:
        """The part of the rows in which each column is zero."""
        return {name: share(self.amounts[name] == 0) for name in self.amounts.columns}

    @cached_property
    def _first_equal(self) -> dict[str, str]:
        names = self.amounts.columns
        return {name: next(other for other in names if self.amounts[other].equals(self.amounts[name])) for name in names}

    @cached_property
    def _positive_part(self) -> dict[str, float | None]:
        """Of the amounts that are not zero; None without any."""
        return {
            name: share(nonzero > 0) if (nonzero := self.amounts[name].filter(self.amounts[name] != 0)).len() else None
            for name in self.amounts.columns
        }

    def is_mostly_negative(self, column: str) -> bool:
        """Whether most of the amounts that are not zero have a minus."""
        positive = self._positive_part[column]
        return positive is not None and positive < _HALF

    def is_same(self, one: str, other: str) -> bool:
        """Whether two columns hold the same amounts, so that it does not matter which one is taken."""
        return self._first_equal[one] == self._first_equal[other]

    def orientation(self, column: str, field: str) -> int:
        """The sign that a column takes as the field: 1, -1, or 0 where its amounts contradict the field.

        Flows have one sign in a column, and fees and income nearly so. Income and what else adds up to the value are never
        turned: a column of the other sign is another field. Net flows have either sign, so that only arithmetic reverses them.
        """
        if field == NET_FLOW:
            return -1 if column in self.turned else 1
        positive = self._positive_part[column]
        if positive is None or field not in {CONTRIBUTIONS, DISTRIBUTIONS, FEES, "income"}:
            return 1
        least = _ONE_SIGNED if field in {CONTRIBUTIONS, DISTRIBUTIONS} else _MOSTLY_ONE_SIGNED
        if positive >= least:
            return 1
        return -1 if 1 - positive >= least and field != "income" else 0


@dataclass(frozen=True, slots=True)
class Rolled:
    """How often a column of one day is another column of the account's next day, on so many rows where it could differ."""

    part: float
    rows: int

    @property
    def holds(self) -> bool:
        """Whether the one column is the other's opening."""
        return self.rows >= LEAST_ROWS and self.part >= HOLDS


@dataclass(frozen=True, slots=True)
class Seen:
    """On how many of the rows that have an amount in a column an equation holds."""

    holding: int
    rows: int

    @classmethod
    def of(cls, holds: pl.Series, has_amount: pl.Series) -> Self:
        """Of rows on which the equation holds, and rows with an amount."""
        return cls(int((holds & has_amount).sum()), int(has_amount.sum()))

    @property
    def confirms(self) -> bool:
        """Whether these rows say anything, and hardly any of them speaks against the column."""
        return self.holding >= LEAST_WITNESSES and self.mostly_holds

    @property
    def mostly_holds(self) -> bool:
        """Whether hardly any of these rows speaks against it."""
        return self.rows - self.holding <= 1 or self.holding >= self.rows * HOLDS


@dataclass(frozen=True, slots=True)
class Identity:
    """The assignment of columns under which the identity holds best, and on which part of how many rows.

    ``seen`` is inferred by field. ``rivals`` names, by field, the
    columns that would do as well and hold other amounts.
    """

    assignment: dict[str, str]
    part: float
    rows: int
    seen: dict[str, Seen]
    rivals: dict[str, tuple[str, ...]]

    @property
    def holds(self) -> bool:
        """Whether the identity confirms the assignment."""
        return self.rows >= LEAST_ROWS and self.part >= HOLDS


def roll_forward(figures: Figures) -> dict[tuple[str, str], Rolled]:
    """For each ordered pair of columns, how far the first of one day is the second of the account's next day."""
    frame = pl.concat([figures.keys, figures.amounts], how="horizontal").sort("account", "day")
    names = figures.amounts.columns
    earlier = [pl.col(name).shift(1).over("account").alias(f"earlier:{name}") for name in names]
    frame = frame.with_columns(earlier).filter(pl.col("account") == pl.col("account").shift(1))
    pairs = list(itertools.permutations(names, 2))
    tests = []
    for one, other in pairs:
        earlier_one, earlier_other, later = pl.col(f"earlier:{one}"), pl.col(f"earlier:{other}"), pl.col(other)
        could_fail = (earlier_one != earlier_other) & ((earlier_one != 0) | (later != 0))
        rolls = (earlier_one - later).abs() <= CENT.absolute
        tests.append(pl.struct((rolls & could_fail).sum().alias("rolls"), could_fail.sum().alias("rows")).alias(f"{one}\0{other}"))
    if not tests or frame.is_empty():
        return {}
    counts = frame.select(tests).row(0)
    return {
        pair: Rolled(count["rolls"] / count["rows"] if count["rows"] else 0.0, count["rows"])
        for pair, count in zip(pairs, counts, strict=True)
    }


def best_identity(figures: Figures, candidates: Mapping[str, Mapping[str, Strength]], rolled: set[tuple[str, str]]) -> Identity | None:
    """Of all assignments of candidate columns the one under which the identity holds; None without both market values.

    ``rolled`` are the pairs (ending, beginning) that the roll-forward allows, empty where it cannot be asked. Among
    assignments that hold, the one with the most columns and the surest names counts; ``rivals`` names, by field, the other
    columns that would do as well and hold other amounts.
    """
    allowed = (one for one in _assignments(candidates) if not rolled or (one.get(ENDING, ""), one.get(BEGINNING, "")) in rolled)
    assignments = list(itertools.islice((one for one in allowed if {BEGINNING, ENDING} <= one.keys()), _MOST_ASSIGNMENTS))
    if not assignments or figures.amounts.is_empty():
        return None
    parts = figures.amounts.select(
        (residual(figures, one).abs() <= figures.slack).mean().fill_null(0.0).alias(str(place)) for place, one in enumerate(assignments)
    ).row(0)

    def rank(place: int) -> tuple[bool, int, int, float]:
        one = assignments[place]
        holds = parts[place] >= HOLDS
        strengths = [int(candidates[field][column]) for field, column in one.items()]
        return holds, len(one) if holds else 0, sum(strengths), parts[place]

    best = max(range(len(assignments)), key=rank)
    chosen = dict(assignments[best])
    equals = [one for place, one in enumerate(assignments) if place != best and rank(place)[:3] == rank(best)[:3]]
    rivals: dict[str, tuple[str, ...]] = {}
    for field, column in chosen.items():
        others = {one[field] for one in equals if field in one and one[field] != column and not figures.is_same(one[field], column)}
        if others:
            rivals[field] = (column, *sorted(others))
    holding = figures.amounts.select(residual(figures, chosen).abs() <= figures.slack).to_series()
    seen = {field: Seen.of(holding, figures.amounts[column].abs() > figures.slack) for field, column in chosen.items()}
    return Identity(chosen, parts[best], figures.amounts.height, seen, rivals)


def residual(figures: Figures, assignment: Assignment) -> pl.Expr:
    """What the identity leaves over under an assignment: zero where it holds, null where an amount is."""
    terms = [pl.col(column) * (COEFFICIENT[field] * (figures.orientation(column, field) or 1)) for field, column in assignment.items()]
    return pl.sum_horizontal(terms, ignore_nulls=False)


def missing_terms(figures: Figures, assignment: Assignment) -> list[tuple[str, int]]:
    """The other columns, each with its sign, with any one of which the identity would hold."""
    left = residual(figures, assignment)
    others = [(name, sign) for name in figures.amounts.columns if name not in assignment.values() for sign in (1, -1)]
    if not others:
        return []
    parts = figures.amounts.select(
        ((left + pl.col(name) * sign).abs() <= figures.slack).mean().alias(f"{sign}\0{name}") for name, sign in others
    ).row(0)
    return [other for other, part in zip(others, parts, strict=True) if (part or 0.0) >= HOLDS]


def _assignments(candidates: Mapping[str, Mapping[str, Strength]]) -> Iterator[dict[str, str]]:
    """One column at most for each field, no column twice; what is not a flow or market value may be left out."""
    options: list[Sequence[str | None]] = []
    fields = [field for field in COEFFICIENT if candidates.get(field)]
    for field in fields:
        named = sorted(candidates[field], key=lambda column: -candidates[field][column])[:_MOST_CANDIDATES]
        options.append([*named, None] if field in {*SPLIT, FEES} else named)
    for choice in itertools.product(*options):
        taken = [column for column in choice if column is not None]
        if len(taken) == len(set(taken)):
            yield {field: column for field, column in zip(fields, choice, strict=True) if column is not None}
