"""Vendor B: an Excel workbook made for people. Start-of-day flows, returns in percent.

A hidden sheet comes first; titles stand above the header in row 5; dates are dates or US text; some amounts are text
with ``$`` or parentheses, the others binary floats with their noise; a total, a blank line and a note end the sheet.
"""

import io
from collections.abc import Sequence
from datetime import date, datetime, time
from random import Random

import xlsxwriter

from advisory_perf.contracts.enums import Cadence, FlowTiming
from advisory_perf.samples.market import Book, Position, account_histories, dollars, with_vendor_return
from advisory_perf.samples.truth import FileTruth, SampleFile, VendorSamples, vendor_truth

VENDOR = "vendor_b"
TIMING = FlowTiming.START_OF_DAY

_TITLES = ("Vendor B Custody Services", "Account performance report", "All values in USD; returns in %")
_HEADER_ROW = 4
_HEADER = (
    "account_number",
    "account_desc",
    "portfolio_number",
    "date",
    "start_value",
    "cash_in",
    "cash_out",
    "interest",
    "price_change",
    "expenses",
    "other",
    "end_value",
    "index_return",
    "time_weighted_return",
)
_FOOTERS = 2
_PERCENT_DIGITS = 4

_Cell = str | float | date


def make_vendor_b(random: Random, accounts: int, dates: Sequence[date]) -> VendorSamples:
    """One workbook with all dates, named by the latest."""
    book = Book(accounts=accounts, cadence=Cadence.MONTHLY, account_prefix="7", portfolio_prefix="7P")
    positions = [
        with_vendor_return(position, TIMING, _PERCENT_DIGITS + 2)
        for history in account_histories(random, dates, book)
        for position in history
    ]
    name = f"{VENDOR}_performance_{dates[-1]:%Y%m%d}.xlsx"
    file = FileTruth(status="INGESTED", read=len(positions) + _FOOTERS, accepted=len(positions), footers=_FOOTERS)
    content = _workbook(
        [_cells(random, position) for position in positions],
        total=float(dollars(sum(position.ending for position in positions))),
        generated=dates[-1],
    )
    return VendorSamples((SampleFile(VENDOR, name, content),), vendor_truth({name: file}, positions, TIMING))


def _cells(random: Random, position: Position) -> list[_Cell]:
    """One row of the sheet; chance decides which cells are text."""
    us_date = random.randrange(10) == 0
    dollar_sign = random.randrange(12) == 0
    parentheses = position.appreciation < 0 and random.randrange(5) == 0
    return [
        position.account.account_id,
        position.account.name,
        position.account.portfolio,
        f"{position.as_of_date:%m/%d/%Y}" if us_date else position.as_of_date,
        f"${dollars(position.beginning):,}" if dollar_sign else float(dollars(position.beginning)),
        float(dollars(position.contributions)),
        float(dollars(position.distributions)),
        float(dollars(position.income)),
        f"({dollars(-position.appreciation):,})" if parentheses else float(dollars(position.appreciation)),
        float(dollars(position.fees)),
        float(dollars(position.adjustments)),
        float(dollars(position.ending)),
        float(position.benchmark_return.scaleb(2)),
        "" if position.vendor_twrr is None else float(position.vendor_twrr.scaleb(2)),
    ]


def _workbook(rows: list[list[_Cell]], *, total: float, generated: date) -> bytes:
    """The workbook's bytes; they hold no other time than ``generated``, so that a seed gives the same ones again."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        workbook.set_properties({"created": datetime.combine(generated, time())})
        day_format = workbook.add_format({"num_format": "yyyy-mm-dd"})
        notes = workbook.add_worksheet("Notes")
        notes.write_string(0, 0, "Internal")
        sheet = workbook.add_worksheet("Performance")
        sheet.activate()
        sheet.set_first_sheet()
        notes.hide()
        for row, title in enumerate(_TITLES):
            sheet.write_string(row, 0, title)
        sheet.write_row(_HEADER_ROW, 0, _HEADER)
        for row, cells in enumerate(rows, start=_HEADER_ROW + 1):
            for column, cell in enumerate(cells):
                match cell:
                    case date():
                        sheet.write_datetime(row, column, cell, day_format)
                    case str():
                        sheet.write_string(row, column, cell)
                    case _:
                        sheet.write_number(row, column, cell)
        below = _HEADER_ROW + 1 + len(rows)
        sheet.write_string(below, 0, "Total")
        sheet.write_number(below, _HEADER.index("end_value"), total)
        sheet.write_string(below + 2, 0, f"Report generated {generated.isoformat()}; for internal use only")
    return buffer.getvalue()
