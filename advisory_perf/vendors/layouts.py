"""How a vendor's files are named, packed and laid out: the part of a feed that the readers need.

Models only. What the cells mean (notation, sign, scale, conventions) is in ``feed``.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_PACKED = (".gz", ".zip")
_VALUE_GROUP = "column"


class FrozenModel(BaseModel):
    """What every part of a feed is: no key that nobody knows, and no change after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression of a feed; ValueError says what is wrong with it."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression ({error})") from error


def known_zone(name: str) -> str:
    """The time zone's name; ValueError where there is none of that name."""
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, LookupError) as error:
        raise ValueError(f"{name!r} is no time zone; say one like America/New_York") from error


class Csv(FrozenModel):
    """How the text of a CSV file is laid out.

    ``quote`` goes around cells that hold the delimiter; within one it is ``doubled`` or stands behind a ``backslash``.
    ``record_prefix`` is the first cell of every row in files that begin each line with its kind; lines of other kinds are
    footers. ``block`` is for files of several tables: how the title line above the wanted one starts (empty where it has
    none); that table ends at the first blank line. ``trailing_delimiter`` is for files whose rows end with a delimiter and whose
    header does not. ``final_newline: required`` refuses a file whose last line has no end.
    """

    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: Literal['"', "'", "none"] = '"'
    escape: Literal["doubled", "backslash"] = "doubled"
    record_prefix: str | None = Field(default=None, min_length=1)
    block: str | None = None
    trailing_delimiter: bool = False
    final_newline: Literal["optional", "required"] = "optional"

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "text".encode(value)
        except LookupError as error:
            raise ValueError(f"{value!r} is no encoding of text that Python knows") from error
        return value

    @field_validator("delimiter")
    @classmethod
    def _one_byte(cls, value: str) -> str:
        if not value.isascii() or value in "\r\n\"'\\":
            raise ValueError("must be one ASCII character that neither ends a line nor quotes")
        return value


class Excel(FrozenModel):
    """Which sheet of a workbook holds the rows; by default the only visible one that has the feed's columns.

    An account number in a number cell has lost its leading zeros. ``numeric_ids`` says what becomes of it: ``accept``, or
    ``reject`` (E_ID). By default it is accepted, unless the workbook shows any number with leading zeros or, being of the
    older kinds (xls, xlsb), does not tell. ``formulas: accept`` is for vendors who send them always; otherwise a notice says so.
    """

    sheet: str | None = None
    numeric_ids: Literal["accept", "reject"] | None = None
    formulas: Literal["accept", "warn"] = "warn"


class Json(FrozenModel):
    """Where in a JSON document the rows are: dotted path to an array, empty for the document itself.

    ``lines`` is for NDJSON, a document a line; each is then a row.
    """

    rows_at: str = ""
    lines: bool = False

    @model_validator(mode="after")
    def _lines_have_no_path(self) -> Self:
        if self.lines and self.rows_at:
            raise ValueError("rows_at is for one document; with lines: true every line is a row")
        return self


class Unpivot(FrozenModel):
    """Columns that are periods, to be turned into rows: one for each line and period (csv, excel).

    ``header`` is a regular expression that such a column's name matches from end to end. Each of its named groups becomes a column
    of that name, with the text that it found; only the group ``column`` says instead which of ``values`` the cell goes to, and may
    be left out where there is but one.
    """

    header: str
    values: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _groups_tell_all(self) -> Self:
        groups = compiled(self.header).groupindex
        if not self.period_columns:
            raise ValueError("header must have a named group, such as (?P<day>…), around what tells the period")
        if len(self.values) > 1 and _VALUE_GROUP not in groups:
            raise ValueError(f"header must have a group (?P<{_VALUE_GROUP}>…) that finds which of the values a column holds")
        return self

    @property
    def period_columns(self) -> tuple[str, ...]:
        """The columns that are read out of the header."""
        return tuple(name for name in compiled(self.header).groupindex if name != _VALUE_GROUP)

    @property
    def made_columns(self) -> frozenset[str]:
        """The columns that no line of the file names as such."""
        return frozenset({*self.period_columns, *self.values})

    def found_in(self, name: str) -> tuple[str | None, tuple[str, ...]]:
        """Which value a column holds and for which period; no value where it is a column like others."""
        found = compiled(self.header).fullmatch(name)
        if found is None:
            return None, ()
        groups = found.groupdict(default="")
        value = groups.get(_VALUE_GROUP, self.values[0])
        return (value if value in self.values else None), tuple(groups[group] for group in self.period_columns)


class Stated(FrozenModel):
    """A value that a file states once for all of its rows, as a column of them.

    ``in`` says where: in the ``file_name`` without its ending, in the ``preamble`` (the lines above the header; csv, excel), there
    found by ``pattern``, a regular expression with one group; or in the ``document`` around the rows (json), at the dotted path
    ``at``.
    """

    in_: Literal["file_name", "preamble", "document"] = Field(alias="in")
    pattern: str | None = None
    at: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _found_in_one_way(self) -> Self:
        if (self.in_ == "document") != (self.at is not None) or (self.at is None) == (self.pattern is None):
            raise ValueError("in: file_name and in: preamble go with a pattern, in: document with at, a dotted path")
        if self.pattern is not None and compiled(self.pattern).groups != 1:
            raise ValueError("pattern must be a regular expression with exactly one group, around the value")
        return self

    def found(self, texts: Iterable[str]) -> set[str]:
        """What the pattern finds in the texts."""
        return {match[1].strip() for text in texts for match in re.finditer(self.pattern or "", text) if match[1]}


class Files(FrozenModel):
    """Which files belong to the feed, and what they are.

    A ``.gz`` or ``.zip`` behind a name is no part of it. ``version`` is a regular expression with one group, searched in the
    file's name without its ending; the number it finds orders deliveries of the same day. A name without it is version 0.
    ``header_rows`` is how many rows a header has (csv, excel): its names are then joined, ``Flows`` over ``In`` is ``Flows In``.
    ``stated`` are columns that no row has, because the file states their value once (``Stated``).
    ``time_zone`` is where the vendor's day is: an instant with a time zone then is the day it fell on there.
    """

    patterns: tuple[str, ...] = Field(min_length=1)
    format: Literal["csv", "excel", "json", "parquet"]
    version: str | None = None
    header_rows: int = Field(default=1, ge=1, le=3)
    time_zone: str | None = None
    unpivot: Unpivot | None = None
    stated: dict[str, Stated] = Field(default_factory=dict)
    csv: Csv = Csv()
    excel: Excel = Excel()
    json_: Json = Field(default=Json(), alias="json")

    @field_validator("version")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        if value is not None and compiled(value).groups != 1:
            raise ValueError("must be a regular expression with exactly one group, around the version number")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return None if value is None else known_zone(value)

    @model_validator(mode="after")
    def _headers_are_rows(self) -> Self:
        if self.format not in {"csv", "excel"} and (self.unpivot is not None or self.header_rows != 1):
            raise ValueError("unpivot and header_rows are for formats with a header: csv and excel")
        places = {stated.in_ for stated in self.stated.values()}
        if "preamble" in places and self.format not in {"csv", "excel"}:
            raise ValueError("stated: a preamble stands above a header: csv and excel")
        if "document" in places and (self.format != "json" or self.json_.lines):
            raise ValueError("stated: in: document is for json with one document around its rows")
        return self

    @property
    def made_columns(self) -> frozenset[str]:
        """The columns of the feed that no header and no row names."""
        return frozenset(self.stated) | (self.unpivot.made_columns if self.unpivot is not None else frozenset())

    def stem(self, file_name: str) -> str:
        """The file's name without packing and ending."""
        return _unpacked_name(file_name).rsplit(".", 1)[0]

    def claims(self, file_name: str) -> bool:
        """Whether one of the patterns matches the file's name, in upper or lower case, packed or not."""
        names = {file_name.lower(), _unpacked_name(file_name.lower())}
        return any(fnmatchcase(name, pattern.lower()) for pattern in self.patterns for name in names)

    def version_of(self, file_name: str) -> int:
        """The version that the file's name carries, in upper or lower case; 0 without one, or where it is no number."""
        if self.version is None:
            return 0
        found = re.search(self.version, self.stem(file_name), re.IGNORECASE)
        return int(found.group(1)) if found and found.group(1).isdecimal() else 0

    def unversioned(self, file_name: str) -> str:
        """The file's name without its version and packing, in lower case: what all versions of one file have in common."""
        stem, _, ending = _unpacked_name(file_name.lower()).rpartition(".")
        return f"{stem if self.version is None else re.sub(self.version, '', stem, flags=re.IGNORECASE)}.{ending}"


def _unpacked_name(file_name: str) -> str:
    stem, point, ending = file_name.rpartition(".")
    return stem if stem and f"{point}{ending.lower()}" in _PACKED else file_name
