"""Wide tables, lines of a name and a value, and titles of groups: how far they reach, and which of their rows are doubtful."""

from typing import Any

import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion import limits as allowed
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf_tests.ingestion.scenarios import a_feed, cells, codes, lines, misfits, read, validated

NAMES = ("bmv", "in", "out", "emv")
PERIODS: dict[str, Any] = {"unpivot": {"header": r"(?P<column>BMV|EMV) (?P<day>\d{4}-\d\d-\d\d)", "values": ["BMV", "EMV"]}}
BY_KEY: dict[str, Any] = {"pivot": {"names": "item", "values": "amount", "by": ["id", "day"]}}
BLOCKS: dict[str, Any] = {"pivot": {"names": "item", "values": "amount", "begins": "id"}}


def in_files(files: dict[str, Any], columns: dict[str, Any] | None = None, **keys: Any) -> PositionsFeed:
    return a_feed(columns, files={"patterns": ["acme_*"], "format": "csv", **files}, **keys)


def fits(content: str, feed: PositionsFeed, **bounds: int) -> bool:
    """Whether a file is read within the bounds; it is too large otherwise."""
    try:
        read_raw_rows(content.encode(), feed, "acme_1.csv", bounds=Bounds(**bounds))
    except DeliveryRejectedError as error:
        if error.code != "E_TOO_LARGE":
            raise
        return False
    return True


@pytest.fixture
def no_free_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells that are always allowed are none, so that a small table shows what its bytes allow."""
    monkeypatch.setattr(allowed, "_FREE_CELLS", 0)


def wide(periods: int, *, others: int = 0, rows: int = 1) -> tuple[str, PositionsFeed]:
    """A file of rows with two values a period, and other columns, with the feed that reads it."""
    days = [f"20{25 + place // 12}-{place % 12 + 1:02}-28" for place in range(periods)]
    names = ["id", *(f"x{place}" for place in range(others - 1)), *(f"{name} {day}" for day in days for name in ("BMV", "EMV"))]
    absent = {"contributions": {"from": "in", "absent": "zero"}, "distributions": {"from": "out", "absent": "zero"}}
    feed = in_files(PERIODS, {**absent, "beginning_market_value": "BMV", "ending_market_value": "EMV"})
    return "\n".join([",".join(names), *[",".join(["A1", *["1"] * (len(names) - 1)])] * rows]) + "\n", feed


def test_a_wide_file_becomes_as_many_rows_as_the_bound() -> None:
    content, feed = wide(2, rows=10)
    assert fits(content, feed, rows=20)
    assert not fits(content, feed, rows=19)


@pytest.mark.usefixtures("no_free_cells")
@pytest.mark.parametrize(("periods", "is_read"), [(32, True), (33, False)])
def test_a_wide_file_repeats_its_other_columns_sixteen_times_a_cell_at_most(periods: int, *, is_read: bool) -> None:
    content, feed = wide(periods, others=61)  # and line, misfit and mark: 64 cells of each period, of 64 and two a period
    assert fits(content, feed) is is_read


def test_a_line_that_does_not_fit_stays_one_misfit_of_a_wide_file() -> None:
    content, feed = wide(2, rows=1)
    raw = read(content + "A2,1\n", feed)
    assert (lines(raw), list(misfits(raw))) == ([2, 2, 3], [3])


def test_one_period_in_two_spellings_is_one() -> None:
    files = {"unpivot": {"header": r"(?P<column>BMV|EMV) (?P<day>.+)", "values": ["BMV", "EMV"]}}
    absent = {"contributions": {"from": "in", "absent": "zero"}, "distributions": {"from": "out", "absent": "zero"}}
    months = {"from": "day", "formats": ["%b %Y"]}
    feed = in_files(
        files, {**absent, "as_of_date": months, "beginning_market_value": "BMV", "ending_market_value": "EMV"}, cadence="monthly"
    )
    raw = read("id,BMV May 2024,EMV MAY 2024\nA1,1,2\n", feed)
    assert (cells(raw, "day"), cells(raw, "BMV"), cells(raw, "EMV")) == (["May 2024"], ["1"], ["2"])


def long(*rows: dict[str, str]) -> str:
    """Lines of a name and a value, by account and day."""
    found = [f"{row['id']},2024-06-28,{name},{value}" for row in rows for name, value in row.items() if name != "id"]
    return "\n".join(["id,day,item,amount", *found]) + "\n"


def a_row(account: str, *without: str, **further: str) -> dict[str, str]:
    return {"id": account, **{name: "1" for name in NAMES if name not in without}, **further}


def test_lines_become_as_many_columns_as_the_bound() -> None:
    content, feed = long(a_row("A1")), in_files(BY_KEY)
    assert fits(content, feed, columns=len(NAMES) + 2)
    assert not fits(content, feed, columns=len(NAMES) + 1)


@pytest.mark.usefixtures("no_free_cells")
@pytest.mark.parametrize(("rows", "is_read"), [(74, True), (75, False)])
def test_lines_become_sixteen_cells_each_at_most(rows: int, *, is_read: bool) -> None:
    """Five lines a row, of which one has a name that no other row has: so many columns and six more."""
    content = long(*(a_row(f"A{place}", **{f"x{place}": "1"}) for place in range(rows)))
    assert fits(content, in_files(BY_KEY)) is is_read


OPTIONAL = {"contributions": {"from": "in", "absent": "zero", "blank": "zero"}}


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        ([a_row("A1"), a_row("A2"), a_row("A3", "in")], {10: "E_FIELDS"}),
        ([a_row("A1"), a_row("A2", "in")], {6: "E_FIELDS"}),
        ([a_row("A1"), a_row("A2", "in"), a_row("A3", "in")], {}),
        ([a_row("A1"), a_row("A2", "in"), a_row("A3")], {}),
        ([a_row("A1", "emv"), a_row("A2")], {2: "E_FIELDS"}),
    ],
)
def test_a_last_row_that_alone_lacks_a_name_may_have_been_cut(rows: list[dict[str, str]], refused: dict[int, str]) -> None:
    result = validated(long(*rows), in_files(BY_KEY, OPTIONAL))
    assert codes(result) == refused
    assert result.accepted.height == len(rows) - len(refused)


def blocks(*rows: dict[str, str], above: str = "") -> str:
    days = {"day": "2024-06-28"}
    return (
        "item,amount\n" + above + "".join(f"{name},{value}\n" for row in rows for name, value in ({"id": row["id"]} | days | row).items())
    )


def test_a_line_above_the_first_row_or_without_a_name_is_no_part_of_any() -> None:
    feed = in_files(BLOCKS)
    above = validated(blocks(a_row("A1"), above="bmv,5\n"), feed)
    assert (codes(above), above.accepted["beginning_market_value"].to_list()) == ({2: "E_FIELDS"}, [1])
    assert above.quarantined["raw_row"].to_list() == ["bmv\t5"], "the line as it stands, and no row made of it"
    nameless = validated(long(a_row("A1")).replace("emv,1\n", "emv,1\nA1,2024-06-28,,7\n"), in_files(BY_KEY))
    assert (codes(nameless)[6], nameless.accepted.height) == ("E_FIELDS", 1)


def test_a_row_around_a_line_that_cannot_be_read_is_not_taken() -> None:
    content = blocks(a_row("A1"), a_row("A2")).replace("out,1\n", "out,1\nnote,1,000\n", 1)
    result = validated(content, in_files(BLOCKS))
    assert set(codes(result).values()) == {"E_FIELDS"}
    assert result.accepted["account_id"].to_list() == ["A2"]


@pytest.mark.parametrize(("mapped", "refused"), [("name", {2: "E_KEY_CONFLICT"}), ("other", {})])
def test_a_column_beside_the_lines_has_one_value_for_a_row_where_the_feed_reads_it(mapped: str, refused: dict[int, str]) -> None:
    values = {"id": "A1", "day": "2024-06-28", **dict.fromkeys(NAMES, "1")}
    texts = ["x", "", "x", "y", "x", "x"]
    found = [f"{name},{value},{text},z" for (name, value), text in zip(values.items(), texts, strict=True)]
    result = validated("\n".join(["item,amount,name,other", *found]) + "\n", in_files(BLOCKS, {"account_name": mapped}))
    assert codes(result) == refused
    assert result.accepted["account_name"].to_list() == ([] if refused else ["z"])


def test_a_footer_among_lines_is_no_row_of_them() -> None:
    feed = in_files(BY_KEY, footer=[{"column": "id", "starts_with": ["Total"]}])
    result = validated(long(a_row("A1")) + "Total,,emv,1\n", feed)
    assert (result.footer, codes(result), result.accepted.height) == (1, {}, 1)


def test_a_name_that_the_feed_ignores_is_one_column_in_whatever_spelling() -> None:
    content = long(a_row("A1", Note="x"), a_row("A2", NOTE="y"))
    assert cells(read(content, in_files(BY_KEY, ignored=["note"])), "note") == ["x", "y"]


TITLE = r"Account: (?P<id>[^-]+)"
HEADER = "day,bmv,in,out,emv"


def titled(*given: str, **changes: Any) -> list[tuple[str, int]]:
    """Account and line of the positions of a file with titles."""
    feed = in_files({"group_header": TITLE, **changes.pop("files", {})}, **changes)
    return validated("\n".join(given) + "\n", feed).accepted.select("account_id", "line_number").rows()


def test_of_several_titles_above_the_header_the_last_one_holds() -> None:
    assert titled("Account: A1", "Account: A2", HEADER, "2024-06-28,1,0,0,2") == [("A2", 4)]


def test_a_title_has_no_spaces_around_what_it_says() -> None:
    assert titled("Account:  A1  - Trust", HEADER, "2024-06-28,1,0,0,2", files={"group_header": f"{TITLE}- .*"}) == [("A1", 3)]


def test_a_file_of_a_header_alone_needs_no_title() -> None:
    assert titled(HEADER) == []


def test_where_no_day_stands_in_the_rows_a_line_without_a_figure_ends_a_section() -> None:
    stated = {"stated": {"day": {"in": "preamble", "pattern": r"As of (\S+)"}}}
    files = {"group_header": TITLE, **stated}
    above, header = ("As of 2024-06-28", "Account: A1"), "bmv,in,out,emv"
    assert titled(*above, header, "1,0,0,2", "none,none,none,none", "3,0,0,4", files=files) == [("A1", 4)]


def test_a_footer_with_a_day_ends_a_section_all_the_same() -> None:
    content = ["Account: A1", f"{HEADER},note", "2024-06-27,1,0,0,2,", "2024-06-26,1,0,0,2,Total", "2024-06-28,2,0,0,3,"]
    footer = [{"column": "note", "starts_with": ["Total"]}]
    assert titled(*content, footer=footer) == [("A1", 3)]
    assert titled(*content[:3], content[4], footer=footer) == [("A1", 3), ("A1", 4)]


@pytest.mark.parametrize("again", ["101", "102"], ids=["the same value", "another value"])
def test_a_name_that_stands_twice_in_a_rows_lines_is_a_conflict(again: str) -> None:
    names, values = ["id", "day", *NAMES], ["A1", "2024-06-28", "100", "0", "0", "101"]
    lines = [f"1,{name},{value}" for name, value in zip([*names, "emv"], [*values, again], strict=True)]
    other = [f"2,{name},{value}" for name, value in zip(names, ["A2", *values[1:]], strict=True)]
    feed = in_files({"pivot": {"names": "item", "values": "amount", "by": "k"}})
    found = validated("\n".join(["k,item,amount", *lines, *other]) + "\n", feed)
    assert found.quarantined["code"].to_list() == ["E_KEY_CONFLICT"]
    assert found.accepted["account_id"].to_list() == ["A2"]
