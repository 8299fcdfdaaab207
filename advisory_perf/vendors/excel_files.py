"""Excel bytes to raw rows.

A workbook stores numbers as binary floats. A number cell becomes the 15 significant digits that Excel itself shows, so
that 666.9400000000001 is 666.94 again; text cells stay as they are. fastexcel prints floats with nine decimals at most, so
columns that may have lost some are read a second time as floats. An error cell becomes its name, never a blank. What a hostile
workbook could do to the parser is looked for in ``workbooks`` and ``old_workbooks`` first.
"""

from decimal import Decimal
from typing import NoReturn

import fastexcel
import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.old_workbooks import OLD_EXCEL, look_through_old
from advisory_perf.vendors.raw import (
    HEADER_SEARCH_ROWS,
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
from advisory_perf.vendors.stating import with_stated
from advisory_perf.vendors.workbooks import WorkbookParts, looked_through

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
_NUMBER, _NUMBER_KINDS = r"^[0-9]+(\.[0-9]+)?$", ("'Float(", "'Int(")


def read_excel(content: bytes, reading: Reading) -> pl.DataFrame:
    """Raw rows of one sheet; ``line_number`` is the sheet's row number."""
    if content.startswith(OLD_EXCEL):
        look_through_old(content, reading)
        parts = WorkbookParts(may_pad_numbers=True)
    else:
        parts = looked_through(content, reading)
    try:
        workbook = fastexcel.read_excel(content)
        name, cells, header = _chosen(workbook, reading)
        raw = without_blank_lines(_raw(_with_exact_numbers(cells, workbook, name), header))
        raw = without_repeated_headers(raw, header, reading.feed)
        if _must_tell_ids(raw, reading, may_pad=parts.may_pad_numbers):
            ids = header.names.index(reading.feed.columns["account_id"].from_)
            raw = _without_numeric_ids(
                raw, workbook.load_sheet(name, header_row=None, skip_rows=0, dtypes={cells.columns[ids]: "duration"})
            )
    except fastexcel.FastExcelError as error:
        _refuse_damaged(error, reading)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # the parser's own, which it does not export
            raise
        _refuse_damaged(error, reading)
    if parts.has_formulas and reading.feed.files.excel.formulas == "warn":
        reading.noticed(
            "W_FORMULA", "holds formulas; their values as they were saved are read, so see that the vendor computes before saving"
        )
    return with_stated(raw, reading, above=header.above)


def _refuse_damaged(error: BaseException, reading: Reading) -> NoReturn:
    what = " ".join(str(error).split())[:160]
    raise reading.refused("E_FORMAT", f"cannot be read as an Excel workbook ({what}); send it again") from error


def _chosen(workbook: fastexcel.ExcelReader, reading: Reading) -> tuple[str, pl.DataFrame, Header]:
    """The sheet that the feed names, else the only visible one whose header satisfies the feed: its name, cells and header."""
    named = reading.feed.files.excel.sheet
    if named is not None:
        if named not in workbook.sheet_names:
            raise reading.refused("E_DRIFT", f"has no sheet {named!r}, only {', '.join(workbook.sheet_names)}; mend it in the feed")
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
            known = f"say excel: sheet: {fitting[0][0]} in the feed if that is right"
            reading.noticed("W_HIDDEN_SHEET", f"hides {', '.join(hidden)}, of which nothing is read; {known}")
        return fitting[0]
    if fitting:
        found = ", ".join(name for name, _, _ in fitting)
        raise reading.refused(
            "E_SHEET_AMBIGUOUS", f"has the feed's columns in several visible sheets ({found}); say excel: sheet in the feed"
        )
    if not refusals:
        raise reading.refused("E_SHEET_AMBIGUOUS", "has no visible sheet with any content; send the sheet with the rows, visible")
    raise next((error for error in refusals if error.code != "E_HEADER_MISSING"), refusals[0])


def _loaded(workbook: fastexcel.ExcelReader, name: str) -> fastexcel.ExcelSheet:
    return workbook.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")


def _header(cells: pl.DataFrame, reading: Reading) -> Header:
    return find_header(cells.head(HEADER_SEARCH_ROWS).iter_rows(), reading)


def _raw(cells: pl.DataFrame, header: Header) -> pl.DataFrame:
    rows = cells.slice(header.index + 1)
    first_line = header.index + 2
    names = dict(zip(cells.columns, map(cell, header.names), strict=True))
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


def _with_exact_numbers(cells: pl.DataFrame, workbook: fastexcel.ExcelReader, sheet_name: str) -> pl.DataFrame:
    is_long = cells.select(pl.all().str.contains(_LONG_NUMBER).any())
    columns = [name for name in cells.columns if is_long[name].item()]
    if not columns:
        return cells
    floats = workbook.load_sheet(sheet_name, header_row=None, skip_rows=0, dtypes="float").to_polars()
    return cells.with_columns(_exact(cells[name], floats.to_series(cells.columns.index(name))) for name in columns)


def _exact(texts: pl.Series, values: pl.Series) -> pl.Series:
    places = texts.str.contains(_LONG_NUMBER).fill_null(value=False).arg_true()
    shown = map(_fifteen_digits, texts.gather(places), values.gather(places))
    return texts.scatter(places, pl.Series(shown, dtype=pl.String()))


def _fifteen_digits(text: str, value: float | None) -> str:
    """Excel's own 15 significant digits, in plain notation.

    Text that fastexcel would not print for the number is a text cell, and what it prints as whole is whole: noise of a
    subtraction like -2.8E-17 stays zero.
    """
    if value is None or text != _without_zeros(f"{value:.9f}"):
        return text
    return _without_zeros(f"{Decimal(f'{value:.15g}'):f}")


def _without_zeros(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


def _must_tell_ids(raw: pl.DataFrame, reading: Reading, *, may_pad: bool) -> bool:
    """Whether an account number may stand in a number cell that should not be taken for it."""
    rule = reading.feed.files.excel.numeric_ids
    doubted = may_pad if rule is None else rule == "reject"
    return doubted and bool(raw[cell(reading.feed.columns["account_id"].from_)].str.contains(_NUMBER).any())


def _without_numeric_ids(raw: pl.DataFrame, as_durations: fastexcel.ExcelSheet) -> pl.DataFrame:
    """The raw rows; those whose account number is a number cell, which keeps no leading zeros, are misfits under E_ID.

    The parser tells a cell's kind only where it cannot give the type it was asked for, so it is asked for durations.
    """
    _, others = _cells(as_durations)
    lines = [row + 1 for row, _, detail in others if any(kind in detail for kind in _NUMBER_KINDS)]
    return set_aside(raw, pl.col(MISFIT).is_null() & pl.col(LINE_NUMBER).is_in(lines), separator="\t", mark="E_ID")
