"""The API over HTTP against its own description: what schemathesis makes of it, right and wrong, is answered as described."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from advisory_perf.api.app import create_app, routed
from advisory_perf.api.roles import ApiRole
from advisory_perf.api.service import open_service
from advisory_perf.api.tokens import new_token
from advisory_perf.platform import open_platform
from advisory_perf_tests.api.demo import NOW, Demo
from advisory_perf_tests.api.serving import served

pytestmark = pytest.mark.slow

_EXAMPLES = "25"
_KNOWN = {
    "vendor": "SELECT DISTINCT vendor AS value FROM etl_processing_log ORDER BY 1",
    "file_id": "SELECT delivery_id AS value FROM etl_processing_log ORDER BY id",
    "account_id": "SELECT account_id AS value FROM accounts ORDER BY 1",
    "break_id": "SELECT break_id AS value FROM reconciliation_breaks ORDER BY 1",
    "as_of_date": "SELECT DISTINCT as_of_date::text AS value FROM performance_data ORDER BY 1",
    "relation": "SELECT 'accounts' AS value",
    "composite": "SELECT DISTINCT composite AS value FROM composite_report",
    "portfolio_id": "SELECT DISTINCT group_id AS value FROM portfolio_performance ORDER BY 1",
}
"""Values of places in paths that exist; what does not exist is asked for by the tests of each endpoint."""


_LOOSE = {"cursor", "date_range", "received_range", "since", "new_since", "as_reported"}
"""Parameters of which a schema cannot describe which texts are good: cursors of this very list, ranges of days that there are."""


def described_loosely() -> list[str]:
    """The paths that take one of them; of these 422 is an answer to what the schema lets through."""
    paths = routed().openapi()["paths"]
    taken = {path: {one["name"] for of in methods.values() for one in of.get("parameters", [])} for path, methods in paths.items()}
    return [path for path, names in taken.items() if names & _LOOSE]


def test_every_answer_is_as_it_is_described(own_demo: Demo, tmp_path: Path) -> None:
    settings = own_demo.settings.model_copy(update={"api_auth": "token", "api_tokens_file": tmp_path / "tokens.json"})
    token = new_token(tmp_path / "tokens.json", "schemathesis", ApiRole.OPERATOR, days=1, now=NOW)
    known = {name: own_demo.rows(f"{statement} LIMIT 1") for name, statement in _KNOWN.items()}
    rejected = 'expected-statuses = ["400", "401", "403", "404", "405", "406", "414", "422", "428", "5xx"]'  # 414 by its length
    lines = [
        "[checks.negative_data_rejection]",
        rejected,
        "[parameters]",
        *(f'"path.{name}" = {json.dumps(rows[0]["value"])}' for name, rows in known.items() if rows),
    ]
    for path in described_loosely():
        lines += ["[[operations]]", f"include-path = {json.dumps(path)}", "[operations.checks.positive_data_acceptance]"]
        lines += ['expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "422", "429", "5xx"]']
    (tmp_path / "schemathesis.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with served(create_app(open_service(open_platform(settings, clock=lambda: NOW)))) as address:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run", f"{address}/openapi.json"),
                *("--header", f"Authorization: Bearer {token}", "--checks", "all", "--phases", "examples,coverage,fuzzing"),
                *("--max-examples", _EXAMPLES, "--seed", "1", "--generation-deterministic", "--no-color", "--continue-on-failure"),
                *("--max-response-time", "5", "--suppress-health-check", "all", "--warnings", "off"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            check=False,
        )
    assert done.returncode == 0, f"{done.stdout[-20_000:]}\n{done.stderr[-2_000:]}"
    assert "No issues found" in done.stdout
