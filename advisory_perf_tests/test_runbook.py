"""Whoever sees a check fail, or a code, finds its row in the runbook: what it means and what to do."""

import re
from pathlib import Path

from advisory_perf.alerts.model import ALERT_CODES
from advisory_perf.contracts.issue_codes import PIPELINE_CODES
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.settings import Settings
from advisory_perf_tests.orchestration.scenarios import NOWHERE

RUNBOOK = Path(__file__).parents[1] / "docs" / "runbook.md"


def seen(text: str) -> set[str]:
    """What stands as code in the first column of the tables of the text, where a reader looks it up."""
    firsts = re.findall(r"^\| ([^|]+) \|", text, flags=re.MULTILINE)
    return {name for first in firsts for name in re.findall(r"`([^`]+)`", first)}


def test_every_check_and_every_code_of_a_pipeline_or_an_alert_has_a_row(tmp_path: Path) -> None:
    graph = build_definitions(Settings(home=tmp_path, warehouse_url=NOWHERE)).resolve_asset_graph()
    checks = {"…_schema" if key.name.endswith("_schema") else key.name for key in graph.asset_check_keys}
    assert {"…_schema", "delivery_is_readable", "returns_defined"} <= checks
    troubles, alerts = RUNBOOK.read_text(encoding="utf-8").split("\n## Alerts\n")
    assert (checks | PIPELINE_CODES.keys()) - seen(troubles) == set()
    assert ALERT_CODES.keys() - seen(alerts) == set()
