"""Excel bytes to raw rows.

A workbook stores numbers as binary floats. A number cell becomes the 15 significant digits that Excel itself shows, so
that 666.9400000000001 is 666.94 again; text cells stay as they are. fastexcel prints floats with nine decimals at most, so
columns that may have lost some are read a second time as floats. A number with more digits than a cell keeps is no amount and no
identifier (``binary_floats``). An error cell becomes its name, never a blank. Serial numbers of days count from the end of 1899, also
where the workbook's do from 1904. What a hostile workbook could do to the parser is looked for in ``xlsx_guard`` and ``xls_guard``
first.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

import fastexcel
import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.names import listed
from advisory_perf.ingestion.file_constants import with_stated
from advisory_perf.ingestion.formats.workbook_days import counted_from_1900
from advisory_perf.ingestion.formats.xls_guard import OLD_EXCEL, look_through_old
from advisory_perf.ingestion.formats.xlsx_guard import WorkbookParts, looked_through, with_stated_extents
from advisory_perf.ingestion.headers import named_header, notice_units_above, other_width, refuse_a_header, refuse_rows_above
from advisory_perf.ingestion.parsing.binary_floats import APPROXIMATE, approximate, is_beyond_cents
from advisory_perf.ingestion.parsing.numbers import of_number
from advisory_perf.ingestion.pivot import are_among
from advisory_perf.ingestion.raw_frame import (
    DEEPEST_HEADER,
    LINE_NUMBER,
    MARK,
    MISFIT,
    Header,
    Reading,
    cell,
    find_header,
    set_aside,
    without_blank_lines,
    without_repeated_headers,
)
from advisory_perf.ingestion.sections import with_titles
from advisory_perf.showing import quoted

_LONG_NUMBER = r"^-?\d+\.\d{5,}$|^-?\d{9,}\.\d+$"
"""Text that may be a number's first nine decimals; five show it too, since the others may have been zeros."""
_MIDNIGHT = r"^(\d{4}-\d\d-\d\d)[ T]00:00:00$"
_ERROR_NAMES = {
    "Div0": "#DIV/0!",
    "NA": "#N/A",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
    "GettingData": "#GETTING_DATA",
}
_NUMBER, _NUMBER_KINDS = r"^[0-9]+(\.[0-9]+)?$", ("got 'Float(", "got 'Int(")
_NO_IDENTIFIER = r"^-?[0-9]{16,}$|^-?[0-9]+\.[0-9]+$|^[0-9]{4}-[0-9]{2}-[0-9]{2}|^[0-9]{2}:[0-9]{2}"
"""What a number cell shows beyond its fifteen digits or with decimals, and a date cell; as text it may identify something."""
_HUGE_AMOUNT = r"^-?[0-9]{14,}$"


def read_excel(content: bytes, reading: Reading) -> pl.DataFrame:
    """Raw rows of one sheet; ``line_number`` is the sheet's row number."""
    if content.startswith(OLD_EXCEL):
        counts_from_1904 = look_through_old(content, reading)
        parts = WorkbookParts(may_pad_numbers=True, counts_from_1904=counts_from_1904)
    else:
        parts = looked_through(content, reading)
    workbook = fastexcel.read_excel(with_stated_extents(content, parts))
    name, cells, header = _chosen(workbook, reading)
    sheet = _Sheet(workbook, name, cells.columns)
    cells = _with_exact_numbers(cells, sheet, _lines_of(reading.feed.contract.money, cells, header, reading.feed))
    raw = without_blank_lines(_raw(_in_notation(cells, sheet, header, reading.feed), header))
    raw = without_repeated_headers(raw, header, reading.feed)
    identifiers = _lines_of(reading.feed.contract.identifiers, cells, header, reading.feed)
    raw = _with_sure_identifiers(raw, sheet, header, reading, identifiers, may_pad=parts.may_pad_numbers)
    if parts.has_formulas and reading.feed.files.excel.formulas == "warn":
        reading.noticed(
            "W_FORMULA", "holds formulas; their values as they were saved are read, so see that the vendor computes before saving"
        )
    notice_units_above(header.above, reading)
    raw = with_stated(with_titles(raw, reading, above=header.above), reading, above=header.above, sheet=name)
    raw = _with_sure_titles(raw, cells, sheet, header, reading, may_pad=parts.may_pad_numbers)
    return counted_from_1900(raw, reading.feed) if parts.counts_from_1904 else raw


def _chosen(workbook: fastexcel.ExcelReader, reading: Reading) -> tuple[str, pl.DataFrame, Header]:
    """The sheet that the feed names, else the only visible one whose header satisfies the feed: its name, cells and header."""
    named = reading.feed.files.excel.sheet
    if named is not None:
        if named not in workbook.sheet_names:
            raise reading.refused("E_DRIFT", f"has no sheet {quoted(named)}, only {listed(workbook.sheet_names)}; fix it in the feed")
        cells = _with_error_names(_loaded(workbook, named))
        return named, cells, _header(cells, reading)
    fitting, refusals, hidden = [], [], []
    for name in workbook.sheet_names:
        sheet = _loaded(workbook, name)
        if sheet.visible != "visible" or not sheet.width:
            hidden += [name] if sheet.width else []
            continue
        cells = _with_error_names(sheet)
        try:
            fitting.append((name, cells, _header(cells, reading)))
        except DeliveryRejectedError as error:
            refusals.append(error)
    if len(fitting) == 1:
        if hidden:
            known = f"say excel: sheet: {quoted(fitting[0][0])} in the feed if that is right"
            reading.noticed("W_HIDDEN_SHEET", f"hides {listed(hidden)}, of which nothing is read; {known}")
        return fitting[0]
    if fitting:
        found = listed([name for name, _, _ in fitting])
        raise reading.refused(
            "E_SHEET_AMBIGUOUS", f"has the feed's columns in several visible sheets ({found}); say excel: sheet in the feed"
        )
    if not refusals:
        raise reading.refused("E_SHEET_AMBIGUOUS", "has no visible sheet with any content; send the sheet with the rows, visible")
    raise next((error for error in refusals if error.code != "E_HEADER_MISSING"), refusals[0])


def _loaded(workbook: fastexcel.ExcelReader, name: str) -> fastexcel.ExcelSheet:
    return workbook.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")


def _header(cells: pl.DataFrame, reading: Reading) -> Header:
    if reading.feed.files.header is not None:
        return _of_names(cells, reading)
    days = cells.head(DEEPEST_HEADER).select(pl.all().str.replace(_MIDNIGHT, "$1"))
    header = find_header(days.iter_rows(), reading)
    refuse_rows_above(header, reading)
    return header


def _of_names(cells: pl.DataFrame, reading: Reading) -> Header:
    """The header that the feed has in its place; E_DRIFT where the sheet has other columns, or a header after all."""
    header = named_header(reading)
    has_cells = cells.with_row_index("row").filter(pl.any_horizontal(pl.col(cells.columns).fill_null("") != ""))
    if has_cells.is_empty():
        return header
    row_number, *first = has_cells.row(0)
    width = max((place for place, name in enumerate(cells.columns, start=1) if (has_cells[name].fill_null("") != "").any()))
    if width != len(header.names):
        raise other_width(width, row_number + 1, reading)
    refuse_a_header(first[:width], row_number + 1, reading)
    return header


def _raw(cells: pl.DataFrame, header: Header) -> pl.DataFrame:
    rows = cells.slice(header.index + 1)
    first_line = header.index + 2
    names = dict(zip(cells.columns[: len(header.names)], map(cell, header.names), strict=True))
    return rows.select(
        pl.int_range(first_line, first_line + pl.len(), dtype=pl.Int64()).alias(LINE_NUMBER),
        *(pl.lit(None, pl.String()).alias(name) for name in (MISFIT, MARK)),
        *(pl.col(old).str.replace(_MIDNIGHT, "$1").alias(new) for old, new in names.items()),
    )


def _with_error_names(sheet: fastexcel.ExcelSheet) -> pl.DataFrame:
    frame, errors = _cells(sheet)
    by_column: dict[str, dict[int, str]] = {}
    for row, column, detail in errors:
        kind = detail.partition("Error(")[2].partition(")")[0]
        by_column.setdefault(frame.columns[column], {})[row] = _ERROR_NAMES.get(kind, f"#{kind or 'ERROR'}")
    place = pl.int_range(pl.len(), dtype=pl.Int64())
    return frame.with_columns(
        pl.coalesce(pl.col(name), place.replace_strict(at, default=None, return_dtype=pl.String())) for name, at in by_column.items()
    )


def _cells(sheet: fastexcel.ExcelSheet) -> tuple[pl.DataFrame, list[tuple[int, int, str]]]:
    """The cells that have the type they were asked for, and row, column and content of the others."""
    batch, errors = sheet.to_arrow_with_errors()
    frame = pl.from_arrow(batch)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow batch becomes a frame")
    return frame, [(*error.offset_position, error.detail) for error in (errors.errors if errors else ())]


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The chosen sheet, to be read again for what its cells' texts do not tell."""

    workbook: fastexcel.ExcelReader
    name: str
    columns: list[str]

    def floats(self) -> pl.DataFrame:
        """Every number as it is stored."""
        return self.workbook.load_sheet(self.name, header_row=None, skip_rows=0, dtypes="float").to_polars()

    def kinds(self, place: int) -> tuple[set[int], set[int]]:
        """The rows in which the column has a number, and those in which it has a date, from 0.

        The parser tells a cell's kind only where it cannot give the type it was asked for, so it is asked for durations.
        """
        asked = self.workbook.load_sheet(self.name, header_row=None, skip_rows=0, dtypes={self.columns[place]: "duration"})
        frame, others = _cells(asked)
        numbers = {row for row, column, detail in others if column == place and any(kind in detail for kind in _NUMBER_KINDS)}
        return numbers, set(frame.to_series(place).is_not_null().arg_true())


def _lines_of(fields: Collection[str], cells: pl.DataFrame, header: Header, feed: Feed) -> dict[int, pl.Series]:
    """In which columns, by place, and there in which lines, cells are for one of the fields: as rows, as periods, or by a line's name."""
    wanted, unpivot, pivot = {source.from_ for name, source in feed.columns.items() if name in fields}, feed.files.unpivot, feed.files.pivot
    found = {}
    for place, name in enumerate(header.names):
        target, period = (None, ()) if unpivot is None else unpivot.found_in(name)
        if name in wanted or target in wanted:
            found[place] = pl.repeat(value=True, n=cells.height, eager=True)
        elif pivot is not None and pivot.values in {name, target}:
            if pivot.names in header.names:
                names = cells[cells.columns[header.names.index(pivot.names)]]
            else:
                inferred = dict(zip(unpivot.period_columns if unpivot is not None else (), period, strict=True))
                names = pl.repeat(inferred.get(pivot.names, ""), cells.height, dtype=pl.String(), eager=True)
            found[place] = are_among(names, wanted)
    return found


def _with_exact_numbers(cells: pl.DataFrame, sheet: _Sheet, amounts: dict[int, pl.Series]) -> pl.DataFrame:
    names = {place: cells.columns[place] for place in sorted(amounts)}
    found = cells.select(pl.all().str.contains(_LONG_NUMBER).any())
    is_long = [name for name in cells.columns if found[name].item()]
    huge = cells.select(pl.col(name).str.contains(_HUGE_AMOUNT).any() for name in names.values())
    if is_long:
        floats = sheet.floats()
        places = {name: cells.columns.index(name) for name in is_long}
        cells = cells.with_columns(_exact(cells[name], floats.to_series(place), amounts.get(place)) for name, place in places.items())
    for place, name in names.items():
        if huge[name].item():
            numbers, _ = sheet.kinds(place)
            is_huge = pl.col(name).str.contains(_HUGE_AMOUNT) & is_beyond_cents(pl.col(name))
            is_doubted = is_huge & pl.int_range(pl.len()).is_in(list(numbers)) & pl.lit(amounts[place])
            cells = cells.with_columns(pl.when(is_doubted).then(pl.lit(APPROXIMATE) + pl.col(name)).otherwise(name).alias(name))
    return cells


def _exact(texts: pl.Series, values: pl.Series, are_amounts: pl.Series | None) -> pl.Series:
    places = texts.str.contains(_LONG_NUMBER).fill_null(value=False).arg_true()
    amounts = [False] * len(places) if are_amounts is None else are_amounts.gather(places)
    shown = [
        _fifteen_digits(text, value, is_amount=is_amount)
        for text, value, is_amount in zip(texts.gather(places), values.gather(places), amounts, strict=True)
    ]
    return texts.scatter(places, pl.Series(shown, dtype=pl.String()))


def _fifteen_digits(text: str, value: float | None, *, is_amount: bool) -> str:
    """Excel's own 15 significant digits, in plain notation; an amount only where those are all that the cell can mean.

    Text that fastexcel would not print for the number is a text cell, and what it prints as whole is whole: noise of a
    subtraction like -2.8E-17 stays zero.
    """
    if value is None or text != _without_zeros(f"{value:.9f}"):
        return text
    if is_amount and (doubted := approximate(value)) is not None:
        return doubted
    return _without_zeros(f"{Decimal(f'{value:.15g}'):f}")


def _in_notation(cells: pl.DataFrame, sheet: _Sheet, header: Header, feed: Feed) -> pl.DataFrame:
    """The cells with number cells written as the feed's texts are, so that its decimal mark and groups are asked of texts only."""
    if feed.numbers.decimal_mark == ".":
        return cells
    amounts, announces = _lines_of(feed.contract.numbers, cells, header, feed), _announcing(cells, feed)
    for place, column in enumerate(cells.columns):
        lines = {*announces, *(amounts[place].arg_true() if place in amounts else ())}
        if lines and cells[column].str.contains(r"\.").any():
            rows = sorted(sheet.kinds(place)[0] & lines)
            written = [of_number(text, feed.numbers) for text in cells[column].gather(rows)]
            cells = cells.with_columns(cells[column].scatter(rows, pl.Series(written, dtype=pl.String())))
    return cells


def _announcing(cells: pl.DataFrame, feed: Feed) -> list[int]:
    """The lines that announce control figures, in whichever columns these stand."""
    line = pl.concat_str(pl.all().fill_null(""), separator=feed.files.csv.delimiter)
    written = line.str.replace_all(".", feed.numbers.decimal_mark if feed.numbers.decimal_mark == "," else ".", literal=True)
    tests = [text.str.contains(pattern) for pattern in feed.controls.patterns for text in (line, written)]
    return cells.select(pl.any_horizontal(pl.lit(value=False), *tests).arg_true()).to_series().to_list() if tests else []


def _without_zeros(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


def _with_sure_identifiers(
    raw: pl.DataFrame, sheet: _Sheet, header: Header, reading: Reading, identifiers: dict[int, pl.Series], *, may_pad: bool
) -> pl.DataFrame:
    """The raw rows, in which no number or date stands for an identifier that it may not be.

    Where a number may have lost its leading zeros, its row is a misfit under E_ID. One of more than fifteen digits or with decimals,
    and a date, which a spreadsheet makes of texts such as 1-2, are written as approximate, whatever the feed says of number cells.
    """
    doubtful, is_padded, lost = _doubtful(reading, may_pad=may_pad), _is_padded(reading, may_pad=may_pad), set[int]()
    for place, lines in identifiers.items():
        name = header.names[place]
        text, row = pl.col(cell(name)), pl.col(LINE_NUMBER) - 1
        if not raw.select(text.str.contains(doubtful).any()).item():
            continue
        numbers, dates = (rows & set(lines.arg_true()) for rows in sheet.kinds(place))
        lost |= numbers if is_padded else set()
        is_none = text.str.contains(_NO_IDENTIFIER) & row.is_in([*numbers, *dates])
        raw = raw.with_columns(pl.when(is_none).then(pl.lit(APPROXIMATE) + text).otherwise(text).alias(cell(name)))
    if not lost:
        return raw
    is_number = pl.col(MISFIT).is_null() & (pl.col(LINE_NUMBER) - 1).is_in(list(lost))
    return set_aside(raw, is_number, separator="\t", mark="E_ID")


def _is_padded(reading: Reading, *, may_pad: bool) -> bool:
    rule = reading.feed.files.excel.numeric_ids
    return may_pad if rule is None else rule == "reject"


def _doubtful(reading: Reading, *, may_pad: bool) -> str:
    """How a number or date looks that may not be the identifier that was meant."""
    return f"{_NUMBER}|{_NO_IDENTIFIER}" if _is_padded(reading, may_pad=may_pad) else _NO_IDENTIFIER


def _with_sure_titles(
    raw: pl.DataFrame, cells: pl.DataFrame, sheet: _Sheet, header: Header, reading: Reading, *, may_pad: bool
) -> pl.DataFrame:
    """The raw rows, in which no number or date of a title or of a line above the header stands for an identifier that it may not be."""
    feed, files = reading.feed, reading.feed.files
    sources = [source.from_ for name, source in feed.columns.items() if name in feed.contract.identifiers]
    above = [name for name, stated in files.stated.items() if stated.in_ == "preamble"]
    inferred = [name for name in sources if name in (*files.title_columns, *above)]
    if not inferred:
        return raw
    titles = raw.filter(pl.col(MISFIT).is_not_null() & pl.col(MARK).is_null())[LINE_NUMBER] - 1
    lines, doubted = {*titles, *range(len(header.above))}, set[str]()
    for place, name in enumerate(cells.columns):
        numbers, dates = sheet.kinds(place)
        texts = cells[name].gather(sorted((numbers | dates) & lines)).str.strip_prefix(APPROXIMATE)
        texts = texts.str.replace(_MIDNIGHT, "$1")
        doubted |= set(texts.filter(texts.str.contains(_doubtful(reading, may_pad=may_pad))))
    return raw.with_columns(
        pl.when(pl.col(cell(name)).is_in(sorted(doubted)))
        .then(pl.lit(APPROXIMATE) + pl.col(cell(name)))
        .otherwise(cell(name))
        .alias(cell(name))
        for name in inferred
    )
