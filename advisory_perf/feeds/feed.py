"""The feed: the declared contract of one vendor's files, as a validated model.

A feed says everything that a reader might otherwise guess: format, columns, notation of numbers and dates, sign, scale,
flow timing, fee basis, tolerances. A field that nobody declares is not filled in; ``blank`` and ``absent`` say when an
empty cell or a missing column may count as zero. Its parts are in ``file_layout``, ``sources``, ``contents`` and ``agreements``;
feed files are read in ``registry``.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from advisory_perf.contracts.currencies import ACTIVE, MINOR_UNITS, meant_by, why_none
from advisory_perf.contracts.enums import Cadence, Reopening, ReturnPeriod
from advisory_perf.contracts.schedules import Schedule
from advisory_perf.feeds.agreements import Conventions, Tolerances
from advisory_perf.feeds.contents import NO_FIGURE, Controls, Drift, FooterRule, Plausibility
from advisory_perf.feeds.date_formats import has_time_zone, tells_days, tells_months
from advisory_perf.feeds.deadline import Deadline
from advisory_perf.feeds.fields import (
    FIELDS,
    FLOWS,
    IDENTIFIERS,
    KEY,
    MONEY_FIELDS,
    NET_FLOW,
    NEVER_NULL,
    REQUIRED_FIELDS,
    RETURN_FIELDS,
    VENDOR_RETURN,
)
from advisory_perf.feeds.file_layout import Files
from advisory_perf.feeds.frozen import FrozenModel
from advisory_perf.feeds.names import folded
from advisory_perf.feeds.sources import Numbers, Source

_WEEK, _BUSINESS_MONTH = 7, 20


def _source(value: object) -> object:
    return {"from": value} if isinstance(value, str) else value


_NAME = r"^[a-z][a-z0-9_]{0,39}$"


class Feed(FrozenModel):
    """The contract of one kind of file of one vendor.

    ``name`` is what the platform knows the feed by: folders, assets, partitions, jobs, locks and alerts; it is the vendor's unless set.
    ``vendor`` is whose data it is: ``data_source`` in everything published.
    """

    dataset: Literal["positions"] = "positions"
    vendor: str = Field(pattern=_NAME)
    name: str = Field(pattern=_NAME)
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
    valuations: Literal["one_per_window", "all"] = "one_per_window"
    negative_flows: Literal["quarantine", "net"] = "quarantine"
    deadline: Deadline | None = None
    holidays: frozenset[date] = frozenset()
    weekends: bool = False
    numbers: Numbers = Numbers()
    currency: str | None = None
    minor_units: Literal["accept", "reject"] = "reject"
    conventions: Conventions
    reopening: Reopening = Reopening.NEW_EPISODE
    tolerances: Tolerances = Tolerances()
    stale_after: Annotated[int, Field(ge=1)] | Literal["never"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_vendor(cls, written: Any) -> Any:
        if isinstance(written, dict) and "name" not in written and "vendor" in written:
            return {**written, "name": written["vendor"]}
        return written

    @field_validator("vendor", "name")
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
        if NET_FLOW in self.columns and self.negative_flows == "net":
            raise ValueError("negative_flows: net is for contributions and distributions; a net flow is split by its sign as it is")
        unmapped = [name for name in self.controls.totals if name not in self.columns]
        if unmapped:
            raise ValueError(f"controls: totals: {', '.join(unmapped)} is not mapped to a column, so that there is nothing to sum")
        if ("currency" in self.columns) == (self.currency is not None):
            raise ValueError("currency: say it once, either as a column or as a constant code")
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
    def _valuations_fit_the_cadence(self) -> Self:
        if self.valuations == "all" and self.cadence is not Cadence.MONTHLY:
            raise ValueError("valuations: all is for cadence: monthly; a daily window has one day and so one valuation of an account")
        return self

    @model_validator(mode="after")
    def _control_figures_are_found(self) -> Self:
        if any(figure not in (*self.controls.patterns, *self.files.stated) for figure in self.controls.figures):
            raise ValueError(NO_FIGURE)
        return self

    @model_validator(mode="after")
    def _sources_fit_their_fields(self) -> Self:
        for name, source in self.columns.items():
            if source.scale is not None and isinstance(source.scale, Decimal) != (name in MONEY_FIELDS):
                raise ValueError(f"columns: {name}: scale is a power of ten for money, and fraction, percent or basis_points for returns")
            if source.scale is not None and name not in (*MONEY_FIELDS, *RETURN_FIELDS):
                raise ValueError(f"columns: {name}: scale is for money and returns")
            if source.period is not None and name != VENDOR_RETURN:
                raise ValueError(f"columns: {name}: period is what a return of the vendor's covers; it is for {VENDOR_RETURN}")
            if source.case is not None and name not in IDENTIFIERS:
                raise ValueError(f"columns: {name}: case is for {', '.join(IDENTIFIERS)}")
            if source.absent == "null" and name in NEVER_NULL:
                raise ValueError(f"columns: {name} is required; absent: null cannot be meant")
            if source.absent != "reject" and name in {"as_of_date", "currency"}:
                raise ValueError(f"columns: {name} is required; absent: {source.absent} cannot be meant")
        return self

    @model_validator(mode="after")
    def _formats_tell_days(self) -> Self:
        for form in self.columns["as_of_date"].formats:
            if not tells_days(form):
                raise ValueError(f"columns.as_of_date: {form!r} is no format of dates that tells day, month and year")
            if tells_months(form) and self.cadence is not Cadence.MONTHLY:
                raise ValueError(f"columns.as_of_date: {form!r} tells months, which are for cadence: monthly")
        if self.files.time_zone is None and any(map(has_time_zone, self.columns["as_of_date"].formats)):
            raise ValueError(
                "columns: as_of_date: formats with %z are instants; say files: time_zone, where the vendor's day is, as for epochs"
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
        wrong = [name for name in filled if name in (*MONEY_FIELDS, *RETURN_FIELDS)]
        if wrong:
            raise ValueError(f"columns: {', '.join(wrong)}: fill: down is for texts and days; a number is never that of another row")
        pivot = self.files.pivot.names if self.files.pivot is not None else None
        shared = self.files.made_columns - {*self.files.json_.key_as}
        own = [name for name in KEY if name not in filled and self.columns[name].from_ not in shared]
        if filled and not own and (pivot is None or pivot in self.files.made_columns):
            raise ValueError("columns: fill: down needs account_id or as_of_date in every row, or a line of totals would be filled too")
        return self

    @model_validator(mode="after")
    def _currency_is_active(self) -> Self:
        if self.currency is None or self.currency in ACTIVE:
            return self
        if self.minor_units == "reject" or self.currency not in MINOR_UNITS:
            raise ValueError(f"currency: {why_none(self.currency)}")
        unit = MINOR_UNITS[self.currency]
        columns = {
            name: source.model_copy(update={"scale": (Decimal(source.scale or 1)).scaleb(-unit.digits)}) if name in MONEY_FIELDS else source
            for name, source in self.columns.items()
        }
        return self.model_copy(update={"currency": unit.major, "columns": columns})

    @property
    def schedule(self) -> Schedule:
        """When valuations are due, for deadlines as for figures."""
        return Schedule(self.cadence, self.holidays, self.weekends)

    @property
    def filled_fields(self) -> frozenset[str]:
        """The fields of a position that columns fill: a net flow fills both flows."""
        return frozenset(self.columns.keys() - {NET_FLOW}) | (frozenset(FLOWS) if NET_FLOW in self.columns else frozenset())

    def source_of(self, field: str) -> Source:
        """The column that fills a field of a position; of a flow it may be the net flow."""
        return self.columns[NET_FLOW if field in FLOWS and NET_FLOW in self.columns else field]

    @property
    def number_columns(self) -> frozenset[str]:
        """The columns of amounts and returns."""
        return frozenset(source.from_ for name, source in self.columns.items() if name in (*MONEY_FIELDS, *RETURN_FIELDS))

    @property
    def source_names(self) -> tuple[str, ...]:
        """The columns that a delivery has to name; where lines of a name and a value are pivoted, those that make such a line."""
        pivot, made = self.files.pivot, self.files.made_columns
        if pivot is not None:
            return tuple(name for name in (*pivot.by, pivot.names, pivot.values) if name not in made)
        return tuple(source.from_ for source in self.columns.values() if source.absent == "reject" and source.from_ not in made)

    @property
    def return_period(self) -> ReturnPeriod | None:
        """What the vendor's returns cover, where that is more than a row's own sub-period."""
        return self.columns[VENDOR_RETURN].period if VENDOR_RETURN in self.columns else None

    @property
    def has_sub_period_returns(self) -> bool:
        """Whether the vendor gives the return of each row's own sub-period, which follows from the row's values and flows."""
        return VENDOR_RETURN in self.columns and self.return_period is None

    @property
    def stale_days(self) -> int | None:
        """For how many days a value may not change before it is stale: unless said, a week, or a business month; None is for ever."""
        if self.stale_after == "never":
            return None
        return self.stale_after or (_WEEK if self.cadence is Cadence.DAILY else _BUSINESS_MONTH)

    @property
    def has_one_valuation_a_window(self) -> bool:
        """Whether an account has one valuation a window, whatever its day; a daily window has no room for another."""
        return self.cadence is Cadence.MONTHLY and self.valuations == "one_per_window"

    def claims(self, file_name: str) -> bool:
        """Whether the file's name is one of this feed's."""
        return self.files.claims(file_name)

    def version_of(self, file_name: str) -> int:
        """The version that the file's name carries, in upper or lower case; 0 without one, or where it is no number."""
        return self.files.version_of(file_name)

    def unversioned(self, file_name: str) -> str:
        """The file's name without its version, in lower case: what all versions of one file have in common."""
        return self.files.unversioned(file_name)
