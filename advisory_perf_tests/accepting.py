"""Properties that cannot pass by refusing everything: they count what they accept, and a floor of its share is asserted.

A property of what is accepted says nothing of draws that are refused. ``accepts_at_least`` stands above ``@given``, the property calls
``counted`` for what it drew, and once all of its examples have passed the accepted share of each label has to reach the floor. Its
examples are the same in every run (``derandomize``), so that the share is.
"""

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec

_P = ParamSpec("_P")
_RUNNING: ContextVar[dict[str, Counter[bool]]] = ContextVar("running")


def counted(label: str, accepted: int, of: int = 1) -> None:
    """So many of so many drawn things were accepted, and were looked at."""
    counts = _RUNNING.get().setdefault(label, Counter())
    counts[True] += accepted
    counts[False] += of - accepted


@contextmanager
def _shares_above(least: float) -> Iterator[None]:
    counts: dict[str, Counter[bool]] = {}
    token = _RUNNING.set(counts)
    try:
        yield
    finally:
        _RUNNING.reset(token)
    assert counts, "the property counted nothing"
    for label, count in counts.items():
        assert count[True] >= least * count.total() > 0, f"{label}: accepted {count[True]} of {count.total()} draws, less than {least:.0%}"


def accepts_at_least(share: float) -> Callable[[Callable[_P, None]], Callable[_P, None]]:
    """Of each label that the property counts over all of its examples, so large a share has to be accepted."""

    def decorated(check: Callable[_P, None]) -> Callable[_P, None]:
        @functools.wraps(check)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
            with _shares_above(share):
                check(*args, **kwargs)

        return run

    return decorated
