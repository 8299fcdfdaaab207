"""Runs files, or deliveries once more, with a bar that says what is being done."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.platform import Platform
from advisory_perf.runtime.in_process import Handed, LocalRuns, Outcome, release_dead_runs, replay, run_files
from advisory_perf.runtime.installation import Installation
from advisory_perf.showing import shown


def run_with_progress(installation: Installation, platform: Platform, files: Sequence[Path], vendor: str | None) -> Outcome:
    """Lands the files and runs their lanes; the bar is on stderr and counts deliveries, then lanes."""
    return _with_progress(installation, platform, len(files), lambda runs, **told: run_files(runs, files, vendor, **told))


def replay_with_progress(installation: Installation, platform: Platform, entries: Sequence[LedgerEntry], vendors: Sequence[str]) -> Outcome:
    """Lands the deliveries again and runs the vendors' lanes; likewise."""
    return _with_progress(installation, platform, len(entries), lambda runs, **told: replay(runs, entries, vendors, **told))


def _with_progress(installation: Installation, platform: Platform, count: int, run: Callable[..., Outcome]) -> Outcome:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with installation.instance() as instance, Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        landing = progress.add_task("landing deliveries", total=count)
        lanes = progress.add_task("running lanes", total=None)
        release_dead_runs(instance)
        runs = LocalRuns(platform, installation.definitions(), instance)

        def landed(one: Handed) -> None:
            progress.update(landing, advance=1, description=shown(f"landed {one.name}"))
            if not console.is_terminal:
                console.print(shown(f"landed {one.name}: {one.status}"), markup=False, highlight=False, soft_wrap=True)

        def lane_done(name: str, of: int) -> None:
            progress.update(lanes, advance=1, total=of, description=f"ran the lane of {name}")
            if not console.is_terminal:
                console.print(f"ran the lane of {name}", markup=False, highlight=False, soft_wrap=True)

        outcome = run(runs, landed=landed, lane_done=lane_done)
        if progress.tasks[-1].completed == 0:
            progress.remove_task(lanes)  # nothing waited for a lane
        return outcome
