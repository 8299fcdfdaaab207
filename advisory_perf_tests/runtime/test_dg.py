"""Dagster's own `dg`, in a checkout: the definitions are found by `[tool.dg]`, load, and can be listed. Nothing is connected to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NOWHERE = "postgresql://nowhere.invalid/advisory_perf"


def dg(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in the checkout, with a home of its own for everything that it keeps."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ADVISORY_PERF_", "DAGSTER_", "XDG_"))}
    own = {
        "HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ADVISORY_PERF_HOME": str(home / "installation"),
        "ADVISORY_PERF_WAREHOUSE_URL": NOWHERE,
    }
    (home / "dagster").mkdir()
    command = [sys.executable, "-m", "dagster_dg_cli.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, env={**kept, **own}, capture_output=True, text=True, check=False)


def test_dg_finds_and_checks_the_definitions(tmp_path: Path) -> None:
    done = dg(tmp_path, "check", "defs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All definitions loaded successfully." in done.stdout
    assert not (tmp_path / "installation").exists()


def test_dg_lists_every_asset_check_job_sensor_and_schedule(tmp_path: Path) -> None:
    done = dg(tmp_path, "list", "defs", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = json.loads(done.stdout)
    settings = Settings(home=tmp_path / "installation", warehouse_url=NOWHERE)
    repository = build_definitions(settings).get_repository_def()
    assert {job["name"] for job in listed["jobs"]} == {name for name in repository.job_names if not name.startswith("__")}
    assert {sensor["name"] for sensor in listed["sensors"]} == {sensor.name for sensor in repository.sensor_defs}
    assert {schedule["name"] for schedule in listed["schedules"]} == {schedule.name for schedule in repository.schedule_defs}
    keys = {key.to_user_string() for key in repository.asset_graph.materializable_asset_keys}
    assert {asset["asset_key"] for asset in listed["assets"] if asset["is_executable"]} == keys
    assert len(listed["asset_checks"]) == len(repository.asset_graph.asset_check_keys)
