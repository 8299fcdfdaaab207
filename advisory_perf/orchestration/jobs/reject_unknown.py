"""Files that no feed claims: they go to error/ with a reason, and the ledger says FAILED. Nothing is guessed."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from advisory_perf.deliveries.zones import (
    UNKNOWN_FEED,
    Arrival,
    clear_incoming,
    delivery_id_of,
    forget_failed,
    keep_in_error,
    received_at,
    sha256_of,
)
from advisory_perf.errors import LakeError
from advisory_perf.lake.objects import LakeFile, oddity_of
from advisory_perf.lake.store import INCOMING
from advisory_perf.monitoring.unread_files import read_whole
from advisory_perf.orchestration.planning import waiting_by_feed
from advisory_perf.orchestration.run_config import printing
from advisory_perf.platform import Platform, bytes_lock, ingestion_lock
from advisory_perf.showing import quoted, shown
from advisory_perf.warehouse.locks import Locks

JOB_NAME = "reject_unclaimed"
_OP_NAME = "reject_unclaimed_file"
_CODE = "E_UNKNOWN_VENDOR"


def unclaimed_job(platform: Platform) -> dg.JobDefinition:
    """The job that rejects one file in no known feed's folder."""

    @dg.op(name=_OP_NAME, config_schema={"path": str}, description="moves a file that no feed claims to error/ with a reason")
    def reject_file(context: dg.OpExecutionContext) -> None:
        file = unclaimed_file(platform, context.op_config["path"])
        if file is not None:
            context.log.warning(reject_unclaimed(platform, file, run_id=context.run_id))

    @dg.job(name=JOB_NAME, description="rejects a file that lies in no known feed's folder of incoming/")
    def job() -> None:
        reject_file()

    return job


def unclaimed_config(path: str, *, log_level: str) -> dict[str, Any]:
    """The run config that names the file to the job."""
    return {"ops": {_OP_NAME: {"config": {"path": path}}}, **printing(log_level)}


def unclaimed_file(platform: Platform, path: str) -> LakeFile | None:
    """The file as incoming/ lists it; None where it has gone. LakeError for a path that is none of a file that no feed claims."""
    _, unclaimed = waiting_by_feed([LakeFile(path, 0, datetime.now(UTC), "")], platform.feeds)
    if not path.startswith(f"{INCOMING}/") or oddity_of(path) is not None or not unclaimed:
        raise LakeError(f"{quoted(path)} is no file of {INCOMING}/ outside the feeds' folders; {JOB_NAME} takes no other")
    return next((file for file in platform.lake.files(f"{INCOMING}/") if file.path == path), None)


def reject_unclaimed(platform: Platform, file: LakeFile, *, run_id: str, why: str | None = None) -> str:
    """Rejects the file; returns the sentence that the ledger and error/ keep."""
    folder = file.path.removeprefix(f"{INCOMING}/").rpartition("/")[0]
    place = f"the folder {folder}/ is no feed's" if folder else "it lies in no feed's folder"
    known = ", ".join(f"{INCOMING}/{feed}/" for feed in platform.feeds)
    sentence = shown(why or f"{file.name}: {place}; put it into one of {known}, or add a feed")
    arrival = Arrival(delivery_id_of(file), UNKNOWN_FEED, UNKNOWN_FEED, file, received_at(file))
    content = read_whole(platform, file)
    with Locks(platform.warehouse) as locks:
        locks.wait(ingestion_lock(UNKNOWN_FEED, arrival.delivery_id))
        locks.wait(bytes_lock(UNKNOWN_FEED, sha256_of(content)))
        own = platform.under(locks)
        forget_failed(own.lake, own.ledger, arrival, sha256_of(content))
        own.ledger.record_rejection(
            delivery_id=arrival.delivery_id,
            file_name=file.name,
            file_path=file.path,
            feed=arrival.feed,
            vendor=arrival.vendor,
            sha256=sha256_of(content),
            size_bytes=file.size,
            received_at=arrival.received_at,
            run_id=run_id,
            code=_CODE,
            sentence=sentence,
        )
        keep_in_error(own.lake, arrival, content, code=_CODE, sentence=sentence)
        clear_incoming(own.lake, arrival)
    return sentence
