"""What one run reads of the lake: no partition of a window twice, and always what was last written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisory_perf.errors import LakeError
from advisory_perf.lake.run_lake import RunLake
from advisory_perf.lake.store import Lake

KEYS = ["2025-03-03", "2025-03-04", "2025-03-05", "2025-03-06"]
STAGE, VENDOR = "ticks", "alpha"


def rows(key: str, value: int = 1) -> pl.DataFrame:
    return pl.DataFrame({"key": [key, key], "value": [value, -value]})


def a_lake(folder: Path) -> Lake:
    lake = Lake(str(folder))
    lake.write_partitions(STAGE, VENDOR, "window", {key: rows(key) for key in KEYS})
    return lake


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The partitions that are read from now on, as often as they are."""
    noted: list[str] = []
    reading = Lake.read_partitions

    def noting(lake: Lake, stage: str, vendor: str, dimension: str, keys: Sequence[str], **others: Any) -> pl.DataFrame:
        noted.extend(keys)
        return reading(lake, stage, vendor, dimension, keys, **others)

    monkeypatch.setattr(Lake, "read_partitions", noting)
    return noted


def test_what_was_read_whole_is_not_read_again_in_whole_or_in_part(tmp_path: Path, read: list[str]) -> None:
    lake = RunLake(a_lake(tmp_path))
    whole = lake.read_partitions(STAGE, VENDOR, "window", KEYS)
    assert lake.read_partitions(STAGE, VENDOR, "window", KEYS).equals(whole)
    chosen = lake.read_partitions(STAGE, VENDOR, "window", KEYS, columns=["value"], where=pl.col("value") > 0)
    assert chosen.equals(whole.filter(pl.col("value") > 0).select("value"))
    assert read == KEYS


def test_a_partition_that_was_read_by_itself_is_taken_among_others_in_its_place(tmp_path: Path, read: list[str]) -> None:
    lake = RunLake(a_lake(tmp_path))
    lake.read_partitions(STAGE, VENDOR, "window", [KEYS[2]])
    assert lake.read_partitions(STAGE, VENDOR, "window", KEYS, columns=["key"])["key"].to_list() == [key for key in KEYS for _ in "ab"]
    assert read == [KEYS[2], KEYS[0], KEYS[1], KEYS[3]]


def test_what_the_run_writes_it_reads_anew_and_other_stages_stay_known(tmp_path: Path, read: list[str]) -> None:
    lake = RunLake(a_lake(tmp_path))
    lake.write_partitions("tocks", VENDOR, "window", {KEYS[0]: rows(KEYS[0], 5)})
    for stage in (STAGE, "tocks"):
        lake.read_partitions(stage, VENDOR, "window", KEYS[:1])
    lake.write_partitions(STAGE, VENDOR, "window", {KEYS[0]: rows(KEYS[0], 9)})
    assert lake.read_partitions(STAGE, VENDOR, "window", KEYS[:1])["value"].to_list() == [9, -9]
    assert lake.read_partitions("tocks", VENDOR, "window", KEYS[:1])["value"].to_list() == [5, -5]
    assert len(read) == 3


def test_of_deliveries_nothing_is_kept_and_each_run_reads_for_itself(tmp_path: Path, read: list[str]) -> None:
    lake = a_lake(tmp_path)
    lake.write_partitions(STAGE, VENDOR, "delivery", {"d1": rows("d1")})
    run = RunLake(lake)
    for _ in range(2):
        run.read_partitions(STAGE, VENDOR, "delivery", ["d1"])
        RunLake(lake).read_partitions(STAGE, VENDOR, "window", KEYS[:1])
    assert read == ["d1", KEYS[0], "d1", KEYS[0]]


def test_no_partitions_and_missing_ones_are_the_lakes_errors(tmp_path: Path) -> None:
    lake = RunLake(a_lake(tmp_path))
    with pytest.raises(LakeError, match="no partition of ticks of alpha was asked for"):
        lake.read_partitions(STAGE, VENDOR, "window", [])
    with pytest.raises(LakeError, match="2025-04-01"):
        lake.read_partitions(STAGE, VENDOR, "window", ["2025-04-01"])


runs = st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True)


@given(asked=st.lists(st.tuples(runs, st.booleans()), min_size=1, max_size=6))
def test_a_run_reads_what_the_lake_has(tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[list[str], bool]]) -> None:
    plain = a_lake(tmp_path_factory.mktemp("lake"))
    run = RunLake(plain)
    for keys, is_whole in asked:
        columns = None if is_whole else ["value", "key"]
        assert run.read_partitions(STAGE, VENDOR, "window", keys, columns=columns).equals(
            plain.read_partitions(STAGE, VENDOR, "window", keys, columns=columns)
        )
