import itertools
import json
from pathlib import Path

import pytest

from advisory_perf.feed_detection.column_names import Reading, Strength, name_of, readings
from advisory_perf.feed_detection.vocabulary import SHORTHANDS, TABLE
from advisory_perf.feeds.fields import FIELDS
from advisory_perf.feeds.registry import load_feeds

LABELLED = json.loads((Path(__file__).parent / "headers.json").read_text())
OF_SYSTEMS = json.loads((Path(__file__).parent / "headers_of_systems.json").read_text())
"""Headers of custodians and accounting systems, by what they mean there; ``may_stay_open`` where the name alone cannot say.

The table was fixed with one half; the other one only measures it.
"""
FIELD_OF_LABEL = {
    "account_id": "account_id",
    "as_of_date": "as_of_date",
    "begin_mv": "beginning_market_value",
    "end_mv": "ending_market_value",
    "net_flow": "vendor_net_flow",
    "income": "income",
    "fees": "fees",
    "twr_gross": "vendor_twrr",
    "twr_net": "vendor_twrr",
}
"""The labels that are fields of a position; the others (price, quantity, symbol, …) belong to holdings."""


def proposal(header: str) -> Reading | None:
    """What the name alone proposes: the surest reading that is more than possible."""
    return next((one for one in readings(header) if one.strength > Strength.POSSIBLE), None)


def exact_field(header: str) -> str | None:
    found = [one.field for one in readings(header) if one.strength is Strength.EXACT]
    return found[0] if found else None


def test_no_name_is_proposed_for_a_wrong_field_and_nearly_all_performance_headers_are_found() -> None:
    wanted = [FIELD_OF_LABEL.get(one["canonical"]) for one in LABELLED]
    found = [reading.field if (reading := proposal(one["header"])) else None for one in LABELLED]
    right = sum(field is not None and field == want for field, want in zip(found, wanted, strict=True))
    assert right / sum(field is not None for field in found) == 1.0  # precision, over all labelled headers
    assert right / sum(want is not None for want in wanted) >= 0.9  # recall, over those that are fields of a position
    assert right == 22


@pytest.mark.parametrize(("half", "most_wrong"), [("fixed_with", 0), ("held_out", 1)])
def test_names_that_the_table_has_not_seen_are_inferred_as_well(half: str, most_wrong: int) -> None:
    found = [(one, proposal(one["header"])) for one in OF_SYSTEMS[half]]
    wrong = [one["header"] for one, reading in found if reading is not None and reading.field not in one["fields"]]
    assert len(wrong) <= most_wrong
    assert not [header for header in wrong if exact_field(header)]
    wanted = [reading for one, reading in found if one["fields"] and not one["may_stay_open"]]
    assert sum(reading is not None for reading in wanted) / len(wanted) >= 0.95


def test_exact_names_alone_find_three_quarters() -> None:
    exact = {one["header"]: exact_field(one["header"]) for one in LABELLED}
    right = [header for header, field in exact.items() if field is not None]
    assert all(FIELD_OF_LABEL.get(one["canonical"]) == exact[one["header"]] for one in LABELLED if exact[one["header"]])
    assert len(right) == 17


def test_values_that_do_not_say_of_which_day_are_candidates_for_both_ends() -> None:
    for header in ("Market Value", "Value ($)", "Total Value", "NAV", "Balance"):
        assert [one.field for one in readings(header)] == ["ending_market_value", "beginning_market_value"]
        assert exact_field(header) is None
    for header in ("Prior Market Value", "Previous Value"):  # where the rows are of the day before, it is the ending one
        assert {one.field for one in readings(header)} == {"ending_market_value", "beginning_market_value"}


def test_no_name_is_exact_for_two_fields() -> None:
    for field, names in TABLE.items():
        words = [template.split(";")[0] for template in names.exact.split(";")]
        assert field in FIELDS
        assert words
    for header in itertools.chain.from_iterable(_names(names.exact) for names in TABLE.values()):
        assert sum(one.strength is Strength.EXACT for one in readings(header)) == 1, header


def _names(templates: str) -> list[str]:
    """The names of templates with the first alternative of each choice, and with the last."""
    for shorthand, alternatives in SHORTHANDS.items():
        templates = templates.replace(shorthand, alternatives)
    found = []
    for template in templates.split(";"):
        for end in (0, -1):
            parts = template.replace("}", "{").split("{")
            found.append(" ".join(" ".join(part.split("|")[end] for part in parts).split()))
    return [name for name in found if name]


@pytest.mark.parametrize(
    "spelling", ["beginning_mv", "BeginningMarketValue", "BEGINNING MARKET VALUE", "Beg. Mkt Val*", "Beginning\u00a0MV"]
)
def test_spelling_does_not_matter(spelling: str) -> None:
    assert exact_field(spelling) == "beginning_market_value"


@pytest.mark.parametrize(
    ("header", "unit"),
    [
        ("Ending Market Value ($000)", "1000"),
        ("Ending Market Value (in thousands)", "1000"),
        ("Ending Market Value (mm)", "1000000"),
        ("Ending Market Value (pence)", "0.01"),
        ("Ending Market Value (GBX)", "0.01"),
        ("Ending Market Value (KWF)", "0.001"),
        ("TWR (%)", "percent"),
        ("TWR %", "percent"),
        ("TWR (bps)", "basis_points"),
        ("TWR", None),
    ],
)
def test_a_unit_behind_a_name_is_kept(header: str, unit: str | None) -> None:
    assert name_of(header).unit == unit
    assert exact_field(header) is not None


def test_a_currency_in_a_name_is_kept() -> None:
    assert name_of("TWR (6/30/2020 to 7/31/2020, USD, Gross)").currency == "USD"
    assert name_of("Market Value EUR").currency == "EUR"
    assert name_of("Market Value ($)").currency is None


@pytest.mark.parametrize(
    "header", ["Ending Market Value (local)", "Income (accrued)", "Fees (YTD)", "Contributions (units)", "TWR (since inception)"]
)
def test_a_bracket_that_is_not_understood_makes_the_name_unknown(header: str) -> None:
    assert readings(header) == ()


@pytest.mark.parametrize(
    "header",
    [
        "YTD Return", "IRR", "Inception Date", "Trade Date", "Accrued Interest", "Cost Basis", "Unit Price", "Quantity", "Yield",
        "Ytd Contributions", "Income/Expenses", "Total Gain/Loss Percent", "Annualized Return", "Estimated Annual Income", "Previous Close",
    ],
)  # fmt: skip
def test_names_of_other_things_propose_nothing(header: str) -> None:
    assert proposal(header) is None


def test_a_dotted_path_is_known_by_its_last_parts_but_never_exactly() -> None:
    assert readings("account.id") == (Reading("account_id", Strength.EXACT),)
    (reading,) = readings("reporting.cash_flows.contributions")
    assert reading == Reading("contributions", Strength.LIKELY)


def test_every_column_of_the_known_feeds_may_be_what_it_is() -> None:
    for feed in load_feeds().values():
        for field, source in feed.columns.items():
            assert field in {one.field for one in readings(source.from_)}, f"{feed.vendor}: {source.from_}"


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Appreciation/(Depreciation)", "appreciation"),
        ("Additions/(Withdrawals)", "vendor_net_flow"),
        ("Deposits & Withdrawals", "vendor_net_flow"),
        ("Closing Balance", "ending_market_value"),
        ("Opening Balance", "beginning_market_value"),
        ("Net of Fees Return", "vendor_twrr"),
    ],
)
def test_two_words_of_a_pair_are_one_name(header: str, field: str) -> None:
    assert exact_field(header) == field


@pytest.mark.parametrize("header", ["Close Date", "Closing Date", "Open Date", "Start Date", "Closing Price"])
def test_the_end_of_something_else_is_no_as_of_date_or_value(header: str) -> None:
    assert proposal(header) is None


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Anfangswert", "beginning_market_value"),
        ("Vermoegen Ende", "ending_market_value"),
        ("Numéro de compte", "account_id"),
        ("Controvalore finale", "ending_market_value"),
        ("Aportaciones netas", "vendor_net_flow"),
        ("Onttrekkingen", "distributions"),
        ("Ein-/Auszahlungen", "vendor_net_flow"),
    ],
)
def test_other_languages_are_put_into_english_word_by_word(header: str, field: str) -> None:
    assert [one.field for one in readings(header)] == [field]


@pytest.mark.parametrize(
    "header", ["Rendement depuis le 1er janvier", "Ausschüttungsrendite", "Eröffnungsdatum", "Plus-values latentes", "Valuta", "EIN", "Nr"]
)
def test_one_word_that_is_not_known_leaves_the_whole_name_unknown(header: str) -> None:
    assert readings(header) == ()


@pytest.mark.parametrize("header", ["Contribution %", "Contribution (bps)", "Mgmt Fee (bps)", "Management Fee %", "TWR ($000)"])
def test_a_share_is_no_amount_and_an_amount_no_return(header: str) -> None:
    assert readings(header) == ()


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Beginning Market Value (BMV)", "beginning_market_value"),
        ("EMV (Ending Market Value)", "ending_market_value"),
        ("Contributions (Contrib)", "contributions"),
        ("Time Weighted Return (TWR)", "vendor_twrr"),
        ("Account Number [Acct No]", "account_id"),
        ("Market Value (MV) End", "ending_market_value"),
        ("As Of Date (as of)", "as_of_date"),
    ],
)
def test_a_bracket_that_repeats_the_name_changes_nothing(header: str, field: str) -> None:
    assert exact_field(header) == field


@pytest.mark.parametrize(
    "header", ["Value (Ending Market Value)", "Market Value (Beginning)", "Contributions (Employer)", "Return (Annualized)", "Fees (AF)"]
)
def test_a_bracket_that_says_more_than_the_name_is_no_repetition(header: str) -> None:
    assert exact_field(header) is None


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Gross Inflows", "contributions"),
        ("Inflows (gross)", "contributions"),
        ("grossContributions", "contributions"),
        ("Gross Outflows", "distributions"),
        ("Outflows (gross)", "distributions"),
        ("GrossWithdrawals", "distributions"),
    ],
)
def test_gross_flows_are_what_came_in_and_what_went_out(header: str, field: str) -> None:
    assert exact_field(header) == field


@pytest.mark.parametrize("header", ["Gross Return", "Gross Income", "Gross Fees", "Gross Gain", "Gross Market Value", "Gross Flows"])
def test_gross_of_anything_else_is_no_flow(header: str) -> None:
    assert not {one.field for one in readings(header)} & {"contributions", "distributions"}


@pytest.mark.parametrize("field", ["beginning_market_value", "ending_market_value", "account_id", "as_of_date", "contributions"])
def test_camel_case_is_a_spelling_of_every_name(field: str) -> None:
    for name in _names(TABLE[field].exact):
        words = name.split()
        camel = words[0].lower() + "".join(word.title() for word in words[1:])
        if all(len(word) > 1 for word in words):
            assert readings(camel) == readings(name), camel


@pytest.mark.parametrize("header", ["TWRPct", "twrPercent", "Pct TWR"])
def test_percent_as_a_word_of_its_own_is_a_unit(header: str) -> None:
    assert (name_of(header).unit, exact_field(header)) == ("percent", "vendor_twrr")


@pytest.mark.parametrize("text", ["", "." * 1600, "0.1234", "2025-01-31", "- - -", "Ending Market Value " * 20, "a." * 800, "()" * 900])
def test_texts_without_letters_and_prose_are_no_names(text: str) -> None:
    assert readings(text) == ()
