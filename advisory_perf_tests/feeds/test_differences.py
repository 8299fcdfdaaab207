"""Which keys of a feed differ, with their defaults."""

from typing import Any

import pytest

from advisory_perf.feeds.differences import ChangedKey, changed_keys
from advisory_perf_tests.ingestion.scenarios import a_feed


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        (
            {"conventions": {"flow_timing": "start_of_day", "fee_basis": "net"}},
            [ChangedKey("conventions.flow_timing", "end_of_day", "start_of_day")],
        ),
        ({"numbers": {"credit_debit": True}}, [ChangedKey("numbers.credit_debit", "false", "true")]),
        ({"files": {"patterns": ["a_*"], "format": "csv"}}, [ChangedKey("files.patterns", '["acme_*"]', '["a_*"]')]),
        ({"files": {"patterns": ["acme_*"], "format": "csv", "version": "_v(\\d+)$"}}, [ChangedKey("files.version", "", "_v(\\d+)$")]),
    ],
)
def test_a_key_is_named_by_its_path_with_both_values(changes: dict[str, Any], expected: list[ChangedKey]) -> None:
    assert changed_keys(a_feed(), a_feed(**changes)) == expected


def test_a_column_that_is_mapped_or_no_longer_is_has_nothing_on_the_other_side() -> None:
    keys = {one.key: (one.before, one.after) for one in changed_keys(a_feed({"income": "inc"}), a_feed({"fees": "fee"}))}
    assert keys["columns.income.from"] == ("inc", "")
    assert keys["columns.fees.from"] == ("", "fee")
