"""Columns that are made into rows, and lines that are made into columns: the feed's keys ``unpivot`` and ``pivot``. Models only."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from advisory_perf.feeds.expressions import compiled
from advisory_perf.feeds.frozen import FrozenModel, as_tuple
from advisory_perf.feeds.names import folded, matched

_VALUE_GROUP = "column"


class Unpivot(FrozenModel):
    """Columns that are periods, to be made into rows: one for each line and period (csv, excel).

    ``header`` is a regular expression that such a column's name matches from end to end. Each of its named groups becomes a column
    of that name, with the text that it found; only the group ``column`` says instead which of ``values`` the cell goes to, and may
    be left out where there is but one.
    """

    header: str
    values: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _groups_tell_all(self) -> Self:
        groups = compiled(self.header).names
        if not self.period_columns:
            raise ValueError("header must have a named group, such as (?P<day>…), around what tells the period")
        if len(self.values) > 1 and _VALUE_GROUP not in groups:
            raise ValueError(f"header must have a group (?P<{_VALUE_GROUP}>…) that finds which of the values a column holds")
        return self

    @property
    def period_columns(self) -> tuple[str, ...]:
        """The columns that are read out of the header."""
        return tuple(name for name in compiled(self.header).names if name != _VALUE_GROUP)

    @property
    def made_columns(self) -> frozenset[str]:
        """The columns that no line of the file names as such."""
        return frozenset({*self.period_columns, *self.values})

    def found_in(self, name: str) -> tuple[str | None, tuple[str, ...]]:
        """Which value a column holds and for which period, in any case; no value where it is a column like others."""
        return self.found_in_all([name])[0]

    def found_in_all(self, names: Sequence[str]) -> list[tuple[str | None, tuple[str, ...]]]:
        """The same for several columns."""
        values = {folded(value): value for value in self.values}
        inferred: list[tuple[str | None, tuple[str, ...]]] = []
        for groups in matched(self.header, names):
            if groups is None:
                inferred.append((None, ()))
                continue
            value = values.get(folded(groups.get(_VALUE_GROUP, self.values[0])))
            inferred.append((value, tuple(groups[group] for group in self.period_columns)))
        return inferred


class Pivot(FrozenModel):
    """Lines of a name and a value, to be made into columns: the cells of ``values`` become those of the columns in ``names``.

    Lines are of one row where they agree in the columns ``by``, or, without them, from one line whose name is ``begins`` to the next.
    """

    names: str = Field(min_length=1)
    values: str = Field(min_length=1)
    by: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = ()
    begins: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _rows_are_distinguished(self) -> Self:
        if bool(self.by) == (self.begins is not None):
            raise ValueError("pivot needs by, the columns that a row's lines have in common, or begins, the name of a row's first line")
        if len({self.names, self.values, *self.by}) < len(self.by) + 2:
            raise ValueError("pivot: names, values and by must be different columns")
        return self
