"""How much of a layout has to be seen before it is inferred: the least that tells, and the most that does not."""

import json
from collections.abc import Sequence

import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feed_detection.csv_layouts import csv_layout, is_ended, may_be
from advisory_perf.feed_detection.headers import Layout, header_in, known_names
from advisory_perf.feed_detection.json_layouts import json_layout

NAMES = ["Account Number", "As Of Date", "Beginning Market Value", "Contributions", "Ending Market Value"]


def text(rows: Sequence[Sequence[str]], delimiter: str = ",", end: str = "\n") -> bytes:
    return "".join(delimiter.join(row) + end for row in rows).encode()


def inferred(content: bytes) -> Layout | None:
    try:
        return csv_layout(content, "a.csv")
    except DeliveryRejectedError:
        return None


@pytest.mark.parametrize(("names", "known"), [(["Account Number", "x"], 1), (["Account Number", "As Of Date", "x"], 2), (["x", "y"], 0)])
def test_a_header_has_two_names_that_are_known(names: list[str], known: int) -> None:
    assert known_names(names) == known
    assert header_in([["report"], names]).names == (names if known >= 2 else [])


@pytest.mark.parametrize(("above", "is_found"), [(999, True), (1_000, False)])
def test_a_header_is_looked_for_in_a_thousand_lines(above: int, *, is_found: bool) -> None:
    assert bool(header_in([["report"]] * above + [NAMES]).names) is is_found


def a_row(number: int, columns: int, amounts: int) -> list[str]:
    """An account, a day, amounts and texts."""
    texts = ["Trust"] * (columns - 2 - amounts)
    return [f"AC{number}", f"2025-01-{number + 1:02}", *(f"{100 + number + place}.25" for place in range(amounts)), *texts]


@pytest.mark.parametrize(
    ("rows", "columns", "amounts", "is_inferred"),
    [(3, 5, 3, True), (2, 5, 3, False), (3, 4, 2, False), (3, 5, 2, False), (4, 6, 3, True), (3, 6, 4, True)],
)
def test_a_file_without_a_header_has_three_rows_five_columns_and_three_amounts(
    rows: int, columns: int, amounts: int, *, is_inferred: bool
) -> None:
    found = inferred(text([a_row(number, columns, amounts) for number in range(rows)]))
    assert (found is not None) is is_inferred
    if found is not None:
        assert found.header[:2] == ["account number", "as of date"]
        assert found.files["header"] == "none"


def test_a_file_without_a_header_has_one_column_of_days_and_one_of_accounts() -> None:
    rows = [a_row(number, 6, 3) for number in range(4)]
    assert inferred(text([[*row[:-1], row[1]] for row in rows])) is None, "two columns of days"
    twins = inferred(text([[*row[:-1], row[0]] for row in rows]))
    assert twins is not None
    assert twins.header[0] == "column 1", "two columns of account numbers"
    alike = inferred(text([["AC1", "2025-01-01", *row[2:]] for row in rows]))
    assert alike is not None
    assert alike.header[0] == "column 1", "no account stands twice on a day"
    two_alike = inferred(text([rows[0], ["AC0", rows[0][1], *rows[1][2:]], *rows[2:]]))
    assert two_alike is not None
    assert two_alike.header[0] == "column 1", "not even once"
    assert inferred(text([row[1:5] for row in rows])) is None, "a day and three amounts alone"


@pytest.mark.parametrize(("lines", "is_inferred"), [(3, True), (2, False)])
def test_a_mark_ends_lines_where_two_of_it_part_three(lines: int, *, is_inferred: bool) -> None:
    content = "\u2028".join(",".join(row) for row in [NAMES, *(a_row(number, 5, 3) for number in range(lines - 1))]).encode()
    found = inferred(content)
    assert (found is not None and found.options.get("line_end") == "\u2028") is is_inferred


@pytest.mark.parametrize(("mark", "delimiter"), [("||", "||"), ("|" * 8, "|" * 8), (";;", ";;"), ("|~|", "|~|")])
def test_a_delimiter_of_several_marks_is_inferred_whole(mark: str, delimiter: str) -> None:
    content = text([NAMES, *(a_row(number, 5, 3) for number in range(5))], mark)
    assert csv_layout(content, "a.csv").options["delimiter"] == delimiter


@pytest.mark.parametrize(("single", "delimiter"), [(1, "||"), (12, "|")])
def test_a_delimiter_of_several_marks_stands_nearly_everywhere(single: int, delimiter: str) -> None:
    """Of about a hundred places one may have one mark only, since a line may be damaged."""
    rows = [NAMES, *(a_row(number % 28, 5, 3) for number in range(60))]
    lines = ["||".join(row) for row in rows]
    lines[-single:] = [line.replace("||", "|") for line in lines[-single:]] if single > 1 else [lines[-1].replace("||", "|", 1)]
    assert csv_layout("\n".join(lines).encode(), "a.csv").options["delimiter"] == delimiter


LAYOUT = Layout("csv", {}, NAMES)


@pytest.mark.parametrize(("lines", "is_shown"), [(3, True), (2, False)])
def test_a_dialect_is_shown_by_three_lines(lines: int, *, is_shown: bool) -> None:
    rest = [a_row(number, 5, 3) for number in range(8)]
    inches = [[f'6" pipe {number}', *row[1:]] for number, row in enumerate(rest[:lines])] + rest[lines:]
    assert may_be({"quote": "none"}, text([NAMES, *inches]), LAYOUT) is is_shown
    quoted = [[f"'{row[0]}'", *row[1:]] for row in rest[:lines]] + rest[lines:]
    assert may_be({"quote": "'"}, text([NAMES, *quoted]), LAYOUT) is is_shown
    escaped = [[f'"a \\"b\\" c{number}"', *row[1:]] for number, row in enumerate(rest[:lines])] + rest[lines:]
    assert may_be({"escape": "backslash"}, text([NAMES, *escaped]), LAYOUT) is is_shown
    trailing = [[*row, ""] for row in rest[:lines]]
    assert may_be({"trailing_delimiter": True}, text([NAMES, *trailing]), LAYOUT) is is_shown
    counted = [[str(number), *row] for number, row in enumerate(rest[:lines])]
    assert may_be({"index_column": True}, text([NAMES, *counted]), LAYOUT) is is_shown


@pytest.mark.parametrize(("wide", "is_shown"), [(19, True), (18, True), (16, False)])
def test_nearly_all_rows_end_with_a_delimiter_where_it_is_a_habit(wide: int, *, is_shown: bool) -> None:
    rows = [a_row(number, 5, 3) for number in range(20)]
    content = text([NAMES, *([*row, ""] if place < wide else row for place, row in enumerate(rows))])
    assert may_be({"trailing_delimiter": True}, content, LAYOUT) is is_shown


def test_a_text_behind_the_last_delimiter_or_a_count_with_a_hole_is_no_habit() -> None:
    rows = [a_row(number, 5, 3) for number in range(6)]
    assert not may_be({"trailing_delimiter": True}, text([NAMES, *([*row, "x"] for row in rows)]), LAYOUT)
    for first in (0, 1):
        assert may_be({"index_column": True}, text([NAMES, *([str(first + n), *row] for n, row in enumerate(rows))]), LAYOUT)
    assert not may_be({"index_column": True}, text([NAMES, *([str(2 + n), *row] for n, row in enumerate(rows))]), LAYOUT)
    assert not may_be({"index_column": True}, text([NAMES, *([str(2 * n), *row] for n, row in enumerate(rows))]), LAYOUT)


@pytest.mark.parametrize(("content", "ended"), [(b"a\n", True), (b"a\r", True), (b"a", False), (b"a\n\x1a", True), (b"a\n\0\0", True)])
def test_a_file_is_ended_by_a_line_end_before_what_fills_it_up(content: bytes, *, ended: bool) -> None:
    assert is_ended(content, LAYOUT) is ended
    assert is_ended("a\u2028".encode(), Layout("csv", {"line_end": "\u2028"}, NAMES))


# documents


def a_value(number: int) -> dict[str, object]:
    return {"Beginning Market Value": number, "Ending Market Value": number + 1}


@pytest.mark.parametrize(("keys", "is_inferred"), [(3, True), (2, False)])
def test_keys_are_those_of_rows_where_there_are_three(keys: int, *, is_inferred: bool) -> None:
    content = json.dumps({f"AC{number}": a_value(number) for number in range(keys)}).encode()
    if is_inferred:
        assert json_layout(content, "a.json").options["key_as"] == "account number"
    else:
        with pytest.raises(DeliveryRejectedError, match="one array of rows with known names is needed"):
            json_layout(content, "a.json")


def test_keys_without_a_digit_are_names_and_days_are_days() -> None:
    days = {f"2025-01-0{number + 1}": a_value(number) for number in range(3)}
    assert json_layout(json.dumps(days).encode(), "a.json").options["key_as"] == "as of date"
    with pytest.raises(DeliveryRejectedError, match="one array of rows"):
        json_layout(json.dumps({name: a_value(1) for name in ("a1", "b2", "c")}).encode(), "a.json")


@pytest.mark.parametrize(("lines", "is_lines"), [(2, True), (1, None)])
def test_two_objects_in_lines_are_lines(lines: int, *, is_lines: bool | None) -> None:
    content = "".join(json.dumps(dict.fromkeys(NAMES, 1)) + "\n" for _ in range(lines)).encode()
    if is_lines:
        assert json_layout(content, "a.json").options == {"lines": True}
    else:
        with pytest.raises(DeliveryRejectedError, match="one array of rows"):
            json_layout(content, "a.json")
