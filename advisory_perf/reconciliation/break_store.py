"""The breaks of a vendor in the warehouse: what ``break_runs`` has to know of some days, read, and its difference, written.

Only figures that break on these days, or whose break reaches into them, are read, each from its last good valuation before the days to the
first one after them. A break whose latest valuation lies before the days is read from there: what lies before the days has not changed
since it was stored. A valuation without comparison says nothing, and one that a whole delivery's factor puts off says nothing of its
account. All is in the caller's transaction, under the lock of the publication.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg import sql

from advisory_perf.contracts.tolerance import FACTOR
from advisory_perf.reconciliation.break_runs import BREAKS, GONE, OUTCOMES, SIGN_OFFS, Difference, Known
from advisory_perf.warehouse.copy import assignments, copied, copy_frame, names

_KEYS = """
CREATE TEMP TABLE break_keys ON COMMIT DROP AS
SELECT account_id AS subject, field_name
FROM reconciliation_results
WHERE data_source = %(vendor)s AND as_of_date BETWEEN %(first)s AND %(last)s
    AND within_tolerance IS FALSE AND likely_cause IS DISTINCT FROM 'SYSTEMATIC'
UNION
SELECT coalesce(account_id, ''), field_name
FROM reconciliation_breaks
WHERE data_source = %(vendor)s AND first_as_of_date <= %(last)s AND (resolved_on IS NULL OR resolved_on >= %(first)s)
UNION
SELECT '', field_name FROM delivery_factors WHERE data_source = %(vendor)s AND as_of_date BETWEEN %(first)s AND %(last)s
"""

# after_day is the good valuation before the days, or the day before the latest valuation of the break that goes on as it is stored.
_SECTIONS = """
CREATE TEMP TABLE break_sections ON COMMIT DROP AS
WITH begun AS (
    SELECT key.subject, key.field_name, b.break_id, b.first_as_of_date, b.last_as_of_date
    FROM break_keys AS key
    LEFT JOIN reconciliation_breaks AS b ON b.data_source = %(vendor)s AND coalesce(b.account_id, '') = key.subject
        AND b.field_name = key.field_name AND b.last_as_of_date < %(first)s AND (b.resolved_on IS NULL OR b.resolved_on >= %(first)s)
)
SELECT begun.*, coalesce(begun.last_as_of_date - 1, before.as_of_date, '-infinity') AS after_day,
    coalesce(behind.as_of_date, 'infinity') AS until_day
FROM begun
LEFT JOIN LATERAL (
    SELECT r.as_of_date FROM reconciliation_results AS r
    WHERE begun.break_id IS NULL AND r.data_source = %(vendor)s AND r.account_id = begun.subject AND r.field_name = begun.field_name
        AND r.as_of_date < %(first)s AND r.within_tolerance
    ORDER BY r.as_of_date DESC LIMIT 1
) AS before ON true
LEFT JOIN LATERAL (
    SELECT r.as_of_date FROM reconciliation_results AS r
    WHERE r.data_source = %(vendor)s AND r.account_id = begun.subject AND r.field_name = begun.field_name
        AND r.as_of_date > %(last)s AND r.within_tolerance
    ORDER BY r.as_of_date LIMIT 1
) AS behind ON true
WHERE begun.subject <> ''
UNION ALL
SELECT begun.*, coalesce(begun.last_as_of_date, reaching.first_as_of_date, %(first)s) - 1, 'infinity'
FROM begun
LEFT JOIN LATERAL (
    SELECT least(%(first)s, min(b.first_as_of_date)) AS first_as_of_date FROM reconciliation_breaks AS b
    WHERE b.data_source = %(vendor)s AND b.account_id IS NULL AND b.field_name = begun.field_name
        AND b.first_as_of_date <= %(last)s AND (b.resolved_on IS NULL OR b.resolved_on >= %(first)s)
) AS reaching ON true
WHERE begun.subject = ''
"""

_STORED = """
CREATE TEMP TABLE break_stored ON COMMIT DROP AS
SELECT coalesce(b.account_id, '') AS subject, b.*
FROM break_sections AS section
JOIN reconciliation_breaks AS b ON b.data_source = %(vendor)s AND coalesce(b.account_id, '') = section.subject
    AND b.field_name = section.field_name AND b.last_as_of_date <= section.until_day
    AND b.first_as_of_date > least(section.after_day, section.first_as_of_date - 1)
"""

_OUTCOMES = """
CREATE TEMP TABLE break_outcomes ON COMMIT DROP AS
SELECT section.subject, section.field_name, r.as_of_date, NOT r.within_tolerance AS is_break, r.calculated_value, r.vendor_value,
    r.variance, r.tolerance_threshold, NULL::numeric(38, 12) AS factor, NULL::bigint AS accounts, r.likely_cause, p.delivery_id
FROM break_sections AS section
JOIN reconciliation_results AS r ON r.data_source = %(vendor)s AND r.account_id = section.subject AND r.field_name = section.field_name
    AND r.as_of_date > section.after_day AND r.as_of_date <= section.until_day
LEFT JOIN performance_data AS p ON p.data_source = %(vendor)s AND p.account_id = r.account_id AND p.as_of_date = r.as_of_date
    AND p.as_of_date > %(after)s AND p.as_of_date <= %(until)s
WHERE section.subject <> '' AND r.as_of_date > %(after)s AND r.as_of_date <= %(until)s
    AND r.within_tolerance IS NOT NULL AND r.likely_cause IS DISTINCT FROM 'SYSTEMATIC'
"""

# Of several deliveries, a day's is that of most of its accounts; asked for where it may have ended a break, since it takes a count.
_OUTCOMES_OF_DELIVERIES = """
INSERT INTO break_outcomes
WITH of_day AS (
    SELECT section.field_name, day.as_of_date, most.factor, most.accounts, most.delivery_id,
        lag(most.factor) OVER (PARTITION BY section.field_name ORDER BY day.as_of_date) AS factor_before
    FROM break_sections AS section
    JOIN (SELECT DISTINCT as_of_date FROM performance_data WHERE data_source = %(vendor)s AND as_of_date > %(after)s) AS day
        ON day.as_of_date > section.after_day
    LEFT JOIN LATERAL (
        SELECT f.factor, sum(f.accounts) OVER () AS accounts, f.delivery_id FROM delivery_factors AS f
        WHERE f.data_source = %(vendor)s AND f.as_of_date = day.as_of_date AND f.field_name = section.field_name
        ORDER BY f.accounts DESC, f.delivery_id LIMIT 1
    ) AS most ON true
    WHERE section.subject = ''
)
SELECT '', field_name, as_of_date, factor IS NOT NULL, NULL, NULL, NULL, %(equal_factor)s, factor, accounts, 'SYSTEMATIC',
    CASE WHEN factor IS NULL AND factor_before IS NOT NULL THEN (
        SELECT p.delivery_id FROM performance_data AS p
        WHERE p.data_source = %(vendor)s AND p.as_of_date = of_day.as_of_date
        GROUP BY p.delivery_id ORDER BY count(*) DESC, p.delivery_id LIMIT 1
    ) ELSE delivery_id END
FROM of_day
"""

# Whether a good valuation restates can only matter where a stored break lasted beyond it.
_READ_OUTCOMES = """
SELECT o.subject, o.field_name, o.as_of_date, o.is_break, o.calculated_value, o.vendor_value, o.variance, o.tolerance_threshold,
    o.factor, o.accounts, o.likely_cause, o.delivery_id,
    CASE WHEN o.is_break OR o.as_of_date >= coalesce(b.last_as_of_date, '-infinity') THEN false
        WHEN o.subject = '' THEN EXISTS (
            SELECT FROM performance_data_history AS h
            WHERE h.data_source = %(vendor)s AND h.as_of_date = o.as_of_date AND h.superseded_by_delivery_id = o.delivery_id
        )
        ELSE EXISTS (
            SELECT FROM performance_data_history AS h
            WHERE h.data_source = %(vendor)s AND h.account_id = o.subject AND h.as_of_date = o.as_of_date
                AND h.superseded_by_delivery_id = o.delivery_id
        )
    END
FROM break_outcomes AS o
LEFT JOIN (
    SELECT subject, field_name, max(last_as_of_date) AS last_as_of_date FROM break_stored GROUP BY subject, field_name
) AS b ON b.subject = o.subject AND b.field_name = o.field_name
"""

_GONE = """
CREATE TEMP TABLE break_gone ON COMMIT DROP AS
SELECT b.break_id, b.subject, b.field_name, b.last_as_of_date
FROM break_stored AS b
WHERE (b.resolved_on IS NULL OR b.resolved_on > b.last_as_of_date) AND NOT EXISTS (
    SELECT FROM break_outcomes AS o
    WHERE o.subject = b.subject AND o.field_name = b.field_name AND o.as_of_date = b.last_as_of_date AND o.is_break
)
"""

_READ_GONE = """
SELECT b.break_id, coalesce(own.delivery_id, most.delivery_id), result.within_tolerance IS FALSE
FROM break_gone AS b
LEFT JOIN performance_data AS own ON own.data_source = %(vendor)s AND own.account_id = b.subject AND own.as_of_date = b.last_as_of_date
    AND own.as_of_date BETWEEN %(first_gone)s AND %(last_gone)s
LEFT JOIN LATERAL (
    SELECT p.delivery_id FROM performance_data AS p
    WHERE b.subject = '' AND p.data_source = %(vendor)s AND p.as_of_date = b.last_as_of_date
    GROUP BY p.delivery_id ORDER BY count(*) DESC, p.delivery_id LIMIT 1
) AS most ON true
LEFT JOIN reconciliation_results AS result ON result.data_source = %(vendor)s AND result.account_id = b.subject
    AND result.as_of_date = b.last_as_of_date AND result.field_name = b.field_name
    AND result.as_of_date BETWEEN %(first_gone)s AND %(last_gone)s
"""

_READ_SIGN_OFFS = """
SELECT s.id, s.break_id, coalesce(s.account_id, ''), s.field_name, s.as_of_date, s.variance, s.vendor_value, s.factor, s.signed_off_by,
    s.signed_off_at, s.reason
FROM break_sign_offs AS s
WHERE s.data_source = %(vendor)s AND EXISTS (
    SELECT FROM break_keys AS key WHERE key.subject = coalesce(s.account_id, '') AND key.field_name = s.field_name
)
"""


_VALUES = tuple(name for name in BREAKS.names() if name not in {"break_id", "subject"})


def read_known(connection: psycopg.Connection, vendor: str, *, first: date, last: date) -> Known | None:
    """What is known of the figures that break on the days, or whose break reaches into them; None where there is none."""
    place: dict[str, Any] = {"vendor": vendor, "first": first, "last": last}

    def made(name: LiteralString, statement: LiteralString, among: Mapping[str, Any]) -> None:
        connection.execute(statement, among)
        connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(name)))

    with without_compiling(connection):
        made("break_keys", _KEYS, place)
        if connection.execute("SELECT FROM break_keys LIMIT 1").fetchone() is None:
            connection.execute("DROP TABLE break_keys")
            return None
        made("break_sections", _SECTIONS, place)
        made("break_stored", _STORED, place)
        # As text, since the days may be infinite; the bounds choose the partitions.
        after, until, after_of_deliveries = connection.execute(
            "SELECT (min(after_day) FILTER (WHERE subject <> ''))::text, (max(until_day) FILTER (WHERE subject <> ''))::text,"
            " (min(after_day) FILTER (WHERE subject = ''))::text FROM break_sections"
        ).fetchall()[0]
        connection.execute(_OUTCOMES, {**place, "after": after, "until": until})
        made("break_outcomes", _OUTCOMES_OF_DELIVERIES, {**place, "after": after_of_deliveries, "equal_factor": FACTOR})
        made("break_gone", _GONE, place)
        bounds = connection.execute("SELECT min(last_as_of_date), max(last_as_of_date) FROM break_gone").fetchall()[0]
        known = Known(
            first,
            outcomes=copied(connection, _READ_OUTCOMES, OUTCOMES, place),
            stored=copied(connection, sql.SQL("SELECT {} FROM break_stored").format(names(BREAKS.names())), BREAKS),
            gone=copied(connection, _READ_GONE, GONE, {**place, "first_gone": bounds[0], "last_gone": bounds[1]}),
            sign_offs=copied(connection, _READ_SIGN_OFFS, SIGN_OFFS, place),
        )
        connection.execute("DROP TABLE break_keys, break_sections, break_stored, break_outcomes, break_gone")
    return known


def taken_among(connection: psycopg.Connection, break_ids: Sequence[str]) -> set[str]:
    """Which of the names a break has."""
    found = connection.execute("SELECT break_id FROM reconciliation_breaks WHERE break_id = ANY(%s)", [list(break_ids)])
    return {break_id for (break_id,) in found.fetchall()}


def apply_difference(connection: psycopg.Connection, vendor: str, difference: Difference) -> None:
    """Delete, change and insert breaks of the vendor; rows that are as they have to be are not touched."""
    if difference.deleted:
        connection.execute("DELETE FROM reconciliation_breaks WHERE break_id = ANY(%s)", [difference.deleted])
    if not difference.changed.is_empty():
        connection.execute(
            sql.SQL("CREATE TEMP TABLE changed_breaks ON COMMIT DROP AS SELECT break_id, {} FROM reconciliation_breaks LIMIT 0").format(
                names(_VALUES)
            )
        )
        copy_frame(connection, "changed_breaks", difference.changed.drop("subject"))
        connection.execute("ANALYZE changed_breaks (break_id)")
        connection.execute(
            sql.SQL("UPDATE reconciliation_breaks AS b SET {} FROM changed_breaks AS c WHERE c.break_id = b.break_id").format(
                assignments(_VALUES, "c")
            )
        )
        connection.execute("DROP TABLE changed_breaks")
    if not difference.new.is_empty():
        account = pl.when(pl.col("subject") != "").then("subject").alias("account_id")
        copy_frame(
            connection, "reconciliation_breaks", difference.new.select(pl.lit(vendor).alias("data_source"), account, pl.exclude("subject"))
        )


@contextmanager
def without_compiling(connection: psycopg.Connection) -> Iterator[None]:
    """Without the server's just-in-time compilation, which would take longer than it saves, to the end of the block."""
    connection.execute("SET LOCAL jit = off")
    yield
    connection.execute("SET LOCAL jit = DEFAULT")
