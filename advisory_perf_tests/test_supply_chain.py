"""What the platform is made of: locked, hashed, installed as locked, and packed so that it runs from anywhere."""

import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from datetime import date
from fnmatch import fnmatch
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from advisory_perf.samples.deliveries import make_samples
from advisory_perf.settings import Settings

ROOT = Path(__file__).parents[1]
LOCKS = {
    "requirements.txt": "requirements-locked.txt",
    "requirements-embedded.txt": "requirements-embedded-locked.txt",
    "requirements-build.txt": "requirements-build-locked.txt",
}


def requirements(name: str) -> list[Requirement]:
    """The requirements of a file that hold for this interpreter, without their hashes."""
    lines = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    found = [Requirement(line.split(" --hash")[0]) for line in lines if line and not line.lstrip().startswith(("#", "-r", "--"))]
    return [one for one in found if one.marker is None or one.marker.evaluate()]


def locked() -> dict[str, str]:
    """Names and versions of everything that the platform runs with and is built with."""
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for lock in LOCKS.values() for one in requirements(lock)}


def needed(one: Requirement, seen: set[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """The names of a requirement and of all that it needs, as their installed packages say."""
    key = (canonicalize_name(one.name), frozenset(one.extras))
    if key in seen:
        return
    seen.add(key)
    yield key[0]
    for text in distribution(one.name).requires or ():
        further = Requirement(text)
        extras = one.extras or {""}
        if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
            yield from needed(further, seen)


@pytest.mark.parametrize(("chosen", "lock"), LOCKS.items())
def test_every_requirement_is_locked_at_its_version(chosen: str, lock: str) -> None:
    versions = {canonicalize_name(one.name): one.specifier for one in requirements(lock)}
    assert {canonicalize_name(one.name): one.specifier for one in requirements(chosen)}.items() <= versions.items()


def test_everything_that_is_locked_is_installed_at_that_version() -> None:
    assert {name: distribution(name).version for name in locked()} == locked()


def test_everything_that_the_platform_needs_is_locked() -> None:
    seen: set[tuple[str, frozenset[str]]] = set()
    assert {name for chosen in LOCKS for one in requirements(chosen) for name in needed(one, seen)} <= locked().keys()


@pytest.mark.parametrize("lock", LOCKS.values())
def test_a_lock_has_hashes_for_all_and_names_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) and "==" in entry for entry in entries)
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted", text)


def test_the_wheel_is_built_with_what_is_locked_for_it() -> None:
    (built_with,) = requirements("requirements-build.txt")
    assert f'requires = ["{built_with}"]' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


# image ----------------------------------------------------------------------------------------------------------------


def test_nothing_listens_on_all_addresses() -> None:
    files = [
        ROOT / "Dockerfile",
        *(ROOT / "docker").iterdir(),
        *(ROOT / "advisory_perf").rglob("*.py"),
        *(ROOT / "advisory_perf").rglob("*.yaml"),
    ]
    naming = {path.name for path in files if "0.0.0.0" in path.read_text(encoding="utf-8")}  # noqa: S104 - looked for
    assert naming == {"hosts.py"}


def test_every_file_that_the_image_copies_is_there_and_sent_and_the_samples_are_not() -> None:
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    for source in " ".join(copied).split():
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, rule.removeprefix("!")) or source.startswith(f"{rule[1:]}/") for rule in rules if rule[0] == "!"), source
    assert "advisory_perf/samples" in rules
    assert "requirements-embedded-locked.txt" not in " ".join(copied)


def test_the_image_installs_by_hash_runs_as_a_user_and_is_looked_after() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert not re.search(r"pip install(?!.*(--require-hashes|--no-index))", text)
    assert "--editable" not in text
    assert text.index("USER advisory") > text.rindex("pip install")
    assert "HEALTHCHECK" in text
    for command in ('CMD ["platform"]', '["advisory-perf", "health"]'):
        assert command in text


def test_the_example_of_services_publishes_nothing_beyond_this_machine() -> None:
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", []))
    assert services["platform"]["read_only"] is True
    assert services["proxy"]["network_mode"] == services["api"]["network_mode"] == "service:platform"


def test_the_example_of_services_has_the_api_which_the_platform_does_not_start() -> None:
    api = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))["services"]["api"]
    assert (api["command"][0], api["read_only"], api["environment"]["ADVISORY_PERF_API_AUTH"]) == ("serve", True, "token,proxy")
    assert {name.lower() for name in api["environment"]} <= {f"advisory_perf_{name}" for name in Settings.model_fields}
    command = api["healthcheck"]["test"]
    assert command[:3] == ["CMD", "python", "-c"]
    compile(command[3], "healthcheck", "exec")
    assert f":{api['command'][2]}/health/live" in command[3], "not the image's, which asks for other parts"


def test_the_entry_point_is_valid_shell() -> None:
    subprocess.run(["/bin/sh", "-n", str(ROOT / "docker" / "entrypoint.sh")], check=True)


def test_an_image_is_not_made_of_a_base_without_a_digest() -> None:
    done = subprocess.run(["make", "image", "BASE_IMAGE=python:3.11-slim"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607 - whichever make there is
    assert done.returncode != 0
    assert "BASE_IMAGE has no digest" in done.stderr


# wheel ----------------------------------------------------------------------------------------------------------------

EXAMINE = """
import advisory_perf.orchestration.definitions as d, advisory_perf.cli.main, sys
from advisory_perf.runtime.installation import INSTANCE_FILE
from advisory_perf.settings import Settings
from pathlib import Path
assert INSTANCE_FILE.is_file() and INSTANCE_FILE.parent == Path(d.__file__).parents[1]
assert len(d.build_definitions(Settings()).resolve_all_asset_specs()) > 20
print(d.__file__)
"""


def test_no_file_of_the_project_is_a_link() -> None:
    """Archives and some stores of source know no links, and leave a file with the target's name in their place."""
    folders = (ROOT / name for name in ("advisory_perf", "advisory_perf_tests", "bench", "docker", "docs", "sql"))
    assert [path for folder in folders for path in (folder, *folder.rglob("*")) if path.is_symlink()] == []


@pytest.mark.slow
def test_the_wheel_holds_everything_that_it_needs(tmp_path: Path, warehouse_url: str, empty_url: str) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)], check=True, capture_output=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(site),
        "ADVISORY_PERF_HOME": str(tmp_path / "home"),
        "ADVISORY_PERF_WAREHOUSE_URL": warehouse_url,
        "ADVISORY_PERF_DAGSTER_URL": empty_url.replace("postgresql://", "postgresql+psycopg2://"),
    }

    def run(*arguments: str, without: Collection[str] = ()) -> subprocess.CompletedProcess[str]:
        given = {name: value for name, value in environment.items() if name not in without}
        return subprocess.run([sys.executable, "-P", *arguments], env=given, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (site / "advisory_perf" / "py.typed").is_file()
    assert list(site.glob("advisory_perf-*.dist-info/licenses/LICENSE"))
    assert [path.name for path in site.iterdir() if path.name.startswith("advisory_perf_tests")] == []
    delivery = next(file for file in make_samples(seed=5, accounts=2, last_month=date(2025, 3, 31), months=2, days=4).files)
    (tmp_path / delivery.name).write_bytes(delivery.content)
    addresses = ("ADVISORY_PERF_WAREHOUSE_URL", "ADVISORY_PERF_DAGSTER_URL")
    delivered = run("-m", "advisory_perf", "--home", str(tmp_path / "own"), "run", delivery.name, without=addresses)
    assert (delivered.returncode in {0, 3}, "COMPLETED" in delivered.stdout) == (True, True), delivered.stdout + delivered.stderr
    examined = run("-c", EXAMINE)
    assert examined.stdout.strip() == str(site / "advisory_perf" / "orchestration/definitions.py"), examined.stderr
    doctor = run("-m", "advisory_perf", "doctor")
    assert doctor.stdout.count("WRONG") == 1, doctor.stdout + doctor.stderr
    assert "the daemon does not run and never has" in doctor.stdout
    (site / "xlsxwriter.py").write_text("raise ModuleNotFoundError('not in the image', name='xlsxwriter')\n", encoding="utf-8")
    demo = run("-m", "advisory_perf", "demo")
    assert demo.returncode == 1
    assert demo.stderr.startswith("advisory-perf: the sample deliveries are not installed here (")
    assert demo.stderr.count("\n") == 1
