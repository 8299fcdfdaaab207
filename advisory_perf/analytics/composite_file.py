"""The declared file of a composite: what it is, and which portfolios belong to it from when to when, and why.

One YAML file a composite. It is read as it is written: what it leaves open is refused with a sentence, never guessed.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

from advisory_perf.contracts.columns import LARGEST_RETURN
from advisory_perf.contracts.currencies import ACTIVE
from advisory_perf.contracts.enums import Weighting
from advisory_perf.declarations import Declaration, read_declaration, validated
from advisory_perf.errors import CompositeError

_COMPOSITE = Declaration(
    called="composite",
    first_key="composite",
    error=CompositeError,
    says_of_values="holds a day or a value that there is not, such as 2025-02-30; correct it",
    most_bytes=4 << 20,
    most_nodes=1_000_000,
)
"""Some fifty thousand members."""

UNKNOWN_VENDOR = "unknown"
"""The vendor of an account that nobody has delivered yet, where the file names none."""
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")

MEMBERSHIP = {
    "composite": pl.String(),
    "data_source": pl.String(),
    "account_id": pl.String(),
    "from_date": pl.Date(),
    "to_date": pl.Date(),
    "reason": pl.String(),
    "left_because": pl.String(),
}
"""The columns of the membership as a table: a row a stay."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Stay(_Part):
    """One portfolio in the composite, from its first to its last day there; ``to`` and ``left_because`` come with its end."""

    account: str = Field(min_length=1, description="the account, as positions have it")
    vendor: str | None = Field(default=None, min_length=1, description="whose account it is; needed where several vendors have its number")
    first: date = Field(alias="from", description="its first day in the composite; it counts from the first whole month on")
    last: date | None = Field(default=None, alias="to", description="its last day there; it counts up to the last whole month")
    reason: str = Field(min_length=1, description="why it joined")
    left_because: str | None = Field(default=None, min_length=1, description="why it left")

    @model_validator(mode="after")
    def _ends_with_a_reason(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"the account {self.account} leaves on {self.last}, before it joins on {self.first}; correct one of the days")
        if (self.last is None) != (self.left_because is None):
            raise ValueError(f"the account {self.account} has one of 'to' and 'left_because' alone; a stay that ends has both")
        return self


class Composite(_Part):
    """The declaration of a composite."""

    composite: str = Field(min_length=1, description="its name")
    description: str = Field(min_length=1, description="its strategy, as reports say it")
    currency: str = Field(description="ISO 4217 code of its reports")
    benchmark: str | None = Field(description="the benchmark's name, or null where there is none")
    benchmark_returns: dict[str, float] = Field(default={}, description="its total return of each month, such as 2024-01: 0.0123")
    weighting: Weighting = Field(description="how members make its return")
    created: date = Field(description="when the firm first grouped the portfolios")
    inception: date = Field(description="the first day of its performance")
    members: tuple[Stay, ...] = Field(min_length=1, description="a list of stays")

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.currency not in ACTIVE:
            raise ValueError(f"the currency {self.currency!r} is no code of ISO 4217; write one, such as EUR")
        latest: dict[str, Stay] = {}
        for stay in sorted(self.members, key=lambda one: (one.vendor or "", one.account, one.first)):
            before = latest.get(stay.account)
            if before is not None and (before.vendor is None) != (stay.vendor is None):
                raise ValueError(f"the account {stay.account} has a vendor at one of its stays and none at another; write it at each")
            before = before if before is not None and before.vendor == stay.vendor else None
            if before is not None and (before.last is None or before.last >= stay.first):
                raise ValueError(
                    f"the account {stay.account} joins on {stay.first}, while it is a member since {before.first}; end that stay"
                )
            if stay.first < self.inception:
                raise ValueError(f"the account {stay.account} joins on {stay.first}, before the inception on {self.inception}")
            latest[stay.account] = stay
        return self

    @model_validator(mode="after")
    def _benchmark_is_whole(self) -> Self:
        if self.benchmark is None and self.benchmark_returns:
            raise ValueError("benchmark_returns are those of a benchmark; write its name as benchmark")
        for month, value in self.benchmark_returns.items():
            if _MONTH.fullmatch(month) is None:
                raise ValueError(f"benchmark_returns: {month!r} is no month; write one, such as 2024-01")
            if not -1 <= value < LARGEST_RETURN:
                raise ValueError(f"benchmark_returns: {value} in {month} is no return; write 0.0123 for 1.23 %")
        return self


def read_composite(path: Path) -> Composite:
    """One file as a validated declaration; CompositeError names the file, the key and what would make it right."""
    return validated(path, read_declaration(path, _COMPOSITE), Composite, _COMPOSITE)


def read_composites(folder: Path | None) -> dict[str, tuple[Path, Composite]]:
    """The composites of a folder by name, sorted, each with its file; none without a folder.

    CompositeError names the file, the key and what would make it right, also where two files have one name.
    """
    found: dict[str, tuple[Path, Composite]] = {}
    for path in _files(folder):
        one = read_composite(path)
        if one.composite in found:
            other = found[one.composite][0].name
            raise CompositeError(f"{path}: composite: {other} already is the composite {one.composite}; give one of them another name")
        found[one.composite] = path, one
    return dict(sorted(found.items()))


def digest_of(folder: Path | None) -> str:
    """What tells one state of the folder's files from another; empty without any file."""
    contents = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in _files(folder)]
    return hashlib.sha256(repr(contents).encode()).hexdigest() if contents else ""


def _files(folder: Path | None) -> list[Path]:
    return [] if folder is None else sorted(path for path in folder.glob("*.y*ml") if path.is_file())


def membership_of(composites: Iterable[Composite]) -> pl.DataFrame:
    """The stays of all composites as a table with the columns of ``MEMBERSHIP``, by composite, account and first day.

    data_source is null where the file names no vendor.
    """
    stays = [
        (one.composite, stay.vendor, stay.account, stay.first, stay.last, stay.reason, stay.left_because)
        for one in composites
        for stay in one.members
    ]
    return pl.DataFrame(stays, schema=MEMBERSHIP, orient="row").sort("composite", "account_id", "data_source", "from_date")


def with_vendors(membership: pl.DataFrame, accounts: pl.DataFrame, files: Mapping[str, Path]) -> pl.DataFrame:
    """``membership`` with a vendor in each row: that of the file, else the only one of ``accounts`` (data_source, account_id) that has it.

    UNKNOWN_VENDOR where none has. CompositeError where several have it, with the file of the composite.
    """
    known = accounts.group_by("account_id").agg(pl.col("data_source").unique().sort().alias("_vendors"))
    rows = membership.join(known, on="account_id", how="left", maintain_order="left")
    doubtful = rows.filter(pl.col("data_source").is_null() & (pl.col("_vendors").list.len() > 1))
    if doubtful.height:
        row = doubtful.row(0, named=True)
        raise CompositeError(
            f"{files[row['composite']]}: members: the account {row['account_id']} is one of {' and of '.join(row['_vendors'])}; write"
            " whose it is as vendor"
        )
    vendor = pl.coalesce("data_source", pl.col("_vendors").list.first(), pl.lit(UNKNOWN_VENDOR))
    return rows.with_columns(data_source=vendor).drop("_vendors")


def benchmarks_of(composites: Iterable[Composite]) -> pl.DataFrame:
    """The benchmark returns of all composites: composite, month (its last day) and benchmark_return."""
    returns = [(one.composite, f"{month}-01", value) for one in composites for month, value in sorted(one.benchmark_returns.items())]
    schema = {"composite": pl.String(), "month": pl.String(), "benchmark_return": pl.Float64()}
    return pl.DataFrame(returns, schema=schema, orient="row").with_columns(pl.col("month").str.to_date("%Y-%m-%d").dt.month_end())
