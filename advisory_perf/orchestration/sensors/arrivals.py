"""Sensors: arrivals launch ingestions, ingested deliveries launch their pipeline. Shells around ``planning``; no file is read here."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import dagster as dg

from advisory_perf.deliveries.ingestion_writes import ingestions_in_doubt
from advisory_perf.deliveries.zones import UNKNOWN_FEED, delivery_id_of
from advisory_perf.lake.objects import LakeFile
from advisory_perf.lake.store import INCOMING
from advisory_perf.monitoring.attempts import LONGEST_REST, Tries, abandoning_subject
from advisory_perf.monitoring.unread_files import why_unread
from advisory_perf.orchestration.assets.ingestion import ingestion_job_name
from advisory_perf.orchestration.assets.pipeline import pipeline_job_name
from advisory_perf.orchestration.jobs.abandon_delivery import JOB_NAME as ABANDONING
from advisory_perf.orchestration.jobs.abandon_delivery import abandoning_config
from advisory_perf.orchestration.jobs.reject_unknown import JOB_NAME, unclaimed_config
from advisory_perf.orchestration.partitions import delivery_partitions, tags_of
from advisory_perf.orchestration.planning import (
    IngestionRequest,
    PipelineRequest,
    deliveries_to_abandon,
    ingestions_to_repeat,
    ingestions_to_request,
    pipeline_subject,
    pipeline_to_request,
    waits_for_ingestions,
)
from advisory_perf.orchestration.run_config import PATH_TAG, printing
from advisory_perf.orchestration.run_history import FINISHED, SUBJECT_TAG, tries_of_all
from advisory_perf.orchestration.sensors.arriving import Arrived, arrived, cursor_of, seen_in
from advisory_perf.orchestration.unfinished import doubt_unfinished_ingestions, doubt_unfinished_writes
from advisory_perf.platform import Platform

_SECONDS = 5
_INGESTIONS_UNDER_WAY = 50


def arrivals_sensor(platform: Platform, jobs: Sequence[dg.JobDefinition]) -> dg.SensorDefinition:
    """Launches an ingestion for each file in incoming that has none under way, and gives those up that failed too often.

    What a run that has ended wrote of an ingested delivery without the ledger's knowing is ingested again, too.

    While lake or warehouse does not answer the sensor fails, and no delivery's attempts are used up.
    """

    @dg.sensor(
        name="arrivals",
        jobs=list(jobs),
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="lists incoming/<feed>/ and ingests what is new",
    )
    def arrivals(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        attempts = platform.settings.attempts
        now = platform.clock()

        def to_request(feed: str, files: Sequence[LakeFile]) -> list[IngestionRequest]:
            return ingestions_to_request(feed, files, tries_of, attempts=attempts, at_most=_INGESTIONS_UNDER_WAY)

        platform.warehouse.reach()
        found = arrived_files(platform, context.cursor, now=now)
        waiting = [file for files in [*found.ready.values(), found.unclaimed] for file in files]
        tries_of = tries_of_files(context.instance, waiting, now=now, longest_rest=_longest_rest(platform), attempts=attempts)
        level = platform.settings.log_level
        ingestions = [request for feed, files in found.ready.items() for request in to_request(feed, files)]
        ingestions += _ingestions_again(platform, context.instance, set(map(delivery_id_of, waiting)), now=now)
        rejections = [_rejection_run(request, level) for request in to_request(UNKNOWN_FEED, found.unclaimed)]
        abandoned = [
            _abandoning_run(request, level)
            for feed, files in found.ready.items()
            for request in deliveries_to_abandon(feed, files, tries_of, attempts=attempts)
        ]
        return dg.SensorResult(
            run_requests=[*map(_ingestion_run, ingestions), *rejections, *abandoned],
            dynamic_partitions_requests=list(_new_partitions(platform, ingestions)),
            cursor=cursor_of(found.seen),
        )

    return arrivals


def pipelines_sensor(platform: Platform, jobs: Sequence[dg.JobDefinition]) -> dg.SensorDefinition:
    """Launches a feed's pipeline once its deliveries have been ingested."""

    @dg.sensor(
        name="pipelines",
        jobs=list(jobs),
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="runs the pipeline of ingested deliveries, from their first day to the pipeline's latest",
    )
    def pipelines(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now, attempts = platform.clock(), platform.settings.attempts
        found = arrived_files(platform, context.cursor, now=now)
        doubt_unfinished_writes(platform, context.instance)
        pending_of = {feed: pending for feed in platform.feeds if (pending := platform.ledger.pending(feed))}
        subjects = [delivery_id_of(file) for feed in pending_of for file in found.ready[feed]]
        subjects += [pipeline_subject(feed, pending) for feed, pending in pending_of.items()]
        tries = tries_of_all(context.instance, subjects, now=now, longest_rest=_longest_rest(platform))
        requests = []
        for feed, pending in pending_of.items():
            ingestions = [tries[delivery_id_of(file)] for file in found.ready[feed]]
            request = pipeline_to_request(
                platform.feeds[feed],
                pending,
                platform.ledger.latest_as_of_date(feed),
                waiting=waits_for_ingestions(pending, ingestions, attempts=attempts, now=now),
                tries=tries[pipeline_subject(feed, pending)],
                attempts=attempts,
            )
            if request and not tries_in_flight(context.instance, pipeline_job_name(feed)):
                requests.append(_pipeline_run(request, platform.settings.log_level))
        return dg.SensorResult(run_requests=requests, cursor=cursor_of(found.seen))

    return pipelines


def _ingestions_again(
    platform: Platform, instance: dg.DagsterInstance, waiting: Collection[str], *, now: datetime
) -> list[IngestionRequest]:
    """The ingested deliveries whose rows in the lake are in doubt, without those that are in incoming/ and ingest anyway."""
    doubt_unfinished_ingestions(platform, instance)
    known = [one for one in ingestions_in_doubt(platform.warehouse) if one.feed in platform.feeds and one.delivery_id not in waiting]
    if not known:
        return []
    tries = tries_of_all(instance, [one.delivery_id for one in known], now=now, longest_rest=_longest_rest(platform))
    return ingestions_to_repeat(known, tries, attempts=platform.settings.attempts)


def tries_of_files(
    instance: dg.DagsterInstance, files: Iterable[LakeFile], *, now: datetime, attempts: int, longest_rest: timedelta = LONGEST_REST
) -> Callable[[str], Tries]:
    """The runs that there have been for each of the files, and for abandoning those whose attempts are used up; asked for all at once."""
    ingestions = tries_of_all(instance, map(delivery_id_of, files), now=now, longest_rest=longest_rest)
    used_up = [abandoning_subject(subject) for subject, tries in ingestions.items() if tries.are_used_up(attempts)]
    return {**ingestions, **tries_of_all(instance, used_up, now=now, longest_rest=longest_rest)}.__getitem__


def _longest_rest(platform: Platform) -> timedelta:
    return timedelta(seconds=platform.settings.longest_rest_seconds)


def arrived_files(platform: Platform, cursor: str | None, *, now: datetime) -> Arrived:
    """What of incoming/ is to be taken now. A file that never settles, is kept open, or is not read at all holds up nothing."""
    found = arrived(
        platform.lake.files(f"{INCOMING}/"), platform.feeds, seen=seen_in(cursor), now=now, seconds=platform.settings.settle_seconds
    )
    return found.without(lambda file: why_unread(platform, file) is not None or platform.lake.is_being_written(file))


def tries_in_flight(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether a run of the job is under way."""
    under_way = [status for status in dg.DagsterRunStatus if status not in FINISHED]
    return bool(instance.get_run_ids(dg.RunsFilter(job_name=job_name, statuses=under_way), limit=1))


def _ingestion_run(request: IngestionRequest) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{request.delivery_id}:{request.attempt}",
        job_name=ingestion_job_name(request.feed),
        partition_key=request.delivery_id,
        tags={SUBJECT_TAG: request.delivery_id, **({PATH_TAG: request.path} if request.path else {})},
    )


def _rejection_run(request: IngestionRequest, log_level: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{request.delivery_id}:{request.attempt}",
        job_name=JOB_NAME,
        run_config=unclaimed_config(request.path, log_level=log_level),
        tags={SUBJECT_TAG: request.delivery_id},
    )


def _abandoning_run(request: IngestionRequest, log_level: str) -> dg.RunRequest:
    subject = abandoning_subject(request.delivery_id)
    return dg.RunRequest(
        run_key=f"{subject}:{request.attempt}",
        job_name=ABANDONING,
        run_config=abandoning_config(request.feed, request.delivery_id, log_level=log_level),
        tags={SUBJECT_TAG: subject},
    )


def _pipeline_run(request: PipelineRequest, log_level: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{request.subject}:{request.attempt}",
        job_name=pipeline_job_name(request.feed),
        run_config=printing(log_level),
        tags={**tags_of(request.windows), SUBJECT_TAG: request.subject},
    )


def _new_partitions(platform: Platform, requests: Sequence[IngestionRequest]) -> Iterator[dg.AddDynamicPartitionsRequest]:
    for name, feed in platform.feeds.items():
        ids = [request.delivery_id for request in requests if request.feed == name]
        if ids:
            yield delivery_partitions(feed).build_add_request(ids)
