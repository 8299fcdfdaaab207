"""What a vendor may put into incoming/, in a folder and on S3: it is reported once, stays where it is, and every other file is ingested."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from advisory_perf.alerts.outbox import Outbox
from advisory_perf.errors import LakeError
from advisory_perf.orchestration.jobs.reject_unknown import unclaimed_file
from advisory_perf_tests.orchestration.scenarios import A_THIRD, B_THIRD, World, a_world, csv

pytestmark = pytest.mark.slow

TEXTS = {
    "a newline": "a\nb.csv",
    "a carriage return": "a\rb.csv",
    "a tab": "a\tb.csv",
    "an escape": "\x1b[2Ja.csv",
    "a delete": "a\x7f.csv",
    "a C1 control": "a\x9bb.csv",
    "a bell": "\a.csv",
    "a line separator": "a\u2028b.csv",
    "a right-to-left override": "a\u202ecsv.exe",
    "an isolate": "a\u2066.csv",
    "a sub-folder with a newline": "s\nub/a.csv",
    "forty folders": "d/" * 40 + "a.csv",
    "a transfer under way": ".a.csv.Xy12Zq",
    "an upload under way": "a.csv.filepart",
    "a sub-folder": "sub/a.csv",
}
"""Names that both stores take."""

KEYS = {
    "an empty part": "/a.csv",
    "an empty part within": "a//b.csv",
    "the folder above": "../a.csv",
    "the folder above, within": "a/../b.csv",
    "the folder itself": "./a.csv",
    "a marker of a folder": "",
    "a marker with bytes": "a/",
}
"""Keys of S3 that are no path."""


def a_socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "s"))


def bytes_that_are_no_text(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/a\xff\xfe.csv")).write_bytes(b"x")


def a_ring(folder: Path) -> None:
    (folder / "l4").symlink_to("l5")
    (folder / "l5").symlink_to("l4")


def a_time_beyond_all_calendars(folder: Path) -> None:
    (folder / ".t.part").write_bytes(b"")
    os.utime(folder / ".t.part", (0, 10**12))


PLANTED: dict[str, Callable[[Path], object]] = {
    "bytes that are no UTF-8": bytes_that_are_no_text,
    "a link to a file": lambda folder: (folder / "l1.csv").symlink_to("/etc/hostname"),
    "a link to a folder": lambda folder: (folder / "l2").symlink_to("/etc"),
    "a link to itself": lambda folder: (folder / "l3.csv").symlink_to("l3.csv"),
    "a ring of links": a_ring,
    "a link to the folder above": lambda folder: (folder / "l6").symlink_to(".."),
    "a link to nothing": lambda folder: (folder / "l7.csv").symlink_to("nowhere"),
    "a pipe": lambda folder: os.mkfifo(folder / "p.csv"),
    "a socket": a_socket,
    "a time beyond all calendars": a_time_beyond_all_calendars,
}
"""What only a folder can hold."""


@pytest.fixture
def in_folder(tmp_path: Path, warehouse_url: str) -> Iterator[World]:
    with a_world(tmp_path, warehouse_url) as world:
        yield world


@pytest.fixture
def on_s3(tmp_path: Path, warehouse_url: str, s3: str) -> Iterator[World]:
    with a_world(tmp_path, warehouse_url, lake_url="s3://lake/x", s3_endpoint_url=s3) as world:
        yield world


def plant_text(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"x")


def asks_only_for_the_good_file(world: World, good: str) -> None:
    """Each sensor answers, and of what lies in incoming only the other vendor's file is to be taken."""
    requests = world.tick("arrivals").run_requests
    assert [request.job_name for request in requests] == ["acme_ingestion"], good
    world.tick("pipelines")


def is_ingested_and_reported_once(world: World) -> None:
    (request,) = world.tick("arrivals").run_requests
    assert world.run_request(request).success
    assert len(world.tick("pipelines").run_requests) == 1, "no pipeline waits for what is never taken"
    for _ in range(2):
        world.tick("watch")
    (alert,) = [one for one in Outbox(world.platform.warehouse).alerts(only_open=False) if one.code == "ODD_NAME"]
    assert (alert.vendor, alert.resolved_at) == ("vendor_a", None)
    assert alert.message.isprintable()


def test_whatever_lies_in_a_folder_every_other_file_is_ingested(in_folder: World, tmp_path: Path) -> None:
    world = in_folder
    world.put("acme_1.csv", csv(A_THIRD, B_THIRD))
    folder = Path(world.platform.lake.address) / "incoming/vendor_a"
    folder.mkdir()
    for name, text in TEXTS.items():
        plant_text(folder, text)
        asks_only_for_the_good_file(world, name)
    for name, plant in PLANTED.items():
        plant(folder)
        asks_only_for_the_good_file(world, name)
    before = sorted(folder.iterdir())
    is_ingested_and_reported_once(world)
    assert sorted(folder.iterdir()) == before
    assert world.platform.lake.files("error/") == []
    folder.rename(tmp_path / "taken away")
    world.tick("watch")
    assert Outbox(world.platform.warehouse).alerts(only_open=True) == []


def test_whatever_lies_on_s3_every_other_file_is_ingested(on_s3: World) -> None:
    world = on_s3
    world.put("acme_1.csv", csv(A_THIRD, B_THIRD))
    bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]  # not over HTTP: the server's routes take no line ends, as real ones do
    for name, text in {**TEXTS, **KEYS}.items():
        bucket.put_object("lake", f"x/incoming/vendor_a/{text}", b"x" if text else b"")
        asks_only_for_the_good_file(world, name)
    before = sorted(bucket.buckets["lake"].keys)
    assert len(before) == len(TEXTS) + len(KEYS) + 1
    is_ingested_and_reported_once(world)
    assert [key for key in sorted(bucket.buckets["lake"].keys) if "/vendor_a/" in key and "incoming" in key] == before[1:]


def test_a_name_that_ends_in_a_number_sign_and_digits_is_ingested(in_folder: World) -> None:
    in_folder.put("acme_1.csv#1", csv(A_THIRD))
    (request,) = in_folder.tick("arrivals").run_requests
    assert in_folder.run_request(request).success
    assert [file.name for file in in_folder.platform.lake.files("archive/")] == ["acme_1.csv#1"]
    assert in_folder.platform.lake.files("incoming/") == []


@pytest.mark.parametrize(
    "path",
    [
        "archive/acme/x/x.csv",
        "incoming/../archive/x.csv",
        "/etc/passwd",
        "incoming/acme/acme_1.csv",
        "incoming//x.csv",
        "incoming/",
        "",
        "x\n",
    ],
)
def test_the_job_for_unclaimed_files_takes_no_other_path(in_folder: World, path: str) -> None:
    in_folder.put("acme_1.csv", csv(A_THIRD))
    in_folder.platform.lake.write("archive/acme/x/x.csv", b"kept")
    with pytest.raises(LakeError, match="is no file of incoming/ outside the feeds' folders"):
        unclaimed_file(in_folder.platform, path)
    assert not in_folder.reject_unclaimed({"ops": {"reject_unclaimed_file": {"config": {"path": path}}}}).success
    assert [file.path for file in in_folder.platform.lake.files("")] == ["archive/acme/x/x.csv", "incoming/acme/acme_1.csv"]
    assert in_folder.platform.ledger.entries() == []
