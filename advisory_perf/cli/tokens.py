"""The commands ``advisory-perf tokens …``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from advisory_perf.api.roles import ApiRole
from advisory_perf.cli.options import Home, settings_of
from advisory_perf.errors import AdvisoryPerfError

if TYPE_CHECKING:
    from advisory_perf.runtime.installation import Installation

app = typer.Typer(no_args_is_help=True, help="Tokens with which programs ask the API.")
MOST_DAYS = 400
"""A year, and time to put another in its place."""


@app.command("new")
def tokens_new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose it is, as the audit log is to have it.")],
    role: Annotated[ApiRole, typer.Option(help="What it is good for.")] = ApiRole.READER,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How long it is good.")] = 90,
    home: Home = None,
) -> None:
    """Makes a token and prints it, once: nobody can read it again. Others of the name stay good, so that they can be replaced in peace."""
    from advisory_perf.api.tokens import name_refusal, new_token
    from advisory_perf.platform import right_now
    from advisory_perf.runtime.installation import open_installation

    refused = name_refusal(name)
    if refused is not None:
        raise typer.BadParameter(refused, param_hint="NAME")
    settings = settings_of(context, home)
    with open_installation(settings) as installation, installation.platform().warehouse.connect() as connection:
        _note(connection, "TOKEN_MADE", name, {"role": role.value, "days": days})
        token = new_token(settings.tokens_file, name, role, days=days, now=right_now())
    typer.echo(token)


@app.command("list")
def tokens_list(context: typer.Context, home: Home = None) -> None:
    """Prints the tokens: whose, for what, since and until when, and whether they are good. What they are nobody knows any more."""
    from advisory_perf.api.tokens import read_tokens
    from advisory_perf.cli.cells import add_row, titled
    from advisory_perf.cli.tables import console
    from advisory_perf.platform import right_now

    tokens = read_tokens(settings_of(context, home).tokens_file)
    table = titled(f"Tokens: {len(tokens):,}", ("name",))
    for heading in ("role", "created", "expires", "state"):
        table.add_column(heading)
    now = right_now()
    for token in sorted(tokens, key=lambda token: (token.name, token.created_at)):
        add_row(table, token.name, token.role, f"{token.created_at:%Y-%m-%d}", f"{token.expires_at:%Y-%m-%d}", token.state(now))
    console().print(table)


@app.command("revoke")
def tokens_revoke(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose tokens are good no longer.")],
    home: Home = None,
) -> None:
    """Ends every good token of the name, from the next request on, also while the warehouse is away."""
    from advisory_perf.api.tokens import revoke_tokens
    from advisory_perf.platform import right_now
    from advisory_perf.runtime.installation import open_installation

    settings = settings_of(context, home)
    ended = revoke_tokens(settings.tokens_file, name, now=right_now())
    if not ended:
        raise AdvisoryPerfError(f"no token of {name} is good; `advisory-perf tokens list` names those that are")
    count = f"{ended} token{'' if ended == 1 else 's'} of {name}"
    try:
        with open_installation(settings) as installation:
            _note_alone(installation, "TOKEN_REVOKED", name, {"tokens": ended})
    except AdvisoryPerfError as error:
        raise AdvisoryPerfError(f"{count} revoked, but the audit log lacks it ({error}); write down who did it and when") from error
    typer.echo(f"{count} revoked")


def _note_alone(installation: "Installation", action: str, name: str, after: dict[str, Any]) -> None:
    with installation.platform().warehouse.connect() as connection:
        _note(connection, action, name, after)


def _note(connection: Any, action: str, name: str, after: dict[str, Any]) -> None:
    from advisory_perf.warehouse.auditing import by_command, note_action, this_login

    note_action(connection, by_command(), principal=this_login(), action=action, subject=f"token of {name}", after=after)
