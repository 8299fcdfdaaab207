"""What publications changed of what was published before."""

from datetime import UTC, date, datetime, time
from typing import Any, Self

from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from advisory_perf.api.envelope import Body, Instant, Money
from advisory_perf.api.models.rows import row_model
from advisory_perf.api.parameters import Name, Paged, Query
from advisory_perf.contracts.tables import PERFORMANCE_DATA
from advisory_perf.warehouse.as_reported import in_utc
from advisory_perf.warehouse.reading.changes import VERSION

LAST_PUBLICATION = "last_publication"


class Since:
    """An instant from which on changes are asked for; None is the latest publication that changed something."""

    def __init__(self, instant: datetime | None) -> None:
        """Keep the instant, in UTC."""
        self.instant = None if instant is None else instant.astimezone(UTC)

    @classmethod
    def parse(cls, text: object) -> "Since":
        """An instant with its offset, a day (from its beginning in UTC), or last_publication; ValueError for anything else."""
        if isinstance(text, Since):
            return text
        written = str(text)
        if written == LAST_PUBLICATION:
            return cls(None)
        try:
            if len(written) == len("2025-03-31"):
                return cls(datetime.combine(date.fromisoformat(written), time.min, UTC))
            instant = datetime.fromisoformat(written)
        except ValueError as error:
            raise ValueError("write a day as 2025-03-31, an instant as 2025-03-31T17:00:00Z, or last_publication") from error
        if instant.tzinfo is None:
            raise ValueError(f"the instant is in no time zone; write its offset, such as {written}Z")
        return cls(in_utc(instant))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Parsed from text."""
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A text."""
        day = r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
        return {"type": "string", "pattern": rf"^({day}|{LAST_PUBLICATION})$", "examples": ["2025-03-31", LAST_PUBLICATION]}

    def __str__(self) -> str:
        """As it may be written: the same instant is the same text, whichever its offset."""
        return LAST_PUBLICATION if self.instant is None else self.instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


_SINCE = "a day (from its beginning in UTC), an instant with its offset, or last_publication"


class ChangesQuery(Query):
    """From when on."""

    since: Since = Field(default=Since(None), description=_SINCE, validate_default=True)
    vendor: Name | None = Field(default=None, description="of this vendor only")


class ChangedRowsQuery(Paged):
    """From when on."""

    since: Since = Field(default=Since(None), description=_SINCE, validate_default=True)
    vendor: Name | None = Field(default=None, description="of this vendor only")

    @model_validator(mode="after")
    def _is_one_list(self) -> Self:
        if self.since.instant is None and (self.page != 1 or self.cursor is not None):
            raise ValueError(
                "last_publication is another instant once more is published; go on with since= and the instant that `since` in data says, "
                "as the header Link does"
            )
        return self


class LargestChange(Body):
    """The largest change of a figure."""

    change: Money | None = Field(description="new figure less old one; null where one change has no size, such as one to null")
    account_id: str
    as_of_date: date
    changed: int = Field(description="at how many account-dates the figure changed, each publication counted by itself")


class Change(Body):
    """What one file changed, or of no file: rows that went, or were computed anew because of an earlier day."""

    data_source: str
    superseded_by: str | None = Field(description="the file whose rows took the place of others; null of those that no file replaced")
    rows: int = Field(description="superseded rows, also those that came again with the same figures")
    days: int
    accounts: int
    withdrawn: int = Field(description="of the rows those that are published no more")
    first_as_of_date: date
    last_as_of_date: date
    first_superseded_at: Instant
    last_superseded_at: Instant
    largest_ending_market_value: LargestChange | None = Field(description="null where none changed")
    largest_return: LargestChange | None = Field(description="likewise, of calculated_twrr (0.01 is 1 %)")


_UPDATED: dict[str, tuple[Any, str]] = {"updated_at": (Instant, "when it changed last")}
Version: type[BaseModel] = row_model(
    "Version", PERFORMANCE_DATA, without={name for name in PERFORMANCE_DATA.column_names if name not in VERSION}, more=_UPDATED
)


class ChangedRow(Body):
    """One row that was superseded, and what took its place."""

    data_source: str
    account_id: str
    as_of_date: date
    superseded_at: Instant
    superseded_by: str | None = Field(description="the file whose row took its place; null where none did")
    old: Version  # type: ignore[valid-type]
    new: Version | None = Field(description="null where the row went")  # type: ignore[valid-type]


_SINCE_MEANT = "from which instant on; null where last_publication was asked for, and nothing was ever superseded"
_UNTIL = (
    "before which instant: nothing more will be superseded before it, also by publications that are running. "
    "Whoever asks for what comes next asks since= this"
)


class Changes(Body):
    """What changed between two instants, by vendor and file."""

    since: Instant | None = Field(description=_SINCE_MEANT)
    until: Instant = Field(description=_UNTIL)
    changes: list[Change]


class ChangedRows(Body):
    """A page of the rows that were superseded between two instants."""

    since: Instant | None = Field(description=_SINCE_MEANT)
    until: Instant = Field(description=_UNTIL + "; the same on each page that a cursor leads to")
    rows: list[ChangedRow]
