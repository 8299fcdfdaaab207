"""The same deliveries in an installation of this process that nothing befalls, and what of the two is compared."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from advisory_perf.orchestration.jobs.reject_unknown import unclaimed_config
from advisory_perf.platform import Platform
from advisory_perf.settings import Settings
from advisory_perf.warehouse.embedded import EmbeddedPostgres
from advisory_perf.warehouse.migrations import migrate
from advisory_perf_tests.instances import forgetful
from advisory_perf_tests.orchestration.scenarios import World
from advisory_perf_tests.soaking.deliveries import VENDORS, Delivery
from advisory_perf_tests.states import TABLES, State, state_of, without_staged

_DEPENDS_ON_PIPELINE_RUNS = {
    "performance_data_history",
    "portfolio_performance_history",
    "exchange_rates_history",
    "restatements",
    "alerts",
}
"""What a pipeline run replaced and restated, and alerts that were over again, depend on how many deliveries each run had."""

_TABLES = {name: without for name, without in TABLES.items() if name not in _DEPENDS_ON_PIPELINE_RUNS}
_TABLES["etl_processing_log"] += ",records_inserted,records_updated,records_restated"
"""Rows of a delivery that a later one of the same pipeline run replaced were never inserted by it."""


def soaked_state(platform: Platform) -> State:
    """What is compared.

    Windows of the lake without published rows are left out: a pipeline run that goes from one day to a later one writes those between,
    which then carry on what was before.
    """
    found = without_staged(state_of(platform, _TABLES))
    days = platform.warehouse.query("SELECT DISTINCT data_source, as_of_date::text AS day FROM performance_data").rows()
    published = {f"vendor={vendor}/window={day}" for vendor, day in days}
    return {**found, "lake": [line for line in found["lake"] if _window_of(line) in {None, *published}]}


def _window_of(line: str) -> str | None:
    found = re.match(r"[^/]+/(vendor=[^/]+/window=[^/]+)/", line)
    return found and found.group(1)


def undisturbed(folder: Path, feeds: Path, deliveries: Sequence[Delivery], *, one_by_one: bool = False) -> State:
    """The state after they were ingested in their order of arrival, and each pipeline has run; ``one_by_one``: after each of them."""
    folder.mkdir()
    with EmbeddedPostgres(folder / "home") as server, forgetful() as instance, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        migrate(server.url())
        settings = Settings(home=folder / "home", feeds_dir=feeds, warehouse_url=server.url(), log_level="CRITICAL")
        world = World.of(settings, instance)
        for delivery in deliveries:
            _hand_over(world, delivery)
            if one_by_one:
                _run_pipelines(world)
        _run_pipelines(world)
        return soaked_state(world.platform)


def _hand_over(world: World, delivery: Delivery) -> None:
    if delivery.is_known_to_a_vendor:
        world.ingest(delivery.name, delivery.content, delivery.folder)
    else:
        world.put(delivery.name, delivery.content, delivery.folder)
        world.reject_unclaimed(unclaimed_config(delivery.path, log_level="CRITICAL"))


def _run_pipelines(world: World) -> None:
    for vendor in VENDORS:
        if world.platform.ledger.pending(vendor):
            world.run_pending_pipeline(vendor)
    assert world.compute_above_the_account().success
