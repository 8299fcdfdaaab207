"""Vendor D: Parquet, one file a business day. Inflows at the start of day, outflows at its end, returns as fractions.

The files are clean; their order is not. One day comes after all the others, one file is sent again under another name,
and one day is restated by a ``_v2`` file that comes last of all. From the restated day on, returns have six decimals.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from random import Random

import polars as pl

from advisory_perf.contracts.enums import Cadence, FlowTiming
from advisory_perf.samples.market import Book, Position, account_histories, dollars, with_vendor_return
from advisory_perf.samples.truth import FileTruth, SampleFile, VendorSamples, vendor_truth

VENDOR = "vendor_d"
TIMING = FlowTiming.INFLOW_START_OUTFLOW_END
LEAST_DAYS = 4

_MONEY = pl.Decimal(38, 2)
_SCHEMA = {
    "AccountNumber": pl.String(),
    "AccountName": pl.String(),
    "HouseholdId": pl.String(),
    "ValuationDate": pl.Date(),
    "BeginMarketValue": _MONEY,
    "Additions": _MONEY,
    "Withdrawals": _MONEY,
    "Income": _MONEY,
    "GainLoss": _MONEY,
    "Fees": _MONEY,
    "Adjustments": _MONEY,
    "EndMarketValue": _MONEY,
    "BenchmarkReturn": pl.Float64(),
    "TWRReturn": pl.Float64(),
}
_EARLY_TWRR_DIGITS = 8
_LATE_TWRR_DIGITS = 6
_RESTATED_EVERY = 10
_RESTATED_CENTS = 12_525


def make_vendor_d(random: Random, accounts: int, dates: Sequence[date]) -> VendorSamples:
    """A file a day, in order of arrival; at least ``LEAST_DAYS`` days, so that late, resent and restated day differ."""
    late, resent, restated = (dates[len(dates) * quarter // 4] for quarter in (1, 2, 3))
    book = Book(accounts=accounts, cadence=Cadence.DAILY, account_prefix="PX", portfolio_prefix="PXP")
    days: dict[date, list[Position]] = {day: [] for day in dates}
    for history in account_histories(random, dates, book):
        for position in history:
            digits = _EARLY_TWRR_DIGITS if position.as_of_date < restated else _LATE_TWRR_DIGITS
            days[position.as_of_date].append(with_vendor_return(position, TIMING, digits))

    arrivals: list[SampleFile] = []
    for day in (*(day for day in dates if day != late), late):
        positions = _before_restatement(days[day]) if day == restated else days[day]
        arrivals.append(SampleFile(VENDOR, _name(day), _parquet(positions)))
        if day == resent:
            arrivals.append(SampleFile(VENDOR, _name(day, "_resend"), arrivals[-1].content))
    arrivals.append(SampleFile(VENDOR, _name(restated, "_v2"), _parquet(days[restated])))

    ingested = FileTruth(status="INGESTED", read=accounts, accepted=accounts)
    files = {file.name: ingested for file in arrivals}
    files[_name(resent, "_resend")] = FileTruth(status="DUPLICATE", read=0, accepted=0)
    counting = [position for positions in days.values() for position in positions]
    return VendorSamples(tuple(arrivals), vendor_truth(files, counting, TIMING))


def _before_restatement(positions: Sequence[Position]) -> list[Position]:
    """The day as first reported: every tenth account with a gain too high, and so the ending and the return."""
    return [
        with_vendor_return(
            replace(row, appreciation=row.appreciation + _RESTATED_CENTS, ending=row.ending + _RESTATED_CENTS),
            TIMING,
            _LATE_TWRR_DIGITS,
        )
        if number % _RESTATED_EVERY == 0
        else row
        for number, row in enumerate(positions)
    ]


def _name(day: date, suffix: str = "") -> str:
    return f"{VENDOR}_{day:%Y%m%d}{suffix}.parquet"


def _parquet(positions: Sequence[Position]) -> bytes:
    rows = [
        (
            row.account.account_id,
            row.account.name,
            row.account.portfolio,
            row.as_of_date,
            dollars(row.beginning),
            dollars(row.contributions),
            dollars(row.distributions),
            dollars(row.income),
            dollars(row.appreciation),
            dollars(row.fees),
            dollars(row.adjustments),
            dollars(row.ending),
            float(row.benchmark_return),
            None if row.vendor_twrr is None else float(row.vendor_twrr),
        )
        for row in positions
    ]
    buffer = io.BytesIO()
    pl.DataFrame(rows, schema=_SCHEMA, orient="row").write_parquet(buffer)
    return buffer.getvalue()
