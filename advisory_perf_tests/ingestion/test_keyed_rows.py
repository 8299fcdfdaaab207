"""Rows in JSON that are keyed by their account, and days as counts since 1970."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from advisory_perf.ingestion.limits import Bounds
from advisory_perf_tests.ingestion.scenarios import (
    HEADER,
    a_feed,
    a_feed_of,
    codes,
    misfits,
    notices,
    read,
    rejection,
    rejection_within,
    validated,
)

pytestmark = pytest.mark.slow

NAMES = HEADER.split(",")
ZONES = ("UTC", "America/New_York", "Asia/Tokyo", "Pacific/Auckland")


def a_row(value: int, **further: Any) -> dict[str, Any]:
    return {"day": "2024-06-28", "bmv": value, "in": 0, "out": 0, "emv": value + 1, **further}


def keyed(*names: str, rows_at: str = "") -> Any:
    return a_feed_of("json", json={"key_as": list(names), "rows_at": rows_at})


@settings(max_examples=50, deadline=None)
@given(
    accounts=st.dictionaries(st.from_regex(r"[A-Z][0-9]{1,6}", fullmatch=True), st.lists(st.integers(1, 28), unique=True, max_size=3)),
    by_day=st.booleans(),
    is_inner=st.booleans(),
)
def test_rows_keyed_by_account_are_the_rows_of_an_array(accounts: dict[str, list[int]], *, by_day: bool, is_inner: bool) -> None:
    rows = {name: [a_row(day, day=f"2024-06-{day:02}") for day in days] for name, days in accounts.items()}
    listed = [{"id": name, **row} for name, of_account in rows.items() for row in of_account]
    tree: Any = rows if not by_day else {name: {row["day"]: {**row} for row in own} for name, own in rows.items()}
    if by_day:
        for own in tree.values():
            for row in own.values():
                del row["day"]
    feed = keyed(*(["id", "day"] if by_day else ["id"]), rows_at="data.rows" if is_inner else "")
    content = json.dumps({"made": 1, "data": {"rows": tree}} if is_inner else tree)
    found, wanted = validated(content, feed), validated(json.dumps(listed), a_feed_of("json"))
    assert found.quarantined.is_empty()
    assert found.accepted.equals(wanted.accepted)


def test_a_key_may_hold_one_row_and_the_nesting_is_bounded() -> None:
    assert validated(json.dumps({"A1": a_row(1), "A2": [a_row(2)]}), keyed("id")).accepted["account_id"].to_list() == ["A1", "A2"]
    content = json.dumps({"A1": [{**a_row(1), "x": [[[[1]]]]}]}).encode()
    assert rejection_within(Bounds(nesting=6), content, keyed("id")).code == "E_TOO_LARGE"
    assert rejection(json.dumps([a_row(1)]), keyed("id")).code == "E_FORMAT"
    assert rejection(json.dumps({"A1": [a_row(1)]}), keyed("id", "day")).code == "E_FORMAT"
    assert rejection(json.dumps({"A1": a_row(1)}), a_feed_of("json")).code == "E_FORMAT"


def test_a_row_that_names_its_account_itself_is_a_misfit_and_an_account_twice_loses_nothing() -> None:
    result = validated(json.dumps({"A1": a_row(1, id="A2"), "A3": a_row(1), "A4": 5}), keyed("id"))
    assert codes(result) == {1: "E_KEY_CONFLICT", 3: "E_FIELDS"}
    assert misfits(read(json.dumps({"A4": 5, "A3": a_row(1)}), keyed("id"))) == {1: '{"id": "A4"} 5'}
    twice = f'{{"A1": {json.dumps(a_row(1))}, "A1": {json.dumps(a_row(5))}}}'
    assert codes(validated(twice, keyed("id"))) == {1: "E_KEY_CONFLICT", 2: "E_KEY_CONFLICT"}


instants = st.datetimes(datetime(2020, 2, 1), datetime(2024, 6, 29), timezones=st.just(UTC))  # noqa: DTZ001 - bounds have none


@settings(max_examples=75, deadline=None)
@example(instant=datetime(2020, 2, 1, tzinfo=UTC), zone="America/New_York", form="seconds")
@example(instant=datetime(2020, 2, 1, 1, tzinfo=UTC), zone="America/New_York", form="milliseconds")
@given(
    instant=instants,
    zone=st.sampled_from(ZONES),
    form=st.sampled_from(["seconds", "milliseconds"]),
)
def test_an_epoch_is_the_day_it_fell_on_where_the_vendor_is(instant: datetime, zone: str, form: str) -> None:
    number = int((instant - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(**{form: 1}))
    feed = a_feed(
        {"as_of_date": {"from": "day", "formats": [f"epoch_{form}"]}},
        files={"patterns": ["acme_*"], "format": "csv", "time_zone": zone},
    )
    result = validated(f"{HEADER}\nA1,{number},1,0,0,2\n", feed)
    there = instant.astimezone(ZoneInfo(zone)).date()
    of_days = instant == datetime(instant.year, instant.month, instant.day, tzinfo=UTC)
    assert result.accepted["as_of_date"].to_list() == [instant.date() if of_days else there]
    assert notices(result) == (["W_MIDNIGHT_UTC"] if of_days and there != instant.date() else [])


@pytest.mark.parametrize("text", ["20240628", "45471", "17195472000", "171954720000000", "1719547200x", "1.7195472e9", "-5", ""])
def test_a_count_of_another_unit_is_no_epoch(text: str) -> None:
    feed = a_feed(
        {"as_of_date": {"from": "day", "formats": ["epoch_seconds", "epoch_milliseconds"]}},
        files={"patterns": ["acme_*"], "format": "csv", "time_zone": "UTC"},
    )
    assert set(codes(validated(f"{HEADER}\nA1,{text},1,0,0,2\n", feed)).values()) <= {"E_DATE", "E_REQUIRED"}
    assert validated(f"{HEADER}\nA1,1719547200,1,0,0,2\n", feed).accepted["as_of_date"].to_list() == [date(2024, 6, 28)]


def test_an_epoch_needs_the_vendors_time_zone() -> None:
    with pytest.raises(ValueError, match="files: time_zone"):
        a_feed({"as_of_date": {"from": "day", "formats": ["epoch_seconds"]}})
