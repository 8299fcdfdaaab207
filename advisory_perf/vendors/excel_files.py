"""Excel bytes to raw rows.

A workbook stores numbers as binary floats. A number cell becomes the 15 significant digits that Excel itself shows, so
that 666.9400000000001 is 666.94 again; text cells stay as they are. fastexcel prints floats with nine decimals at most, so
columns that may have lost some are read a second time as floats. An error cell becomes its name, never a blank.
"""

from decimal import Decimal

import fastexcel
import polars as pl

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.vendors.feed import Feed
from advisory_perf.vendors.raw import HEADER_SEARCH_ROWS, LINE_NUMBER, MISFIT, cell, find_header, without_blank_lines

_LONG_NUMBER = r"^-?\d+\.\d{5,}$|^-?\d{9,}\.\d+$"
"""Text that may be a number's first nine decimals; five show it too, since the others may have been zeros."""
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The name of the stream that an encrypted workbook holds in place of its sheets."""
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


def read_excel(content: bytes, feed: Feed, file_name: str) -> pl.DataFrame:
    """Raw rows of one sheet; ``line_number`` is the sheet's row number."""
    if _ENCRYPTED in content:
        raise DeliveryRejectedError("E_ENCRYPTED", f"{feed.vendor}, {file_name}: is encrypted; ask the vendor for it without a password")
    try:
        workbook = fastexcel.read_excel(content)
        sheet = workbook.load_sheet(_sheet_name(workbook, feed, file_name), header_row=None, skip_rows=0, dtypes="string")
        cells = _with_error_names(sheet)
        cells = _with_exact_numbers(cells, workbook, sheet.name)
    except fastexcel.FastExcelError as error:
        raise DeliveryRejectedError(
            "E_FORMAT",
            f"{feed.vendor}, {file_name}: cannot be read as an Excel workbook ({' '.join(str(error).split())[:160]}); send it again",
        ) from error
    index, names = find_header(cells.head(HEADER_SEARCH_ROWS).iter_rows(), feed, file_name)
    rows = cells.slice(index + 1).rename(dict(zip(cells.columns, map(cell, names), strict=True)))
    first_line = index + 2
    return without_blank_lines(
        rows.select(
            pl.int_range(first_line, first_line + pl.len(), dtype=pl.Int64()).alias(LINE_NUMBER),
            pl.lit(None, pl.String()).alias(MISFIT),
            pl.all().str.replace(_MIDNIGHT, "$1"),
        )
    )


def _sheet_name(workbook: fastexcel.ExcelReader, feed: Feed, file_name: str) -> str:
    """The sheet that the feed names, else the only visible one with any content."""
    named = feed.files.excel.sheet
    if named is not None:
        if named not in workbook.sheet_names:
            raise DeliveryRejectedError(
                "E_DRIFT",
                f"{feed.vendor}, {file_name}: has no sheet {named!r}, only {', '.join(workbook.sheet_names)}; mend it in the feed",
            )
        return named
    sheets = [workbook.load_sheet(name, header_row=None, skip_rows=0, n_rows=1, dtypes="string") for name in workbook.sheet_names]
    visible = [sheet.name for sheet in sheets if sheet.visible == "visible" and sheet.width]
    if len(visible) != 1:
        found = ", ".join(visible) or "none"
        raise DeliveryRejectedError(
            "E_SHEET_AMBIGUOUS",
            f"{feed.vendor}, {file_name}: exactly one visible sheet with content is needed, found {found}; say excel: sheet in the feed",
        )
    return visible[0]


def _with_error_names(sheet: fastexcel.ExcelSheet) -> pl.DataFrame:
    batch, errors = sheet.to_arrow_with_errors()
    frame = pl.from_arrow(batch)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow batch becomes a frame")
    by_column: dict[str, dict[int, str]] = {}
    for error in errors.errors if errors else ():
        row, column = error.offset_position
        kind = error.detail.partition("Error(")[2].partition(")")[0]
        by_column.setdefault(frame.columns[column], {})[row] = _ERROR_NAMES.get(kind, f"#{kind or 'ERROR'}")
    place = pl.int_range(pl.len(), dtype=pl.Int64())
    return frame.with_columns(
        pl.coalesce(pl.col(name), place.replace_strict(at, default=None, return_dtype=pl.String())) for name, at in by_column.items()
    )


def _with_exact_numbers(cells: pl.DataFrame, workbook: fastexcel.ExcelReader, sheet_name: str) -> pl.DataFrame:
    is_long = cells.select(pl.all().str.contains(_LONG_NUMBER).any())
    columns = [name for name in cells.columns if is_long[name].item()]
    if not columns:
        return cells
    floats = workbook.load_sheet(sheet_name, header_row=None, skip_rows=0, dtypes="float").to_polars()
    return cells.with_columns(
        pl.Series(name, map(_fifteen_digits, cells[name], floats.to_series(cells.columns.index(name))), pl.String()) for name in columns
    )


def _fifteen_digits(text: str | None, value: float | None) -> str | None:
    """Excel's own 15 significant digits, in plain notation.

    Text that fastexcel would not print for the number is a text cell, and what it prints as whole is whole: noise of a
    subtraction like -2.8E-17 stays zero.
    """
    if text is None or value is None or "." not in text or text != _without_zeros(f"{value:.9f}"):
        return text
    return _without_zeros(f"{Decimal(f'{value:.15g}'):f}")


def _without_zeros(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number
