"""What the text of a CSV file shows of its layout is proposed; the same file without the sign of it is read as usual."""

import io
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest
import xlsxwriter

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feed_detection.structure import Table, read_unknown
from advisory_perf_tests.feed_detection.scenarios import (
    FIGURES,
    FILE_NAME,
    NAMES,
    a_file,
    cells,
    inferred,
    ingested,
    is_ingested_as_it_is,
    positions,
    proposed,
)
from advisory_perf_tests.ingestion.pollutions import variants

ROWS = [cells(row) for row in positions(accounts=6)]
PLAIN = a_file(ROWS).decode()
BY_DELIMITER = a_file(ROWS).decode().replace(",", "\x00")


def delimited(mark: str, text: str = BY_DELIMITER) -> str:
    return text.replace("\x00", mark)


def with_names(name: str, *, quote: str = "") -> str:
    """The file with a column of account names, every one of which is the given one and a number."""
    rows = [{**row, "account_name": f"{quote}{name} {row['account_id']}{quote}"} for row in ROWS]
    names = {**NAMES, "account_name": f"{quote}Account Name{quote}"}
    return "\n".join([",".join(names.values()), *(",".join(row[field] for field in names) for row in rows), ""])


def all_cells(wrap: Callable[[str], str]) -> str:
    return "\n".join(",".join(wrap(cell) for cell in line.split(",")) for line in PLAIN.splitlines()) + "\n"


def below(line: Callable[[int, str], str]) -> str:
    """The file with its rows written by ``line``, which gets their place."""
    header, *rows = PLAIN.splitlines()
    return "\n".join([header, *(line(place, row) for place, row in enumerate(rows)), ""])


SHOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "two pipes": (delimited("||"), {"csv": {"delimiter": "||"}}),
    "angle brackets": (delimited("<>"), {"csv": {"delimiter": "<>"}}),
    "a pipe between tildes": (delimited("~|~"), {"csv": {"delimiter": "~|~"}}),
    "a caret": (delimited("^"), {"csv": {"delimiter": "^"}}),
    "a unit separator": (delimited("\x1f"), {"csv": {"delimiter": "\x1f"}}),
    "record separators": (PLAIN.replace("\n", "\x1e"), {"csv": {"line_end": "\x1e"}}),
    "both": (delimited("||").replace("\n", "\x1e"), {"csv": {"line_end": "\x1e", "delimiter": "||"}}),
    "inches in a name": (with_names('The 12" Trust'), {"csv": {"quote": "none"}}),
    "apostrophes around all cells": (all_cells(lambda cell: f"'{cell}'"), {"csv": {"quote": "'"}}),
    "quotes behind backslashes": (with_names(r"The \"Old, Old\" Trust", quote='"'), {"csv": {"escape": "backslash"}}),
    "a delimiter behind each row": (below(lambda _, row: row + ","), {"csv": {"trailing_delimiter": True}}),
    "a count before each row": (below(lambda place, row: f"{place},{row}"), {"csv": {"index_column": True}}),
    "a preamble of a hundred lines": ("Important: read this notice\n" * 100 + PLAIN, {}),
}
NOT_SHOWN: dict[str, str] = {
    "one pipe, and blank cells": delimited("|").replace("|0.00|", "||"),
    "a tilde in a remark above": "~ Acme ~ Custody ~ all ~ accounts ~\n" + delimited("|"),
    "line feeds beside record separators": PLAIN.replace(",USD\n", ",USD\x1e\n"),
    "names in quotes": with_names("The Old Trust", quote='"'),
    "names in quotes with doubled ones": with_names('The ""Old"" Trust', quote='"'),
    "an apostrophe in a name": with_names("O'Neill Trust"),
    "names in apostrophes above a line of totals": with_names("Old Trust", quote="'") + f"'Total, all'{',' * len(NAMES)}9.00\n",
    "accounts that are no count": below(lambda place, row: f"{place * 7},{row}"),
    "some cells behind the last one": below(lambda place, row: row + (",x" if place % 2 else ",")),
}


def read(text: str) -> Table:
    return read_unknown([(FILE_NAME, text.encode())])


@pytest.mark.parametrize("sign", SHOWN)
def test_what_the_text_shows_of_its_layout_is_proposed(sign: str) -> None:
    text, files = SHOWN[sign]
    table = read(text)
    assert table.files == {"patterns": ["acme_performance_*.csv"], "format": "csv", **files}
    assert table.headers[: len(NAMES)] == list(NAMES.values())
    assert table.raw.height == len(ROWS)


@pytest.mark.parametrize("sign", NOT_SHOWN)
def test_the_usual_layout_stays_where_no_other_one_is_shown(sign: str) -> None:
    try:
        said = read(NOT_SHOWN[sign]).files.get("csv", {})
    except DeliveryRejectedError:
        said = {}  # refused as before, and nothing is proposed
    assert set(said) <= {"delimiter"}
    assert said.get("delimiter", ",") in {",", "|"}


def test_one_damaged_line_makes_no_other_dialect() -> None:
    torn = with_names("The Old Trust", quote='"').replace('"The Old Trust AC00003"', '"The Old "Trust AC00003"')
    assert "csv" not in read(torn).files


@pytest.mark.slow
@pytest.mark.parametrize("sign", SHOWN)
def test_a_file_in_the_proposed_layout_is_ingested_as_it_is(sign: str) -> None:
    content = SHOWN[sign][0].encode()
    is_ingested_as_it_is(proposed(content), content, ROWS, FIGURES)


def test_the_header_of_a_workbook_may_stand_below_line_fifty() -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for place, line in enumerate(["Important: read this notice"] * 60 + PLAIN.splitlines()):
            sheet.write_row(place, 0, line.split(","))
    table = read_unknown([("acme.xlsx", buffer.getvalue())])
    assert table.headers == list(NAMES.values())
    assert table.raw.height == len(ROWS)


@pytest.mark.parametrize("mark", ["||", "~|~"])
def test_a_delimiter_that_also_stands_alone_is_the_shorter_one(mark: str) -> None:
    header, *rows = delimited(mark).splitlines()
    text = "\n".join([header, *(row.replace(mark, "|", 3) for row in rows), ""])
    assert read(text).files.get("csv") == {"delimiter": "|"}


class TestWithoutAHeader:
    BODY = PLAIN.partition("\n")[2]

    def test_columns_are_named_by_what_they_surely_hold_and_else_by_their_place(self) -> None:
        files = read(self.BODY).files
        assert files["header"] == "none"
        assert files["names"][:4] == ["account number", "as of date", "column 3", "column 4"]

    def test_day_and_account_are_inferred_and_amounts_are_left_to_a_person(self) -> None:
        proposal = proposed(self.BODY.encode())
        found = inferred(proposal)
        assert (found["columns.account_id"], found["columns.as_of_date"]) == ("account number", "as of date")
        assert {"columns.beginning_market_value", "columns.contributions"} <= set(proposal.open_keys)

    @pytest.mark.slow
    def test_the_file_is_ingested_once_a_person_has_named_the_amounts(self) -> None:
        content = self.BODY.encode()
        names = {field: f"column {place}" for place, field in enumerate(NAMES, start=1)}
        columns = {**names, "account_id": "account number", "as_of_date": "as of date"}
        conventions = {"flow_timing": "end_of_day", "fee_basis": "net"}
        result = ingested(proposed(content), content, said={"columns": columns, "conventions": conventions})
        assert result.quarantined.is_empty()
        assert [str(value) for value in result.accepted["fees"]] == [f"{Decimal(row['fees']):.4f}" for row in ROWS]

    def test_two_columns_of_days_leave_the_day_to_no_guess(self) -> None:
        two = "\n".join(re.sub(r",(\d{4}-\d\d-\d\d),", r",\1,\1,", line) for line in self.BODY.splitlines())
        with pytest.raises(DeliveryRejectedError, match="column names that are known"):
            read(two)

    def test_a_header_of_unknown_names_is_no_row_of_data(self) -> None:
        with pytest.raises(DeliveryRejectedError, match="column names that are known"):
            read(",".join(f"Foo{place}" for place in range(len(NAMES))) + "\n" + self.BODY)


@pytest.mark.parametrize(("files", "said"), [(3, "never"), (2, None)])
def test_a_last_line_without_an_end_is_a_habit_only_where_no_file_has_one(files: int, said: str | None) -> None:
    names = {**NAMES, "account_name": "Account Name"}
    content = a_file([{**row, "account_name": "Old Trust"} for row in ROWS], names).removesuffix(b"\n")
    table = read_unknown([(f"acme_2025010{day}.csv", content) for day in range(files)])
    assert table.files.get("csv", {}).get("final_newline") == said
    assert table.ends_open == (said is None)
    closed = read_unknown([(f"acme_2025010{day}.csv", content + b"\n" * (day == 1)) for day in range(files)])
    assert "csv" not in closed.files


@pytest.mark.slow
def test_damage_is_no_dialect() -> None:
    """Of the thousand ways to break a delivery only those that have another layout as a whole are taken for one."""
    found = {}
    for variant in islice(variants(), 0, None, 18):
        try:
            files = read_unknown([(FILE_NAME, variant.content)]).files
        except DeliveryRejectedError:
            continue
        found[variant.name] = files.get("csv") or ({"header": "none"} if "header" in files else None)
    assert len(found) > 250
    assert {name for name, layout in found.items() if layout} <= {"delimiter ';'", "delimiter '\\t'", "delimiter '|'", "no header"}
