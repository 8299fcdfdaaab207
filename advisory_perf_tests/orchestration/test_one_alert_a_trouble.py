"""One incident is one alert, whichever of the platform's parts find it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advisory_perf.alerts.outbox import Outbox
from advisory_perf.errors import LakeError
from advisory_perf.lake.objects import LakeFile
from advisory_perf.lake.store import Lake
from advisory_perf_tests.orchestration.scenarios import A_THIRD, World, a_world, csv
from advisory_perf_tests.orchestration.test_completeness import MONTHLY, TEN, load, rows

pytestmark = pytest.mark.slow


def open_codes(world: World) -> list[str]:
    return [alert.code for alert in Outbox(world.platform.warehouse).alerts(only_open=True)]


def refuse(monkeypatch: pytest.MonkeyPatch, doing: str, zone: str) -> None:
    """The lake refuses to do this to what lies in the zone."""
    original: Callable[..., Any] = getattr(Lake, doing)

    def refusing(lake: Lake, what: str | LakeFile, *rest: Any) -> Any:
        if (what if isinstance(what, str) else what.path).startswith(f"{zone}/"):
            raise LakeError(f"the lake refuses {doing} in {zone}/")
        return original(lake, what, *rest)

    monkeypatch.setattr(Lake, doing, refusing)


@pytest.mark.parametrize(
    ("folder", "refused", "runs", "codes"),
    [
        ("acme", [("read_listed", "incoming")], 6, ["STUCK_FILE"]),
        ("acme", [("keep", "archive"), ("delete_listed", "incoming")], 6, ["E_POISONED"]),
        ("nobody", [("read_listed", "incoming")], 3, ["STUCK_FILE"]),
        ("nobody", [("delete_listed", "incoming")], 3, ["E_UNKNOWN_VENDOR"]),
    ],
    ids=["acme unread", "acme abandoned, not moved", "nobody's unread", "nobody's rejected, not moved"],
)
def test_a_file_that_cannot_leave_incoming_is_one_alert(
    world: World, monkeypatch: pytest.MonkeyPatch, folder: str, refused: list[tuple[str, str]], runs: int, codes: list[str]
) -> None:
    world.put("acme_1.csv", csv(A_THIRD), folder)
    for doing, zone in refused:
        refuse(monkeypatch, doing, zone)
    for _ in range(runs):
        (request,) = world.tick("arrivals").run_requests
        assert not world.run_request(request).success
        world.tick("watch")
    assert world.tick("arrivals").run_requests == []
    for _ in range(2):
        world.tick("watch")
        assert open_codes(world) == codes


def test_a_delivery_that_is_only_incomplete_is_one_alert(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url, feed=MONTHLY) as world:
        load(world, "acme_jan.csv", *rows("2025-01-31", TEN))
        load(world, "acme_feb.csv", *rows("2025-02-28", range(6)))
        assert [entry.status for entry in world.platform.ledger.entries("acme")] == ["COMPLETED", "COMPLETED_WITH_ISSUES"]
        assert open_codes(world) == ["INCOMPLETE_DELIVERY"]
