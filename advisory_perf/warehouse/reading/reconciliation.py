"""One file's figures against ours: counted from the totals that a publication keeps, and result by result."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, LiteralString

from psycopg import sql

from advisory_perf.contracts.tables import RECONCILIATION_RESULTS
from advisory_perf.warehouse.reading.file_rows import days_within
from advisory_perf.warehouse.reading.files import factors_of_file
from advisory_perf.warehouse.reading.paging import PageFound, PageWanted, SortKey, Where, counted, page_of
from advisory_perf.warehouse.reading.snapshot import Row, Snapshot

_OF_FILE: LiteralString = (
    "reconciliation_results AS r JOIN performance_data AS p"
    " ON p.data_source = r.data_source AND p.account_id = r.account_id AND p.as_of_date = r.as_of_date"
)

# A figure that one factor puts off belongs to the break of the whole delivery, any other to that of its account.
_RESULTS: LiteralString = (
    "SELECT {columns}, b.break_id, b.status AS break_status, b.age_days, {keys} FROM {of_file} LEFT JOIN LATERAL ("
    "SELECT b.break_id, b.status, b.age_days FROM reconciliation_breaks AS b"
    " WHERE r.within_tolerance IS FALSE AND b.data_source = r.data_source AND b.field_name = r.field_name"
    " AND (b.account_id = r.account_id AND r.likely_cause IS DISTINCT FROM 'SYSTEMATIC'"
    " OR b.account_id IS NULL AND r.likely_cause = 'SYSTEMATIC')"
    " AND r.as_of_date BETWEEN b.first_as_of_date AND b.last_as_of_date ORDER BY b.first_as_of_date DESC LIMIT 1"
    ") AS b ON true WHERE {where} {page}"
)
_PARTS = {
    "columns": sql.SQL(", ").join(sql.Identifier("r", name) for name in (*RECONCILIATION_RESULTS.column_names, "reconciliation_date")),
    "of_file": sql.SQL(_OF_FILE),
}

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
    where = _of_file(entry, days)
    if asked.within in _WITHIN:
        where.add(_WITHIN[asked.within])
    if asked.field_name is not None:
        where.add("r.field_name = %(field)s", field=asked.field_name)
    if asked.cause is not None:
        where.add("r.likely_cause = %(cause)s", cause=asked.cause)
    if asked.min_variance is not None:
        where.add("abs(r.variance) >= %(least)s", least=asked.min_variance)
    is_kept = asked.cause is None and asked.min_variance is None
    total = _kept_total(snapshot, entry, asked) if is_kept else counted(snapshot, _OF_FILE, where)
    return page_of(snapshot, _RESULTS, keys=ORDERS[asked.sort], where=where, wanted=wanted, total=total, parts=_PARTS)


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
                "largest": _largest([one for one in broken if one["field_name"] == row["field_name"]]),
            }
            for row in fields
        ],
        "by_cause": [
            {"likely_cause": cause, "breaks": count} for cause, count in sorted(causes.items(), key=lambda one: (-one[1], one[0] or ""))
        ],
        "factors": factors_of_file(snapshot, entry),
    }


def _of_file(entry: Row, days: tuple[Any, Any]) -> Where:
    """Both tables by vendor and days, so that no partition of other months is looked at."""
    return (
        Where({"first": days[0], "last": days[1]})
        .add("p.delivery_id = %(file)s", file=entry["delivery_id"])
        .add("p.data_source = %(vendor)s AND r.data_source = %(vendor)s", vendor=entry["vendor"])
        .add("p.as_of_date BETWEEN %(first)s AND %(last)s AND r.as_of_date BETWEEN %(first)s AND %(last)s")
    )


def _kept_total(snapshot: Snapshot, entry: Row, asked: ResultsWanted) -> int:
    where = Where().add("delivery_id = %(file)s AND data_source = %(vendor)s", file=entry["delivery_id"], vendor=entry["vendor"])
    if asked.field_name is not None:
        where.add("field_name = %(field)s", field=asked.field_name)
    statement: LiteralString = "SELECT coalesce({count}, 0)::bigint FROM reconciliation_totals WHERE {where}"
    return int(snapshot.value(sql.SQL(statement).format(count=sql.SQL(_KEPT[asked.within]), where=where.clause), where.params))


def _broken(snapshot: Snapshot, entry: Row) -> list[Row]:
    """The breaks by figure and cause, with the largest of each; a variance without a size counts least."""
    where = _of_file(entry, (entry["first_as_of_date"], entry["last_as_of_date"])).add(_WITHIN["false"])
    statement: LiteralString = (
        "SELECT r.field_name, r.likely_cause, count(*) AS breaks,"
        " (array_agg(r.variance ORDER BY abs(r.variance) DESC NULLS LAST, r.as_of_date, r.account_id))[1] AS variance,"
        " (array_agg(r.account_id ORDER BY abs(r.variance) DESC NULLS LAST, r.as_of_date, r.account_id))[1] AS account_id,"
        " (array_agg(r.as_of_date ORDER BY abs(r.variance) DESC NULLS LAST, r.as_of_date, r.account_id))[1] AS as_of_date"
        " FROM {of_file} WHERE {where} GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return snapshot.rows(sql.SQL(statement).format(where=where.clause, of_file=sql.SQL(_OF_FILE)), where.params)


def _largest(broken: list[Row]) -> Row | None:
    """Of the largest breaks of each cause the largest: variance, account_id and as_of_date; None where nothing breaks."""
    sized = [{name: row[name] for name in ("variance", "account_id", "as_of_date")} for row in broken]
    return min(
        sized, key=lambda row: (row["variance"] is None, -abs(row["variance"] or 0), row["as_of_date"], row["account_id"]), default=None
    )
