"""The same deliveries give the same warehouse with the lake on S3, over real HTTP, and in a folder."""

from datetime import date
from pathlib import Path

import pytest

from advisory_perf.errors import LakeError
from advisory_perf.lake.store import Lake
from advisory_perf.samples.deliveries import make_samples
from advisory_perf_tests.runtime.world import PROVENANCE, assert_equals_truth, content, passing, run

pytestmark = pytest.mark.slow


def test_the_lake_may_be_s3_or_a_folder(s3: str, tmp_path: Path, warehouse_url: str, second_warehouse_url: str) -> None:
    samples = make_samples(seed=3, accounts=6, last_month=date(2025, 3, 31), months=2, days=4)
    on_s3 = passing(tmp_path / "s3", warehouse_url, lake_url="s3://lake/performance", s3_endpoint_url=s3)
    run(on_s3, tmp_path / "handed", samples.files)
    assert_equals_truth(on_s3.platform().warehouse, samples.truth)
    from_s3 = content(on_s3.platform().warehouse, without=PROVENANCE)
    archived = [file.name for file in on_s3.platform().lake.files("archive/")]
    assert on_s3.platform().lake.files("incoming/") == []
    assert on_s3.platform().lake.files("_staging/") == []
    in_folder = passing(tmp_path / "folder", second_warehouse_url)
    run(in_folder, tmp_path / "handed", samples.files)
    from_folder = content(in_folder.platform().warehouse, without=PROVENANCE)
    assert sorted(archived) == sorted(file.name for file in samples.files)
    for name, rows in from_folder.items():
        assert rows.equals(from_s3[name]), name


def test_a_bucket_that_is_not_there_is_an_error_and_no_empty_listing(s3: str) -> None:
    with pytest.raises(LakeError, match="no-such-bucket"):
        Lake("s3://no-such-bucket", endpoint_url=s3).files("incoming/")
