"""Units in column names: one vocabulary, which detection takes for the scale and ingestion refuses where the feed says none."""

from typing import Any

import pytest

from advisory_perf.feed_detection.column_names import name_of
from advisory_perf.feeds.units import RATES, unit_in
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, refusal, validated
from advisory_perf_tests.ingestion.workbook_files import a_book

pytestmark = pytest.mark.slow

NAMES = [
    ("Beginning MV [$000]", "1000"),
    ("Market Value ($000)", "1000"),
    ("MV (000s)", "1000"),
    ("MV (in thousands)", "1000"),
    ("MV ($ mm)", "1000000"),
    ("MV (pence)", "0.01"),
    ("MV (k)", "1000"),
    ("MV ('000)", "1000"),
    ("MV '000", "1000"),
    ("MV $000s", "1000"),
    ("MV USD 000", "1000"),
    ("Value (Rs. lakhs)", "100000"),
    ("Value in TEUR", "1000"),
    ("Wert TEUR", "1000"),
    ("Marktwert in Mio. EUR", "1000000"),
    ("MV (mn)", "1000000"),
    ("MV USD mn", "1000000"),
    ("AUM ($M)", "1000000"),
    ("AUM (m)", "1000000"),
    ("End MV (M)", "1000000"),
    ("AUM (\xa3m)", "1000000"),
    ("AUM \xa3m", "1000000"),
    ("AUM (bn)", "1000000000"),
    ("AUM $bn", "1000000000"),
    ("NAV in crore", "10000000"),
    ("NAV (Rs. Cr)", "10000000"),
    ("NAV (\u20b9 cr)", "10000000"),
    ("Return %", "percent"),
    ("TWR (%)", "percent"),
    ("Return Pct", "percent"),
    ("retPct", "percent"),
    ("ret_bps", "basis_points"),
    ("TWR (bps)", "basis_points"),
    ("Fee (bp)", "basis_points"),
    ("TWR in basis points", "basis_points"),
    ("mv_in_thousands", "1000"),
    ("nav k\u20ac", "1000"),
    ("Wert (k\u20ac)", "1000"),
    ("Wert [TCHF]", "1000"),
    ("MV (thousands of USD)", "1000"),
    ("Value (USD, thousands)", "1000"),
    ("Value (GBX)", "0.01"),
    ("Value (GBp)", "0.01"),
    ("Value GBp", "0.01"),
    ("MV EURm", "1000000"),
    ("Value (in EUR m)", "1000000"),
    ("Values (CHF in thousands)", "1000"),
    ("MV {000}", "1000"),
    ("MV (USD 000)", "1000"),
    ("MV (lakh)", "100000"),
    ("MV (cents)", "0.01"),
    ("MV (ZAc)", "0.01"),
    ("MarketValueThousands", "1000"),
    ("Valeur (en milliers)", "1000"),
    ("Wert (Tsd. EUR)", "1000"),
    ("MV ($MM)", "1000000"),
    ("MV (\u20ac Mio)", "1000000"),
    ("MV mn", "1000000"),
    ("MV x1000", "1000"),
    ("MV (x 1,000)", "1000"),
    ("MV \u00d71000", "1000"),
    ("MV in 1.000 EUR", "1000"),
    ("MV (1,000s)", "1000"),
    ("MV (USD 1'000s)", "1000"),
    ("MV 10^6", "1000000"),
    ("MV 1E3", "1000"),
    ("MV K USD", "1000"),
    ("MV ths. USD", "1000"),
    ("MV (\u00a2)", "0.01"),
    ("V\u00e4rde tkr", "1000"),
    ("\u8cc7\u7523 \u767e\u4e07\u5186", "1000000"),
    ("\u8d44\u4ea7 (\u4e07\u5143)", "10000"),
    ("\u0410\u043a\u0442\u0438\u0432\u044b, \u0442\u044b\u0441. \u0440\u0443\u0431.", "1000"),
    ("\u0410\u043a\u0442\u0438\u0432\u044b (\u043c\u043b\u043d)", "1000000"),
    ("Return (\uff05)", "percent"),
]
NO_UNITS = [
    "Amount (USD)",
    "Market Value (Base)",
    "MV_M",
    "MV",
    "Market Value (M1)",
    "401(k) Contributions",
    "Contributions 401 (k)",
    "Return (12 m)",
    "Return 3m",
    "Return MTD",
    "MM Balance",
    "Money Market (MM) fund balance in USD x",
    "Beginning MV (6/30/2020)",
    "Cash in",
    "TEUR2",
    "Account 1000",
    "Growth of 10,000",
    "Milestone",
    "Millipore",
    "Fund (B)x",
    "Market Value USD",
    "Net CR",
    "Fees (Mgmt)",
    "Net Contributions (T+1)",
    "Index (K)2",
    "Fee Mn",
    "Kernel",
    "Beginning Market Value (Local)",
    "EUR MV",
    "Class A (EUR)",
    "Gain (Loss)",
    "Value (as of 2024)",
    "Account Name",
    "TOP MV",
    "Value in M",
    "USD_M",
    "MV USD MTD",
    "Portfolio in USD",
    "ALL Flows",
    "CentsibleFund",
    "Total B",
    "MV (USD/1000)",
    "Fund (M Class)",
    "Strategy (Global B)",
]


@pytest.mark.parametrize(("name", "scale"), NAMES)
def test_a_unit_in_a_name_is_found_by_detection_and_refused_without_a_scale(name: str, scale: str) -> None:
    unit = unit_in(name)
    assert unit is not None
    assert (unit.scale, name_of(name).unit) == (scale, scale)
    field, value = ("vendor_twrr", "percent") if scale in RATES else ("fees", scale)
    text = f'{HEADER},"{name}"\nA1,2024-06-28,100,0,0,101,0.01\n'
    refused = refusal(text, a_feed({field: name}))
    assert (refused.code, f"names a unit {unit.text}, and the feed no scale for {field}" in refused.sentence) == ("E_SCALE_AMBIGUOUS", True)
    assert validated(text, a_feed({field: {"from": name, "scale": value}}, plausibility={"scale": "warn"})).read == 1


@pytest.mark.parametrize("name", NO_UNITS)
def test_a_name_without_a_unit_is_none_and_its_column_is_taken(name: str) -> None:
    assert unit_in(name) is None
    text = f'{HEADER},"{name}"\nA1,2024-06-28,100,0,0,101,0.01\n'
    assert validated(text, a_feed({"fees": name})).accepted.height == 1


def test_a_unit_in_the_name_of_what_is_no_figure_asks_for_no_scale() -> None:
    text = f'{HEADER},"Weight %"\nA1,2024-06-28,100,0,0,101,growth\n'
    assert validated(text, a_feed({"portfolio_id": "Weight %"})).accepted["portfolio_id"].to_list() == ["growth"]


def test_a_money_unit_says_nothing_of_a_return_and_a_column_of_percent_signs_needs_no_scale() -> None:
    monthly = f'{HEADER},"Return (m)"\nA1,2024-06-28,100,0,0,101,0.01\n'
    assert validated(monthly, a_feed({"vendor_twrr": "Return (m)"})).accepted["vendor_twrr"].to_list() == [0.01]
    signed = f'{HEADER},"TWR %"\nA1,2024-06-28,100,0,0,101,1%\nA2,2024-06-28,100,0,0,101,\n'
    assert validated(signed, a_feed({"vendor_twrr": "TWR %"})).accepted["vendor_twrr"].to_list() == [0.01, None]
    mixed = signed.replace(",1%", ",1%\nA3,2024-06-28,100,0,0,101,0.01")
    assert refusal(mixed, a_feed({"vendor_twrr": "TWR %"})).code == "E_SCALE_AMBIGUOUS"


@pytest.mark.parametrize("name", ["EMV [$000]", "emv (USD, thousands)", "emv (in thousands of USD)", "emv in crore", "emv (Rs. lakhs)"])
def test_a_column_that_came_with_a_unit_behind_its_name_is_not_the_old_one(name: str) -> None:
    text = f'id,day,bmv,in,out,"{name}"\nA1,2024-06-28,100,0,0,101\n'
    assert refusal(text, a_feed()).code in {"E_DRIFT", "E_SCALE_AMBIGUOUS", "E_MAPPING"}
    unit = unit_in(name)
    assert unit is not None
    assert unit.bare.casefold() == "emv"


UNPIVOT = {"header": r"(?P<column>bmv|in|out|emv) (?P<d>\S+)(?: .*)?", "values": ["bmv", "in", "out", "emv"]}
LINES = "k,item,{}\n" + "".join(
    f"1,{item},{value}\n" for item, value in zip(HEADER.split(","), ["A1", "2024-06-28", "1", "0", "0", "1"], strict=True)
)
SCALED = {
    "beginning_market_value": {"from": "bmv", "scale": 1000},
    "contributions": {"from": "in", "scale": 1000},
    "distributions": {"from": "out", "scale": 1000},
    "ending_market_value": {"from": "emv", "scale": 1000},
}


@pytest.mark.parametrize("layout", ["unpivot", "pivot"])
def test_a_unit_in_the_names_of_unpivoted_and_pivoted_columns_needs_a_scale_too(layout: str) -> None:
    wide = f"id,{','.join(f'{name} 2024-06-28 [$000]' for name in HEADER.split(',')[2:])}\nA1,1,0,0,1\n"
    text = wide if layout == "unpivot" else LINES.format("value [$000]")
    how = UNPIVOT if layout == "unpivot" else {"names": "item", "values": "value [$000]", "by": "k"}
    day = {"as_of_date": "d" if layout == "unpivot" else "day"}
    files = {"patterns": ["acme_*"], "format": "csv", layout: how}
    refused = refusal(text, a_feed(day, files=files))
    assert (refused.code, "names a unit [$000]" in refused.sentence) == ("E_SCALE_AMBIGUOUS", True)
    taken = validated(text, a_feed(day | SCALED, files=files))
    assert taken.accepted["ending_market_value"].to_list() == [1000]
    warned = validated(text, a_feed(day, files=files, plausibility={"scale": "warn"}))
    assert warned.accepted["ending_market_value"].to_list() == [1]


ABOVE = [
    ("All amounts in USD thousands", True),
    ("(in thousands)", True),
    ("Betr\u00e4ge in TEUR", True),
    ("Figures in $ millions", True),
    ("USD '000", True),
    ("Report of 31 January 2025", False),
    ("For our 5 million clients", False),
    ("Portfolio of 10 000 EUR", False),
    ("Performance in %", False),
    ("Acme Asset Management, account values", False),
]


@pytest.mark.parametrize("file_format", ["csv", "excel"])
@pytest.mark.parametrize(("line", "is_unit"), ABOVE)
def test_a_unit_above_the_header_is_noticed_unless_the_feed_has_a_scale(line: str, file_format: str, *, is_unit: bool) -> None:
    row = ["A1", "2024-06-28", 100, 0, 0, 101]
    rows: list[list[Any]] = [[line], HEADER.split(","), row]
    content = a_book(("Data", rows)) if file_format == "excel" else "\n".join(",".join(map(str, one)) for one in rows) + "\n"
    files = {"patterns": ["acme_*"], "format": file_format}
    said: list[Notice] = []
    read_raw_rows(content if isinstance(content, bytes) else content.encode(), a_feed(files=files), "acme_1", notices=said)
    assert [notice.code for notice in said] == (["W_SCALE"] if is_unit else [])
    assert not is_unit or "set `scale: 1" in said[0].sentence
    inferred: list[Notice] = []
    read_raw_rows(content if isinstance(content, bytes) else content.encode(), a_feed(SCALED, files=files), "acme_1", notices=inferred)
    assert inferred == []
