from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from advisory_perf.contracts.enums import FeeBasis, FlowTiming
from advisory_perf.feed_detection.findings import Status
from advisory_perf.feed_detection.proposal import Proposal
from advisory_perf.samples.market import Position, dollars
from advisory_perf_tests.feed_detection.scenarios import (
    FIGURES,
    NAMES,
    a_file,
    cells,
    columns,
    confirmed,
    finding,
    gross_of_fees,
    inferred,
    positions,
    proposed,
    proposed_of,
    renamed,
    scaled,
    without_flows,
)

pytestmark = pytest.mark.slow

TIMINGS = [timing for timing in FlowTiming if timing is not FlowTiming.WEIGHTED]
LAST_DAY = [row for row in positions() if row.as_of_date == date(2025, 3, 31)]
NAMED_BY_ARITHMETIC = {"beginning_market_value", "contributions", "distributions", "fees", "ending_market_value"}


def without(*fields: str) -> dict[str, str]:
    return {field: name for field, name in NAMES.items() if field not in fields}


def changed(given: tuple[Position, ...], **factors: int) -> list[dict[str, str]]:
    """The rows with some fields times a factor."""
    return [{**cells(row), **{field: scaled(cells(row)[field], factor) for field, factor in factors.items()}} for row in given]


def test_a_file_with_exact_names_is_inferred_whole() -> None:
    proposal = proposed_of(positions())
    assert proposal.is_complete
    assert columns(proposal) == dict(NAMES)
    assert confirmed(proposal).keys() > NAMED_BY_ARITHMETIC


@pytest.mark.parametrize("timing", TIMINGS)
def test_the_returns_tell_the_flow_timing(timing: FlowTiming) -> None:
    found = inferred(proposed_of(positions(timing=timing)))
    assert found["conventions.flow_timing"] == timing.value
    assert found["conventions.fee_basis"] == FeeBasis.NET.value


@pytest.mark.parametrize("timing", TIMINGS)
def test_returns_before_fees_tell_that_they_are_gross(timing: FlowTiming) -> None:
    found = inferred(proposed_of(gross_of_fees(positions(timing=timing), timing)))
    assert found["conventions.flow_timing"] == timing.value
    assert found["conventions.fee_basis"] == FeeBasis.GROSS.value


def test_fees_and_distributions_that_work_alike_are_inferred_by_name_only_where_fees_are_the_rule_and_flows_are_rare() -> None:
    """Gross, and flows out at the end of the day: both are added to the ending value, and no equation tells which is which."""
    book = gross_of_fees(positions(), FlowTiming.END_OF_DAY)
    proposal = proposed_of(book)
    for field in ("fees", "distributions"):
        assert finding(proposal, f"columns.{field}").status is Status.NAMED
        assert columns(proposal)[field] == NAMES[field]
    exchanged = proposed_of(book, renamed(fees=NAMES["distributions"], distributions=NAMES["fees"]))
    assert not {"fees", "distributions"} & columns(exchanged).keys()


def test_without_flows_every_timing_is_a_candidate_and_none_is_filled_in() -> None:
    proposal = proposed_of(without_flows(positions(), FlowTiming.END_OF_DAY))
    timing = finding(proposal, "conventions.flow_timing")
    assert timing.value is None
    assert set(timing.candidates) == {one.value for one in TIMINGS}
    assert not proposal.is_complete


def test_without_returns_conventions_are_open_and_flows_are_not_confirmed() -> None:
    proposal = proposed_of(positions(), without("vendor_twrr", "benchmark_return"))
    assert {"conventions.flow_timing", "conventions.fee_basis", "columns.contributions"} <= set(proposal.open_keys)
    assert {"beginning_market_value", "ending_market_value"} <= confirmed(proposal).keys()


@pytest.mark.parametrize(("scale", "factor"), [("percent", 100), ("basis_points", 10_000)])
def test_the_returns_tell_their_scale_and_the_benchmark_follows_its_size(scale: str, factor: int) -> None:
    proposal = proposed(a_file(changed(positions(), vendor_twrr=factor, benchmark_return=factor)))
    assert inferred(proposal)["columns.vendor_twrr"] == {"from": "TWR", "scale": scale}
    assert inferred(proposal)["columns.benchmark_return"] == {"from": "Benchmark Return", "scale": scale}
    assert proposal.is_complete


@pytest.mark.parametrize("name", ["MTD Return", "MTD TWR"])
def test_returns_that_follow_from_no_row_may_be_of_the_period_that_their_name_has(name: str) -> None:
    rows = [replace(row, vendor_twrr=row.vendor_twrr and row.vendor_twrr * 3 + Decimal("0.05")) for row in positions()]
    found = finding(proposed_of(rows, renamed(vendor_twrr=name)), "columns.vendor_twrr")
    assert (found.status, found.candidates) == (Status.UNDECIDED, (f"{{from: {name}, period: month}}",))


@pytest.mark.parametrize("factor", [20, 100])
def test_a_benchmark_of_another_size_is_left_open(factor: int) -> None:
    proposal = proposed(a_file(changed(positions(), benchmark_return=factor)))
    assert finding(proposal, "columns.benchmark_return").status is Status.UNDECIDED
    assert "columns.vendor_twrr" in inferred(proposal)


def test_the_identity_tells_the_sign_of_what_is_subtracted() -> None:
    proposal = proposed(a_file(changed(positions(), distributions=-1, fees=-1)))
    assert inferred(proposal)["columns.distributions"] == {"from": "Withdrawals", "sign": -1}
    assert inferred(proposal)["columns.fees"] == {"from": "Management Fees", "sign": -1}
    assert proposal.is_complete


def test_returns_of_the_other_sign_are_inferred_where_the_values_are_known() -> None:
    proposal = proposed(a_file(changed(positions(), vendor_twrr=-1)))
    assert inferred(proposal)["columns.vendor_twrr"] == {"from": "TWR", "sign": -1}


@pytest.mark.parametrize(("begin", "end"), [("Market Value", "Value"), ("Value", "Market Value"), ("NAV", "Balance")])
def test_names_that_may_be_either_market_value_are_decided_by_the_roll_forward(begin: str, end: str) -> None:
    proposal = proposed_of(positions(), renamed(beginning_market_value=begin, ending_market_value=end))
    assert confirmed(proposal)["beginning_market_value"] == begin
    assert confirmed(proposal)["ending_market_value"] == end
    assert proposal.is_complete


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("beginning_market_value", "ending_market_value"),
        ("beginning_market_value", "other_adjustments"),
        ("contributions", "distributions"),
        ("contributions", "income"),
        ("distributions", "fees"),
        ("income", "fees"),
        ("ending_market_value", "distributions"),
        ("vendor_twrr", "benchmark_return"),
    ],
)
def test_two_names_that_changed_places_are_refused_and_never_confirmed(one: str, other: str) -> None:
    proposal = proposed_of(positions(), renamed(**{one: NAMES[other], other: NAMES[one]}))
    assert not {one, other} & columns(proposal).keys()
    assert {f"columns.{one}", f"columns.{other}"} <= set(proposal.open_keys)


@pytest.mark.parametrize(
    ("one", "other"), [("income", "appreciation"), ("income", "other_adjustments"), ("appreciation", "other_adjustments")]
)
def test_what_no_equation_distinguish_is_refused_where_its_figures_contradict_its_name(one: str, other: str) -> None:
    proposal = proposed_of(positions(), renamed(**{one: NAMES[other], other: NAMES[one]}))
    assert not {one, other} & columns(proposal).keys()
    assert {"beginning_market_value", "ending_market_value", "contributions"} <= confirmed(proposal).keys()


def test_income_appreciation_and_adjustments_are_by_name_and_never_called_confirmed() -> None:
    proposal = proposed_of(positions())
    for field in ("income", "appreciation", "other_adjustments"):
        assert finding(proposal, f"columns.{field}").status is Status.NAMED


def test_a_refused_column_has_the_column_that_fits_as_its_first_candidate() -> None:
    proposal = proposed_of(positions(), renamed(distributions="Management Fees", fees="Withdrawals"))
    assert finding(proposal, "columns.distributions").candidates == ("Management Fees", "Withdrawals")


def test_unknown_names_are_never_filled_in_but_the_identity_names_what_it_misses() -> None:
    proposal = proposed_of(positions(), renamed(income="Bar"))
    assert "income" not in columns(proposal)
    assert "with Bar added" in finding(proposal, "columns.appreciation").evidence
    assert "Bar" in proposal.unmapped


def test_one_day_confirms_nothing_that_two_days_would_have_to() -> None:
    proposal = proposed(a_file([cells(row) for row in LAST_DAY]))
    assert finding(proposal, "cadence").candidates == ("monthly", "daily")
    assert confirmed(proposal)["ending_market_value"] == NAMES["ending_market_value"]
    assert {"contributions", "distributions"}.isdisjoint(columns(proposal))


def test_a_net_flow_of_the_vendors_own_is_confirmed_by_the_flows() -> None:
    rows = [{**cells(row), "net": str(dollars(-row.net_flow))} for row in positions()]
    proposal = proposed(a_file(rows, {**NAMES, "net": "Net Flow"}))
    assert inferred(proposal)["columns.vendor_net_flow"] == {"from": "Net Flow", "sign": -1}
    assert proposal.is_complete


def net_only(name: str, *, sign: int = 1, of: Sequence[Position] = (), names: Mapping[str, str] = NAMES) -> Proposal:
    """The proposal for positions whose flows stand in one signed column."""
    rows = [{**cells(row), "net": str(dollars(sign * row.net_flow))} for row in of or positions()]
    others = {field: column for field, column in names.items() if field not in {"contributions", "distributions"}}
    return proposed(a_file(rows, {**others, "net": name}))


@pytest.mark.parametrize("name", ["Net Flow", "Deposits & Withdrawals", "Net Contributions", "Cash Flow", "Net Additions/Withdrawals"])
def test_a_net_flow_alone_stands_in_the_place_of_both_flows(name: str) -> None:
    proposal = net_only(name)
    assert inferred(proposal)["columns.net_flow"] == name
    assert confirmed(proposal)["net_flow"] == name
    assert proposal.is_complete


def test_a_net_flow_that_is_negative_for_what_comes_in_is_turned_by_the_equations() -> None:
    assert inferred(net_only("Net Flow", sign=-1))["columns.net_flow"] == {"from": "Net Flow", "sign": -1}
    returns_only = {field: name for field, name in NAMES.items() if field not in {"appreciation", "income", "fees", "other_adjustments"}}
    assert inferred(net_only("Net Flow", sign=-1, names=returns_only))["columns.net_flow"] == {"from": "Net Flow", "sign": -1}


def test_a_net_flow_that_no_equation_confirms_is_left_to_a_person() -> None:
    idle = without_flows(positions(), FlowTiming.END_OF_DAY)
    proposal = net_only("Net Flow", of=idle)
    assert finding(proposal, "columns.net_flow").status is Status.UNCONFIRMED
    assert not {"columns.contributions", "columns.distributions"} & {one.key for one in proposal.findings}


def test_a_net_flow_that_holds_something_else_is_refused() -> None:
    rows = [{**cells(row), "net": row.account.account_id.replace("AC", "") + ".11"} for row in positions()]
    proposal = proposed(a_file(rows, {**without("contributions", "distributions"), "net": "Net Flow"}))
    assert "net_flow" not in columns(proposal)


@pytest.mark.parametrize(("name", "is_gross"), [("TWR Gross of Fees", False), ("TWR Net", True)])
def test_a_name_that_contradicts_the_returns_leaves_the_fee_basis_open(name: str, is_gross: bool) -> None:
    given = gross_of_fees(positions(), FlowTiming.END_OF_DAY) if is_gross else positions()
    basis = finding(proposed_of(given, renamed(vendor_twrr=name)), "conventions.fee_basis")
    assert (basis.value, set(basis.candidates)) == (None, {"net", "gross"})


@pytest.mark.parametrize(("name", "basis"), [("Return", None), ("Net Return", "net")])
def test_without_fees_only_a_name_tells_the_fee_basis(name: str, basis: str | None) -> None:
    found = finding(proposed_of(positions(), {**without("fees"), "vendor_twrr": name}), "conventions.fee_basis")
    assert (found.value, found.is_settled) == (basis, basis is not None)


def test_gross_and_net_returns_side_by_side_leave_open_which_one_counts() -> None:
    both = zip(positions(), gross_of_fees(positions(), FlowTiming.END_OF_DAY), strict=True)
    rows = [{**cells(net), "gross": cells(gross)["vendor_twrr"]} for net, gross in both]
    proposal = proposed(a_file(rows, {**renamed(vendor_twrr="Return Net"), "gross": "Return Gross"}))
    assert set(finding(proposal, "columns.vendor_twrr").candidates) == {"Return Net", "Return Gross"}
    assert set(finding(proposal, "conventions.fee_basis").candidates) == {"net", "gross"}
    assert inferred(proposal)["conventions.flow_timing"] == "end_of_day"


def test_blank_cells_are_zero_where_the_identity_holds_with_zero() -> None:
    rows = [{field: "" if field in FIGURES[1:7] and text == "0.00" else text for field, text in cells(row).items()} for row in positions()]
    proposal = proposed(a_file(rows))
    assert inferred(proposal)["columns.contributions"] == {"from": "Contributions", "blank": "zero"}
    assert proposal.is_complete


def test_blank_cells_that_are_no_zero_are_left_to_a_person() -> None:
    rows = [{**cells(row), "income": "" if place % 20 == 0 else cells(row)["income"]} for place, row in enumerate(positions())]
    proposal = proposed(a_file(rows))
    assert finding(proposal, "columns.income").value == "Income"
    assert finding(proposal, "columns.income").status is Status.UNCONFIRMED


def test_thousands_in_a_name_are_the_scale_of_its_column() -> None:
    names = renamed(**{field: f"{NAMES[field]} ($000)" for field in FIGURES[:8]})
    found = inferred(proposed_of(positions(), names))
    assert found["columns.fees"] == {"from": "Management Fees ($000)", "scale": Decimal(1000)}


def test_a_percent_sign_in_a_name_is_said_in_the_feed_even_where_the_figures_are_fractions() -> None:
    found = inferred(proposed_of(positions(), renamed(vendor_twrr="TWR (%)")))
    assert found["columns.vendor_twrr"] == {"from": "TWR (%)", "scale": "fraction"}


def test_dates_that_can_be_read_in_two_ways_are_left_open_with_both() -> None:
    proposal = proposed(a_file([{**cells(row), "as_of_date": "03/04/2025"} for row in LAST_DAY]))
    (one, other) = finding(proposal, "columns.as_of_date").candidates
    assert "%m/%d/%Y" in one
    assert "%d/%m/%Y" in other
    assert "as_of_date" not in columns(proposal)


def test_numbers_that_can_be_read_in_two_ways_leave_every_amount_open() -> None:
    rows = [{**cells(row), **dict.fromkeys(FIGURES, "1,234")} for row in positions()]
    proposal = proposed(a_file(rows))
    assert len(finding(proposal, "numbers").candidates) == 2
    assert not columns(proposal).keys() & set(FIGURES)


def test_the_currency_is_said_by_the_file_or_left_open() -> None:
    plain = without("currency")
    assert finding(proposed_of(positions(), plain), "currency").candidates == ()
    rows = [cells(row) for row in positions()]
    assert inferred(proposed(a_file(rows, plain, above=["All values in CHF"])))["currency"] == "CHF"
    assert inferred(proposed_of(positions(), {**plain, "fees": "Fees (EUR)"}))["currency"] == "EUR"
    in_dollars = [{**row, "fees": f"${row['fees']}"} for row in rows]
    assert finding(proposed(a_file(in_dollars, plain)), "currency").candidates[:2] == ("USD", "CAD")


def swiss(text: str) -> str:
    """An amount in whole units as Swiss banks print it, such as 1'000.- for a thousand."""
    return f"{Decimal(text):,.2f}".replace(",", "'").replace(".00", ".-")


def test_dashes_in_the_place_of_cents_change_no_sign() -> None:
    rows = [cells(row) for row in positions()]
    printed = [{field: swiss(text) if field in FIGURES[:8] else text for field, text in row.items()} for row in rows]
    proposal, plain = proposed(a_file(printed)), proposed(a_file(rows))
    assert any(".-" in text for row in printed for text in row.values())
    assert inferred(proposal)["numbers"] == {"grouping": "'"}
    assert {key: value for key, value in inferred(proposal).items() if key != "numbers"} == inferred(plain)


def test_equations_that_hold_with_every_sign_turned_confirm_no_sign() -> None:
    rows = [{field: scaled(text, -1) if field in FIGURES[:8] else text for field, text in cells(row).items()} for row in positions()]
    proposal = proposed(a_file(rows))
    assert not confirmed(proposal).keys() & set(FIGURES[:8])
    assert not proposal.is_complete
    assert all(not finding(proposal, f"columns.{field}").is_settled for field in FIGURES[:8])
    for field in ("beginning_market_value", "ending_market_value"):
        assert "market values are mostly negative" in finding(proposal, f"columns.{field}").evidence


@pytest.mark.parametrize("code", ["GBX", "GBp", "DEM", "XAU"])
def test_a_column_of_currencies_holds_codes_or_what_vendors_write_for_them(code: str) -> None:
    rows = [{**cells(row), "currency": code if place % 2 else "USD"} for place, row in enumerate(positions())]
    assert inferred(proposed(a_file(rows)))["columns.currency"] == "Currency"
    others = [{**row, "currency": "ABC"} for row in rows]
    assert "columns.currency" not in inferred(proposed(a_file(others)))


def test_totals_and_notes_below_the_rows_are_footers() -> None:
    content = a_file([cells(row) for row in positions()]) + b"Total,,1.00,,,,,,,,,,\nGenerated by Acme on 2025-04-01\n"
    proposal = proposed(content)
    assert inferred(proposal)["footer"] == [{"column": "Account Number", "starts_with": ["Total", "Generated by Acme on"]}]
    assert proposal.is_complete


def test_account_numbers_stand_once_a_day() -> None:
    rows = [{**cells(row), "account_id": f"A{place % 2}"} for place, row in enumerate(positions())]
    proposal = proposed(a_file(rows))
    assert finding(proposal, "columns.account_id").status is Status.UNDECIDED
    assert "account_id" not in columns(proposal)


def test_a_long_file_is_computed_with_in_part() -> None:
    proposal = proposed_of(positions(accounts=700, months=30))
    assert (proposal.rows, proposal.sampled) == (21_000, 20_000)
    assert proposal.is_complete


def test_evidence_names_the_share_of_rows_on_which_each_equation_holds() -> None:
    evidence: Mapping[str, str] = {one.key: one.evidence for one in proposed_of(positions()).findings}
    assert "roll-forward holds on 100.0% of 84 rows" in evidence["columns.ending_market_value"]
    assert "identity holds on 100.0% of 96 rows, 15 with an amount here" in evidence["columns.contributions"]
    assert "returns follow from it on 100.0% of 96 rows, and from no other column" in evidence["columns.contributions"]


def test_a_name_that_is_only_a_date_gives_no_pattern() -> None:
    proposal = proposed(a_file([cells(row) for row in positions()]), file_name="20250331.csv")
    assert finding(proposal, "files.patterns").candidates == ("*.csv",)
    assert inferred(proposal)["files"] == {"format": "csv"}


def test_a_blank_cell_behind_the_rows_that_are_computed_with_is_seen() -> None:
    rows = [cells(row) for row in positions(accounts=700, months=30)]
    rows[-1] = {**rows[-1], "contributions": ""}
    assert finding(proposed(a_file(rows)), "columns.contributions").status is Status.UNCONFIRMED
