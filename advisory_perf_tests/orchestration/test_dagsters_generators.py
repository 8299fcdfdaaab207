"""What the assets rely on of Dagster: what stands behind the yield of an output is done once that output is stored, and only then."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

pytestmark = pytest.mark.slow


class Storing(dg.IOManager):
    """Notes what it stores, or fails at it."""

    def __init__(self, done: list[str], failing: str | None = None) -> None:
        self.done, self.failing = done, failing

    def handle_output(self, context: dg.OutputContext, obj: str) -> None:  # noqa: ARG002 - Dagster's signature
        if obj == self.failing:
            raise OSError("the disk is full")
        self.done.append(f"stored {obj}")

    def load_input(self, context: dg.InputContext) -> str:  # noqa: ARG002 - Dagster's signature
        return ""


def ran(failing: str | None) -> tuple[bool, list[str]]:
    """Whether a run of an asset of two outputs succeeds, and what it did, in order."""
    done: list[str] = []

    @dg.multi_asset(outs={name: dg.AssetOut(io_manager_key="lake", is_required=False) for name in ("first", "second")})
    def of_two() -> Iterator[Any]:
        yield dg.Output("first", "first")
        done.append("after the first")
        yield dg.Output("second", "second")
        done.append("after the second")

    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"lake": Storing(done, failing)}
        result = dg.materialize([of_two], resources=resources, instance=instance, raise_on_error=False)
    return result.success, done


def test_what_follows_an_output_is_done_after_it_is_stored() -> None:
    assert ran(None) == (True, ["stored first", "after the first", "stored second", "after the second"])


@pytest.mark.parametrize(("failing", "done"), [("first", []), ("second", ["stored first", "after the first"])])
def test_what_follows_an_output_that_is_not_stored_is_not_done(failing: str, done: list[str]) -> None:
    assert ran(failing) == (False, done)
