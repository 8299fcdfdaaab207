"""Values that are a thousandfold of the account's last one: what is a jump, what only looks like one, and that nothing is lost."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, codes, notices, validated

pytestmark = pytest.mark.slow

FIRST = date(2024, 5, 1)


def a_file(*rows: str) -> str:
    return "\n".join([HEADER, *rows]) + "\n"


def becomes(*rows: str, **plausibility: Any) -> dict[int, str]:
    return codes(validated(a_file(*rows), a_feed(plausibility=plausibility)))


@pytest.mark.parametrize(
    ("row", "is_jump"),
    [
        ("1000,0,0,1009000", True),
        ("1009000,0,0,1000", True),
        ("1000,0,0,1000000000", True),
        ("1000,0,0,500000", True),
        ("1000,0,0,499000", False),
        ("1000,1000000,0,1001000", False),
        ("0,1000000,0,1001000", False),
        ("0,1000,0,1001000", True),
        ("1000000,0,999000,1000", False),
        ("1000000,0,999999,600", False),
        ("1000000,0,1000000,0", False),
        ("1000000,0,0,0", False),
        ("0.01,0,0,15", False),
        ("-1000,0,0,1000000", False),
        ("-1000,0,0,-1009000", True),
        ("-1009000,0,0,-1000", True),
        ("-1009000,0,0,1000", False),
        ("-1000,0,1000000,-1001000", False),
        ("50000,0,0,50", True),
        ("10100,0,0,10", True),
        ("50000,0,49950,50", False),
        ("50,0,0,0.05", False),
        ("50000,0,0,5", False),
        ("-50000,0,0,-50", True),
    ],
)
def test_an_ending_value_jumps_only_where_no_flow_explains_it(row: str, *, is_jump: bool) -> None:
    assert becomes(f"A1,2024-06-28,{row}") == ({2: "E_VALUE_JUMP"} if is_jump else {})


def valued(*values: str, days: int = 1) -> list[str]:
    """An account that stays at each value for its day."""
    return [f"A1,{FIRST + timedelta(days=number * days)},{value},0,0,{value}" for number, value in enumerate(values)]


def test_values_of_days_are_held_against_the_last_one_that_was_no_jump() -> None:
    assert becomes(*valued("5000", "5010000", "5020000", "5030", "5040")) == {3: "E_VALUE_JUMP", 4: "E_VALUE_JUMP"}
    assert becomes(*reversed(valued("5000", "5010000", "5030"))) == {3: "E_VALUE_JUMP"}
    assert becomes(*valued("5000000", "5010", "5020000")) == {3: "E_VALUE_JUMP"}
    assert becomes(*valued("50000", "50", "50.1", "50100")) == {3: "E_VALUE_JUMP", 4: "E_VALUE_JUMP"}
    assert becomes(*valued("-5000", "-5010000", "-5030")) == {3: "E_VALUE_JUMP"}
    assert becomes(*valued("-5000", "5010000")) == {}


def test_a_funding_between_days_and_a_gap_are_no_jump() -> None:
    assert becomes(*valued("5000"), "A1,2024-05-02,5005000,5000000,0,5005000") == {}
    assert becomes(*valued("5000", "5000000", days=20)) == {}


def test_the_feed_says_the_factor_and_whether_only_to_report_it() -> None:
    pence = "A1,2024-06-28,1000,0,0,100000"
    assert becomes(pence) == {}
    assert becomes(pence, jump_factor=100) == {2: "E_VALUE_JUMP"}
    result = validated(a_file("A1,2024-06-28,1000,0,0,1009000"), a_feed(plausibility={"jump": "warn"}))
    assert (result.accepted.height, notices(result)) == (1, ["W_VALUE_JUMP"])
    reason = validated(a_file("A1,2024-06-28,1000,0,0,1009000")).quarantined["reason"].item()
    assert "line 2, column emv" in reason
    assert "plausibility: jump: warn" in reason
    assert "1009000.0000 after 1000.0000" in reason


values = st.integers(10_000, 10**9).map(lambda units: Decimal(units) / 100)


@settings(max_examples=50)
@given(st.lists(st.tuples(values, st.integers(-30, 30)), min_size=2, max_size=8), st.data())
def test_a_unit_that_goes_wrong_on_one_day_is_found_and_no_other_day(steps: list[tuple[Decimal, int]], data: st.DataObject) -> None:
    """A history of moves of up to 30 % a day in which one day is in thousands, or in thousandths."""
    value, history = max(steps[0][0], Decimal(2_000)), []
    for _, move in steps:
        end = (value * (100 + move) / 100).quantize(Decimal("0.01"))
        history.append((value, end))
        value = end
    wrong = data.draw(st.integers(1, len(history) - 1))
    by, sign = data.draw(st.sampled_from([Decimal(1000), Decimal("0.001")])), data.draw(st.sampled_from([1, -1]))
    history = [(sign * begin, sign * end) for begin, end in history]
    rows = [
        f"A1,{FIRST + timedelta(days=number)},{begin * (by if number == wrong else 1):.4f},0,0,{end * (by if number == wrong else 1):.4f}"
        for number, (begin, end) in enumerate(history)
    ]
    result = validated(a_file(*rows))
    assert codes(result) == {wrong + 2: "E_VALUE_JUMP"}
    assert result.accepted.height == len(rows) - 1
