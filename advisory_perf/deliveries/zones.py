"""A delivery's way through the lake's zones and the ledger, from arrival to archive or error.

The archive gets the very bytes that were read, before they are validated, even when the vendor puts another file of the same name
into incoming meanwhile; incoming is cleared last, and only of the very object that was read, once a copy of it was compared.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from advisory_perf.contracts.enums import DeliveryStatus
from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.errors import LakeError
from advisory_perf.feeds.feed import Feed
from advisory_perf.lake.objects import LakeFile
from advisory_perf.lake.store import ARCHIVE, ERROR, INCOMING, Lake

REASON_ENDING = ".reason.json"
UNKNOWN_FEED = "unknown"
"""The feed, and the vendor, of a file that no feed claims."""
_ID_STEM, _ID_DIGITS = 60, 16


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery that has come, and where in the lake it lies.

    ``path_is_name``: its feed takes the folders that it was put into for a part of its name.
    """

    delivery_id: str
    feed: str
    vendor: str
    file: LakeFile
    received_at: datetime
    path_is_name: bool = False

    @property
    def path(self) -> str:
        """Where the file was put below its feed's folder, its name included; archive and error/ keep that too."""
        incoming, settled = f"{INCOMING}/{self.feed}/", (_folder(zone, self) for zone in (ARCHIVE, ERROR))
        folder = next((folder for folder in (incoming, *settled) if self.file.path.startswith(folder)), "")
        return self.file.path.removeprefix(folder) if folder else self.file.name

    @property
    def name(self) -> str:
        """The delivery's name, which with feed and bytes is what it is known by."""
        return self.path if self.path_is_name else self.file.name


def delivery_id_of(file: LakeFile) -> str:
    """The name of one arrival: the file's own name and a digest of path, size, time and tag, so that each arrival has its own."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", file.name.rsplit(".", 1)[0])[:_ID_STEM]
    identity = f"{file.path}|{file.size}|{file.etag}|{file.modified.isoformat()}"
    return f"{stem}-{hashlib.sha256(identity.encode()).hexdigest()[:_ID_DIGITS]}"


def find_arrival(lake: Lake, ledger: Ledger, feed: Feed, delivery_id: str, path: str | None = None) -> Arrival:
    """The delivery of the feed, from incoming, or from archive or error when its ingestion runs again.

    ``path`` is where it was when its ingestion was asked for: if it still lies there, nothing is listed. It keeps the arrival time that
    the ledger has for it. LakeError where it is nowhere.
    """
    file = _at(lake, path, delivery_id) or next(_listed(lake, feed, delivery_id), None)
    if file is None:
        raise LakeError(
            f"the delivery {delivery_id} of {feed.vendor} is neither in {INCOMING}/, {ARCHIVE}/ nor {ERROR}/ of the lake {lake.address}; "
            f"put the file into {INCOMING}/{feed.name}/ again"
        )
    entry = ledger.entry(delivery_id)
    is_known = entry is not None and entry.feed == feed.name
    came = entry.received_at if entry and is_known else received_at(file)
    return Arrival(delivery_id, feed.name, feed.vendor, file, came, feed.files.path_is_name)


def _at(lake: Lake, path: str | None, delivery_id: str) -> LakeFile | None:
    """The file at the path, where it is this very delivery."""
    file = None if path is None else lake.find(path)
    return file if file is not None and delivery_id_of(file) == delivery_id else None


def _listed(lake: Lake, feed: Feed, delivery_id: str) -> Iterator[LakeFile]:
    """The delivery's file as incoming, archive and error have it, each listed only where the one before has none."""
    yield from (file for file in lake.files(f"{INCOMING}/{feed.name}/") if delivery_id_of(file) == delivery_id)
    yield from lake.files(f"{ARCHIVE}/{feed.name}/{delivery_id}/")
    refused = lake.files(f"{ERROR}/{feed.name}/{delivery_id}/")
    beside = {file.path.removesuffix(REASON_ENDING) for file in refused if file.name.endswith(REASON_ENDING)}
    # a vendor's own file may be called as a reason is, and then has one of its own
    yield from (file for file in refused if not file.name.endswith(REASON_ENDING) or file.path in beside)


def received_at(file: LakeFile) -> datetime:
    """When the file came: its own time, but never later than now, or it would count before everything that comes until then."""
    return min(file.modified, datetime.now(UTC))


def forget_failed(lake: Lake, ledger: Ledger, arrival: Arrival, sha256: str) -> None:
    """Clears what an earlier arrival of the same name and bytes, which failed, left in archive and error: this one takes its place."""
    earlier = ledger.find(arrival.feed, arrival.name, sha256)
    if (
        earlier is None
        or earlier.delivery_id == arrival.delivery_id
        or earlier.status not in {DeliveryStatus.RECEIVED, DeliveryStatus.FAILED}
    ):
        return
    lake.delete(file.path for zone in (ARCHIVE, ERROR) for file in lake.files(f"{zone}/{arrival.feed}/{earlier.delivery_id}/"))


def keep_in_archive(lake: Lake, arrival: Arrival, content: bytes) -> str:
    """Keeps the bytes that were read in the archive; returns their path. Repeating it changes nothing."""
    return _keep(lake, arrival, content, ARCHIVE)


def is_archived(lake: Lake, arrival: Arrival) -> bool:
    """Whether the archive has a file of the delivery."""
    return bool(lake.files(_folder(ARCHIVE, arrival)))


def keep_in_error(
    lake: Lake, arrival: Arrival, content: bytes, *, code: str, sentence: str, attempts: Sequence[Mapping[str, str]] = ()
) -> str:
    """Keeps the bytes that were read in error/ beside a JSON file with the reason; returns their path.

    ``attempts`` are the ingestions that failed before it was abandoned, each as the JSON file is to tell it.
    """
    reason = {
        "feed": arrival.feed,
        "vendor": arrival.vendor,
        "file_name": arrival.name,
        "delivery_id": arrival.delivery_id,
        "sha256": sha256_of(content),
        "received_at": arrival.received_at.isoformat(),
        "error_code": code,
        "error_message": sentence,
        **({"attempts": list(attempts)} if attempts else {}),
    }
    path = f"{_folder(ERROR, arrival)}{arrival.path}{REASON_ENDING}"
    lake.write(path, json.dumps(reason, indent=2).encode())
    return _keep(lake, arrival, content, ERROR)


def clear_incoming(lake: Lake, arrival: Arrival) -> None:
    """Removes the very object that was read from incoming; a newer one of the same name stays, and one that is written on."""
    if arrival.file.path.startswith(f"{INCOMING}/"):
        lake.delete_listed(arrival.file)


def sha256_of(content: bytes) -> str:
    """The content's hash, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _keep(lake: Lake, arrival: Arrival, content: bytes, zone: str) -> str:
    """Writes to one zone and removes what an earlier ingestion left in the other; incoming is cleared by itself, at the end.

    The copy is read back and compared before anything goes that it replaces.
    """
    target = f"{_folder(zone, arrival)}{arrival.path}"
    if arrival.file.path != target:
        lake.keep(target, content)
    lake.delete(file.path for file in lake.files(_folder(ERROR if zone == ARCHIVE else ARCHIVE, arrival)))
    return target


def _folder(zone: str, arrival: Arrival) -> str:
    return f"{zone}/{arrival.feed}/{arrival.delivery_id}/"
