"""What a listing of the lake shows: objects, and the names that are none of ours to touch. One rule for folders and S3.

A name is odd when it could mislead a reader or a path: characters that cannot be seen, bytes that are no text, empty, ``.`` or ``..``
parts, links and whatever is no regular file, folders too deep. Odd names are reported and never opened, moved or deleted.
"""

from dataclasses import dataclass
from datetime import datetime

from advisory_perf.showing import is_unseen

DEEPEST = 32
"""So many parts a path may have, the zone and the file's own name included."""

LONGEST_PART = 240
"""Bytes; file systems take 255, and what is kept beside a file in error/ has its name and an ending."""

_UNFINISHED = (".filepart", ".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".upload", ".uploading", ".swp", "~")


class ObjectError(Exception):
    """An object is not the one that was listed, did not come whole, or is still being written."""


class BarredError(Exception):
    """An object is closed to the user that runs the platform: an incident of this one, and not of the lake."""


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One object as a listing shows it. Of a file in a folder the tag is its inode, size and time to the nanosecond."""

    path: str
    size: int
    modified: datetime
    etag: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class OddName:
    """What a listing found and nobody opens: its path as it is, and why it is left alone."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything below a prefix, each by path."""

    files: list[LakeFile]
    odd: list[OddName]


def oddity_of(path: str) -> str | None:
    """Why the path is odd; None where it is as it should be. A folder is validated without a ``/`` at its end."""
    parts = path.split("/")
    if any(map(is_unseen, path)):
        return "its name holds control characters or others that cannot be seen, or bytes that are no UTF-8"
    if any(part in {"", ".", ".."} for part in parts):
        return "its path holds an empty, . or .. part"
    if any(len(part.encode("utf-8", "surrogateescape")) > LONGEST_PART for part in parts):
        return f"its name has more than {LONGEST_PART} bytes"
    if len(parts) > DEEPEST:
        return f"it lies more than {DEEPEST} folders deep"
    return None


def is_unfinished(name: str) -> bool:
    """Whether a transfer tool or an editor calls a file so that it has not finished: ``.x.csv.Xy12Zq``, ``x.csv.filepart``, ``x.csv~``."""
    return name.startswith((".", "~")) or name.lower().endswith(_UNFINISHED)
