"""What holds of the whole tree: where SQL stands, how long a file is, and which words are not used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "advisory_perf"
WITHOUT_SQL = ("cli", "orchestration", "contracts", "feeds", "ingestion", "feed_detection", "performance", "analytics", "quality")
_STATEMENT = re.compile(
    r"^\s*\(?(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM|CREATE\s+(TABLE|VIEW|FUNCTION))\s", re.DOTALL
)
_OTHER_WORDS = re.compile(r"\b(lane|landing|turn|told|mend)\b")
"""For pipeline, ingestion, lock, inferred or reported, and fix; see the glossary."""


def texts_of(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("room", WITHOUT_SQL)
def test_a_room_asks_the_warehouse_by_functions_of_others(room: str) -> None:
    files = sorted((PACKAGE / room).rglob("*.py"))
    assert files
    assert not [(file.name, text) for file in files for text in texts_of(file) if _STATEMENT.match(text)]


def test_sql_is_recognised() -> None:
    (statement,) = (text for text in texts_of(PACKAGE / "positions" / "accounts_store.py") if "FROM accounts WHERE" in text)
    assert _STATEMENT.match(statement)


def test_one_word_stands_for_one_thing() -> None:
    files = [
        file
        for pattern in ("advisory_perf*/**/*.py", "bench/*.py", "docs/**/*.md", "docs/*.svg", "sql/**/*.sql", "*.md")
        for file in ROOT.glob(pattern)
    ]
    assert len(files) > 200
    found = [
        (file.name, number, line.strip())
        for file in files
        if file.name not in {"CHANGELOG.md", "glossary.md", Path(__file__).name}
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if _OTHER_WORDS.search(line)
    ]
    assert not found
