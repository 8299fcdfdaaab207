"""The large clean file of the benchmark, on a small scale."""

import csv
import io
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from itertools import groupby

import pytest

from advisory_perf.samples.bulk import bulk_csv
from advisory_perf.samples.vendor_a import CSV_COLUMNS

LAST_DAY = date(2024, 3, 3)


def test_every_account_has_every_calendar_day_and_consistent_figures() -> None:
    header, *lines = csv.reader(io.StringIO(bulk_csv(accounts=40, days=50, last_day=LAST_DAY, seed=5).decode()))
    assert tuple(header) == CSV_COLUMNS
    assert len(lines) == 40 * 50
    dates = [(LAST_DAY - timedelta(days=back)).isoformat() for back in range(49, -1, -1)]
    for _, rows in groupby(lines, key=lambda line: line[0]):
        last: Decimal | None = None
        history = list(rows)
        assert [line[3] for line in history] == dates
        for line in history:
            bmv, paid_in, out, income, gain, fee, other, emv = (Decimal(cell) for cell in line[4:12])
            assert last in {None, bmv}
            assert fee == (bmv * 28 / 10**6).quantize(Decimal("0.01"), ROUND_FLOOR), "about 1 % a year"
            assert bmv + paid_in - out + income + gain - fee + other == emv > 0
            exact = Fraction(emv - bmv - paid_in + out) / Fraction(bmv + (paid_in - out) / 2)
            assert line[13] == f"{Decimal(round(exact * 10**8)).scaleb(-8):.8f}"
            last = emv
    assert any(line[5] != "0.00" for line in lines)
    assert any(line[6] != "0.00" for line in lines)


def test_a_seed_gives_the_same_large_file_again() -> None:
    first = bulk_csv(accounts=20, days=5, last_day=LAST_DAY, seed=5)
    assert first == bulk_csv(accounts=20, days=5, last_day=LAST_DAY, seed=5)
    assert first != bulk_csv(accounts=20, days=5, last_day=LAST_DAY, seed=6)
    assert first.count(b"\r\n") == 101


def test_a_file_without_accounts_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 of each"):
        bulk_csv(accounts=0, days=5, last_day=LAST_DAY, seed=5)
    with pytest.raises(ValueError, match="at least 1 of each"):
        bulk_csv(accounts=5, days=0, last_day=LAST_DAY, seed=5)
