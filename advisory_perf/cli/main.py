"""The command ``advisory-perf``.

Exit codes: 0 done; 1 an error, in one sentence on stderr; 2 wrong usage; 3 done, but a delivery was rejected or ended with issues.
Commands only say what is to be done and print it; the doing is in ``runtime``, ``operations`` and below, and imported when a command
needs it, so that usage errors and help come at once.
"""

import sys
import tempfile
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from advisory_perf.cli import alerts, breaks, tokens
from advisory_perf.cli.exports import export
from advisory_perf.cli.feed_preview import feeds_preview
from advisory_perf.cli.options import Home, day_of, print_or_export, settings_of
from advisory_perf.cli.output import whole_file
from advisory_perf.cli.upkeep import upkeep
from advisory_perf.contracts.enums import DeliveryStatus
from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.settings import Settings

if TYPE_CHECKING:
    from advisory_perf.runtime.in_process import Handed

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Vendor performance files to checked, reconciled account performance.",
)
feeds_app = typer.Typer(no_args_is_help=True, help="Looks at feed files.")
app.add_typer(feeds_app, name="feeds")
feeds_app.command("preview")(feeds_preview)
quarantine_app = typer.Typer(no_args_is_help=True, help="Rows that could not become positions, and their deliveries.")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(alerts.app, name="alerts")
app.add_typer(breaks.app, name="breaks")
app.add_typer(tokens.app, name="tokens")
app.command()(export)
app.command()(upkeep)

ERROR, DONE_WITH_ISSUES = 1, 3


@app.callback()
def before(context: typer.Context, home: Home = None) -> None:
    """Takes --home before the command as well as after it."""
    context.obj = home


def main() -> None:
    """The console script: errors of our own become one sentence and exit code 1."""
    try:
        app()
    except AdvisoryPerfError as error:
        typer.echo(f"advisory-perf: {error}", err=True)
        sys.exit(ERROR)


@app.command()
def demo(context: typer.Context, home: Home = None) -> None:
    """Makes deliveries of four vendors, runs them through to the warehouse and prints what came out."""
    from advisory_perf.runtime.demo import write_demo_composite, write_demo_deliveries

    settings = settings_of(context, home)
    with tempfile.TemporaryDirectory() as folder:
        files = write_demo_deliveries(Path(folder))
        typer.echo(f"{len(files)} deliveries of four vendors, into {settings.home}")
        write_demo_composite(settings)
        handed = _run(settings, files, None)
    command = f"{sys.argv[0]} --home {settings.home}"
    typer.echo(f"\nSee the pipelines, their checks and metadata:  {command} dev")
    typer.echo(f"Take the figures with you:                 {command} export performance_data -o performance_data.csv")
    typer.echo(f"And the report of the composite:           {command} export composite_report -o composite_report.csv")
    _end(handed, DeliveryStatus.PROCESSING)


@app.command()
def run(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Deliveries, in order of arrival.", exists=True, dir_okay=False, readable=True)],
    feed: Annotated[
        str | None,
        typer.Option("--feed", "--vendor", help="The feed that the files are of; by default distinguished from the feeds' patterns."),
    ] = None,
    home: Home = None,
) -> None:
    """Ingests the files and runs their pipelines to the end, without a daemon."""
    _end(_run(settings_of(context, home), files, feed), *_NOT_WELL)


_NOT_WELL = (DeliveryStatus.FAILED, DeliveryStatus.COMPLETED_WITH_ISSUES, DeliveryStatus.PROCESSING)


def _end(handed: "Sequence[Handed]", *not_well: DeliveryStatus) -> None:
    if any(one.status in not_well for one in handed):
        raise typer.Exit(DONE_WITH_ISSUES)


def _run(settings: Settings, files: list[Path], feed: str | None) -> "list[Handed]":
    from advisory_perf.cli.progress import run_with_progress
    from advisory_perf.cli.tables import console, summary
    from advisory_perf.feeds.registry import load_feeds
    from advisory_perf.runtime.installation import open_installation

    _check_feed(feed, load_feeds(settings.feeds_dir))
    with open_installation(settings) as installation:
        platform = installation.platform()
        outcome = run_with_progress(installation, platform, files, feed)
        console().print(summary(platform.warehouse, outcome.handed))
    if outcome.failures:
        raise AdvisoryPerfError("; ".join(outcome.failures))
    return outcome.handed


def _check_feed(feed: str | None, feeds: Iterable[str]) -> None:
    if feed is not None and feed not in feeds:
        raise typer.BadParameter(f"{feed} is no feed; the feeds are {', '.join(feeds)}", param_hint="--feed")


_Port = Annotated[int, typer.Option(help="Port of the web page.")]
_ApiPort = Annotated[int, typer.Option(help="Port of the REST API.")]
_Host = Annotated[str, typer.Option(help="Address that it listens on.")]


@app.command()
def dev(context: typer.Context, home: Home = None, port: _Port = 3000, api_port: _ApiPort = 3001, host: _Host = "127.0.0.1") -> None:
    """The whole platform on this machine: embedded PostgreSQL, folder lake, web page, REST API, daemon with sensors on."""
    from advisory_perf.runtime.dev_server import Pages, serve
    from advisory_perf.runtime.installation import open_installation

    with open_installation(settings_of(context, home)) as installation:
        logs = installation.settings.home / "logs"
        typer.echo(f"Web page: http://{host}:{port}   REST API: http://{host}:{api_port}/docs   Stop: Ctrl-C")
        typer.echo(f"Deliveries go into: {installation.settings.lake}/incoming/<feed>/")
        typer.echo(f"Logs of its parts: {logs}")
        serve(installation, _say, Pages(host, port, read_only=False, api_port=api_port), logs=logs)


@app.command()
def platform(
    context: typer.Context,
    home: Home = None,
    port: _Port = 3000,
    host: _Host = "127.0.0.1",
    allow_changes: Annotated[bool, typer.Option("--allow-changes", help="Lets the web page launch and change things.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """The same in production: code server, daemon and a read-only web page under one supervisor, their output on this one's."""
    from advisory_perf.runtime.dev_server import Pages, serve
    from advisory_perf.runtime.installation import open_installation

    with open_installation(settings_of(context, home)) as installation:
        serve(installation, _say, Pages(host, port, read_only=not allow_changes), logs=None)


@app.command()
def openapi() -> None:
    """Prints the description of the REST API, OpenAPI 3.1."""
    from advisory_perf.api.description import described

    typer.echo(described(), nl=False)


@app.command("serve")
def serve_api(
    context: typer.Context,
    home: Home = None,
    port: _Port = 3001,
    host: _Host = "127.0.0.1",
    workers: Annotated[int, typer.Option(help="Processes that answer.", min=1, max=64)] = 1,
) -> None:
    """The REST API alone: who may ask it is ADVISORY_PERF_API_AUTH; without that it listens on this machine only."""
    from advisory_perf.runtime.api_server import serve_api
    from advisory_perf.runtime.installation import open_installation

    with open_installation(settings_of(context, home), for_dagster=False) as installation:
        serve_api(installation, host=host, port=port, workers=workers)


@app.command()
def page(
    context: typer.Context,
    home: Home = None,
    port: _Port = 3000,
    host: _Host = "127.0.0.1",
    workspace: Annotated[
        Path | None, typer.Option(help="The file that names the code server; by default the one that `platform` and `dev` write.")
    ] = None,
    allow_changes: Annotated[bool, typer.Option("--allow-changes", help="Lets the web page launch and change things.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """The web page alone, read-only, beside a code server that runs."""
    from advisory_perf.runtime.installation import open_installation
    from advisory_perf.runtime.web_page import serve_page

    with open_installation(settings_of(context, home)) as installation:
        file = workspace or installation.dagster_home / "workspace.yaml"
        serve_page(installation, file, host=host, port=port, read_only=not allow_changes)


@app.command()
def health(context: typer.Context, home: Home = None, port: _Port = 3000, host: _Host = "127.0.0.1") -> None:
    """Ends with 0 where code server, daemon and web page of `platform` or `dev` answer now; for a container's health check."""
    from advisory_perf.runtime.alive import silent_parts

    silent = silent_parts(settings_of(context, home), host=host, port=port)
    if silent:
        raise AdvisoryPerfError("; ".join(silent))
    typer.echo("code server, daemon and web page answer")


def _say(line: str) -> None:
    typer.echo(f"advisory-perf: {line}", err=True)


@app.command()
def migrate(context: typer.Context, home: Home = None) -> None:
    """Brings the warehouse schema up to date."""
    from advisory_perf.runtime.installation import open_installation
    from advisory_perf.warehouse.migrations import migrate as apply_migrations
    from advisory_perf.warehouse.roles import Role, address_of

    with open_installation(settings_of(context, home), migrating=False) as installation:
        applied = apply_migrations(address_of(installation.settings, Role.OWNER))
    typer.echo(f"applied {', '.join(applied)}" if applied else "the schema is up to date")


@app.command()
def doctor(context: typer.Context, home: Home = None) -> None:
    """Checks lake, warehouse, schema version, feeds and partitions."""
    from advisory_perf.cli.tables import console, findings_table
    from advisory_perf.operations.doctor import examine

    findings = examine(settings_of(context, home))
    console().print(findings_table(findings))
    if not all(finding.is_good for finding in findings):
        raise typer.Exit(ERROR)


@feeds_app.command("check")
def feeds_check(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="One feed file; by default every known feed.", exists=True, dir_okay=False)] = None,
) -> None:
    """Validates feed files."""
    from advisory_perf.feeds.registry import load_feeds, read_feed

    feeds = [read_feed(file)] if file is not None else list(load_feeds(settings_of(context, None).feeds_dir).values())
    for feed in feeds:
        name = feed.name if feed.name == feed.vendor else f"{feed.name} of {feed.vendor}"
        patterns = ", ".join(feed.files.patterns)
        says = "; ".join(filter(None, (f"{feed.cadence}, {feed.files.format}, {patterns}", feed.agreed, f"{len(feed.columns)} columns")))
        typer.echo(f"ok  {name}: {says}")


@feeds_app.command("detect")
def feeds_detect(
    files: Annotated[
        list[Path],
        typer.Argument(help="A delivery without a feed, or several of a kind, as a file a day needs.", exists=True, dir_okay=False),
    ],
    vendor: Annotated[str | None, typer.Option(help="The vendor's name; by default the first words of the file's name.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="By default standard output.", dir_okay=False)] = None,
) -> None:
    """Proposes a feed file, with the evidence for each key; what the files do not tell is listed, never filled in."""
    from advisory_perf.feed_detection.proposal import propose
    from advisory_perf.feed_detection.yaml import as_yaml
    from advisory_perf.feeds.agreements import RESIDUAL_BASE
    from advisory_perf.performance.returns import sub_period_returns

    compute = partial(sub_period_returns, residual_base=RESIDUAL_BASE)
    proposal = propose([(file.name, file.read_bytes()) for file in files], compute=compute, vendor=vendor)
    text = as_yaml(proposal)
    if output is None:
        typer.echo(text, nl=False)
    else:
        with whole_file(output) as target:
            target.write(text.encode())
    if not proposal.is_complete:
        typer.echo(f"to be decided: {', '.join(proposal.open_keys)}", err=True)
        raise typer.Exit(DONE_WITH_ISSUES)


@quarantine_app.command("list")
def quarantine_list(
    context: typer.Context,
    vendor: Annotated[str | None, typer.Option(help="Of this vendor only.")] = None,
    delivery: Annotated[str | None, typer.Option(help="Of the delivery with this id only.")] = None,
    code: Annotated[str | None, typer.Option(help="With this code only, such as E_NUMBER.")] = None,
    form: Annotated[str, typer.Option("--format", help="table, csv, ndjson or parquet.")] = "table",
    home: Home = None,
) -> None:
    """Prints the rows in quarantine: line, code, why, and their cells as they came."""
    from advisory_perf.cli.quarantine_tables import quarantine_table
    from advisory_perf.warehouse.conditions import condition
    from advisory_perf.warehouse.queries import QUARANTINE

    chosen = condition({"vendor": vendor, "delivery_id": delivery, "code": code})
    print_or_export(settings_of(context, home), QUARANTINE, chosen, form, quarantine_table)


@quarantine_app.command("replay")
def quarantine_replay(
    context: typer.Context,
    feed: Annotated[
        str | None, typer.Option("--feed", "--vendor", help="The deliveries of this feed that failed or have rows in quarantine.")
    ] = None,
    delivery: Annotated[str | None, typer.Option(help="The delivery with this id.")] = None,
    every: Annotated[bool, typer.Option("--all", help="With --feed: every kept delivery, as after a changed convention.")] = False,  # noqa: FBT002 - a flag
    since: Annotated[str | None, typer.Option("--from", metavar="DAY", help="With --all: that touches this day or later ones.")] = None,
    home: Home = None,
) -> None:
    """Ingests kept deliveries again with the present feeds, as if they came now, and runs their pipelines."""
    from advisory_perf.cli.progress import replay_with_progress
    from advisory_perf.cli.quarantine_tables import pipelines_to_replay, to_replay
    from advisory_perf.cli.tables import console, summary
    from advisory_perf.deliveries.replays import kept_since
    from advisory_perf.feeds.registry import load_feeds
    from advisory_perf.runtime.installation import open_installation

    if feed is not None and delivery is not None:
        raise typer.BadParameter("a delivery has its feed; give one of --feed and --delivery", param_hint="--delivery")
    if every and feed is None:
        raise typer.BadParameter("say whose deliveries with --feed", param_hint="--all")
    if since is not None and not every:
        raise typer.BadParameter("it is for --all", param_hint="--from")
    first = None if since is None else day_of(since, "--from")
    settings = settings_of(context, home)
    _check_feed(feed, load_feeds(settings.feeds_dir))
    with open_installation(settings) as installation:
        platform = installation.platform()
        known, feeds = platform.ledger.entries(), list(platform.feeds)
        entries = kept_since(platform.ledger.entries(feed), first) if every else to_replay(known, feeds, feed=feed, delivery_id=delivery)
        pipelines = pipelines_to_replay(known, feeds, feed=feed, delivery_id=delivery)
        outcome = replay_with_progress(installation, platform, entries, pipelines)
        if outcome.handed:
            console().print(summary(platform.warehouse, outcome.handed))
        elif not outcome.failures:
            why = "no delivery is kept" if every else "no delivery failed, and no row is in quarantine"
            typer.echo(f"nothing to replay: {why}")
    if outcome.failures:
        raise AdvisoryPerfError("; ".join(outcome.failures))
    _end(outcome.handed, *_NOT_WELL)
