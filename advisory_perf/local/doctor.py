"""Looks at every part of an installation and never stops at the first thing that is wrong."""

from advisory_perf.contracts.conventions import Severity
from advisory_perf.definitions import open_platform
from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.local.installation import open_installation
from advisory_perf.settings import Settings
from advisory_perf.storage.health import Finding, alerts_health, lake_health, ledger_health, partition_health, warehouse_health
from advisory_perf.storage.outbox import Outbox
from advisory_perf.vendors.registry import load_feeds


def examine(settings: Settings) -> list[Finding]:
    """Findings on feeds, lake, warehouse, schema, partitions, ledger and alerts."""
    findings = _feeds(settings)
    try:
        with open_installation(settings, migrating=False) as installation:
            platform = open_platform(installation.settings.model_copy(update={"feeds_dir": None}))
            findings += lake_health(platform.lake)
            warehouse = warehouse_health(platform.warehouse)
            findings += warehouse
            if all(finding.is_good for finding in warehouse):
                findings += partition_health(platform.warehouse)
                findings += ledger_health(platform.warehouse, platform.ledger)
                findings += alerts_health(Outbox(platform.warehouse), url=settings.alerts_url, least=Severity(settings.alerts_severity))
    except AdvisoryPerfError as error:
        findings.append(Finding("installation", is_good=False, says=str(error)))
    return findings


def _feeds(settings: Settings) -> list[Finding]:
    try:
        feeds = load_feeds(settings.feeds_dir)
    except AdvisoryPerfError as error:
        return [Finding("feeds", is_good=False, says=str(error))]
    return [Finding("feeds", is_good=True, says=f"{len(feeds)} valid: {', '.join(feeds)}")]
