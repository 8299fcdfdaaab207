"""The feed: the declared contract of one vendor's files, as a validated model.

A feed says everything that a reader might otherwise guess: format, columns, notation of numbers and dates, sign, scale. A field that
nobody declares is not filled in; ``blank`` and ``absent`` say when an empty cell or a missing column may count as zero. What only the
feeds of one dataset say stands with that dataset (``positions_feed``). Its parts are in ``file_layout``, ``sources`` and ``contents``;
feed files are read in ``registry``.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from advisory_perf.contracts.currencies import ACTIVE, MINOR_UNITS, meant_by, why_none
from advisory_perf.contracts.datasets import Dataset
from advisory_perf.contracts.enums import Cadence
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.feeds.contents import NO_FIGURE, Controls, Drift, FooterRule, Plausibility
from advisory_perf.feeds.date_formats import has_time_zone, tells_days, tells_months
from advisory_perf.feeds.deadline import Deadline
from advisory_perf.feeds.file_layout import Files
from advisory_perf.feeds.frozen import FrozenModel
from advisory_perf.feeds.names import folded
from advisory_perf.feeds.sources import Numbers, Source


def _source(value: object) -> object:
    return {"from": value} if isinstance(value, str) else value


_RESERVED = {"unknown": "files that no feed claims", "all": "alerts of the platform itself"}
_NAME = r"^[a-z][a-z0-9_]{0,39}$"


class Feed(FrozenModel):
    """The contract of one kind of file of one vendor.

    ``name`` is what the platform knows the feed by: folders, assets, partitions, jobs, locks and alerts; it is the vendor's unless set.
    ``vendor`` is whose data it is: ``data_source`` in everything published.
    """

    contract: ClassVar[Dataset]
    """What the dataset's columns are for."""

    dataset: str
    vendor: str = Field(pattern=_NAME)
    name: str = Field(default="", pattern=_NAME)
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
    deadline: Deadline | None = None
    holidays: frozenset[date] = frozenset()
    weekends: bool = False
    numbers: Numbers = Numbers()
    currency: str | None = None
    minor_units: Literal["accept", "reject"] = "reject"

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_vendor(cls, written: Any) -> Any:
        if isinstance(written, dict) and "name" not in written and "vendor" in written:
            return {**written, "name": written["vendor"]}
        return written

    @field_validator("vendor", "name")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value in _RESERVED:
            raise ValueError(f"the name {value} is kept for {_RESERVED[value]}")
        return value

    @field_validator("first_window")
    @classmethod
    def _first_of_month(cls, value: date) -> date:
        if value.day != 1:
            raise ValueError("must be the first day of a month")
        return value

    @model_validator(mode="after")
    def _columns_are_fields(self) -> Self:
        known = self.contract
        unknown = sorted(set(self.columns) - set(known.fields))
        if unknown:
            raise ValueError(f"columns: {', '.join(unknown)} is no field of a {known.row}; the fields are {', '.join(known.fields)}")
        missing = [name for name in known.required if name not in self.filled_fields]
        if missing:
            raise ValueError(f"columns: {', '.join(missing)} must be mapped to a column of the file")
        no_amounts = sorted(set(self.controls.totals) - set(known.money))
        if no_amounts:
            raise ValueError(
                f"controls: totals: {', '.join(no_amounts)} is no amount of a {known.row}; the amounts are {', '.join(known.money)}"
            )
        unmapped = [name for name in self.controls.totals if name not in self.columns]
        if unmapped:
            raise ValueError(f"controls: totals: {', '.join(unmapped)} is not mapped to a column, so that there is nothing to sum")
        if "currency" in known.fields and ("currency" in self.columns) == (self.currency is not None):
            raise ValueError("currency: say it once, either as a column or as a constant code")
        if "currency" not in known.fields and (self.currency is not None or self.numbers.currency_signs):
            raise ValueError(f"currency: a {known.row} has none; leave it and numbers: currency_signs out")
        if self.numbers.binary_floats is not None and self.files.format == "excel":
            raise ValueError("numbers: binary_floats is for csv, json and parquet; a workbook's numbers are always read with 15 digits")
        if self.numbers.round_to is not None and self.files.format == "csv":
            raise ValueError("numbers: round_to is for excel, json and parquet, which hold binary floats; a csv file prints its amounts")
        sources = [source.from_ for source in self.columns.values()]
        keys = [folded(name) for name in sources]
        twice = sorted({name for name, key in zip(sources, keys, strict=True) if keys.count(key) > 1})
        if twice:
            raise ValueError(f"columns: {', '.join(twice)} is mapped to more than one field")
        return self

    @model_validator(mode="after")
    def _marks_are_of_the_currency(self) -> Self:
        meanings = {sign: meant_by(sign) for sign in self.numbers.currency_signs}
        unknown = [sign for sign, meaning in meanings.items() if meaning is None]
        if self.currency is None and unknown:
            raise ValueError(
                f"numbers: currency_signs: {', '.join(unknown)} is no sign or code that tells a currency, so that it cannot be held"
                " against the column of currencies; leave it out"
            )
        unit = MINOR_UNITS.get(self.currency or "")
        code = unit.major if unit is not None else self.currency
        if code is not None and meanings and not any(meaning is None or code in meaning.codes for meaning in meanings.values()):
            raise ValueError(
                f"currency: {code} is not among what numbers: currency_signs may mean ({', '.join(meanings)}); fix one of them"
            )
        return self

    @model_validator(mode="after")
    def _control_figures_are_found(self) -> Self:
        if any(figure not in (*self.controls.patterns, *self.files.stated) for figure in self.controls.figures):
            raise ValueError(NO_FIGURE)
        return self

    @model_validator(mode="after")
    def _sources_fit_their_fields(self) -> Self:
        for name, source in self.columns.items():
            if source.scale is not None and isinstance(source.scale, Decimal) != (name in self.contract.money):
                raise ValueError(f"columns: {name}: scale is a power of ten for money, and fraction, percent or basis_points for returns")
            if source.scale is not None and name not in (*self.contract.money, *self.contract.returns):
                raise ValueError(f"columns: {name}: scale is for money and returns")
            if source.period is not None and name != self.contract.vendor_return:
                of = self.contract.vendor_return or f"no field of a {self.contract.row}"
                raise ValueError(f"columns: {name}: period is what a return of the vendor's covers; it is for {of}")
            if source.case is not None and name not in self.contract.identifiers:
                raise ValueError(f"columns: {name}: case is for {', '.join(self.contract.identifiers) or 'identifiers'}")
            if source.absent == "null" and name in self.contract.never_null:
                raise ValueError(f"columns: {name} is required; absent: null cannot be meant")
            if source.absent != "reject" and name in {self.contract.day, "currency"}:
                raise ValueError(f"columns: {name} is required; absent: {source.absent} cannot be meant")
        return self

    @model_validator(mode="after")
    def _formats_tell_days(self) -> Self:
        day, formats = self.contract.day, self.day_source.formats
        for form in formats:
            if not tells_days(form):
                raise ValueError(f"columns.{day}: {form!r} is no format of dates that tells day, month and year")
            if tells_months(form) and self.cadence is not Cadence.MONTHLY:
                raise ValueError(f"columns.{day}: {form!r} tells months, which are for cadence: monthly")
        if self.files.time_zone is None and any(map(has_time_zone, formats)):
            raise ValueError(
                f"columns: {day}: formats with %z are instants; say files: time_zone, where the vendor's day is, as for epochs"
            )
        return self

    @model_validator(mode="after")
    def _columns_stand_in_the_file(self) -> Self:
        files = self.files
        named = (*self.source_names, *(source.from_ for source in self.columns.values() if files.pivot is None))
        unnamed = [name for name in dict.fromkeys(named) if name not in (*files.names, *files.made_columns)]
        if files.header is not None and unnamed:
            raise ValueError(f"files: names lacks {', '.join(unnamed)}, which the feed takes from a column of the file")
        return self

    @model_validator(mode="after")
    def _labels_are_filled(self) -> Self:
        filled = [name for name, source in self.columns.items() if source.fill == "down"]
        wrong = [name for name in filled if name in self.contract.numbers]
        if wrong:
            raise ValueError(f"columns: {', '.join(wrong)}: fill: down is for texts and days; a number is never that of another row")
        pivot = self.files.pivot.names if self.files.pivot is not None else None
        shared = self.files.made_columns - {*self.files.json_.key_as}
        own = [name for name in self.contract.key if name not in filled and self.columns[name].from_ not in shared]
        if filled and not own and (pivot is None or pivot in self.files.made_columns):
            key = " or ".join(self.contract.key)
            raise ValueError(f"columns: fill: down needs {key} in every row, or a line of totals would be filled too")
        return self

    @model_validator(mode="after")
    def _currency_is_active(self) -> Self:
        if self.currency is None or self.currency in ACTIVE:
            return self
        if self.minor_units == "reject" or self.currency not in MINOR_UNITS:
            raise ValueError(f"currency: {why_none(self.currency)}")
        unit = MINOR_UNITS[self.currency]
        smaller = {
            name: source.model_copy(update={"scale": (Decimal(source.scale or 1)).scaleb(-unit.digits)})
            for name, source in self.columns.items()
            if name in self.contract.money
        }
        return self.model_copy(update={"currency": unit.major, "columns": {**self.columns, **smaller}})

    @property
    def schedule(self) -> Schedule:
        """When valuations are due, for deadlines as for figures."""
        return Schedule(self.cadence, self.holidays, self.weekends)

    @property
    def filled_fields(self) -> frozenset[str]:
        """The fields of a row that columns fill: one in the place of others fills these."""
        instead = self.contract.instead_of
        made = (instead.get(name, (name,)) for name in self.columns)
        return frozenset(field for fields in made for field in fields)

    @property
    def day_source(self) -> Source:
        """The column that tells a row's day."""
        return self.columns[self.contract.day]

    @property
    def agreed(self) -> str:
        """What is agreed with the vendor about its figures, in a few words; empty where the dataset has nothing of the kind."""
        return ""

    @property
    def refused_below_zero(self) -> frozenset[str]:
        """The amounts of which a negative one is quarantined."""
        return frozenset(self.contract.unsigned)

    @property
    def number_columns(self) -> frozenset[str]:
        """The columns of amounts and returns."""
        return frozenset(source.from_ for name, source in self.columns.items() if name in self.contract.numbers)

    @property
    def source_names(self) -> tuple[str, ...]:
        """The columns that a delivery has to name; where lines of a name and a value are pivoted, those that make such a line."""
        pivot, made = self.files.pivot, self.files.made_columns
        if pivot is not None:
            return tuple(name for name in (*pivot.by, pivot.names, pivot.values) if name not in made)
        return tuple(source.from_ for source in self.columns.values() if source.absent == "reject" and source.from_ not in made)

    def claims(self, file_name: str) -> bool:
        """Whether the file's name is one of this feed's."""
        return self.files.claims(file_name)

    def version_of(self, file_name: str) -> int:
        """The version that the file's name carries, in upper or lower case; 0 without one, or where it is no number."""
        return self.files.version_of(file_name)

    def unversioned(self, file_name: str) -> str:
        """The file's name without its version, in lower case: what all versions of one file have in common."""
        return self.files.unversioned(file_name)
