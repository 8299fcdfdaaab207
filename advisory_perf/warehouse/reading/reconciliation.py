"""One file's figures against ours: counted from the totals that a publication keeps, and result by result."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import sql

from advisory_perf.contracts.tables import RECONCILIATION_RESULTS
from advisory_perf.warehouse.reading.file_rows import days_within
from advisory_perf.warehouse.reading.files import factors_of_file
from advisory_perf.warehouse.reading.paging import PageFound, PageWanted, SortKey, Where, counted, ordered_by, page_of
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

_OF_VENDOR: LiteralString = "reconciliation_results AS r"
_OF_FILE: LiteralString = (
    "reconciliation_results AS r JOIN performance_data AS p"
    " ON p.data_source = r.data_source AND p.account_id = r.account_id AND p.as_of_date = r.as_of_date"
)

# The break of each row of the page, found once the page is cut. A figure that one factor puts off belongs to that of the whole delivery,
# any other to that of its account.
_RESULTS: LiteralString = (
    "SELECT r.*, b.break_id, b.status AS break_status, b.age_days"
    " FROM (SELECT {columns}, {keys} FROM {source} WHERE {where} {page}) AS r LEFT JOIN LATERAL ("
    "SELECT b.break_id, b.status, b.age_days FROM reconciliation_breaks AS b"
    " WHERE r.within_tolerance IS FALSE AND b.data_source = r.data_source AND b.field_name = r.field_name"
    " AND (b.account_id = r.account_id AND r.likely_cause IS DISTINCT FROM 'SYSTEMATIC'"
    " OR b.account_id IS NULL AND r.likely_cause = 'SYSTEMATIC')"
    " AND r.as_of_date BETWEEN b.first_as_of_date AND b.last_as_of_date ORDER BY b.first_as_of_date DESC LIMIT 1"
    ") AS b ON true {order}"
)
_COLUMNS = sql.SQL(", ").join(sql.Identifier("r", name) for name in (*RECONCILIATION_RESULTS.column_names, "reconciliation_date"))
# One pass over the tables; the largest of a figure is the first of those of its size, or of all where none has a size.
_BROKEN: LiteralString = """
    WITH broken AS MATERIALIZED (
        SELECT r.field_name, r.likely_cause, r.variance, r.account_id, r.as_of_date FROM {source} WHERE {where}
    ),
    causes AS (
        SELECT field_name, likely_cause, count(*) AS breaks, max(abs(variance)) AS size FROM broken GROUP BY field_name, likely_cause
    ),
    largest AS MATERIALIZED (
        SELECT sizes.field_name, first.variance, first.account_id, first.as_of_date
        FROM (SELECT field_name, max(size) AS size FROM causes GROUP BY field_name) AS sizes
        CROSS JOIN LATERAL (
            SELECT b.variance, b.account_id, b.as_of_date FROM broken AS b
            WHERE b.field_name = sizes.field_name AND (abs(b.variance) = sizes.size OR sizes.size IS NULL)
            ORDER BY b.as_of_date, b.account_id LIMIT 1
        ) AS first
    )
    SELECT causes.field_name, causes.likely_cause, causes.breaks, largest.variance, largest.account_id, largest.as_of_date
    FROM causes JOIN largest USING (field_name)
    ORDER BY causes.field_name, causes.likely_cause
"""

_BY_ACCOUNT = (SortKey("r.account_id", "text"), SortKey("r.as_of_date", "date"), SortKey("r.field_name", "text"))
ORDERS: dict[str, tuple[SortKey, ...]] = {
    "account": _BY_ACCOUNT,
    "variance": (SortKey("coalesce(abs(r.variance), -1)", "numeric", descending=True), *_BY_ACCOUNT),
}
"""How results may be sorted: by account and day, or the largest variance first, of either sign."""

_KEPT: dict[str, LiteralString] = {
    "false": "sum(breaks)",
    "true": "sum(compared - breaks)",
    "null": "sum(results - compared)",
    "all": "sum(results)",
}
_WITHIN: dict[str, LiteralString] = {
    "false": "r.within_tolerance IS FALSE",
    "true": "r.within_tolerance IS TRUE",
    "null": "r.within_tolerance IS NULL",
}


@dataclass(frozen=True, slots=True)
class ResultsWanted:
    """Which results of a file; ``within`` is false, true, null or all."""

    field_name: str | None = None
    within: str = "false"
    cause: str | None = None
    min_variance: Decimal | None = None
    sort: str = "account"


def results_of_file(snapshot: Snapshot, entry: Row, asked: ResultsWanted, wanted: PageWanted) -> PageFound:
    """A page of the results of the rows that are published of the file, each with the break that it is part of."""
    days = days_within(entry, None, None)
    if days is None:
        return PageFound([], 0)
    source, where = _of_file(snapshot, entry, days)
    if asked.within in _WITHIN:
        where.add(_WITHIN[asked.within])
    where.equal(field=("r.field_name", asked.field_name), cause=("r.likely_cause", asked.cause))
    if asked.min_variance is not None:
        where.add("abs(r.variance) >= %(least)s", least=asked.min_variance)
    is_kept = asked.cause is None and asked.min_variance is None
    total = _kept_total(snapshot, entry, asked) if is_kept else counted(snapshot, source, where)
    keys = ORDERS[asked.sort]
    parts = {"columns": _COLUMNS, "source": sql.SQL(source), "order": ordered_by(keys)}
    return page_of(snapshot, _RESULTS, keys=keys, where=where, wanted=wanted, total=total, parts=parts)


def summary_of_file(snapshot: Snapshot, entry: Row) -> Row:
    """How many of the file's figures were compared and how many break, by figure, and the breaks by cause; the largest of each figure."""
    fields = snapshot.rows(
        "SELECT field_name, sum(results)::bigint AS results, sum(compared)::bigint AS compared, sum(breaks)::bigint AS breaks,"
        " (sum(compared) - sum(breaks))::float8 / nullif(sum(compared), 0)::float8 AS pass_rate FROM reconciliation_totals"
        " WHERE delivery_id = %s AND data_source = %s GROUP BY field_name ORDER BY field_name",
        [entry["delivery_id"], entry["vendor"]],
    )
    broken = _broken(snapshot, entry) if any(row["breaks"] for row in fields) else []
    causes = Counter[str | None]()
    for row in broken:
        causes[row["likely_cause"]] += row["breaks"]
    largest = {row["field_name"]: {name: row[name] for name in ("variance", "account_id", "as_of_date")} for row in broken}
    counts = {name: sum(row[name] for row in fields) for name in ("results", "compared", "breaks")}
    return {
        "status": entry["status"],
        "pass_rate": (counts["compared"] - counts["breaks"]) / counts["compared"] if counts["compared"] else None,
        "compared": counts["compared"],
        "breaks": counts["breaks"],
        "not_compared": counts["results"] - counts["compared"],
        "by_field": [
            {
                **{name: row[name] for name in ("field_name", "compared", "breaks", "pass_rate")},
                "not_compared": row["results"] - row["compared"],
                "largest": largest.get(row["field_name"]),
            }
            for row in fields
        ],
        "by_cause": [
            {"likely_cause": cause, "breaks": count} for cause, count in sorted(causes.items(), key=lambda one: (-one[1], one[0] or ""))
        ],
        "factors": factors_of_file(snapshot, entry),
    }


def _of_file(snapshot: Snapshot, entry: Row, days: tuple[Any, Any]) -> tuple[LiteralString, Where]:
    """What to read the file's results from, and the condition: by vendor and days, so that no partition of other months is looked at.

    Only where another delivery has results of the same days, by the totals, is it asked row by row whose they are.
    """
    place = {"file": entry["delivery_id"], "vendor": entry["vendor"], "first": days[0], "last": days[1]}
    where = Where(place).add("r.data_source = %(vendor)s AND r.as_of_date BETWEEN %(first)s AND %(last)s")
    has_others = snapshot.value(
        "SELECT EXISTS (SELECT FROM reconciliation_totals WHERE data_source = %(vendor)s AND as_of_date BETWEEN %(first)s AND %(last)s"
        " AND delivery_id <> %(file)s AND results > 0)",
        place,
    )
    if not has_others:
        return _OF_VENDOR, where
    where.add("p.delivery_id = %(file)s AND p.data_source = %(vendor)s AND p.as_of_date BETWEEN %(first)s AND %(last)s")
    return _OF_FILE, where


def _kept_total(snapshot: Snapshot, entry: Row, asked: ResultsWanted) -> int:
    where = Where().add("delivery_id = %(file)s AND data_source = %(vendor)s", file=entry["delivery_id"], vendor=entry["vendor"])
    where.equal(field=("field_name", asked.field_name))
    statement: LiteralString = "SELECT coalesce({count}, 0)::bigint FROM reconciliation_totals WHERE {where}"
    return int(snapshot.value(sql.SQL(statement).format(count=sql.SQL(_KEPT[asked.within]), where=where.clause), where.params))


def _broken(snapshot: Snapshot, entry: Row) -> list[Row]:
    """The breaks by figure and cause, each with the figure's largest; a variance without a size counts least."""
    source, where = _of_file(snapshot, entry, (entry["first_as_of_date"], entry["last_as_of_date"]))
    where.add(_WITHIN["false"])
    return snapshot.rows(sql.SQL(_BROKEN).format(where=where.clause, source=sql.SQL(source)), where.params)
