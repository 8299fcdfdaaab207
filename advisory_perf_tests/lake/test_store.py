"""The lake of a run that holds locks, what it stages, and what is swept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from advisory_perf.errors import LakeError, LostLockError
from advisory_perf.lake.folders import Folder
from advisory_perf.lake.store import Lake

FRAME = pl.DataFrame({"a": [1]})
FILE = "incoming/alpha/x.csv"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(str(tmp_path / "lake"))
    made.write(FILE, b"x")
    return made


CHANGES: dict[str, Callable[[Lake], object]] = {
    "writing": lambda lake: lake.write(FILE, b"y"),
    "keeping": lambda lake: lake.keep(FILE, b"y"),
    "deleting": lambda lake: lake.delete([FILE]),
    "deleting what was listed": lambda lake: lake.delete_listed(lake.head(FILE)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_that_has_lost_its_lock_changes_nothing_in_the_lake(lake: Lake, change: str) -> None:
    @contextmanager
    def lost() -> Iterator[None]:
        raise LostLockError("lost")
        yield

    with pytest.raises(LostLockError, match="lost"):
        CHANGES[change](lake.under(lost))
    assert [(file.path, lake.read(file.path)) for file in lake.files("")] == [(FILE, b"x")]
    CHANGES[change](lake)
    assert not lake.exists(FILE) or lake.read(FILE) == b"y"


def test_a_copy_that_reads_back_other_bytes_of_its_length_is_an_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Folder.write
    monkeypatch.setattr(Folder, "write", lambda store, path, content: written(store, path, content[:-1] + b"?"))
    with pytest.raises(LakeError, match=r"archive/x\.csv reads back other bytes than were written"):
        lake.keep("archive/x.csv", b"rows")


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_is_changed_while_the_lock_is_kept_and_not_after(lake: Lake, change: str) -> None:
    seen = []

    @contextmanager
    def kept() -> Iterator[None]:
        seen.append(lake.exists(FILE) and lake.read(FILE))
        yield
        seen.append(lake.exists(FILE) and lake.read(FILE))

    CHANGES[change](lake.under(kept))
    assert seen == [b"x", False if change.startswith("deleting") else b"y"]


def test_no_partition_is_promoted_before_all_are_staged(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.write_partitions("ticks", "alpha", "window", {"2024-01-01": FRAME})
    write = Lake.write

    def fails_at_the_second(self: Lake, path: str, content: bytes) -> None:
        if path.endswith("2024-01-02.parquet"):
            raise LakeError("full")
        write(self, path, content)

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "write", fails_at_the_second)
        with pytest.raises(LakeError, match="full"):
            lake.write_partitions("ticks", "alpha", "window", {"2024-01-01": FRAME * 2, "2024-01-02": FRAME})
    assert lake.partition_keys("ticks", "alpha", "window") == ["2024-01-01"]
    assert lake.read_partitions("ticks", "alpha", "window", ["2024-01-01"]).equals(FRAME)
    lake.write_partitions("ticks", "alpha", "window", {"2024-01-01": FRAME * 2, "2024-01-02": FRAME})
    assert lake.read_partitions("ticks", "alpha", "window", ["2024-01-02", "2024-01-01"])["a"].to_list() == [1, 2]
    assert lake.files("_staging/") == []


def test_what_was_staged_before_is_swept_and_nothing_else(lake: Lake) -> None:
    lake.write("_staging/ticks/alpha/2024-01-01.parquet", b"left")
    staged = lake.head("_staging/ticks/alpha/2024-01-01.parquet")
    lake.sweep_staging(staged.modified)
    assert lake.exists(staged.path), "staged at that very moment"
    lake.sweep_staging(staged.modified + timedelta(microseconds=1))
    assert [file.path for file in lake.files("")] == [FILE]


def test_what_is_not_there_is_deleted_without_an_error_and_the_rest_with_it(lake: Lake) -> None:
    lake.delete(["incoming/alpha/none.csv", "incoming/beta/none.csv", FILE])
    assert lake.files("") == []
