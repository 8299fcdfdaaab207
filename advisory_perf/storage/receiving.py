"""A delivery's way through the lake's zones and the ledger, from arrival to archive or error.

The bytes are read once and settled from memory: the archive gets what was judged, even when the vendor puts another file of
the same name into incoming meanwhile, and incoming is only cleared of the very object that was read.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime

from advisory_perf.errors import LakeError
from advisory_perf.storage.lake import ARCHIVE, ERROR, INCOMING, Lake, LakeFile
from advisory_perf.storage.ledger import Ledger

REASON_ENDING = ".reason.json"
UNKNOWN_VENDOR = "unknown"
_ID_STEM = 60


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery whose bytes have been read."""

    delivery_id: str
    vendor: str
    file: LakeFile
    content: bytes
    received_at: datetime

    @property
    def sha256(self) -> str:
        """The content's hash, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def delivery_id_of(file: LakeFile) -> str:
    """The name of one arrival: the file's own name and a digest of path, size, time and tag, so that each arrival has its own."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", file.name.rsplit(".", 1)[0])[:_ID_STEM]
    identity = f"{file.path}|{file.size}|{file.etag}|{file.modified.isoformat()}"
    return f"{stem}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"


def read_arrival(lake: Lake, ledger: Ledger, vendor: str, delivery_id: str) -> Arrival:
    """The delivery, from incoming, or from archive or error when its landing runs again.

    It keeps the arrival time that the ledger has for it. LakeError where it is nowhere.
    """
    waiting = [file for file in lake.files(f"{INCOMING}/{vendor}/") if delivery_id_of(file) == delivery_id]
    settled = [
        file for zone in (ARCHIVE, ERROR) for file in lake.files(f"{zone}/{vendor}/{delivery_id}/") if not file.name.endswith(REASON_ENDING)
    ]
    file = next(iter([*waiting, *settled]), None)
    if file is None:
        raise LakeError(
            f"the delivery {delivery_id} of {vendor} is neither in {INCOMING}/, {ARCHIVE}/ nor {ERROR}/ of the lake {lake.address}; "
            f"put the file into {INCOMING}/{vendor}/ again"
        )
    entry = ledger.entry(delivery_id)
    return Arrival(delivery_id, vendor, file, lake.read(file.path), entry.received_at if entry else file.modified)


def archive(lake: Lake, arrival: Arrival) -> str:
    """Keeps the delivery in the archive and clears it from incoming; returns its path. Repeating it changes nothing."""
    return _settle(lake, arrival, ARCHIVE)


def reject(lake: Lake, arrival: Arrival, *, code: str, sentence: str) -> str:
    """Keeps the delivery in error/ beside a JSON file with the reason, and clears it from incoming; returns its path."""
    reason = {
        "vendor": arrival.vendor,
        "file_name": arrival.file.name,
        "delivery_id": arrival.delivery_id,
        "sha256": arrival.sha256,
        "received_at": arrival.received_at.isoformat(),
        "error_code": code,
        "error_message": sentence,
    }
    path = f"{_folder(ERROR, arrival)}{arrival.file.name}{REASON_ENDING}"
    lake.write(path, json.dumps(reason, indent=2).encode())
    return _settle(lake, arrival, ERROR)


def clear_incoming(lake: Lake, arrival: Arrival) -> None:
    """Removes the very object that was read from incoming; a newer one of the same name stays."""
    path = arrival.file.path
    if path.startswith(f"{INCOMING}/") and lake.exists(path) and delivery_id_of(lake.head(path)) == delivery_id_of(arrival.file):
        lake.delete([path])


def _settle(lake: Lake, arrival: Arrival, zone: str) -> str:
    target = f"{_folder(zone, arrival)}{arrival.file.name}"
    if arrival.file.path != target:
        lake.write(target, arrival.content)
    other = _folder(ERROR if zone == ARCHIVE else ARCHIVE, arrival)
    lake.delete(file.path for file in lake.files(other))
    clear_incoming(lake, arrival)
    return target


def _folder(zone: str, arrival: Arrival) -> str:
    return f"{zone}/{arrival.vendor}/{arrival.delivery_id}/"
