"""Texts in which marks of several characters, stand-ins, quotes and torn pieces meet: what is doubtful, and what is not."""

from typing import Any

import pytest

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.formats.csv_dialects import dialect_of
from advisory_perf.ingestion.formats.csv_doubts import says_its_end
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.raw_frame import Reading
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, a_feed_of, cells, codes, misfits, read, validated

ROW = "A1,2024-06-28,100,0,0,101"


def in_dialect(text: str, delimiter: str, line_end: str = "\n") -> str:
    return text.replace(",", delimiter).replace("\n", line_end)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r", "\n\n"])
def test_behind_a_declared_line_end_only_line_ends_of_an_editor_are_left_out(end: str) -> None:
    reading = Reading(a_feed_of("csv", csv={"line_end": "\x1e"}), "acme_1.csv", Bounds())
    assert dialect_of(f"a\x1eb\x1e{end}".encode(), reading).text == b"a\nb\n"


def test_cells_names_and_lines_of_another_dialect_are_what_they_were() -> None:
    """The delimiter and both kinds of line end have a stand-in each, none of which the text holds itself."""
    feed = a_feed(
        {"account_name": "na\x01me"}, files={"patterns": ["acme_*"], "format": "csv", "csv": {"delimiter": "||", "line_end": "#@"}}
    )
    text, head, row = "A \x01\x02 B\nC\rD", HEADER.replace(",", "||"), ROW.replace(",", "||")
    raw = read(f'{head}||na\x01me||"no||te"#@{row}||{text}||n#@A2||x||y\nz#@', feed)
    assert (cells(raw, "na\x01me"), cells(raw, "no||te")) == ([text, None], ["n", None])
    assert misfits(raw) == {3: "A2||x||y\nz"}


def test_a_first_cell_may_begin_with_the_rest_of_a_delimiter() -> None:
    feed = a_feed_of("csv", csv={"delimiter": "||"})
    row = in_dialect(ROW, delimiter="||")
    doubtful = row.replace("A1||", "A2|||")
    content = f"{in_dialect(HEADER, delimiter='||')}\n|{row}\n{doubtful}\n"
    assert cells(read(content, feed), "id") == ["|A1", None]
    assert list(misfits(read(content, feed))) == [3]


def test_a_carriage_return_is_a_character_where_lines_end_with_line_feeds() -> None:
    feed = a_feed({"account_name": "name"}, files={"patterns": ["acme_*"], "format": "csv", "csv": {"line_end": "\n"}})
    assert cells(read(f"{HEADER},name\n{ROW},a\rb\n{ROW},c\n", feed), "name") == ["a\rb", "c"]


def test_no_declared_mark_is_a_stand_in() -> None:
    feed = a_feed_of("csv", csv={"delimiter": "\x01\x02", "line_end": "\x1e"})
    raw = read(in_dialect(f"{HEADER}\n{ROW}\n", delimiter="\x01\x02", line_end="\x1e"), feed)
    assert cells(raw, "emv") == ["101"]


def quoted(**layout: Any) -> PositionsFeed:
    return a_feed({"account_name": "name"}, files={"patterns": ["acme_*"], "format": "csv", "csv": layout})


@pytest.mark.parametrize(
    ("text", "layout", "is_taken"),
    [
        ("'n'", {}, False),
        ("'n'", {"quote": "'"}, True),
        ("O'Brien", {}, True),
        ("a \\\\ b", {}, False),
        ("a \\\\ b", {"escape": "backslash"}, True),
        ("\u201cn\u201d", {}, False),
        ("`n`", {}, False),
    ],
)
def test_a_text_is_quoted_and_escaped_as_the_feed_says(text: str, layout: dict[str, Any], *, is_taken: bool) -> None:
    assert codes(validated(f"{HEADER},name\n{ROW},{text}\n", quoted(**layout))) == ({} if is_taken else {2: "E_QUOTE"})


@pytest.mark.parametrize(
    ("piece", "columns", "is_doubted"),
    [
        ("000", "emv", True),
        ("000,,", "emv", True),
        ("000\t", "emv", True),
        ("(5)-", "emv", True),
        ("a note", "emv", False),
        ("a note", "name", True),
        ("a,note", "name", False),
    ],
)
def test_a_line_of_one_cell_that_may_belong_to_the_last_cell_above_makes_its_row_doubtful(
    piece: str, columns: str, *, is_doubted: bool
) -> None:
    feed, header, row = (quoted(), f"{HEADER},name", f"{ROW},n") if columns == "name" else (a_feed(), HEADER, ROW)
    result = validated(f"{header}\n{row}\n{piece}\n", feed)
    assert (codes(result).get(2) == "E_FRAGMENT") is is_doubted
    assert 3 in codes(result)


@pytest.mark.parametrize(
    ("broken", "above", "below"),
    [
        ("A", False, True),
        ("A,7", False, False),
        ('"7"5', True, True),
        ('7,"x\nA"y', False, True),
        ('"7\nA,1"x', True, False),
    ],
)
def test_a_broken_row_is_held_against_the_row_above_by_its_first_line_and_against_that_below_by_its_last(
    broken: str, *, above: bool, below: bool
) -> None:
    result = validated(f"{HEADER}\n{ROW}\n{broken}\n{ROW.replace('A1', 'B2')}\n", a_feed())
    doubted = [line for line, code in codes(result).items() if code == "E_FRAGMENT"]
    last = 5 if "\n" in broken else 4
    assert doubted == [line for line, is_doubted in ((2, above), (last, below)) if is_doubted]


def test_a_footer_of_one_cell_makes_no_row_doubtful() -> None:
    feed = a_feed(footer=[{"column": "id", "starts_with": ["7"]}])
    result = validated(f"{HEADER}\n{ROW}\n7\n", feed)
    assert (codes(result), result.footer, result.accepted.height) == ({}, 1, 1)


@pytest.mark.parametrize(
    ("field", "end", "is_said"), [("currency", '"', True), ("account_name", '"', False), ("currency", "", False), (None, "", True)]
)
def test_a_closing_quote_shows_the_end_of_a_cell_but_not_of_a_free_text(field: str | None, end: str, *, is_said: bool) -> None:
    feed = a_feed({field: "last"} if field else None, **({"currency": None} if field == "currency" else {}))
    raw = read(f"{HEADER},last\n{ROW},x\n", feed)
    assert says_its_end(f'{HEADER},last\n{ROW},"x{end}'.encode(), raw, feed) is is_said
