"""The program that reads deliveries in a process of its own, one after the other, for ``reading_apart``.

It reads its job from one pipe and answers on another. A third one carries nothing: when the process that started this one ends,
however it ends, the kernel closes it and sends SIGIO, by whose default action this process ends too, in whatever library it may be.
"""

import fcntl
import io
import json
import os
import pickle
import resource
import signal
import struct
import sys
import traceback
from typing import Any, BinaryIO

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.ingestion import reader
from advisory_perf.ingestion.limits import Limits
from advisory_perf.ingestion.notices import Notice

LENGTHS = struct.Struct("<QQ")
"""Before each message: the lengths of its two parts."""
READY = b"R"


def main() -> None:
    """Takes the descriptors of the three pipes as arguments, and reads until the first of them ends."""
    inferred, answers, life = map(int, sys.argv[1:4])
    _end_with(life)
    sys.dont_write_bytecode = True
    for nothing in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):  # it answers on a pipe, and no file is its to write
        resource.setrlimit(nothing, (0, 0))
    with open(inferred, "rb") as jobs, open(answers, "wb", buffering=0) as out:  # noqa: PTH123 - descriptors
        out.write(READY)
        while head := jobs.read(LENGTHS.size):
            job, content = map(jobs.read, LENGTHS.unpack(head))
            header, body = _answer(pickle.loads(job), content)  # noqa: S301 - of the process that started this one
            for part in (LENGTHS.pack(len(header), len(body)), header, body):
                _write(out, part)


def _end_with(life: int) -> None:
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
    try:
        has_ended = os.read(life, 1) == b""
    except BlockingIOError:
        has_ended = False
    if has_ended:
        sys.exit(0)


def _answer(job: dict[str, Any], content: bytes) -> tuple[bytes, bytes]:
    notices: list[Notice] = []
    limits: Limits = job.pop("limits")
    resource.setrlimit(resource.RLIMIT_DATA, (_memory() + limits.memory_bytes, resource.RLIM_INFINITY))
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + limits.seconds + 1, resource.RLIM_INFINITY))
    header: dict[str, Any] = {}
    body = b""
    try:
        raw = reader.read_raw_rows(content, notices=notices, **job)
        written = io.BytesIO()
        raw.write_ipc(written)
        body = written.getvalue()
        header["notices"] = [(notice.code, notice.sentence) for notice in notices]
    except DeliveryRejectedError as error:
        header["rejected"] = error.code, error.sentence
    except MemoryError:
        header["lacks"] = "memory"
    except Exception:  # noqa: BLE001 - handed to the process that asked, which raises it
        header["fault"] = traceback.format_exc()
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return json.dumps(header).encode(), body


def _write(out: io.FileIO | BinaryIO, part: bytes) -> None:
    rest = memoryview(part)
    while rest:
        rest = rest[out.write(rest) or 0 :]


def _memory() -> int:
    """Bytes of memory of its own that this process has before it reads the next file."""
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - no file
        return int(statm.read().split()[5]) * resource.getpagesize()


if __name__ == "__main__":
    main()
