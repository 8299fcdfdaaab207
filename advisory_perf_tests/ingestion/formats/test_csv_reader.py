import codecs

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advisory_perf.feeds.file_layout import Csv
from advisory_perf.ingestion.formats.csv_decoding import fewest_misfits
from advisory_perf_tests.ingestion.scenarios import (
    HEADER,
    a_feed,
    a_feed_of,
    cells,
    codes,
    lines,
    misfits,
    read,
    refusal,
    rejection,
    validated,
)

ROW = "A1,2024-06-28,100,0,0,101"
FILE = f"{HEADER}\n{ROW}\n"


def test_the_cells_are_the_text_of_the_file_and_leading_zeros_stay() -> None:
    raw = read(f"{HEADER}\n00123,2024-06-28,0100.10,+0, 0 ,1e3\n")
    assert raw.columns == ["line_number", "misfit", "mark", *(f"cell:{name}" for name in HEADER.split(","))]
    assert raw.row(0) == (2, None, None, "00123", "2024-06-28", "0100.10", "+0", " 0 ", "1e3")


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + FILE.encode(),
        codecs.BOM_UTF16_LE + FILE.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + FILE.encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-16-le", "utf-16-be"],
)
def test_a_byte_order_mark_tells_the_encoding_and_is_no_part_of_the_header(content: bytes) -> None:
    assert cells(read(content), "id") == ["A1"]


def test_the_feed_says_encoding_and_delimiter() -> None:
    feed = a_feed_of("csv", {"account_name": "Inhaber"}, csv={"encoding": "latin-1", "delimiter": ";"})
    raw = read(f"{HEADER},Inhaber\n{ROW},Müller, Jörg\n".replace(",", ";", 12).encode("latin-1"), feed)
    assert cells(raw, "Inhaber") == ["Müller, Jörg"]


def test_lines_before_the_header_are_passed_over_and_counted() -> None:
    raw = read(f'Acme performance report\n"Made on, 2024-06-30",x\n\n{FILE}')
    assert lines(raw) == [5]


def test_a_quoted_line_end_before_the_header_counts_as_a_line() -> None:
    raw = read(f'"two\nlines"\n{FILE}A2\n')
    assert lines(raw) == [4, 5]
    assert misfits(raw) == {5: "A2"}


def test_line_ends_may_be_mixed() -> None:
    raw = read(f"{HEADER}\r\n{ROW}\n{ROW}\r\n{ROW}")
    assert cells(raw, "emv") == ["101"] * 3
    assert lines(raw) == [2, 3, 4]


a_name = st.sampled_from(["a", '"a\nb"', '"a\rb"', '"a\r\nb"', '"a\r\rb\n"', "a\rb", "", '"say ""d"""'])


@given(names=st.lists(a_name, min_size=1, max_size=8), line_end=st.sampled_from(["\n", "\r\n"]))
@example(names=["a\rb", '"a\nb"', "a"], line_end="\n")
def test_line_numbers_hold_behind_line_ends_of_every_kind(names: list[str], line_end: str) -> None:
    """An LF counts everywhere; a CR alone counts where no quotes hold it, and breaks its row in two."""
    written = [f"{ROW},{name}{line_end}" for name in names]
    feed = a_feed_of("csv", {"account_name": "name"})
    raw = read(f"{HEADER},name{line_end}{''.join(written)}".encode(), feed)
    ends = [row.count("\n") + (row.count("\r") - row.count("\r\n") if '"' not in row else 0) for row in written]
    begins = [2 + sum(ends[:place]) for place in range(len(ends))]
    pieces = [begin + piece for begin, row in zip(begins, written, strict=True) for piece in range(2 if ",a\rb" in row else 1)]
    assert lines(raw) == pieces


def test_a_quoted_line_end_stays_in_its_cell_and_later_rows_keep_their_physical_lines() -> None:
    feed = a_feed_of("csv", {"account_name": "name"})
    raw = read(f'{HEADER},name\n{ROW},"first\nsecond\nthird"\n{ROW},b\n{ROW}\n{ROW},"say ""d"""\n', feed)
    assert cells(raw, "name") == ["first\nsecond\nthird", "b", None, 'say "d"']
    assert lines(raw) == [2, 5, 6, 7]
    assert misfits(raw) == {6: ROW}


def test_short_and_long_rows_are_kept_whole_with_their_line() -> None:
    raw = read(f"{HEADER}\n{ROW}\nA2,2024-06-28\n{ROW},surplus\r\n{ROW}\n")
    assert misfits(raw) == {3: "A2,2024-06-28", 4: f"{ROW},surplus"}
    assert lines(raw) == [2, 3, 4, 5]
    assert cells(raw, "id") == ["A1", None, None, "A1"]


def test_lines_without_content_are_no_rows() -> None:
    raw = read(f"{HEADER}\n\n{ROW}\n   \n,,,,,\n{ROW}\n\n")
    assert lines(raw) == [3, 6]
    assert not misfits(raw)


def test_a_quote_that_nothing_closes_makes_the_rest_of_the_file_one_misfit() -> None:
    raw = read(f'{FILE}A2,"2024-06-28,1,0,0,1\n{ROW}\n{ROW}\n')
    assert lines(raw) == [2, 3]
    assert misfits(raw) == {3: f'A2,"2024-06-28,1,0,0,1\n{ROW}\n{ROW}'}


def test_a_quote_that_nothing_closes_in_the_last_column_swallows_no_row_either() -> None:
    feed = a_feed_of("csv", {"account_name": "name"})
    rest = f'{ROW},"Smith\n{ROW},b\n{ROW},c'
    raw = read(f"{HEADER},name\n{ROW},a\n{rest}\n", feed)
    assert misfits(raw) == {3: rest}
    assert cells(raw, "name") == ["a", None]


def test_a_last_cell_of_several_lines_that_is_closed_is_a_cell() -> None:
    feed = a_feed_of("csv", {"account_name": "name"})
    for end in ("", "\n", "\r\n"):
        raw = read(f'{HEADER},name\n{ROW},"6"" and\nmore"{end}', feed)
        assert cells(raw, "name") == ['6" and\nmore']
        assert not misfits(raw)


def test_a_quote_within_an_unquoted_cell_is_a_character_only_where_nothing_is_quoted() -> None:
    content = f'{HEADER},name\n{ROW},6" pipe\n{ROW},b\n'
    raw = read(content, a_feed_of("csv", {"account_name": "name"}))
    assert (misfits(raw), raw["mark"].to_list()) == ({2: f'{ROW},6" pipe'}, ["E_QUOTE", None])
    unquoted = a_feed_of("csv", {"account_name": "name"}, csv={"quote": "none"})
    assert cells(read(content, unquoted), "name") == ['6" pipe', "b"]


def test_an_open_quote_does_not_hide_the_header_of_a_large_file() -> None:
    raw = read(f'{HEADER}\n"{ROW}\n' + f"{ROW}\n" * 6000)
    assert lines(raw) == [2]
    assert len(misfits(raw)[2]) == len(f'"{ROW}') + 6000 * len(f"\n{ROW}")


def test_a_file_of_a_header_alone_has_no_rows() -> None:
    for content in (HEADER, f"{HEADER}\n", f"{HEADER}\r\n\r\n"):
        raw = read(content)
        assert raw.height == 0
        assert "cell:emv" in raw.columns


def test_the_header_matches_through_case_odd_spaces_and_a_trailing_mark() -> None:
    feed = a_feed_of("csv", {"account_name": "Account Name"})
    raw = read(f"ID*, Day ,BMV,\u00a0in,OUT *,emv,ACCOUNT\u00a0  name\n{ROW},a\n", feed)
    assert raw.columns[3:] == [f"cell:{name}" for name in [*HEADER.split(","), "Account Name"]]


def test_columns_that_the_feed_does_not_map_are_kept_under_their_own_or_a_made_up_name() -> None:
    raw = read(f"{HEADER},Branch,\n{ROW},NY,x\n")
    assert raw.columns[-2:] == ["cell:Branch", "cell:unnamed 8"]


def test_a_column_that_stands_twice_is_refused() -> None:
    error = rejection(f"{HEADER},EMV\n{ROW},1\n")
    assert error.code == "E_HEADER_DUPLICATE"
    assert "the column 'emv' stands twice" in error.sentence


def test_a_missing_column_is_refused_by_its_name() -> None:
    error = rejection("Title\nid,day,bmv,in,out\nA1,2024-06-28,1,0,0\n")
    assert error.code == "E_MAPPING"
    assert "the header in line 2 lacks emv" in error.sentence


def test_a_file_without_a_header_is_refused() -> None:
    error = rejection(f"{ROW}\n{ROW}\n")
    assert error.code == "E_HEADER_MISSING"
    assert "id, day, bmv, in" in error.sentence


def test_a_header_is_found_however_long_the_preamble_is_up_to_a_thousand_lines() -> None:
    assert lines(read("x\n" * 63 + FILE)) == [65]
    assert lines(read("x\n" * 999 + FILE)) == [1001]
    assert rejection("x\n" * 1_000 + FILE).code == "E_HEADER_MISSING"


@pytest.mark.parametrize("content", [FILE.encode("utf-16-le"), FILE.replace("A1", "A\0").encode()], ids=["utf-16", "a NUL"])
def test_nul_bytes_are_no_text(content: bytes) -> None:
    error = rejection(content)
    assert error.code == "E_ENCODING"
    assert "NUL" in error.sentence


def test_bytes_of_another_encoding_are_refused_with_their_line() -> None:
    error = rejection(f"{FILE}M\u00fcller,2024-06-28,1,0,0,1\n".encode("latin-1"))
    assert error.code == "E_ENCODING"
    assert "is not utf-8 text in line 3" in error.sentence


@pytest.mark.parametrize("encoding", ["utf-9", "rot13", ""])
def test_a_feed_cannot_name_an_encoding_that_nobody_knows(encoding: str) -> None:
    with pytest.raises(ValueError, match="no encoding of text"):
        a_feed_of("csv", csv={"encoding": encoding})


plain = st.text("aü,; '", max_size=4)
"""Too short for all the delimiters of a row, with which a cell of several lines would be no cell."""


@settings(max_examples=40)
@given(rows=st.lists(st.tuples(plain, st.lists(plain, min_size=0, max_size=3), st.booleans()), max_size=12))
def test_every_row_is_found_on_its_own_line_with_its_own_text(rows: list[tuple[str, list[str], bool]]) -> None:
    """Cells of several lines before, after and between rows of too few cells."""
    content, line, expected = [HEADER], 2, {}
    for name, parts, fits in rows:
        quoted = "\n".join([name, *parts])
        content.append(f'"x{quoted}",2,3,4,5,6' if fits else f'"x{quoted}",short')
        expected[line] = f"x{quoted}" if fits else None
        line += 1 + len(parts)
    raw = read("\n".join(content) + "\n")
    assert dict(zip(lines(raw), cells(raw, "id"), strict=True)) == expected
    assert set(misfits(raw)) == {line for line, text in expected.items() if text is None}


def test_utf_32_is_distinguished_from_utf_16_by_its_longer_mark() -> None:
    assert cells(read(codecs.BOM_UTF32_LE + FILE.encode("utf-32-le")), "id") == ["A1"]
    assert rejection(codecs.BOM_UTF16_LE + FILE.encode("utf-16-le")[:-1]).code == "E_ENCODING"
    assert rejection(codecs.BOM_UTF16_LE + FILE.encode("utf-16-le") + b"\x00\xd8").code == "E_ENCODING"


def test_a_row_that_no_line_end_closes_is_marked_for_the_validate() -> None:
    assert read(FILE.rstrip())["mark"].to_list() == ["E_TORN"]
    assert read(FILE)["mark"].to_list() == [None]


def test_a_last_row_that_lacks_cells_and_a_line_end_is_torn() -> None:
    error = rejection(f"{FILE}A2,2024-06-28,1")
    assert error.code == "E_TORN"
    assert "within line 3" in error.sentence
    assert rejection(f'{FILE}A2,2024-06-28,1,0,0,"1').code == "E_TORN"
    assert misfits(read(f"{FILE}A2,2024-06-28,1\n")) == {3: "A2,2024-06-28,1"}
    assert misfits(read(f"{FILE}A2,2024-06-28,1,0,0,1,9")) == {3: "A2,2024-06-28,1,0,0,1,9"}


def test_a_footer_needs_no_line_end() -> None:
    feed = a_feed(footer=[{"column": "id", "starts_with": ["Date downloaded"]}])
    assert misfits(read(f'{FILE}\n"Date downloaded 05/31/2024 7:51 pm"', feed)) == {4: '"Date downloaded 05/31/2024 7:51 pm"'}


def test_a_feed_may_require_that_the_last_line_ends() -> None:
    feed = a_feed_of("csv", csv={"final_newline": "required"})
    assert rejection(FILE.rstrip(), feed).code == "E_TORN"
    assert read(FILE, feed).height == 1


def test_a_header_that_is_printed_again_is_a_footer_with_its_text() -> None:
    raw = read(f"{FILE}{HEADER}\n{ROW}\n\n {HEADER}\n{ROW}\n")
    assert lines(raw) == [2, 3, 4, 6, 7]
    assert misfits(raw) == {3: HEADER, 6: f" {HEADER}"}
    assert raw["mark"].null_count() == 5
    assert validated(f"{FILE}{HEADER}\n").footer == 1


@pytest.mark.parametrize("quote", ["'", '"'])
def test_the_feed_says_what_quotes_a_cell(quote: str) -> None:
    feed = a_feed_of("csv", {"account_name": "name"}, csv={"quote": quote})
    content = f"{HEADER},name\n{ROW},{quote}Smith, {quote}{quote}Bud{quote}{quote} Jr{quote}\n"
    assert cells(read(content, feed), "name") == [f"Smith, {quote}Bud{quote} Jr"]


def test_an_apostrophe_quotes_nothing_unless_the_feed_says_so() -> None:
    row = f"{ROW},'Smith, Bud'"
    raw = read(f"{HEADER},name\n{row}\n")
    assert (misfits(raw), raw["mark"].to_list()) == ({2: row}, ["E_FIELDS"])


def test_without_a_quote_every_character_is_itself() -> None:
    feed = a_feed_of("csv", {"account_name": "name"}, csv={"quote": "none"})
    assert cells(read(f'{HEADER},name\n{ROW},"6\n{ROW},7" 8"\n', feed), "name") == ['"6', '7" 8"']


def test_a_quote_may_stand_behind_a_backslash() -> None:
    feed = a_feed_of("csv", {"account_name": "name"}, csv={"escape": "backslash"})
    assert cells(read(f'{HEADER},name\n{ROW},"Smith, \\"Bud\\" Jr"\n', feed), "name") == ['Smith, "Bud" Jr']


def test_a_last_row_whose_quotes_are_broken_is_not_torn() -> None:
    assert codes(validated(f'{HEADER}\n{ROW}\nA2,"x"y')) == {3: "E_QUOTE"}


def test_lines_that_begin_with_their_kind_are_rows_of_the_one_the_feed_names() -> None:
    columns = {"account_id": "Account id", "as_of_date": "Account day"}
    feed = a_feed_of("csv", columns, header_rows=2, csv={"delimiter": "|", "record_prefix": "DL"})
    content = "H1|Acme\nH2|Account|Account||||||\nH3|id|day|bmv|in|out|emv\nDL|A1|2024-06-28|100|0|0|101\nTR|1|x|x|x|x|x\nTR|1\nDL|A2\n"
    raw = read(content, feed)
    assert cells(raw, "Account id") == ["A1", None, None, None]
    assert misfits(raw) == {5: "TR|1|x|x|x|x|x", 6: "TR|1", 7: "DL|A2"}
    assert raw["mark"].to_list() == [None, None, None, "E_FIELDS"]
    assert "cell:H2 H3" not in raw.columns
    assert rejection(content).code == "E_HEADER_MISSING"
    takes_a_row_in = read(f'{content}TR|"1\nDL|A3|2024-06-28|100|0|0|101"\n', feed)
    assert takes_a_row_in["mark"].to_list() == [None, None, None, "E_FIELDS", "E_FIELDS"]


TRADES = "date,account,type,amount\n2024-06-28,A1,BUY,5\n"


@pytest.mark.parametrize("between", ["\n\n", "\nTransactions\n", ""], ids=["blank lines", "a title", "nothing"])
def test_a_second_table_is_refused_until_the_feed_names_the_block(between: str) -> None:
    content = f"Positions\n{FILE}{between}{TRADES}"
    error = rejection(content)
    assert error.code == "E_MULTI_TABLE"
    assert "'date', 'account', 'type', 'amount'" in error.sentence
    if between.startswith("\n"):
        for title in ("Positions", ""):
            raw = read(content, a_feed_of("csv", csv={"block": title}))
            assert (lines(raw), cells(raw, "id")) == ([3], ["A1"])


def test_a_second_table_of_as_many_columns_is_refused_too() -> None:
    assert rejection(f"{FILE}\nday,kind,a,b,c,d\n2024-06-28,x,1,2,3,4\n").code == "E_MULTI_TABLE"


def test_the_block_that_the_feed_names_may_stand_far_below() -> None:
    content = TRADES + "2024-06-28,A1,BUY,5\n" * 200 + f"\nPositions of June\n{FILE}\nNotes\n"
    raw = read(content, a_feed_of("csv", csv={"block": "Positions"}))
    assert lines(raw) == [206]
    error = rejection(content, a_feed_of("csv", csv={"block": "Holdings"}))
    assert error.code == "E_HEADER_MISSING"
    assert "'Holdings'" in error.sentence


def test_rows_without_a_figure_are_no_second_table() -> None:
    raw = read(f"{FILE}A2,pending,x\nB,C\n{ROW}\nTotal,,,,,\n")
    assert lines(raw) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("key", [{"delimiter": '"'}, {"delimiter": "|\n"}, {"quote": "x"}, {"record_prefix": ""}])
def test_a_feed_cannot_say_what_no_file_is(key: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"files\.csv"):
        a_feed_of("csv", csv=key)


OPEN_ENDED = a_feed_of("csv", csv={"trailing_delimiter": True})


def test_rows_that_end_with_a_delimiter_have_no_further_cell_where_the_feed_says_so() -> None:
    content = f"{HEADER}\nA1,2024-06-28,100,0,0,101,\nA2,2024-06-28,100,0,0,102, \n"
    assert (cells(read(content, OPEN_ENDED), "emv"), misfits(read(content, OPEN_ENDED))) == (["101", "102"], {})
    assert list(misfits(read(content))) == [2, 3]


def test_a_row_with_something_behind_its_last_delimiter_has_a_cell_too_many() -> None:
    raw = read(f"{HEADER}\nA1,2024-06-28,100,0,0,101,\nA4,2024-06-28,1,000,0,0,104\nA5,2024-06-28,1,000,0,0,104,\n", OPEN_ENDED)
    assert misfits(raw) == {3: "A4,2024-06-28,1,000,0,0,104", 4: "A5,2024-06-28,1,000,0,0,104,"}


def test_a_row_without_that_delimiter_keeps_its_cells() -> None:
    content = f'{HEADER}\nA1,2024-06-28,100,0,0,101,\n"Total, all",,100,0,0,101\n'
    feed = a_feed(
        files={"patterns": ["acme_*"], "format": "csv", "csv": {"trailing_delimiter": True}},
        footer=[{"column": "id", "starts_with": ["Total"], "totals": True}],
    )
    raw = read(content, feed)
    assert (cells(raw, "id"), cells(raw, "emv"), lines(raw)) == (["A1", "Total, all"], ["101", "101"], [2, 3])
    assert refusal(content.replace(",0,0,101\n", ",0,0,999\n"), feed).code == "E_CONTROL_TOTAL"


@given(st.lists(st.sampled_from(["", "x", "a,b", "1,2,3", ",,,", "1,2,3,4"]), max_size=30), st.integers(1, 4))
def test_no_more_lines_are_called_misfits_unread_than_do_not_fit(lines: list[str], width: int) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    counted = fewest_misfits(text, len(lines), width, Csv())
    assert counted <= sum(len(line.split(",")) != width for line in lines)
    assert counted == 0 or width > 1
    assert fewest_misfits(text + b'"', len(lines), width, Csv()) == 0
