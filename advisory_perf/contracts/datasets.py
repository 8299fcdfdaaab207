"""What is known of a dataset by its columns: readers and validation ask here which of them is the day, a key, an amount, an identifier.

A dataset's rules across columns and rows are no matter of columns; they stand with validation (``ingestion.validation.rules``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from advisory_perf.contracts.columns import Kind
from advisory_perf.contracts.tables import DELIVERED_POSITIONS, DELIVERED_RATES, WHO_AND_WHEN, Table

PROVENANCE = ("data_source", "file_name", "delivery_id", "line_number")
"""Where a delivered row comes from; filled by the platform, never by a column of the file."""


@dataclass(frozen=True)
class Dataset:
    """The columns that a feed of a dataset may fill, and what each of them is for.

    ``row`` is what one row is called in messages. ``delivered`` is the table of accepted rows, ``key`` what a row is known by, ``day``
    the column whose date puts it into a window, ``account`` the one that names its account, if any. ``required`` have to be mapped and
    are never null. ``unsigned`` are amounts that no row may have below zero. ``instead_of`` has fields that a feed may map in the place
    of others, which are made from them. ``half_units`` has columns of ``delivered`` with half a unit of the last digit that a column
    prints. ``figures`` are amounts that every row prints, by which a row above a header is known from a title. ``of_account`` are
    labels that belong to an account, where these are printed once for a group of rows. ``vendor_return`` is a return that may cover
    more than the row's own sub-period.
    """

    name: str
    row: str
    delivered: Table
    key: tuple[str, ...]
    day: str
    account: str | None = None
    identifiers: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    of_account: tuple[str, ...] = ()
    vendor_return: str | None = None
    instead_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    half_units: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """ValueError where a row could be without what it is known by, or a name is that of no delivered column."""
        needed = {*self.key, self.day, *self.figures}
        if not needed <= {*self.required}:
            raise ValueError(f"{self.name}: {', '.join(sorted(needed - {*self.required}))} has to be required")
        of_one = {name for name in (self.account, self.vendor_return) if name is not None}
        replaced = [name for names in self.instead_of.values() for name in names]
        named = {*of_one, *self.identifiers, *self.required, *self.unsigned, *self.of_account, *replaced, *self.half_units}
        unknown = sorted(named - {*self.delivered.column_names})
        if unknown:
            raise ValueError(f"{self.name}: {', '.join(unknown)} is no column of {self.delivered.name}")

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """What a column of a file may be mapped to: the delivered columns, and behind those they replace the fields in their place."""
        own = [name for name in self.delivered.column_names if name not in (*PROVENANCE, *self.half_units)]
        return tuple(name for one in own for name in (one, *(new for new, replaced in self.instead_of.items() if replaced[-1] == one)))

    @cached_property
    def money(self) -> tuple[str, ...]:
        """The fields that are amounts."""
        return self._of_kind(Kind.MONEY)

    @cached_property
    def returns(self) -> tuple[str, ...]:
        """The fields that are returns."""
        return self._of_kind(Kind.RETURN)

    @cached_property
    def rates(self) -> tuple[str, ...]:
        """The fields that are exchange rates."""
        return self._of_kind(Kind.RATE)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The fields that are amounts, returns or rates."""
        return (*self.money, *self.returns, *self.rates)

    @cached_property
    def free_texts(self) -> tuple[str, ...]:
        """The fields whose texts may hold any character: names, and no identifiers or codes."""
        return tuple(name for name in self._of_kind(Kind.TEXT) if name not in (*self.identifiers, "currency"))

    @cached_property
    def never_null(self) -> tuple[str, ...]:
        """The fields of which a row without a value is quarantined."""
        return (*self.required, *self.instead_of)

    def _of_kind(self, kind: Kind) -> tuple[str, ...]:
        return tuple(name for name in self.fields if self.delivered.dictionary[name].kind is kind)


POSITIONS = Dataset(
    name="positions",
    row="position",
    delivered=DELIVERED_POSITIONS,
    key=WHO_AND_WHEN,
    day="as_of_date",
    account="account_id",
    identifiers=("account_id", "portfolio_id", "client_id"),
    required=("account_id", "as_of_date", "beginning_market_value", "contributions", "distributions", "ending_market_value"),
    unsigned=("contributions", "distributions"),
    figures=("beginning_market_value", "ending_market_value"),
    of_account=("account_name", "account_type", "currency"),
    vendor_return="vendor_twrr",
    instead_of={"net_flow": ("contributions", "distributions")},
    half_units={"vendor_value_half_unit": "ending_market_value", "vendor_twrr_half_unit": "vendor_twrr"},
)

RATES = Dataset(
    name="rates",
    row="rate",
    delivered=DELIVERED_RATES,
    key=("base_currency", "quote_currency", "as_of_date"),
    day="as_of_date",
    identifiers=("base_currency", "quote_currency"),
    required=("base_currency", "quote_currency", "as_of_date", "rate"),
)
