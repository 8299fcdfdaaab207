"""Realistic deliveries of four vendors with known truth, for the demo, the tests and the benchmark."""

from dataclasses import dataclass
from datetime import date
from random import Random

from advisory_perf.samples import vendor_a, vendor_b, vendor_c, vendor_d
from advisory_perf.samples.market import business_days, month_ends
from advisory_perf.samples.truth import SampleFile, VendorSamples, VendorTruth


@dataclass(frozen=True)
class Samples:
    """All files in order of arrival, vendor after vendor, and what is true of each vendor by its name."""

    files: tuple[SampleFile, ...]
    truth: dict[str, VendorTruth]


def make_samples(*, seed: int, accounts: int = 20, last_month: date, months: int = 12, days: int = 20) -> Samples:
    """Deliveries of four vendors with so many accounts each; the same arguments give the same bytes.

    Vendors A, B and C report ``months`` month ends up to ``last_month``; vendor D reports ``days`` business days, the
    latest of them on or before ``last_month``. No file holds a date after ``last_month``. ValueError if ``last_month``
    is not the end of a month, or a count is too small.
    """
    if accounts < 1 or months < 1 or days < vendor_d.LEAST_DAYS:
        raise ValueError(
            f"samples of {accounts} accounts, {months} months and {days} days cannot be made;"
            f" ask for at least 1 account, 1 month and {vendor_d.LEAST_DAYS} days"
        )
    monthly = month_ends(last_month, months)
    daily = business_days(last_month, days)
    made: dict[str, VendorSamples] = {
        vendor_a.VENDOR: vendor_a.make_vendor_a(_random(seed, vendor_a.VENDOR), accounts, monthly),
        vendor_b.VENDOR: vendor_b.make_vendor_b(_random(seed, vendor_b.VENDOR), accounts, monthly),
        vendor_c.VENDOR: vendor_c.make_vendor_c(_random(seed, vendor_c.VENDOR), accounts, monthly),
        vendor_d.VENDOR: vendor_d.make_vendor_d(_random(seed, vendor_d.VENDOR), accounts, daily),
    }
    return Samples(
        files=tuple(file for samples in made.values() for file in samples.files),
        truth={vendor: samples.truth for vendor, samples in made.items()},
    )


def _random(seed: int, vendor: str) -> Random:
    """Each vendor's own chance, so that a change to one leaves the others' bytes alone."""
    return Random(f"{seed} {vendor}")
