"""The commands ``advisory-perf alerts …``."""

from typing import Annotated

import typer

from advisory_perf.cli.options import Home, settings_of
from advisory_perf.errors import AdvisoryPerfError, ChannelError, ConflictError, NotFoundError, SettingsError

app = typer.Typer(no_args_is_help=True, help="What broke, since when and why.")


@app.command("list")
def alerts_list(
    context: typer.Context,
    *,
    only_open: Annotated[bool, typer.Option("--open/--all", help="Those that are not over, or every one.")] = True,
    home: Home = None,
) -> None:
    """Prints the alerts: since when, what broke and why, and whether it was sent."""
    from advisory_perf.alerts.outbox import Outbox
    from advisory_perf.cli.tables import alerts_table, console
    from advisory_perf.runtime.installation import open_installation
    from advisory_perf.warehouse.roles import Role

    with open_installation(settings_of(context, home)) as installation:
        console().print(alerts_table(Outbox(installation.warehouse(Role.READER)).alerts(only_open=only_open)))


@app.command("resolve")
def alerts_resolve(
    context: typer.Context,
    ids: Annotated[list[int], typer.Argument(metavar="ID...", help="As `alerts list` shows them.")],
    by: Annotated[str | None, typer.Option(help="Who says so; by default who is logged in.")] = None,
    home: Home = None,
) -> None:
    """Says of alerts that their incident is over; those that cannot be resolved stop no other."""
    from advisory_perf.alerts.outbox import resolve_alert
    from advisory_perf.runtime.installation import open_installation
    from advisory_perf.warehouse.auditing import by_command, this_login
    from advisory_perf.warehouse.roles import Role

    refused = []
    with open_installation(settings_of(context, home)) as installation:
        desk, origin = installation.warehouse(Role.DESK), by_command()
        for alert_id in ids:
            try:
                resolve_alert(desk, alert_id, by=this_login() if by is None else by, origin=origin)
            except (ConflictError, NotFoundError) as error:
                refused.append(error)
    if refused:
        raise AdvisoryPerfError("; ".join(map(str, refused)))


@app.command("test")
def alerts_test(context: typer.Context, home: Home = None) -> None:
    """Sends a message to the channel that is set, and keeps nothing of it."""
    from advisory_perf.alerts.channels import channel_of
    from advisory_perf.alerts.messages import Message

    url = settings_of(context, home).alerts_url
    if url is None:
        raise SettingsError("no channel is set; set ADVISORY_PERF_ALERTS_URL to https://…, smtp://… or sns://…")
    channel = channel_of(url)
    refused = channel.send(Message("a test", "advisory_perf: this is a test of the channel for alerts; nothing broke"))
    if refused:
        raise ChannelError(f"{refused}; take those who cannot be reached out of ADVISORY_PERF_ALERTS_URL, or have them let in")
    typer.echo(f"{channel.place} took a test message")
