"""The same hundred rows as a file of every format, with the feed that reads it."""

import gzip
import io
import json
import zipfile
from dataclasses import dataclass
from functools import cache

import polars as pl
import xlsxwriter

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed_of

ROWS = [
    {"id": f"A{number}", "day": "2024-06-28", "bmv": f"{100 + number}.25", "in": "0", "out": "0", "emv": f"{101 + number}.75"}
    for number in range(100)
]


@dataclass(frozen=True)
class WholeFile:
    """A file and its feed."""

    content: bytes
    feed: PositionsFeed


def csv_text(end: str = "\n") -> str:
    return end.join([HEADER, *(",".join(row.values()) for row in ROWS)]) + end


def zipped(*files: tuple[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, inner in files:
            archive.writestr(name, inner)
    return content.getvalue()


@cache
def whole_files() -> dict[str, WholeFile]:
    """By a name for the format."""
    as_json = [{**row, "emv": float(row["emv"])} for row in ROWS]
    csv_feed = a_feed_of("csv", csv={"final_newline": "required"})
    lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in as_json).encode()
    return {
        "csv": WholeFile(csv_text().encode(), csv_feed),
        "csv.gz": WholeFile(gzip.compress(csv_text().encode()), csv_feed),
        "csv.zip": WholeFile(zipped(("acme.csv", csv_text().encode())), csv_feed),
        "xlsx": WholeFile(_workbook(), a_feed_of("excel")),
        "json": WholeFile(json.dumps(as_json, separators=(",", ":")).encode(), a_feed_of("json")),
        "ndjson": WholeFile(lines, a_feed_of("json", json={"lines": True})),
        "parquet": WholeFile(_parquet(), a_feed_of("parquet")),
    }


def _workbook() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER.split(","))
        for number, row in enumerate(ROWS, start=1):
            sheet.write_row(number, 0, list(row.values()))
            sheet.write_number(number, 5, float(row["emv"]))
    return content.getvalue()


def _parquet() -> bytes:
    content = io.BytesIO()
    pl.DataFrame(ROWS).with_columns(pl.col("emv").cast(pl.Decimal(18, 2))).write_parquet(content)
    return content.getvalue()
