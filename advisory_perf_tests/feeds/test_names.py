"""One name in every spelling, as a column and as a key of every format; the columns that a feed does not read may share one."""

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.feeds.names import folded
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.showing import quoted, shown
from advisory_perf_tests.ingestion.scenarios import a_feed, cells, codes, notices, read, refusal, rejection, validated
from advisory_perf_tests.ingestion.workbook_files import a_book

pytestmark = pytest.mark.slow

FIELDS = {
    "account_id": "Num\u00e9ro de compte",
    "as_of_date": "As Of Date",
    "beginning_market_value": "Beginning MV",
    "contributions": "In Flows",
    "distributions": "Out Flows",
    "ending_market_value": "Ending MV",
}
NAMES = list(FIELDS.values())
ROW = ["A-1", "2024-06-28", "100.00", "5.00", "1.00", "106.00"]
OTHER = ["A-2", "2024-06-28", "200.00", "0.00", "0.00", "201.00"]


def as_csv(*rows: Sequence[str]) -> bytes:
    content = io.StringIO()
    csv.writer(content).writerows(rows)
    return content.getvalue().encode()


def as_json(names: Sequence[str], *rows: Sequence[str]) -> bytes:
    return json.dumps([dict(zip(names, row, strict=True)) for row in rows]).encode()


def as_lines(names: Sequence[str], *rows: Sequence[str]) -> bytes:
    return "\n".join(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows).encode()


def as_parquet(names: Sequence[str], *rows: Sequence[str]) -> bytes:
    content = io.BytesIO()
    arrow_parquet.write_table(pa.table([pa.array(column) for column in zip(*rows, strict=True)], names=list(names)), content)
    return content.getvalue()


def as_excel(*rows: Sequence[str]) -> bytes:
    return a_book(("Data", [list(row) for row in rows]))


FORMATS: dict[str, tuple[str, Callable[..., bytes]]] = {
    "csv": ("csv", as_csv),
    "excel": ("excel", as_excel),
    "json": ("json", as_json),
    "lines": ("json", as_lines),
    "parquet": ("parquet", as_parquet),
}
TABLES = ("csv", "excel", "parquet")
SPELLINGS: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "lower case": str.lower,
    "spaces around": "  {} ".format,
    "two spaces": lambda name: name.replace(" ", "  "),
    "spaces that do not break": lambda name: name.replace(" ", "\u00a0"),
    "thin spaces": lambda name: name.replace(" ", "\u202f"),
    "a mark in front": "\ufeff{}".format,
    "two marks in front": "\ufeff\ufeff{}".format,
    "a mark inside": lambda name: f"{name[:3]}\ufeff{name[3:]}",
    "a zero-width space": lambda name: f"{name}\u200b",
    "a zero-width joiner inside": lambda name: f"{name[:1]}\u200d{name[1:]}",
    "a mark of direction": "\u200f{}".format,
    "a soft hyphen": lambda name: f"{name[:4]}\u00ad{name[4:]}",
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "a star behind": "{} *".format,
}


LONG = "Fees; all is well\u202e" + "x" * 200
LONG_UNIT = f"{LONG} ($000)"


def a_duration() -> bytes:
    content = io.BytesIO()
    values = [*([value] for value in ROW), [timedelta(1)]]
    arrow_parquet.write_table(pa.table(list(map(pa.array, values)), names=[*NAMES, LONG]), content)
    return content.getvalue()


def a_midnight() -> bytes:
    content = io.BytesIO()
    values = dict(zip(NAMES, ([value] for value in ROW), strict=True)) | {"As Of Date": [datetime(2024, 6, 28, tzinfo=UTC)]}
    named = {LONG if name == "As Of Date" else name: pa.array(value) for name, value in values.items()}
    arrow_parquet.write_table(pa.table(named), content)
    return content.getvalue()


def noticed_midnight() -> str:
    files = {"patterns": ["acme_*"], "format": "parquet", "time_zone": "America/New_York"}
    found: list[Notice] = []
    read_raw_rows(a_midnight(), a_feed({**FIELDS, "as_of_date": LONG}, files=files), "acme_1.parquet", notices=found)
    return found[0].sentence


SENTENCES: dict[str, tuple[str, Callable[[], str]]] = {
    "a cell that is too long": (LONG, lambda: rejection(as_csv([*NAMES, LONG], [*ROW, "y" * 40_000]), the_feed("csv")).sentence),
    "a type without a text": (
        LONG,
        lambda: rejection(a_duration(), a_feed({**FIELDS, "fees": LONG}, files={"patterns": ["acme_*"], "format": "parquet"})).sentence,
    ),
    "a unit without a scale": (
        LONG_UNIT,
        lambda: refusal(as_csv([*NAMES, LONG_UNIT], [*ROW, "1"]), a_feed({**FIELDS, "fees": LONG_UNIT})).sentence,
    ),
    "a value that is stated too": (
        LONG,
        lambda: (
            refusal(
                as_csv([*NAMES, LONG], [*ROW, "1"]),
                a_feed(
                    {**FIELDS, "fees": LONG},
                    files={"patterns": ["acme_*"], "format": "csv", "stated": {LONG: {"in": "file_name", "pattern": "acme_(.)"}}},
                ),
            ).sentence
        ),
    ),
    "midnights": (LONG, noticed_midnight),
}


@pytest.mark.parametrize("what", sorted(SENTENCES))
def test_a_columns_name_in_a_sentence_stands_in_quotes_and_is_cut(what: str) -> None:
    name, said = SENTENCES[what]
    sentence = said()
    assert quoted(name) in sentence
    assert name not in sentence
    assert "x" * 80 not in sentence


def the_feed(kind: str, **changes: object) -> PositionsFeed:
    lines = {"json": {"lines": True}} if kind == "lines" else {}
    return a_feed(dict(FIELDS), files={"patterns": ["acme_*"], "format": FORMATS[kind][0], **lines}, **changes)


def a_file(kind: str, names: Sequence[str], *rows: Sequence[str]) -> bytes:
    return FORMATS[kind][1](names, *rows)


@pytest.mark.parametrize(("kind", "spelling"), list(product(FORMATS, SPELLINGS)))
def test_a_name_in_any_spelling_is_the_column_of_the_feed(kind: str, spelling: str) -> None:
    """15 spellings of all six names and of two of them alone, in five kinds of file: 225 files, all read as the clean one is."""
    feed, respell = the_feed(kind), SPELLINGS[spelling]
    clean = validated(a_file(kind, NAMES, ROW, OTHER), feed)
    assert (clean.accepted.height, clean.notices) == (2, ())
    place = list(SPELLINGS).index(spelling) + list(FORMATS).index(kind)
    for changed in ([NAMES[place % len(NAMES)]], [NAMES[(place + 3) % len(NAMES)]], NAMES):
        names = [respell(name) if name in changed else name for name in NAMES]
        result = validated(a_file(kind, names, ROW, OTHER), feed)
        assert result.accepted.equals(clean.accepted), (kind, spelling, changed)
        assert result.notices == ()


@pytest.mark.parametrize(("field", "spelling"), list(product(FIELDS, SPELLINGS)))
def test_rows_with_a_key_in_two_spellings_are_one_column(field: str, spelling: str) -> None:
    """The second row's key differs from the first one's; dropped, its amount would count as zero."""
    blank = {"contributions": {"from": FIELDS["contributions"], "blank": "zero", "absent": "zero"}}
    other = [SPELLINGS[spelling](name) if name == FIELDS[field] else name for name in NAMES]
    content = json.dumps([dict(zip(NAMES, ROW, strict=True)), dict(zip(other, ROW[:1] + OTHER[1:], strict=True))]).replace("A-1", "A-9", 1)
    feed = a_feed({**FIELDS, **blank}, files={"patterns": ["acme_*"], "format": "json"})
    clean = validated(as_json(NAMES, ["A-9", *ROW[1:]], ["A-1", *OTHER[1:]]), feed)
    assert clean.accepted.height == 2
    assert validated(content, feed).accepted.equals(clean.accepted)


@pytest.mark.parametrize("field", FIELDS)
def test_a_row_with_one_key_in_two_spellings_is_a_conflict(field: str) -> None:
    twice = json.dumps({**dict(zip(NAMES, ROW, strict=True)), FIELDS[field].upper(): "7"})
    content = f"[{twice}, {json.dumps(dict(zip(NAMES, OTHER, strict=True)))}]"
    result = validated(content, the_feed("json"))
    assert codes(result) == {1: "E_KEY_CONFLICT"}
    assert "stands twice in the row, and either value may be meant" in result.quarantined["reason"].item()
    assert result.accepted["account_id"].to_list() == ["A-2"]


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("spelling", ["upper case", "a mark in front", "decomposed"])
def test_a_mapped_name_that_stands_twice_is_refused(kind: str, field: str, spelling: str) -> None:
    names = [*NAMES, SPELLINGS[spelling](FIELDS[field])]
    assert rejection(a_file(kind, names, [*ROW, "7"]), the_feed(kind)).code == "E_HEADER_DUPLICATE"


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("ignored", [True, False])
def test_names_that_the_feed_does_not_read_may_stand_several_times(kind: str, *, ignored: bool) -> None:
    names = ["Diff %", *NAMES, "Diff %", "Diff %"]
    feed = the_feed(kind, ignored=["diff %"]) if ignored else the_feed(kind)
    content = a_file(kind, names, ["1", *ROW, "2", "3"])
    raw = read(content, feed)
    assert [cells(raw, name) for name in ("Diff %", "Diff % (column 8)", "Diff % (column 9)")] == [["1"], ["2"], ["3"]]
    result = validated(content, feed)
    assert result.accepted.height == 1
    assert notices(result) == ([] if ignored else ["W_NEW_COLUMN"])


def test_the_column_of_a_footer_rule_is_found_in_any_spelling_and_may_stand_once() -> None:
    feed = the_feed("csv", footer=[{"column": "Label", "starts_with": ["Total"]}])
    for label in ("LABEL", "\ufeffLabel", "label "):
        result = validated(as_csv([*NAMES, label], [*ROW, ""], ["", "", "105", "5", "1", "106", "Total"]), feed)
        assert (result.accepted.height, result.footer) == (1, 1)
    assert rejection(as_csv([*NAMES, "Label", "label"], [*ROW, "", ""]), feed).code == "E_HEADER_DUPLICATE"


def test_a_column_of_a_period_that_stands_twice_is_refused() -> None:
    feed = a_feed(
        {"as_of_date": {"from": "day", "formats": ["%Y-%m-%d"]}},
        files={"patterns": ["acme_*"], "format": "csv", "unpivot": {"header": r"(?P<day>\d{4}-\d\d-\d\d)", "values": ["emv"]}},
    )
    assert rejection("id,bmv,in,out,2024-06-28,2024-06-28\nA1,1,0,0,1,2\n", feed).code == "E_HEADER_DUPLICATE"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_header_that_comes_again_is_a_footer_in_any_spelling(spelling: str) -> None:
    again = [SPELLINGS[spelling](name) for name in NAMES]
    result = validated(as_csv(NAMES, ROW, again, OTHER), the_feed("csv"))
    assert (result.accepted.height, result.footer) == (2, 1)


@pytest.mark.parametrize("marks", [1, 2, 3])
@pytest.mark.parametrize("kind", ["csv", "json", "lines"])
def test_byte_order_marks_before_and_between_joined_texts_are_read_over(kind: str, marks: int) -> None:
    mark = "\ufeff".encode() * marks
    first, second = a_file(kind, NAMES, ROW), a_file(kind, NAMES, OTHER)
    joined = mark + first if kind == "json" else mark + first + (b"\n" if kind == "lines" else b"") + mark + second
    result = validated(joined, the_feed(kind))
    assert result.accepted.height == (1 if kind == "json" else 2)


def test_a_sentence_shows_invisible_marks_as_escapes() -> None:
    missing = rejection(as_csv([*NAMES[:-1], "Closing\u200b\ufeff"], ROW), the_feed("csv")).sentence
    assert r"Closing\u200b\ufeff" in missing
    (notice,) = validated(as_csv([*NAMES, "No\u00adte"], [*ROW, "x"]), the_feed("csv")).notices
    assert r"the column 'No\u00adte' is new" in notice.sentence
    quarantined = validated(as_csv(NAMES, [*ROW[:-1], "10\u200b6"]), the_feed("csv")).quarantined
    assert r"(10\u200b6)" in quarantined["reason"].item()
    assert "\u200b" in quarantined["raw_row"].item()
    assert all(mark not in missing + notice.sentence for mark in "\u200b\ufeff\u00ad")


def test_a_feed_maps_a_name_once_in_any_spelling() -> None:
    with pytest.raises(ValueError, match=r"IN FLOWS, In Flows is mapped to more than one field"):
        a_feed({**FIELDS, "distributions": "IN FLOWS"})


@given(st.text(max_size=30))
def test_folding_a_name_twice_changes_nothing_more(name: str) -> None:
    assert folded(folded(name)) == folded(name)
    assert folded(shown(name)) == folded(name) or shown(name) != name


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("kind", FORMATS)
def test_the_columns_of_pivoted_lines_are_found_in_any_spelling(kind: str, spelling: str) -> None:
    file_format, write = FORMATS[kind]
    printed = [SPELLINGS[spelling](name) for name in ("Line Key", "Item Name", "Item Value")]
    rows = [["1", name, text] for name, text in zip(NAMES, ROW, strict=True)]
    pivot = {"by": "Line Key", "names": "Item Name", "values": "Item Value"}
    files = {"patterns": ["acme_*"], "format": file_format, "pivot": pivot, "json": {"lines": kind == "lines"}}
    result = validated(write(printed, *rows), a_feed(FIELDS, files=files))
    assert (result.accepted["account_id"].to_list(), notices(result)) == (["A-1"], [])


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_column_of_a_period_is_found_in_any_spelling(spelling: str) -> None:
    unpivot = {"header": r"(?P<column>In Flows|Ending MV) (?P<day>\S+)", "values": ["In Flows", "Ending MV"]}
    feed = a_feed({**FIELDS, "as_of_date": "day"}, files={"patterns": ["acme_*"], "format": "csv", "unpivot": unpivot})
    names = [name for name in NAMES if name not in {"As Of Date", "In Flows", "Ending MV"}]
    columns = [*names, *(SPELLINGS[spelling](f"{name} 2024-06-28") for name in ("In Flows", "Ending MV"))]
    result = validated(as_csv(columns, ["A-1", "100.00", "1.00", "5.00", "106.00"]), feed)
    assert result.accepted.select("contributions", "ending_market_value").row(0) == (5, 106)
    assert notices(result) == []


@pytest.mark.parametrize("ignored", [False, True])
def test_a_key_that_the_feed_does_not_read_may_stand_twice_in_a_row(*, ignored: bool) -> None:
    row = as_json(NAMES, ROW).decode().strip("[]")
    feed = a_feed(FIELDS, files={"patterns": ["acme_*"], "format": "json"}, ignored=["Note"] if ignored else [])
    result = validated(f'[{row.replace("}", ", ")}"Note": 1, "Note": 2, "Further": {{"Note": 3, "Note": 4}}}}]', feed)
    assert result.accepted["account_id"].to_list() == ["A-1"]
    twice = validated(f'[{row.replace("}", ", ")}"Ending MV": 7}}]', feed)
    assert codes(twice) == {1: "E_KEY_CONFLICT"}
