"""What several commands have in common: whose home it is, and rows as a table or as an export."""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from advisory_perf.errors import SettingsError
from advisory_perf.settings import Settings

if TYPE_CHECKING:
    from rich.table import Table

    from advisory_perf.warehouse.conditions import Condition
    from advisory_perf.warehouse.connection import Warehouse

Home = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of the embedded lake, warehouse and Dagster instance (or ADVISORY_PERF_HOME).", file_okay=False),
]


def settings_of(context: typer.Context, home: Path | None) -> Settings:
    """The environment's settings, with the home folder that the command line names before or after the command."""
    chosen = home or context.find_root().obj
    try:
        return Settings(home=chosen) if chosen is not None else Settings()
    except ValidationError as error:
        problems = "; ".join(f"ADVISORY_PERF_{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors())
        raise SettingsError(f"a setting cannot be used ({problems}); fix it in the environment") from error


def day_of(text: str, option: str) -> date:
    """The day that an option says; BadParameter for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no day; write it as 2025-03-31", param_hint=option) from error


def print_or_export(
    settings: Settings,
    relation: str,
    where: "Condition",
    form: str,
    table: "Callable[[Warehouse, Condition], Table]",
) -> None:
    """Prints the chosen rows of a relation as a table, or exports them; BadParameter for another form."""
    from advisory_perf.cli.tables import console
    from advisory_perf.runtime.installation import open_installation
    from advisory_perf.warehouse.export import ExportFormat, export_relation
    from advisory_perf.warehouse.roles import Role

    if form not in {"table", *ExportFormat}:
        raise typer.BadParameter(f"{form} is not one of table, {', '.join(ExportFormat)}", param_hint="--format")
    with open_installation(settings) as installation:
        warehouse = installation.warehouse(Role.READER)
        if form == "table":
            console().print(table(warehouse, where))
        else:
            export_relation(warehouse, relation, form=ExportFormat(form), target=sys.stdout.buffer, where=where)
