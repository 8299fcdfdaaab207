"""What a scratch installation takes over of a lake."""

from pathlib import Path
from unittest.mock import Mock

from advisory_perf.deliveries.ledger import Ledger
from advisory_perf.lake.store import Lake
from advisory_perf.operations.scratch import Scratch
from advisory_perf.platform import Platform
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf_tests.orchestration.scenarios import NOWHERE


def test_objects_of_a_bucket_come_to_the_same_paths_of_the_folder_byte_by_byte(s3: str, tmp_path: Path) -> None:
    true, own = Lake("s3://lake", endpoint_url=s3), Lake(str(tmp_path / "lake"))
    files = {f"archive/acme/d-{number}/acme é {number}.csv": bytes([number, 0, 255]) for number in range(20)}
    for path, content in {**files, "archive/other/d/other.csv": b"x"}.items():
        true.write(path, content)
    warehouse = Warehouse(NOWHERE)
    platform = Platform(Settings(home=tmp_path), {}, own, warehouse, Ledger(warehouse))
    Scratch(platform, Mock(), warehouse, tmp_path).take_over(true, files)
    assert {file.path: own.read(file.path) for file in own.files("archive/")} == files
