"""What every answer looks like: the envelope, its metadata, and how money, figures and instants stand in JSON."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

_LEAST_DECIMALS = 4
T = TypeVar("T")


def money_text(value: Decimal) -> str:
    """The digits that are stored, at least four behind the point: 1013.5000; of a figure with twelve those that say something."""
    whole, _, decimals = f"{value:f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(_LEAST_DECIMALS, '0')}"


Money = Annotated[
    Decimal,
    PlainSerializer(money_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{4,}$", "examples": ["1013.5000"]}),
]
"""Exact, as text with at least four decimals, since JSON's readers make doubles of numbers."""

Instant = Annotated[datetime, Field(examples=["2025-03-31T07:30:00Z"])]
"""In UTC."""


class Body(BaseModel):
    """A part of an answer; what it does not name is not answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Metadata(Body):
    """What is known of an answer besides its data."""

    timestamp: Instant = Field(description="when it was answered")
    total_records: int = Field(description="how many the list has in all, on every page; 1 of a single object", examples=[1])
    page: int = Field(description="the page's number; 1 of an answer that has no pages, and with a cursor", examples=[1])
    per_page: int = Field(description="how many a page has at most", examples=[50])
    next_cursor: str | None = Field(default=None, description="asks for what follows; null on the last page")
    version: int | None = Field(default=None, description="the number of the data that were read; another one once they change")
    request_id: str = Field(description="names the request in the log")


class Envelope(Body, Generic[T]):
    """A success."""

    status: Literal["success"] = "success"
    data: T
    metadata: Metadata
    message: str = Field(default="", description="a sentence where there is something to say of the answer", examples=[""])


class FieldProblem(Body):
    """One thing that is wrong in a request."""

    loc: list[str | int] = Field(description="where it is: path, query or body, and the name")
    msg: str = Field(description="what is wrong there")


class Problem(BaseModel):
    """An error as RFC 9457 has it, with the code by which a program knows it; some have more members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:advisory-perf:NOT_FOUND"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="one sentence: what is wrong, and what would make it right")
    instance: str = Field(description="the path that was asked for")
    code: str = Field(examples=["NOT_FOUND"])
    errors: list[FieldProblem] = Field(default=[], description="of a request that is not understood, each fault")


class ErrorEnvelope(Body):
    """An error."""

    status: Literal["error"] = "error"
    data: Problem
    metadata: Metadata
    message: str = Field(description="the sentence of the error")


def enveloped(data: Any, known: dict[str, Any], message: str = "") -> Envelope[Any]:
    """The parts of an envelope, which FastAPI makes the model of an endpoint's answer of: once, and not here as well."""
    return cast("Envelope[Any]", {"data": data, "metadata": known, "message": message})


def metadata(now: datetime, request_id: str, **known: Any) -> dict[str, Any]:
    """Of a single object, unless more is known."""
    return {"timestamp": now.astimezone(UTC), "total_records": 1, "page": 1, "per_page": 1, "request_id": request_id, **known}
