"""A delivery's way through the zones: what is removed is the very thing that was read, kept elsewhere, or failed."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.deliveries.zones import (
    Arrival,
    clear_incoming,
    delivery_id_of,
    find_arrival,
    forget_failed,
    is_archived,
    keep_in_archive,
    keep_in_error,
    received_at,
    sha256_of,
)
from advisory_perf.errors import LakeError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.lake.store import Lake
from advisory_perf_tests.deliveries.test_ledger import identity, ingest, january
from advisory_perf_tests.lake.listings import listings
from advisory_perf_tests.orchestration.scenarios import acme_as_data

ROWS = b"id,day\nA,2024-01-31\n"
CAME = datetime(2024, 2, 1, 6, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def arrives(lake: Lake, path: str = "x.csv", content: bytes = ROWS, *, delivery_id: str = "x-1", **others: Any) -> Arrival:
    """A file of the vendor acme's feed alpha that was put into incoming/ and listed there."""
    lake.write(f"incoming/alpha/{path}", content)
    return Arrival(delivery_id, "alpha", "acme", lake.head(f"incoming/alpha/{path}"), CAME, **others)


def a_feed(name: str, *, path_is_name: bool = False) -> PositionsFeed:
    """A feed of the vendor acme, of that name."""
    stated = {"sent": {"in": "path", "pattern": r"^(\w+)/"}} if path_is_name else {}
    columns = {"account_name": "sent"} if path_is_name else None
    return PositionsFeed.model_validate(acme_as_data(columns, name=name, files={"patterns": ["*"], "format": "csv", "stated": stated}))


def paths(lake: Lake) -> list[str]:
    return [file.path for zone in ("incoming/", "archive/", "error/") for file in lake.files(zone)]


# clearing incoming/ ---------------------------------------------------------------------------------------------------


def test_incoming_is_cleared_of_the_very_file_that_was_read(lake: Lake) -> None:
    arrival = arrives(lake)
    clear_incoming(lake, arrival)
    assert paths(lake) == []
    clear_incoming(lake, arrival)
    assert paths(lake) == []


@pytest.mark.parametrize("content", [ROWS.replace(b"A", b"B"), ROWS + b"B,2024-01-31\n", ROWS], ids=["others", "more", "the same again"])
def test_what_was_put_in_its_place_meanwhile_stays_in_incoming(lake: Lake, content: bytes) -> None:
    arrival = arrives(lake)
    lake.write(arrival.file.path, content)
    clear_incoming(lake, arrival)
    assert paths(lake) == ["incoming/alpha/x.csv"]
    assert lake.read("incoming/alpha/x.csv") == content


@pytest.mark.parametrize("zone", ["archive", "error"])
def test_a_delivery_that_is_ingested_again_from_where_it_is_kept_stays_there(lake: Lake, zone: str) -> None:
    lake.write(f"{zone}/alpha/x-1/x.csv", ROWS)
    clear_incoming(lake, Arrival("x-1", "alpha", "acme", lake.head(f"{zone}/alpha/x-1/x.csv"), CAME))
    assert paths(lake) == [f"{zone}/alpha/x-1/x.csv"]


# archive and error ----------------------------------------------------------------------------------------------------


def test_the_bytes_that_were_read_are_archived_whatever_lies_in_incoming_now(lake: Lake) -> None:
    arrival = arrives(lake, "deep/x.csv")
    lake.write(arrival.file.path, b"newer")
    assert not is_archived(lake, arrival)
    assert keep_in_archive(lake, arrival, ROWS) == "archive/alpha/x-1/deep/x.csv"
    assert keep_in_archive(lake, arrival, ROWS) == "archive/alpha/x-1/deep/x.csv"
    assert is_archived(lake, arrival)
    assert (lake.read("archive/alpha/x-1/deep/x.csv"), lake.read("incoming/alpha/deep/x.csv")) == (ROWS, b"newer")


def test_a_delivery_is_kept_in_one_zone_only_and_others_stay(lake: Lake) -> None:
    for path in ("error/alpha/x-10/x.csv", "archive/alpha/x-10/x.csv", "error/beta/x-1/x.csv", "archive/beta/x-1/x.csv"):
        lake.write(path, ROWS)
    others, arrival = paths(lake), arrives(lake)
    clear_incoming(lake, arrival)
    keep_in_error(lake, arrival, ROWS, code="E_FORMAT", sentence="x")
    in_error = ["error/alpha/x-1/x.csv", "error/alpha/x-1/x.csv.reason.json"]
    assert sorted(paths(lake)) == sorted(others + in_error)
    keep_in_archive(lake, arrival, ROWS)
    assert sorted(paths(lake)) == sorted([*others, "archive/alpha/x-1/x.csv"])
    keep_in_error(lake, arrival, ROWS, code="E_FORMAT", sentence="x")
    assert sorted(paths(lake)) == sorted(others + in_error)


KEEPING: dict[str, Callable[[Lake, Arrival], str]] = {
    "archive": lambda lake, arrival: keep_in_archive(lake, arrival, ROWS),
    "error": lambda lake, arrival: keep_in_error(lake, arrival, ROWS, code="E_FORMAT", sentence="x"),
}


@pytest.mark.parametrize("keep", KEEPING)
def test_nothing_is_removed_before_its_copy_is_there(lake: Lake, monkeypatch: pytest.MonkeyPatch, keep: str) -> None:
    other = "error" if keep == "archive" else "archive"
    arrival = arrives(lake)
    lake.write(f"{other}/alpha/x-1/x.csv", ROWS)

    def fails(_lake: Lake, path: str, _content: bytes) -> None:
        raise LakeError(path)

    monkeypatch.setattr(Lake, "keep", fails)
    with pytest.raises(LakeError, match=f"{keep}/alpha/x-1/x.csv"):
        KEEPING[keep](lake, arrival)
    assert {"incoming/alpha/x.csv", f"{other}/alpha/x-1/x.csv"} <= set(paths(lake))


def test_the_reason_beside_a_rejected_file_says_what_it_was_and_how_often_it_was_tried(lake: Lake) -> None:
    arrival = arrives(lake, "deep/x.csv", path_is_name=True)
    keep_in_error(lake, arrival, ROWS, code="E_FORMAT", sentence="no CSV")
    reported = {
        "feed": "alpha",
        "vendor": "acme",
        "file_name": "deep/x.csv",
        "delivery_id": "x-1",
        "sha256": sha256_of(ROWS),
        "received_at": "2024-02-01T06:00:00+00:00",
        "error_code": "E_FORMAT",
        "error_message": "no CSV",
    }
    assert json.loads(lake.read("error/alpha/x-1/deep/x.csv.reason.json")) == reported
    keep_in_error(lake, arrival, ROWS, code="E_POISONED", sentence="no CSV", attempts=[{"run": "one"}])
    again = json.loads(lake.read("error/alpha/x-1/deep/x.csv.reason.json"))
    assert again == {**reported, "error_code": "E_POISONED", "attempts": [{"run": "one"}]}


# identities -----------------------------------------------------------------------------------------------------------


def test_each_arrival_has_an_id_of_its_own(lake: Lake) -> None:
    file = arrives(lake, "a b/x y.z.csv").file
    first = delivery_id_of(file)
    assert first.startswith("x_y.z-")
    assert len(first) == len("x_y.z-") + 16
    changes: dict[str, Any] = {"path": "incoming/alpha/c/x y.z.csv", "size": file.size + 1, "etag": "other", "modified": CAME}
    others = {delivery_id_of(replace(file, **{name: value})) for name, value in changes.items()}
    assert len(others - {first}) == len(changes)


def test_a_file_from_the_future_came_now_and_another_when_it_says(lake: Lake) -> None:
    file = arrives(lake).file
    begun = datetime.now(UTC)
    assert begun <= received_at(replace(file, modified=begun + timedelta(days=1))) <= datetime.now(UTC)
    assert received_at(replace(file, modified=CAME)) == CAME


@pytest.mark.parametrize("zone", ["incoming/alpha", "archive/alpha/x-1", "error/alpha/x-1"])
@pytest.mark.parametrize(("path_is_name", "name"), [(True, "deep/x.csv"), (False, "x.csv")])
def test_the_folders_of_a_file_are_a_part_of_its_name_only_where_its_feed_says_so(
    lake: Lake, zone: str, name: str, *, path_is_name: bool
) -> None:
    lake.write(f"{zone}/deep/x.csv", ROWS)
    arrival = Arrival("x-1", "alpha", "acme", lake.head(f"{zone}/deep/x.csv"), CAME, path_is_name)
    assert (arrival.path, arrival.name) == ("deep/x.csv", name)


# with the ledger ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "is_forgotten"), [("RECEIVED", True), ("FAILED", True), ("PROCESSING", False), ("COMPLETED", False), ("DUPLICATE", False)]
)
def test_only_what_a_failed_arrival_of_the_same_file_left_is_forgotten(
    lake: Lake, ledger: Ledger, status: str, *, is_forgotten: bool
) -> None:
    bytes_of_x: dict[str, Any] = {"file_name": "x.csv", "sha256": sha256_of(ROWS), "feed": "alpha", "vendor": "acme"}
    ingest(ledger, "x-0", january(31), january(31), **bytes_of_x)
    with ledger.warehouse.connect() as connection:
        connection.execute("UPDATE etl_processing_log SET status = %s", [status])
    left = ["archive/alpha/x-0/x.csv", "error/alpha/x-0/x.csv", "error/alpha/x-0/x.csv.reason.json"]
    for path in [*left, "archive/alpha/x-00/x.csv", "archive/beta/x-0/x.csv"]:
        lake.write(path, ROWS)
    before, arrival = paths(lake), arrives(lake)
    own = Arrival("x-0", "alpha", "acme", arrival.file, CAME)
    for other, content in ((arrival, b"other bytes"), (arrives(lake, "y.csv"), ROWS), (own, ROWS)):
        forget_failed(lake, ledger, other, sha256_of(content))
        assert set(before) <= set(paths(lake))
    forget_failed(lake, ledger, arrival, sha256_of(ROWS))
    assert sorted(set(before) - set(paths(lake))) == (left if is_forgotten else [])


@pytest.mark.slow
def test_a_delivery_is_found_where_it_lies_with_the_time_at_which_it_came(lake: Lake, ledger: Ledger) -> None:
    with pytest.raises(LakeError, match=r"x-1 of acme is neither in incoming/, archive/ nor error/ .*; put the file into incoming/alpha/"):
        find_arrival(lake, ledger, a_feed("alpha"), "x-1")
    ledger.claim(**identity("x-1", feed="alpha", vendor="acme", received_at=CAME))
    for path in ("x.csv.reason.json", "x.csv.reason.json.reason.json"):
        lake.write(f"error/alpha/x-1/{path}", ROWS)
    assert find_arrival(lake, ledger, a_feed("alpha"), "x-1").file.name == "x.csv.reason.json", "as the vendor has called it"
    lake.write("archive/alpha/x-1/x.csv", ROWS)
    found = find_arrival(lake, ledger, a_feed("alpha"), "x-1")
    assert (found.file.path, found.received_at, found.name) == ("archive/alpha/x-1/x.csv", CAME, "x.csv")
    waiting = arrives(lake, "deep/x.csv").file
    found = find_arrival(lake, ledger, a_feed("alpha", path_is_name=True), delivery_id_of(waiting))
    assert (found.file, found.name, found.received_at) == (waiting, "deep/x.csv", waiting.modified)
    lake.write("archive/beta/x-1/x.csv", ROWS)
    assert find_arrival(lake, ledger, a_feed("beta"), "x-1").received_at != CAME, "the ledger's is alpha's"


@pytest.mark.slow
def test_a_delivery_whose_path_is_known_is_looked_for_only_where_another_lies_there(
    lake: Lake, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = listings(monkeypatch)
    feed, waiting = a_feed("alpha"), arrives(lake, "x.csv").file
    first = delivery_id_of(waiting)
    assert find_arrival(lake, ledger, feed, first, waiting.path).file == waiting
    assert listed == []
    lake.write(f"archive/alpha/{first}/x.csv", ROWS)
    lake.write(waiting.path, b"another file of that name, put there since")
    assert find_arrival(lake, ledger, feed, first, waiting.path).file.path == f"archive/alpha/{first}/x.csv"
    assert listed == ["incoming/alpha/", f"archive/alpha/{first}/"]
    lake.delete([waiting.path])
    assert find_arrival(lake, ledger, feed, first, waiting.path).file.path == f"archive/alpha/{first}/x.csv"
