"""Breaks as a person meets them: what is open, since when, by how much, and what a sign-off says."""

from rich.table import Table

from advisory_perf.cli.cells import add_row, titled
from advisory_perf.cli.tables import amount, cause
from advisory_perf.contracts.enums import BreakStatus
from advisory_perf.reconciliation.breaks import Break
from advisory_perf.warehouse.conditions import Condition
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.queries import stored_breaks


def breaks_table(warehouse: Warehouse, where: Condition) -> Table:
    """One line a break: whole deliveries first, then the oldest."""
    rows = stored_breaks(warehouse, where)
    reported = ("break", "vendor", "account", "figure", "since")
    table = titled(f"Breaks: {rows.height:,}", reported, numbers=("valuations", "days", "amount"))
    for heading in ("cause", "status"):
        table.add_column(heading, overflow="fold")
    table.columns[0].no_wrap = True  # it is what a sign-off asks for
    for row in rows.iter_rows(named=True):
        account = row["account_id"] or f"{row['accounts']:,} accounts"
        first, last = row["first_as_of_date"], row["last_as_of_date"]
        add_row(
            table,
            *(row["break_id"], row["data_source"], account, row["field_name"]),
            [first] if first == last else [first, f"to {last}"],
            *(row["valuations"], row["age_days"]),
            *(amount(row), cause(row), _stands(row)),
        )
    return table


def _stands(row: dict[str, object]) -> str:
    """The status, with who or what it comes from."""
    match row["status"]:
        case BreakStatus.SIGNED_OFF:
            return f"SIGNED_OFF by {row['signed_off_by']}: {row['signed_off_reason']}"
        case BreakStatus.OPEN if row["signed_off_by"]:
            return f"OPEN again: {row['signed_off_by']} accepted another amount"
        case BreakStatus.RESOLVED | BreakStatus.RESOLVED_BY_RESTATEMENT:
            return f"{row['status']} on {row['resolved_on']} by {row['resolved_by_delivery_id'] or 'a withdrawal'}"
    return str(row["status"])


def accepted(found: Break) -> str:
    """What a sign-off has done."""
    subject = found.account_id or "the whole delivery"
    figures = {"variance": found.variance, "factor": found.factor, "field_name": found.field_name}
    whose = f"{found.data_source}, {subject}, {found.field_name}, {found.last_as_of_date}"
    return f"{found.break_id} ({whose}) is {found.status} at {amount(figures)}"
