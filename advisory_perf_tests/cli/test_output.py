"""Files that a command writes: whole or not at all, nobody else's to read, and never through a link."""

import os
import stat
from pathlib import Path

import pytest

from advisory_perf.cli.output import whole_file
from advisory_perf.errors import AdvisoryPerfError


def write(path: Path, content: bytes = b"new") -> None:
    with whole_file(path) as target:
        target.write(content)


def test_a_file_is_its_users_only_whatever_the_mask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write(tmp_path / "out.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o600


def test_a_file_that_is_there_is_replaced_by_a_file_of_its_users_only(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("old")
    (tmp_path / "out.csv").chmod(0o666)
    (tmp_path / "other name").hardlink_to(tmp_path / "out.csv")
    write(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b"new"
    assert (tmp_path / "other name").read_text() == "old", "the file is a new one"
    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", [".out.csv.partial", ".known.partial"])
def test_a_link_that_waits_at_the_name_of_the_part_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / name).symlink_to(victim)
    monkeypatch.setattr("secrets.token_hex", lambda _: "known")
    if name.startswith(".known"):
        with pytest.raises(AdvisoryPerfError, match="File exists"):
            write(tmp_path / "out.csv")
    else:
        write(tmp_path / "out.csv")
    assert victim.read_text() == "untouched"


@pytest.mark.parametrize("length", [1, 200, 238, 250, 255])
def test_a_name_may_be_as_long_as_the_folder_takes(tmp_path: Path, length: int) -> None:
    write(tmp_path / ("x" * length))
    assert [path.name for path in tmp_path.iterdir()] == ["x" * length]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("x" * 256, "give it a shorter name"),
        ("none/out.csv", "choose a folder that exists"),
        ("file/out.csv", "choose a folder that exists"),
    ],
)
def test_what_cannot_be_written_is_reported_in_a_sentence(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(AdvisoryPerfError, match=says):
        write(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_a_device_or_a_pipe_is_refused_in_a_sentence(tmp_path: Path) -> None:
    victim, link, dangling, pipe = (tmp_path / name for name in ("victim", "link", "dangling", "pipe"))
    victim.write_text("untouched")
    link.symlink_to(victim)
    dangling.symlink_to(tmp_path / "nothing")
    os.mkfifo(pipe)
    for path, what in ((link, "a link"), (dangling, "a link"), (pipe, "no file"), (Path(os.devnull), "no file")):
        with pytest.raises(AdvisoryPerfError, match=f"is {what}, which is not written to; name a file, or leave -o out"):
            write(path)
    assert victim.read_text() == "untouched"
    assert not (tmp_path / "nothing").exists()
    assert link.is_symlink()


def test_a_link_that_comes_while_it_is_written_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    with pytest.raises(AdvisoryPerfError, match="is a link"), whole_file(tmp_path / "out.csv"):
        (tmp_path / "out.csv").symlink_to(victim)
    assert victim.read_text() == "untouched"


def test_what_fails_leaves_neither_the_file_nor_a_part(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="half of it"), whole_file(tmp_path / "out.csv"):
        raise RuntimeError("half of it")
    assert list(tmp_path.iterdir()) == []
