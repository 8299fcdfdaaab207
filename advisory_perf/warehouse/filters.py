"""What an export may be narrowed down to without a condition: vendor, account, days, status, break."""

from collections.abc import Collection
from dataclasses import dataclass, fields

from advisory_perf.errors import ExportRefusedError
from advisory_perf.warehouse.conditions import Compared, Condition, Joined


@dataclass(frozen=True, slots=True)
class Filters:
    """Each only where the relation has such a column; ``first`` and ``last`` are days as text, both included."""

    vendor: str | None = None
    account: str | None = None
    first: str | None = None
    last: str | None = None
    status: str | None = None
    break_id: str | None = None

    def condition(self, relation: str, columns: Collection[str]) -> Condition:
        """The rows that all filters leave; ``ExportRefusedError`` for one that the relation has no column for, in words for any caller."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return Joined("AND", tuple(_test(relation, columns, name, value) for name, value in given.items() if value is not None))


_COLUMNS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "vendor": ("vendor", "=", ("data_source", "vendor")),
    "account": ("account", "=", ("account_id",)),
    # What has days from one to another is of every day between them.
    "first": ("first day", ">=", ("as_of_date", "last_as_of_date")),
    "last": ("last day", "<=", ("as_of_date", "first_as_of_date")),
    "status": ("status", "=", ("status", "reconciliation_status")),
    "break_id": ("break", "=", ("break_id",)),
}


def _test(relation: str, columns: Collection[str], name: str, value: str) -> Condition:
    filtered_by, operator, candidates = _COLUMNS[name]
    column = next((one for one in candidates if one in columns), None)
    if column is None:
        raise ExportRefusedError(
            f"{relation} cannot be narrowed by {filtered_by}: it has no column {' or '.join(candidates)}; leave that filter out"
        )
    return Compared(column, operator, (value.upper() if name == "status" else value,))
