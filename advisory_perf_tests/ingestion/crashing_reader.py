"""The reading program with a CSV parser that does what the file says: aborts, takes memory, never ends, or reads."""

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from advisory_perf.ingestion import reader
from advisory_perf.ingestion.notices import Notice
from advisory_perf.ingestion.raw_frame import Reading
from advisory_perf.ingestion.reader_process import main

HONEST = reader._READERS["csv"]  # noqa: SLF001 - the place of a parser


class PanicException(BaseException):
    """What Rust's libraries raise, by its name."""


def panic() -> None:
    raise PanicException("straddling object")


def hog() -> None:
    pieces = [bytearray(64 << 20) for _ in range(1_000)]
    raise AssertionError(f"{len(pieces)} pieces of memory")


def loop() -> None:
    while True:
        pass


def write(path: str) -> None:
    try:
        Path(path).write_bytes(b"x")
    except OSError as error:  # which would be taken for a parser's word of the file
        raise KeyError(error.strerror) from error


DEEDS: dict[str, Callable[[], object]] = {
    "abort": os.abort,
    "exit": partial(os._exit, 3),
    "hog": hog,
    "hog below Python": lambda: pl.repeat(1, 4_000_000_000, dtype=pl.Int64(), eager=True),
    "loop": loop,
    "sleep": partial(time.sleep, 600),
    "panic": panic,
    "mistake": lambda: dict[str, str]()["x"],
}


def obeying(content: bytes, inferred: Reading) -> pl.DataFrame:
    command = content.partition(b"\n")[0].decode()
    if command in DEEDS:
        DEEDS[command]()
    if command == "kill" or (command == "kill once" and not os.path.exists(inferred.path)):  # noqa: PTH110 - a mark of this test
        open(inferred.path, "w").close()  # noqa: PTH123 - likewise
        os.kill(os.getpid(), signal.SIGKILL)
    if command == "write":
        write(inferred.path)
    if command == "babble":
        inferred.notices.append(Notice("W_X", "x" * (140 << 20)))
    answers = {"kill once": os.getpid(), "which": os.getpid(), "babble": 1, "environment": " ".join(sorted(os.environ))}
    if command in answers:
        head = inferred.feed.files.csv.delimiter.join(inferred.feed.source_names)
        return HONEST(f"{head}\n{answers[command]},2024-06-28,1,0,0,1\n".encode(), inferred)
    return HONEST(content, inferred)


reader._READERS["csv"] = obeying  # noqa: SLF001 - likewise

if __name__ == "__main__":
    assert "polars" in sys.modules
    main()
