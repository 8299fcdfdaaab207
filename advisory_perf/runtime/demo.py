"""The demonstration's deliveries: four vendors, a year of month ends and a month of days, with the defects of real files."""

from datetime import date, timedelta
from pathlib import Path

from advisory_perf.errors import SettingsError

_SEED = 1
_ACCOUNTS = 40


def write_demo_deliveries(folder: Path, *, today: date | None = None) -> list[Path]:
    """Writes the deliveries up to the last full month; gives their paths in order of arrival. SettingsError without the samples."""
    try:
        from advisory_perf.samples.deliveries import make_samples
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"the sample deliveries are not installed here ({error.name} is missing); "
            "use a checkout, or pip install 'advisory-perf[embedded]'"
        ) from error
    last_month = (today or date.today()).replace(day=1) - timedelta(days=1)  # noqa: DTZ011 - a person's calendar
    samples = make_samples(seed=_SEED, accounts=_ACCOUNTS, last_month=last_month)
    paths = [folder / file.name for file in samples.files]
    for path, file in zip(paths, samples.files, strict=True):
        path.write_bytes(file.content)
    return paths
