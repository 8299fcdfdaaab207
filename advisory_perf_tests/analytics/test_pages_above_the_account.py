"""The pages docs/portfolios.md and docs/composites.md say what the code does."""

import re
from pathlib import Path

import pytest

from advisory_perf.analytics.composite_file import read_composite
from advisory_perf.analytics.contribution import contributions
from advisory_perf.analytics.statistics import FIGURES
from advisory_perf.contracts.enums import LinkStatus, RollUpStatus, TransferNetting, Weighting
from advisory_perf_tests.analytics.scenarios import book, conventions
from advisory_perf_tests.analytics.test_contribution import HALVES

DOCS = Path(__file__).parents[2] / "docs"
PORTFOLIOS, COMPOSITES = ((DOCS / name).read_text(encoding="utf-8") for name in ("portfolios.md", "composites.md"))


@pytest.mark.parametrize(("page", "heading"), [(PORTFOLIOS, "roll_up_status"), (COMPOSITES, "composite_status")])
def test_every_status_of_a_sum_is_explained(page: str, heading: str) -> None:
    table = page.partition(f"| {heading} | where |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE) == [status.value for status in RollUpStatus]


def test_every_status_of_a_contribution_is_explained() -> None:
    table = PORTFOLIOS.partition("| status | where |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE) == [status.value for status in LinkStatus]


def test_every_weighting_is_explained() -> None:
    table = COMPOSITES.partition("| weighting | return of the month")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [weighting.value for weighting in Weighting]


def test_every_figure_of_the_statistics_is_explained() -> None:
    table = PORTFOLIOS.partition("## Statistics of an account")[2]
    named = [name.replace("…", "") for name in re.findall(r"`([^`]+)`", table)]
    for figure in FIGURES:
        assert any(figure.startswith(name) or figure.endswith(name) for name in named), figure


def test_the_example_of_a_file_is_a_composite(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", COMPOSITES, re.DOTALL)
    path = tmp_path / "balanced.yaml"
    path.write_text(example, encoding="utf-8")
    assert [stay.account for stay in read_composite(path).members] == ["0001", "0002"]


def test_the_worked_contributions_are_what_the_code_computes() -> None:
    daily = contributions(
        book(*HALVES), group="portfolio_id", conventions=conventions(), transfers=TransferNetting.MATCHED, departures=None
    ).sort("as_of_date", "account_id")
    rows = re.findall(r"^\| day \d: .*? \| (\S+) % \| (\S+) % \| (\S+) % \| ([\d.]+) \|$", PORTFOLIOS, re.MULTILINE)
    assert len(rows) == 2
    for number, (of_a, of_b, of_all, _) in enumerate(rows):
        found = daily[2 * number : 2 * number + 2]
        for value, printed in zip([*found["contribution"], found["portfolio_return"][0]], (of_a, of_b, of_all), strict=True):
            places = len(printed.partition(".")[2])
            assert f"{100 * value:.{places}f}" == printed
