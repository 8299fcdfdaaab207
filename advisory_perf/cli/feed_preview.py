"""The command ``advisory-perf feeds preview``."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from advisory_perf.cli.options import Home, day_of, settings_of
from advisory_perf.errors import AdvisoryPerfError

_FORMS = ("table", "ndjson")


def feeds_preview(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FEED.yaml", help="The changed feed file.", exists=True, dir_okay=False)],
    since: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="Only with deliveries that touch this day or later ones; by default all.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table, a summary, or ndjson, every change.")] = "table",
    home: Home = None,
) -> None:
    """Shows what a changed feed file would change: rows, breaks, published figures. Nothing is published."""
    from advisory_perf.cli.preview_tables import preview_tables, write_ndjson
    from advisory_perf.cli.progress import said_on_stderr
    from advisory_perf.cli.tables import console
    from advisory_perf.feeds.registry import load_feeds
    from advisory_perf.operations.feed_preview import changed_feed, preview
    from advisory_perf.runtime.installation import open_installation

    if form not in _FORMS:
        raise typer.BadParameter(f"{form} is not one of {', '.join(_FORMS)}", param_hint="--format")
    first = None if since is None else day_of(since, "--from")
    settings = settings_of(context, home)
    changed_feed(load_feeds(settings.feeds_dir), file)
    # nothing of the home is changed, its schema neither
    opening = open_installation(settings, migrating=False, checking=True)
    with _stopped_by_signals(), opening as installation, said_on_stderr() as says:
        found = preview(installation.platform(), file, since=first, says=says)
    if form == "table":
        console().print(preview_tables(found, file.name))
    else:
        write_ndjson(found, sys.stdout.buffer)
    if found.failures:
        raise AdvisoryPerfError("; ".join(found.failures))


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does: by an exception, so that the scratch installation goes."""

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
