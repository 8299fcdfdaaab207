"""Several valuations of an account in one month of one delivery: none is taken unless the feed takes them all."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, a_feed_of, codes, validated

pytestmark = pytest.mark.slow

MONTHLY = a_feed(cadence="monthly")
DAYS = ("2024-03-15", "2024-03-28", "2024-04-30")


def a_row(account: str, day: str, ending: str = "100.00") -> str:
    return f"{account},{day},100.00,0.00,0.00,{ending}"


@settings(max_examples=40)
@given(
    st.dictionaries(st.tuples(st.sampled_from("ABC"), st.sampled_from(DAYS)), st.sampled_from(["100.00", "120.00", "many"]), min_size=1),
)
def test_no_month_of_an_account_is_taken_twice_and_no_row_is_lost(rows: dict[tuple[str, str], str]) -> None:
    found = validated("\n".join([HEADER, *(a_row(*key, ending) for key, ending in rows.items())]) + "\n", MONTHLY)
    months = defaultdict(set)
    for account, day in rows:
        months[account, day[:7]].add(day)
    expected = {
        line: "E_NUMBER" if ending == "many" else "E_SEVERAL_VALUATIONS"
        for line, ((account, day), ending) in enumerate(rows.items(), start=2)
        if ending == "many" or len(months[account, day[:7]]) > 1
    }
    assert codes(found) == expected
    assert found.accepted.height == len(rows) - len(expected)


def test_the_sentence_says_which_account_and_what_to_say() -> None:
    found = validated("\n".join([HEADER, a_row("A", DAYS[0]), a_row("A", DAYS[1])]) + "\n", MONTHLY)
    reason = found.quarantined["reason"][0]
    assert all(part in reason for part in ("line 2", "A on 2024-03-15", "valuations: all"))


@pytest.mark.parametrize("feed", [a_feed(), a_feed(cadence="monthly", valuations="all")], ids=["daily", "all"])
def test_daily_feeds_and_those_that_say_all_take_every_valuation(feed: object) -> None:
    found = validated("\n".join([HEADER, *(a_row("A", day) for day in DAYS)]) + "\n", feed)  # type: ignore[arg-type]
    assert (found.accepted.height, found.quarantined.height) == (3, 0)


def test_keys_that_do_not_fit_the_feed_are_refused() -> None:
    with pytest.raises(ValidationError, match="valuations: all is for cadence: monthly"):
        a_feed(valuations="all")
    with pytest.raises(ValidationError, match="Input should be 'whole' or 'changes'"):
        a_feed_of("csv", versions="rows")


@pytest.mark.parametrize(
    ("name", "names_it"),
    [
        ("acme_20250331_v2.csv", True),
        ("ACME 2025-03.csv.gz", True),
        ("acme_31.03.2025_v2.xlsx", True),
        ("acme_03312025.csv", True),
        ("acme_mar25.csv", True),
        ("Acme March 2025_v3.csv", True),
        ("acme_v2.csv", False),
        ("acme_march.csv", False),
        ("acme_positions_0303.csv", False),
        ("acme_client_1002003004.csv", False),
        ("acme_7.csv", False),
    ],
)
def test_a_name_with_a_month_or_day_is_of_one_file_only(name: str, *, names_it: bool) -> None:
    assert a_feed_of("csv", version=r"_v(\d+)$").files.names_its_day(name) is names_it
