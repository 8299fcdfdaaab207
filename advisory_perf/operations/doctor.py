"""Looks at every part of an installation and never stops at the first thing that is wrong."""

from dataclasses import replace
from functools import partial

from advisory_perf.alerts.outbox import Outbox
from advisory_perf.contracts.enums import Severity
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.errors import AdvisoryPerfError, LakeError
from advisory_perf.feeds.registry import load_feeds
from advisory_perf.lake.store import INCOMING, Lake
from advisory_perf.operations.access_health import privacy_health, roles_health
from advisory_perf.operations.daemon_health import daemon_health
from advisory_perf.operations.health import (
    HealthFinding,
    alerts_health,
    lake_health,
    ledger_health,
    partition_health,
    reported,
    warehouse_health,
)
from advisory_perf.orchestration.sensors.pulse import heartbeat_path
from advisory_perf.platform import open_platform, right_now
from advisory_perf.runtime.installation import Installation, open_installation
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.roles import Role, address_of


def examine(settings: Settings) -> list[HealthFinding]:
    """Findings on feeds, lake, warehouse, schema, partitions, ledger, alerts and what runs by itself."""
    findings = _feeds(settings)
    try:
        with open_installation(settings, migrating=False) as installation:
            platform = open_platform(installation.settings.model_copy(update={"feeds_dir": None}))
            findings += [privacy_health(installation.settings.home), *lake_health(platform.lake)]
            warehouse = warehouse_health(Warehouse(address_of(installation.settings, Role.OWNER)))
            findings += warehouse
            if all(finding.is_good for finding in warehouse):
                owner = installation.warehouse(Role.OWNER)
                platform = replace(platform, warehouse=owner, ledger=Ledger(owner))
                findings += roles_health(owner, [installation.warehouse(role) for role in (Role.WRITER, Role.READER, Role.DESK)])
                findings += partition_health(platform.warehouse)
                findings += ledger_health(platform.warehouse, platform.ledger)
                findings += alerts_health(Outbox(platform.warehouse), url=settings.alerts_url, least=Severity(settings.alerts_severity))
            findings += reported("daemon", partial(_runs_by_itself, installation, platform.lake, is_embedded=settings.dagster_url is None))
    except AdvisoryPerfError as error:
        findings.append(HealthFinding("installation", is_good=False, says=str(error)))
    return findings


def _runs_by_itself(installation: Installation, lake: Lake, *, is_embedded: bool) -> list[HealthFinding]:
    with installation.instance() as instance:
        heartbeat = heartbeat_path(installation.settings)
        return daemon_health(instance, heartbeat, waiting=_waiting(lake), is_embedded=is_embedded, now=right_now())


def _waiting(lake: Lake) -> int:
    try:
        return len(lake.files(f"{INCOMING}/"))
    except LakeError:  # a finding of its own
        return 0


def _feeds(settings: Settings) -> list[HealthFinding]:
    try:
        feeds = load_feeds(settings.feeds_dir)
    except AdvisoryPerfError as error:
        return [HealthFinding("feeds", is_good=False, says=str(error))]
    return [HealthFinding("feeds", is_good=True, says=f"{len(feeds)} valid: {', '.join(feeds)}")]
