"""The declared file of a composite: what it is, and which portfolios belong to it from when to when, and why.

One YAML file a composite. It is read as it is written: what it leaves open is refused with a sentence, never guessed.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, model_validator

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

MEMBERSHIP = {
    "composite": pl.String(),
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
    weighting: Weighting = Field(description="how members make its return")
    created: date = Field(description="when the firm first grouped the portfolios")
    inception: date = Field(description="the first day of its performance")
    members: tuple[Stay, ...] = Field(min_length=1, description="a list of stays")

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.currency not in ACTIVE:
            raise ValueError(f"the currency {self.currency!r} is no code of ISO 4217; write one, such as EUR")
        latest: dict[str, Stay] = {}
        for stay in sorted(self.members, key=lambda one: (one.account, one.first)):
            before = latest.get(stay.account)
            if before is not None and (before.last is None or before.last >= stay.first):
                raise ValueError(
                    f"the account {stay.account} joins on {stay.first}, while it is a member since {before.first}; end that stay"
                )
            if stay.first < self.inception:
                raise ValueError(f"the account {stay.account} joins on {stay.first}, before the inception on {self.inception}")
            latest[stay.account] = stay
        return self


def read_composite(path: Path) -> Composite:
    """One file as a validated declaration; CompositeError names the file, the key and what would make it right."""
    return validated(path, read_declaration(path, _COMPOSITE), Composite, _COMPOSITE)


def membership_of(composites: Iterable[Composite]) -> pl.DataFrame:
    """The stays of all composites as a table with the columns of ``MEMBERSHIP``, by composite, account and first day."""
    stays = [
        (one.composite, stay.account, stay.first, stay.last, stay.reason, stay.left_because) for one in composites for stay in one.members
    ]
    return pl.DataFrame(stays, schema=MEMBERSHIP, orient="row").sort("composite", "account_id", "from_date")
