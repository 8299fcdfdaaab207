"""What a feed says of a file's content as a whole: footers, control figures, changes of columns, figures that contradict them.

Models only; what becomes of a delivery is decided in ``ingestion.validation``.
"""

from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from advisory_perf.feeds.expressions import compiled
from advisory_perf.feeds.frozen import FrozenModel


class FooterRule(FrozenModel):
    """A line is a footer, not a row, when the named column starts with one of these texts.

    ``totals``: its amounts are the vendor's own sums of the columns they stand in, and have to agree with the rows.
    """

    column: str
    starts_with: tuple[str, ...] = Field(min_length=1)
    totals: bool = False


NO_FIGURE = "controls: count and totals are regular expressions with exactly one group, around the figure, or names of files: stated"


class Controls(FrozenModel):
    """What the vendor announces of a file: ``count`` is the number of rows, ``totals`` the sum of a field as the column prints it.

    Each is a regular expression with one group around the figure, for a line of the vendor's own such as a trailer; a line that
    it matches is a footer. Or it is the name of one of ``files.stated``.
    """

    count: str | None = None
    totals: dict[str, str] = Field(default_factory=dict)
    on_difference: Literal["reject", "warn"] = "reject"

    @model_validator(mode="after")
    def _one_group_each(self) -> Self:
        if any(compiled(figure).groups > 1 for figure in self.figures):
            raise ValueError(NO_FIGURE)
        return self

    @property
    def figures(self) -> tuple[str, ...]:
        """Where the figures are found: an expression, or a name."""
        return (*((self.count,) if self.count else ()), *self.totals.values())

    @property
    def patterns(self) -> tuple[str, ...]:
        """The expressions that tell a line with control figures."""
        return tuple(figure for figure in self.figures if compiled(figure).groups)


class Drift(FrozenModel):
    """What becomes of a delivery whose columns are not those of the contract: a new one, or a missing one that may be absent."""

    new: Literal["reject", "warn"] = "warn"
    missing: Literal["reject", "warn"] = "warn"


class Plausibility(FrozenModel):
    """What becomes of a delivery whose figures contradict their columns.

    ``identity``: the market value identity fails on too many rows, or would hold if two columns changed places.
    ``scale``: returns are larger or smaller than the values by a hundred or more, as percent read as fractions are.
    ``subtotals``: rows with a day that are exactly the sum of others (``validation.subtotals``); ``drop`` counts them as footers.
    ``jump``: a value that is about ``jump_factor`` times the account's last one, or that part of it, without a flow (``validation.jumps``).
    ``total_move``: the share of its value by which the total of a portfolio, or of a currency, may move in a window beside flows.
    ``outlier``: the robust score beyond which a return is an outlier among its portfolio's or account's (``quality.outliers``).
    """

    identity: Literal["reject", "warn"] = "reject"
    scale: Literal["reject", "warn"] = "reject"
    subtotals: Literal["reject", "drop", "warn"] = "warn"
    jump: Literal["quarantine", "warn"] = "quarantine"
    jump_factor: Decimal = Field(default=Decimal(1000), ge=10)
    total_move: Decimal = Field(default=Decimal("0.2"), gt=0, le=100)
    outlier: Decimal = Field(default=Decimal(8), ge=3, le=1000)
