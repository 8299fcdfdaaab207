"""How many single faults in the pure rooms their fast tests notice: ``make mutants``, by the mutations of Cosmic Ray.

``python -m advisory_perf_tests.mutants --python .venv/bin/python --most 300 --seed 1`` draws so many places of the rooms' code, makes
one fault at each in a copy of the tree, and runs the tests of the room that are not slow: those that import the faulty module first.
It prints each fault that no test noticed, and the share of those that one did. Left out are annotations and decorators, whose faults
either stop every import or change nothing, and what runs only under a type checker.
"""

import argparse
import ast
import os
import random
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec

ROOMS = ("contracts", "feeds", "ingestion", "feed_detection", "performance", "analytics", "quality")
COPIED = ("advisory_perf", "advisory_perf_tests", "sql", "docs", "bench", "docker")
_PATIENCE_SECONDS = 1200
_SAME = re.compile("_(Eq|NotEq|Lt|LtE|Gt|GtE)_(Is|IsNot)$")
"""Small numbers and known texts are the same objects where they are equal."""


def places(rooms: Sequence[str], chance: random.Random) -> list[MutationSpec]:
    """The places of the rooms' code in an order that is drawn, each with one of its mutations."""
    modules = sorted(find_modules([Path("advisory_perf") / room for room in rooms]))
    with tempfile.TemporaryDirectory() as folder, use_db(str(Path(folder) / "session.sqlite"), WorkDB.Mode.create) as database:
        init(modules, database, {})
        found = [item.mutations[0] for item in database.work_items if not _SAME.search(item.mutations[0].operator_name)]
    found.sort(key=lambda one: (str(one.module_path), one.start_pos, one.operator_name, one.occurrence))
    chance.shuffle(found)
    left_out = {module: list(_left_out(module.read_text(encoding="utf-8"))) for module in modules}
    chosen = dict[tuple[Path, tuple[int, int]], MutationSpec]()
    for one in found:
        if not any(first <= one.start_pos < last for first, last in left_out[one.module_path]):
            chosen.setdefault((one.module_path, one.start_pos), one)
    return list(chosen.values())


def _left_out(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations, decorators with their sign, and blocks for type checkers begin and end."""
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts = [node.annotation]
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            parts = [*node.decorator_list, getattr(node, "returns", None)]
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            parts = [node]
        for part in parts:
            if isinstance(part, ast.expr | ast.stmt):
                yield (part.lineno, max(0, part.col_offset - 1)), (part.end_lineno or part.lineno, part.end_col_offset or 0)


def tests_of(module: Path) -> list[str]:
    """The test files of the module's room, those that import it first."""
    parts = module.with_suffix("").parts
    name = re.compile(
        rf"^from {re.escape('.'.join(parts))} import|^from {re.escape('.'.join(parts[:-1]))} import .*\b{parts[-1]}\b", re.MULTILINE
    )
    files = sorted((Path("advisory_perf_tests") / parts[1]).rglob("test_*.py"))
    files.sort(key=lambda file: name.search(file.read_text(encoding="utf-8")) is None)
    return list(map(str, files))


def _start(root: Path, folder: str) -> None:
    """Gives this worker a copy of the tree to make its faults in."""
    own = Path(folder) / str(os.getpid())
    for name in COPIED:
        shutil.copytree(root / name, own / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in root.glob("*.*"):
        if file.is_file():
            shutil.copy(file, own)
    os.chdir(own)
    os.environ["PYTHONPATH"] = str(own)


def _try(one: MutationSpec, python: str, tests: Sequence[str]) -> tuple[bool, str]:
    """Whether the tests noticed the mutation, and what it changed."""
    command = shlex.join([python, "-W", "ignore", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests])
    result = mutate_and_test([one], command, _PATIENCE_SECONDS)
    return bool(result.is_killed), result.diff or result.output or ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Draws, tries and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", choices=[*ROOMS, []], help="by default all pure rooms")
    parser.add_argument("--python", required=True, help="the interpreter that has what the tests need")
    parser.add_argument("--most", type=int, default=300, help="so many places at most; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args(arguments)
    python, started = str(Path(chosen.python).absolute()), time.monotonic()
    drawn = places(chosen.rooms or ROOMS, random.Random(chosen.seed))
    tried = drawn[: chosen.most or None]
    _say(f"{len(drawn)} places, of which {len(tried)} are tried")
    tests = [tests_of(one.module_path) for one in tried]
    with (
        tempfile.TemporaryDirectory(prefix="advisory_perf_") as folder,
        ProcessPoolExecutor(chosen.workers, initializer=_start, initargs=(Path.cwd(), folder)) as pool,
    ):
        results = pool.map(_try, tried, [python] * len(tried), tests)
        noticed, of_room = Counter[str](), Counter[str]()
        for one, (is_noticed, change) in zip(tried, results, strict=True):
            room = one.module_path.parts[1]
            of_room[room] += 1
            noticed[room] += is_noticed
            if not is_noticed:
                _say(change)
    _say(*(f"{room}: {noticed[room]} of {number} noticed" for room, number in sorted(of_room.items())))
    minutes = (time.monotonic() - started) / 60
    _say(f"{noticed.total()} of {len(tried)} noticed, {noticed.total() / max(1, len(tried)):.0%}; seed {chosen.seed}, {minutes:.0f} min")
    return 0


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)  # noqa: T201 - a program


if __name__ == "__main__":
    sys.exit(main())
