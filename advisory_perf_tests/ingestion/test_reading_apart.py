"""Whatever a file does to the process that reads it costs that file only."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from advisory_perf.errors import DeliveryRejectedError, ReaderLostError
from advisory_perf.ingestion import reading_apart
from advisory_perf.ingestion.limits import Bounds, Limits
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.reader import read_raw_rows
from advisory_perf.ingestion.reading_apart import Death, ReaderFaultError, end_idle_readers, read_apart
from advisory_perf_tests.ingestion.bombs import parquet_of_one_long_text
from advisory_perf_tests.ingestion.scenarios import HEADER, a_feed, a_feed_of
from advisory_perf_tests.ingestion.whole_files import whole_files

pytestmark = pytest.mark.slow

LIMITS = Limits(memory_bytes=1 << 30, seconds=600)


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reading program is one whose CSV parser does what the file says."""
    end_idle_readers()
    monkeypatch.setattr(reading_apart, "PROGRAM", "advisory_perf_tests.ingestion.crashing_reader")
    yield
    end_idle_readers()


def read(content: str | bytes, *, limits: Limits = LIMITS, path: str = "") -> pl.DataFrame:
    content = content.encode() if isinstance(content, str) else content
    return read_apart(content, a_feed(), "acme_1.csv", bounds=Bounds(), limits=limits, path=path)


def refused(content: str, limits: Limits = LIMITS) -> DeliveryRejectedError:
    with pytest.raises(DeliveryRejectedError) as caught:
        read(content, limits=limits)
    return caught.value


@pytest.mark.parametrize("name", sorted(whole_files()))
def test_a_file_that_is_read_apart_is_read_as_it_is_here(name: str) -> None:
    file = whole_files()[name]
    notices: list[Notice] = []
    here: list[Notice] = []
    apart = read_apart(file.content, file.feed, "acme_1.csv", bounds=Bounds(), limits=LIMITS, notices=notices)
    assert_frame_equal(apart, read_raw_rows(file.content, file.feed, "acme_1.csv", notices=here))
    assert notices == here


def test_a_rejection_is_the_one_that_reading_here_gives() -> None:
    error = refused("no header\n")
    with pytest.raises(DeliveryRejectedError) as here:
        read_raw_rows(b"no header\n", a_feed(), "acme_1.csv")
    assert (error.code, error.sentence) == (here.value.code, here.value.sentence)


@pytest.mark.parametrize(
    ("does", "limits", "says"),
    [
        ("abort", LIMITS, "SIGABRT"),
        ("exit", LIMITS, "code 3"),
        ("hog", LIMITS, "ADVISORY_PERF_READ_MEMORY_BYTES (1,073,741,824)"),
        ("hog below Python", LIMITS, "ADVISORY_PERF_READ_MEMORY_BYTES (1,073,741,824)"),
        ("loop", Limits(1 << 30, seconds=1), "ADVISORY_PERF_READ_SECONDS (1)"),
    ],
)
def test_a_file_that_ends_its_reader_is_rejected_and_the_next_one_is_read(crashing: None, does: str, limits: Limits, says: str) -> None:
    error = refused(f"{does}\n", limits)
    assert error.code == "E_RESOURCES"
    assert error.sentence.startswith("acme, acme_1.csv: ")
    assert says in error.sentence
    assert read(f"{HEADER}\nA1,2024-06-28,100,0,0,101\n").height == 1


SMALL = Limits(memory_bytes=256 << 20, seconds=600)


def test_an_answer_of_more_than_half_of_the_memory_is_not_taken(crashing: None) -> None:
    error = refused("babble\n", SMALL)
    assert error.code == "E_TOO_LARGE"
    assert "more than half of ADVISORY_PERF_READ_MEMORY_BYTES (268,435,456)" in error.sentence
    assert read("which\n").height == 1


def test_a_table_of_more_than_half_of_the_memory_is_refused_before_it_is_made() -> None:
    """Few kilobytes of Parquet, which would be gigabytes once each cell has a text of its own."""
    content = parquet_of_one_long_text()
    with pytest.raises(DeliveryRejectedError) as caught:
        read_apart(content, a_feed_of("parquet"), "acme_1.parquet", bounds=Bounds(), limits=SMALL)
    assert caught.value.code == "E_TOO_LARGE"
    assert "134,217,728 are half of ADVISORY_PERF_READ_MEMORY_BYTES" in caught.value.sentence
    assert len(content) < 4_000


def test_a_reader_has_nothing_of_the_environment_that_it_does_not_need(crashing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for secret in ("ADVISORY_PERF_WAREHOUSE_URL", "AWS_SECRET_ACCESS_KEY", "SOME_TOKEN"):
        monkeypatch.setenv(secret, "secret")
    names = read("environment\n")["cell:id"].item().split(" ")
    allowed = {"PATH", "PYTHONPATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "PYTHONHOME", "POLARS_MAX_THREADS"}
    assert set(names) <= allowed | {"ARROW_DEFAULT_MEMORY_POOL", "_RJEM_MALLOC_CONF"}  # the last is set by Polars itself


def test_a_reader_writes_no_file(crashing: None, tmp_path: Path) -> None:
    with pytest.raises(ReaderFaultError, match="File too large"):
        read("write\n", path=str(tmp_path / "x"))


def test_a_reader_is_found_from_a_checkout_without_any_word_of_where_it_is() -> None:
    """Started by ``python -c``, which knows our modules by the folder that it stands in only."""
    script = (
        "from advisory_perf_tests.ingestion.test_reading_apart import HEADER, read\n"
        "print(read(f'{HEADER}\\nA1,2024-06-28,100,0,0,101\\n').height)\n"
    )
    program, bare = [sys.executable, "-c", script], {"PATH": os.environ["PATH"]}
    assert subprocess.run(program, cwd=Path(__file__).parents[2], env=bare, capture_output=True, text=True, check=True).stdout == "1\n"


def test_a_mistake_in_a_reader_is_raised_with_its_place(crashing: None) -> None:
    with pytest.raises(ReaderFaultError, match=r"crashing_reader.py(.|\n)*KeyError: 'x'"):
        read("mistake\n")


def test_a_reader_that_is_killed_from_outside_reads_the_file_once_more(crashing: None, tmp_path: Path) -> None:
    assert read("kill once\n", path=str(tmp_path / "killed")).height == 1
    assert (tmp_path / "killed").exists()


def test_a_reader_that_is_killed_twice_says_nothing_of_the_file(crashing: None, tmp_path: Path) -> None:
    with pytest.raises(ReaderLostError, match="SIGKILL"):
        read("kill\n", path=str(tmp_path / "killed"))


def test_a_reader_that_stands_still_says_nothing_of_the_file(crashing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_apart, "_GRACE_SECONDS", 1)
    with pytest.raises(ReaderLostError, match="stood still"):
        read("sleep\n", limits=Limits(1 << 30, seconds=0))


def test_one_process_reads_file_after_file_until_one_was_large(crashing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read("which\n")
    assert_frame_equal(read("which\n"), first)
    monkeypatch.setattr(reading_apart, "_KEPT_AFTER", 0)
    assert_frame_equal(read("which\n"), first)
    assert read("which\n")["cell:id"].item() != first["cell:id"].item()


def test_a_reader_ends_with_the_process_that_started_it_however_that_ends(tmp_path: Path) -> None:
    """In the middle of a loop of native code too, where no thread of Python's would come to look."""
    script = (
        "from advisory_perf.ingestion import reading_apart\n"
        "reading_apart.PROGRAM = 'advisory_perf_tests.ingestion.crashing_reader'\n"
        "from advisory_perf_tests.ingestion.test_reading_apart import read\n"
        "reader = reading_apart._taken()\n"
        "reading_apart._kept(reader)\n"
        "print(reader._process.pid, flush=True)\n"
        "read('loop\\n')\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        while _state(child) not in {"R", None}:
            time.sleep(0.01)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while _state(child) not in {"Z", None} and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _state(child) in {"Z", None}


def _state(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def test_no_reader_is_left_once_the_idle_ones_are_ended(crashing: None) -> None:
    pid = int(read("which\n")["cell:id"].item())
    assert _state(pid) is not None
    end_idle_readers()
    assert _state(pid) is None


@pytest.mark.parametrize("ended", [signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGXCPU, signal.SIGFPE])
def test_a_signal_that_no_other_process_sends_is_the_files(ended: signal.Signals) -> None:
    assert isinstance(Death(ended).error("acme", "x", LIMITS), DeliveryRejectedError)


@pytest.mark.parametrize("ended", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_people_and_kernels_send_is_not(ended: signal.Signals) -> None:
    assert isinstance(Death(ended).error("acme", "x", LIMITS), ReaderLostError)


def test_descriptors_of_a_reader_are_no_ones_else(crashing: None) -> None:
    """Otherwise a program that was started meanwhile would keep a reader alive."""
    before = set(Path("/proc/self/fd").iterdir())
    read("which\n")
    ours = {path for path in set(Path("/proc/self/fd").iterdir()) - before if path.is_symlink()}
    assert len(ours) == 3
    assert not any(os.get_inheritable(int(path.name)) for path in ours)
