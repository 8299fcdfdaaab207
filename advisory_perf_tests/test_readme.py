"""What the README shows has to work."""

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from advisory_perf.feeds.registry import read_feed
from advisory_perf.settings import Settings

ROOT = Path(__file__).parents[1]


def test_the_example_feed_is_valid_and_shorter_than_forty_lines(tmp_path: Path) -> None:
    example = (ROOT / "README.md").read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    assert len(example.splitlines()) < 40
    feed = tmp_path / "acme.yaml"
    feed.write_text(example, encoding="utf-8")
    assert read_feed(feed).vendor == "acme"


def test_the_table_of_settings_has_every_setting_once_and_its_default_where_that_is_a_number() -> None:
    production = (ROOT / "README.md").read_text(encoding="utf-8").partition("## In production")[2].partition("\n## ")[0]
    found = []
    for variables, meaning in re.findall(r"^\| (`ADVISORY_PERF_[^|]+) \| (.+) \|$", production, flags=re.MULTILINE):
        names = [name.lower() for name in re.findall(r"`(?:ADVISORY_PERF|…)_(\w+)`", variables)]
        found += names
        numbers = re.findall(r"\((\d[\d.,]*)( GiB)?\)", meaning)
        said = [float(number.replace(",", "")) * (2**30 if unit else 1) for number, unit in numbers]
        defaults = [Settings.model_fields[name].default for name in names]
        assert said == [float(default) for default in defaults if isinstance(default, int | float | Decimal)], variables
    assert sorted(found) == sorted(Settings.model_fields)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_everything_that_a_page_says_can_be_made_can_be(page: str) -> None:
    text, makefile = ((ROOT / name).read_text(encoding="utf-8") for name in (page, "Makefile"))
    targets = set(re.findall(r"\bmake ([a-z-]+)", text))
    assert {"test", "test-fast", "check"} <= targets
    assert {target for target in targets if f"\n{target}:" not in makefile} == set()


def test_every_target_that_people_use_stands_on_a_page() -> None:
    pages = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md"))
    for target in ("demo", "test", "dev", "setup", "test-fast", "check", "bench", "mutants", "site"):
        assert f"make {target}" in pages, target


@pytest.mark.slow
def test_every_program_beside_the_tests_explains_itself() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    programs = set(re.findall(r"`python -m (advisory_perf_tests\.\w+)", text))
    assert programs == {"advisory_perf_tests.faults", "advisory_perf_tests.soak", "advisory_perf_tests.fuzzing"}
    for program in programs:
        done = subprocess.run([sys.executable, "-W", "ignore", "-m", program, "--help"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("usage:"), program
