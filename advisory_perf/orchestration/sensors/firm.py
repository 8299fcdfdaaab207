"""The sensor of what is above the account. A shell around ``planning``: it asks what is noted, and reads no rows."""

from datetime import timedelta

import dagster as dg

from advisory_perf.orchestration.assets.pipeline import pipeline_job_name
from advisory_perf.orchestration.planning import firm_run_to_request, firm_subject
from advisory_perf.orchestration.run_config import printing
from advisory_perf.orchestration.run_history import SUBJECT_TAG, tries_for
from advisory_perf.orchestration.sensors.arrivals import tries_in_flight
from advisory_perf.platform import Platform
from advisory_perf.positions.changed import positions_feeds
from advisory_perf.positions.composites import composites_are_pending, composites_basis
from advisory_perf.positions.statistics import pending_vendors
from advisory_perf.positions.statistics_notes import known

_SECONDS = 30


def firm_sensor(platform: Platform, job: dg.JobDefinition) -> dg.SensorDefinition:
    """Launches the job once accounts have been published, or composites declared, that it has not computed yet."""

    @dg.sensor(
        name="firm_performance",
        job=job,
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="computes statistics, contributions and composites after what has been published since",
    )
    def firm_performance(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        subject = pending_subject(platform, context.instance)
        if subject is None:
            return dg.SkipReason("nothing that is not computed yet, or its pipeline is under way")
        tries = tries_for(
            context.instance, subject, now=platform.clock(), longest_rest=timedelta(seconds=platform.settings.longest_rest_seconds)
        )
        in_flight = tries_in_flight(context.instance, job.name)
        request = firm_run_to_request(subject, tries, attempts=platform.settings.attempts, in_flight=in_flight)
        if request is None:
            return dg.SkipReason("a run of it is under way, rests, or failed as often as agreed")
        run_key, tags = f"{request.subject}:{request.attempt}", {SUBJECT_TAG: request.subject}
        return dg.RunRequest(run_key=run_key, run_config=printing(platform.settings.log_level), tags=tags)

    return firm_performance


def pending_subject(platform: Platform, instance: dg.DagsterInstance) -> str | None:
    """What is to be computed above the account now, by name; None where nothing is."""
    noted, basis = known(platform.warehouse), composites_basis(platform.settings, positions_feeds(platform))
    pending = pending_vendors(platform, noted)
    feeds = positions_feeds(platform)
    busy = [
        vendor
        for vendor in pending
        if platform.ledger.pending(feeds[vendor].name) or tries_in_flight(instance, pipeline_job_name(feeds[vendor].name))
    ]
    composites = f"{basis} {noted.accounts_number}" if composites_are_pending(noted, basis) else None
    return firm_subject(pending, busy, composites)
