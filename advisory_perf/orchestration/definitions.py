"""The only place where things are put together: settings to stores, feeds to pipelines, pipelines to Dagster definitions.

``defs`` is what a code location loads; it opens no connection. Tests call ``build_definitions`` with settings of their own.
"""

import warnings
from collections.abc import Callable, Mapping
from datetime import datetime

import dagster as dg

from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.registry import FEED_MODELS
from advisory_perf.orchestration.assets.above_the_account import composites_asset, contributions_asset, firm_job, statistics_asset
from advisory_perf.orchestration.assets.accounts import accounts_asset
from advisory_perf.orchestration.assets.ingestion import ingestion_assets, ingestion_job
from advisory_perf.orchestration.assets.pipeline import pipeline_assets, pipeline_job
from advisory_perf.orchestration.io_managers import AccountsIOManager, LakeIOManager, PublishingIOManager, under_locks
from advisory_perf.orchestration.jobs.abandon_delivery import abandoning_job
from advisory_perf.orchestration.jobs.reject_unknown import unclaimed_job
from advisory_perf.orchestration.jobs.upkeep import upkeep_job, upkeep_schedule
from advisory_perf.orchestration.pipelines.model import Pipelines
from advisory_perf.orchestration.pipelines.registry import PIPELINES
from advisory_perf.orchestration.resources import LOCKS, STORES, UNREADABLE, locks_of_a_run, stores_of_a_run, unreadable_in_a_run
from advisory_perf.orchestration.sensors.arrivals import arrivals_sensor, pipelines_sensor
from advisory_perf.orchestration.sensors.firm import firm_sensor
from advisory_perf.orchestration.sensors.monitoring import alerts_sensor, watch_sensor
from advisory_perf.orchestration.sensors.pulse import pulse_sensor
from advisory_perf.platform import Platform, open_platform, right_now
from advisory_perf.settings import Settings


def build_definitions(
    settings: Settings,
    *,
    pipelines: Pipelines = PIPELINES,
    models: Mapping[str, type[Feed]] = FEED_MODELS,
    clock: Callable[[], datetime] = right_now,
) -> dg.Definitions:
    """Every asset, check, job and sensor of an installation.

    ``models`` and ``pipelines`` say of each dataset what its feeds declare and what is done with its rows; sensors act by ``clock``.
    """
    with warnings.catch_warnings():
        # pinned, and covered by tests: backfill policies, column schemas, partition mappings
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return _definitions(open_platform(settings, models=models, clock=clock), pipelines)


def _definitions(platform: Platform, pipelines: Pipelines) -> dg.Definitions:
    feeds = list(platform.feeds.values())
    level = platform.settings.log_level
    ingestion_jobs = [ingestion_job(feed, log_level=level) for feed in feeds]
    pipeline_jobs = [pipeline_job(feed, pipelines[feed.dataset], log_level=level) for feed in feeds]
    rejecting, abandoning, upkeep = unclaimed_job(platform), abandoning_job(platform), upkeep_job(platform, pipelines)
    firm = firm_job(log_level=level)
    sensors = [
        arrivals_sensor(platform, [*ingestion_jobs, rejecting, abandoning]),
        pipelines_sensor(platform, pipeline_jobs),
        firm_sensor(platform, firm),
        watch_sensor(platform),
        alerts_sensor(platform),
    ]
    return dg.Definitions(
        assets=[
            *(asset for feed in feeds for asset in ingestion_assets(feed, pipelines[feed.dataset], platform)),
            *(asset for feed in feeds for asset in pipeline_assets(feed, pipelines[feed.dataset], platform)),
            accounts_asset(platform),
            statistics_asset(platform),
            contributions_asset(platform),
            composites_asset(platform),
        ],
        jobs=[*ingestion_jobs, *pipeline_jobs, firm, rejecting, abandoning, upkeep],
        schedules=[upkeep_schedule(platform, upkeep)],
        sensors=[*sensors, pulse_sensor(platform, sensors)],
        resources={
            "lake": under_locks(LakeIOManager),
            "published": under_locks(PublishingIOManager),
            "accounts": AccountsIOManager(platform),
            LOCKS: locks_of_a_run(platform),
            STORES: stores_of_a_run(platform),
            UNREADABLE: unreadable_in_a_run(),
        },
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The code location."""
    return build_definitions(Settings())
