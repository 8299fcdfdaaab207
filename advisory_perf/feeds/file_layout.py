"""How a vendor's files are named, packed and laid out: the part of a feed that the readers need.

Models only. What the cells mean (notation, sign, scale, conventions) is in ``feed``.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator, model_validator

from advisory_perf.feeds.date_formats import tells_days
from advisory_perf.feeds.expressions import all_found, compiled, first_found, without
from advisory_perf.feeds.frozen import FrozenModel, as_tuple
from advisory_perf.feeds.reshaping import Pivot, Unpivot

_PACKED = (".gz", ".zip")
_LONGEST_MARK = 8
"""Characters of a delimiter or line end."""
_NAMED_DAYS = re.compile(
    r"(?<!\d)(?:19|20)\d\d[-_. ]?(?:0[1-9]|1[0-2])(?!\d{3})"  # 202503, 2025-03-31
    r"|(?<!\d)\d\d[-_. ]?\d\d[-_. ]?(?:19|20)\d\d(?!\d)"  # 31032025
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-_. ]?(?:19|20)?\d\d(?!\d)"
)
"""A day or month in a name, in lower case."""


def known_zone(name: str) -> str:
    """The time zone's name; ValueError where there is none of that name."""
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, LookupError) as error:
        raise ValueError(f"{name!r} is no time zone; say one like America/New_York") from error


class Csv(FrozenModel):
    """How the text of a CSV file is laid out.

    ``delimiter`` and ``line_end`` may have several characters; lines end with CR LF, LF or CR unless ``line_end`` names another
    text, and then with nothing else.
    ``quote`` goes around cells that hold the delimiter; within one it is ``doubled`` or stands behind a ``backslash``.
    ``record_prefix`` is the first cell of every row in files that begin each line with its kind; lines of other kinds are
    footers. ``block`` is for files of several tables: how the title line above the wanted one starts (empty where it has
    none); that table ends at the first blank line. ``trailing_delimiter`` is for files whose rows end with a delimiter and whose
    header does not, ``index_column`` for those whose rows begin with a number that the header does not name.
    ``final_newline: required`` refuses a file whose last line has no end; with ``optional`` the last cell of such a
    file has to be confirmed, and with ``never`` it is taken, since the vendor ends no file so.
    """

    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=_LONGEST_MARK)
    line_end: str | None = Field(default=None, min_length=1, max_length=_LONGEST_MARK)
    quote: Literal['"', "'", "none"] = '"'
    escape: Literal["doubled", "backslash"] = "doubled"
    record_prefix: str | None = Field(default=None, min_length=1)
    block: str | None = None
    trailing_delimiter: bool = False
    index_column: bool = False
    final_newline: Literal["optional", "required", "never"] = "optional"

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
    def _only_separates(cls, value: str) -> str:
        if not set(value).isdisjoint("\r\n\"'\\\0"):
            raise ValueError("must be text without line ends, quotes and backslashes")
        return value

    @model_validator(mode="after")
    def _line_ends_stand_apart(self) -> Self:
        end, delimiter = self.line_end, self.delimiter
        if end is None:
            return self
        if not set(end).isdisjoint("\"'\\\0") or _borders(end):
            raise ValueError(
                "line_end must be text without quotes and backslashes that does not begin as it ends, such as '\\r' or '\\x1e'"
            )
        if end in delimiter or delimiter in end or _overlap(end, delimiter) or _overlap(delimiter, end):
            raise ValueError("line_end and delimiter must not have a part in common, or where a line ends is ambiguous")
        return self

    @property
    def ambiguous_after_delimiter(self) -> tuple[str, ...]:
        """The texts that, behind a delimiter, would make another delimiter of it: ``|`` behind ``||``, as in ``a|||b``."""
        return tuple(self.delimiter[length:] for length in _borders(self.delimiter))


class Excel(FrozenModel):
    """Which sheet of a workbook holds the rows; by default the only visible one that has the feed's columns.

    An identifier in a number cell has lost its leading zeros. ``numeric_ids`` says what becomes of it: ``accept``, or
    ``reject`` (E_ID). By default it is accepted, unless the workbook shows any number with leading zeros or, being of the
    older kinds (xls, xlsb), does not tell. ``formulas: accept`` is for vendors who send them always; otherwise a notice says so.
    """

    sheet: str | None = None
    numeric_ids: Literal["accept", "reject"] | None = None
    formulas: Literal["accept", "warn"] = "warn"


class Json(FrozenModel):
    """Where in a JSON document the rows are: dotted path to an array, empty for the document itself.

    ``lines`` is for NDJSON, a document a line; each is then a row. ``key_as`` is for rows that are keyed instead of listed: an object
    stands at the path, whose keys become the column of that name, and under each key a row or an array of rows; of several names each
    is for one level of keys.
    """

    rows_at: str = ""
    lines: bool = False
    key_as: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = ()

    @model_validator(mode="after")
    def _lines_have_no_path(self) -> Self:
        if self.lines and (self.rows_at or self.key_as):
            raise ValueError("rows_at and key_as are for one document; with lines: true every line is a row")
        if len(set(self.key_as)) < len(self.key_as) or not all(self.key_as):
            raise ValueError("key_as must name a different column for each level of keys")
        return self


class Stated(FrozenModel):
    """A value that a file states once for all of its rows, as a column of them.

    ``in`` says where: in the ``file_name`` without its ending, in the ``path`` (the folders below ``incoming/<feed>/``, and the
    name), in the ``preamble`` (the lines above the header; csv, excel), in the name of the ``sheet`` (excel), there found by
    ``pattern``, a regular expression with one group; or in the ``document`` around the rows (json), at the dotted path ``at``.
    """

    in_: Literal["file_name", "path", "preamble", "sheet", "document"] = Field(alias="in")
    pattern: str | None = None
    at: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _found_in_one_way(self) -> Self:
        if (self.in_ == "document") != (self.at is not None) or (self.at is None) == (self.pattern is None):
            raise ValueError("in: file_name, path, preamble and sheet go with a pattern, in: document with at, a dotted path")
        if self.pattern is not None and compiled(self.pattern).groups != 1:
            raise ValueError("pattern must be a regular expression with exactly one group, around the value")
        return self

    def found(self, texts: Iterable[str]) -> set[str]:
        """What the pattern finds in the texts."""
        return {found.strip() for text in texts for found in all_found(self.pattern or "", text) if found}


class DayMustMatch(FrozenModel):
    """The file's own day, which its rows have to agree with: one of ``stated``, read by ``formats``.

    ``rows``: all are of that ``day``, of its ``window``, or of no later day (``until``).
    """

    stated: str
    formats: tuple[str, ...] = Field(default=("%Y-%m-%d",), min_length=1)
    rows: Literal["day", "window", "until"] = "window"
    on_difference: Literal["reject", "warn"] = "reject"

    @field_validator("formats")
    @classmethod
    def _tell_days(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [form for form in value if not tells_days(form)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no format of dates that tells day, month and year, or a month")
        return value


class Files(FrozenModel):
    """Which files belong to the feed, and what they are.

    A ``.gz`` or ``.zip`` behind a name is no part of it. ``version`` is a regular expression with one group, searched in the
    file's name without its ending; the number it finds orders the versions of one file. A name without it is version 0.
    ``versions`` says what a version holds: the ``whole`` file, in place of all lower ones, or only what ``changes`` in them.
    ``header_rows`` is how many rows a header has (csv, excel): its names are then joined, ``Flows`` over ``In`` is ``Flows In``.
    ``header: none`` is for files without one, whose columns are then called ``names``, in their order. ``group_header`` is a regular
    expression for the title lines of groups of rows (csv, excel), which it matches from end to end; each of its named groups becomes
    a column of the rows below the title.
    ``stated`` are columns that no row has, because the file states their value once (``Stated``); ``day_must_match`` is one of them.
    ``time_zone`` is where the vendor's day is: an instant with a time zone then is the day it fell on there.
    ``settle_seconds``: so long a file lies unchanged in incoming before it is taken; without it the installation says.
    """

    patterns: tuple[str, ...] = Field(min_length=1)
    format: Literal["csv", "excel", "json", "parquet"]
    version: str | None = None
    versions: Literal["whole", "changes"] = "whole"
    header: Literal["none"] | None = None
    names: tuple[str, ...] = ()
    header_rows: int = Field(default=1, ge=1, le=3)
    time_zone: str | None = None
    group_header: str | None = None
    unpivot: Unpivot | None = None
    pivot: Pivot | None = None
    stated: dict[str, Stated] = Field(default_factory=dict)
    day_must_match: DayMustMatch | None = None
    settle_seconds: float | None = Field(default=None, ge=0, le=86_400)
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

    @field_validator("group_header")
    @classmethod
    def _named_groups(cls, value: str | None) -> str | None:
        if value is not None and not compiled(value).names:
            raise ValueError("must have a named group, such as (?P<id>…), around what the title of a group tells")
        return value

    @model_validator(mode="after")
    def _headers_are_rows(self) -> Self:
        has_lines = self.format in {"csv", "excel"}
        if not has_lines and (self.unpivot is not None or self.header_rows != 1):
            raise ValueError("unpivot and header_rows are for formats with a header: csv and excel")
        if not has_lines and (self.header is not None or self.group_header is not None):
            raise ValueError("header: none and group_header are for formats of lines: csv and excel")
        if (self.header is None) != (not self.names):
            raise ValueError("header: none goes with names, the columns in their order")
        if self.header is not None and len(set(self.names)) < len(self.names):
            raise ValueError("names: each column needs a name of its own")
        if self.header is not None and (self.unpivot is not None or self.header_rows != 1 or self.csv.index_column):
            raise ValueError("header: none goes without unpivot, header_rows and csv: index_column, which read a header")
        if self.day_must_match is not None and self.day_must_match.stated not in self.stated:
            raise ValueError(f"day_must_match: {self.day_must_match.stated} is none of files: stated, where the file's day is found")
        places = {stated.in_ for stated in self.stated.values()}
        if "preamble" in places and (not has_lines or self.header is not None):
            raise ValueError("stated: a preamble stands above a header: csv and excel")
        if "sheet" in places and self.format != "excel":
            raise ValueError("stated: in: sheet is for excel")
        if "document" in places and (self.format != "json" or self.json_.lines):
            raise ValueError("stated: in: document is for json with one document around its rows")
        return self

    @property
    def made_columns(self) -> frozenset[str]:
        """The columns of the feed that no header and no row names."""
        return frozenset(
            {
                *self.stated,
                *self.title_columns,
                *self.json_.key_as,
                *(self.unpivot.made_columns if self.unpivot is not None else ()),
            }
        )

    @property
    def title_columns(self) -> tuple[str, ...]:
        """The columns that the titles of groups tell."""
        return compiled(self.group_header).names if self.group_header is not None else ()

    @property
    def path_is_name(self) -> bool:
        """Whether the folders that a file lies in are part of its name, because they say something of its rows."""
        return any(stated.in_ == "path" for stated in self.stated.values())

    @property
    def name_says_more(self) -> bool:
        """Whether files of the same bytes say different things under different names."""
        return any(stated.in_ in {"path", "file_name"} for stated in self.stated.values())

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
        found = first_found(self.version, self.stem(file_name))
        return int(found) if found is not None and found.isdecimal() else 0

    def unversioned(self, file_name: str) -> str:
        """The file's name without its version and packing, in lower case: what all versions of one file have in common."""
        stem, _, ending = _unpacked_name(file_name.lower()).rpartition(".")
        return f"{stem if self.version is None else without(self.version, stem)}.{ending}"

    def names_its_day(self, file_name: str) -> bool:
        """Whether the name holds a day or a month, so that no other day's file has it too."""
        return _NAMED_DAYS.search(self.unversioned(file_name)) is not None


def _unpacked_name(file_name: str) -> str:
    stem, point, ending = file_name.rpartition(".")
    return stem if stem and f"{point}{ending.lower()}" in _PACKED else file_name


def _borders(text: str) -> tuple[int, ...]:
    """The lengths of what the text both begins and ends with: 1 for ``||`` and for ``~|~``."""
    return tuple(length for length in range(1, len(text)) if text.startswith(text[-length:]))


def _overlap(first: str, second: str) -> bool:
    """Whether the one may begin before the other ends."""
    return any(second.startswith(first[-length:]) for length in range(1, min(len(first), len(second))))
