"""What is missing from a window, against a second reading of the rules in plain loops, and rule by rule."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from statistics import median

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.performance.completeness import LOOKED_BACK, Incomplete, incomplete_windows

FIRST = date(2025, 3, 3)
Window = Mapping[str, int]
"""The accounts of a window with their values."""


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def found(
    windows: Sequence[Window],
    *,
    files: Sequence[int] = (),
    quarantined: Sequence[tuple[str | None, int]] = (),
    share: float = 0.1,
    is_latest_over: bool = False,
    since: int = 0,
) -> Incomplete:
    """What is missing; ``files`` says how many files each window came in, one unless said; ``since`` leaves out earlier windows."""
    rows = [
        (account, day(number), day(number), Decimal(value), f"file {place % (files[number] if files else 1)}")
        for number, window in enumerate(windows)
        for place, (account, value) in enumerate(window.items())
        if number >= since
    ]
    schema = {
        "account_id": pl.String(),
        "window": pl.Date(),
        "as_of_date": pl.Date(),
        "ending_market_value": pl.Decimal(38, 4),
        "file": pl.String(),
    }
    doubts = pl.DataFrame(
        [(account, day(number)) for account, number in quarantined],
        schema={"account_id": pl.String(), "window": pl.Date()},
        orient="row",
    )
    valued = pl.DataFrame(rows, schema=schema, orient="row")
    return incomplete_windows(valued, doubts, allowed_share=share, is_latest_over=is_latest_over)


def missing(result: Incomplete) -> list[tuple[str, int]]:
    return [(account, (window - FIRST).days) for account, window in result.missing.select("account_id", "window").rows()]


def short(result: Incomplete) -> list[int]:
    return [(window - FIRST).days for window in result.short["window"]]


def holding(*accounts: int) -> Window:
    return {f"A{number:02}": 100 for number in accounts}


ALL = holding(*range(20))


def test_where_nothing_is_known_before_nothing_is_missing() -> None:
    assert missing(found([ALL])) == []
    assert short(found([ALL])) == []


@pytest.mark.parametrize(("kept", "is_short"), [(20, False), (19, False), (18, False), (17, True), (1, True)])
@pytest.mark.parametrize("known", [1, 2, 7])
def test_every_account_that_is_cut_off_is_reported_and_beyond_the_share_the_window_too(kept: int, known: int, *, is_short: bool) -> None:
    result = found([*[ALL] * known, holding(*range(kept))])
    assert missing(result) == [(f"A{number:02}", known) for number in range(kept, 20)]
    assert short(result) == ([known] if is_short else [])


def test_an_account_is_reported_once_and_not_in_every_window_that_follows() -> None:
    assert missing(found([ALL, ALL, holding(*range(19)), holding(*range(19))])) == [("A19", 2)]


def test_accounts_that_were_emptied_are_not_missing_however_many() -> None:
    closing = {name: 0 if number < 15 else 100 for number, name in enumerate(ALL)}
    result = found([ALL, ALL, closing, holding(*range(15, 20)), holding(*range(15, 20))])
    assert (missing(result), short(result)) == ([], [])


def test_other_accounts_in_the_place_of_those_that_were_there_are_short() -> None:
    result = found([ALL, ALL, holding(*range(20, 40))])
    assert (len(missing(result)), short(result)) == (20, [2])


def test_an_account_that_is_valued_now_and_then_is_never_missing() -> None:
    weekly = [{**holding(*range(19)), **({"W": 100} if number % 5 == 0 else {})} for number in range(1, 12)]
    assert missing(found([holding(*range(19)), *weekly])) == []


def test_a_row_in_quarantine_is_there() -> None:
    result = found([ALL, ALL, holding(*range(15))], quarantined=[(f"A{number}", 2) for number in range(15, 20)])
    assert (missing(result), short(result)) == ([], [])


@pytest.mark.parametrize(("unreadable", "reported"), [(5, 0), (4, 5)])
def test_a_row_whose_account_cannot_be_read_may_be_any_that_is_missing(unreadable: int, reported: int) -> None:
    result = found([ALL, ALL, holding(*range(15))], quarantined=[(None, 2)] * unreadable)
    assert (len(missing(result)), short(result)) == (reported, [])


def test_the_first_of_several_files_is_no_short_window_until_the_next_window_begins() -> None:
    """Three files a day: the first alone is compared with nothing; with all three, or once it is over, it is."""
    half, usual = holding(*range(10)), [ALL, ALL, ALL]
    for files, is_over, is_short in ((1, False, False), (2, False, False), (3, False, True), (1, True, True)):
        result = found([*usual, half], files=[3, 3, 3, files], is_latest_over=is_over)
        assert (short(result), bool(missing(result))) == ([3] if is_short else [], is_short)
    assert short(found([*usual, half, ALL], files=[3, 3, 3, 1, 3])) == [3]


def test_a_closed_account_counts_as_long_as_its_last_window_is_one_of_those_before() -> None:
    """The median of the five windows before is 9 at the sixth and the seventh window; one was closed in those of the sixth."""
    ten = {**holding(*range(9)), "A09": 0}
    windows = [ten, *[holding(*range(9))] * 3, holding(*range(8)), holding(*range(7)), holding(*range(7))]
    assert short(found(windows, share=0.2)) == [6]


def test_an_account_in_quarantine_is_one_of_those_that_the_missing_are_a_share_of() -> None:
    quarantined = [(f"A{number:02}", 1) for number in range(5, 10)]
    result = found([holding(*range(10)), holding(*range(5)), holding(0, 1, 2, 3, 5, 6, 7, 8, 9)], quarantined=quarantined, share=0.15)
    assert (missing(result), short(result)) == ([("A04", 2)], [])


def test_one_window_of_a_few_accounts_tells_no_usual_number() -> None:
    result = found([holding(1, 2), holding(1)])
    assert (missing(result), short(result)) == ([("A02", 1)], [])
    assert short(found([holding(1, 2), holding(1, 2), holding(1)])) == [2]


worlds = st.lists(
    st.dictionaries(st.sampled_from([f"A{n}" for n in range(8)]), st.sampled_from([0, 100]), min_size=1), min_size=1, max_size=14
)


@pytest.mark.slow
@settings(max_examples=80)
@given(
    worlds,
    st.sampled_from([0.0, 0.1, 0.34]),
    st.lists(st.tuples(st.sampled_from(["A0", "A1", None]), st.integers(0, 13)), max_size=4),
)
def test_it_is_what_it_says_window_by_window(windows: list[Window], share: float, quarantined: list[tuple[str | None, int]]) -> None:
    unread = [quarantined.count((None, number)) for number in range(len(windows))]
    there = [
        set(window) | {account for account, when in quarantined if when == number and account is not None}
        for number, window in enumerate(windows)
    ]
    count = [len(names) + unread[number] for number, names in enumerate(there)]
    gone = [
        (account, number)
        for number in range(1, len(windows))
        for account in sorted(windows[number - 1])
        if windows[number - 1][account] and account not in there[number] and (number == 1 or account in windows[number - 2])
    ]
    lacks = [max(0, sum(1 for _, when in gone if when == number) - unread[number]) for number in range(len(windows))]
    result = found(windows, share=share, quarantined=quarantined)
    assert missing(result) == [one for one in gone if lacks[one[1]]]
    expected = []
    for number in range(1, len(windows)):
        closed = sum(
            1
            for account in {name for window in windows for name in window}
            if (last := max((n for n in range(number) if account in windows[n]), default=None)) is not None
            and last >= number - LOOKED_BACK
            and windows[last][account] == 0
            and account not in windows[number]
        )
        usual = median(count[n] for n in range(max(0, number - LOOKED_BACK), number)) - closed
        were_open = sum(1 for name in there[number - 1] if windows[number - 1].get(name, 100)) + unread[number - 1]
        if (number >= 2 or usual >= 5) and (usual - count[number] > share * usual or lacks[number] > share * were_open):
            expected.append(number)
    assert short(result) == expected


@pytest.mark.slow
@settings(max_examples=40)
@given(worlds, st.integers(0, 8))
def test_pieces_of_a_history_say_what_the_whole_does(windows: list[Window], since: int) -> None:
    validated = since + LOOKED_BACK
    whole, piece = found(windows), found(windows, since=min(since, len(windows) - 1))
    assert [one for one in missing(piece) if one[1] >= validated] == [one for one in missing(whole) if one[1] >= validated]
    assert [one for one in short(piece) if one >= validated] == [one for one in short(whole) if one >= validated]
