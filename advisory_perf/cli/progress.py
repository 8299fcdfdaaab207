"""Runs files, or deliveries once more, with a bar that says what is being done."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from advisory_perf.deliveries.entries import LedgerEntry
from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.platform import Platform
from advisory_perf.runtime.in_process import Handed, LocalRuns, Outcome, release_dead_runs, replay, run_files
from advisory_perf.runtime.installation import Installation
from advisory_perf.showing import shown
from advisory_perf.warehouse.auditing import by_command, note_action, this_login


def run_with_progress(installation: Installation, platform: Platform, files: Sequence[Path], feed: str | None) -> Outcome:
    """Ingests the files and runs their pipelines; the bar is on stderr and counts deliveries, then pipelines."""
    return _with_progress(installation, platform, len(files), lambda runs, **reported: run_files(runs, files, feed, **reported))


def replay_with_progress(installation: Installation, platform: Platform, entries: Sequence[LedgerEntry], feeds: Sequence[str]) -> Outcome:
    """Ingests the deliveries again and runs the feeds' pipelines; likewise. The audit log says so before it begins."""
    if entries:
        _note_replay(platform, entries)
    return _with_progress(installation, platform, len(entries), lambda runs, **reported: replay(runs, entries, feeds, **reported))


def _note_replay(platform: Platform, entries: Sequence[LedgerEntry]) -> None:
    feeds = ", ".join(sorted({entry.feed for entry in entries}))
    with platform.warehouse.connect() as connection:
        note_action(
            connection,
            by_command("replay"),
            principal=this_login(),
            action="REPLAYED",
            subject=f"{len(entries):,} of {feeds}",
            before={"deliveries": {entry.delivery_id: str(entry.status) for entry in entries}},
        )


@contextmanager
def said_on_stderr() -> Iterator[Callable[[str, int, int], None]]:
    """A function that says what has been done, how many of how many: a bar on a terminal, else a line each."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("opening", total=None)

        def says(what: str, done: int, of: int) -> None:
            progress.update(task, completed=done, total=of or None, description=shown(what))
            if not console.is_terminal:
                console.print(shown(what), markup=False, highlight=False, soft_wrap=True)

        yield says


def _with_progress(installation: Installation, platform: Platform, count: int, run: Callable[..., Outcome]) -> Outcome:
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with installation.instance() as instance, Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        ingestion = progress.add_task("ingestion deliveries", total=count)
        pipelines = progress.add_task("running pipelines", total=None)
        release_dead_runs(instance)
        runs = LocalRuns(platform, installation.definitions(), instance)

        def ingested(one: Handed) -> None:
            progress.update(ingestion, advance=1, description=shown(f"ingested {one.name}"))
            if not console.is_terminal:
                console.print(shown(f"ingested {one.name}: {one.status}"), markup=False, highlight=False, soft_wrap=True)

        def pipeline_done(name: str, of: int) -> None:
            progress.update(pipelines, advance=1, total=of, description=f"ran the pipeline of {name}")
            if not console.is_terminal:
                console.print(f"ran the pipeline of {name}", markup=False, highlight=False, soft_wrap=True)

        outcome = run(runs, ingested=ingested, pipeline_done=pipeline_done)
        if progress.tasks[-1].completed == 0:
            progress.remove_task(pipelines)  # nothing waited for a pipeline
        progress.add_task("computing statistics, contributions and composites", total=None)
        try:
            runs.run_firm_performance()
        except AdvisoryPerfError as error:
            return Outcome(outcome.handed, [*outcome.failures, str(error)])
        return outcome
