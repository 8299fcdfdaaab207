"""What is filled in is right, in whatever layout a file comes, and a complete proposal ingests every value as it is."""

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from advisory_perf.contracts.enums import FeeBasis
from advisory_perf.feed_detection.yaml import as_yaml
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Delivery, validate
from advisory_perf_tests.accepting import accepts_at_least, counted
from advisory_perf_tests.feed_detection.layouts import MONEY, RETURNS, Layout, layouts
from advisory_perf_tests.feed_detection.scenarios import FILE_NAME, proposed

pytestmark = pytest.mark.slow

_DELIVERY = Delivery("d1", FILE_NAME, datetime(2025, 4, 2, tzinfo=UTC))
_INDISTINCT = ("income", "appreciation", "other_adjustments")


def _made_complete(text: str, layout: Layout) -> PositionsFeed:
    """The proposal as a feed, with what it leaves open said as a person would who knows the vendor."""
    data = yaml.safe_load(text)
    data.setdefault("cadence", "monthly")
    if "currency" not in data and "currency" not in data["columns"]:
        data["currency"] = "USD"
    said = data["conventions"] = data.get("conventions") or {}
    said.setdefault("flow_timing", layout.timing.value)
    said.setdefault("fee_basis", (FeeBasis.GROSS if layout.gross else FeeBasis.NET).value)
    return PositionsFeed.model_validate(data)


def check(layout: Layout) -> bool:
    """Whether the proposal is complete but for what a person always says; asserts that nothing in it is wrong."""
    content = layout.content()
    proposal = proposed(content)
    text = as_yaml(proposal)
    data = yaml.safe_load(text)
    conventions = data.get("conventions") or {}
    basis = (FeeBasis.GROSS if layout.gross else FeeBasis.NET).value
    assert conventions.get("flow_timing", layout.timing.value) == layout.timing.value, text
    assert conventions.get("fee_basis", basis) == basis, text
    columns = {field: one if isinstance(one, str) else one["from"] for field, one in (data.get("columns") or {}).items()}
    names = {field: f"{name} ($000)" if layout.thousands and field in MONEY else name for field, name in layout.wording.items()}
    wrong = {field: column for field, column in columns.items() if names.get(field) != column and field not in _INDISTINCT}
    assert not wrong, text
    said_by_a_person = {"currency", "cadence", "conventions.flow_timing", "conventions.fee_basis"}
    if not set(proposal.open_keys) <= said_by_a_person:
        return False
    feed = _made_complete(text, layout)
    raw = read_raw_rows(content, feed, FILE_NAME)
    result = validate(raw, feed, _DELIVERY, POSITION_RULES)
    assert result.quarantined.is_empty(), (text, result.quarantined["reason"].to_list()[:3])
    assert result.duplicate == 0
    true = pl.DataFrame(layout.true_rows())
    assert result.accepted.height == true.height
    for field in (*MONEY, *RETURNS):
        if field == "net_flow" or field not in feed.filled_fields or field in _INDISTINCT:
            continue
        ours = result.accepted[field].to_list()
        if field in RETURNS:
            wanted = [float(one) if one else None for one in true[field]]
            assert all(a == b or abs(a - b) < 1e-12 for a, b in zip(ours, wanted, strict=True)), (field, text)
        elif layout.net_only and field in {"contributions", "distributions"}:
            sign = 1 if field == "contributions" else -1
            assert ours == [max(sign * Decimal(one), Decimal(0)) for one in true["net_flow"]], (field, text)
        else:
            assert ours == [Decimal(one) for one in true[field]], (field, text)
    return True


@accepts_at_least(0.1)
@settings(derandomize=True, max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layouts())
def test_nothing_that_is_filled_in_is_wrong(layout: Layout) -> None:
    counted("layouts that are inferred whole", check(layout))
