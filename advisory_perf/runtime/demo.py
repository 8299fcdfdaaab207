"""The demonstration: deliveries of four vendors, a year of month ends and a month of days, with the defects of real files; a composite."""

from datetime import date, timedelta
from pathlib import Path

from advisory_perf.errors import SettingsError
from advisory_perf.settings import Settings

_SEED = 1
_ACCOUNTS = 40
_MONTHS = 12
_COMPOSITE = """# The demonstration's composite: eight accounts of vendor_b, of which one joins later and one leaves.
composite: Demonstration Balanced
description: balanced mandates in US dollars, as an example
currency: USD
benchmark: null
weighting: beginning_value
created: {inception}
inception: {inception}
members:
{members}
"""


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
    samples = make_samples(seed=_SEED, accounts=_ACCOUNTS, last_month=last_month, months=_MONTHS)
    paths = [folder / file.name for file in samples.files]
    for path, file in zip(paths, samples.files, strict=True):
        path.write_bytes(file.content)
    return paths


def write_demo_composite(settings: Settings, *, today: date | None = None) -> Path | None:
    """Writes a composite of the deliveries' accounts into the home's folder of composites; None where the installation has a folder set."""
    if settings.composites_dir is not None:
        return None
    months = [_months_before(today or date.today(), number) for number in range(_MONTHS, 0, -1)]  # noqa: DTZ011 - a person's calendar
    first, third, ninth = months[0], months[2], months[8]
    stays = [f'  - {{account: "70000{number:02}", from: {first}, reason: balanced from the start}}' for number in range(6)]
    stays.append(f'  - {{account: "7000006", from: {third}, reason: new mandate}}')
    stays.append(f'  - {{account: "7000007", from: {first}, to: {ninth}, reason: balanced, left_because: changed to shares only}}')
    path = settings.home / "composites" / "demo_balanced.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_COMPOSITE.format(inception=first, members="\n".join(stays)), encoding="utf-8")
    return path


def _months_before(day: date, number: int) -> date:
    """The first day of the month so many months before the day's."""
    months = day.year * 12 + day.month - 1 - number
    return date(months // 12, months % 12 + 1, 1)
