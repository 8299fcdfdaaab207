"""Files in the shape of public bug reports, each with what has to become of it: the right rows, or a clear refusal.

Every file lies beside its feed in ``real_files``. A case's expectation is written once, in ``OUTCOMES``; the kind of fault that a
file stands for has its own property or table test elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.validation.positions.rules import POSITION_RULES
from advisory_perf.ingestion.validation.rows import Delivery, Validated, validate
from advisory_perf.performance.net_flow import net_flows
from advisory_perf_tests.feeds.known import read_positions_feed

pytestmark = pytest.mark.table

FOLDER = Path(__file__).parent / "real_files"
RECEIVED = datetime(2025, 4, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Outcome:
    """What becomes of a file: the ``cells`` that some rows have (by account), the codes of quarantined lines, notices, counts."""

    accepted: int = 0
    quarantined: Mapping[int, str] = field(default_factory=dict)
    footer: int = 0
    notices: tuple[str, ...] = ()
    cells: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rejected: str | None = None


WHOLE = {"beginning_market_value": Decimal(1_000_000), "contributions": Decimal(50_000), "ending_market_value": Decimal(1_040_000)}

OUTCOMES = {
    "count_grouped": Outcome(accepted=1200, footer=1),
    "cp1252_to_utf8": Outcome(rejected="E_ENCODING"),
    "crlf_at_4mib": Outcome(accepted=42_796, quarantined={42_799: "E_NUMBER"}),
    "ctrl_z": Outcome(accepted=2, cells={"A-2": WHOLE}),
    "dimension_a0": Outcome(accepted=2, cells={"A-1": WHOLE}),
    "double_bom": Outcome(accepted=1, cells={"A-1": WHOLE}),
    "dup_ignored_csv": Outcome(accepted=1, cells={"A-1": WHOLE}),
    "footer_swallows_total": Outcome(accepted=2, footer=1, cells={"A-2": {"account_name": "Total Care Foundation", **WHOLE}}),
    "gbx_column": Outcome(accepted=1, quarantined={2: "E_CURRENCY", 4: "E_CURRENCY"}, cells={"A-2": {"currency": "GBP", **WHOLE}}),
    "iso_millis_percent_f": Outcome(accepted=1, cells={"A-1": {"as_of_date": "2025-01-31", **WHOLE}}),
    "joined_with_bom": Outcome(accepted=2, footer=1),
    "json_key_case": Outcome(accepted=1, cells={"A-1": WHOLE}),
    "json_noise": Outcome(quarantined={1: "E_PRECISION", 2: "E_PRECISION"}),
    "lakh_grouping": Outcome(accepted=1, quarantined={2: "E_NUMBER", 3: "E_NUMBER"}),
    "long_ids_collapse": Outcome(quarantined={2: "E_ID", 3: "E_ID"}),
    "long_ids_conflict": Outcome(quarantined={2: "E_ID", 3: "E_ID"}),
    "long_preamble": Outcome(rejected="E_TOO_LARGE"),
    "merged_portfolio": Outcome(accepted=4, notices=("W_GROUP_LABEL",)),
    "nan_ids": Outcome(accepted=1, quarantined={3: "E_ID", 4: "E_ID"}, cells={"A-1": WHOLE}),
    "pq_duration": Outcome(accepted=1, notices=("W_NEW_COLUMN",), cells={"A-1": WHOLE}),
    "pq_far_date": Outcome(accepted=1, cells={"A-1": WHOLE}),
    "pq_fixed_offset": Outcome(accepted=1, cells={"A-1": WHOLE}),
    "pq_midnight_utc": Outcome(accepted=1, notices=("W_MIDNIGHT_UTC",), cells={"A-1": {"as_of_date": "2025-01-31", **WHOLE}}),
    "reversal_row": Outcome(accepted=1, quarantined={3: "E_KEY_CONFLICT", 4: "E_SIGN"}, cells={"A-1": WHOLE}),
    "subtotal_account": Outcome(accepted=5, notices=("W_SUBTOTAL",)),
    "swiss_dash": Outcome(
        accepted=2,
        cells={
            "A-1": {"beginning_market_value": Decimal(1_000_000), "ending_market_value": Decimal(1_010_000)},
            "A-2": {"beginning_market_value": Decimal("2000.50"), "appreciation": Decimal(10)},
        },
    ),
    "unit_square": Outcome(rejected="E_SCALE_AMBIGUOUS"),
    "wide_dash": Outcome(accepted=3),
    "wide_date_cells": Outcome(accepted=2),
    "xlsx_german_text": Outcome(quarantined={2: "E_NUMBER"}),
    "zero_account": Outcome(accepted=2),
}
"""``json_noise``, ``lakh_grouping``, ``merged_portfolio`` and ``xlsx_german_text`` need a key that their feeds do not have; with it
they are read, below."""

WITH_KEY: dict[str, tuple[dict[str, Any], Outcome]] = {
    "json_noise": (
        {"numbers": {"binary_floats": "15_digits"}},
        Outcome(accepted=2, cells={"A-1": {"contributions": Decimal(50_000)}, "A-2": {"income": Decimal("0.3")}}),
    ),
    "lakh_grouping": (
        {"numbers": {"grouping": "indian"}},
        Outcome(accepted=3, cells={"A-1": WHOLE, "A-2": {"ending_market_value": Decimal(100_000)}}),
    ),
    "merged_portfolio": (
        {"columns": {"portfolio_id": {"fill": "down"}}},
        Outcome(
            accepted=4, cells={name: {"portfolio_id": of} for name, of in (("A-1", "P1"), ("A-2", "P1"), ("A-3", "P2"), ("A-4", "P2"))}
        ),
    ),
    "xlsx_german_text": ({"numbers": {"decimal_mark": ",", "grouping": "."}}, Outcome(accepted=1, cells={"A-1": WHOLE})),
    "gbx_column": (
        {"minor_units": "accept"},
        Outcome(
            accepted=3, cells={"A-1": {"currency": "GBP", "beginning_market_value": Decimal(10_000)}, "A-2": {"currency": "GBP", **WHOLE}}
        ),
    ),
    "subtotal_account": ({"plausibility": {"subtotals": "drop"}}, Outcome(accepted=3, footer=2)),
}


def merged(data: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The feed's data with further keys at any depth."""
    out = dict(data)
    for key, value in changes.items():
        out[key] = merged(out[key], value) if isinstance(value, Mapping) and isinstance(out.get(key), dict) else value
    return out


def validated(name: str, changes: Mapping[str, Any] | None = None) -> Validated:
    """What becomes of a file, by its own feed or one with further keys."""
    folder = FOLDER / name
    feed = read_positions_feed(folder / "feed.yaml")
    if changes:
        data = feed.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        feed = type(feed).model_validate(merged(data, changes))
    (file,) = (one for one in folder.iterdir() if one.name != "feed.yaml")
    notices: list[Any] = []
    raw = read_raw_rows(file.read_bytes(), feed, file.name, notices=notices)
    result = validate(raw, feed, Delivery("d1", file.name, RECEIVED), POSITION_RULES)
    assert result.is_conserved
    return Validated(result.accepted, result.quarantined, result.read, result.duplicate, result.footer, (*notices, *result.notices))


def assert_outcome(name: str, wanted: Outcome, changes: Mapping[str, Any] | None = None) -> None:
    if wanted.rejected is not None:
        with pytest.raises(DeliveryRejectedError) as caught:
            validated(name, changes)
        assert caught.value.code == wanted.rejected
        assert name in caught.value.sentence
        return
    result = validated(name, changes)
    assert dict(result.quarantined.select("line_number", "code").rows()) == wanted.quarantined
    assert (result.accepted.height, result.footer, result.duplicate) == (wanted.accepted, wanted.footer, 0)
    assert set(wanted.notices) <= {notice.code for notice in result.notices}
    for account, cells in wanted.cells.items():
        row = result.accepted.row(by_predicate=pl.col("account_id") == account, named=True)
        assert {key: str(row[key]) if key == "as_of_date" else row[key] for key in cells} == dict(cells), account


def test_every_file_has_an_outcome() -> None:
    assert OUTCOMES.keys() == {folder.name for folder in FOLDER.iterdir()}
    assert len(OUTCOMES) == 31


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_real_file_becomes_what_it_says_or_is_refused(name: str) -> None:
    assert_outcome(name, OUTCOMES[name])


@pytest.mark.parametrize("name", WITH_KEY)
def test_with_the_key_that_its_feed_lacked_it_is_read(name: str) -> None:
    changes, wanted = WITH_KEY[name]
    assert_outcome(name, wanted, changes)


def test_text_and_line_numbers_hold_across_a_block_of_the_tokeniser() -> None:
    positions = validated("crlf_at_4mib").accepted
    line, text = positions.filter(pl.col("account_id") == "Z-1").select("line_number", "account_name").row(0)
    assert text.endswith("Alder\r\nTrust")
    assert positions["line_number"].filter(positions["line_number"] > line).min() == line + 2


def test_an_account_without_money_has_nothing_to_flow() -> None:
    flows = net_flows(validated("zero_account").accepted)
    assert flows.filter(pl.col("account_id") == "A-1")["net_flow"].to_list() == [0]
