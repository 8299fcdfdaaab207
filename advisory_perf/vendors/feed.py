"""The feed: the declared contract of one vendor's files, as a validated model.

A feed says everything that a reader might otherwise guess: format, columns, notation of numbers and dates, sign, scale,
flow timing, fee basis, tolerances. A field that nobody declares is not filled in; ``blank`` and ``absent`` say when an
empty cell or a missing column may count as zero. Models only; how files are laid out is in ``layouts``, feed files are read
in ``registry``.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from advisory_perf.contracts.columns import COLUMNS, Kind
from advisory_perf.contracts.conventions import Cadence, FeeBasis, FlowTiming, ReconciledField
from advisory_perf.contracts.tables import DELIVERED_POSITIONS
from advisory_perf.vendors.dates import tells_days, tells_months
from advisory_perf.vendors.deadlines import Deadline
from advisory_perf.vendors.layouts import Files, FrozenModel, compiled

PROVENANCE = ("data_source", "file_name", "delivery_id", "line_number")
PRECISION = ("vendor_value_half_unit", "vendor_twrr_half_unit")

NET_FLOW = "net_flow"
FLOWS = ("contributions", "distributions")
_OF_POSITIONS = tuple(name for name in DELIVERED_POSITIONS.column_names if name not in (*PROVENANCE, *PRECISION))
_BEHIND_FLOWS = _OF_POSITIONS.index(FLOWS[-1]) + 1
FIELDS = (*_OF_POSITIONS[:_BEHIND_FLOWS], NET_FLOW, *_OF_POSITIONS[_BEHIND_FLOWS:])
"""What a column may be mapped to: the fields of a position, and the net flow in the place of both flows."""
MONEY_FIELDS = tuple(name for name in FIELDS if COLUMNS[name].kind is Kind.MONEY)
RETURN_FIELDS = tuple(name for name in FIELDS if COLUMNS[name].kind is Kind.RETURN)
REQUIRED_FIELDS = (
    "account_id",
    "as_of_date",
    "beginning_market_value",
    "contributions",
    "distributions",
    "ending_market_value",
)
NEVER_NULL = (*REQUIRED_FIELDS, NET_FLOW)


_WEEK, _BUSINESS_MONTH = 7, 20

_SHIFTS = 9
"""Money comes in billions at most, and never in less than billionths."""


class Numbers(FrozenModel):
    """The notation of numbers. What is not switched on here, and can be read in more than one way, is E_NUMBER.

    ``decimal_mark: auto`` lets each whole column of a delivery tell its mark; one that does not is E_NUMBER_AMBIGUOUS.
    Parentheses, a trailing minus, apostrophes between thousands and a percent sign behind a return can be read in one
    way only, and are understood unless they are switched off. ``credit_debit``: ``CR`` is positive, ``DR`` negative.
    ``scientific`` says that a short mantissa is whole (1.04E+06 is 1,040,000.00); without it money in scientific
    notation has to show its cents. ``blanks`` are the texts that mean no value, besides an empty cell.
    """

    decimal_mark: Literal[".", ",", "auto"] = "."
    grouping: Literal["", ",", ".", "'", " "] = ""
    currency_signs: tuple[str, ...] = ()
    parentheses_negative: bool = True
    trailing_minus: bool = True
    percent_sign: bool = True
    credit_debit: bool = False
    scientific: bool = False
    blanks: tuple[str, ...] = ("-", "--", "\u2013", "\u2014", "n/a", "N/A", "NA", "null", "UNCH", "Incomplete")

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.decimal_mark == self.grouping:
            raise ValueError("decimal_mark and grouping must differ")
        if self.decimal_mark == "auto" and self.grouping in {".", ","}:
            raise ValueError("decimal_mark: auto tells the grouping '.' or ',' too; leave grouping out")
        if any(not sign.strip() or re.search(r"[0-9.,()+%-]", sign) for sign in self.currency_signs):
            raise ValueError("currency_signs: a sign is text without digits, marks and signs of a number")
        if any(re.search("[0-9]", text) for text in self.blanks):
            raise ValueError("blanks: a text with digits is a value")
        if any(text != text.strip() for text in self.blanks):
            raise ValueError("blanks: a text stands without the spaces around it, which every cell is read without")
        return self


class Source(FrozenModel):
    """Where one field comes from and how its cells are to be read.

    ``blank`` says what an empty cell is: ``null``, ``zero``, or ``reject`` (E_REQUIRED). ``absent`` says what a missing
    column is: ``reject``, ``zero`` (money counts as zero, anything else as blank) or ``null``. ``sign: -1`` turns the
    vendor's sign. ``scale`` is for returns ``fraction``, ``percent`` or ``basis_points``; for money a power of ten that
    amounts are multiplied with (1000 for thousands, 0.01 for pence). ``formats`` of dates are strftime formats or
    ``excel_serial``; two of them that read the same cell differently leave it to the whole column.
    """

    from_: str = Field(alias="from", min_length=1)
    blank: Literal["null", "zero", "reject"] = "null"
    absent: Literal["reject", "zero", "null"] = "reject"
    sign: Literal[1, -1] = 1
    scale: Literal["fraction", "percent", "basis_points"] | Decimal | None = None
    formats: tuple[str, ...] = Field(default=("%Y-%m-%d",), min_length=1)
    pattern: str = r"^[0-9A-Za-z][0-9A-Za-z ._/#-]{0,63}$"

    @field_validator("pattern")
    @classmethod
    def _is_expression(cls, value: str) -> str:
        compiled(value)
        return value

    @field_validator("scale")
    @classmethod
    def _is_power_of_ten(cls, value: str | Decimal | None) -> str | Decimal | None:
        if isinstance(value, Decimal) and (value.normalize().as_tuple().digits != (1,) or not -_SHIFTS <= value.adjusted() <= _SHIFTS):
            raise ValueError(f"must be fraction, percent, basis_points or a power of ten (1000, 0.01), found {value}")
        return value

    @property
    def shift(self) -> int:
        """How many digits the decimal point of money moves to the right."""
        return self.scale.adjusted() if isinstance(self.scale, Decimal) else 0

    @property
    def return_digits(self) -> int:
        """How many digits a return as it is printed lies above a fraction: 2 for percent, 4 for basis points."""
        return {"percent": 2, "basis_points": 4}.get(str(self.scale), 0)


def _source(value: object) -> object:
    return {"from": value} if isinstance(value, str) else value


class FooterRule(FrozenModel):
    """A line is a footer, not a row, when the named column starts with one of these texts.

    ``totals``: its amounts are the vendor's own sums of the columns they stand in, and have to agree with the rows.
    """

    column: str
    starts_with: tuple[str, ...] = Field(min_length=1)
    totals: bool = False


_NO_FIGURE = "controls: count and totals are regular expressions with exactly one group, around the figure, or names of files: stated"


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
            raise ValueError(_NO_FIGURE)
        unknown = sorted(set(self.totals) - set(MONEY_FIELDS))
        if unknown:
            raise ValueError(f"totals: {', '.join(unknown)} is no amount of a position; the amounts are {', '.join(MONEY_FIELDS)}")
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
    """

    identity: Literal["reject", "warn"] = "reject"
    scale: Literal["reject", "warn"] = "reject"


class Conventions(FrozenModel):
    """How returns are to be computed for this vendor's accounts."""

    flow_timing: FlowTiming
    fee_basis: FeeBasis
    weight: Decimal | None = Field(default=None, ge=0, le=1)
    minimum_base: Decimal | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _weight_goes_with_weighted(self) -> Self:
        if (self.flow_timing is FlowTiming.WEIGHTED) != (self.weight is not None):
            raise ValueError("weight goes with flow_timing: weighted, and only with it")
        return self


class Tolerance(FrozenModel):
    """A variance passes up to the larger of the two; relative is a fraction of the larger of both figures."""

    absolute: Decimal = Field(ge=0)
    relative: Decimal = Field(default=Decimal(0), ge=0)


class Tolerances(FrozenModel):
    """The tolerance of each figure that is compared with the vendor's own."""

    ending_market_value: Tolerance = Tolerance(absolute=Decimal("0.01"))
    net_flow: Tolerance = Tolerance(absolute=Decimal("0.01"))
    twrr: Tolerance = Tolerance(absolute=Decimal("0.0001"))

    def of(self, field: ReconciledField) -> Tolerance:
        """The tolerance of one figure."""
        tolerance: Tolerance = getattr(self, field.value)
        return tolerance


class Feed(FrozenModel):
    """One vendor's contract."""

    vendor: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    title: str
    owners: tuple[str, ...] = ()
    cadence: Cadence
    first_window: date
    files: Files
    columns: dict[str, Annotated[Source, BeforeValidator(_source)]]
    ignored: tuple[str, ...] = ()
    footer: tuple[FooterRule, ...] = ()
    controls: Controls = Controls()
    drift: Drift = Drift()
    plausibility: Plausibility = Plausibility()
    accounts: Literal["open", "known"] = "open"
    delivers: Literal["full", "partial"] = "partial"
    deadline: Deadline | None = None
    numbers: Numbers = Numbers()
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    conventions: Conventions
    tolerances: Tolerances = Tolerances()
    stale_after: Annotated[int, Field(ge=1)] | Literal["never"] | None = None

    @field_validator("vendor")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value == "unknown":
            raise ValueError("the name unknown is kept for files that no feed claims")
        return value

    @field_validator("first_window")
    @classmethod
    def _first_of_month(cls, value: date) -> date:
        if value.day != 1:
            raise ValueError("must be the first day of a month")
        return value

    @model_validator(mode="after")
    def _columns_are_fields(self) -> Self:
        unknown = sorted(set(self.columns) - set(FIELDS))
        if unknown:
            raise ValueError(f"columns: {', '.join(unknown)} is no field of a position; the fields are {', '.join(FIELDS)}")
        missing = [name for name in REQUIRED_FIELDS if name not in self.filled_fields]
        if missing:
            raise ValueError(f"columns: {', '.join(missing)} must be mapped to a column of the file")
        if NET_FLOW in self.columns and not self.columns.keys().isdisjoint(FLOWS):
            raise ValueError("columns: net_flow is for files without contributions and distributions; beside them it is vendor_net_flow")
        unmapped = [name for name in self.controls.totals if name not in self.columns]
        if unmapped:
            raise ValueError(f"controls: totals: {', '.join(unmapped)} is not mapped to a column, so that there is nothing to sum")
        if ("currency" in self.columns) == (self.currency is not None):
            raise ValueError("currency: say it once, either as a column or as a constant code")
        if self.files.format != "csv" and self.numbers.grouping == ".":
            raise ValueError("numbers: grouping '.' is for csv; the other formats hold numbers, which are written with a decimal point")
        sources = [source.from_ for source in self.columns.values()]
        twice = sorted({name for name in sources if sources.count(name) > 1})
        if twice:
            raise ValueError(f"columns: {', '.join(twice)} is mapped to more than one field")
        return self

    @model_validator(mode="after")
    def _control_figures_are_found(self) -> Self:
        if any(figure not in (*self.controls.patterns, *self.files.stated) for figure in self.controls.figures):
            raise ValueError(_NO_FIGURE)
        return self

    @model_validator(mode="after")
    def _sources_fit_their_fields(self) -> Self:
        for name, source in self.columns.items():
            if source.scale is not None and isinstance(source.scale, Decimal) != (name in MONEY_FIELDS):
                raise ValueError(f"columns: {name}: scale is a power of ten for money, and fraction, percent or basis_points for returns")
            if source.scale is not None and name not in (*MONEY_FIELDS, *RETURN_FIELDS):
                raise ValueError(f"columns: {name}: scale is for money and returns")
            if source.absent == "null" and name in NEVER_NULL:
                raise ValueError(f"columns: {name} is required; absent: null cannot be meant")
        for form in self.columns["as_of_date"].formats:
            if not tells_days(form):
                raise ValueError(f"columns.as_of_date: {form!r} is no format of dates that tells day, month and year")
            if tells_months(form) and self.cadence is not Cadence.MONTHLY:
                raise ValueError(f"columns.as_of_date: {form!r} tells months, which are for cadence: monthly")
        if self.files.time_zone is None and any("%z" in form for form in self.columns["as_of_date"].formats):
            raise ValueError("columns: as_of_date: formats with %z are instants; say files: time_zone, where the vendor's day is")
        return self

    @property
    def filled_fields(self) -> frozenset[str]:
        """The fields of a position that columns fill: a net flow fills both flows."""
        return frozenset(self.columns.keys() - {NET_FLOW}) | (frozenset(FLOWS) if NET_FLOW in self.columns else frozenset())

    def source_of(self, field: str) -> Source:
        """The column that fills a field of a position; of a flow it may be the net flow."""
        return self.columns[NET_FLOW if field in FLOWS and NET_FLOW in self.columns else field]

    @property
    def source_names(self) -> tuple[str, ...]:
        """The columns that a delivery has to name."""
        return tuple(
            source.from_ for source in self.columns.values() if source.absent == "reject" and source.from_ not in self.files.made_columns
        )

    @property
    def stale_days(self) -> int | None:
        """For how many days a value may not change before it is stale: unless said, a week, or a business month; None is for ever."""
        if self.stale_after == "never":
            return None
        return self.stale_after or (_WEEK if self.cadence is Cadence.DAILY else _BUSINESS_MONTH)

    def claims(self, file_name: str) -> bool:
        """Whether the file's name is one of this feed's."""
        return self.files.claims(file_name)

    def version_of(self, file_name: str) -> int:
        """The version that the file's name carries, in upper or lower case; 0 without one, or where it is no number."""
        return self.files.version_of(file_name)

    def unversioned(self, file_name: str) -> str:
        """The file's name without its version, in lower case: what all versions of one file have in common."""
        return self.files.unversioned(file_name)
