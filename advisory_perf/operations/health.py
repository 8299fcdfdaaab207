"""What `advisory-perf doctor` finds out about the lake, the warehouse, its partitions, the ledger and the alerts.

Every function looks, changes nothing that lasts and never raises: what cannot be looked at is itself a finding. A
finding that is not good says what to do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import LiteralString
from uuid import uuid4

import psycopg
from psycopg import sql

from advisory_perf.alerts.channels import channel_of
from advisory_perf.alerts.outbox import Outbox, Waiting
from advisory_perf.contracts.enums import DeliveryStatus, Severity
from advisory_perf.contracts.tables import PUBLISHED, PUBLISHED_ROWS, PublishedTable
from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.lake.store import Lake
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.migrations import pending_migrations

OLDEST_SERVER = 15
"""The oldest major version of PostgreSQL that the schema is written for."""

PATIENCE = timedelta(hours=1)
"""How long a delivery may be on its way before something must have stopped it."""

_PROBES = "_health"
_NAMES_SHOWN = 3

_DETACHED: LiteralString = """
    SELECT child.oid::regclass::text, to_date(right(child.relname, 7), 'YYYY_MM')
    FROM pg_class AS child JOIN pg_class AS parent ON parent.relnamespace = child.relnamespace
    WHERE parent.oid = %(table)s::regclass AND child.relkind = 'r' AND child.relname ~ ('^' || parent.relname || '_[0-9]{4}_[0-9]{2}$')
    AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = child.oid)
    ORDER BY 2
"""

_LOST: LiteralString = """
    SELECT month, array_agg(DISTINCT vendor ORDER BY vendor)
    FROM (
        SELECT log.vendor, date_trunc('month', day.as_of_date)::date AS month
        FROM etl_processing_log AS log JOIN delivered_days AS day ON day.etl_log_id = log.id
        WHERE log.status IN ('COMPLETED', 'COMPLETED_WITH_ISSUES') AND log.records_inserted > 0 AND NOT EXISTS ({of_others})
    ) AS published
    WHERE to_regclass(%(table)s || to_char(month, '_YYYY_MM')) IS NULL
    GROUP BY month ORDER BY month
"""
"""The months of published deliveries that have no partition. A gap between the histories of two vendors is no such month."""

_OF_DELIVERY: LiteralString = "SELECT 1 FROM {} AS row WHERE row.data_source = log.vendor AND row.delivery_id = log.delivery_id"
"""Whether a delivery's rows are, or were, in a table: it is of that table's dataset, though its feed may no longer be known."""

_DEFAULT_PARTITION: LiteralString = """
    SELECT child.oid::regclass::text
    FROM pg_partitioned_table AS parent JOIN pg_class AS child ON child.oid = parent.partdefid
    WHERE parent.partrelid = %s::regclass
"""

_INVALID_INDEXES: LiteralString = """
    SELECT index.oid::regclass::text, entry.indrelid::regclass::text, index.relkind = 'I'
    FROM pg_index AS entry
    JOIN pg_class AS index ON index.oid = entry.indexrelid
    JOIN pg_namespace AS namespace ON namespace.oid = index.relnamespace
    WHERE namespace.nspname = 'public' AND NOT (entry.indisvalid AND entry.indisready)
    ORDER BY 1
"""

_UNCHECKED_CONSTRAINTS: LiteralString = """
    SELECT quote_ident(rule.conname), rule.conrelid::regclass::text
    FROM pg_constraint AS rule JOIN pg_namespace AS namespace ON namespace.oid = rule.connamespace
    WHERE namespace.nspname = 'public' AND NOT rule.convalidated AND rule.conparentid = 0
    ORDER BY 2, 1
"""


_ORPHANS: LiteralString = """
    SELECT data_source, delivery_id, count(*) FROM {} AS row
    WHERE NOT EXISTS (
        SELECT FROM etl_processing_log AS log WHERE log.vendor = row.data_source AND log.delivery_id = row.delivery_id
    ) AND NOT EXISTS (
        SELECT FROM etl_processing_log AS log WHERE log.vendor = row.data_source AND log.pending_first_date IS NOT NULL
        AND row.as_of_date BETWEEN log.pending_first_date AND log.pending_last_date
    )
    GROUP BY data_source, delivery_id ORDER BY data_source, delivery_id
"""

_IN_DOUBT: LiteralString = "SELECT DISTINCT feed, delivery_id FROM ingestion_writes WHERE begun_at < now() - %s ORDER BY 1, 2"


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """One thing that was looked at: what, whether it is as it should be, and a sentence for a person."""

    subject: str
    is_good: bool
    says: str


def lake_health(lake: Lake) -> list[HealthFinding]:
    """Whether the lake can be written, listed, read and cleared; leaves nothing behind where all four go."""
    path = f"{_PROBES}/{uuid4().hex}"
    content = path.encode()

    def write() -> list[HealthFinding]:
        lake.write(path, content)
        return [HealthFinding("lake: write", is_good=True, says=f"the lake {lake.address} takes objects")]

    def listing() -> list[HealthFinding]:
        is_good = path in [file.path for file in lake.files(f"{_PROBES}/")]
        says = "what was written is listed" if is_good else f"{path} was written but is not listed; use another store"
        return [HealthFinding("lake: list", is_good=is_good, says=says)]

    def read() -> list[HealthFinding]:
        is_good = lake.read(path) == content
        says = "what was written reads back" if is_good else f"{path} reads back other bytes; use another store"
        return [HealthFinding("lake: read", is_good=is_good, says=says)]

    def delete() -> list[HealthFinding]:
        lake.delete([path])
        is_good = not lake.exists(path)
        says = "what was written can be deleted" if is_good else f"{path} stays when deleted; give the right to delete"
        return [HealthFinding("lake: delete", is_good=is_good, says=says)]

    written = reported("lake: write", write)
    if not all(finding.is_good for finding in written):
        return written
    return [*written, *reported("lake: list", listing), *reported("lake: read", read), *reported("lake: delete", delete)]


def warehouse_health(warehouse: Warehouse) -> list[HealthFinding]:
    """Whether the warehouse answers, is recent enough, and has every migration."""
    reached = reported("warehouse", partial(_server, warehouse))
    if not reached[0].is_good:
        return reached
    return [*reached, *reported("warehouse: schema", partial(_schema, warehouse))]


def partition_health(warehouse: Warehouse) -> list[HealthFinding]:
    """Whether no month lacks its partition, no row lies in a default one, and every index and constraint is valid."""
    findings = []
    for published in reversed(PUBLISHED):
        findings += reported(f"partitions: {published.name}", partial(_partitions, warehouse, published))
    findings += reported("indexes", partial(_indexes, warehouse))
    findings += reported("constraints", partial(_constraints, warehouse))
    return findings


def ledger_health(warehouse: Warehouse, ledger: Ledger) -> list[HealthFinding]:
    """Whether deliveries are stuck or have lost rows, and whether the ledger knows the delivery of every published row.

    Failed ones are named in a good finding: they are a vendor's incident, which the platform has dealt with.
    """

    def look() -> list[HealthFinding]:
        with warehouse.connect() as connection:
            (now,) = connection.execute("SELECT now()").fetchone() or (None,)
        entries = ledger.entries()
        return [
            _stuck(entries, now, DeliveryStatus.RECEIVED),
            _stuck(entries, now, DeliveryStatus.PROCESSING),
            _failed(entries),
            _conservation(entries),
            _orphans(warehouse),
            _in_doubt(warehouse),
        ]

    return reported("ledger", look)


def alerts_health(outbox: Outbox, *, url: str | None, least: Severity) -> list[HealthFinding]:
    """Whether a channel is set and takes what is sent, how many alerts wait and since when, and how many incidents are open."""

    def look() -> list[HealthFinding]:
        (now, open_alerts) = (datetime.now(UTC), outbox.alerts(only_open=True))
        says = f"{len(open_alerts):,} open: {_some([alert.subject for alert in open_alerts])}" if open_alerts else "nothing is open"
        return [_waiting(outbox.waiting(least), now, has_channel=url is not None), HealthFinding("alerts: open", is_good=True, says=says)]

    def channel() -> list[HealthFinding]:
        says = "no channel is set, so that alerts are only kept in the table alerts; set ADVISORY_PERF_ALERTS_URL"
        return [HealthFinding("alerts: channel", is_good=True, says=f"they are sent to {channel_of(url).place}" if url else says)]

    return [*reported("alerts: channel", channel), *reported("alerts", look)]


def reported(subject: str, look: Callable[[], list[HealthFinding]]) -> list[HealthFinding]:
    """What the look finds; where it raises, the error as a finding."""
    try:
        return look()
    except AdvisoryPerfError as error:
        return [HealthFinding(subject, is_good=False, says=str(error))]
    except Exception as error:  # noqa: BLE001 - whatever stops one look must not stop the others, and is shown
        says = f"this cannot be looked at ({type(error).__name__}: {error}); see that the settings name what exists"
        return [HealthFinding(subject, is_good=False, says=says)]


def _server(warehouse: Warehouse) -> list[HealthFinding]:
    with warehouse.connect() as connection:
        version = connection.info.server_version
    shown = f"{version // 10_000}.{version % 10_000}"
    is_good = version // 10_000 >= OLDEST_SERVER
    says = f"the warehouse at {warehouse.place} answers, PostgreSQL {shown}"
    if not is_good:
        says = f"the warehouse at {warehouse.place} is PostgreSQL {shown}; upgrade it to {OLDEST_SERVER} or later"
    return [HealthFinding("warehouse", is_good=is_good, says=says)]


def _schema(warehouse: Warehouse) -> list[HealthFinding]:
    pending = pending_migrations(warehouse.url)
    says = "every migration is applied"
    if pending:
        says = f"the schema lacks {', '.join(pending)}; run `advisory-perf migrate`"
    return [HealthFinding("warehouse: schema", is_good=not pending, says=says)]


def _partitions(warehouse: Warehouse, published: PublishedTable) -> list[HealthFinding]:
    table = published.name
    subject = f"partitions: {table}"
    with warehouse.connect() as connection:
        default = connection.execute(_DEFAULT_PARTITION, [table]).fetchone()
        strays = 0
        if default is not None:
            counted = connection.execute(sql.SQL("SELECT count(*) FROM ONLY {}").format(sql.SQL(default[0]))).fetchone()
            strays = counted[0] if counted else 0
        detached: list[tuple[str, date]] = connection.execute(_DETACHED, {"table": table}).fetchall()
        lost = _lost(connection, published) if published in PUBLISHED_ROWS else []
        days = sql.SQL("SELECT min(as_of_date), max(as_of_date) FROM {}").format(sql.Identifier(table))
        first, last = connection.execute(days).fetchone() or (None, None)
    if default is not None and strays:
        says = (
            f"{strays:,} rows of {table} lie in its default partition {default[0]}; detach it, make their months with "
            f"create_monthly_partition, insert the rows into {table} again, and drop it"
        )
    elif detached:
        (name, month), more = detached[0], len(detached) > 1
        says = (
            f"{_some([f'{month:%Y-%m}' for _, month in detached])}: rows of {table} are not seen, since their partition is detached; run "
            f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{month}') TO ('{(month + timedelta(days=31)).replace(day=1)}')"
            f"{' and so on for each' if more else ''}"
        )
    elif lost:
        months = _some([f"{month:%Y-%m} of {' and '.join(vendors)}" for month, vendors in lost])
        says = (
            f"{months}: deliveries were published, and {table} has "
            f"no partition for them; materialise it from {lost[0][0]:%Y-%m} to its latest window, or take the partition from a backup"
        )
    else:
        says = f"rows from {first} to {last}, each in the partition of its month" if first and last else "no rows yet"
    return [HealthFinding(subject, is_good=not (strays or detached or lost), says=says)]


def _lost(connection: psycopg.Connection, published: PublishedTable) -> list[tuple[date, list[str]]]:
    others = [name for one in PUBLISHED_ROWS if one != published for name in (one.name, one.history) if name is not None]
    of_others = sql.SQL(" UNION ALL ").join(sql.SQL(_OF_DELIVERY).format(sql.Identifier(name)) for name in others)
    return connection.execute(sql.SQL(_LOST).format(of_others=of_others), {"table": published.name}).fetchall()


def _indexes(warehouse: Warehouse) -> list[HealthFinding]:
    with warehouse.connect() as connection:
        invalid = connection.execute(_INVALID_INDEXES).fetchall()
    findings = []
    for index, table, is_partitioned in invalid:
        remedy = f"run REINDEX INDEX {index}"
        if is_partitioned:
            remedy = f"create it on each partition of {table} that lacks it and attach it there to {index}"
        findings.append(HealthFinding("indexes", is_good=False, says=f"the index {index} of {table} is not valid; {remedy}"))
    return findings or [HealthFinding("indexes", is_good=True, says="every index is valid")]


def _constraints(warehouse: Warehouse) -> list[HealthFinding]:
    with warehouse.connect() as connection:
        unchecked = connection.execute(_UNCHECKED_CONSTRAINTS).fetchall()
    return [
        HealthFinding(
            "constraints",
            is_good=False,
            says=f"{rule} of {table} was never checked on its rows; run ALTER TABLE {table} VALIDATE CONSTRAINT {rule}",
        )
        for rule, table in unchecked
    ] or [HealthFinding("constraints", is_good=True, says="every foreign key and check holds")]


def _waiting(waiting: Waiting, now: datetime, *, has_channel: bool) -> HealthFinding:
    subject = "alerts: waiting"
    if not waiting.count or waiting.since is None:
        return HealthFinding(subject, is_good=True, says="none waits to be sent")
    says = f"{waiting.count:,} to be sent, the oldest since {waiting.since:%Y-%m-%d %H:%M} UTC"
    if waiting.last_error is not None:
        says += f"; the last attempt failed: {waiting.last_error}; they are tried again until they are taken"
    elif has_channel and now - waiting.since > PATIENCE:
        says += "; nobody tries to, so start the daemon"
    else:
        return HealthFinding(subject, is_good=True, says=says)
    return HealthFinding(subject, is_good=not has_channel, says=says)


def _stuck(entries: Sequence[LedgerEntry], now: datetime, status: DeliveryStatus) -> HealthFinding:
    under_way = [entry for entry in entries if entry.status == status]
    stuck = [entry for entry in under_way if now - (entry.processing_start_time or entry.received_at) > PATIENCE]
    subject = f"ledger: {status}"
    if not stuck:
        return HealthFinding(subject, is_good=True, says=f"no delivery has been {status} for more than an hour")
    remedy = "start the daemon, or launch their ingestion again"
    if status is DeliveryStatus.PROCESSING:
        remedy = "they have been ingested and wait for their pipeline, so start the daemon or materialise the pipeline"
    says = f"{_deliveries(stuck)} {status} for more than an hour; {remedy}"
    return HealthFinding(subject, is_good=False, says=says)


def _failed(entries: Sequence[LedgerEntry]) -> HealthFinding:
    failed = [entry for entry in entries if entry.status == DeliveryStatus.FAILED]
    if not failed:
        return HealthFinding("ledger: FAILED", is_good=True, says="no delivery was rejected")
    says = f"{_deliveries(failed)} rejected; the reason lies beside each in error/ of the lake"
    return HealthFinding("ledger: FAILED", is_good=True, says=says)


def _conservation(entries: Sequence[LedgerEntry]) -> HealthFinding:
    subject = "ledger: rows"
    leaking = [entry for entry in entries if entry.records_read != _accounted(entry)]
    if not leaking:
        says = f"of {len(entries):,} deliveries every row read is accepted, quarantined, duplicate or footer"
        return HealthFinding(subject, is_good=True, says=says)
    worst = leaking[0]
    says = (
        f"{_deliveries(leaking)} without an account of every row (of {worst.delivery_id} {worst.records_read:,} rows "
        f"were read and {_accounted(worst):,} are accounted for); ingest them again"
    )
    return HealthFinding(subject, is_good=False, says=says)


def _orphans(warehouse: Warehouse) -> HealthFinding:
    """Rows of days that a pipeline has still to compute are none: its next run settles whose they are."""
    subject = "ledger: published rows"
    with warehouse.connect() as connection:
        statements = [sql.SQL(_ORPHANS).format(sql.Identifier(one.name)) for one in PUBLISHED_ROWS]
        found = [row for statement in statements for row in connection.execute(statement).fetchall()]
    if not found:
        return HealthFinding(subject, is_good=True, says="the ledger knows the delivery of every published row")
    names = _some([f"{vendor} {delivery_id}" for vendor, delivery_id, _ in found])
    says = (
        f"{sum(count for *_, count in found):,} published rows are of deliveries that the ledger does not know ({names}), and the next run "
        "of their pipeline would withdraw them; put the files, which lie in archive/ of the lake, into incoming/ again"
    )
    return HealthFinding(subject, is_good=False, says=says)


def _in_doubt(warehouse: Warehouse) -> HealthFinding:
    """An ingestion that has begun to write and does not end keeps its pipeline from what it may read."""
    subject = "ledger: ingestions"
    with warehouse.connect() as connection:
        found = connection.execute(_IN_DOUBT, [PATIENCE]).fetchall()
    if not found:
        return HealthFinding(subject, is_good=True, says="no ingestion has been writing for more than an hour")
    names = _some([f"{feed} {delivery_id}" for feed, delivery_id in found])
    says = (
        f"the rows of {names} are in doubt, since an ingestion began to write them more than an hour ago and has not ended, or not well; "
    )
    return HealthFinding(subject, is_good=False, says=says + "start the daemon, which ingests them again before their pipeline goes on")


def _accounted(entry: LedgerEntry) -> int:
    return entry.records_processed + entry.records_failed + entry.records_duplicate + entry.records_footer


def _deliveries(entries: Sequence[LedgerEntry]) -> str:
    count = "1 delivery is" if len(entries) == 1 else f"{len(entries):,} deliveries are"
    return f"{_some([f'{entry.vendor} {entry.file_name}' for entry in entries])}: {count}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"
