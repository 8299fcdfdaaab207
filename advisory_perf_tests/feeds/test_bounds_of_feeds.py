"""Bounds of what a feed may say: the most that is taken, and the least that is not; and what it means where it says nothing."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from advisory_perf.errors import FeedError
from advisory_perf.feeds.registry import read_feed
from advisory_perf_tests.ingestion.scenarios import a_feed, feed_as_data

pytestmark = pytest.mark.table

CONVENTIONS = {"flow_timing": "end_of_day", "fee_basis": "net"}
FILES = {"patterns": ["acme_*"], "format": "csv"}


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"vendor": "a" * 40}, True),
        ({"vendor": "a" * 41}, False),
        ({"vendor": "1a"}, False),
        ({"stale_after": 1}, True),
        ({"stale_after": 0}, False),
        ({"files": FILES | {"header_rows": 3}}, True),
        ({"files": FILES | {"header_rows": 4}}, False),
        ({"files": FILES | {"header_rows": 0}}, False),
        ({"files": FILES | {"settle_seconds": 0}}, True),
        ({"files": FILES | {"settle_seconds": -1}}, False),
        ({"files": FILES | {"settle_seconds": 86_400}}, True),
        ({"files": FILES | {"settle_seconds": 86_401}}, False),
        ({"files": FILES | {"csv": {"delimiter": "|" * 8}}}, True),
        ({"files": FILES | {"csv": {"delimiter": "|" * 9}}}, False),
        ({"files": FILES | {"csv": {"delimiter": ""}}}, False),
        ({"plausibility": {"jump_factor": 10}}, True),
        ({"plausibility": {"jump_factor": 9}}, False),
        ({"plausibility": {"total_move": "0.0001"}}, True),
        ({"plausibility": {"total_move": 0}}, False),
        ({"plausibility": {"total_move": 100}}, True),
        ({"plausibility": {"total_move": "100.1"}}, False),
        ({"plausibility": {"outlier": 3}}, True),
        ({"plausibility": {"outlier": "2.99"}}, False),
        ({"plausibility": {"outlier": 1000}}, True),
        ({"plausibility": {"outlier": 1001}}, False),
        ({"conventions": CONVENTIONS | {"residual_base": "0.1"}}, True),
        ({"conventions": CONVENTIONS | {"residual_base": "0.1001"}}, False),
        ({"conventions": CONVENTIONS | {"residual_base": "0.00001"}}, False),
        ({"conventions": CONVENTIONS | {"large_flow": "100"}}, True),
        ({"conventions": CONVENTIONS | {"large_flow": "100.1"}}, False),
        ({"conventions": CONVENTIONS | {"large_flow": "0"}}, False),
        ({"conventions": CONVENTIONS | {"minimum_base": "0"}}, False),
        ({"conventions": CONVENTIONS | {"minimum_base": "0.01"}}, True),
        ({"conventions": CONVENTIONS | {"flow_timing": "weighted", "weight": "1"}}, True),
        ({"conventions": CONVENTIONS | {"flow_timing": "weighted", "weight": "1.1"}}, False),
        ({"conventions": CONVENTIONS | {"flow_timing": "weighted", "weight": "-0.1"}}, False),
        ({"tolerances": {"twrr": {"absolute": 0}}}, True),
        ({"tolerances": {"twrr": {"absolute": "-0.0001"}}}, False),
        ({"tolerances": {"twrr": {"absolute": 0, "relative": "-0.0001"}}}, False),
        ({"numbers": {"round_to": 4}, "files": FILES | {"format": "json"}}, True),
        ({"numbers": {"round_to": 5}, "files": FILES | {"format": "json"}}, False),
        ({"numbers": {"round_to": -1}, "files": FILES | {"format": "json"}}, False),
    ],
    ids=str,
)
def test_a_value_of_a_feed_is_taken_up_to_its_bound(changes: dict[str, Any], *, fits: bool) -> None:
    if fits:
        assert a_feed(**changes).title == "Acme"
    else:
        with pytest.raises(ValidationError, match=rf"(?s)[12] validation errors? for PositionsFeed\n{next(iter(changes))}"):
            a_feed(**changes)


def test_what_a_feed_means_that_says_nothing() -> None:
    daily, monthly = a_feed(), a_feed(cadence="monthly")
    assert (daily.stale_days, monthly.stale_days) == (7, 20)
    assert (a_feed(stale_after=3).stale_days, a_feed(stale_after="never").stale_days) == (3, None)
    assert (daily.has_one_valuation_a_window, monthly.has_one_valuation_a_window) == (False, True)
    assert not a_feed(cadence="monthly", valuations="all").has_one_valuation_a_window
    assert (daily.accounts, daily.delivers, daily.negative_flows, daily.minor_units) == ("open", "partial", "quarantine", "reject")
    assert (daily.weekends, daily.holidays, daily.reopening.value) == (False, frozenset(), "new_episode")
    assert {name: (one["absolute"], one["relative"]) for name, one in daily.tolerances.model_dump().items()} == {
        "ending_market_value": (Decimal("0.01"), 0),
        "net_flow": (Decimal("0.01"), 0),
        "twrr": (Decimal("0.0001"), 0),
    }
    assert (daily.plausibility.total_move, daily.plausibility.outlier) == (Decimal("0.2"), Decimal(8))
    assert (daily.plausibility.jump_factor, daily.conventions.residual_base) == (Decimal(1000), Decimal("0.001"))


@pytest.mark.parametrize(("period", "has"), [(None, True), ("month", False)])
def test_a_return_of_a_longer_period_is_none_of_a_sub_period(period: str | None, *, has: bool) -> None:
    feed = a_feed({"vendor_twrr": {"from": "twr", "period": period}})
    assert feed.has_sub_period_returns is has
    assert (feed.return_period is None) is has
    assert not a_feed().has_sub_period_returns


@pytest.mark.parametrize(
    ("columns", "changes", "says"),
    [
        ({"currency": "ccy"}, {}, "currency: say it once"),
        ({}, {"currency": None}, "currency: say it once"),
        ({"as_of_date": {"from": "day", "absent": "null"}}, {}, "columns: as_of_date is required; absent: null"),
        ({"as_of_date": {"from": "day", "absent": "zero"}}, {}, "columns: as_of_date is required; absent: zero"),
        ({"ending_market_value": {"from": "emv", "absent": "null"}}, {}, "ending_market_value is required; absent: null"),
        ({"account_name": {"from": "name", "case": "upper"}}, {}, "account_name: case is for account_id"),
        ({"fees": {"from": "emv"}}, {}, "emv is mapped to more than one field"),
        ({"fees": {"from": "EMV "}}, {}, "is mapped to more than one field"),
        ({"bonus": "x"}, {}, "bonus is no field of a position"),
        ({"as_of_date": {"from": "day", "formats": ["%Y-%m"]}}, {}, "tells months, which are for cadence: monthly"),
        ({"as_of_date": {"from": "day", "formats": ["%d/%m"]}}, {}, "is no format of dates"),
        ({"fees": {"from": "fee", "scale": "percent"}}, {}, "fees: scale is a power of ten for money"),
        ({"vendor_twrr": {"from": "twr", "scale": 100}}, {}, "vendor_twrr: scale is a power of ten for money"),
        ({"account_name": {"from": "name", "scale": "percent"}}, {}, "account_name: scale is for money and returns"),
        ({"fees": {"from": "fee", "period": "month"}}, {}, "fees: period is what a return"),
        ({"fees": {"from": "fee", "fill": "down"}}, {}, "fees: fill: down is for texts and days"),
        (
            {"account_id": {"from": "id", "fill": "down"}, "as_of_date": {"from": "day", "fill": "down"}},
            {},
            "fill: down needs account_id or",
        ),
        ({}, {"controls": {"totals": {"fees": "x(.)"}}}, "totals: fees is not mapped"),
        ({}, {"valuations": "all"}, "valuations: all is for cadence: monthly"),
        ({}, {"conventions": CONVENTIONS | {"weight": "0.5"}}, "weight goes with flow_timing: weighted"),
        ({}, {"conventions": CONVENTIONS | {"flow_timing": "weighted"}}, "weight goes with flow_timing: weighted"),
        ({}, {"vendor": "unknown"}, "the name unknown is kept"),
        ({}, {"first_window": "2020-01-02"}, "must be the first day of a month"),
        ({}, {"currency": "DEM"}, "DEM was withdrawn"),
        ({}, {"currency": "GBX"}, "GBX is a minor unit of GBP"),
        ({}, {"numbers": {"currency_signs": ["\u20ac"]}}, "USD is not among what numbers: currency_signs may mean"),
        ({"currency": "ccy"}, {"currency": None, "numbers": {"currency_signs": ["Moons"]}}, "is no sign or code that tells a currency"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(columns: dict[str, Any], changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        a_feed(columns, **changes)


def written(folder: Path, text: str) -> Path:
    path = folder / "acme.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("size", "fits"), [(256 << 10, True), ((256 << 10) + 1, False)])
def test_a_feed_has_256_kibibytes_at_most(tmp_path: Path, size: int, *, fits: bool) -> None:
    text = yaml.safe_dump(feed_as_data())
    path = written(tmp_path, f"{text}#{'x' * (size - len(text) - 1)}")
    assert path.stat().st_size == size
    if fits:
        assert read_feed(path).vendor == "acme"
    else:
        with pytest.raises(FeedError, match="has more than 262,144 bytes"):
            read_feed(path)


@pytest.mark.parametrize(("levels", "says"), [(19, "ignored"), (20, "is nested in more than 20 levels")])
def test_a_feed_is_nested_in_twenty_levels_at_most(tmp_path: Path, levels: int, says: str) -> None:
    """The document itself is the first, so that nineteen lists around nothing are the twentieth."""
    path = written(tmp_path, yaml.safe_dump(feed_as_data()) + f"ignored: {'[' * levels}{']' * levels}\n")
    with pytest.raises(FeedError, match=says):
        read_feed(path)


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_a_feed_holds_twenty_thousand_values_at_most(tmp_path: Path, more: int, *, fits: bool) -> None:
    text = yaml.safe_dump(feed_as_data())
    own = sum(1 for _ in nodes(yaml.compose(text)))
    names = ",".join(f"n{number}" for number in range(20_000 - own - 2 + more))
    path = written(tmp_path, f"{text}ignored: [{names}]\n")
    if fits:
        assert len(read_feed(path).ignored) == 20_000 - own - 2
    else:
        with pytest.raises(FeedError, match="holds more than 20,000 values"):
            read_feed(path)


def nodes(node: Any) -> Any:
    """A node and all below it; a mapping's keys are nodes too."""
    yield node
    for inner in node.value if not isinstance(node.value, str) else ():
        for one in inner if isinstance(inner, tuple) else (inner,):
            yield from nodes(one)
