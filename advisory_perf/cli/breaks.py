"""The commands ``advisory-perf breaks …``."""

from collections.abc import Callable, Iterable, Iterator
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated

import typer

from advisory_perf.cli.options import Home, print_or_export, settings_of

if TYPE_CHECKING:
    from advisory_perf.runtime.installation import Installation
    from advisory_perf.warehouse.conditions import Condition
    from advisory_perf.warehouse.connection import Warehouse

app = typer.Typer(no_args_is_help=True, help="Figures outside their tolerance: since when, why, who has them, and who has accepted them.")

BreakIds = Annotated[list[str] | None, typer.Argument(metavar="[BREAK_ID]...", help="As `breaks list` names them.", show_default=False)]
Where = Annotated[
    str | None,
    typer.Option(metavar="CONDITION", help="In place of names: the open ones for which it holds, as \"likely_cause = 'FLOW_TIMING'\"."),
]
By = Annotated[str, typer.Option(help="Who does it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the breaks that are chosen, and do nothing.")]


@app.command("list")
def breaks_list(
    context: typer.Context,
    vendor: Annotated[str | None, typer.Option(help="Of this vendor only.")] = None,
    status: Annotated[str, typer.Option(help="open, signed_off, resolved, resolved_by_restatement or all.")] = "open",
    where: Annotated[str | None, typer.Option(metavar="CONDITION", help="Such as \"owner = 'Ann' AND field_name = 'twrr'\".")] = None,
    form: Annotated[str, typer.Option("--format", help="table, csv, ndjson or parquet.")] = "table",
    home: Home = None,
) -> None:
    """Prints the breaks, those of whole deliveries and the oldest first."""
    from advisory_perf.cli.break_tables import breaks_table, measuring_by
    from advisory_perf.contracts.enums import BreakStatus
    from advisory_perf.warehouse.queries import BREAKS

    known = [*(one.value.lower() for one in BreakStatus), "all"]
    if status.lower() not in known:
        raise typer.BadParameter(f"{status} is not one of {', '.join(known)}", param_hint="--status")
    chosen = {"data_source": vendor, "status": None if status.lower() == "all" else status.upper()}
    settings = settings_of(context, home)
    print_or_export(
        settings, BREAKS, _both(chosen, where), form, lambda warehouse, found: breaks_table(warehouse, found, measuring_by(settings))
    )


@app.command("show")
def breaks_show(
    context: typer.Context,
    break_id: Annotated[str, typer.Argument(metavar="BREAK_ID", help="As `breaks list` names it.")],
    home: Home = None,
) -> None:
    """Prints all that is known of a break: amounts, tolerance, the cause with the value that would close it, and what was done."""
    from advisory_perf.cli.break_tables import break_page, measuring_by
    from advisory_perf.cli.tables import console
    from advisory_perf.runtime.installation import open_installation
    from advisory_perf.warehouse.roles import Role

    settings = settings_of(context, home)
    with open_installation(settings) as installation:
        console().print(break_page(installation.warehouse(Role.READER), break_id, measuring_by(settings)))


def _of_chosen_breaks(act: Callable[..., Iterable[str]]) -> Callable[..., None]:
    """A command that does ``act`` to the breaks that are named or chosen, as the desk, and prints the lines that it gives.

    Its own options are the keywords of ``act``, which takes the warehouse and the breaks before them; those that choose stand here.
    """

    def command(
        context: typer.Context,
        break_ids: BreakIds = None,
        where: Where = None,
        dry_run: DryRun = False,  # noqa: FBT002 - Typer's way of an option
        home: Home = None,
        **own: str,
    ) -> None:
        from advisory_perf.runtime.installation import open_installation
        from advisory_perf.warehouse.roles import Role

        with open_installation(settings_of(context, home)) as installation:
            if names := _named(installation, break_ids, where, dry_run=dry_run):
                for line in act(installation.warehouse(Role.DESK), names, **own):
                    typer.echo(line)

    context, *choosing, _ = signature(command).parameters.values()
    own = [one.replace(kind=Parameter.POSITIONAL_OR_KEYWORD) for one in signature(act).parameters.values() if one.kind is one.KEYWORD_ONLY]
    command.__doc__, command.__annotations__ = act.__doc__, {one.name: one.annotation for one in (context, *own, *choosing)}
    command.__signature__ = Signature([context, *own, *choosing])  # type: ignore[attr-defined]  # Typer reads it
    return command


@app.command("assign")
@_of_chosen_breaks
def breaks_assign(
    warehouse: "Warehouse",
    names: list[str],
    *,
    to: Annotated[str, typer.Option(help="Who is to have them from now on; a blank name: nobody.")],
    by: By,
) -> Iterator[str]:
    """Gives breaks to somebody."""
    from advisory_perf.reconciliation.break_work import assign

    assign(warehouse, names, owner=to, by=by)
    yield f"{_counted(names)} given to {to.strip() or 'nobody'}"


@app.command("comment")
@_of_chosen_breaks
def breaks_comment(
    warehouse: "Warehouse",
    names: list[str],
    *,
    text: Annotated[str, typer.Option(help="What is to be said of them.")],
    by: By,
) -> Iterator[str]:
    """Adds a comment to breaks; what was said before stays."""
    from advisory_perf.reconciliation.break_work import comment

    comment(warehouse, names, by=by, words=text)
    yield f"{_counted(names)} commented on"


@app.command("sign-off")
@_of_chosen_breaks
def breaks_sign_off(
    warehouse: "Warehouse",
    names: list[str],
    *,
    by: Annotated[str, typer.Option(help="Who accepts them.")],
    reason: Annotated[str, typer.Option(help="Why, for those who ask later.")],
) -> Iterator[str]:
    """Accepts open breaks at their present amounts: each stays closed as long as its amount stays, and is open again with another.

    All that are chosen, or none where one of them cannot be accepted.
    """
    from advisory_perf.cli.break_tables import accepted
    from advisory_perf.reconciliation.break_work import sign_off

    yield from map(accepted, sign_off(warehouse, names, by=by, reason=reason))


def _both(chosen: dict[str, str | None], where: str | None) -> "Condition":
    from advisory_perf.warehouse.conditions import Joined, condition, parsed

    return condition(chosen) if where is None else Joined("AND", (condition(chosen), parsed(where)))


def _named(installation: "Installation", break_ids: list[str] | None, where: str | None, *, dry_run: bool) -> list[str]:
    """The breaks that are named, or the open ones that are chosen; printed, and then none of them, where it is a dry run."""
    from advisory_perf.cli.break_tables import breaks_table, measuring_by
    from advisory_perf.cli.tables import console
    from advisory_perf.warehouse.conditions import Compared
    from advisory_perf.warehouse.queries import stored_breaks
    from advisory_perf.warehouse.roles import Role

    if bool(break_ids) == (where is not None):
        raise typer.BadParameter("name breaks, or choose them by --where", param_hint="BREAK_ID")
    if break_ids and not dry_run:
        return list(dict.fromkeys(break_ids))
    warehouse = installation.warehouse(Role.READER)
    chosen = Compared("break_id", "IN", tuple(break_ids)) if break_ids else _both({"status": "OPEN"}, where)
    if dry_run:
        console().print(breaks_table(warehouse, chosen, measuring_by(installation.settings)))
        return []
    names: list[str] = stored_breaks(warehouse, chosen)["break_id"].to_list()
    if not names:
        typer.echo("no open break is chosen; nothing was changed")
    return names


def _counted(names: list[str]) -> str:
    return f"{len(names):,} break{'' if len(names) == 1 else 's'}"
