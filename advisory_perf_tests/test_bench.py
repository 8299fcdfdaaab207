"""The benchmark is run by hand, and seldom: that what it imports, wraps and times is still there is found here."""

import importlib
import pkgutil

import pytest

import bench
from bench.additions import PARTS


@pytest.mark.parametrize("name", [found.name for found in pkgutil.iter_modules(bench.__path__) if found.name != "__main__"])
def test_each_part_of_the_benchmark_can_be_imported(name: str) -> None:
    assert importlib.import_module(f"bench.{name}").__doc__


@pytest.mark.parametrize(("module", "function"), [(module, name) for module, names in PARTS.values() for name in names])
def test_what_the_benchmark_times_is_there(module: object, function: str) -> None:
    assert callable(getattr(module, function))
