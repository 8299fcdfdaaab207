"""Folders for a server's Unix socket: short enough for one, and entered by nobody but the server's user and root.

The address of a socket has room for about a hundred bytes, so that one in a deep folder lies elsewhere, in a folder of its own with a
short name. A folder that is there already is taken only if it is one, no link, of the right user, and closed to all others.
"""

import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from advisory_perf.errors import WarehouseError

LONGEST = 100
"""Bytes of a socket's path that every system takes; Linux takes 107, macOS 103."""

NAME = ".s.PGSQL.5432"
_TRIES = 10
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")


def socket_folder(data: Path, *, uid: int, gid: int) -> Path:
    """The folder for the socket of the server in ``data``, which its user ``uid`` owns; made if it is missing, the same at each start.

    Raises ``WarehouseError`` where no folder can be made that is closed to others.
    """
    if len(os.fsencode(data / NAME)) <= LONGEST:
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    for base in _bases():
        for number in range(_TRIES):
            folder = base / f"advisory_perf-{digest}-{number}"
            if len(os.fsencode(folder / NAME)) <= LONGEST and _is_made(folder, uid=uid, gid=gid):
                return folder
    raise WarehouseError(
        f"the path {data} is too long for a socket, and no folder for it that only its user may enter can be made in"
        f" {' or '.join(map(str, _bases()))}; choose a shorter --home"
    )


def is_closed(folder: Path, *, uid: int) -> bool:
    """Whether it is a folder and no link, belongs to the user, and gives group and others no right."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not stat.S_IMODE(found.st_mode) & 0o077


def _is_made(folder: Path, *, uid: int, gid: int) -> bool:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return is_closed(folder, uid=uid)
    except OSError:
        return False
    if os.geteuid() != uid:
        os.chown(folder, uid, gid, follow_symlinks=False)
    return is_closed(folder, uid=uid)


def _bases() -> Iterator[Path]:
    """The run-time folder of the user, which nobody else enters, and then the temporary one, where nobody else renames what is ours."""
    user = os.geteuid()
    running = Path("/run") if user == 0 else Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{user}")
    for base in (running, Path(tempfile.gettempdir()).resolve()):
        if _PLAIN.fullmatch(str(base)) and base.is_dir():
            mode = base.stat().st_mode
            if base.stat().st_uid in {0, user} and (not mode & stat.S_IWOTH or mode & stat.S_ISVTX):
                yield base
