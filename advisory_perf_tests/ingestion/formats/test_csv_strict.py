"""Quoting, line ends, encodings and the file's end are read strictly: each kind in a table, or for all texts of a kind."""

import csv
import io

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advisory_perf.feeds.file_layout import Csv
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.formats.csv_reader import read_csv
from advisory_perf.ingestion.formats.csv_strict import Grammar, broken_records
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.raw_frame import Reading
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, a_feed_of, cells, codes, lines, read, refusal, rejection, validated

pytestmark = pytest.mark.slow

GOOD = "A1,2024-06-28,100,0,0,101"
OTHER = "A2,2024-06-28,100,0,0,101"
NAMED = a_feed_of("csv", {"account_name": "name"})


def in_blocks(content: bytes, feed: PositionsFeed, block_bytes: int) -> pl.DataFrame:
    return read_csv(content, Reading(feed, "acme_1.csv", bounds=BOUNDS), block_bytes=block_bytes)


BOUNDS = Bounds()


@pytest.mark.parametrize(
    "row",
    [
        '"A1"7,2024-06-28,100,0,0,101,n',
        'A1,2024-06-28,100,0,0,"101"7,n',
        'A1,2024-06-28,100,0,0,101, "n"',
        'A1,2024-06-28,100,0,0,101,\t"n"',
        'A1,2024-06-28,100,0,0,101,"n" ',
        'A1,2024-06-28,100,0,0,101,n"',
        'A1,2024-06-28,100,0,0,101,a"b',
        'A1,2024-06-28,100,0,0,101,"a"b"',
        'A1,2024-06-28,100,0,0,101,"a \\"b\\" c"',
        "A1,2024-06-28,100,0,0,101,'n'",
        "A1,2024-06-28,100,0,0,101,`n`",
        "A1,2024-06-28,100,0,0,101,\u201cn\u201d",
        "A1,2024-06-28,100,0,0,101,\u201en\u201c",
        "A1,2024-06-28,100,0,0,101,O\\'Brien",
        "A1,2024-06-28,100,0,0,101,a \\\\ b",
        "A1,2024-06-28,100,0,0,101,n\\",
    ],
)
def test_a_row_with_broken_or_foreign_quotes_is_quarantined_alone(row: str) -> None:
    result = validated(f"{HEADER},name\n{OTHER},a\n{row}\n{OTHER.replace('A2', 'A3')},b\n", NAMED)
    assert codes(result) == {3: "E_QUOTE"}
    assert result.accepted["account_id"].to_list() == ["A2", "A3"]
    assert "line 3: the row's quotes are broken or not the feed's" in result.quarantined["reason"].item()


@pytest.mark.parametrize(
    "text",
    ['"n"', '"a ""b"" c"', '"a, b"', '"a\nb"', '"a\r\nb"', '="n"', '"""Bud"""', '"=""n"""', "DOMAIN\\user", "O'Brien", "'t Hooft", '""'],
)
def test_what_is_quoted_from_end_to_end_is_a_cell(text: str) -> None:
    result = validated(f"{HEADER},name\n{GOOD},{text}\n{OTHER},b\n", NAMED)
    assert result.accepted["account_id"].to_list() == ["A1", "A2"]


def test_a_quote_that_closes_rows_later_takes_no_row_silently() -> None:
    opened = f'A1,2024-06-28,100,0,0,101,"Smith\n{OTHER},Jones"'
    result = validated(f"{HEADER},name\n{opened}\n{OTHER.replace('A2', 'A3')},b\n", NAMED)
    assert (codes(result), result.quarantined["raw_row"].to_list()) == ({2: "E_QUOTE"}, [opened])
    assert (result.accepted["account_id"].to_list(), result.accepted["line_number"].to_list()) == (["A3"], [4])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_that_are_all_quoted_wrongly_are_quarantined_one_by_one(end: str) -> None:
    result = validated((f"{HEADER},name\n" + f'{GOOD}, "n"\n' * 9).replace("\n", end), NAMED)
    assert codes(result) == dict.fromkeys(range(2, 11), "E_QUOTE")


def test_a_row_of_several_lines_and_too_many_cells_has_no_broken_quote() -> None:
    assert codes(validated(f'{HEADER},name\n{GOOD},"a\nb",7\n{OTHER},c\n', NAMED)) == {2: "E_FIELDS"}


def test_rows_after_a_broken_record_keep_their_lines_and_a_trailer_is_no_part_of_it() -> None:
    feed = a_feed({"account_name": "name"}, footer=[{"column": "id", "starts_with": ["Total"]}])
    result = validated(f'{HEADER},name\nA1,2024-06-28,100,0,0,101,"Smith\n{OTHER},"King, B"\nTotal,,,,,,\n{OTHER},"a\nb"\n{GOOD},c\n', feed)
    assert codes(result) == {2: "E_QUOTE"}
    assert (result.footer, result.accepted["line_number"].to_list()) == (1, [5, 7])


def test_a_footer_whose_quote_takes_rows_in_is_no_footer() -> None:
    feed = a_feed({"account_name": "name"}, footer=[{"column": "id", "starts_with": ["Total"]}])
    result = validated(f'{HEADER},name\n{GOOD},a\nTotal,,,,,,"x\n{OTHER},b"\n', feed)
    assert (result.footer, codes(result)) == (0, {3: "E_QUOTE"})


@pytest.mark.parametrize(
    ("header", "line"),
    [(f'{HEADER},"Comment\n{OTHER},x"', 1), (f'{HEADER},"Comment"x', 1), (f'"Report\n{HEADER},x\n{OTHER},y"\n{HEADER},x', 4)],
)
def test_rows_do_not_hide_in_the_header_or_above_it(header: str, line: int) -> None:
    error = rejection(f"{header}\n{GOOD},a\n")
    assert error.code == "E_FORMAT"
    assert f"in line {line} or above is broken, so that rows may hide" in error.sentence


def test_a_row_above_the_header_is_refused_and_a_remark_there_is_not() -> None:
    assert rejection(f"{GOOD}\n{HEADER}\n{OTHER}\n").code == "E_HEADER_MISSING"
    assert lines(read(f"Report,2024-06-28,,,,\n{HEADER}\n{OTHER}\n")) == [3]


BACKSLASH = a_feed_of("csv", {"account_name": "name"}, csv={"escape": "backslash"})


@pytest.mark.parametrize(
    ("text", "name"), [('"a \\"b\\""', 'a "b"'), ('"a ""b"""', None), ('"DOMAIN\\user"', None), ("a\\, b", "a, b"), ("\\N", None)]
)
def test_behind_a_backslash_that_escapes_stands_only_what_it_is_for(text: str, name: str | None) -> None:
    raw = read(f"{HEADER},name\n{GOOD},{text}\n{OTHER},c\n", BACKSLASH)
    assert cells(raw, "name") == [name, "c"]


@pytest.mark.parametrize(
    ("content", "doubtful"),
    [
        (f"{GOOD[:-1]}\n1\n{OTHER}\n", {2: "E_FRAGMENT", 3: "E_FIELDS", 4: "E_FRAGMENT"}),
        (f"{GOOD[:-1]}\r1\r{OTHER}\r", {2: "E_FRAGMENT", 3: "E_FIELDS", 4: "E_FRAGMENT"}),
        (f"A\n1{GOOD[1:]}\n", {2: "E_FIELDS", 3: "E_FRAGMENT"}),
        (f"{GOOD[:-1]}\n1,\n", {2: "E_FRAGMENT", 3: "E_FIELDS"}),
        (f"{GOOD[:-1]}\n\n1\n", {2: "E_FRAGMENT", 4: "E_FIELDS"}),
        (f"{GOOD[:9]}\n{GOOD[9:]}\n{OTHER}\n", {2: "E_FIELDS", 3: "E_FIELDS"}),
        (f"{GOOD}\nEnd of report\n", {3: "E_FIELDS"}),
        (f"{GOOD}\nA2,2024-06-28\n{OTHER}\n", {3: "E_FIELDS"}),
    ],
)
def test_a_row_beside_a_piece_of_a_row_is_doubtful(content: str, doubtful: dict[int, str]) -> None:
    end = "\r" if "\r" in content else "\n"
    assert codes(validated(f"{HEADER}{end}{content}")) == doubtful


def test_a_piece_beside_a_column_that_is_not_read_puts_no_row_in_doubt() -> None:
    assert codes(validated(f"{HEADER},note\n{GOOD},no\nte\n")) == {3: "E_FIELDS"}
    assert codes(validated(f"{HEADER},name\n{GOOD},Alder\n Trust\n", NAMED)) == {2: "E_FRAGMENT", 3: "E_FIELDS"}


def test_a_footer_beside_a_row_is_no_piece_of_it() -> None:
    assert not codes(validated(f"{HEADER}\n{GOOD}\n77\n", a_feed(footer=[{"column": "id", "starts_with": ["77"]}])))


texts = st.text(alphabet="a,\"\n\r\\'7 =", max_size=8)


@accepts_at_least(0.3)
@settings(derandomize=True, max_examples=100)
@given(st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_a_writer_of_csv_writes_is_never_broken_unless_it_holds_rows(rows: list[list[str]]) -> None:
    for quoting in (csv.QUOTE_ALL, csv.QUOTE_MINIMAL):
        text = io.StringIO()
        csv.writer(text, quoting=quoting, lineterminator="\n").writerows(rows)
        content = text.getvalue().encode()
        hides = any(("\n" in cell or "\r" in cell) and cell.count(",") >= 2 for row in rows for cell in row)
        counted("files without rows in their cells", not hides)
        assert bool(broken_records(content, Csv(), start=0, width=3)) <= hides


quoted_cells = st.lists(st.sampled_from(["a", ",", "\n", "\r\n", '""', " "]), max_size=4).map(lambda parts: f'"{"".join(parts)}"')
records = st.lists(st.one_of(st.sampled_from(["", "a", "ab"]), quoted_cells), min_size=1, max_size=3).map(",".join)
texts_of_records = st.lists(records, min_size=1, max_size=6).map("\n".join)


@accepts_at_least(0.3)
@settings(derandomize=True, max_examples=100)
@given(texts_of_records | st.text(alphabet='ab",\n\r', max_size=60))
def test_a_text_without_broken_records_is_read_alike_by_a_strict_reader(text: str) -> None:
    content = f"{text}\n".encode()
    is_whole = not broken_records(content, Csv(), start=0, width=3) and '"' in text
    counted("texts", is_whole)
    if not is_whole:
        return
    grammar, position, found = Grammar(Csv()), 0, 0
    while position < len(content):
        record = grammar.record(content, position, 99)
        assert record.is_whole
        position, found = record.end + (2 if content[record.end : record.end + 2] == b"\r\n" else 1), found + 1
    assert len(list(csv.reader(io.StringIO(f"{text}\n", newline=""), strict=True))) == found


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.sampled_from(["a", '"a\r\nb"', '"\r\n"', '"a ""b"""', "", '"x\n\ny"', '"7', "a,b"]), min_size=1, max_size=12),
    block=st.integers(2, 200),
)
@example(rows=['"a\r\nb"'] * 12, block=64)
def test_blocks_of_any_size_give_the_same_frame(rows: list[str], block: int) -> None:
    content = "\r\n".join([f"{HEADER},name", *(f"{GOOD},{row}" for row in rows)]).encode() + b"\r\n"
    assert in_blocks(content, NAMED, block).equals(in_blocks(content, NAMED, 1 << 22))


def test_every_block_of_a_file_with_line_ends_in_cells_gives_its_text_and_lines() -> None:
    content = (f"{HEADER},name\r\n" + f'{GOOD},"Alder\r\nTrust"\r\n' * 6 + "A9,x\r\n").encode()
    for block in range(2, len(content) + 3):
        raw = in_blocks(content, NAMED, block)
        assert cells(raw, "name") == ["Alder\r\nTrust"] * 6 + [None]
        assert lines(raw) == [2, 4, 6, 8, 10, 12, 14]


def test_a_row_longer_than_a_block_is_a_row() -> None:
    name = "x" * (5 << 20)
    text = f'{HEADER},name\n{GOOD},"{name}\nx"\n{OTHER},b\n'.encode()
    raw = read_raw_rows(text, NAMED, "acme_1.csv", bounds=Bounds(cell_chars=6 << 20))
    assert cells(raw, "name") == [f"{name}\nx", "b"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "iso8859-15", "cp850", "mac-roman", "ascii"])
def test_utf8_where_the_feed_says_another_encoding_is_refused(encoding: str) -> None:
    feed = a_feed_of("csv", {"account_name": "name"}, csv={"encoding": encoding})
    error = rejection(f"{HEADER},name\n{GOOD},Müller\n".encode(), feed)
    assert error.code == "E_ENCODING"
    assert "line 2" in error.sentence
    assert cells(read(f"{HEADER},name\n{GOOD},Muller\n", feed), "name") == ["Muller"]
    if encoding != "ascii":
        assert "set `csv: encoding: utf-8`" in error.sentence
        assert cells(read(f"{HEADER},name\n{GOOD},Müller\n".encode(encoding), feed), "name") == ["Müller"]


def test_control_characters_show_a_windows_encoding() -> None:
    feed = a_feed_of("csv", {"account_name": "name"}, csv={"encoding": "latin-1"})
    error = rejection(f"{HEADER},name\n{GOOD},5 €\n".encode("cp1252"), feed)
    assert (error.code, "control character in line 2" in error.sentence) == ("E_ENCODING", True)
    error = rejection(f"{HEADER},name\n{GOOD},{'x' * (5 << 20)}\n{OTHER},5 €\n".encode("cp1252"), feed)
    assert "control character in line 3" in error.sentence, "lines are counted over all pieces of a text"
    for byte in (0x7F, 0x80, 0x84, 0x85, 0x86, 0x9F, 0xA0):
        content = f"{HEADER},name\n{GOOD},5 ".encode() + bytes([byte]) + b"5\n"
        if byte in {0x7F, 0x85, 0xA0}:  # the second ends lines on mainframes
            assert cells(read(content, feed), "name") == [f"5 {chr(byte)}5"]
        else:
            assert rejection(content, feed).code == "E_ENCODING"


def test_a_few_characters_in_an_encoding_of_several_bytes_may_be_utf8_by_chance() -> None:
    feed = a_feed_of("csv", {"account_name": "name"}, csv={"encoding": "gbk"})
    assert cells(read(f"{HEADER},name\n{GOOD},联通\n".encode("gbk"), feed), "name") == ["联通"]
    assert rejection(f"{HEADER},name\n{GOOD},联通公司股份\n".encode(), feed).code == "E_ENCODING"
    for name in ("通通通", "通酮通酮"):
        assert cells(read(f"{HEADER},name\n{GOOD},{name}\n".encode("gbk"), feed), "name") == [name]
    assert rejection(f"{HEADER},name\n{GOOD},通酮瞳\n".encode("gbk"), feed).code == "E_ENCODING", "three different ones are no chance"


@pytest.mark.parametrize("end", ["\n\x1a", "\r\n\x1a", "\n\x1a\x1a\x1a", "\n\x1a\n", "\x1a", "\x1a\r\n", "\r\n\x1a\r\n"])
def test_the_end_of_file_mark_of_dos_ends_a_whole_file(end: str) -> None:
    result = validated(f"{HEADER}\n{GOOD}\n{OTHER}{end}")
    assert (result.read, result.accepted.height) == (2, 2)


@pytest.mark.parametrize("start", ["\ufeff", "\ufeff\ufeff"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_byte_order_marks_where_files_were_joined_are_no_part_of_a_row(start: str, quote: str) -> None:
    row = f"{quote}A2{quote}{OTHER[2:]}"
    result = validated(f"{start}{HEADER}\n{GOOD}\n{start}{HEADER}\n{row}\n{start}{row.replace('A2', 'A3')}\n")
    assert (result.accepted["account_id"].to_list(), result.footer) == (["A1", "A2", "A3"], 1)
    assert not result.notices


def test_a_huge_cell_above_the_header_is_refused_with_its_line() -> None:
    for cell in (f'"{"x" * 140_000}"', "x" * 140_000):
        error = rejection(f"Report\n{cell}\n{HEADER}\n{GOOD}\n")
        assert error.code == "E_TOO_LARGE"
        assert "in or after line 2" in error.sentence
        assert "field" not in error.sentence
    below = rejection(f"Trades\n1,2\nPositions\nReport\n{'x' * 140_000}\n{HEADER}\n{GOOD}\n", a_feed_of("csv", csv={"block": "Positions"}))
    assert "in or after line 5" in below.sentence


LAST = {"id": "account_id", "day": "as_of_date", "name": "account_name", "r": "vendor_twrr"}


def ending_in(column: str, texts: list[str], *, name: str = "name", **csv_keys: str) -> tuple[str, PositionsFeed]:
    """A file without a final line end whose last column holds the texts."""
    names = [name for name in (*HEADER.split(","), "r") if name != column] + [column]
    feed = a_feed({"vendor_twrr": "r", **({"account_name": name} if column == name else {})}, files=files_with(csv_keys))
    row = {"id": "X", "day": "2024-06-28", "bmv": "100", "in": "0", "out": "0", "emv": "101", "r": "0.01"}
    rows = [",".join({**row, "id": f"X{at}", column: text}[name] for name in names) for at, text in enumerate(texts)]
    return "\n".join([",".join(names), *rows]), feed


def files_with(csv_keys: dict[str, str]) -> dict[str, object]:
    return {"patterns": ["acme_*"], "format": "csv", "csv": csv_keys}


@pytest.mark.parametrize(
    ("column", "texts", "is_whole"),
    [
        ("id", ["ACC10002", "ACC10001"], False),
        ("id", ['"ACC10002"', '"ACC10001"'], True),
        ("name", ["Alder", "Beech"], False),
        ("name", ['"Alder"', '"Beech"'], False),
        ("note", ["Alder", "Bee"], True),
        ("day", ["2024-06-27", "2024-06-28"], True),
        ("day", ["2024-06-27", "2024-06-2"], False),
        ("emv", ["101.00", "101.00"], False),
        ("emv", ["-101.00", "101.00"], True),
        ("emv", ["-101.00", "101.0"], False),
        ("emv", ["-101.00", '"101"'], True),
        ("emv", ["101", "101"], False),
        ("emv", ["-101.25", "101.25"], False),
        ("emv", ["-101.25"] * 20 + ["101.25"], True),
        ("emv", ["101.00-", "101.00"], False),
        ("r", ["-0.0100", "0.0100"], True),
        ("r", ["-1.00%", "1.00%"], True),
        ("r", ["-1.00%", "1.00"], False),
        ("r", ["0.01", ""], False),
        ("r", ["", ""], True),
    ],
)
def test_a_last_cell_that_no_line_end_closes_is_taken_only_where_it_shows_that_it_is_whole(
    column: str, texts: list[str], *, is_whole: bool
) -> None:
    content, feed = ending_in(column, texts)
    if is_whole:
        assert validated(content, feed).accepted.height == len(texts)
    else:
        error = refusal(content, feed)
        assert (error.code, "has no line end" in error.sentence) == ("E_TORN", True)
    content, feed = ending_in(column, texts, final_newline="never")
    assert validated(content, feed).read == len(texts)
