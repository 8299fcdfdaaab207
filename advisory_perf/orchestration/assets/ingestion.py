"""The ingestion: one run reads one delivery, validates its rows and stores what became of them.

A delivery that cannot be read fails its run with a blocking check that says why, and lies in error/ afterwards. One that is
known already yields nothing and changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl

from advisory_perf.contracts.tables import QUARANTINED_ROWS, RAW_VENDOR_FILE, Table
from advisory_perf.deliveries.claims import Claim, ClaimOutcome, unknown
from advisory_perf.deliveries.precedence import versions_of_the_same
from advisory_perf.deliveries.profiles import profiles_before
from advisory_perf.deliveries.zones import (
    Arrival,
    clear_incoming,
    find_arrival,
    forget_failed,
    is_archived,
    keep_in_archive,
    keep_in_error,
    sha256_of,
)
from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.feed import Feed
from advisory_perf.ingestion.day_counts import day_counts
from advisory_perf.ingestion.limits import Bounds, Limits
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.profile import DeliveryProfile, profile_of
from advisory_perf.ingestion.profile_drift import LOOKED_BACK, drift_from
from advisory_perf.ingestion.raw_frame import cell_columns, unmapped_columns
from advisory_perf.ingestion.reading_apart import read_apart
from advisory_perf.ingestion.validation.rows import Delivery, Validated, validate
from advisory_perf.lake.store import INCOMING
from advisory_perf.monitoring.unread_files import read_whole
from advisory_perf.orchestration.asset_checks import Finding, Rule, is_blocked, schema_finding, schema_rule
from advisory_perf.orchestration.metadata import definition_metadata, output_metadata
from advisory_perf.orchestration.partitions import delivery_partitions
from advisory_perf.orchestration.pipelines.model import Pipeline
from advisory_perf.orchestration.resources import LOCKS
from advisory_perf.orchestration.run_config import PATH_TAG, printing
from advisory_perf.platform import Platform, bytes_lock, ingestion_lock
from advisory_perf.positions.accounts_store import registered_accounts
from advisory_perf.settings import Settings
from advisory_perf.showing import shown
from advisory_perf.warehouse.locks import Locks

DELIVERY_READABLE = Rule("delivery_is_readable", "the file is what its feed says and can be read whole", hard=True)
COLUMNS_KNOWN = Rule("columns_known", "every column of the file is one that its feed maps or ignores", hard=False)
ROWS_CONSERVED = Rule("rows_conserved", "rows read = accepted + quarantined + duplicate + footer", hard=True)
DELIVERY_PLAUSIBLE = Rule("delivery_is_plausible", "its columns, control figures and amounts do not contradict each other", hard=True)
NOTICES = Rule("nothing_to_notice", "the delivery is laid out as its feed says, without anything a person should know", hard=False)
_OF_THE_FILE = (DELIVERY_READABLE, COLUMNS_KNOWN, NOTICES)
ROWS_ACCEPTED = Rule("rows_accepted", "no row had to be quarantined", hard=False)
_CLOCKS_DIFFER = timedelta(minutes=1)


def ingestion_job_name(feed: str) -> str:
    """The name of a feed's ingestion job."""
    return f"{feed}_ingestion"


def ingestion_job(feed: Feed, *, log_level: str) -> dg.JobDefinition:
    """The job that ingests one delivery of a feed."""
    names = (RAW_VENDOR_FILE, feed.contract.delivered.name, QUARANTINED_ROWS.name)
    return dg.define_asset_job(  # type: ignore[return-value]
        ingestion_job_name(feed.name),
        selection=dg.AssetSelection.assets(*(dg.AssetKey([feed.name, name]) for name in names)),
        description=f"reads, validates and stores one delivery of {feed.name}",
        config=printing(log_level),
        tags={"feed": feed.name, "vendor": feed.vendor},
    )


def ingestion_assets(feed: Feed, pipeline: Pipeline[Any], platform: Platform) -> list[dg.AssetsDefinition]:
    """The assets of a feed that are partitioned by delivery."""
    return [_raw_vendor_file(feed, platform), _validated_rows(feed, pipeline, platform)]


def _raw_vendor_file(feed: Feed, platform: Platform) -> dg.AssetsDefinition:
    key = dg.AssetKey([feed.name, RAW_VENDOR_FILE])

    @dg.asset(
        key=key,
        partitions_def=delivery_partitions(feed),
        backfill_policy=dg.BackfillPolicy.multi_run(),
        check_specs=[rule.spec(key) for rule in _OF_THE_FILE],
        required_resource_keys={LOCKS},
        output_required=False,
        io_manager_key="lake",
        group_name=feed.name,
        description=f"the delivery as it came: every cell as text, with its line number ({feed.title})",
        owners=list(feed.owners),
        kinds={feed.files.format, "parquet"},
    )
    def raw_vendor_file(context: dg.AssetExecutionContext) -> Iterator[Any]:
        locks: Locks = context.resources.locks
        if not locks.take(ingestion_lock(feed.name, context.partition_key)):
            yield from (finding.result(key) for finding in nothing_new(f"another run ingests {context.partition_key} now"))
            return
        arrival = arrival_of(platform, feed, context.partition_key, context.run.tags.get(PATH_TAG))
        content = read_whole(platform, arrival.file)
        locks.wait(bytes_lock(feed.name, sha256_of(content)))
        own = platform.under(locks)
        forget_failed(own.lake, own.ledger, arrival, sha256_of(content))
        claim = claimed(own, arrival, sha256_of(content), context.run.run_id)
        if claim.outcome is not ClaimOutcome.TAKEN:
            settle_known(own, arrival, content, claim)
            yield from (finding.result(key) for finding in nothing_new(said_of(claim)))
            return
        raw, findings = raw_rows(own, feed, arrival, content)
        yield from (finding.result(key) for finding in findings)
        if raw is not None:
            yield dg.Output(raw, metadata={"file_name": shown(arrival.name), "sha256": claim.entry.sha256, **output_metadata(raw)})

    return raw_vendor_file


def _validated_rows(feed: Feed, pipeline: Pipeline[Any], platform: Platform) -> dg.AssetsDefinition:
    tables = (pipeline.dataset.delivered, QUARANTINED_ROWS)
    delivered, quarantined = (dg.AssetKey([feed.name, table.name]) for table in tables)
    rules = {
        delivered: (DELIVERY_PLAUSIBLE, schema_rule(tables[0]), ROWS_CONSERVED, NOTICES),
        quarantined: (schema_rule(QUARANTINED_ROWS), ROWS_ACCEPTED),
    }
    outs = {
        table.name: dg.AssetOut(
            key=dg.AssetKey([feed.name, table.name]),
            is_required=False,
            io_manager_key="lake",
            group_name=feed.name,
            description=f"{table.meaning} ({feed.title})",
            owners=list(feed.owners),
            kinds={"polars", "parquet"},
            metadata=definition_metadata(table),
        )
        for table in tables
    }

    @dg.multi_asset(
        name=f"{feed.name}_validated_rows",
        ins={RAW_VENDOR_FILE: dg.AssetIn(key=dg.AssetKey([feed.name, RAW_VENDOR_FILE]))},
        outs=outs,
        partitions_def=delivery_partitions(feed),
        backfill_policy=dg.BackfillPolicy.multi_run(),
        check_specs=[rule.spec(key) for key, of_key in rules.items() for rule in of_key],
        required_resource_keys={LOCKS},
    )
    def validated_rows(context: dg.AssetExecutionContext, raw_vendor_file: pl.DataFrame) -> Iterator[Any]:
        locks: Locks = context.resources.locks
        locks.wait(ingestion_lock(feed.name, context.partition_key))
        own = platform.under(locks)
        arrival = arrival_of(own, feed, context.partition_key, context.run.tags.get(PATH_TAG))
        claim = claimed_again(own, arrival, locks, context.run.run_id)
        if claim.outcome is not ClaimOutcome.TAKEN:
            settle_known(own, arrival, read_whole(platform, arrival.file), claim)
            yield from unvalidated(rules, Finding(DELIVERY_PLAUSIBLE, pl.DataFrame(), 0, metadata={"nothing_new": said_of(claim)}))
            return
        try:
            delivery = Delivery(arrival.delivery_id, arrival.name, arrival.received_at)
            validated = validate(raw_vendor_file, feed, delivery, pipeline.rules, known_accounts(platform, feed))
            profile = profile_of(raw_vendor_file, validated, feed)
        except DeliveryRejectedError as error:
            yield from unvalidated(rules, reject(own, arrival, read_whole(platform, arrival.file), error, DELIVERY_PLAUSIBLE))
            return
        notices = [*validated.notices, *drifted(own, feed, arrival, profile)]
        findings = {delivered: of_delivered(validated, tables[0], notices), quarantined: of_quarantined(validated)}
        yield from (finding.result(key) for key, of_key in findings.items() for finding in of_key)
        if is_blocked([*findings[delivered], *findings[quarantined]]):
            return
        yield dg.Output(validated.accepted, tables[0].name, metadata=output_metadata(validated.accepted))
        yield dg.Output(validated.quarantined, QUARANTINED_ROWS.name, metadata=output_metadata(validated.quarantined))
        ingested(own, arrival, validated, profile)

    return validated_rows


def arrival_of(platform: Platform, feed: Feed, delivery_id: str, path: str | None = None) -> Arrival:
    """The delivery of the feed, wherever in the lake it lies now."""
    return find_arrival(platform.lake, platform.ledger, feed, delivery_id, path)


def claimed(platform: Platform, arrival: Arrival, sha256: str, run_id: str) -> Claim:
    """The ledger's word on whether this run is to ingest the delivery."""
    return platform.ledger.claim(
        bytes_say_all=not platform.feeds[arrival.feed].files.name_says_more,
        delivery_id=arrival.delivery_id,
        file_name=arrival.name,
        file_path=arrival.file.path,
        feed=arrival.feed,
        vendor=arrival.vendor,
        sha256=sha256,
        size_bytes=arrival.file.size,
        received_at=arrival.received_at,
        run_id=run_id,
    )


def claimed_again(platform: Platform, arrival: Arrival, locks: Locks, run_id: str) -> Claim:
    """The ledger's word where rows are validated: this step may run by itself, or again, long after the one that asked first."""
    entry = platform.ledger.entry(arrival.delivery_id)
    if entry is None:
        raise unknown(arrival.delivery_id)
    locks.wait(bytes_lock(arrival.feed, entry.sha256))
    return claimed(platform, arrival, entry.sha256, run_id)


def unvalidated(rules: Mapping[dg.AssetKey, Sequence[Rule]], why: Finding) -> Iterator[dg.AssetCheckResult]:
    """The results of a run that validates no row: one rule says why, the others found nothing."""
    for key, of_key in rules.items():
        yield from ((why if rule == why.rule else Finding(rule, pl.DataFrame(), 0)).result(key) for rule in of_key)


def settle_known(platform: Platform, arrival: Arrival, content: bytes, claim: Claim) -> None:
    """Takes a delivery that holds nothing new out of incoming; a repeat under another name keeps a copy of its own.

    What is known has its copy in the archive, and is given this one if that has gone.
    """
    kept_by = arrival if claim.outcome is ClaimOutcome.DUPLICATE else replace(arrival, delivery_id=claim.entry.delivery_id)
    if claim.outcome is ClaimOutcome.DUPLICATE or not is_archived(platform.lake, kept_by):
        keep_in_archive(platform.lake, kept_by, content)
    clear_incoming(platform.lake, arrival)


def said_of(claim: Claim) -> str:
    """What the ledger says of a delivery that is known."""
    entry = claim.entry
    return entry.error_message or f"the ledger has {entry.file_name} as {entry.status} (delivery {entry.delivery_id}); nothing was changed"


def nothing_new(says: str) -> list[Finding]:
    """A delivery that is known, or under way elsewhere, is no failure: its run succeeds without an output, and says why."""
    return [Finding(rule, pl.DataFrame(), 0, metadata={"nothing_new": says}) for rule in _OF_THE_FILE]


def raw_rows(platform: Platform, feed: Feed, arrival: Arrival, content: bytes) -> tuple[pl.DataFrame | None, list[Finding]]:
    """The delivery's rows as text; where it cannot be read, the ledger and error/ say why, and the first finding fails."""
    notices = of_its_time(arrival)
    try:
        bounds, limits = bounds_of(platform.settings), limits_of(platform.settings)
        raw = read_apart(content, feed, arrival.name, bounds=bounds, limits=limits, notices=notices, path=arrival.path)
    except DeliveryRejectedError as error:
        unreadable = reject(platform, arrival, content, error, DELIVERY_READABLE)
        return None, [unreadable, *(Finding(rule, pl.DataFrame(), 0) for rule in _OF_THE_FILE[1:])]
    keep_in_archive(platform.lake, arrival, content)
    unknown = pl.DataFrame({"column": unmapped_columns(raw, feed)}, schema={"column": pl.String()})
    columns = Finding(COLUMNS_KNOWN, unknown, len(cell_columns(raw)))
    return raw, [Finding(DELIVERY_READABLE, pl.DataFrame(), 1), columns, noticed(notices)]


def of_its_time(arrival: Arrival) -> list[Notice]:
    """A notice of a file whose time lay in the future when it was taken, by more than clocks differ."""
    ahead = arrival.file.modified - arrival.received_at
    if not arrival.file.path.startswith(f"{INCOMING}/") or ahead <= _CLOCKS_DIFFER:
        return []
    says = f"the file's time is {arrival.file.modified:%Y-%m-%d %H:%M} UTC; it counts as come at {arrival.received_at:%Y-%m-%d %H:%M} UTC"
    return [Notice("W_FUTURE_TIME", says)]


def noticed(notices: Sequence[Notice]) -> Finding:
    """What a person should know of a delivery that is taken all the same."""
    rows = pl.DataFrame([asdict(notice) for notice in notices], schema={"code": pl.String(), "sentence": pl.String()})
    return Finding(NOTICES, rows, 1, metadata={"codes": ", ".join(notice.code for notice in notices)})


def reject(platform: Platform, arrival: Arrival, content: bytes, error: DeliveryRejectedError, rule: Rule) -> Finding:
    """The ledger and error/ say why the delivery is not taken, and so does the rule that fails."""
    also = days_of_other_versions(platform, arrival)
    platform.ledger.rejected(arrival.delivery_id, code=error.code, sentence=error.sentence, also=also)
    path = keep_in_error(platform.lake, arrival, content, code=error.code, sentence=error.sentence)
    clear_incoming(platform.lake, arrival)
    reason = {"error_code": error.code, "reason": error.sentence, "moved_to": path}
    return Finding(rule, pl.DataFrame(), 1, passed=False, metadata=reason)


def bounds_of(settings: Settings) -> Bounds:
    """How much one delivery may hold in this installation."""
    return Bounds(
        bytes=settings.max_bytes,
        expanded_bytes=settings.max_expanded_bytes,
        rows=settings.max_rows,
        columns=settings.max_columns,
        nesting=settings.max_nesting,
        cell_chars=settings.max_cell_chars,
    )


def limits_of(settings: Settings) -> Limits:
    """What reading one delivery may take in this installation."""
    return Limits(settings.read_memory_bytes, settings.read_seconds)


def known_accounts(platform: Platform, feed: Feed) -> pl.DataFrame | None:
    """The accounts of the vendor that the warehouse has, where its feed takes no others; else None."""
    if feed.accounts == "open":
        return None
    return registered_accounts(platform.warehouse, feed.vendor).select("account_id")


def drifted(platform: Platform, feed: Feed, arrival: Arrival, profile: DeliveryProfile) -> list[Notice]:
    """What the deliveries of the feed before this one do not look like."""
    earlier = profiles_before(platform.warehouse, arrival.delivery_id, LOOKED_BACK)
    return drift_from(earlier, profile, feed, arrival.name)


def of_delivered(validated: Validated, table: Table, notices: Sequence[Notice]) -> list[Finding]:
    """What the accepted rows have to keep."""
    counts = {
        "read": validated.read,
        "accepted": validated.accepted.height,
        "quarantined": validated.quarantined.height,
        "duplicate": validated.duplicate,
        "footer": validated.footer,
    }
    conserved = Finding(ROWS_CONSERVED, pl.DataFrame(), validated.read, passed=validated.is_conserved, metadata={**counts})
    return [
        Finding(DELIVERY_PLAUSIBLE, pl.DataFrame(), 1),
        schema_finding(validated.accepted, table),
        conserved,
        noticed(notices),
    ]


def of_quarantined(validated: Validated) -> list[Finding]:
    """What the quarantined rows have to keep, and which rows they are."""
    cases = validated.quarantined.select("line_number", "code", "field_name", "account_id", "as_of_date", "reason")
    return [schema_finding(validated.quarantined, QUARANTINED_ROWS), Finding(ROWS_ACCEPTED, cases, validated.read)]


def ingested(platform: Platform, arrival: Arrival, validated: Validated, profile: DeliveryProfile) -> None:
    """Both outputs are stored: the ledger counts the rows, and the file leaves incoming."""
    platform.ledger.mark_ingested(
        arrival.delivery_id,
        read=validated.read,
        accepted=validated.accepted.height,
        quarantined=validated.quarantined.height,
        duplicate=validated.duplicate,
        footer=validated.footer,
        as_of_dates=validated.accepted[platform.feeds[arrival.feed].contract.day].unique().to_list(),
        issues=validated.quarantined,
        profile=profile,
        of_days=day_counts(validated, platform.feeds[arrival.feed].contract),
        also=days_of_other_versions(platform, arrival),
    )
    clear_incoming(platform.lake, arrival)


def days_of_other_versions(platform: Platform, arrival: Arrival) -> list[date]:
    """First and last day of every other version of the file where they may replace each other on days that only one of them has."""
    feed = platform.feeds[arrival.feed]
    if feed.files.version is None:
        return []
    versions = versions_of_the_same(feed, platform.ledger.ingested_of(feed.name), [arrival.file.name])
    others = [entry for entry in versions if entry.delivery_id != arrival.delivery_id]
    return [day for entry in others for day in (entry.first_as_of_date, entry.last_as_of_date) if day is not None]
