"""Assets across pipelines: the register of accounts."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from advisory_perf.contracts.tables import ACCOUNTS
from advisory_perf.orchestration.asset_checks import audited, schema_finding, schema_rule
from advisory_perf.orchestration.assets.pipeline import WAREHOUSE_POOL
from advisory_perf.orchestration.metadata import definition_metadata, output_metadata
from advisory_perf.platform import Platform
from advisory_perf.positions.accounts import account_register
from advisory_perf.positions.accounts_store import latest_positions

ACCOUNTS_KEY = dg.AssetKey("accounts")


def accounts_asset(platform: Platform) -> dg.AssetsDefinition:
    """The register of every account of every vendor; each pipeline run ends by checking it and bringing it up to date."""
    published = [dg.AssetKey([feed, "performance_data"]) for feed in platform.feeds]

    @dg.asset(
        key=ACCOUNTS_KEY,
        deps=[dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping()) for key in published],
        check_specs=[schema_rule(ACCOUNTS).spec(ACCOUNTS_KEY)],
        output_required=False,
        io_manager_key="accounts",
        pool=WAREHOUSE_POOL,
        group_name="across_pipelines",
        description=ACCOUNTS.meaning,
        kinds={"polars", "postgres"},
        metadata=definition_metadata(ACCOUNTS),
    )
    def accounts() -> Iterator[Any]:
        with platform.warehouse.connect() as connection:
            register = account_register(latest_positions(connection))
        yield from audited([schema_finding(register, ACCOUNTS)], dg.Output(register, metadata=output_metadata(register)), ACCOUNTS_KEY)

    return accounts
