"""The command ``advisory-perf export``."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from advisory_perf.cli.options import Home, settings_of
from advisory_perf.cli.output import whole_file


def export(  # noqa: PLR0913 - an option each
    context: typer.Context,
    relation: Annotated[str, typer.Argument(metavar="TABLE", help="A table or view of the warehouse.")],
    *,
    form: Annotated[str, typer.Option("--format", help="csv, ndjson or parquet.")] = "csv",
    vendor: Annotated[str | None, typer.Option(help="Rows of this vendor only.")] = None,
    account: Annotated[str | None, typer.Option(help="Rows of this account only.")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="Rows of this day and later ones.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Rows of this day and earlier ones.")] = None,
    status: Annotated[str | None, typer.Option(help="Rows with this status only.")] = None,
    break_id: Annotated[str | None, typer.Option("--break", metavar="BREAK_ID", help="This break only.")] = None,
    where: Annotated[
        str | None, typer.Option(help="A condition on its columns, such as \"net_flow > 0 AND as_of_date >= '2025-01-31'\".")
    ] = None,
    as_reported: Annotated[
        str | None, typer.Option(metavar="DAY", help="performance_data as it stood at the end of that day in UTC, or at an instant.")
    ] = None,
    for_spreadsheets: Annotated[
        bool, typer.Option("--for-spreadsheets", help="Puts ' before texts of a csv that a spreadsheet would run as a formula.")
    ] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="By default standard output.", dir_okay=False)] = None,
    home: Home = None,
) -> None:
    """Streams a warehouse table or view out."""
    from advisory_perf.runtime.installation import open_installation
    from advisory_perf.warehouse.as_reported import instant_of
    from advisory_perf.warehouse.export import ExportFormat, export_relation
    from advisory_perf.warehouse.filters import Filters
    from advisory_perf.warehouse.roles import Role

    if form not in set(ExportFormat):
        raise typer.BadParameter(f"{form} is not one of {', '.join(ExportFormat)}", param_hint="--format")
    if for_spreadsheets and form != ExportFormat.CSV:
        raise typer.BadParameter(f"only a csv is made for spreadsheets; {form} keeps texts as texts", param_hint="--for-spreadsheets")
    instant = instant_of(as_reported) if as_reported is not None else None
    with open_installation(settings_of(context, home)) as installation:
        exported = partial(
            export_relation,
            installation.warehouse(Role.READER),
            relation,
            form=ExportFormat(form),
            where=where,
            filters=Filters(vendor, account, first, last, status, break_id),
            as_reported=instant,
            for_spreadsheets=for_spreadsheets,
        )
        if output is None:
            exported(target=sys.stdout.buffer)
            return
        with whole_file(output) as target:
            rows = exported(target=target)
        typer.echo(f"{rows:,} rows of {relation} in {output}", err=True)
