"""Deliveries whose ingestion failed as often as agreed: they go to error/ with their story, and no other waits for them.

A rejection is no failed ingestion: it ends at once, in ``assets.ingestion``. A person may ask for a given-up delivery again at any time.
"""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from advisory_perf.deliveries.claims import ClaimOutcome
from advisory_perf.deliveries.zones import Arrival, clear_incoming, keep_in_error, sha256_of
from advisory_perf.lake.store import INCOMING
from advisory_perf.monitoring.attempts import FailedAttempt
from advisory_perf.monitoring.unread_files import read_whole
from advisory_perf.orchestration.assets.ingestion import arrival_of, settle_known
from advisory_perf.orchestration.run_config import printing
from advisory_perf.orchestration.run_history import failed_attempts
from advisory_perf.platform import Platform, bytes_lock, ingestion_lock
from advisory_perf.showing import shown
from advisory_perf.warehouse.locks import Locks

JOB_NAME = "abandon_delivery"
_OP_NAME = "abandon"
_CODE = "E_POISONED"


def abandoning_job(platform: Platform) -> dg.JobDefinition:
    """The job that gives one delivery up."""

    @dg.op(
        name=_OP_NAME,
        config_schema={"feed": str, "delivery_id": str},
        description="moves a delivery that cannot be ingested to error/ with the story of its ingestions",
    )
    def abandon_op(context: dg.OpExecutionContext) -> None:
        feed, delivery_id = context.op_config["feed"], context.op_config["delivery_id"]
        with Locks(platform.warehouse) as locks:
            if locks.take(ingestion_lock(feed, delivery_id)):
                record = context.instance.get_run_record_by_id(context.run_id)
                asked = record.create_timestamp if record else datetime.now(UTC)  # when they were counted, before this run waited
                attempts = failed_attempts(context.instance, delivery_id, now=asked)
                abandon(platform.under(locks), feed, delivery_id, attempts, locks=locks, run_id=context.run_id)

    @dg.job(name=JOB_NAME, description="abandons a delivery whose ingestion failed as often as agreed")
    def job() -> None:
        abandon_op()

    return job


def abandoning_config(feed: str, delivery_id: str, *, log_level: str) -> dict[str, Any]:
    """The run config that names the delivery to the job."""
    return {"ops": {_OP_NAME: {"config": {"feed": feed, "delivery_id": delivery_id}}}, **printing(log_level)}


def abandon(platform: Platform, feed: str, delivery_id: str, attempts: list[FailedAttempt], *, locks: Locks, run_id: str) -> None:
    """FAILED in the ledger, and the file in error/ beside its story. One that was ingested, or repeats what was, only leaves incoming."""
    arrival = arrival_of(platform, platform.feeds[feed], delivery_id)
    if not arrival.file.path.startswith(f"{INCOMING}/"):
        return
    content = read_whole(platform, arrival.file)
    locks.wait(bytes_lock(feed, sha256_of(content)))
    _reject(platform, arrival, content, attempts, run_id)


def _reject(platform: Platform, arrival: Arrival, content: bytes, attempts: list[FailedAttempt], run_id: str) -> None:
    last = attempts[-1].reason if attempts else "no reason was given"
    sentence = shown(
        f"{arrival.vendor}, {arrival.name}: its ingestion failed {len(attempts)} times, the last time because: {last}; when that is "
        f"fixed, run `advisory-perf quarantine replay --delivery {arrival.delivery_id}` or put the file into incoming/ again"
    )
    claim = platform.ledger.record_rejection(
        bytes_say_all=not platform.feeds[arrival.feed].files.name_says_more,
        delivery_id=arrival.delivery_id,
        file_name=arrival.name,
        file_path=arrival.file.path,
        feed=arrival.feed,
        vendor=arrival.vendor,
        sha256=sha256_of(content),
        size_bytes=arrival.file.size,
        received_at=arrival.received_at,
        run_id=run_id,
        code=_CODE,
        sentence=sentence,
    )
    if claim.outcome is not ClaimOutcome.TAKEN:
        settle_known(platform, arrival, content, claim)
        return
    keep_in_error(platform.lake, arrival, content, code=_CODE, sentence=sentence, attempts=[asdict(one) for one in attempts])
    clear_incoming(platform.lake, arrival)
