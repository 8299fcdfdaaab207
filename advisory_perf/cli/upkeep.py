"""The command ``advisory-perf upkeep``."""

import typer

from advisory_perf.cli.options import Home, settings_of


def upkeep(context: typer.Context, home: Home = None) -> None:
    """Removes runs, events and partitions of deliveries that Dagster has kept for longer than ADVISORY_PERF_RUN_DAYS."""
    from advisory_perf.orchestration.jobs.upkeep import keep_up, says_what_went
    from advisory_perf.platform import right_now
    from advisory_perf.runtime.installation import open_installation

    settings = settings_of(context, home)
    with open_installation(settings) as installation, installation.instance() as instance:
        removed = keep_up(installation.platform(), instance, now=right_now())
    typer.echo(says_what_went(removed, days=settings.run_days))
