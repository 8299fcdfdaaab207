"""Who else on the machine can read a home: nobody.

A home holds the deliveries, the warehouse and Dagster's runs. While an installation is open, what its processes make has no rights for
group and others; what an earlier version left is closed once. Folders above the home keep their modes.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MASK = 0o077
"""The rights of group and others, of which nothing in a home has any."""

_OURS = ("lake", "postgres", "dagster", ".dagster.lock", ".postgres.lock", ".postgres.users.lock")


@contextmanager
def private(home: Path) -> Iterator[None]:
    """Makes the home a folder of its own user's only; inside the block new files are so too. Raises OSError where it cannot be one."""
    before = os.umask(MASK)
    try:
        home.mkdir(parents=True, exist_ok=True)
        if _mode(home) & MASK:
            for name in _OURS:
                _close(home / name)
            home.chmod(_mode(home) & ~MASK)
        yield
    finally:
        os.umask(before)


def exposed(home: Path) -> list[Path]:
    """What in the home, itself included, group or others have any right to; links have no rights of their own."""
    found = [home, *(path for name in _OURS for path in _under(home / name))]
    return [path for path in found if not path.is_symlink() and _mode(path) & MASK]


def _close(top: Path) -> None:
    for path in _under(top):
        if not path.is_symlink():
            path.chmod(_mode(path) & ~MASK)


def _under(top: Path) -> list[Path]:
    if top.is_symlink() or not top.exists():
        return []
    return [top, *(Path(folder) / name for folder, folders, files in os.walk(top) for name in (*folders, *files))]


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)
