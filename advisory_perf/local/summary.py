"""What the command prints of deliveries and vendors: tables that a person wants to read."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from advisory_perf.local.runs import Handed
from advisory_perf.storage.health import Finding
from advisory_perf.storage.outbox import KeptAlert
from advisory_perf.storage.reporting import largest_breaks, pass_rates, vendor_overview
from advisory_perf.storage.warehouse import Warehouse

_BREAKS_SHOWN = 3
_STYLES = {"COMPLETED": "green", "COMPLETED_WITH_ISSUES": "yellow", "FAILED": "red", "DUPLICATE": "dim"}


def deliveries_table(handed: Sequence[Handed], rates: Mapping[str, float]) -> Table:
    """One line a delivery: status, rows and the share of published rows without a break."""
    table = Table(title="Deliveries", title_justify="left", caption="pass rate: published rows without a break", caption_justify="left")
    for heading in ("file", "vendor", "status"):
        table.add_column(heading, overflow="fold")
    for heading in ("read", "accepted", "quarantined", "duplicate", "footer", "pass rate"):
        table.add_column(heading, justify="right")
    for one in handed:
        entry, status = one.entry, one.status
        counts = (entry.records_read, entry.records_processed, entry.records_failed, entry.records_duplicate, entry.records_footer)
        rate = "" if status == "DUPLICATE" or entry.delivery_id not in rates else f"{rates[entry.delivery_id]:.2%}"
        cells = [""] * len(counts) if status in {"DUPLICATE", "FAILED"} else [f"{count:,}" for count in counts]
        table.add_row(one.name, entry.vendor, Text(status, _STYLES.get(status, "")), *cells, rate)
    return table


def vendors_table(warehouse: Warehouse) -> Table:
    """One line a vendor: accounts, rows, latest day, breaks and the largest of them."""
    table = Table(title="Vendors", title_justify="left")
    table.add_column("vendor")
    for heading in ("accounts", "rows", "latest", "breaks"):
        table.add_column(heading, justify="right")
    table.add_column("largest breaks", overflow="fold")
    for row in vendor_overview(warehouse).iter_rows(named=True):
        breaks = largest_breaks(warehouse, row["data_source"], _BREAKS_SHOWN).iter_rows(named=True)
        table.add_row(
            row["data_source"],
            f"{row['accounts']:,}",
            f"{row['rows']:,}",
            str(row["latest"] or ""),
            f"{row['breaks']:,}",
            "\n".join(_break_line(found) for found in breaks) or "none",
        )
    return table


def _break_line(found: Mapping[str, object]) -> str:
    subject = found["account_id"] or f"{found['accounts']:,} accounts"
    return f"{subject} {found['as_of_date']} {found['field_name']} {amount(found)} ({found['likely_cause']})"


def amount(found: Mapping[str, object]) -> str:
    """By how much a break is off: basis points of a return, money, or the factor of a whole delivery."""
    variance = found["variance"]
    if isinstance(found["factor"], Decimal):
        return f"times {float(found['factor']):.6g}"
    if not isinstance(variance, Decimal):
        return "without a figure of ours"
    return f"{float(variance) * 10_000:+.1f} bp" if found["field_name"] == "twrr" else f"{variance:+,.2f}"


def summary(warehouse: Warehouse, handed: Sequence[Handed]) -> Group:
    """Deliveries, vendors, and why anything was rejected."""
    rates = pass_rates(warehouse, [one.entry.delivery_id for one in handed])
    rejected = [Text(f"rejected: {one.entry.error_code}: {one.entry.error_message}", "red") for one in handed if one.status == "FAILED"]
    return Group(deliveries_table(handed, rates), *rejected, vendors_table(warehouse))


def findings_table(findings: Iterable[Finding]) -> Table:
    """One line a thing that was looked at."""
    table = Table(title="Doctor", title_justify="left")
    for heading in ("", "what", "says"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        table.add_row(Text("ok", "green") if finding.is_good else Text("WRONG", "bold red"), finding.subject, finding.says)
    return table


def alerts_table(alerts: Sequence[KeptAlert]) -> Table:
    """One line an alert: since when, what and why, and whether a channel has taken it."""
    table = Table(title=f"Alerts: {len(alerts):,}", title_justify="left", show_lines=True)
    for heading in ("id", "severity", "code", "vendor", "since", "what broke, why, and what to do", "sent"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "id" else "left")
    for alert in alerts:
        sent = f"{alert.sent_at:%Y-%m-%d %H:%M}" if alert.sent_at else alert.last_error or "no"
        over = f" (over since {alert.resolved_at:%Y-%m-%d %H:%M})" if alert.resolved_at else ""
        cells = (alert.severity, alert.code, alert.vendor, f"{alert.since:%Y-%m-%d %H:%M}", f"{alert.message}{over}", sent)
        table.add_row(str(alert.id), *map(Text, cells))
    return table


def console() -> Console:
    """Standard output, as wide as the terminal, and wide enough for its tables where there is none."""
    out = Console()
    return out if out.is_terminal else Console(width=160)
