"""The cases of CSV files. What a case calls a feed's word is said in the feed of its test."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.limits import Bounds
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf_tests.ingestion.cases import BASE, COLUMNS, HEADER, ROW, base_feed, case, in_files, rows_with, the_code, the_row
from advisory_perf_tests.ingestion.scenarios import cells, codes, notices, refusal, validated

pytestmark = pytest.mark.table

MILLION = Decimal("1040000.00")
DAY = date(2024, 5, 31)
CELLS: list[Any] = ["A-1001", DAY, 1000000, 50000, 20000, 3000, 7500, 500, 0, 1040000, 0.0098]


# csv ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + BASE.encode(), id="a byte order mark"),
        pytest.param(("\ufeff" + BASE).encode("utf-16-le"), id="UTF-16 with a byte order mark"),
        pytest.param(b"\xef\xbb\xbf\r\n\r\n" + BASE.encode(), id="blank lines before the header"),
    ],
)
@case("csv-001", "csv-002", "csv-014")
def test_marks_and_blank_lines_before_the_header_change_nothing(content: bytes) -> None:
    assert the_row(content)["ending_market_value"] == MILLION


@case("csv-003")
def test_bytes_that_are_no_text_in_the_feeds_encoding_are_refused() -> None:
    assert refusal(BASE.encode("utf-16-le"), base_feed()).code == "E_ENCODING"


@case("csv-008")
def test_mixed_line_ends_leave_no_trace() -> None:
    rows = [ROW.replace("1001", f"100{number}") for number in range(4)]
    content = f"{HEADER}\r\n{rows[0]}\n{rows[1]}\r\n{rows[2]}\n{rows[3]}\r\n"
    assert validated(content, base_feed()).accepted["vendor_twrr"].to_list() == [0.0098] * 4


@case("csv-011")
def test_lines_that_begin_with_their_kind_need_the_feeds_word() -> None:
    lines = ["H1|Positions", "H2|Account|As Of|Beginning|Contri|Distri|Ending", "H3|ID|Date|MV|butions|butions|MV"]
    content = "\n".join([*lines, "DL|A-1001|2024-05-31|1000000.00|50000.00|20000.00|1040000.00"]) + "\n"
    columns = {"account_id": "ID", "as_of_date": "As Of Date", "beginning_market_value": "Beginning MV"}
    columns |= {"contributions": "Contri butions", "distributions": "Distri butions", "ending_market_value": "Ending MV"}
    columns["account_id"] = "Account ID"
    feed = in_files(csv={"delimiter": "|", "record_prefix": "DL"}, header_rows=2)
    declared = feed.model_copy(update={"columns": {n: s for n, s in base_feed(dict(columns)).columns.items() if n in columns}})
    assert the_row(content, declared)["ending_market_value"] == MILLION
    assert refusal(content, base_feed()).code == "E_HEADER_MISSING"


@case("csv-015")
def test_a_legal_notice_below_the_rows_is_a_footer() -> None:
    starts = ["The data and information", "Date downloaded"]
    content = BASE + '"The data and information in this spreadsheet, as is"\n"Date downloaded 05/31/2024 7:51 pm"'
    result = validated(content, base_feed(footer=[{"column": "Account ID", "starts_with": starts}]))
    assert (result.accepted.height, result.footer, result.quarantined.height) == (1, 2, 0)


@case("csv-016", "rec-012")
def test_a_totals_row_is_no_row_but_a_control_total() -> None:
    """The difference is the notice W_CONTROL_TOTAL; a feed may have it reject the file instead, and by default it does."""
    total = "Total,,1000000.00,50000.00,20000.00,3000.00,7500.00,500.00,0.00,{},"
    footer = [{"column": "Account ID", "starts_with": ["Total"], "totals": True}]
    feed = base_feed(footer=footer, controls={"on_difference": "warn"})
    right = validated(f"{BASE}{total.format('1040000.00')}\n", feed)
    assert (right.accepted.height, right.footer, notices(right)) == (1, 1, [])
    wrong = validated(f"{BASE}{total.format('1040500.00')}\n", feed)
    assert notices(wrong) == ["W_CONTROL_TOTAL"]
    assert "off by 500.00" in wrong.notices[0].sentence
    assert refusal(f"{BASE}{total.format('1040500.00')}\n", base_feed(footer=footer)).code == "E_CONTROL_TOTAL"


@case("csv-017")
def test_of_several_tables_in_a_file_the_feed_names_one() -> None:
    trades = "Trade ID,Trade Date,Security,Units,Price,Fee,Tax,Net,Broker,Venue,Note\n1,2,3,4,5,6,7,8,9,10,11"
    content = f"Performance\n{BASE}\n\nTransactions\n{trades}\n"
    assert refusal(content, base_feed()).code == "E_MULTI_TABLE"
    assert the_row(content, in_files(csv={"block": "Performance"}))["ending_market_value"] == MILLION


@case("csv-021")
def test_values_without_a_column_name_are_kept_and_noticed() -> None:
    content = f"{HEADER},,Note\n{ROW},extra,\n"
    result = validated(content, base_feed(ignored=["Note"]))
    assert (result.accepted.height, notices(result)) == (1, ["W_UNNAMED_COLUMN"])
    assert cells(read_raw_rows(content.encode(), base_feed(), "acme_1.csv"), "unnamed 12") == ["extra"]


@case("csv-022")
def test_a_header_alone_is_taken_and_noticed() -> None:
    result = validated(f"{HEADER}\n", base_feed())
    assert (result.read, notices(result)) == (0, ["W_EMPTY_FILE"])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param("", "E_EMPTY", id="no bytes"),
        pytest.param(f"{ROW}\n{ROW.replace('1001', '1002')}\n", "E_HEADER_MISSING", id="no header"),
        pytest.param(rows_with([{}]).replace("Ending Market Value", "Sum"), "E_MAPPING", id="a required column is missing"),
    ],
)
@case("csv-023", "csv-024", "csv-034")
def test_files_without_bytes_header_or_required_columns_are_refused(content: str, code: str) -> None:
    refused = refusal(content, base_feed())
    assert refused.code == code
    assert code != "E_MAPPING" or "Ending Market Value" in refused.sentence


@case("csv-026")
def test_a_row_with_too_many_cells_is_quarantined_whole() -> None:
    row = ROW.replace("1040000.00", "1,040,000.00")
    result = validated(f"{HEADER}\n{row}\n", base_feed())
    assert codes(result) == {2: "E_FIELDS"}
    assert result.quarantined["raw_row"].item() == row


@pytest.mark.parametrize(
    ("written", "name"),
    [pytest.param('"Smith\nTrust"', "Smith\nTrust", id="a line end"), pytest.param('"Smith, ""Bud"" Jr"', 'Smith, "Bud" Jr', id="quotes")],
)
@case("csv-027", "csv-029")
def test_a_quoted_cell_may_hold_line_ends_delimiters_and_quotes(written: str, name: str) -> None:
    """A row's line is the physical one on which it begins."""
    content = f"{HEADER},Name\n{ROW},{written}\n{ROW.replace('1001', '1002')},b\n"
    positions = validated(content, base_feed({"account_name": "Name"})).accepted
    assert positions["account_name"].to_list() == [name, "b"]
    assert positions["line_number"].to_list() == [2, 3 + written.count("\n")]


@case("csv-030")
def test_a_column_name_is_known_in_any_case_and_spacing() -> None:
    assert the_row(BASE.replace("Ending Market Value", " ENDING\u00a0 market  value* "))["ending_market_value"] == MILLION


@case("csv-032")
def test_a_new_column_is_kept_and_noticed() -> None:
    content = f"{HEADER},Advisor Note\n{ROW},call back\n"
    result = validated(content, base_feed())
    assert (result.accepted.height, notices(result)) == (1, ["W_NEW_COLUMN"])
    assert "add it to ignored" in result.notices[0].sentence
    assert cells(read_raw_rows(content.encode(), base_feed(), "acme_1.csv"), "Advisor Note") == ["call back"]


@pytest.mark.parametrize(("absent", "amount"), [("zero", Decimal(0)), ("null", None)])
@case("csv-033")
def test_an_optional_column_that_is_missing_is_what_the_feed_says(absent: str, amount: Decimal | None) -> None:
    content = "\n".join(",".join(line.split(",")[:8] + line.split(",")[9:]) for line in (HEADER, ROW)) + "\n"
    result = validated(content, base_feed({"other_adjustments": {"from": "Other", "absent": absent}}))
    assert (result.accepted["other_adjustments"].item(), notices(result)) == (amount, ["W_MISSING_OPTIONAL"])
    assert refusal(content, base_feed()).code == "E_MAPPING", "and required unless the feed says so"


@case("csv-035")
def test_columns_that_mean_the_opposite_of_their_names_are_refused() -> None:
    """Where a swap explains the failing rows; unexplained ones refuse a file beyond every fifth, since fewer are to be reconciled."""
    names = {"beginning_market_value": "Value", "ending_market_value": "Market Value"}
    refused = refusal(
        rows_with([{}]).replace("Beginning Market Value", "Market Value").replace("Ending Market Value", "Value"), base_feed(dict(names))
    )
    assert refused.code == "E_HEADER_AMBIGUOUS"
    assert "Value and Market Value change places" in refused.sentence


@case("csv-036")
def test_a_wide_file_needs_the_feeds_word() -> None:
    ends = (
        ["6/30/2020", "7/31/2020", "8/31/2020"]
        + [f"{month}/30/2020" for month in (9, 10, 11)]
        + [f"{month}/28/2021" for month in range(1, 8)]
    )
    headers = [f'"TWR ({begin} to {end}, USD, Gross)"' for begin, end in pairwise(ends)]
    returns = ["2.74%", "4.13%", *(f"0.{number:02}%" for number in range(10))]
    content = f"Holding Account,{','.join(headers)}\nA-1001,{','.join(returns)}"
    mapped = {"account_id": "Holding Account", "as_of_date": {"from": "end", "formats": ["%m/%d/%Y"]}, "vendor_twrr": "twr"}
    unpivot = {"header": r"TWR \(\S+ to (?P<end>\S+), USD, Gross\)", "values": ["twr"]}
    base = base_feed(mapped, files={"patterns": ["acme_*"], "format": "csv", "unpivot": unpivot})
    feed = base.model_copy(update={"columns": {name: source for name, source in base.columns.items() if name in mapped}})
    raw = read_raw_rows(content.encode(), feed, "acme_1.csv")
    assert cells(raw, "twr") == returns
    assert cells(raw, "end") == ends[1:]
    assert cells(raw, "Holding Account") == ["A-1001"] * 12
    assert refusal(content, base_feed()).code == "E_HEADER_MISSING"


@case("csv-040")
def test_apostrophes_quote_where_the_feed_says_so() -> None:
    content = f"{HEADER},Name\n{ROW},'Smith, Bud'\n"
    named: dict[str, Any] = {"account_name": "Name"}
    quoting = base_feed(named, files={"patterns": ["acme_*"], "format": "csv", "csv": {"quote": "'"}})
    assert the_row(content, quoting)["account_name"] == "Smith, Bud"
    assert the_code(content, base_feed(named)) == "E_FIELDS"


@case("csv-043")
def test_a_decimal_after_a_hundred_and_fifty_whole_numbers_is_exact() -> None:
    fees = [*(["12"] * 150), "12.5"]
    content = rows_with({"account_id": f"A-{number}", "fees": fee} for number, fee in enumerate(fees))
    result = validated(content, base_feed(plausibility={"identity": "warn"}))
    assert result.accepted["fees"].to_list() == [Decimal(fee) for fee in fees]


@case("ev-007")
def test_a_file_cut_inside_its_last_number_is_torn() -> None:
    columns = [*COLUMNS[:9], COLUMNS[10], COLUMNS[9]]
    values = ROW.split(",")
    row = ",".join([*values[:9], values[10], values[9]])
    content = ",".join(columns) + "\n" + row
    assert the_row(content)["ending_market_value"] == MILLION
    for cut in range(4, 10):
        assert refusal(content[:-cut], base_feed()).code == "E_TORN"
    assert refusal(content[:-3], in_files(csv={"final_newline": "required"})).code == "E_TORN", "even where the figure is unchanged"


@case("ev-031")
def test_a_file_may_have_ten_million_rows_and_is_bounded() -> None:
    """What memory ten million rows take is a matter of the benchmark; here, that the bounds let them in and not everything."""
    assert Bounds().rows >= 10_000_000
    with pytest.raises(DeliveryRejectedError, match="E_TOO_LARGE"):
        read_raw_rows(BASE.encode(), base_feed(), "acme_1.csv", bounds=Bounds(bytes=100))
