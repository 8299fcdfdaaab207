"""Labels that are printed once for a group: filled as the feed says, never past what ends a group."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, cells, codes, read, validated

LABELLED = f"client,pf,{HEADER},name"
DOWN = {"fill": "down"}


def a_feed_of_groups(*filled: str, **changes: Any) -> PositionsFeed:
    names = {"client_id": "client", "portfolio_id": "pf", "account_id": "id", "account_name": "name"}
    columns = {field: {"from": name, **(DOWN if field in filled else {})} for field, name in names.items()}
    return a_feed(columns, **changes)


def noticed(content: str, feed: PositionsFeed) -> list[str]:
    found: list[Notice] = []
    read_raw_rows(content.encode(), feed, "acme_1.csv", notices=found)
    return [notice.code for notice in found]


groups = st.lists(
    st.tuples(
        st.integers(1, 2),
        st.lists(st.tuples(st.integers(1, 2), st.lists(st.integers(1, 3), min_size=1, max_size=3)), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(tree=groups)
def test_labels_printed_once_are_those_of_labels_on_every_row(tree: list[tuple[int, list[tuple[int, list[int]]]]]) -> None:
    full, once = [], []
    account = 0
    for client, (_, portfolios) in enumerate(tree):
        for place, (_, accounts) in enumerate(portfolios):
            for number, days in enumerate(accounts):
                account += 1
                for day in range(1, days + 1):
                    values = f"2024-06-{day:02},1,0,0,2"
                    full.append(f"C{client},P{client}{place},A{account},{values},N{account}")
                    is_first = day == 1
                    labels = [
                        f"C{client}" if is_first and number == 0 and place == 0 else "",
                        f"P{client}{place}" if is_first and number == 0 else "",
                        f"A{account}" if is_first else "",
                    ]
                    once.append(f"{','.join(labels)},{values},{f'N{account}' if is_first else ''}")
    feed = a_feed_of_groups("client_id", "portfolio_id", "account_id", "account_name")
    wanted = validated("\n".join([LABELLED, *full, ""]), a_feed_of_groups()).accepted
    found = validated("\n".join([LABELLED, *once, ""]), feed)
    assert found.quarantined.is_empty()
    assert found.accepted.equals(wanted)


@pytest.mark.parametrize(
    ("between", "code"),
    [
        ("Total,,,,300,0,0,300,", None),
        (",,,,300,0,0,300,", None),
        (LABELLED, None),
        ("C2,P2,A3,2024-05-31,1,0,0", "E_GROUP"),
        ("C2,P2,A3,2024-05-31,1,000,0,0,2,", "E_GROUP"),
    ],
)
def test_a_label_ends_at_a_line_that_is_no_row(between: str, code: str | None) -> None:
    feed = a_feed_of_groups("portfolio_id", footer=[{"column": "client", "starts_with": ["Total"]}])
    content = f"{LABELLED}\nC1,P1,A1,2024-05-31,1,0,0,2,x\nC1,,A2,2024-05-31,1,0,0,2,y\n{between}\nC1,,A4,2024-05-31,1,0,0,2,z\n"
    result = validated(content, feed)
    assert codes(result).get(5) == code
    known = dict(result.accepted.select("account_id", "portfolio_id").rows())
    assert known == {"A1": "P1", "A2": "P1", **({} if code else {"A4": None})}
    assert "W_GROUP_LABEL" in noticed(content, feed) or code


def test_a_new_outer_label_ends_the_inner_ones() -> None:
    feed = a_feed_of_groups("client_id", "portfolio_id", "account_id", "account_name")
    rows = ["C1,P1,A1,2024-05-31,1,0,0,2,x", "C2,,A2,2024-05-31,1,0,0,2,", ",P3,,2024-05-31,1,0,0,2,"]
    raw = read("\n".join([LABELLED, *rows, ""]), feed)
    assert cells(raw, "client") == ["C1", "C2", "C2"]
    assert cells(raw, "pf") == ["P1", None, "P3"]
    assert cells(raw, "name") == ["x", None, None]
    assert cells(raw, "id")[2] in {None, ""}
    assert codes(validated("\n".join([LABELLED, *rows, ""]), feed)) == {4: "E_REQUIRED"}


def test_a_line_of_sums_is_never_given_an_account() -> None:
    feed = a_feed_of_groups("account_id", "portfolio_id")
    rows = ["C1,P1,A1,2024-05-31,1,0,0,2,x", ",,,2024-06-28,2,0,0,3,x", ",,,,3,0,0,5,", "All,,,,3,0,0,5,"]
    result = validated("\n".join([LABELLED, *rows, ""]), feed)
    assert result.accepted["account_id"].to_list() == ["A1", "A1"]
    assert codes(result) == {4: "E_REQUIRED", 5: "E_REQUIRED"}


@pytest.mark.parametrize(
    ("portfolios", "is_noticed"),
    [
        (["P1", "", "P2", ""], True),
        (["P1", "", "", ""], True),
        (["P1", "", "P2", "P3", ""], True),
        (["P1", "", "P2", "", "P1", "", "P2", ""], True),
        (["P1", "P1", "P2", "P2"], False),
        (["", "", "", ""], False),
        (["", "P1", "", "P2"], False),
        (["P1", "P1", "", "P2"], False),
        (["P1", "P1", "", "P2", ""], False),
        (["P1", "P2", "P3", "P4", "P5", ""], False),
        (["P1", "P2", "P3", "", "P4", " "], True),
        (["P1", "P2", "P3", "", "P4", "P5", ""], False),
    ],
)
def test_labels_that_look_printed_once_are_noticed_where_the_feed_is_silent(portfolios: list[str], *, is_noticed: bool) -> None:
    rows = [f"C1,{label},A{place},2024-05-31,1,0,0,2,x{place}" for place, label in enumerate(portfolios)]
    content = "\n".join([LABELLED, *rows, ""])
    assert ("W_GROUP_LABEL" in noticed(content, a_feed_of_groups())) == is_noticed
    assert noticed(content, a_feed({"portfolio_id": {"from": "pf", "fill": "none"}}, ignored=["client", "name"])) == []


def test_a_line_of_totals_has_no_blank_cell_that_repeats_a_label() -> None:
    feed = a_feed_of_groups(footer=[{"column": "client", "starts_with": ["Total"]}])
    rows = ["C1,P1,A1,2024-05-31,1,0,0,2,x", "C2,P2,A2,2024-05-31,1,0,0,2,y"]
    assert noticed("\n".join([LABELLED, *rows, "Total,,,,2,0,0,4,", ""]), feed) == []
    assert noticed("\n".join([LABELLED, *rows, "C3,,A3,2024-05-31,1,0,0,2,z", ""]), feed) == ["W_GROUP_LABEL"]


def test_a_new_account_ends_its_name_wherever_that_stands() -> None:
    columns = {"account_id": {"from": "id", **DOWN}, "account_name": {"from": "name", **DOWN}}
    rows = ["x,A1,2024-05-31,1,0,0,2", ",,2024-06-28,2,0,0,3", ",A2,2024-05-31,1,0,0,2"]
    raw = read("\n".join([f"name,{HEADER}", *rows, ""]), a_feed(columns))
    assert cells(raw, "id") == ["A1", "A1", "A2"]
    assert cells(raw, "name") == ["x", "x", None]


def test_a_cell_of_spaces_is_a_blank_one() -> None:
    rows = ["C1,P1,A1,2024-05-31,1,0,0,2,x", "C1,  ,  ,2024-06-28,2,0,0,3,x", "C1,,  ,  ,3,0,0,5,"]
    feed = a_feed_of_groups("portfolio_id", "account_id")
    result = validated("\n".join([LABELLED, *rows, ""]), feed)
    assert result.accepted.select("account_id", "portfolio_id").rows() == [("A1", "P1")] * 2
    assert codes(result) == {4: "E_REQUIRED"}


@pytest.mark.parametrize(
    ("accounts", "is_noticed"), [(["A0", "A1", "A2", "A3"], False), (["A0", "A1", "A0", "A1"], False), (["A0", "A0", "A1", "A1"], True)]
)
def test_only_below_its_own_account_may_a_name_be_printed_once(accounts: list[str], *, is_noticed: bool) -> None:
    rows = [f"C1,P1,{account},2024-05-31,1,0,0,2,{name}" for account, name in zip(accounts, ["x", "", "y", ""], strict=True)]
    assert (noticed("\n".join([LABELLED, *rows, ""]), a_feed_of_groups()) == ["W_GROUP_LABEL"]) == is_noticed


def test_a_day_that_every_line_shares_tells_no_row_from_a_line_of_sums() -> None:
    stated = {"patterns": ["acme_*"], "format": "csv", "stated": {"day": {"in": "file_name", "pattern": "(.*)"}}}
    with pytest.raises(ValueError, match="in every row"):
        a_feed({"account_id": {"from": "id", **DOWN}}, files=stated)
    keyed = {"patterns": ["acme_*"], "format": "json", "json": {"key_as": "day"}}
    assert a_feed({"account_id": {"from": "id", **DOWN}}, files=keyed).columns["account_id"].fill == "down"


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"ending_market_value": {"from": "emv", **DOWN}}, "for texts and days"),
        ({"account_id": {"from": "id", **DOWN}, "as_of_date": {"from": "day", **DOWN}}, "in every row"),
    ],
)
def test_a_number_and_a_whole_key_are_never_filled(columns: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        a_feed(columns)


def test_below_a_line_that_cannot_be_read_only_the_first_group_may_lack_its_label() -> None:
    """The label of the first rows may stand in the unread line; that of the next group cannot, since its own begins below."""
    feed = a_feed({name: {"from": name, "fill": "down", "absent": "null"} for name in ("portfolio_id", "client_id")})
    row = "2024-06-28,100,0,0,101"
    lines = ["A0,2024-06-28,1", f"A1,{row},P1,", f"A2,{row},,", f"A3,{row},P2,", f"A4,{row},P2,C2", f"A5,{row},,"]
    result = validated("\n".join([f"{HEADER},portfolio_id,client_id", *lines]) + "\n", feed)
    assert codes(result) == {2: "E_FIELDS", 3: "E_GROUP", 4: "E_GROUP"}
    assert result.accepted.select("account_id", "portfolio_id", "client_id").rows() == [
        ("A3", "P2", None),
        ("A4", "P2", "C2"),
        ("A5", "P2", "C2"),
    ]
