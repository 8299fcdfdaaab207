"""What of a lake is listed, for tests of who looks for what."""

import pytest

from advisory_perf.lake.objects import LakeFile
from advisory_perf.lake.store import Lake


def listings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The prefixes that are listed from now on."""
    listed: list[str] = []
    listing = Lake.files

    def noting(lake: Lake, prefix: str) -> list[LakeFile]:
        listed.append(prefix)
        return listing(lake, prefix)

    monkeypatch.setattr(Lake, "files", noting)
    return listed
