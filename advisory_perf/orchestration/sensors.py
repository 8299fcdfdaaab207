"""Sensors: arrivals launch landings, landed deliveries launch their lane. Shells around ``decisions``; no file is read here."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

import dagster as dg

from advisory_perf.orchestration.attempts import FINISHED, SUBJECT_TAG, tries_for
from advisory_perf.orchestration.decisions import (
    LandingRequest,
    LaneRequest,
    deliveries_to_give_up,
    giving_up_subject,
    landings_to_request,
    lane_subject,
    lane_to_request,
    settled,
    waiting_by_vendor,
)
from advisory_perf.orchestration.giving_up import JOB_NAME as GIVING_UP
from advisory_perf.orchestration.giving_up import giving_up_config
from advisory_perf.orchestration.landing import landing_job_name
from advisory_perf.orchestration.lanes import lane_job_name
from advisory_perf.orchestration.partitions import delivery_partitions
from advisory_perf.orchestration.platform import Platform
from advisory_perf.orchestration.printing import printing
from advisory_perf.orchestration.unclaimed import JOB_NAME, unclaimed_config
from advisory_perf.storage.lake import INCOMING, LakeFile
from advisory_perf.storage.receiving import UNKNOWN_VENDOR, delivery_id_of

_SECONDS = 5
_LANDINGS_UNDER_WAY = 50


def arrivals_sensor(platform: Platform, jobs: Sequence[dg.JobDefinition]) -> dg.SensorDefinition:
    """Launches a landing for each file in incoming that has none under way, and gives those up that failed too often.

    While lake or warehouse does not answer the sensor fails, and no delivery's attempts are used up.
    """

    @dg.sensor(
        name="arrivals",
        jobs=list(jobs),
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="lists incoming/<vendor>/ and lands what is new",
    )
    def arrivals(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        attempts = platform.settings.attempts
        tries_of = partial(tries_for, context.instance)

        def to_request(vendor: str, files: Sequence[LakeFile]) -> list[LandingRequest]:
            return landings_to_request(vendor, files, tries_of, attempts=attempts, at_most=_LANDINGS_UNDER_WAY)

        platform.warehouse.reach()
        listing = settled(platform.lake.files(f"{INCOMING}/"), now=datetime.now(UTC), seconds=platform.settings.settle_seconds)
        waiting, unclaimed = waiting_by_vendor(listing, platform.feeds)
        level = platform.settings.log_level
        landings = [request for vendor, files in waiting.items() for request in to_request(vendor, files)]
        rejections = [_rejection_run(request, level) for request in to_request(UNKNOWN_VENDOR, unclaimed)]
        given_up = [
            _giving_up_run(request, level)
            for vendor, files in waiting.items()
            for request in deliveries_to_give_up(vendor, files, tries_of, attempts=attempts)
        ]
        return dg.SensorResult(
            run_requests=[*map(_landing_run, landings), *rejections, *given_up],
            dynamic_partitions_requests=list(_new_partitions(platform, landings)),
        )

    return arrivals


def lanes_sensor(platform: Platform, jobs: Sequence[dg.JobDefinition]) -> dg.SensorDefinition:
    """Launches a vendor's lane once its deliveries have landed."""

    @dg.sensor(
        name="lanes",
        jobs=list(jobs),
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="runs the lane of landed deliveries, from their first day to the lane's latest",
    )
    def lanes(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        waiting, _ = waiting_by_vendor(platform.lake.files(f"{INCOMING}/"), platform.feeds)
        requests = []
        for vendor, feed in platform.feeds.items():
            pending = platform.ledger.pending(vendor)
            request = pending and lane_to_request(
                feed,
                pending,
                platform.ledger.latest_as_of_date(vendor),
                waiting=any(_may_still_land(context.instance, delivery_id_of(file), platform) for file in waiting[vendor]),
                tries=tries_for(context.instance, lane_subject(vendor, pending)),
                attempts=platform.settings.attempts,
            )
            if request and not tries_in_flight(context.instance, lane_job_name(vendor)):
                requests.append(_lane_run(request, platform.settings.log_level))
        return dg.SensorResult(run_requests=requests)

    return lanes


def _may_still_land(instance: dg.DagsterInstance, delivery_id: str, platform: Platform) -> bool:
    return tries_for(instance, delivery_id).failed < platform.settings.attempts


def tries_in_flight(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether a run of the job is under way."""
    under_way = [status for status in dg.DagsterRunStatus if status not in FINISHED]
    return bool(instance.get_run_ids(dg.RunsFilter(job_name=job_name, statuses=under_way), limit=1))


def _landing_run(request: LandingRequest) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{request.delivery_id}:{request.attempt}",
        job_name=landing_job_name(request.vendor),
        partition_key=request.delivery_id,
        tags={SUBJECT_TAG: request.delivery_id},
    )


def _rejection_run(request: LandingRequest, log_level: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{request.delivery_id}:{request.attempt}",
        job_name=JOB_NAME,
        run_config=unclaimed_config(request.path, log_level=log_level),
        tags={SUBJECT_TAG: request.delivery_id},
    )


def _giving_up_run(request: LandingRequest, log_level: str) -> dg.RunRequest:
    subject = giving_up_subject(request.delivery_id)
    return dg.RunRequest(
        run_key=f"{subject}:{request.attempt}",
        job_name=GIVING_UP,
        run_config=giving_up_config(request.vendor, request.delivery_id, log_level=log_level),
        tags={SUBJECT_TAG: subject},
    )


def _lane_run(request: LaneRequest, log_level: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{request.subject}:{request.attempt}",
        job_name=lane_job_name(request.vendor),
        run_config=printing(log_level),
        tags={**request.windows.tags, SUBJECT_TAG: request.subject},
    )


def _new_partitions(platform: Platform, requests: Sequence[LandingRequest]) -> Iterator[dg.AddDynamicPartitionsRequest]:
    for vendor, feed in platform.feeds.items():
        ids = [request.delivery_id for request in requests if request.vendor == vendor]
        if ids:
            yield delivery_partitions(feed).build_add_request(ids)
