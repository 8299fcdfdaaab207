"""The commands ``advisory-perf breaks …``."""

from typing import Annotated

import typer

from advisory_perf.cli.options import Home, print_or_export, settings_of

app = typer.Typer(no_args_is_help=True, help="Figures outside their tolerance, since when, and who has accepted them.")


@app.command("list")
def breaks_list(
    context: typer.Context,
    vendor: Annotated[str | None, typer.Option(help="Of this vendor only.")] = None,
    status: Annotated[str, typer.Option(help="open, signed_off, resolved, resolved_by_restatement or all.")] = "open",
    form: Annotated[str, typer.Option("--format", help="table, csv, ndjson or parquet.")] = "table",
    home: Home = None,
) -> None:
    """Prints the breaks, those of whole deliveries and the oldest first."""
    from advisory_perf.cli.break_tables import breaks_table
    from advisory_perf.contracts.enums import BreakStatus
    from advisory_perf.warehouse.queries import BREAKS

    known = [*(one.value.lower() for one in BreakStatus), "all"]
    if status.lower() not in known:
        raise typer.BadParameter(f"{status} is not one of {', '.join(known)}", param_hint="--status")
    chosen = {"data_source": vendor, "status": None if status.lower() == "all" else status.upper()}
    print_or_export(settings_of(context, home), BREAKS, chosen, form, breaks_table)


@app.command("sign-off")
def breaks_sign_off(
    context: typer.Context,
    break_id: Annotated[str, typer.Argument(metavar="BREAK_ID", help="As `breaks list` names it.")],
    by: Annotated[str, typer.Option(help="Who accepts it.")],
    reason: Annotated[str, typer.Option(help="Why, for those who ask later.")],
    home: Home = None,
) -> None:
    """Accepts an open break at its present amount: it stays closed as long as the amount stays, and is open again with another."""
    from advisory_perf.cli.break_tables import accepted
    from advisory_perf.reconciliation.breaks import sign_off
    from advisory_perf.runtime.installation import open_installation
    from advisory_perf.warehouse.roles import Role

    with open_installation(settings_of(context, home)) as installation:
        typer.echo(accepted(sign_off(installation.warehouse(Role.DESK), break_id, by=by, reason=reason)))
