"""The file that a command writes with ``-o``."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from advisory_perf.errors import AdvisoryPerfError
from advisory_perf.showing import cut


@contextmanager
def whole_file(output: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name when all of it is written, and not at all otherwise; its own user's only.

    It is written beside its place under a name that nobody knows beforehand, so that no link can wait there. What stands at its place is
    replaced if it is a file; a link, a device or a pipe is refused.
    """
    partial = output.parent / f".{secrets.token_hex(16)}.partial"  # not longer than the name that it is written for may be
    try:
        _refuse_what_is_no_file(output)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as target:
            yield target
        _refuse_what_is_no_file(output)
        partial.replace(output)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise AdvisoryPerfError(f"{cut(str(output))} cannot be written ({error.strerror}); give it a shorter name") from error
        raise AdvisoryPerfError(f"{output} cannot be written ({error.strerror}); choose a folder that exists and takes files") from error
    finally:
        with suppress(OSError):  # where there is none, or no folder that could hold one
            partial.unlink()


def _refuse_what_is_no_file(output: Path) -> None:
    try:
        mode = output.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        kind = "a link" if stat.S_ISLNK(mode) else "no file"
        raise AdvisoryPerfError(f"{output} is {kind}, which is not written to; name a file, or leave -o out and redirect the output")
