"""A lake in a folder: what is listed, opened and deleted is the very file that lies below it, and no link is followed."""

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from advisory_perf.errors import LakeError, LakeOutageError
from advisory_perf.lake import folders
from advisory_perf.lake.store import Lake


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the lake with a file that no vendor may reach."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.csv").write_bytes(b"secret")
    return folder


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(str(tmp_path / "lake"))
    made.write("incoming/acme/good.csv", b"good")
    return made


def incoming(lake: Lake) -> Path:
    return Path(lake.address) / "incoming/acme"


def paths(lake: Lake) -> list[str]:
    return [file.path for file in lake.files("incoming/")]


PLANTED: dict[str, Callable[[Path, Path], None]] = {
    "a link to a file": lambda folder, outside: (folder / "x.csv").symlink_to(outside / "secret.csv"),
    "a link to a folder": lambda folder, outside: (folder / "x.csv").symlink_to(outside),
    "a link to itself": lambda folder, _: (folder / "x.csv").symlink_to("x.csv"),
    "a link to the folder that it is in": lambda folder, _: (folder / "x.csv").symlink_to("."),
    "a link to nothing": lambda folder, _: (folder / "x.csv").symlink_to("nowhere"),
    "a pipe": lambda folder, _: os.mkfifo(folder / "x.csv"),
}


LIST_AS_ANOTHER = """
import os, sys
from advisory_perf.lake.folders import Folder
os.setgid(65534); os.setuid(65534)
found = Folder(sys.argv[1]).listing("incoming/")
print([file.path for file in found.files], [(odd.path, odd.why) for odd in found.odd])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize(("mode", "odd"), [(0o444, "incoming/acme/sub/x.csv"), (0o000, "incoming/acme/sub"), (0o111, "incoming/acme/sub")])
def test_a_folder_that_its_vendor_has_closed_stops_nobody_else(mode: int, odd: str) -> None:
    with tempfile.TemporaryDirectory(prefix="advisory_perf_") as name:
        root = Path(name)
        root.chmod(0o755)
        for path in ("incoming/acme/sub/x.csv", "incoming/zeta/good.csv"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(b"x")
        (root / "incoming/acme/sub").chmod(mode)
        command = [sys.executable, "-c", LIST_AS_ANOTHER, name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout == f"{['incoming/zeta/good.csv']} {[(odd, 'it may not be listed')]}\n", done.stderr


READ_AS_ANOTHER = """
import os, sys
from advisory_perf.errors import LakeError, OutageError
from advisory_perf.lake.store import Lake
lake = Lake(sys.argv[1])
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)
for file in lake.files("incoming/"):
    print(file.name, lake.is_barred(file), lake.is_being_written(file))
    try:
        lake.read_listed(file)
    except LakeError as error:
        print(isinstance(error, OutageError), "let the user that runs the platform read it" in str(error))
"""


def test_a_file_that_may_not_be_read_is_its_own_incident_and_no_outage() -> None:
    with tempfile.TemporaryDirectory(prefix="advisory_perf_") as name:
        root = Path(name)
        root.chmod(0o755)
        for place in ("closed.csv", "open.csv"):
            (root / "incoming/acme").mkdir(parents=True, exist_ok=True)
            (root / "incoming/acme" / place).write_bytes(b"x")
        (root / "incoming/acme/closed.csv").chmod(0)
        done = subprocess.run([sys.executable, "-c", READ_AS_ANOTHER, name], capture_output=True, text=True, check=False)
        assert done.stdout == "closed.csv True False\nFalse True\nopen.csv False False\n", done.stderr


def test_no_more_is_read_than_was_listed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that has grown not a byte, and of one that grows meanwhile one further."""
    path = incoming(lake) / "grows.csv"
    path.write_bytes(b"x")
    (listed,) = [file for file in lake.files("incoming/") if file.name == "grows.csv"]
    taken = list[int]()
    content = folders._content  # noqa: SLF001 - the place where bytes are read

    def grown_meanwhile(descriptor: int, size: int) -> bytes:
        path.write_bytes(b"x" * 5_000)
        taken.append(len(content(descriptor, size)))
        return b""

    monkeypatch.setattr(folders, "_content", grown_meanwhile)
    for _ in range(2):
        with pytest.raises(LakeOutageError, match="has changed"):
            lake.read_listed(listed)
    assert taken == [2]


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED.keys())
def test_what_is_no_regular_file_is_reported_and_neither_listed_nor_read(
    lake: Lake, outside: Path, plant: Callable[[Path, Path], None]
) -> None:
    plant(incoming(lake), outside)
    assert paths(lake) == ["incoming/acme/good.csv"]
    assert [odd.path for odd in lake.listing("incoming/").odd] == ["incoming/acme/x.csv"]
    for path in ("incoming/acme/x.csv", "incoming/acme/x.csv/secret.csv"):
        with pytest.raises(LakeError, match=r"incoming/acme/x\.csv"):
            lake.read(path)
    assert (outside / "secret.csv").read_bytes() == b"secret"


def test_a_vendors_folder_that_is_a_link_is_reported_and_not_followed(lake: Lake, outside: Path) -> None:
    (Path(lake.address) / "incoming/beta").symlink_to(outside)
    for prefix in ("incoming/", "incoming/beta/"):
        listing = lake.listing(prefix)
        assert [odd.path for odd in listing.odd] == ["incoming/beta"]
        assert all(file.path.startswith("incoming/acme/") for file in listing.files)
    with pytest.raises(LakeError, match="incoming/beta"):
        lake.delete(["incoming/beta/secret.csv"])
    assert (outside / "secret.csv").exists()


def test_a_link_that_takes_a_files_place_after_the_listing_is_not_followed(lake: Lake, outside: Path) -> None:
    (listed,) = lake.files("incoming/")
    (incoming(lake) / "good.csv").unlink()
    (incoming(lake) / "good.csv").symlink_to(outside / "secret.csv")
    with pytest.raises(LakeError, match=r"incoming/acme/good\.csv"):
        lake.read_listed(listed)
    assert not lake.delete_listed(listed)
    assert (outside / "secret.csv").exists()


def test_a_folder_that_becomes_a_link_after_the_listing_is_not_followed(lake: Lake, outside: Path) -> None:
    lake.write("incoming/acme/sub/secret.csv", b"secret")
    listed = next(file for file in lake.files("incoming/") if file.name == "secret.csv")
    (incoming(lake) / "sub").rename(incoming(lake) / "moved")
    (incoming(lake) / "sub").symlink_to(outside)
    with pytest.raises(LakeError, match="incoming/acme/sub"):
        lake.read_listed(listed)
    with pytest.raises(LakeError, match="incoming/acme/sub"):
        lake.delete_listed(listed)
    assert (outside / "secret.csv").exists()


def test_a_file_that_is_not_the_one_that_was_listed_is_neither_read_nor_deleted(lake: Lake) -> None:
    (listed,) = lake.files("incoming/")
    lake.write(listed.path, b"gold")
    with pytest.raises(LakeError, match="has changed since it was listed"):
        lake.read_listed(listed)
    assert not lake.delete_listed(listed)
    assert lake.read(listed.path) == b"gold"


@pytest.mark.parametrize(("is_in_its_place", "later"), [(False, 1), (True, 0)], ids=["written over", "in its place"])
def test_a_file_of_the_same_size_and_second_is_another_file(lake: Lake, later: int, *, is_in_its_place: bool) -> None:
    (listed,) = lake.files("incoming/")
    path = incoming(lake) / "good.csv"
    since = path.stat().st_mtime_ns
    written = path.with_name("gold.csv") if is_in_its_place else path
    written.write_bytes(b"gold")
    os.utime(written, ns=(0, since + later))
    written.replace(path)
    assert not lake.delete_listed(listed)
    assert path.read_bytes() == b"gold"


def test_a_file_that_somebody_still_writes_is_neither_read_nor_deleted_until_he_closes_it(lake: Lake) -> None:
    with (incoming(lake) / "slow.csv").open("wb") as writer:
        writer.write(b"half of the rows\n")
        writer.flush()
        listed = next(file for file in lake.files("incoming/") if file.name == "slow.csv")
        assert lake.is_being_written(listed)
        with pytest.raises(LakeError, match="still open for writing"):
            lake.read_listed(listed)
        assert not lake.delete_listed(listed)
    assert not lake.is_being_written(listed)
    assert lake.read_listed(listed) == b"half of the rows\n"
    assert lake.delete_listed(listed)
    assert not lake.delete_listed(listed), "once"


def test_another_machines_file_system_cannot_tell_writers(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    (listed,) = lake.files("incoming/")
    monkeypatch.setattr("advisory_perf.lake.folders._is_remote", lambda _device: True)
    with (incoming(lake) / "good.csv").open("ab"):
        assert not lake.is_being_written(listed)


def test_a_reader_keeps_no_file_from_being_taken(lake: Lake) -> None:
    (listed,) = lake.files("incoming/")
    with (incoming(lake) / "good.csv").open("rb"):
        assert lake.read_listed(listed) == b"good"


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "incoming/../../x", "incoming//x", "./x", "incoming/./x"])
def test_no_path_leaves_the_lake(lake: Lake, path: str) -> None:
    for attempt in (lake.read, lake.exists, lambda found: lake.write(found, b""), lambda found: lake.delete([found])):
        with pytest.raises(LakeError, match="no path of the lake"):
            attempt(path)


@pytest.mark.parametrize("name", ["x.csv#1", "#1", "x%2F.csv", "ü ß.csv", "x?*.csv", "x.csv ", "-rf", "x\\y.csv"])
def test_any_plain_name_is_written_listed_read_moved_and_deleted(lake: Lake, name: str) -> None:
    path = f"archive/acme/{name}"
    lake.keep(path, b"rows")
    assert [file.path for file in lake.files("archive/")] == [path]
    assert lake.head(path) == lake.files("archive/")[0]
    assert lake.read(path) == b"rows"
    lake.delete([path, path])
    assert not lake.exists(path)


def test_what_a_killed_writer_left_is_not_listed(lake: Lake) -> None:
    (incoming(lake) / f".{'0' * 32}.part").write_bytes(b"half")
    assert paths(lake) == ["incoming/acme/good.csv"]
    assert lake.listing("incoming/").odd == []


def test_a_time_that_no_calendar_has_stops_no_listing(lake: Lake) -> None:
    for name, seconds in (("late.csv", 10**11), ("early.csv", -(10**10))):
        (incoming(lake) / name).write_bytes(b"")
        os.utime(incoming(lake) / name, (0, seconds))
    assert len(paths(lake)) == 3


def test_folders_are_looked_into_as_deep_as_agreed_and_the_rest_is_reported(lake: Lake) -> None:
    deep = incoming(lake)
    for _ in range(40):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "x.csv").write_bytes(b"")
    (odd,) = lake.listing("incoming/").odd
    assert (odd.path.count("/"), odd.why) == (31, "it lies 32 folders deep")


def swapped(folder: Path) -> None:
    (folder / "new.csv").write_bytes(b"new rows")
    (folder / "new.csv").replace(folder / "good.csv")


def linked(folder: Path) -> None:
    (folder / "new.csv").write_bytes(b"new rows")
    (folder / "good.csv").unlink()
    (folder / "good.csv").symlink_to("new.csv")


def made_a_folder(folder: Path) -> None:
    (folder / "good.csv").unlink()
    (folder / "good.csv").mkdir()
    (folder / "good.csv/inner.csv").write_bytes(b"new rows")


def written_on(folder: Path) -> None:
    with (folder / "good.csv").open("ab") as file:
        file.write(b" rows")


SWAPS: dict[str, tuple[Callable[[Path], None], dict[str, bytes]]] = {
    "another file": (swapped, {"good.csv": b"new rows"}),
    "a link": (linked, {"good.csv": b"new rows", "new.csv": b"new rows"}),
    "a folder": (made_a_folder, {"good.csv/inner.csv": b"new rows"}),
    "more rows": (written_on, {"good.csv": b"good rows"}),
    "nothing": (lambda folder: (folder / "good.csv").unlink(), {}),
}


@pytest.mark.parametrize(("swap", "left"), SWAPS.values(), ids=SWAPS.keys())
@pytest.mark.parametrize("knows_links", [True, False])
def test_what_takes_a_files_place_between_the_look_and_the_deletion_is_not_deleted(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, swap: Callable[[Path], None], left: dict[str, bytes], *, knows_links: bool
) -> None:
    def after_a_swap(does: Callable[..., None]) -> Callable[..., None]:
        def call(*places: str, **folder: int) -> None:
            if swaps:
                swaps.pop()(incoming(lake))
            does(*places, **folder)

        return call

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    swaps = [swap]
    (listed,) = lake.files("incoming/")
    with monkeypatch.context() as patched:
        for name in ("unlink", "rename"):
            patched.setattr(os, name, after_a_swap(getattr(os, name)))
        if not knows_links:
            patched.setattr(os, "link", refuse)
        assert not lake.delete_listed(listed)
    assert not swaps
    found = {str(path.relative_to(incoming(lake))): path.read_bytes() for path in incoming(lake).rglob("*") if path.is_file()}
    assert found == left


def test_what_goes_back_takes_no_third_files_place(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor replaces the file right before it is taken away, and puts a third one while it is looked at."""

    def is_still(*_: object) -> bool:
        is_first = looks.pop()
        if is_first:
            swapped(incoming(lake))
        else:
            (incoming(lake) / "good.csv").write_bytes(b"third")
        return is_first

    looks = [False, True]
    (listed,) = lake.files("incoming/")
    monkeypatch.setattr(folders, "_is_still", is_still)
    assert not lake.delete_listed(listed)
    assert [(path.name, path.read_bytes()) for path in incoming(lake).iterdir()] == [("good.csv", b"third")]


WRITES: dict[str, Callable[[Lake], None]] = {
    "a file": lambda lake: lake.write("incoming/beta/x.csv", b"rows"),
    "a copy that outlasts its original": lambda lake: lake.keep("archive/beta/d/x.csv", b"rows"),
    "partitions": lambda lake: lake.write_partitions("stage", "beta", "window", dict.fromkeys(("1", "2"), pl.DataFrame({"a": [1]}))),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_bytes_are_on_the_disk_before_their_name_and_the_name_before_a_write_returns(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, write: Callable[[Lake], None]
) -> None:
    """Or a power cut leaves an empty file under a name that the ledger calls published."""
    calls: list[tuple[str, str, str]] = []

    def place(folder: int | None, name: object) -> str:
        return f"{Path(f'/proc/self/fd/{folder}').readlink()}/{name}"

    def fsync(descriptor: int) -> None:
        calls.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink()), ""))

    def replace(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int, does: Callable[..., None] = os.replace) -> None:
        does(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        calls.append(("replace", place(src_dir_fd, source), place(dst_dir_fd, target)))

    def mkdir(path: str, *args: int, dir_fd: int | None = None, does: Callable[..., None] = os.mkdir) -> None:
        does(path, *args, dir_fd=dir_fd)
        if dir_fd is not None:
            calls.append(("mkdir", "", place(dir_fd, path)))

    for name, wrapped in (("fsync", fsync), ("replace", replace), ("mkdir", mkdir)):
        monkeypatch.setattr(os, name, wrapped)
    write(lake)
    made = [(when, call) for when, call in enumerate(calls) if call[0] != "fsync"]
    assert {call[0] for _, call in made} == {"replace", "mkdir"}
    whole: set[str] = set()
    for when, (what, source, target) in made:
        assert ("fsync", str(Path(target).parent), "") in calls[when:], f"{target} is no lasting name"
        if what == "replace":
            assert source in whole or ("fsync", source, "") in calls[:when], f"{source} was not written to the disk"
            whole.add(target)


def test_a_copy_that_reads_back_otherwise_is_an_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advisory_perf.lake.folders.Folder.read", lambda *_: b"other")
    with pytest.raises(LakeError, match="reads back other bytes"):
        lake.keep("archive/acme/x.csv", b"rows")
