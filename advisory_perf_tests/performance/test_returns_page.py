"""The page docs/returns.md says what the code does: its worked day, its example and its picture."""

import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from advisory_perf.performance import FeeBasis, FlowTiming, ReturnStatus, sub_period_returns
from advisory_perf_tests.performance.scenarios import positions

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "returns.md").read_text()
WORKED_DAYS = {
    timing: (net, gross) for timing, net, gross in re.findall(r"^\| `(\w+)`.* \| ([\d.]+) % \| ([\d.]+) % \|$", PAGE, re.MULTILINE)
}


def test_every_timing_has_its_worked_day() -> None:
    assert list(WORKED_DAYS) == [timing.value for timing in FlowTiming]


@pytest.mark.parametrize("timing", list(FlowTiming))
def test_the_worked_day_is_what_the_code_computes(timing: FlowTiming) -> None:
    day = positions({"beginning_market_value": 1000, "contributions": 200, "distributions": 40, "fees": 8, "ending_market_value": 1180})
    weight = Decimal("0.25") if timing is FlowTiming.WEIGHTED else None
    for fee_basis, printed in zip((FeeBasis.NET, FeeBasis.GROSS), WORKED_DAYS[timing.value], strict=True):
        computed = sub_period_returns(day, timing=timing, fee_basis=fee_basis, weight=weight)["calculated_twrr"].item()
        assert f"{computed:.4%}" == f"{printed}%"


BESIDE_BASES = re.findall(r"^\| `(\w+)`.*? \| ([\d.]+) %, ([\d.]+) % \| ([\d.]+) %, ([\d.]+) % \| ([\d.]+) % large \|$", PAGE, re.MULTILINE)


def test_flows_beside_bases_are_what_the_code_computes() -> None:
    names = ("beginning_market_value", "contributions", "distributions", "ending_market_value")
    amounts = [("0.01", 1000, 0, 1010), (1000, 0, "999.99", "0.05"), (100, 12, 0, 113)]
    rows = positions(*(dict(zip(names, row, strict=True)) for row in amounts))
    assert [timing for timing, *_ in BESIDE_BASES] == [timing.value for timing in FlowTiming]
    for timing, *printed in BESIDE_BASES:
        weight = Decimal("0.25") if timing == "weighted" else None
        plain, found = (
            sub_period_returns(
                rows, timing=FlowTiming(timing), fee_basis=FeeBasis.NET, weight=weight, residual_base=share, large_flow=Decimal("0.1")
            )
            for share in (None, Decimal("0.001"))
        )
        computed = [*zip(plain["calculated_twrr"][:2], found["calculated_twrr"][:2], strict=True), (found["calculated_twrr"][2],)]
        assert [f"{value:.4%}" for pair in computed for value in pair] == [f"{value}%" for value in printed]
        assert found["return_status"].to_list() == ["OK", "OK", "LARGE_FLOW"]


def test_every_status_is_explained() -> None:
    explained = re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE)
    assert {*explained, "OK"} == set(ReturnStatus)


def test_the_example_prints_what_the_page_says() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == code.rsplit("# ", 1)[1].strip()


@pytest.mark.slow
def test_the_picture_is_what_the_code_draws(tmp_path: Path) -> None:
    again = tmp_path / "again.svg"
    code = f"import sys, pathlib; sys.path.insert(0, {str(DOCS)!r}); import returns_by_timing as r; r.draw(pathlib.Path({str(again)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert again.read_text() == (DOCS / "returns_by_timing.svg").read_text()
