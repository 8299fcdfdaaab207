"""The declared file of a composite: what it is, and which portfolios belong to it from when to when, and why.

One YAML file a composite. It is read as it is written: what it leaves open is refused with a sentence, never guessed.
"""

from collections.abc import Hashable, Iterable
from datetime import date
from pathlib import Path
from typing import Any, Self

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from advisory_perf.contracts.currencies import ACTIVE
from advisory_perf.contracts.enums import Weighting
from advisory_perf.errors import CompositeError

_MOST_BYTES = 4 << 20
"""Of a file: some fifty thousand members."""

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
    try:
        with path.open("rb") as file:
            written = file.read(_MOST_BYTES + 1)
        if len(written) > _MOST_BYTES:
            raise CompositeError(f"{path}: has more than {_MOST_BYTES:,} bytes, which no composite needs; see that it is one")
        content = yaml.load(written.decode(), Loader=_Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise CompositeError(f"{path}: cannot be read; see that the file exists and may be opened") from error
    except UnicodeDecodeError as error:
        raise CompositeError(f"{path}: is not UTF-8 at byte {error.start + 1}; save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise CompositeError(f"{path}: cannot be read as YAML: {_why_no_yaml(error)}") from error
    except (ValueError, RecursionError) as error:
        raise CompositeError(f"{path}: holds a day or a value that there is not, such as 2025-02-30; correct it") from error
    if not isinstance(content, dict):
        raise CompositeError(f"{path}: must be a mapping that starts with 'composite: …'")
    try:
        return Composite.model_validate(content)
    except ValidationError as error:
        raise CompositeError(f"{path}: {'; '.join(map(_said, error.errors()))}") from error


def membership_of(composites: Iterable[Composite]) -> pl.DataFrame:
    """The stays of all composites as a table with the columns of ``MEMBERSHIP``, by composite, account and first day."""
    stays = [
        (one.composite, stay.account, stay.first, stay.last, stay.reason, stay.left_because) for one in composites for stay in one.members
    ]
    return pl.DataFrame(stays, schema=MEMBERSHIP, orient="row").sort("composite", "account_id", "from_date")


class _NoCompositeError(yaml.YAMLError):
    """What no declaration has, in our own words."""


class _Loader(yaml.SafeLoader):
    """Plain values, lists and mappings; refuses a key that stands twice, of which YAML would keep the last, and aliases."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise _NoCompositeError(f"line {line} repeats by *{event.anchor} what stands elsewhere; write it out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - yaml's own
        seen = set[str]()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise _NoCompositeError(f"the key {str(key.value)[:80]} stands twice, again in line {key.start_mark.line + 1}; keep one")
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def _why_no_yaml(error: yaml.YAMLError) -> str:
    if isinstance(error, _NoCompositeError):
        return str(error)
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "its end"
    return f"it goes wrong before {where}; put texts with marks in quotes, close every quote and bracket, and indent with spaces"


def _said(problem: ErrorDetails) -> str:
    key = ".".join(str(part) for part in problem["loc"]) or "composite"
    what = problem["msg"].removeprefix("Value error, ")
    is_no_text = problem["type"] == "string_type" and problem["input"] is not None
    return f"{key}: {what}" + (f"; YAML reads it as {problem['input']!r}, so put it in quotes" if is_no_text else "")
