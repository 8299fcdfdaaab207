"""What is known of a run besides its figures, and what it costs: causes, totals, scores and restatements, by wrapping their functions."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

from advisory_perf.orchestration.pipelines import positions, positions_publication
from advisory_perf.reconciliation import compare

PARTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "causes": (compare, ("explained",)),
    "causes of most breaks": (positions, ("common_causes",)),
    "totals": (positions_publication, ("totals", "publish_totals")),
    "scores": (positions_publication, ("counted_of_days", "plotted", "publish_scores")),
    "restatements": (positions_publication, ("restatement_alerts",)),
}


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Seconds of each part, filled while the block runs."""
    spent = dict.fromkeys(PARTS, 0.0)

    def watched(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def run(*arguments: Any, **named: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                spent[part] += time.perf_counter() - begin

        return run

    with ExitStack() as stack:
        for part, (module, names) in PARTS.items():
            for name in names:
                stack.enter_context(patch.object(module, name, watched(part, getattr(module, name))))
        yield spent


def print_shares(spent: dict[str, float], of_seconds: float) -> None:
    """A line a part, and the sum."""
    print(f"\n{'of these, besides the figures':<32}{'seconds':>9}{'of the run':>12}")
    for part, seconds in {**spent, "together": sum(spent.values())}.items():
        print(f"{part:<32}{seconds:>9.2f}{seconds / of_seconds:>12.1%}")
    print("(aim: together 10 %)")
