"""Breaks as a person meets them: what is open, since when, by how much, who has it, and what was done."""

from collections.abc import Mapping
from decimal import Decimal

from rich.console import Group
from rich.table import Table

from advisory_perf.cli.cells import add_row, titled
from advisory_perf.cli.tables import amount, cause
from advisory_perf.contracts.enums import BreakStatus
from advisory_perf.contracts.figures import shown_figure
from advisory_perf.contracts.materiality import Materiality
from advisory_perf.errors import WarehouseError
from advisory_perf.feeds.registry import load_feeds
from advisory_perf.platform import right_now
from advisory_perf.reconciliation.break_measures import Measuring
from advisory_perf.reconciliation.break_work import history_of
from advisory_perf.reconciliation.breaks import Break
from advisory_perf.settings import Settings
from advisory_perf.warehouse.conditions import Condition, condition
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.queries import stored_breaks


def measuring_by(settings: Settings) -> Measuring:
    """How breaks are measured by an installation's settings and feeds, now."""
    materiality = Materiality(settings.material_amount, settings.material_return)
    return Measuring.by(load_feeds(settings.feeds_dir).values(), materiality, right_now())


def breaks_table(warehouse: Warehouse, where: Condition, measuring: Measuring) -> Table:
    """One line a break: whole deliveries first, then the oldest. The caption counts what is material, and what came and went today."""
    rows = measuring.measured(stored_breaks(warehouse, where))
    reported = ("break", "vendor", "account", "figure", "since")
    table = titled(f"Breaks: {rows.height:,}", reported, numbers=("days", "amount"))
    for heading in ("cause", "status"):
        table.add_column(heading, overflow="fold")
    table.columns[0].no_wrap = True  # it is what a sign-off asks for
    counts = {what: int(rows[name].sum()) for what, name in _COUNTED.items()}
    table.caption = ", ".join(f"{what}: {count:,}" for what, count in counts.items()) + "; days are business days, ! is material"
    table.caption_justify = "left"
    for row in rows.iter_rows(named=True):
        account = row["account_id"] or f"{row['accounts']:,} accounts"
        first, last = row["first_as_of_date"], row["last_as_of_date"]
        add_row(
            table,
            *(row["break_id"], row["data_source"], account, row["field_name"]),
            [first] if first == last else [first, f"to {last}"],
            row["business_days"],
            f"{'! ' if row['is_material'] else ''}{amount(row)}",
            *(cause(row), [_stands(row), *([f"{row['owner']} has it"] if row["owner"] else [])]),
        )
    return table


_COUNTED = {"material": "is_material", "new today": "is_new_today", "closed today": "is_closed_today"}


def break_page(warehouse: Warehouse, break_id: str, measuring: Measuring) -> Group:
    """All that is known of one break, and what happened to it; WarehouseError where there is none of that name."""
    rows = measuring.measured(stored_breaks(warehouse, condition({"break_id": break_id})))
    if rows.is_empty():
        raise WarehouseError(f"there is no break {break_id}; `advisory-perf breaks list` names them")
    row = rows.row(0, named=True)
    about = titled(f"Break {break_id}", ("", ""))
    for name, says in _facts(row).items():
        add_row(about, name, says)
    events = titled("What happened", ("when", "what", "who", "says"))
    for at, event, who, owner, words in history_of(warehouse, break_id).iter_rows():
        says = f"to {owner or 'nobody'}" if event == "ASSIGNED" else words or ""
        add_row(events, f"{at:%Y-%m-%d %H:%M} UTC", event, who or "a publication", says)
    return Group(about, events)


def _facts(row: Mapping[str, object]) -> dict[str, str]:
    """What is said of a break, line by line; a line that says nothing is left out."""
    others = str(row["other_causes"] or "")

    def figure(name: str) -> str:
        value = row[name]
        return shown_figure(value, row["field_name"]) if isinstance(value, Decimal) else ""

    lines = {
        "vendor": row["data_source"],
        "account": row["account_id"] or f"{row['accounts']:,} accounts of a whole delivery",
        "figure": row["field_name"],
        "status": _stands(row),
        "owner": row["owner"] or "nobody",
        "since": f"{row['first_as_of_date']}, {row['business_days']} business days, {row['valuations']} valuations",
        "latest": row["last_as_of_date"],
        "ours": figure("calculated_value"),
        "vendor's": figure("vendor_value"),
        "amount": f"{amount(row)}, {'material' if row['is_material'] else 'not material'}",
        "allowed": figure("tolerance_threshold") if row["factor"] is None else "",
        "likely cause": cause(row),
        "which gives": figure("explained_value"),
        "others that give it": others,
        "delivery": row["delivery_id"],
    }
    return {name: str(says) for name, says in lines.items() if says not in {None, ""}}


def _stands(row: Mapping[str, object]) -> str:
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
