"""Files of incoming/ that are not read at all: larger than any that may be, or closed to the user that runs the platform.

They stay where they are, hold up nothing else, and are taken as soon as what keeps them is fixed.
"""

from advisory_perf.errors import DeliveryRejectedError
from advisory_perf.lake.objects import LakeFile
from advisory_perf.platform import Platform
from advisory_perf.showing import quoted


def why_unread(platform: Platform, file: LakeFile) -> str | None:
    """Why a file that is listed is not read; None where it is."""
    if file.size > platform.settings.max_bytes:
        return _of_its_size(platform, file.size)
    return "it may not be read; let the user that runs the platform read it" if platform.lake.is_barred(file) else None


def refuse_larger(platform: Platform, name: str, size: int) -> None:
    """E_TOO_LARGE for a file of more bytes than are read, before any is."""
    if size > platform.settings.max_bytes:
        raise DeliveryRejectedError("E_TOO_LARGE", f"{quoted(name)}: {_of_its_size(platform, size)}")


def read_whole(platform: Platform, file: LakeFile) -> bytes:
    """The listed file's bytes; DeliveryRejectedError E_TOO_LARGE, with none of them read, where it has more than the bound."""
    refuse_larger(platform, file.path, file.size)
    return platform.lake.read_listed(file)


def _of_its_size(platform: Platform, size: int) -> str:
    most = f"ADVISORY_PERF_MAX_BYTES ({platform.settings.max_bytes:,})"
    return f"it has {size:,} bytes, and no more than {most} are read; have it sent in parts, or raise that setting"
