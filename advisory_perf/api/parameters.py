"""What a request may ask with: names, days, pages. Every query is a model that forbids what it does not name."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Self
from urllib.parse import unquote

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.warehouse.as_reported import in_utc, instant_of

LONGEST = 400
"""Characters of a name or text that is asked for."""
_DEEPEST = 100_000
"""Rows that a page may lie behind; whoever goes on from there does it by cursor."""
MOST_ROWS = 500
SEVERAL = frozenset({"status", "severity", "state"})
"""Parameters that may stand there more than once, each with a value that will do."""
_DAY = r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|\.\.)"

Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST, pattern=r"^[^\x00]*$")]
"""In a query."""

Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
"""In a body: words of a person, of which blanks at the ends are left out."""

_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})")


def _written_out(value: Any) -> Any:
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        raise ValueError("write an instant with its zone, as 2025-03-31T07:30:00Z")
    return value


When = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(in_utc)]
"""An instant in a query, in UTC; a bare number is none."""

PathName = Annotated[str, BeforeValidator(unquote), StringConstraints(min_length=1, max_length=LONGEST, pattern=r"^[^\x00]*$")]
"""In a path, where ``middleware`` has left a slash and a percent sign encoded."""


def _path_day(text: object) -> object:
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(text)) is None:
        raise ValueError("write a day as 2025-03-31")
    return text


PathDay = Annotated[date, BeforeValidator(_path_day)]
"""A day in a path."""


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days from first to last, both included; None: open on that side."""

    first: date | None
    last: date | None

    @classmethod
    def parse(cls, text: object) -> "DateRange":
        """FROM/TO, ``..`` for an open side, or one day; ValueError for anything else."""
        if isinstance(text, DateRange):
            return text
        found = re.fullmatch(rf"({_DAY})(?:/({_DAY}))?", str(text))
        if found is None:
            raise ValueError("write a day as 2025-03-31, or a range as 2025-01-01/2025-03-31, 2025-01-01/.. or ../2025-03-31")
        first, last = (_day(side) for side in (found.group(1), found.group(2) or found.group(1)))
        if first is None and last is None:
            raise ValueError("an open side needs a day on the other: write 2025-01-01/.. or ../2025-03-31")
        if first is not None and last is not None and first > last:
            raise ValueError(f"the range ends before it begins; write {last}/{first}")
        return cls(first, last)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Parsed from text."""
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A text, of which not every one of the pattern is a range of days."""
        return {"type": "string", "pattern": f"^{_DAY}(?:/{_DAY})?$", "examples": ["2025-01-01/2025-03-31"]}

    def __str__(self) -> str:
        """As it was written."""
        return f"{self.first or '..'}/{self.last or '..'}"


def _day(text: str) -> date | None:
    return None if text == ".." else date.fromisoformat(text)


def _instant(text: object) -> datetime:
    try:
        return instant_of(str(text))
    except AdvisoryPerfError as error:
        raise ValueError(str(error)) from error


AsReported = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}", "examples": ["2025-03-31", "2025-03-31T17:00:00+00:00"]}),
]
"""A day, whose end in UTC is meant, or an instant with its offset."""


class Query(BaseModel):
    """What a request may ask with: nothing, unless a model has more."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Asked(Query):
    """The body of a request, which has nothing that it does not name either."""


class Paged(Query):
    """A list by pages."""

    page: int = Field(default=1, ge=1, description="the page's number")
    limit: int = Field(default=50, ge=1, le=MOST_ROWS, description="rows a page")
    cursor: str | None = Field(default=None, max_length=4_000, description="in place of a page: `next_cursor` of the answer before")

    @model_validator(mode="after")
    def _is_near(self) -> Self:
        if self.cursor is not None and self.page != 1:
            raise ValueError("a page and a cursor exclude each other; leave one of them out")
        if self.page * self.limit > _DEEPEST:
            raise ValueError(f"page x limit is beyond {_DEEPEST:,}; go on with cursor, which next_cursor of every answer gives")
        return self


def ends_of(days: DateRange | None) -> tuple[date | None, date | None]:
    """First and last day of a range; without one it is open on both sides."""
    return (None, None) if days is None else (days.first, days.last)
