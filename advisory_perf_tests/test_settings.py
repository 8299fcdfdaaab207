"""Settings that are more than a bound: defaults by the machine, and addresses."""

import os

import pytest
import yaml
from pydantic import ValidationError

from advisory_perf.packaged import packaged
from advisory_perf.settings import Settings

_MEMORY = 64 << 30


def test_all_runs_that_may_be_under_way_can_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in two processes: the one that reads, and the run that holds what was read."""
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": _MEMORY // 4096}.__getitem__)
    monkeypatch.delenv("ADVISORY_PERF_READ_MEMORY_BYTES", raising=False)
    runs = yaml.safe_load(packaged("dagster.yaml").read_text())["concurrency"]["runs"]["max_concurrent_runs"]
    assert Settings().read_memory_bytes * runs * 2 <= _MEMORY * 3 // 4


@pytest.mark.parametrize(
    "address",
    [
        "s3://KEY:secret@bucket/x",
        "s3://secret@bucket",
        "s3://bucket/x?key=secret",
        "s3://bucket/x#secret",
        "s3://bucket/secret:y@z",
        "s3:///secret",
        "s3://",
        "gs://bucket/secret",
        "https://host/secret",
        "file://host/secret",
        "S3://bucket/secret",
    ],
)
def test_an_address_of_a_lake_that_is_none_or_holds_more_is_refused_and_not_repeated(address: str) -> None:
    """gs:// would be a folder of that name, and what stands before an @ is shown in every message about the lake."""
    with pytest.raises(ValidationError, match="neither s3://bucket") as refused:
        Settings(lake_url=address)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "lake"),
    [("s3://bucket", "s3://bucket"), ("s3://my.bucket-1/a/b_c", "s3://my.bucket-1/a/b_c"), ("file:///a/b", "/a/b"), ("/a/b", "/a/b")],
)
def test_a_lake_lies_in_a_bucket_or_a_folder(address: str, lake: str) -> None:
    assert Settings(lake_url=address).lake == lake


@pytest.mark.parametrize("one", [{"reporting_currency": "USD"}, {"rates_source": "acme"}])
def test_a_reporting_currency_and_whose_rates_convert_into_it_go_together(one: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="go together"):
        Settings.model_validate(one)
    assert Settings.model_validate({"reporting_currency": "USD", "rates_source": "acme"}).rates_source == "acme"
