"""Raw rows: a delivery as it came, every cell still text.

A raw frame has ``line_number`` (Int64, from 1), ``misfit`` and ``mark`` (String), and one ``cell:<name>`` column (String; null or
empty is blank) for each column of the file, in its order. A line that is no row of cells has its own text in ``misfit`` and null
cells: with a row's code in ``mark`` it is quarantined under that code, without one it is a footer (a header that is repeated, a
line of another kind). A row has no ``misfit``; its ``mark`` is null, or E_TORN where it is the last and no line end closes it, so
that its last cell may be half a number. Lines without content are not rows. What a cell means is decided in ``validation.rows``.
"""

import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.names import INVISIBLE, folded, listed, repeated, visible, without_repeats
from advisory_perf.feeds.reshaping import Unpivot
from advisory_perf.feeds.suggestions import proposed_changes, renamed_by_a_unit
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.notices import Notice

LINE_NUMBER = "line_number"
MISFIT = "misfit"
MARK = "mark"
CELL = "cell:"

_SURROUNDINGS = f"^[{INVISIBLE}]+|[{INVISIBLE}]+$"
_KEPT_AS_TEXT = r'^=(?:"([^"]*)"|([^"=]*)"")$'
"""The second is what Arrow makes of the first where the cell itself is not quoted."""
HEADER_SEARCH_ROWS = 50
"""How many rows are looked at where a header is not known yet."""
DEEPEST_HEADER = 1_000
"""How far down a file the header that its feed describes may stand; preambles are never as long."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reader has to know besides the bytes, how it refuses them, and where it says what a person should know."""

    feed: Feed
    file_name: str
    bounds: Bounds
    notices: list[Notice] = field(default_factory=list)
    path: str = ""
    """Where the file lies below its vendor's folder, its name included."""

    def noticed(self, code: str, sentence: str) -> None:
        """Keeps what a person should know of a file that is read all the same, with vendor and file."""
        self.notices.append(Notice(code, f"{self.feed.vendor}, {self.file_name}: {sentence}"))

    def refused(self, code: str, sentence: str) -> DeliveryRejectedError:
        """The rejection of the file, which names vendor and file."""
        return DeliveryRejectedError(code, f"{self.feed.vendor}, {self.file_name}: {sentence}")

    def too_large(self, what: str, bound: str) -> DeliveryRejectedError:
        """The rejection of a file that passes one of the bounds."""
        return self.refused("E_TOO_LARGE", f"{what}; send it in parts, or raise ADVISORY_PERF_MAX_{bound}")

    def refuse_large_table(self, table_bytes: int) -> None:
        """E_TOO_LARGE where the table of the file's texts takes more than its share of the memory."""
        if table_bytes > self.bounds.table_bytes:
            what = f"makes a table of {table_bytes:,} bytes, and {self.bounds.table_bytes:,} are half of ADVISORY_PERF_READ_MEMORY_BYTES"
            raise self.refused("E_TOO_LARGE", f"{what}; send it in parts, or raise that setting")


@dataclass(frozen=True, slots=True)
class Header:
    """Where the header ends (its last row's index), the columns' names, and its rows and those above it as they are printed."""

    index: int
    names: list[str]
    rows: list[list[str]]
    above: list[list[str]]


def cell(name: str) -> str:
    """The raw frame's column that holds the file's column ``name``."""
    return f"{CELL}{name}"


def cell_columns(raw: pl.DataFrame) -> list[str]:
    """The cell columns of a raw frame, in the file's order."""
    return [name for name in raw.columns if name.startswith(CELL)]


def bare(cells: pl.Expr) -> pl.Expr:
    """Cells without spaces and invisible marks around them, and without the ``="…"`` by which spreadsheets are made to keep text."""
    stripped = cells.str.replace_all(_SURROUNDINGS, "")
    unwrapped = stripped.str.replace(_KEPT_AS_TEXT, "${1}${2}").str.replace_all(_SURROUNDINGS, "")
    return pl.when(stripped.str.starts_with("=")).then(unwrapped).otherwise(stripped)


def find_header(rows: Iterable[Sequence[str | None]], reading: Reading) -> Header:
    """The first rows, as many as the feed says a header has, that hold every column the feed maps.

    Names that the feed knows come back in the feed's spelling. DeliveryRejectedError: E_MAPPING where rows hold some of
    them, naming the others; E_HEADER_MISSING where none do; E_HEADER_DUPLICATE where one stands twice.
    """
    feed, unpivot = reading.feed, reading.feed.files.unpivot
    without_periods: tuple[int, list[str]] | None = None
    wanted = {folded(name): name for name in feed.source_names}
    known = set(map(folded, _sources(feed)))
    best: tuple[int, set[str], list[str]] = (0, set(), [])
    last: deque[list[str]] = deque(maxlen=feed.files.header_rows)
    seen: list[list[str]] = []
    for index, row in enumerate(rows):
        if len(row) > reading.bounds.columns:
            raise reading.too_large(f"has {len(row):,} columns in row {index + 1}", "COLUMNS")
        last.append([(value or "").strip() for value in row])
        seen.append(last[-1])
        if len(last) < feed.files.header_rows:
            continue
        names = last[0] if len(last) == 1 else _joined(list(last), known, unpivot)
        keys = [folded(name) for name in names]
        found = wanted.keys() & set(keys)
        has_all = len(found) == len(wanted)
        if has_all and (unpivot is None or any(value is not None for value, _ in unpivot.found_in_all(names))):
            return Header(index, column_names(keys, names, reading), list(last), seen[: -len(last)])
        if has_all and without_periods is None and wanted:
            without_periods = index, names
        if len(found) > len(best[1]):
            best = (index, set(found), names)
    pairs = itertools.pairwise(seen) if feed.files.header_rows == 1 else ()
    if any(wanted.keys() <= set(map(folded, _joined(list(pair), known, unpivot))) for pair in pairs):
        raise reading.refused("E_HEADER_MISSING", "has a header of two rows; say files: header_rows: 2 in the feed")
    if without_periods is not None and unpivot is not None:
        index, names = without_periods
        others = [name for name in names if name and folded(name) not in wanted]
        raise reading.refused(
            "E_HEADER_MISSING",
            f"the header in line {index + 1} has no column that files: unpivot: header in the feed matches ({unpivot.header}), only "
            f"{listed(others, 4) or 'none beside those that are mapped'}; send the file with its periods or fix that expression",
        )
    if len(best[1]) > 1:
        missing = [name for key, name in wanted.items() if key not in best[1]]
        raise missing_columns(reading, missing, where=f"the header in line {best[0] + 1}", names=best[2])
    raise reading.refused(
        "E_HEADER_MISSING",
        f"none of the first {DEEPEST_HEADER:,} lines holds the column names {', '.join(list(wanted.values())[:4])}, …; "
        "send the file with its header or fix columns in the feed",
    )


def _joined(rows: list[list[str]], known: set[str], unpivot: Unpivot | None) -> list[str]:
    """One name a column from a header of several rows: with what stands above it, or above and to the left (a merged title).

    Which of them is meant, the feed decides, that of a period first; a column that it does not know takes what stands right above.
    """
    given = names_of_columns(rows)
    all_names = list(dict.fromkeys(itertools.chain.from_iterable(given)))
    found = unpivot.found_in_all(all_names) if unpivot is not None else []
    periods = {name for name, (value, _) in zip(all_names, found, strict=False) if value is not None}

    def meant(names: tuple[str, str, str]) -> str:
        period = next((name for name in names if name in periods), None)
        return period or next((name for name in names if folded(name) in known), names[1])

    return [meant(names) for names in given]


def names_of_columns(rows: list[list[str]]) -> list[tuple[str, str, str]]:
    """The names that each column of a header of several rows may have: under a merged title, with what is right above, and alone."""
    lowest = rows[-1]
    width = max(len(lowest), *(max((i + 1 for i, value in enumerate(row) if value), default=0) for row in rows))
    rows = [row[:width] + [""] * (width - len(row)) for row in rows]
    reaching = [list(row) for row in rows[:-1]]
    for row in reaching:
        for i in range(1, width):
            row[i] = row[i] or row[i - 1]
    found = []
    for i, below in enumerate(rows[-1]):
        own = " ".join(value for value in (row[i] for row in rows) if value)
        merged = " ".join(value for value in (*(row[i] for row in reaching), below) if value) if below else own
        found.append((merged, own, below))
    return found


def missing_columns(reading: Reading, missing: Sequence[str], *, where: str, names: Sequence[str] = ()) -> DeliveryRejectedError:
    """The rejection of a file that lacks mapped columns; ``names`` are those it has, of which a new one may be a renamed one."""
    feed = reading.feed
    known = set(map(folded, (*_sources(feed), *feed.ignored)))
    new = [name for name in names if name and folded(name) not in known]
    lacking = [field for field, source in feed.columns.items() if source.from_ in missing]
    with_unit = {name: renamed_by_a_unit(name, new) for name in missing}
    code = "E_SCALE_AMBIGUOUS" if any(with_unit.values()) else "E_MAPPING"
    proposals = f": {proposed_changes(feed, lacking, new)}" if new else ""
    return reading.refused(code, f"{where} lacks {', '.join(missing)}; send the file with it or fix columns in the feed{proposals}")


def column_names(keys: Sequence[str], names: Sequence[str], reading: Reading) -> list[str]:
    """The header's names, in the feed's spelling where it knows them; unnamed columns are called ``unnamed <position>``.

    DeliveryRejectedError E_HEADER_DUPLICATE where a name that the feed reads stands twice. Of other names the further
    columns get names of their own (``repeated``), so that the raw rows keep them all.
    """
    feed = reading.feed
    spelling = feed_spellings(feed)
    given = [spelling.get(key) or (names[i].strip() if visible(names[i]) else f"unnamed {i + 1}") for i, key in enumerate(keys)]
    seen, twice = set[str](), list[str]()
    for i, (key, name) in enumerate(zip(keys, given, strict=True)):
        if name in seen:
            is_period = feed.files.unpivot is not None and feed.files.unpivot.found_in(name)[0] is not None
            twice += [name] if key in spelling or is_period else []
            given[i] = repeated(name, i + 1)
        seen.add(given[i])
    if twice:
        raise reading.refused(
            "E_HEADER_DUPLICATE",
            f"the column {listed(sorted(set(twice)))} stands twice in the header, so which one is meant is ambiguous",
        )
    return given


def feed_spellings(feed: Feed) -> dict[str, str]:
    """The names of columns that the feed reads, by what they fold to: those that it maps, pivots, or finds footers by."""
    return {folded(name): name for name in (*(rule.column for rule in feed.footer), *_pivoted(feed), *_sources(feed))}


def _pivoted(feed: Feed) -> tuple[str, ...]:
    pivot = feed.files.pivot
    return () if pivot is None else (*pivot.by, pivot.names, pivot.values)


def _sources(feed: Feed) -> tuple[str, ...]:
    return tuple(source.from_ for source in feed.columns.values())


def unmapped_columns(raw: pl.DataFrame, feed: Feed) -> list[str]:
    """The file's columns that the feed neither maps nor ignores; their cells are kept in the raw rows only."""
    known = set(map(folded, (*_sources(feed), *_pivoted(feed), *feed.ignored, *feed.files.stated)))
    return [name for name in without_repeats(column.removeprefix(CELL) for column in cell_columns(raw)) if folded(name) not in known]


def set_aside(raw: pl.DataFrame, is_no_row: pl.Expr, *, separator: str, mark: str | None = None) -> pl.DataFrame:
    """The raw rows, with some made misfits under a code, or footers: their text in ``misfit``, their cells null."""
    names = cell_columns(raw)
    text = pl.concat_str([pl.col(name).fill_null("") for name in names], separator=separator)
    return raw.with_columns(
        pl.when(is_no_row).then(text).otherwise(MISFIT).alias(MISFIT),
        pl.when(is_no_row).then(pl.lit(mark, pl.String())).otherwise(MARK).alias(MARK),
        *(pl.when(~is_no_row).then(pl.col(name)).alias(name) for name in names),
    )


def without_repeated_headers(raw: pl.DataFrame, header: Header, feed: Feed, *, separator: str = "\t") -> pl.DataFrame:
    """The raw rows; those that only print the header again, as reports do at the top of a page, are footers."""
    mapped = (feed.day_source.from_, *feed.source_names)
    day = next((name for name in mapped if name in header.names), None)
    if day is None:
        return raw
    place = header.names.index(day)
    printed = [[_title(value) for value in row] for row in header.rows if place < len(row)]
    names = cell_columns(raw)
    titles = {row[place] for row in header.rows if place < len(row) and row[place]}
    inferred = pl.col(cell(day))
    suspects = raw.filter(
        (inferred != "") & ~inferred.str.contains("[0-9]")
        | pl.any_horizontal(pl.lit(value=False), *(inferred.str.contains(title, literal=True) for title in titles))
    )
    again = [
        line
        for line, *values in suspects.select(LINE_NUMBER, *names).iter_rows()
        if [_title(value or "") for value in values] in [row[: len(names)] for row in printed]
    ]
    return set_aside(raw, pl.col(LINE_NUMBER).is_in(again), separator=separator) if again else raw


def _title(cell: str) -> str:
    """A cell of a header as names are compared; behind a byte order mark it has its quotes still."""
    return folded(visible(cell).strip("\"'"))


def without_blank_lines(raw: pl.DataFrame) -> pl.DataFrame:
    """The raw rows that have any content; all columns are only looked at where a first look at one finds it blank."""
    names = cell_columns(raw)
    maybe_blank = raw.select(LINE_NUMBER, _is_blank(names[0]).alias("blank")).filter("blank") if names else raw
    if maybe_blank.is_empty():
        return raw
    misfit = pl.col(MISFIT).str.strip_chars()
    is_blank = pl.all_horizontal(*map(_is_blank, names), misfit.is_null() | (misfit == ""))
    return raw.filter(~is_blank)


def _is_blank(name: str) -> pl.Expr:
    return pl.col(name).is_null() | (pl.col(name) == "")
