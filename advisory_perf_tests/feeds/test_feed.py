from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from advisory_perf.contracts.enums import FlowTiming, GroupLevel, ReconciledField, Reopening, TransferNetting
from advisory_perf_tests.ingestion.scenarios import a_feed, a_feed_of


def test_a_column_by_name_alone_is_read_with_every_default() -> None:
    source = a_feed({"fees": "charged"}).columns["fees"]
    assert (source.from_, source.blank, source.absent, source.sign, source.scale) == ("charged", "null", "reject", 1, None)


def test_a_delivery_has_to_have_every_mapped_column_but_those_that_may_be_absent() -> None:
    feed = a_feed({"fees": {"from": "charged", "absent": "zero"}, "income": "earned"})
    assert "earned" in feed.source_names
    assert "charged" not in feed.source_names


def test_a_file_is_claimed_by_its_name_in_upper_or_lower_case() -> None:
    feed = a_feed(files={"patterns": ["acme_*.csv", "ac-??.txt"], "format": "csv"})
    assert feed.claims("acme_2024.csv")
    assert feed.claims("ACME_2024.CSV")
    assert feed.claims("ac-01.txt")
    assert not feed.claims("ac-1.txt")
    assert feed.claims("acme_2024.csv.gz"), "packed or not"
    assert not feed.claims("acme_2024.csv.bak")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("acme_2024_v2.csv", 2),
        ("acme_2024_v10.csv", 10),
        ("ACME_2024_V3.CSV", 3),
        ("acme_v7_2024.csv", 0),
        ("acme_2024.csv", 0),
        ("acme_2024_v2", 2),
    ],
)
def test_the_version_is_the_number_that_the_name_carries_before_its_ending(name: str, version: int) -> None:
    assert a_feed_of("csv", version=r"_v(\d+)$").version_of(name) == version


def test_without_a_version_rule_every_file_is_version_zero() -> None:
    assert a_feed().version_of("acme_2024_v2.csv") == 0


def test_a_version_that_is_no_number_is_version_zero() -> None:
    assert a_feed_of("csv", version=r"_v(.+)$").version_of("acme_2024_vfinal.csv") == 0


def test_amounts_in_a_feed_file_are_exact() -> None:
    feed = a_feed(
        conventions={"flow_timing": "weighted", "fee_basis": "net", "weight": 0.1},
        tolerances={"twrr": {"absolute": 0.00005, "relative": 0.1}},
    )
    assert feed.conventions.weight == Decimal("0.1")
    assert feed.tolerances.twrr.absolute == Decimal("0.00005")
    assert feed.conventions.flow_timing is FlowTiming.WEIGHTED


def test_the_tolerances_that_a_feed_does_not_mention_are_a_cent_and_a_basis_point() -> None:
    tolerances = a_feed().tolerances
    assert [tolerances.of(field).absolute for field in ReconciledField] == [Decimal("0.01"), Decimal("0.01"), Decimal("0.0001")]
    assert all(tolerances.of(field).relative == 0 for field in ReconciledField)


def test_what_accounts_are_rolled_up_to_is_what_the_files_name_and_transfers_are_netted_unless_said_otherwise() -> None:
    feed = a_feed()
    assert (feed.group_levels, feed.transfers, feed.departures) == ((), TransferNetting.MATCHED, {})
    said = a_feed({"client_id": "client", "portfolio_id": "port"}, transfers="none", departures={"A": "2025-03-31"})
    assert said.group_levels == (GroupLevel.PORTFOLIO, GroupLevel.CLIENT)
    assert (said.transfers, said.departures) == (TransferNetting.NONE, {"A": date(2025, 3, 31)})


def test_what_a_feed_does_not_say_of_residuals_large_flows_and_reopening() -> None:
    feed = a_feed()
    assert (feed.conventions.residual_base, feed.conventions.large_flow) == (Decimal("0.001"), Decimal("0.1"))
    assert feed.reopening is Reopening.NEW_EPISODE
    said = a_feed(conventions={"flow_timing": "mid_day", "fee_basis": "net", "residual_base": 0, "large_flow": 0.25}, reopening="link")
    assert (said.conventions.residual_base, said.conventions.large_flow, said.reopening) == (Decimal(0), Decimal("0.25"), Reopening.LINK)


@pytest.mark.parametrize(
    "wrong",
    [
        {"residual_base": 0.2},
        {"residual_base": -0.001},
        {"residual_base": 0.00001},
        {"large_flow": 0},
        {"large_flow": 101},
        {"large_flow": 0.00005},
    ],
)
def test_a_share_is_refused_that_no_return_can_be_computed_with(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        a_feed(conventions={"flow_timing": "mid_day", "fee_basis": "net", **wrong})


def test_a_feed_cannot_be_changed_once_it_is_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        a_feed().first_window = date(2021, 1, 1)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("feed", "days"),
    [
        ({"cadence": "daily"}, 7),
        ({"cadence": "monthly"}, 20),
        ({"cadence": "daily", "stale_after": 30}, 30),
        ({"stale_after": "never"}, None),
    ],
)
def test_a_value_is_stale_after_a_week_or_a_business_month_unless_the_feed_says_otherwise(feed: dict[str, Any], days: int | None) -> None:
    assert a_feed(**feed).stale_days == days


def test_a_value_cannot_be_stale_before_a_day_has_passed() -> None:
    with pytest.raises(ValueError, match="stale_after"):
        a_feed(stale_after=0)
