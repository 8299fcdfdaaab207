import io
from datetime import datetime
from typing import Any

import pytest
import xlsxwriter

from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import validate
from advisory_perf_tests.ingestion.scenarios import DELIVERY, a_feed, cells, lines, misfits, read, rejection, rejection_within, validated
from advisory_perf_tests.ingestion.workbook_files import a_book

COLUMNS = {
    "account_id": "Holding Account",
    "as_of_date": {"from": "until", "formats": ["%m/%d/%Y"]},
    "beginning_market_value": "BMV",
    "contributions": {"from": "in", "absent": "zero"},
    "distributions": {"from": "out", "absent": "zero"},
    "ending_market_value": "EMV",
}
RETURNS = r"TWR \([0-9/]+ to (?P<until>[0-9/]+), USD, Gross\)"


def wide(header: str, *values: str, columns: dict[str, Any] | None = None, **keys: Any) -> Any:
    unpivot = {"header": header, "values": list(values)}
    return a_feed(columns or COLUMNS, files={"patterns": ["acme_*"], "format": "csv", "unpivot": unpivot}, **keys)


def test_a_wide_file_of_returns_has_a_row_for_every_account_and_period() -> None:
    columns = {name: {"from": name, "absent": "zero"} for name in ("beginning_market_value", "ending_market_value")}
    feed = wide(RETURNS, "twr", columns={**COLUMNS, **columns, "vendor_twrr": "twr"})
    header = 'Holding Account,"TWR (6/30/2020 to 7/31/2020, USD, Gross)","TWR (7/31/2020 to 8/31/2020, USD, Gross)",Note'
    raw = read(f"{header}\nA1,2.74%,4.13%,x\nA2,1.00%,,y\nA3,-0.50%,0.25%,z", feed)
    assert lines(raw) == [2, 2, 3, 4, 4]
    assert cells(raw, "Holding Account") == ["A1", "A1", "A2", "A3", "A3"]
    assert cells(raw, "until") == ["7/31/2020", "8/31/2020", "7/31/2020", "7/31/2020", "8/31/2020"]
    assert cells(raw, "twr") == ["2.74%", "4.13%", "1.00%", "-0.50%", "0.25%"]
    assert cells(raw, "Note") == ["x", "x", "y", "z", "z"]
    assert raw["mark"].to_list() == [None] * 5, "the feed does not read the last column, which alone may be cut"
    assert read(f"{header.removesuffix(',Note')}\nA1,2.74%,4.13%", feed)["mark"].to_list() == [None, "E_TORN"]


def test_a_column_may_say_in_its_name_which_value_it_holds() -> None:
    feed = wide(r"(?P<column>\w+) (?P<until>[0-9/]+)", "BMV", "EMV")
    content = "Holding Account,BMV 05/31/2024,EMV 05/31/2024,BMV 06/28/2024,EMV 06/28/2024,QTY 1\nA1,1,2,2,3,9\nA2,5,5\nA3,,,7,7,9\n"
    raw = read(content, feed)
    assert misfits(raw) == {3: "A2,5,5"}
    assert cells(raw, "QTY 1") == ["9", "9", None, "9"]
    validated = validate(raw, feed, DELIVERY, POSITION_RULES)
    assert validated.is_conserved
    assert [str(value) for value in validated.accepted["ending_market_value"]] == ["2.0000", "3.0000", "7.0000"]
    assert [str(day) for day in validated.accepted["as_of_date"]] == ["2024-05-31", "2024-06-28", "2024-06-28"]


def test_a_file_without_any_period_has_no_header() -> None:
    assert rejection("Holding Account,BMV,EMV\nA1,1,2\n", wide(RETURNS, "BMV")).code in {"E_HEADER_MISSING", "E_MAPPING"}
    assert rejection('Holding Account,"TWR (6/30/2020 to 7/31/2020, USD, Gross)"\nA1,2.74%\n').code == "E_HEADER_MISSING"


def test_two_columns_for_one_value_of_one_period_are_refused() -> None:
    feed = wide(r"(?P<column>BMV|EMV) (?:old )?(?P<until>[0-9/]+)", "BMV", "EMV")
    error = rejection("Holding Account,BMV 05/31/2024,BMV old 05/31/2024,EMV 05/31/2024\nA1,1,2,3\n", feed)
    assert error.code == "E_HEADER_DUPLICATE"
    assert "two columns of BMV for 05/31/2024" in error.sentence


def test_the_rows_that_a_wide_file_becomes_are_bounded() -> None:
    feed = wide(r"(?P<column>BMV|EMV) (?P<until>[0-9/]+)", "BMV", "EMV")
    content = b"Holding Account,BMV 05/31/2024,EMV 05/31/2024,BMV 06/28/2024,EMV 06/28/2024\n" + b"A1,1,2,2,3\n" * 10
    assert rejection_within(Bounds(rows=19), content, feed).code == "E_TOO_LARGE"


@pytest.mark.parametrize(
    ("unpivot", "what"),
    [
        ({"header": "TWR .*", "values": ["twr"]}, "must have a named group"),
        ({"header": "(?P<column>BMV|EMV) .*", "values": ["BMV", "EMV"]}, "must have a named group"),
        ({"header": ".* (?P<day>.*)", "values": ["BMV", "EMV"]}, "must have a group"),
        ({"header": "(?P<day>", "values": ["twr"]}, "no regular expression"),
    ],
)
def test_a_feed_must_say_what_the_headers_tell(unpivot: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        a_feed(files={"patterns": ["acme_*"], "format": "csv", "unpivot": unpivot})


@pytest.mark.parametrize("key", [{"unpivot": {"header": "(?P<day>.*)", "values": ["x"]}}, {"header_rows": 2}])
def test_formats_without_a_header_have_nothing_to_join_or_spread(key: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="formats with a header"):
        a_feed(files={"patterns": ["acme_*"], "format": "json", **key})


@pytest.mark.parametrize("blank", ["", " ", "-", "--", "n/a", "N/A", "\u2014", " - "])
def test_a_text_that_means_no_value_is_no_row_of_a_wide_file(blank: str) -> None:
    feed = wide(r"(?P<column>BMV|EMV) (?P<until>[0-9/]+)", "BMV", "EMV")
    header = "Holding Account,BMV 05/31/2024,EMV 05/31/2024,BMV 06/28/2024,EMV 06/28/2024"
    result = validate(read(f"{header}\nA1,{blank},{blank},2,3\nA2,1,{blank},2,3\n", feed), feed, DELIVERY, POSITION_RULES)
    assert [*result.accepted.select("account_id", "ending_market_value").rows()] == [("A1", 3), ("A2", 3)]
    assert result.quarantined["code"].to_list() == ["E_REQUIRED"]


def test_a_dash_that_may_be_the_beginning_of_a_number_is_not_skipped() -> None:
    feed = wide(r"(?P<column>BMV|EMV) (?P<until>[0-9/]+)", "BMV", "EMV")
    raw = read("Holding Account,BMV 05/31/2024,EMV 05/31/2024,BMV 06/28/2024,EMV 06/28/2024\nA1,1,2,-,-", feed)
    assert raw["mark"].to_list() == [None, "E_TORN"]


@pytest.mark.parametrize("style", ["yyyy-mm-dd", "mmm yy", "dd.mm.yyyy"])
def test_date_cells_of_a_workbook_name_periods_as_they_name_days(style: str) -> None:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet, as_date = book.add_worksheet(), book.add_format({"num_format": style})
        sheet.write_row(0, 0, ["Holding Account"])
        for column, month in enumerate((5, 6), start=1):
            sheet.write_datetime(0, column, datetime(2024, month, 28), as_date)  # noqa: DTZ001 - a cell has none
        sheet.write_row(1, 0, ["A1", 7, 8])
    columns = {**COLUMNS, "as_of_date": "until", "beginning_market_value": {"from": "BMV", "absent": "zero"}}
    feed = a_feed(
        columns, files={"patterns": ["acme_*"], "format": "excel", "unpivot": {"header": r"(?P<until>\d{4}-\d\d-\d\d)", "values": ["EMV"]}}
    )
    result = validate(read(content.getvalue(), feed), feed, DELIVERY, POSITION_RULES)
    assert [(str(day), int(value)) for day, value in result.accepted.select("as_of_date", "ending_market_value").rows()] == [
        ("2024-05-28", 7),
        ("2024-06-28", 8),
    ]


def test_the_refusal_of_a_header_without_periods_names_the_expression() -> None:
    columns = {**COLUMNS, "beginning_market_value": {"from": "BMV", "absent": "zero"}}
    error = rejection("Holding Account,May,June\nA1,1,2\n", wide(r"(?P<until>\d{4}-\d\d-\d\d)", "EMV", columns=columns))
    assert error.code == "E_HEADER_MISSING"
    assert "files: unpivot: header" in error.sentence
    assert "'May', 'June'" in error.sentence


@pytest.mark.parametrize("file_format", ["csv", "excel"])
def test_a_day_above_the_columns_of_its_period_is_part_of_their_names(file_format: str) -> None:
    """A merged title reaches to the right: the names under it are those of columns of the feed, and still of a period."""
    unpivot = {"header": r"(?P<d>\d{4}-\d\d-\d\d) (?P<column>bmv|in|out|emv)", "values": ["bmv", "in", "out", "emv"]}
    feed = a_feed({"as_of_date": "d"}, files={"patterns": ["a*"], "format": file_format, "header_rows": 2, "unpivot": unpivot})
    rows = [["", "2024-06-27", "", "", "", "2024-06-28", "", "", ""], ["id", *["bmv", "in", "out", "emv"] * 2], ["A1", *"10011002"]]
    content = a_book(("Data", [list(row) for row in rows])) if file_format == "excel" else "\n".join(map(",".join, rows)) + "\n"
    result = validated(content, feed)
    assert result.accepted.select("beginning_market_value", "ending_market_value").rows() == [(1, 1), (1, 2)]
