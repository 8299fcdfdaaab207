"""The feed: the declared contract of one vendor's files, as a validated model.

A feed says everything that a reader might otherwise guess: format, columns, notation of numbers and dates, sign, scale,
flow timing, fee basis, tolerances. A field that nobody declares is not filled in; ``blank`` and ``absent`` say when an
empty cell or a missing column may count as zero. Models only; files are found and read in ``registry``.
"""

import re
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from advisory_perf.contracts.columns import COLUMNS, Kind
from advisory_perf.contracts.conventions import Cadence, FeeBasis, FlowTiming, ReconciledField
from advisory_perf.contracts.tables import DELIVERED_POSITIONS

PROVENANCE = ("data_source", "file_name", "delivery_id", "line_number")
PRECISION = ("vendor_value_half_unit", "vendor_twrr_half_unit")

FIELDS = tuple(name for name in DELIVERED_POSITIONS.column_names if name not in (*PROVENANCE, *PRECISION))
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


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Csv(_Model):
    """How the text of a CSV file is laid out."""

    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)


class Excel(_Model):
    """Which sheet of a workbook holds the rows; by default the only visible one."""

    sheet: str | None = None


class Json(_Model):
    """Where in a JSON document the rows are: dotted path to an array, empty for the document itself."""

    rows_at: str = ""


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression ({error})") from error


class Files(_Model):
    """Which files belong to the feed.

    ``version`` is a regular expression with one group, searched in the file's name without its ending; the number it
    finds orders deliveries of the same day. A name without it is version 0.
    """

    patterns: tuple[str, ...] = Field(min_length=1)
    format: Literal["csv", "excel", "json", "parquet"]
    version: str | None = None
    csv: Csv = Csv()
    excel: Excel = Excel()
    json_: Json = Field(default=Json(), alias="json")

    @field_validator("version")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        if value is not None and _compiled(value).groups != 1:
            raise ValueError("must be a regular expression with exactly one group, around the version number")
        return value


class Numbers(_Model):
    """The notation of numbers. Only what is switched on here is understood; everything else is E_NUMBER."""

    decimal_mark: Literal[".", ","] = "."
    grouping: Literal["", ",", ".", "'", " "] = ""
    currency_signs: tuple[str, ...] = ()
    parentheses_negative: bool = False

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.decimal_mark == self.grouping:
            raise ValueError("decimal_mark and grouping must differ")
        return self


class Source(_Model):
    """Where one field comes from and how its cells are to be read.

    ``blank`` says what an empty cell is: ``null``, ``zero``, or ``reject`` (E_REQUIRED). ``absent: zero`` lets the
    whole column be missing; money then counts as zero, anything else as blank. ``sign: -1`` turns the vendor's sign;
    ``scale: percent`` divides by 100.
    """

    from_: str = Field(alias="from", min_length=1)
    blank: Literal["null", "zero", "reject"] = "null"
    absent: Literal["reject", "zero"] = "reject"
    sign: Literal[1, -1] = 1
    scale: Literal["fraction", "percent"] = "fraction"
    formats: tuple[str, ...] = ("%Y-%m-%d",)
    pattern: str = r"^[0-9A-Za-z][0-9A-Za-z ._/#-]{0,63}$"

    @field_validator("pattern")
    @classmethod
    def _is_expression(cls, value: str) -> str:
        _compiled(value)
        return value


def _source(value: object) -> object:
    return {"from": value} if isinstance(value, str) else value


class FooterRule(_Model):
    """A line is a footer, not a row, when the named column starts with one of these texts."""

    column: str
    starts_with: tuple[str, ...] = Field(min_length=1)


class Conventions(_Model):
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


class Tolerance(_Model):
    """A variance passes up to the larger of the two; relative is a fraction of the larger of both figures."""

    absolute: Decimal = Field(ge=0)
    relative: Decimal = Field(default=Decimal(0), ge=0)


class Tolerances(_Model):
    """The tolerance of each figure that is compared with the vendor's own."""

    ending_market_value: Tolerance = Tolerance(absolute=Decimal("0.01"))
    net_flow: Tolerance = Tolerance(absolute=Decimal("0.01"))
    twrr: Tolerance = Tolerance(absolute=Decimal("0.0001"))

    def of(self, field: ReconciledField) -> Tolerance:
        """The tolerance of one figure."""
        tolerance: Tolerance = getattr(self, field.value)
        return tolerance


class Feed(_Model):
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
    numbers: Numbers = Numbers()
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    conventions: Conventions
    tolerances: Tolerances = Tolerances()

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
        missing = [name for name in REQUIRED_FIELDS if name not in self.columns]
        if missing:
            raise ValueError(f"columns: {', '.join(missing)} must be mapped to a column of the file")
        if ("currency" in self.columns) == (self.currency is not None):
            raise ValueError("currency: say it once, either as a column or as a constant code")
        if self.files.format != "csv" and self.numbers.grouping == ".":
            raise ValueError("numbers: grouping '.' is for csv; the other formats hold numbers, which are written with a decimal point")
        sources = [source.from_ for source in self.columns.values()]
        twice = sorted({name for name in sources if sources.count(name) > 1})
        if twice:
            raise ValueError(f"columns: {', '.join(twice)} is mapped to more than one field")
        return self

    @property
    def source_names(self) -> tuple[str, ...]:
        """The columns of the file that a delivery has to have."""
        return tuple(source.from_ for source in self.columns.values() if source.absent == "reject")

    def claims(self, file_name: str) -> bool:
        """Whether the file's name is one of this feed's."""
        return any(fnmatchcase(file_name.lower(), pattern.lower()) for pattern in self.files.patterns)

    def version_of(self, file_name: str) -> int:
        """The version that the file's name carries, in upper or lower case; 0 without one, or where it is no number."""
        if self.files.version is None:
            return 0
        found = re.search(self.files.version, file_name.rsplit(".", 1)[0], re.IGNORECASE)
        return int(found.group(1)) if found and found.group(1).isdecimal() else 0

    def unversioned(self, file_name: str) -> str:
        """The file's name without its version, in lower case: what all versions of one file have in common."""
        stem, _, ending = file_name.lower().rpartition(".")
        return f"{stem if self.files.version is None else re.sub(self.files.version, '', stem, flags=re.IGNORECASE)}.{ending}"
