"""Packed deliveries: gzip, and zip archives of one file. The readers see the bytes that were packed.

Nothing is believed that a header says: bytes are counted while they are inflated, and what packs better than any table of
figures is refused after the first 64 MiB. A workbook is a zip archive too; its parts are inflated here, but it stays as it is.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator

from advisory_perf.feeds.names import listed
from advisory_perf.ingestion.raw_frame import Reading
from advisory_perf.showing import quoted

ZIP, EMPTY_ZIP, GZIP = b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b"
WORKBOOKS = frozenset({"xl/workbook.xml", "xl/workbook.bin"})

MACOS = "__MACOSX/"

_INPUT, _PIECE = 1 << 16, 1 << 20
_RAW_DEFLATE, _GZIP_STREAM = -15, 31
_UNWATCHED = 64 << 20
_WINDOW = 16 << 20
_HIGHEST_RATIO = 200
"""Deliveries pack to a tenth or so; a bomb has to come near deflate's best, 1 : 1032."""
_MOST_MEMBERS = 10_000
_MEMBER_MARK, _LOCAL_HEADER, _ENCRYPTED = b"PK\x01\x02", 30, 1
_END_RECORD = 22
_ZIP_ERRORS = (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError, struct.error)


def unpacked(content: bytes, reading: Reading) -> bytes:
    """What a gzip file or a zip archive of one file holds; any other content, a workbook too, as it is.

    DeliveryRejectedError: E_TORN where it ends before its end, E_ENCRYPTED, E_TOO_LARGE, else E_FORMAT.
    """
    if content.startswith(GZIP):
        inner = _of_gzip(content, reading)
    elif content.startswith((ZIP, EMPTY_ZIP)):
        archive = members(content, reading)
        if is_workbook(archive):
            return content
        inner = _of_zip(content, archive, reading)
    else:
        return content
    if not inner:
        raise reading.refused("E_EMPTY", "is an archive of a file without bytes; ask the vendor to send it again")
    if inner.startswith((GZIP, EMPTY_ZIP)) or (inner.startswith(ZIP) and not is_workbook(members(inner, reading))):
        raise reading.refused("E_FORMAT", "is an archive within an archive; send the file itself, or packed once")
    return inner


def members(content: bytes, reading: Reading) -> list[zipfile.ZipInfo]:
    """The files of a zip archive, without folders and what macOS adds; none of them is read yet."""
    return [info for info in entries(content, reading) if not info.filename.endswith("/") and not info.filename.startswith(MACOS)]


def entries(content: bytes, reading: Reading) -> list[zipfile.ZipInfo]:
    """All that a zip archive lists; the parser of workbooks opens any of it, whatever its name."""
    if content.count(_MEMBER_MARK) > _MOST_MEMBERS:
        raise reading.refused("E_FORMAT", f"is a zip archive of more than {_MOST_MEMBERS:,} files; send one file")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = archive.infolist()
    except _ZIP_ERRORS as error:
        end = content.rfind(EMPTY_ZIP)
        if end == -1 or len(content) < end + _END_RECORD:
            raise reading.refused("E_TORN", "is a zip archive or workbook that was cut short; send it again") from error
        raise reading.refused(
            "E_FORMAT", "is a damaged zip archive or workbook, whose list of files cannot be read; send it again"
        ) from error
    encrypted = next((info for info in found if info.flag_bits & _ENCRYPTED), None)
    if encrypted is not None:
        raise reading.refused("E_ENCRYPTED", "is an encrypted archive; ask the vendor for it without a password")
    declared = sum(info.file_size for info in found)
    if declared > reading.bounds.expanded_bytes:
        raise reading.too_large(f"would unpack to {declared:,} bytes", "EXPANDED_BYTES")
    return found


def is_workbook(archive: list[zipfile.ZipInfo]) -> bool:
    """Whether a zip archive is an Excel workbook, xlsx or xlsb."""
    return any(info.filename.lower() in WORKBOOKS for info in archive)


class Inflation:
    """Inflates in pieces of at most a mebibyte and counts them, over all streams of one delivery."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._made = 0
        self._window = [0, 0]

    def member(self, content: bytes, info: zipfile.ZipInfo) -> Iterator[bytes]:
        """The pieces of one file of an archive; E_FORMAT unless length and checksum are those of the directory."""
        start = info.header_offset
        header = content[start : start + _LOCAL_HEADER]
        if (
            len(header) < _LOCAL_HEADER
            or not header.startswith(ZIP)
            or info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        ):
            raise self._damaged(info.filename)
        begin = start + _LOCAL_HEADER + sum(struct.unpack("<HH", header[26:30]))
        packed = memoryview(content)[begin : begin + info.compress_size]
        stored = info.compress_type == zipfile.ZIP_STORED
        size = checksum = 0
        for piece in self._stored(packed) if stored else self.stream(packed, _RAW_DEFLATE):
            size += len(piece)
            checksum = zlib.crc32(piece, checksum)
            yield piece
        if size != info.file_size or checksum != info.CRC:
            raise self._damaged(info.filename)

    def stream(self, packed: memoryview, window_bits: int) -> Generator[bytes, None, int | None]:
        """The pieces of one deflated stream; returns its packed length, or None where the stream goes on after the last byte."""
        stream = zlib.decompressobj(window_bits)
        fed, waiting, piece = 0, b"", b""
        while not stream.eof:
            if not waiting:
                waiting = bytes(packed[fed : fed + _INPUT])
                fed += len(waiting)
                if not waiting and not piece:
                    return None
            try:
                piece = stream.decompress(waiting, _PIECE)
            except zlib.error as error:
                raise self._reading.refused(
                    "E_FORMAT", "is damaged where it is packed, so that it cannot be unpacked; send it again"
                ) from error
            consumed = len(waiting) - len(stream.unconsumed_tail)
            waiting = stream.unconsumed_tail
            self._count(consumed, len(piece))
            yield piece
        return fed - len(stream.unused_data)

    def _stored(self, packed: memoryview) -> Iterator[bytes]:
        for start in range(0, len(packed), _PIECE):
            piece = bytes(packed[start : start + _PIECE])
            self._count(len(piece), len(piece))
            yield piece

    def _count(self, packed: int, made: int) -> None:
        self._made += made
        if self._made > self._reading.bounds.expanded_bytes:
            raise self._reading.too_large(f"unpacks to more than {self._reading.bounds.expanded_bytes:,} bytes", "EXPANDED_BYTES")
        if self._made <= _UNWATCHED:
            return
        self._window[0] += packed
        self._window[1] += made
        if self._window[1] >= _WINDOW:
            if self._window[1] > _HIGHEST_RATIO * self._window[0]:
                raise self._reading.refused(
                    "E_TOO_LARGE",
                    f"unpacks to more than {_HIGHEST_RATIO} times its size, as no table of figures does; send it without packing",
                )
            self._window = [0, 0]

    def _damaged(self, name: str) -> Exception:
        return self._reading.refused("E_FORMAT", f"is an archive whose file {quoted(name)} is damaged or oddly packed; send it again")


def _of_gzip(content: bytes, reading: Reading) -> bytes:
    whole, rest, inflation = io.BytesIO(), memoryview(content), Inflation(reading)
    while rest:
        if not bytes(rest[:2]) == GZIP[: len(rest)]:
            raise reading.refused("E_FORMAT", "holds further bytes after its gzip stream; send it again")
        length = _written(inflation.stream(rest, _GZIP_STREAM), whole)
        if length is None:
            raise reading.refused("E_TORN", "is a gzip file that was cut short; send it again")
        rest = rest[length:]
    return whole.getvalue()


def _written(pieces: Generator[bytes, None, int | None], whole: io.BytesIO) -> int | None:
    while True:
        try:
            whole.write(next(pieces))
        except StopIteration as end:
            length: int | None = end.value
            return length


def _of_zip(content: bytes, archive: list[zipfile.ZipInfo], reading: Reading) -> bytes:
    if len(archive) != 1:
        names = listed([info.filename for info in archive], 3) or "none"
        raise reading.refused("E_FORMAT", f"is a zip archive of {len(archive)} files ({names}); send an archive of exactly one file")
    whole = io.BytesIO()
    for piece in Inflation(reading).member(content, archive[0]):
        whole.write(piece)
    return whole.getvalue()
