import json
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.file_constants import with_stated
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.raw_frame import Reading
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Delivery, validate
from advisory_perf_tests.ingestion.scenarios import DELIVERY, a_feed, notices, refusal, validated
from advisory_perf_tests.ingestion.workbook_files import a_book

HEADER = ["id", "bmv", "in", "out", "emv"]
ROWS: list[list[Any]] = [["A1", 100, 0, 0, 101], ["A2", 200, 0, 0, 202]]
TABLE = "\n".join(",".join(map(str, row)) for row in [HEADER, *ROWS]) + "\n"
DAY = date(2024, 6, 28)
FORMATS = ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%m/%d/%Y", "%B %d, %Y"]


def stating(
    file_format: str = "csv", *, controls: dict[str, Any] | None = None, json_: dict[str, Any] | None = None, **stated: Any
) -> PositionsFeed:
    """A feed whose files state their day, and perhaps more, once."""
    files = {"patterns": ["acme_*"], "format": file_format, "stated": stated, "json": json_ or {}}
    return a_feed({"as_of_date": {"from": "day", "formats": FORMATS}}, files=files, controls=controls or {}, ignored=["note"])


def in_preamble(pattern: str) -> dict[str, str]:
    return {"in": "preamble", "pattern": pattern}


def at(path: str) -> dict[str, str]:
    return {"in": "document", "at": path}


def a_document(**around: Any) -> str:
    return json.dumps({**around, "rows": [dict(zip(HEADER, row, strict=True)) for row in ROWS]})


def days(content: str | bytes, feed: PositionsFeed) -> list[date]:
    return validated(content, feed).accepted["as_of_date"].to_list()


def test_the_day_of_a_file_can_stand_in_its_name() -> None:
    feed = stating(day={"in": "file_name", "pattern": r"_(\d{8})(?:_v\d)?$"})
    for name in ("acme_20240628.csv", "acme_20240628_v2.csv", "acme_20240628.csv.gz"):
        delivery = Delivery("d1", name, DELIVERY.received_at)
        assert validated(TABLE, feed, delivery).accepted["as_of_date"].to_list() == [DAY, DAY]
    assert "states nothing for 'day' in its file name" in refusal(TABLE, feed).sentence


@pytest.mark.parametrize(("place", "says_more"), [("file_name", True), ("path", True), ("preamble", False)])
def test_files_of_the_same_bytes_say_different_things_where_their_names_state_any(place: str, *, says_more: bool) -> None:
    day = {"in": place, "pattern": "(.+)"}
    assert stating(day=day).files.name_says_more is says_more
    assert stating(day=day, title=in_preamble("(.+)")).files.name_says_more is says_more


@pytest.mark.parametrize(
    ("above", "pattern"),
    [
        ("Acme Performance\nAs of 06/28/2024\n\n", r"As of (\S+)"),
        ('Acme,,,,\n"As of June 28, 2024",,,,\n', r"As of (\w+ \d+, \d+)"),
        ("Period,2024-06-01,2024-06-28,,\n", r"Period \S+ (\S+)"),
        ("As of 06/28/2024\nPrinted as of 06/28/2024\n", r"(?i)as of (\S+)"),
    ],
)
def test_the_day_can_stand_above_the_header(above: str, pattern: str) -> None:
    assert days(above + TABLE, stating(day=in_preamble(pattern))) == [DAY, DAY]


def test_a_title_of_a_sheet_states_it_too() -> None:
    content = a_book(("Data", [["Acme"], ["As of 2024-06-28"], HEADER, *ROWS]))
    assert days(content, stating("excel", day=in_preamble(r"As of (\S+)"))) == [DAY, DAY]


def test_two_different_days_above_the_header_are_refused_with_both() -> None:
    error = refusal(f"As of 2024-06-28\nAs of 2024-06-30\n{TABLE}", stating(day=in_preamble(r"As of (\S+)")))
    assert error.code == "E_MAPPING"
    assert "states '2024-06-28', '2024-06-30' for 'day' in its preamble" in error.sentence


def test_what_stands_below_the_header_is_not_above_it() -> None:
    error = refusal(f"{TABLE}As of 2024-06-28\n", stating(day=in_preamble(r"As of (\S+)")))
    assert (error.code, "states nothing for 'day'" in error.sentence) == ("E_MAPPING", True)


@pytest.mark.parametrize(
    "around", [{"meta": {"day": "2024-06-28"}}, {"meta": {"day": "2024-06-28", "x": [1, {"day": "no"}]}, "more": None}]
)
def test_a_document_states_it_around_its_rows(around: dict[str, Any]) -> None:
    feed = stating("json", json_={"rows_at": "rows"}, day=at("meta.day"))
    assert days(a_document(**around), feed) == [DAY, DAY]
    rows_first = json.dumps(dict(reversed(json.loads(a_document(**around)).items())))
    assert days(rows_first, feed) == [DAY, DAY]


def test_a_key_that_stands_twice_around_the_rows_states_nothing_certain() -> None:
    content = '{"meta": {"day": "2024-06-27", "day": "2024-06-28"}, "rows": []}'
    assert refusal(content, stating("json", json_={"rows_at": "rows"}, day=at("meta.day"))).code == "E_MAPPING"


def test_it_may_stand_within_what_holds_the_rows() -> None:
    content = f'{{"data": {a_document(day="2024-06-28")}}}'
    assert days(content, stating("json", json_={"rows_at": "data.rows"}, day=at("data.day"))) == [DAY, DAY]


@pytest.mark.parametrize(
    "around", [{}, {"meta": {}}, {"meta": "2024-06-28"}, {"meta": {"day": None}}, {"meta": {"day": {"is": "2024-06-28"}}}]
)
def test_a_document_that_does_not_state_it_is_refused(around: dict[str, Any]) -> None:
    error = refusal(a_document(**around), stating("json", json_={"rows_at": "rows"}, day=at("meta.day")))
    assert (error.code, "states nothing for 'day' in the path meta.day" in error.sentence) == ("E_MAPPING", True)


def test_a_column_of_that_name_makes_it_unclear_which_is_meant() -> None:
    header, *rows = TABLE.splitlines()
    content = "\n".join(["As of 2024-06-28", f"{header},day", *(f"{row},2024-06-30" for row in rows)]) + "\n"
    assert refusal(content, stating(day=in_preamble(r"As of (\S+)"))).code == "E_HEADER_DUPLICATE"


@pytest.mark.parametrize(
    ("count", "total", "code"), [(2, "303.00", None), (3, "303.00", "E_CONTROL_COUNT"), (2, "303.02", "E_CONTROL_TOTAL")]
)
def test_stated_figures_can_be_control_figures(count: int, total: str, code: str | None) -> None:
    controls = {"count": "rows_sent", "totals": {"ending_market_value": "sum"}}
    feed = stating(
        "json", json_={"rows_at": "rows"}, controls=controls, day=at("day"), rows_sent=at("control.count"), sum=at("control.emv")
    )
    content = a_document(day="2024-06-28", control={"count": count, "emv": float(total)})
    if code is None:
        result = validated(content, feed)
        assert (result.accepted["ending_market_value"].sum(), notices(result)) == (Decimal(303), [])
    else:
        assert refusal(content, feed).code == code


def test_rows_that_are_announced_and_all_missing_are_missed() -> None:
    feed = stating("json", json_={"rows_at": "rows"}, controls={"count": "sent"}, day=at("day"), sent=at("sent"))
    assert refusal('{"day": "2024-06-28", "sent": 2, "rows": []}', feed).code == "E_CONTROL_COUNT"
    assert notices(validated('{"day": "2024-06-28", "sent": 0, "rows": []}', feed)) == ["W_EMPTY_FILE"]


@pytest.mark.parametrize(
    ("file_format", "stated", "reason"),
    [
        ("csv", {"in": "preamble"}, "go with a pattern"),
        ("csv", {"in": "preamble", "pattern": "As of"}, "exactly one group"),
        ("parquet", {"in": "preamble", "pattern": "(x)"}, "a preamble stands above a header"),
        ("csv", {"in": "document", "at": "day"}, "in: document is for json"),
        ("json", {"in": "document", "pattern": "(x)"}, "go with a pattern"),
    ],
)
def test_a_feed_that_could_not_find_it_is_refused(file_format: str, stated: dict[str, str], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        stating(file_format, day=stated)


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ("Total,,,,\n", "E_CONTROL_COUNT"),
        ("A1,100,0,0\n", "E_CONTROL_COUNT"),
        ("", "E_CONTROL_COUNT"),
    ],
)
def test_figures_above_the_header_are_compared_where_no_row_is_good(rows: str, code: str) -> None:
    files = {"patterns": ["acme_*"], "format": "csv", "stated": {name: in_preamble(f"{name}: (\\S+)") for name in ("day", "count", "sum")}}
    controls = {"count": "count", "totals": {"ending_market_value": "sum"}}
    footer = [{"column": "id", "starts_with": ["Total"]}]
    feed = a_feed({"as_of_date": {"from": "day", "formats": FORMATS}}, files=files, controls=controls, footer=footer)
    above = "day: 2024-06-28\ncount: 5\nsum: 900\n"
    assert refusal(f"{above}{','.join(HEADER)}\n{rows}", feed).code == code
    assert refusal(f"{above.replace('5', '0')}{','.join(HEADER)}\n", feed).code == "E_CONTROL_TOTAL"


def test_a_column_of_that_name_in_other_letters_makes_it_unclear_too() -> None:
    content = '{"day": "2024-06-28", "rows": [{"id": "A1", "bmv": 1, "in": 0, "out": 0, "emv": 1, "Day": "2024-06-30"}]}'
    assert refusal(content, stating("json", json_={"rows_at": "rows"}, day=at("day"))).code == "E_HEADER_DUPLICATE"


@pytest.mark.parametrize("path", ["2024-06-28/acme_1.csv", "2024/06/28/acme_1.csv", "sent/20240628/acme_1.csv.gz"])
def test_the_day_of_a_file_can_stand_in_a_folder_of_its_path(path: str) -> None:
    feed = stating(day={"in": "path", "pattern": r"(\d{4}[-/]?\d\d[-/]?\d\d)/"})
    raw = read_raw_rows(TABLE.encode(), feed, path, path=path)
    delivery = Delivery("d1", path, DELIVERY.received_at)
    assert validate(raw, feed, delivery, POSITION_RULES).accepted["as_of_date"].to_list() == [DAY, DAY]
    assert "states nothing for 'day' in its path" in refusal(TABLE, feed).sentence


def test_the_day_of_a_file_can_stand_in_the_name_of_its_sheet() -> None:
    feed = stating("excel", day={"in": "sheet", "pattern": r"As of (\S+)"})
    content = a_book(("Notes", [["nothing"]]), ("As of 20240628", [HEADER, *ROWS]))
    assert days(content, feed) == [DAY, DAY]
    assert "states nothing for 'day' in its sheet" in refusal(a_book(("Data", [HEADER, *ROWS])), feed).sentence


@pytest.mark.parametrize(("path", "day"), [("2024-06-28/acme_1.csv", "2024-06-28"), ("", "2024-06-27")])
def test_a_value_in_the_path_is_that_of_the_whole_path_or_of_the_name_without_one(path: str, day: str) -> None:
    feed = stating(day={"in": "path", "pattern": r"([0-9]{4}-[0-9]{2}-[0-9]{2})"})
    raw = pl.DataFrame({"line_number": [2], "misfit": [None], "mark": [None], "cell:id": ["A1"]})
    reading = Reading(feed, "acme_2024-06-27.csv", Bounds(), path=path)
    assert with_stated(raw, reading)["cell:day"].to_list() == [day]


@pytest.mark.parametrize("name", ["day", "Day", " DAY "])
def test_a_column_of_a_stated_values_name_in_any_spelling_is_refused(name: str) -> None:
    raw = pl.DataFrame({"line_number": [2], "misfit": [None], "mark": [None], f"cell:{name}": ["2024-06-28"]})
    files = {"patterns": ["acme_*"], "format": "csv", "stated": {"Day": {"in": "file_name", "pattern": "acme_(.+)"}}}
    reading = Reading(a_feed({"as_of_date": "Day"}, files=files), "acme_2024-06-27.csv", Bounds())
    with pytest.raises(DeliveryRejectedError, match="has a column 'Day', which the feed says is stated in the file_name"):
        with_stated(raw, reading)
