"""One book of positions in the layouts in which vendors send it, each with the file's bytes and the true figures."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from advisory_perf.contracts.enums import FlowTiming
from advisory_perf.samples.market import Position, dollars
from advisory_perf_tests.feed_detection.scenarios import cells, gross_of_fees, positions

WORDINGS: tuple[Mapping[str, str], ...] = (
    {
        "account_id": "Account Number", "as_of_date": "As Of Date", "beginning_market_value": "Beginning Market Value",
        "contributions": "Contributions", "distributions": "Withdrawals", "net_flow": "Net Flow", "income": "Income",
        "appreciation": "Capital Appreciation", "fees": "Management Fees", "other_adjustments": "Adjustments",
        "ending_market_value": "Ending Market Value", "vendor_twrr": "TWR", "benchmark_return": "Benchmark Return", "currency": "Currency",
    },
    {
        "account_id": "acct_no", "as_of_date": "val_dt", "beginning_market_value": "beg_mv",
        "contributions": "deposits", "distributions": "wdls", "net_flow": "net_cash_flow", "income": "div_int",
        "appreciation": "gain_loss", "fees": "mgmt_fee", "other_adjustments": "adj",
        "ending_market_value": "end_mv", "vendor_twrr": "rtn", "benchmark_return": "bmk_rtn", "currency": "ccy",
    },
    {
        "account_id": "Depotnummer", "as_of_date": "Stichtag", "beginning_market_value": "Anfangswert",
        "contributions": "Zuflüsse", "distributions": "Abflüsse", "net_flow": "Ein-/Auszahlungen", "income": "Erträge",
        "appreciation": "Kursgewinne", "fees": "Gebühren", "other_adjustments": "Adjustments",
        "ending_market_value": "Endwert", "vendor_twrr": "Rendite", "benchmark_return": "Benchmarkrendite", "currency": "Währung",
    },
    {
        "account_id": "Portfolio Account", "as_of_date": "Date", "beginning_market_value": "Value Begin",
        "contributions": "Additions", "distributions": "Distributions", "net_flow": "Net Additions/Withdrawals", "income": "Interest",
        "appreciation": "Gain/Loss", "fees": "Expenses", "other_adjustments": "Other",
        "ending_market_value": "Market Value", "vendor_twrr": "Total Return", "benchmark_return": "Index Return", "currency": "Currency",
    },
)  # fmt: skip
MONEY = (
    "beginning_market_value", "contributions", "distributions", "net_flow", "income", "appreciation", "fees", "other_adjustments",
    "ending_market_value",
)  # fmt: skip
RETURNS = ("vendor_twrr", "benchmark_return")
DATE_FORMATS = ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%d-%b-%Y", "%d/%m/%y")
TIMINGS = tuple(timing for timing in FlowTiming if timing is not FlowTiming.WEIGHTED)


@dataclass(frozen=True)
class Layout:
    """One vendor's way to write the book; ``returns`` is how many times a fraction a return is printed."""

    wording: Mapping[str, str]
    delimiter: str
    decimal_comma: bool
    grouped: bool
    date_format: str
    timing: FlowTiming
    gross: bool
    returns: int
    digits: int
    nearly: bool
    fees_negative: bool
    outflows_negative: bool
    thousands: bool
    net_only: bool
    without: tuple[str, ...]
    blank_zeros: bool
    preamble: tuple[str, ...]
    trailer: str
    order: int
    months: int
    accounts: int
    seed: int

    @property
    def book(self) -> tuple[Position, ...]:
        """The positions, with the vendor's returns."""
        rows = positions(timing=self.timing, digits=self.digits, accounts=self.accounts, months=self.months, seed=self.seed)
        rows = gross_of_fees(rows, self.timing, self.digits) if self.gross else rows
        return tuple(_off_by_less_than_a_basis_point(row, self.digits) for row in rows) if self.nearly else rows

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that have a column, in the file's order."""
        flows = {"contributions", "distributions"} if self.net_only else {"net_flow"}
        found = [field for field in WORDINGS[0] if field not in flows and field not in self.without]
        random.Random(self.order).shuffle(found)
        return tuple(found)

    def true_rows(self) -> list[dict[str, str]]:
        """The figures as they are: money in units, returns as fractions, flows apart."""
        return [{**cells(row), "net_flow": str(dollars(row.net_flow))} for row in self.book]

    def content(self) -> bytes:
        """The file."""
        rows = [[self._cell(field, row[field]) for field in self.fields] for row in self.true_rows()]
        names = [f"{self.wording[field]} ($000)" if self.thousands and field in MONEY else self.wording[field] for field in self.fields]
        text = "\n".join(self._line(cells) for cells in [names, *rows])
        trailer = [self.trailer.format(len(rows))] if self.trailer else []
        return "\n".join([*self.preamble, text, *trailer, ""]).encode()

    def _line(self, texts: Sequence[str]) -> str:
        return self.delimiter.join(f'"{text}"' if self.delimiter in text else text for text in texts)

    def _cell(self, field: str, text: str) -> str:
        if field == "as_of_date":
            return f"{date.fromisoformat(text):{self.date_format}}"
        if field in {"account_id", "currency"} or not text:
            return text
        number = Decimal(text)
        if field in RETURNS:
            number *= self.returns
        elif self.thousands:
            number /= 1000
        if (field == "fees" and self.fees_negative) or (field == "distributions" and self.outflows_negative):
            number = -number
        if self.blank_zeros and number == 0 and field in MONEY:
            return ""
        shown = f"{number:,f}" if self.grouped and field in MONEY else f"{number:f}"
        return shown.translate(str.maketrans(",.", ".,")) if self.decimal_comma else shown


def _off_by_less_than_a_basis_point(row: Position, digits: int) -> Position:
    if row.vendor_twrr is None:
        return row
    off = Decimal(row.ending % 19 - 9) / 10 / 10_000
    return replace(row, vendor_twrr=round(row.vendor_twrr + off, digits))


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """Any of the ways, as they go together: a decimal comma is not written where a comma parts the cells."""
    delimiter = draw(st.sampled_from(",;\t|"))
    decimal_comma = delimiter != "," and draw(st.booleans())
    optional = ("income", "appreciation", "fees", "other_adjustments", "vendor_twrr", "benchmark_return", "currency")
    left_out = draw(st.one_of(st.just([]), st.just([]), st.lists(st.sampled_from(optional), max_size=4, unique=True)))
    return Layout(
        wording=draw(st.sampled_from(WORDINGS)),
        delimiter=delimiter,
        decimal_comma=decimal_comma,
        grouped=draw(st.booleans()),
        date_format=draw(st.sampled_from(DATE_FORMATS)),
        timing=draw(st.sampled_from(TIMINGS)),
        gross=draw(st.booleans()),
        returns=draw(st.sampled_from((1, 100, 10_000))),
        digits=draw(st.sampled_from((5, 6, 8))),
        nearly=draw(st.booleans()),
        fees_negative=draw(st.booleans()),
        outflows_negative=draw(st.booleans()),
        thousands=draw(st.booleans()),
        net_only=draw(st.booleans()),
        without=tuple(left_out),
        blank_zeros=draw(st.booleans()),
        preamble=draw(st.sampled_from(((), ("Acme Custody",), ("Acme Custody", "Performance, all accounts", "")))),
        trailer=draw(st.sampled_from(("", "TRAILER {}", "Total rows: {}"))),
        order=draw(st.integers(0, 99)),
        months=draw(st.sampled_from((8, 4, 1))),
        accounts=draw(st.sampled_from((12, 7, 4))),
        seed=draw(st.integers(1, 5)),
    )
