"""Defaults that depend on the machine."""

import os

import pytest
import yaml

from advisory_perf.packaged import packaged
from advisory_perf.settings import Settings

_MEMORY = 64 << 30


def test_all_runs_that_may_be_under_way_can_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in two processes: the one that reads, and the run that holds what was read."""
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": _MEMORY // 4096}.__getitem__)
    monkeypatch.delenv("ADVISORY_PERF_READ_MEMORY_BYTES", raising=False)
    runs = yaml.safe_load(packaged("dagster.yaml").read_text())["concurrency"]["runs"]["max_concurrent_runs"]
    assert Settings().read_memory_bytes * runs * 2 <= _MEMORY * 3 // 4
