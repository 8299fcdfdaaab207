"""What the command prints of deliveries and vendors: tables that a person wants to read."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from advisory_perf.alerts.outbox import KeptAlert
from advisory_perf.cli.cells import add_row, titled
from advisory_perf.contracts.enums import DeliveryStatus
from advisory_perf.contracts.figures import shown_difference
from advisory_perf.operations.health import HealthFinding
from advisory_perf.showing import shown
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.queries import composite_years, largest_breaks, pass_rates, vendor_overview

if TYPE_CHECKING:
    from advisory_perf.runtime.in_process import Handed

_BREAKS_SHOWN = 3
_STYLES: Mapping[str, str] = {
    DeliveryStatus.COMPLETED: "green",
    DeliveryStatus.COMPLETED_WITH_ISSUES: "yellow",
    DeliveryStatus.FAILED: "red",
    DeliveryStatus.DUPLICATE: "dim",
}


def deliveries_table(handed: "Sequence[Handed]", rates: Mapping[str, float | None]) -> Table:
    """One line a delivery: status, rows and the share of compared figures within tolerance."""
    counted = ("read", "accepted", "quarantined", "duplicate", "footer", "pass rate")
    table = titled("Deliveries", ("file", "feed", "status"), numbers=counted)
    table.caption, table.caption_justify = "pass rate: compared figures within tolerance", "left"
    for one in handed:
        entry, status = one.entry, one.status
        counts = (entry.records_read, entry.records_processed, entry.records_failed, entry.records_duplicate, entry.records_footer)
        rate = "" if status == DeliveryStatus.DUPLICATE or entry.delivery_id not in rates else _rate(rates[entry.delivery_id])
        cells = [""] * len(counts) if status in {DeliveryStatus.DUPLICATE, DeliveryStatus.FAILED} else [f"{count:,}" for count in counts]
        add_row(table, one.name, entry.feed, status, *cells, rate, styles=("", "", _STYLES.get(status, "")))
    return table


def _rate(rate: float | None) -> str:
    return "nothing compared" if rate is None else f"{rate:.2%}"


def vendors_table(warehouse: Warehouse) -> Table:
    """One line a vendor: accounts, rows, latest day, breaks and the largest of them."""
    table = titled("Vendors", ("vendor",), numbers=("accounts", "rows", "latest", "breaks"))
    table.add_column("largest breaks", overflow="fold")
    for row in vendor_overview(warehouse).iter_rows(named=True):
        breaks = largest_breaks(warehouse, row["data_source"], _BREAKS_SHOWN).iter_rows(named=True)
        add_row(
            table,
            row["data_source"],
            f"{row['accounts']:,}",
            f"{row['rows']:,}",
            str(row["latest"] or ""),
            f"{row['breaks']:,}",
            [_break_line(found) for found in breaks] or "none",
        )
    return table


def _break_line(found: Mapping[str, object]) -> str:
    subject = found["account_id"] or f"{found['accounts']:,} accounts"
    return f"{subject} {found['as_of_date']} {found['field_name']} {amount(found)} ({cause(found)})"


def cause(found: Mapping[str, object]) -> str:
    """The likely cause, with what it is said to be in the feed or in words."""
    return f"{found['likely_cause']}: {found['explained_by']}" if found["explained_by"] else str(found["likely_cause"])


def amount(found: Mapping[str, object]) -> str:
    """By how much a break is off: basis points of a return, money, or the factor of a whole delivery."""
    variance = found["variance"]
    if isinstance(found["factor"], Decimal):
        return f"times {float(found['factor']):.6g}"
    if not isinstance(variance, Decimal):
        return "without a figure of ours"
    return shown_difference(variance, found["field_name"])


def composites_table(years: pl.DataFrame) -> Table:
    """One line a composite and year: returns, members, assets and their share of the firm's."""
    headings = ("months", "gross", "net", "benchmark", "portfolios", "assets", "of the firm")
    table = titled("Composites", ("composite", "year"), numbers=headings)
    for row in years.iter_rows(named=True):
        returns = ("" if row[name] is None else f"{row[name]:.2%}" for name in ("gross_return", "net_return", "benchmark_return"))
        assets = "" if row["composite_assets"] is None else f"{row['composite_assets']:,.2f} {row['currency']}"
        share = "" if row["percentage_of_firm_assets"] is None else f"{row['percentage_of_firm_assets']:.2%}"
        add_row(table, row["composite"], str(row["year"]), str(row["months"]), *returns, f"{row['portfolios']:,}", assets, share)
    return table


def summary(warehouse: Warehouse, handed: "Sequence[Handed]") -> Group:
    """Deliveries, vendors, why anything was rejected, and composites where there are any."""
    rates = pass_rates(warehouse, [one.entry.delivery_id for one in handed])
    failed = [one.entry for one in handed if one.status == DeliveryStatus.FAILED]
    rejected = [Text(shown(f"rejected: {entry.error_code}: {entry.error_message}"), "red") for entry in failed]
    years = composite_years(warehouse)
    composites = [composites_table(years)] if years.height else []
    return Group(deliveries_table(handed, rates), *rejected, vendors_table(warehouse), *composites)


def findings_table(findings: Iterable[HealthFinding]) -> Table:
    """One line a thing that was looked at."""
    table = titled("Doctor", ("", "what", "says"))
    for finding in findings:
        says, style = ("ok", "green") if finding.is_good else ("WRONG", "bold red")
        add_row(table, says, finding.subject, finding.says, styles=(style,))
    return table


def alerts_table(alerts: Sequence[KeptAlert]) -> Table:
    """One line an alert: since when, what and why, and whether a channel has taken it."""
    headings = ("id", "severity", "code", "feed", "since", "what broke, why, and what to do", "sent")
    table = titled(f"Alerts: {len(alerts):,}", headings, lines=True)
    for alert in alerts:
        sent = f"{alert.sent_at:%Y-%m-%d %H:%M}" if alert.sent_at else alert.last_error or "no"
        over = f" (over since {alert.resolved_at:%Y-%m-%d %H:%M})" if alert.resolved_at else ""
        cells = (alert.severity, alert.code, alert.feed, f"{alert.since:%Y-%m-%d %H:%M}", f"{alert.message}{over}", sent)
        add_row(table, alert.id, *cells)
    return table


def console() -> Console:
    """Standard output, as wide as the terminal, and wide enough for its tables where there is none."""
    out = Console()
    return out if out.is_terminal else Console(width=160)
