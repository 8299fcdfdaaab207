"""A file in any layout that a feed can say has exactly the rows of the plain file: no row more, less or other."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, cells, codes, lines, read, refusal, rejection, validated
from advisory_perf_tests.ingestion.workbook_files import a_book

pytestmark = pytest.mark.table

NAMES = HEADER.split(",")
DAYS = ("2024-05-31", "2024-06-28")
DELIMITERS = ("||", "~|~", "::", "\t|\t", "\u00a6", "<>", ";;;", "|~|~|")
LINE_ENDS = ("\r", "\n", "\r\n", "\x1e", "\x1e\n", "\u2028", "\u0085", "#@\n", "^")
PLAIN = (["A1", DAYS[0], "100", "0", "0", "101.5"], ["A1", DAYS[1], "101.5", "1", "0", "103"], ["B2", DAYS[0], "7", "0", "2", "5"])

names_of_accounts = st.text(st.sampled_from("ab |~:;,\"'<>^#@\u00a6\n"), max_size=8).map(lambda text: f"x{text}x")
amounts = st.integers(-10_000_00, 10_000_00).map(lambda cents: f"{cents / 100:.2f}")
tables = st.lists(st.tuples(amounts, amounts, names_of_accounts), min_size=1, max_size=6).map(
    lambda rows: [[f"A{place}", DAYS[0], bmv, "0", "0", emv, name] for place, (bmv, emv, name) in enumerate(rows, start=1)]
)


def a_layout(columns: dict[str, Any] | None = None, **files: Any) -> PositionsFeed:
    return a_feed(columns, files={"patterns": ["acme_*"], "format": "csv", **files}, plausibility={"jump": "warn"})


def in_csv(rows: list[list[str]], delimiter: str, line_end: str) -> str:
    """Rows of a text; a cell is quoted where it holds a mark, or begins or ends with a part of one."""

    def written(text: str) -> str:
        is_plain = not set(text).intersection({*delimiter, *line_end, '"', "\r", "\n"})
        return text if is_plain else '"' + text.replace('"', '""') + '"'

    return "".join(delimiter.join(map(written, row)) + line_end for row in rows)


def values(content: str | bytes, feed: PositionsFeed) -> list[tuple[Any, ...]]:
    """The positions of a file, by account and day; nothing of it may be in quarantine."""
    result = validated(content, feed)
    assert result.quarantined["reason"].to_list() == []
    positions = result.accepted.sort("account_id", "as_of_date")
    return positions.select(
        "account_id", "as_of_date", "beginning_market_value", "contributions", "distributions", "ending_market_value", "account_name"
    ).rows()


@settings(max_examples=80, deadline=None)
@given(rows=tables, delimiter=st.sampled_from(DELIMITERS), line_end=st.sampled_from(LINE_ENDS))
def test_any_delimiter_and_line_end_give_the_cells_of_the_plain_file(rows: list[list[str]], delimiter: str, line_end: str) -> None:
    if set(delimiter) & set(line_end):
        return
    feed = a_layout({"account_name": "name"}, csv={"delimiter": delimiter, "line_end": line_end})
    raw = read(in_csv([[*NAMES, "name"], *rows], delimiter, line_end), feed)
    assert raw["misfit"].null_count() == len(rows)
    assert [list(row) for row in raw.select(f"cell:{name}" for name in (*NAMES, "name")).rows()] == rows


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_declared_line_end_may_be_followed_by_one_of_an_editor(end: str) -> None:
    feed = a_layout(csv={"line_end": "\x1e"})
    assert values(in_csv([NAMES, *PLAIN], ",", "\x1e") + end, feed) == values(in_csv([NAMES, *PLAIN], ",", "\n"), a_layout())


@pytest.mark.parametrize(("delimiter", "row"), [("||", "A9||2024-05-31|||1||0||0||2"), ("~|~", "A9~|~2024-05-31~|~|~1~|~0~|~0~|~2")])
def test_a_delimiter_that_may_begin_in_two_places_makes_a_misfit(delimiter: str, row: str) -> None:
    content = in_csv([NAMES, *PLAIN], delimiter, "\n") + row + "\n"
    result = validated(content, a_layout(csv={"delimiter": delimiter}))
    assert codes(result) == {5: "E_FIELDS"}
    assert result.quarantined["raw_row"].to_list() == [row]
    assert result.accepted.height == len(PLAIN)


def test_empty_cells_between_long_delimiters_are_empty_cells() -> None:
    feed = a_layout(
        {"contributions": {"from": "in", "blank": "zero"}, "distributions": {"from": "out", "blank": "zero"}}, csv={"delimiter": "||"}
    )
    assert validated("||".join(NAMES) + "\nA1||2024-05-31||1||||||2\n", feed).accepted["contributions"].to_list() == [0]


@pytest.mark.parametrize(
    ("layout", "what"),
    [
        ({"delimiter": '"x'}, "without line ends, quotes"),
        ({"delimiter": "|\n"}, "without line ends, quotes"),
        ({"line_end": "||"}, "does not begin as it ends"),
        ({"line_end": '"'}, "without quotes"),
        ({"delimiter": "|~", "line_end": "~|"}, "in common"),
        ({"delimiter": "||", "line_end": "|"}, "in common"),
    ],
)
def test_marks_that_leave_open_where_a_line_ends_are_no_layout(layout: dict[str, str], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        a_layout(csv=layout)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(rows=tables, is_excel=st.booleans())
def test_a_file_without_a_header_has_the_rows_of_one_with_it(rows: list[list[str]], *, is_excel: bool) -> None:
    rows = [[*row[:-1], "x"] for row in rows]
    files = {"format": "excel" if is_excel else "csv", "header": "none", "names": [*NAMES, "name"]}
    content = a_book(("Data", rows)) if is_excel else in_csv(rows, ",", "\n")
    feed = a_layout({"account_name": "name"}, **files)
    plain = values(in_csv([[*NAMES, "name"], *rows], ",", "\n"), a_layout({"account_name": "name"}))
    assert values(content, feed) == plain
    assert lines(read(content, feed)) == [*range(1, len(rows) + 1)]


@pytest.mark.parametrize("file_format", ["csv", "excel"])
def test_a_file_without_a_header_that_has_other_columns_is_refused(file_format: str) -> None:
    feed = a_layout(format=file_format, header="none", names=NAMES)

    def made(*rows: list[str]) -> bytes:
        return a_book(("Data", [*rows])) if file_format == "excel" else in_csv([*rows], ",", "\n").encode()

    more = rejection(made(*([*row, "x"] for row in PLAIN)), feed)
    assert (more.code, "7 cells in line 1" in more.sentence) == ("E_DRIFT", True)
    assert rejection(made(*(row[:-1] for row in PLAIN)), feed).code == "E_DRIFT"
    header = rejection(made(NAMES, *PLAIN), feed)
    assert (header.code, "header in line 1" in header.sentence) == ("E_DRIFT", True)


def test_a_row_of_another_width_in_a_file_without_a_header_is_a_misfit() -> None:
    feed = a_layout(header="none", names=NAMES)
    assert codes(validated(in_csv([*PLAIN, [*PLAIN[0], "x"]], ",", "\n"), feed)) == {4: "E_FIELDS"}


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"header": "none"}, "goes with names"),
        ({"names": NAMES}, "goes with names"),
        ({"header": "none", "names": NAMES[1:]}, "names lacks id"),
        ({"header": "none", "names": [*NAMES, "id"]}, "name of its own"),
        ({"header": "none", "names": NAMES, "header_rows": 2}, "read a header"),
        ({"header": "none", "names": NAMES, "format": "json"}, "formats of lines"),
        ({"group_header": "Account .*"}, "named group"),
        ({"pivot": {"names": "n", "values": "v"}}, "pivot needs by"),
        ({"pivot": {"names": "n", "values": "n", "by": "id"}}, "different columns"),
        ({"format": "json", "json": {"key_as": "id", "lines": True}}, "for one document"),
        ({"stated": {"day": {"in": "sheet", "pattern": "(.*)"}}}, "sheet is for excel"),
    ],
)
def test_a_layout_that_says_too_little_or_too_much_is_no_feed(files: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        a_layout(**files)


def test_rows_may_begin_with_a_number_that_the_header_does_not_name() -> None:
    feed = a_layout(csv={"index_column": True})
    numbered = in_csv([NAMES, *([str(place), *row] for place, row in enumerate(PLAIN))], ",", "\n")
    assert values(numbered, feed) == values(in_csv([NAMES, *PLAIN], ",", "\n"), a_layout())
    assert set(codes(validated(numbered, a_layout())).values()) == {"E_FIELDS"}
    assert codes(validated(numbered + "A9,Smith, John,1,0,0,2\n", feed)) == {5: "E_FIELDS"}
    as_many = numbered + in_csv([*PLAIN], ",", "\n")
    assert codes(validated(as_many, feed)) == dict.fromkeys(range(5, 5 + len(PLAIN)), "E_FIELDS")
    assert rejection(as_many + in_csv([*PLAIN[:1]], ",", "\n"), feed).code == "E_DRIFT"
    dropped = rejection(in_csv([NAMES, *PLAIN], ",", "\n"), feed)
    assert (dropped.code, "csv: index_column" in dropped.sentence) == ("E_DRIFT", True)


@pytest.mark.parametrize("above", [1, 20, 60, 400])
def test_a_row_above_the_header_is_never_passed_over_as_a_preamble(above: int) -> None:
    rows = [[f"A{place}", DAYS[0], "1", "0", "0", "2"] for place in range(above)]
    error = rejection(in_csv([*rows, NAMES, *PLAIN], ",", "\n"), a_layout())
    assert (error.code, "line 1, above its header" in error.sentence) == ("E_HEADER_MISSING", True)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(
    groups=st.lists(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=4), min_size=1, max_size=5),
    repeats_header=st.booleans(),
    pads=st.booleans(),
    blank=st.booleans(),
    file_format=st.sampled_from(["csv", "excel"]),
)
def test_titles_of_groups_give_their_rows_the_account(
    groups: list[list[tuple[str, str]]], *, repeats_header: bool, pads: bool, blank: bool, file_format: str
) -> None:
    plain: list[list[str]] = []
    sections: list[list[str]] = []
    for place, group in enumerate(groups):
        sections.append([f"Account: A{place} - Name {place}", *([""] * 4 if pads or file_format == "excel" else [])])
        sections += [NAMES[1:]] if repeats_header or place == 0 else []
        for day, (bmv, emv) in enumerate(group, start=1):
            row = [f"2024-06-{day:02}", bmv, "0", "0", emv]
            sections.append(row)
            plain.append([f"A{place}", *row, f"Name {place}"])
        sections += [[""] * 5] if blank else []
    feed = a_layout({"account_name": "name"}, format=file_format, group_header=r"Account: (?P<id>\S+) - (?P<name>.+)")
    content = a_book(("Data", sections)) if file_format == "excel" else in_csv(sections, ",", "\n")
    assert values(content, feed) == values(in_csv([[*NAMES, "name"], *plain], ",", "\n"), a_layout({"account_name": "name"}))


@pytest.mark.parametrize("line", ["Acct A2", "Acct A2,,,,", "Total,1,0,0,2", "2024-06-28,1,0,0,2,9", "2024-99-99,1,0,0,2", "Notes below"])
def test_no_row_is_given_to_the_account_of_another_section(line: str) -> None:
    title = r"Account: (?P<id>\S+)"
    content = f"Account: A1\n{','.join(NAMES[1:])}\n2024-05-31,1,0,0,2\n{line}\n2024-06-28,5,0,0,6\nAccount: A3\n2024-06-28,7,0,0,8\n"
    result = validated(content, a_layout(group_header=title))
    assert result.accepted.select("account_id", "ending_market_value").rows() == [("A1", 2), ("A3", 8)]
    assert codes(result)[5] in {"E_REQUIRED", "E_FRAGMENT"}  # beside a line of one cell the row may also lack a piece


def test_a_file_in_which_no_line_is_a_title_is_refused() -> None:
    feed = a_layout(group_header=r"Account: (?P<id>\S+)")
    assert rejection(f"{','.join(NAMES[1:])}\n2024-05-31,1,0,0,2\n", feed).code == "E_MAPPING"
    assert rejection(f"Account: A1\n{HEADER}\nA1,2024-05-31,1,0,0,2\n", feed).code == "E_HEADER_DUPLICATE"
    before = validated(f"{','.join(NAMES[1:])}\n2024-05-31,1,0,0,2\nAccount: A1\n2024-05-31,3,0,0,4\n", feed)
    assert (codes(before), before.accepted["ending_market_value"].to_list()) == ({2: "E_REQUIRED"}, [4])


def as_lines(rows: list[list[str]], names: list[str]) -> list[list[str]]:
    return [[row[0], row[1], name, value] for row in rows for name, value in zip(names, row[2:], strict=True)]


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(rows=tables, order=st.randoms(use_true_random=False), is_sorted=st.booleans())
def test_lines_of_a_name_and_a_value_are_the_rows_of_the_plain_file(rows: list[list[str]], order: Any, *, is_sorted: bool) -> None:
    rows = [[*row[:-1], "x"] for row in rows]
    long = as_lines(rows, [*NAMES[2:], "name"])
    if not is_sorted:
        order.shuffle(long)
    plain = values(in_csv([[*NAMES, "name"], *rows], ",", "\n"), a_layout({"account_name": "name"}))
    by_key = a_layout({"account_name": "name"}, pivot={"names": "item", "values": "amount", "by": ["id", "day"]})
    assert values(in_csv([["id", "day", "item", "amount"], *long], ",", "\n"), by_key) == plain
    blocks = [[name, value] for row in rows for name, value in zip([*NAMES, "name"], row, strict=True)]
    by_first = a_layout(
        {"account_name": "name"}, header="none", names=["item", "amount"], pivot={"names": "item", "values": "amount", "begins": "id"}
    )
    assert values(in_csv(blocks, ",", "\n"), by_first) == plain


LONG = as_lines([list(row) for row in PLAIN], NAMES[2:])


def long_feed(**columns: Any) -> PositionsFeed:
    return a_layout(columns, pivot={"names": "item", "values": "amount", "by": ["id", "day"]})


@pytest.mark.parametrize("place", range(len(LONG)))
def test_a_name_that_is_missing_or_stands_twice_makes_its_row_a_misfit(place: int) -> None:
    head, lacking, twice = [["id", "day", "item", "amount"]], LONG[:place] + LONG[place + 1 :], [*LONG, LONG[place]]
    for rows, code in ((lacking, "E_FIELDS"), (twice, "E_KEY_CONFLICT")):
        result = validated(in_csv(head + rows, ",", "\n"), long_feed())
        assert list(codes(result).values()) == [code]
        assert result.accepted.height == len(PLAIN) - 1


@pytest.mark.parametrize("place", range(len(LONG)))
def test_a_line_that_cannot_be_read_never_counts_as_an_absent_amount(place: int) -> None:
    absent = {
        field: {"from": name, "absent": "zero", "blank": "zero"} for field, name in (("contributions", "in"), ("distributions", "out"))
    }
    broken = [*LONG[place][:-1], "1", "000"]
    result = validated(in_csv([["id", "day", "item", "amount"], *LONG[:place], broken, *LONG[place + 1 :]], ",", "\n"), long_feed(**absent))
    assert sorted(codes(result).values()) == ["E_FIELDS", "E_FIELDS"]
    assert result.accepted.height == len(PLAIN) - 1


def test_an_amount_without_a_line_is_blank_where_the_feed_allows_it() -> None:
    absent = {"contributions": {"from": "in", "absent": "zero", "blank": "zero"}}
    rows = [line for line in LONG if line[:3] != ["A1", DAYS[0], "in"]]
    result = validated(in_csv([["id", "day", "item", "amount"], *rows], ",", "\n"), long_feed(**absent))
    assert result.accepted["contributions"].to_list() == [0, 1, 0]
    without = [line for line in LONG if line[2] != "emv"]
    assert refusal(in_csv([["id", "day", "item", "amount"], *without], ",", "\n"), long_feed()).code == "E_MAPPING"


def test_periods_in_a_header_and_names_in_a_column_are_one_table() -> None:
    content = "id,item,2024-05-31,2024-06-28\n" + "".join(
        f"A1,{name},{place},{place + 1}\n" for place, name in enumerate(NAMES[2:], start=1)
    )
    feed = a_layout(
        unpivot={"header": r"(?P<day>\d{4}-\d\d-\d\d)", "values": ["amount"]},
        pivot={"names": "item", "values": "amount", "by": ["id", "day"]},
    )
    assert [[str(value) for value in row[1:-1]] for row in values(content, feed)] == [
        ["2024-05-31", "1.0000", "2.0000", "3.0000", "4.0000"],
        ["2024-06-28", "2.0000", "3.0000", "4.0000", "5.0000"],
    ]


def test_a_line_ended_by_any_mark_is_counted_as_a_line() -> None:
    feed = a_layout(csv={"line_end": "\u2028", "delimiter": "||"})
    raw = read(in_csv([["x"], NAMES, *PLAIN], "||", "\u2028"), feed)
    assert lines(raw) == [3, 4, 5]
    assert cells(raw, "emv") == ["101.5", "103", "5"]
