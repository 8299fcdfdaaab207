"""The readers' part of `make bench`: the same rows as a file of every format, read to positions, beside a plain Polars read.

Each format is measured in a process of its own, so that its peak memory is its own, and plain reads alternate with ours, so that
the ratio holds on a noisy machine. The plain read infers types, checks nothing and keeps no text; it is the floor, not a rival. The
profile of what was read is measured beside both: it may cost a tenth of reading to positions.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import xlsxwriter
import yaml

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.profile import profile_of
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Delivery, validate
from advisory_perf.samples.bulk import bulk_csv

FEED = Path(__file__).parent / "feeds" / "bulk.yaml"
LAST_DAY = date(2025, 6, 30)
DELIVERY = Delivery("bench", "bulk", datetime(2025, 7, 1, tzinfo=UTC))
ROUNDS = 2
EXCEL_ROWS = 100_000
"""A sheet holds 1,048,576 rows at most, and writing them takes minutes; rows a second are what compares."""
FORMATS: dict[str, tuple[dict[str, Any], Callable[[Path], pl.DataFrame]]] = {
    "csv": ({"format": "csv"}, pl.read_csv),
    "csv.gz": ({"format": "csv"}, pl.read_csv),
    "json": ({"format": "json"}, pl.read_json),
    "ndjson": ({"format": "json", "json": {"lines": True}}, pl.read_ndjson),
    "parquet": ({"format": "parquet"}, pl.read_parquet),
    "xlsx": ({"format": "excel"}, lambda path: pl.read_excel(path, engine="calamine")),
}


def compare_readers(accounts: int, days: int) -> None:
    """Makes the files, measures each format and prints one line for each."""
    with tempfile.TemporaryDirectory() as folder:
        _write_files(Path(folder), bulk_csv(accounts=accounts, days=days, last_day=LAST_DAY, seed=1))
        print(f"\n{'file':<10}{'rows':>11}{'MB':>7}{'read s':>8}{'validate s':>9}{'rows/s':>11}{'plain s':>9}", end="")
        print(f"{'read/plain':>12}{'all/plain':>11}{'read peak':>11}{'all peak':>10}{'profile/all':>13}   (peaks in file sizes)")
        for name in FORMATS:
            program = [sys.executable, "-m", "bench.reading", name, str(Path(folder) / f"bulk.{name}")]
            cost = json.loads(subprocess.run(program, stdout=subprocess.PIPE, check=True, text=True).stdout)
            both = cost["read"] + cost["validate"]
            print(
                f"{name:<10}{cost['rows']:>11,}{cost['megabytes']:>7.0f}{cost['read']:>8.2f}{cost['validate']:>9.2f}",
                end="",
            )
            print(
                f"{cost['rows'] / both:>11,.0f}{cost['plain']:>9.2f}{cost['read'] / cost['plain']:>12.1f}{both / cost['plain']:>11.1f}",
                end="",
            )
            print(f"{cost['read_peak'] / cost['megabytes']:>11.1f}{cost['validate_peak'] / cost['megabytes']:>10.1f}", end="")
            print(f"{cost['profile'] / both:>13.2f}")


def measure(name: str, path: Path) -> dict[str, float]:
    """Seconds, the best of the rounds, and peak megabytes of the first reading and the first validation."""
    files, plain = FORMATS[name]
    feed = PositionsFeed.model_validate({**yaml.safe_load(FEED.read_text()), "files": {"patterns": ["bulk*"], **files}})
    before = _peak()
    cost: dict[str, float] = {"megabytes": path.stat().st_size / 1e6}
    seconds: dict[str, list[float]] = {"read": [], "validate": [], "profile": [], "plain": []}
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        raw = read_raw_rows(path.read_bytes(), feed, path.name)
        seconds["read"].append(time.perf_counter() - begin)
        cost.setdefault("read_peak", _peak() - before)
        begin = time.perf_counter()
        validated = validate(raw, feed, DELIVERY, POSITION_RULES)
        seconds["validate"].append(time.perf_counter() - begin)
        cost.setdefault("validate_peak", _peak() - before)
        begin = time.perf_counter()
        profile_of(raw, validated, feed)
        seconds["profile"].append(time.perf_counter() - begin)
        cost["rows"] = raw.height
        if validated.accepted.height != raw.height:
            raise ValueError(f"{path.name}: {raw.height - validated.accepted.height} rows of a clean file were not accepted")
        del raw, validated
        begin = time.perf_counter()
        plain(path)
        seconds["plain"].append(time.perf_counter() - begin)
    return cost | {part: min(taken) for part, taken in seconds.items()}


def _write_files(folder: Path, content: bytes) -> None:
    (folder / "bulk.csv").write_bytes(content)
    subprocess.run(["gzip", "-k", str(folder / "bulk.csv")], check=True)  # noqa: S607 - whichever gzip the machine has
    rows = pl.read_csv(folder / "bulk.csv")
    rows.write_json(folder / "bulk.json")
    rows.write_ndjson(folder / "bulk.ndjson")
    money = [name for name, dtype in rows.schema.items() if dtype.is_float() and name not in {"twr", "bmk_return"}]
    rows.with_columns(pl.col(money).cast(pl.Decimal(18, 2))).write_parquet(folder / "bulk.parquet")
    with xlsxwriter.Workbook(folder / "bulk.xlsx", {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, rows.columns)
        for number, row in enumerate(rows.head(EXCEL_ROWS).iter_rows(), start=1):
            sheet.write_row(number, 0, row)


def _peak() -> float:
    """The kernel's own mark of this process; what getrusage tells begins with the parent's."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
