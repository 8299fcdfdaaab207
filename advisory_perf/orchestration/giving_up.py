"""Deliveries whose landing failed as often as agreed: they go to error/ with their story, and no other waits for them.

A rejection is no failed landing: it ends at once, in ``landing``. A person may ask for a given-up delivery again at any time.
"""

from dataclasses import asdict
from typing import Any

import dagster as dg

from advisory_perf.contracts.conventions import DeliveryStatus
from advisory_perf.orchestration.attempts import FailedAttempt, failed_attempts
from advisory_perf.orchestration.landing import landing_turn
from advisory_perf.orchestration.platform import Platform
from advisory_perf.orchestration.printing import printing
from advisory_perf.storage.lake import INCOMING
from advisory_perf.storage.receiving import Arrival, clear_incoming, find_arrival, keep_in_error, sha256_of
from advisory_perf.storage.turns import Turns

JOB_NAME = "give_up_delivery"
_OP_NAME = "give_up"
_CODE = "E_POISONED"


def giving_up_job(platform: Platform) -> dg.JobDefinition:
    """The job that gives one delivery up."""

    @dg.op(
        name=_OP_NAME,
        config_schema={"vendor": str, "delivery_id": str},
        description="moves a delivery that cannot be landed to error/ with the story of its landings",
    )
    def give_up_op(context: dg.OpExecutionContext) -> None:
        vendor, delivery_id = context.op_config["vendor"], context.op_config["delivery_id"]
        with Turns(platform.warehouse) as turns:
            if turns.take(landing_turn(vendor, delivery_id)):
                give_up(platform, vendor, delivery_id, failed_attempts(context.instance, delivery_id), run_id=context.run_id)

    @dg.job(name=JOB_NAME, description="gives a delivery up whose landing failed as often as agreed")
    def job() -> None:
        give_up_op()

    return job


def giving_up_config(vendor: str, delivery_id: str, *, log_level: str) -> dict[str, Any]:
    """The run config that names the delivery to the job."""
    return {"ops": {_OP_NAME: {"config": {"vendor": vendor, "delivery_id": delivery_id}}}, **printing(log_level)}


def give_up(platform: Platform, vendor: str, delivery_id: str, attempts: list[FailedAttempt], *, run_id: str) -> None:
    """FAILED in the ledger, and the file in error/ beside its story. One whose rows are landed only leaves incoming."""
    arrival = find_arrival(platform.lake, platform.ledger, vendor, delivery_id)
    if not arrival.file.path.startswith(f"{INCOMING}/"):
        return
    entry = platform.ledger.entry(delivery_id)
    if entry is None or entry.status in {DeliveryStatus.RECEIVED, DeliveryStatus.FAILED}:
        _reject(platform, arrival, attempts, run_id)
    clear_incoming(platform.lake, arrival)


def _reject(platform: Platform, arrival: Arrival, attempts: list[FailedAttempt], run_id: str) -> None:
    content = platform.lake.read(arrival.file.path)
    last = attempts[-1].reason if attempts else "no reason was given"
    sentence = (
        f"{arrival.vendor}, {arrival.file.name}: its landing failed {len(attempts)} times, the last time because: {last}; when that is "
        f"mended, run `advisory-perf quarantine replay --delivery {arrival.delivery_id}` or put the file into incoming/ again"
    )
    platform.ledger.record_rejection(
        delivery_id=arrival.delivery_id,
        file_name=arrival.file.name,
        file_path=arrival.file.path,
        vendor=arrival.vendor,
        sha256=sha256_of(content),
        size_bytes=arrival.file.size,
        received_at=arrival.received_at,
        run_id=run_id,
        code=_CODE,
        sentence=sentence,
    )
    keep_in_error(platform.lake, arrival, content, code=_CODE, sentence=sentence, attempts=[asdict(one) for one in attempts])
