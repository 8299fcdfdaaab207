"""Any bytes and any cells in every format, for as long as it is reported: nothing but our own errors, and no value but what a cell says.

``python -m advisory_perf_tests.fuzzing --minutes 60`` prints how many files it tried and every fault with the seed that makes it
again; the tests try some. A file is made from a seed alone: cells that look like numbers, days and account numbers, written as CSV,
Excel, JSON, NDJSON or Parquet, half of them with bytes changed, lost or added afterwards. What became of a file whose bytes were left
alone is held against its cells; of a damaged one only that it is read or refused.
"""

import argparse
import csv
import io
import json
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

import polars as pl
import xlsxwriter

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Validated, validate
from advisory_perf_tests.ingestion.scenarios import DELIVERY, a_feed_of
from advisory_perf_tests.ingestion.test_fuzzed_cells import CURRENCIES, NOTATIONS, tokens, written

COLUMNS = ("id", "day", "bmv", "in", "out", "fee", "emv", "twr")
AMOUNTS = {"beginning_market_value": "bmv", "contributions": "in", "distributions": "out", "fees": "fee", "ending_market_value": "emv"}
FORMATS = ("csv", "excel", "json", "ndjson", "parquet")
_DAYS = ("2024-06-28", "2024-02-29", "20240628", "28.06.2024", "06/28/2024", "2024-06-28T00:00:00", "45471", "2023-02-29", "2024-6-3")
_ANY = "".join(map(chr, [*range(1, 128), 0xA0, 0xE9, 0x200B, 0xFEFF, 0x2212, 0x2019, 0x660, 0x1F600]))
_AROUND = r"[\s\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+"
_TAKEN_OFF = re.compile(f"^{_AROUND}|{_AROUND}$")

Cell = str | float | int | None


@dataclass(frozen=True)
class MadeFile:
    """A file, its feed, and the cells that it was made from by line; no cells where its bytes were changed afterwards."""

    content: bytes
    feed: PositionsFeed
    cells: dict[int, dict[str, Cell]] | None


def made_from(seed: int) -> MadeFile:
    """The file of a seed."""
    random = Random(seed)
    kind = random.choice(FORMATS)
    rows = [_row(random, number) for number in range(random.randint(1, 25))]
    notation = random.choice(list(NOTATIONS))
    numbers = {**NOTATIONS[notation]}
    if kind != "csv" and numbers.get("grouping") == ".":
        numbers.pop("grouping")
    columns: dict[str, Any] = {
        "fees": "fee",
        "vendor_twrr": {"from": "twr", "scale": random.choice(["fraction", "percent", "basis_points"])},
    }
    layout = {"json": {"lines": True}} if kind == "ndjson" else {}
    feed = a_feed_of("json" if kind == "ndjson" else kind, columns, **layout)
    said = {"numbers": numbers, "currency": CURRENCIES.get(notation, "USD")}
    feed = PositionsFeed.model_validate({**feed.model_dump(mode="json", by_alias=True, exclude_defaults=True), **said})
    content, lines = _WRITERS[kind](rows, random)
    if random.random() < 0.5:
        return MadeFile(_damaged(content, random), feed, None)
    return MadeFile(content, feed, dict(zip(lines, rows, strict=True)))


def _row(random: Random, number: int) -> dict[str, Cell]:
    row: dict[str, Cell] = dict(zip(COLUMNS, (f"A{number}", "2024-06-28", "100.25", "0", "0", "1.50", "101.75", "0.0125"), strict=True))
    for name in COLUMNS:
        if random.random() < 0.25:
            row[name] = _cell(random, name)
    return row


def _cell(random: Random, name: str) -> Cell:
    if random.random() < 0.1:
        return "".join(random.choice(_ANY) for _ in range(random.randint(0, 12)))
    if name == "day":
        return random.choice(_DAYS)
    if name == "id":
        return random.choice(["", "nan", "00123", "A-1", "1E5", "12345678901234567", "AC1..9", f"{random.randrange(10**18)}"])
    if random.random() < 0.4:
        return "".join(random.choice(tokens) for _ in range(random.randint(0, 6)))
    return round(random.uniform(-1e6, 1e6), random.randint(0, 6)) if random.random() < 0.7 else random.randrange(-(10**9), 10**9)


def _damaged(content: bytes, random: Random) -> bytes:
    for _ in range(random.randint(1, 4)):
        place, lost = random.randrange(len(content) + 1), random.randint(0, 5)
        content = content[:place] + random.randbytes(random.randint(0, 4)) + content[place + lost :]
    return content


def _printed(cell: Cell) -> str:
    return "" if cell is None else str(cell)


def _as_csv(rows: list[dict[str, Cell]], random: Random) -> tuple[bytes, list[int]]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), lineterminator=random.choice(["\n", "\r\n"]))
    writer.writerow(COLUMNS)
    lines = []
    for row in rows:
        lines.append(_lines_of(text.getvalue()) + 1)
        writer.writerow(map(_printed, row.values()))
    return text.getvalue().encode(), lines


def _lines_of(text: str) -> int:
    """Line ends as they are counted: a CR alone is one where no quotes hold it."""
    return sum(part.count("\n") if inside % 2 else len(re.findall("\r\n|\r|\n", part)) for inside, part in enumerate(text.split('"')))


def _as_excel(rows: list[dict[str, Cell]], _random: Random) -> tuple[bytes, list[int]]:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, COLUMNS)
        for number, row in enumerate(rows, start=1):
            for place, cell in enumerate(row.values()):
                if isinstance(cell, str):
                    sheet.write_string(number, place, re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", "", cell))
                else:
                    sheet.write_number(number, place, cell or 0)
    for row in rows:
        row.update({name: re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", "", cell) for name, cell in row.items() if isinstance(cell, str)})
    return content.getvalue(), list(range(2, len(rows) + 2))


def _as_json(rows: list[dict[str, Cell]], _random: Random) -> tuple[bytes, list[int]]:
    return json.dumps(rows).encode(), list(range(1, len(rows) + 1))


def _as_ndjson(rows: list[dict[str, Cell]], _random: Random) -> tuple[bytes, list[int]]:
    return "".join(json.dumps(row) + "\n" for row in rows).encode(), list(range(1, len(rows) + 1))


def _as_parquet(rows: list[dict[str, Cell]], random: Random) -> tuple[bytes, list[int]]:
    """Columns of one type: amounts as floats where all of a column's cells are numbers, else as text."""
    series = []
    for name in COLUMNS:
        cells = [row[name] for row in rows]
        if name in {*AMOUNTS.values()} and random.random() < 0.4:
            cells = [float(cell) if not isinstance(cell, str) and cell is not None else 100.5 for cell in cells]
            series.append(pl.Series(name, cells, pl.Float64()))
        else:
            cells = [None if cell is None else str(cell) for cell in cells]
            series.append(pl.Series(name, cells, pl.String()))
        for row, cell in zip(rows, cells, strict=True):
            row[name] = cell
    content = io.BytesIO()
    pl.DataFrame(series).write_parquet(content)
    return content.getvalue(), list(range(1, len(rows) + 1))


_WRITERS = {"csv": _as_csv, "excel": _as_excel, "json": _as_json, "ndjson": _as_ndjson, "parquet": _as_parquet}


def faults_of(seed: int) -> list[str]:
    """What is wrong with what becomes of a seed's file; nothing, as it should be."""
    file = made_from(seed)
    try:
        result = validate(read_raw_rows(file.content, file.feed, DELIVERY.file_name), file.feed, DELIVERY, POSITION_RULES)
    except DeliveryRejectedError as refused:
        return [] if refused.sentence.startswith("acme, acme_1.csv: ") else [f"a refusal without vendor and file: {refused.sentence}"]
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return ["".join(traceback.format_exception(error)[-3:])]
    found = [] if result.is_conserved else ["rows are not conserved"]
    return found + (list(_differences(result, file)) if file.cells is not None else [])


def _differences(result: Validated, file: MadeFile) -> Iterator[str]:
    for row in result.accepted.iter_rows(named=True):
        cells = (file.cells or {}).get(row["line_number"])
        if cells is None:
            yield f"a position in line {row['line_number']}, where no row begins"
            continue
        account = _TAKEN_OFF.sub("", _printed(cells["id"]))
        if row["account_id"] not in {account, _unwrapped(account)}:
            yield f"the account {row['account_id']!r} of the cell {cells['id']!r}"
        if not _says_day(cells["day"], row["as_of_date"]):
            yield f"the day {row['as_of_date']} of the cell {cells['day']!r}"
        for field, name in AMOUNTS.items():
            if not _says_amount(cells[name], row[field], file.feed):
                yield f"the amount {row[field]} in {name} of the cell {cells[name]!r}"


def _unwrapped(text: str) -> str:
    return _TAKEN_OFF.sub("", re.sub(r'^="?|"?"$', "", text))


def _says_day(cell: Cell, day: date) -> bool:
    text = _unwrapped(_TAKEN_OFF.sub("", _printed(cell)))
    return (
        text in {day.isoformat(), f"{day.year}-{day.month}-{day.day}"} or re.fullmatch(f"{day.isoformat()}[T ]00:00:00", text) is not None
    )


def _says_amount(cell: Cell, amount: Decimal | None, feed: PositionsFeed) -> bool:
    text = _TAKEN_OFF.sub("", _printed(cell))
    if amount is None:
        return text in {"", *feed.numbers.blanks}
    if not isinstance(cell, str):
        return amount == Decimal(f"{cell:.15g}")
    text = _unwrapped(text).replace("\u2212", "-")
    return any(map(str.isdigit, text)) and amount == written(text, feed.numbers.decimal_mark)


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries seeds until the time is over; 1 where any file showed a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    chosen = parser.parse_args(arguments)
    end, seed, wrong = time.monotonic() + 60 * chosen.minutes, chosen.seed, Counter[str]()
    while time.monotonic() < end:
        for fault in faults_of(seed):
            kind = re.sub(r"[0-9]+", "0", fault)[-160:]
            wrong[kind] += 1
            if wrong[kind] == 1:
                print(f"seed {seed}: {fault}", flush=True)  # noqa: T201 - a program
        seed += 1
    print(f"{seed - chosen.seed} files, {sum(wrong.values())} faults of {len(wrong)} kinds")  # noqa: T201 - a program
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
