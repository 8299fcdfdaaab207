"""What the page shows of a frame: counts and sums, window by window, a short preview, and the first failing rows."""

from datetime import date
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import dagster as dg
import polars as pl

from advisory_perf.contracts.tables import NET_FLOWS, NORMALIZED_POSITIONS, PERFORMANCE_DATA
from advisory_perf.orchestration.metadata import add_partition_metadata, cases_table, lineage, output_metadata

FRAME = pl.DataFrame(
    {
        "window": [date(2025, 3, 3), date(2025, 3, 3), date(2025, 3, 5)],
        "beginning_market_value": [Decimal(1), Decimal(2), Decimal(4)],
        "ending_market_value": [Decimal(10), Decimal(20), Decimal(40)],
        "net_flow": [Decimal(-1), None, Decimal(3)],
        "return_status": ["OK", "CLOSED", "NO_BASE"],
        "is_valuation": [True, False, True],
        "within_tolerance": [True, False, None],
    }
)


def test_a_frame_says_its_rows_and_sums_and_what_of_it_is_undefined_or_a_break() -> None:
    found = output_metadata(FRAME)
    preview = found.pop("preview").value
    assert found == {
        "dagster/row_count": 3,
        "sum_beginning_market_value": 7.0,
        "sum_ending_market_value": 70.0,
        "sum_net_flow": 2.0,
        "undefined_returns": 1,
        "valuations": 2,
        "breaks": 1,
        "pass_rate": 0.5,
    }
    assert preview.count("\n") == 4
    assert output_metadata(pl.DataFrame({"x": range(9)}))["preview"].value.count("\n") == 6, "five rows below the head"


def test_each_window_says_its_own_numbers_and_one_without_rows_says_nought() -> None:
    reported: dict[str, dict[str, Any]] = {}
    context = Mock(add_asset_metadata=lambda numbers, partition_key: reported.update({partition_key: numbers}))
    add_partition_metadata(context, FRAME, pl.col("window"), ["2025-03-03", "2025-03-04", "2025-03-05"])
    rows = {key: numbers["dagster/partition_row_count"] for key, numbers in reported.items()}
    assert rows == {"2025-03-03": 2, "2025-03-04": 0, "2025-03-05": 1}
    assert [reported[key]["sum_ending_market_value"] for key in sorted(reported)] == [30.0, 0.0, 40.0]
    assert [reported[key]["undefined_returns"] for key in sorted(reported)] == [0, 0, 1]
    assert (reported["2025-03-03"]["pass_rate"], "pass_rate" in reported["2025-03-05"]) == (0.5, False), (
        "where nothing was compared there is none"
    )


def test_the_first_twenty_failing_rows_are_shown_as_texts() -> None:
    found = cases_table(pl.DataFrame({"number": range(21), "text": [None, *["a\x1b"] * 20]}))
    assert len(found.records) == 20
    assert (found.records[0].data, found.records[1].data) == ({"number": "0", "text": ""}, {"number": "1", "text": "a\\x1b"})
    assert [column.name for column in found.schema.columns] == ["number", "text"]


def test_a_column_comes_from_those_that_it_is_derived_from_or_from_the_one_of_its_name() -> None:
    positions = dg.AssetKey(["acme", "normalized_positions"])
    found = lineage(NET_FLOWS, [(positions, NORMALIZED_POSITIONS)]).deps_by_column
    sources = {name: sorted(dep.column_name for dep in deps) for name, deps in found.items()}
    assert (sources["account_id"], sources["net_flow"]) == (["account_id"], ["contributions", "distributions"])
    assert {dep.asset_key for deps in found.values() for dep in deps} == {positions}
    assert set(found) <= set(NET_FLOWS.column_names)
    assert not any(lineage(PERFORMANCE_DATA, []).deps_by_column.values())
