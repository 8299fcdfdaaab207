"""A lake in a folder: every path is walked part by part from the lake's own folder, and no link is followed anywhere.

A file is opened, compared with what its listing said (inode, size, time), read, and compared again; so neither a link that takes its
place nor a writer who goes on after the listing can pass something else for it. Writes go to a name of their own beside the target and
take its place when they are whole and on the disk, and so are its name and its folders' when a write returns; such a name that a killed
process has left behind is never listed.
"""

import errno
import fcntl
import os
import re
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from advisory_perf.lake.objects import DEEPEST, BarredError, LakeFile, Listing, ObjectError, OddName, oddity_of

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OWN = re.compile(r"\.[0-9a-f]{32}\.part")
_BARRED = {errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = int((datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH).total_seconds()) * 10**9
_REMOTE = ("nfs", "cifs", "smb", "ceph", "9p", "afs", "fuse", "gluster", "lustre", "virtiofs")
_LEASES = hasattr(fcntl, "F_SETLEASE") and hasattr(fcntl, "F_SETSIG")


class Folder:
    """The objects below one folder. OSError where the system refuses; ObjectError where an object is not the one that was meant.

    BarredError where a file, and not a folder on the way to it, is closed to this user.
    """

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def listing(self, prefix: str) -> Listing:
        """Every regular file below the prefix, a path of folders; what is none, or oddly named, is distinguished."""
        found = Listing([], [])
        parts = _parts(prefix)
        try:
            with self._folder(parts) as folder:
                _list(folder, "/".join(parts), found)
        except FileNotFoundError:
            return found
        except OSError as error:
            if len(parts) < 2 or error.errno not in _BARRED:  # noqa: PLR2004 - a zone is ours, what lies below it is a vendor's
                raise
            return Listing([], [OddName("/".join(parts), _barred(error))])
        return Listing(sorted(found.files, key=lambda file: file.path), sorted(found.odd, key=lambda odd: odd.path))

    def head(self, path: str) -> LakeFile:
        """The file at the path, which is not opened."""
        *folders, name = _parts(path)
        with self._folder(folders) as folder:
            return _file_of(path, _regular(os.stat(name, dir_fd=folder, follow_symlinks=False), path))

    def read(self, path: str, listed: LakeFile | None = None) -> bytes:
        """The file's bytes; of a ``listed`` one only if they are those of that very file, and nobody has it open for writing."""
        with self._opened(path) as descriptor:
            before = _file_of(path, _regular(os.fstat(descriptor), path))
            if (listed or before) != before:
                raise ObjectError(f"{path} has changed since it was listed")
            content = _content(descriptor, before.size)
            after = _file_of(path, os.fstat(descriptor))
            if listed is None and before == after and len(content) == after.size:
                return content
            if before != after or len(content) != after.size:
                raise ObjectError(f"{path} has changed since it was listed")
            if _has_writer(descriptor):
                raise ObjectError(f"{path} is still open for writing")
            return content

    def is_being_written(self, path: str) -> bool:
        """Whether a process of this machine has the file open for writing.

        False too where the system cannot tell: it knows no leases, the file system is another machine's, or the file is another user's
        and this process may not lease it (``CAP_LEASE``).
        """
        with self._opened(path) as descriptor:
            return _has_writer(descriptor)

    def is_barred(self, path: str) -> bool:
        """Whether the file is closed to this user."""
        try:
            with self._opened(path):
                return False
        except BarredError:
            return True

    def write(self, path: str, content: bytes) -> None:
        """Writes a file whole, in place of any earlier one; it is on the disk when this returns."""
        *folders, name = _parts(path)
        with self._folder(folders, make=True) as folder:
            own = _own_name()
            descriptor = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(own, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(own, dir_fd=folder)
                raise
            os.fsync(folder)

    def rename(self, source: str, target: str) -> None:
        """Moves a file, in place of any that is at the target; its new name is on the disk when this returns."""
        *from_folders, from_name = _parts(source)
        *to_folders, to_name = _parts(target)
        with self._folder(from_folders) as left, self._folder(to_folders, make=True) as right:
            os.replace(from_name, to_name, src_dir_fd=left, dst_dir_fd=right)
            os.fsync(right)

    def delete(self, path: str) -> None:
        """Deletes the file; of a link, the link."""
        *folders, name = _parts(path)
        with self._folder(folders) as folder:
            os.unlink(name, dir_fd=folder)

    def delete_listed(self, listed: LakeFile) -> bool:
        """Deletes the very file that was listed; false, and nothing deleted, where it is another now or has a writer.

        It is looked at once more under a name of our own, where nobody puts another in its place, and goes back if it is another.
        """
        *folders, name = _parts(listed.path)
        try:
            with self._folder(folders) as folder:
                if not _is_still(listed, name, folder):
                    return False
                own = _own_name()
                os.rename(name, own, src_dir_fd=folder, dst_dir_fd=folder)
                is_it = False
                try:
                    is_it = _is_still(listed, own, folder)
                finally:
                    if is_it:
                        os.unlink(own, dir_fd=folder)
                    else:
                        _put_back(own, name, folder)
                return is_it
        except OSError as error:
            if isinstance(error, FileNotFoundError) or error.errno == errno.ELOOP:
                return False
            raise

    @contextmanager
    def _opened(self, path: str) -> Iterator[int]:
        *folders, name = _parts(path)
        with self._folder(folders) as folder:
            try:
                descriptor = os.open(name, _FILE, dir_fd=folder)
            except PermissionError as error:
                raise BarredError("it may not be read; let the user that runs the platform read it") from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _folder(self, parts: list[str], *, make: bool = False) -> Iterator[int]:
        self.root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # where it lies is the operator's to say
        try:
            for part in parts:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=descriptor)
                        os.fsync(descriptor)
                inner = os.open(part, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)


def _list(folder: int, path: str, found: Listing) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            inner = f"{path}/{entry.name}" if path else entry.name
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:  # of a folder that may be listed and not entered
                if error.errno not in _BARRED or path.count("/") < 1:
                    raise
                found.odd.append(OddName(inner, _barred(error)))
                continue
            why = oddity_of(inner) or _kind(status.st_mode)
            if why is not None:
                found.odd.append(OddName(inner, why))
            elif stat.S_ISREG(status.st_mode):
                if not _OWN.fullmatch(entry.name):
                    found.files.append(_file_of(inner, status))
            else:
                _list_below(folder, entry.name, inner, found)


def _list_below(folder: int, name: str, path: str, found: Listing) -> None:
    if path.count("/") + 1 >= DEEPEST:
        found.odd.append(OddName(path, f"it lies {DEEPEST} folders deep"))
        return
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in _BARRED or "/" not in path:
            raise
        found.odd.append(OddName(path, _barred(error)))
        return
    try:
        _list(descriptor, path, found)
    finally:
        os.close(descriptor)


def _own_name() -> str:
    return f".{uuid4().hex}.part"


def _is_still(listed: LakeFile, name: str, folder: int) -> bool:
    """Whether the file of that name is the one that was listed, and nobody writes it."""
    descriptor = os.open(name, _FILE, dir_fd=folder)
    try:
        return _file_of(listed.path, os.fstat(descriptor)) == listed and not _has_writer(descriptor)
    finally:
        os.close(descriptor)


def _put_back(own: str, name: str, folder: int) -> None:
    """Gives what was taken away its name again; where a third one has come under that name, it has replaced it as it would have anyway."""
    try:
        os.link(own, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        pass
    except OSError:  # a folder, another user's file, or a file system that knows no links
        if name not in os.listdir(folder):
            os.rename(own, name, src_dir_fd=folder, dst_dir_fd=folder)
            return
    os.unlink(own, dir_fd=folder)


def _parts(path: str) -> list[str]:
    parts = path.removesuffix("/").split("/") if path else []
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise ObjectError(f"{path!r} is no path of the lake: it has an empty, . or .. part")
    return parts


def _kind(mode: int) -> str | None:
    if stat.S_ISLNK(mode):
        return "it is a link, and links are not followed"
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "it is no regular file"


def _barred(error: OSError) -> str:
    return "it is a link, and links are not followed" if error.errno in {errno.ELOOP, errno.ENOTDIR} else "it may not be listed"


def _regular(status: os.stat_result, path: str) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        raise ObjectError(f"{path} is no regular file")
    return status


def _file_of(path: str, status: os.stat_result) -> LakeFile:
    tag = f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"
    since = min(max(status.st_mtime_ns, -_LATEST // 5), _LATEST)
    return LakeFile(path, status.st_size, _EPOCH + timedelta(microseconds=since // 1000), tag)


def _content(descriptor: int, size: int) -> bytes:
    """As many bytes as the file should have, and one more if it has grown."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read(size + 1)


def _is_remote(device: int) -> bool:
    """Whether the file system is another machine's, which refuses leases for reasons of its own and knows writers whom we do not."""
    place = f"{os.major(device)}:{os.minor(device)}"
    with suppress(FileNotFoundError), Path("/proc/self/mountinfo").open(encoding="utf-8", errors="replace") as mounts:
        return any(line.split()[2] == place and line.partition(" - ")[2].startswith(_REMOTE) for line in mounts)
    return False


def _has_writer(descriptor: int) -> bool:
    """By a read lease, which the kernel gives nobody while the file is open for writing."""
    if not _LEASES:
        return False
    fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # whose default is to do nothing, if a writer comes in this very moment
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN and not _is_remote(os.fstat(descriptor).st_dev)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
