"""The pages of docs/ keep up with the code: every key of a feed is explained, its example is a feed, every decision has its parts."""

import re
import runpy
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisory_perf.alerts.model import ALERT_CODES
from advisory_perf.contracts.columns import COLUMNS
from advisory_perf.contracts.firm_tables import FIRM_TABLES
from advisory_perf.contracts.issue_codes import CODES
from advisory_perf.contracts.stored_tables import STORED
from advisory_perf.contracts.tables import DELIVERY_FACTORS, RATE_TABLES, RECONCILIATION_TOTALS, TABLES
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.settings import Settings

pytestmark = pytest.mark.table

DOCS = Path(__file__).parents[1] / "docs"
README = DOCS.parent / "README.md"
RECORDS = sorted((DOCS / "adr").glob("0*.md"))
REFERENCE = runpy.run_path(str(DOCS / "reference.py"))


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


# feeds ----------------------------------------------------------------------------------------------------------------


def heading_of(key: str) -> str:
    """The heading of a key: what stands for any name is called by what it names."""
    named = {"columns.<name>": "columns.<field>", "files.stated.<name>": "files.stated.<column>", "footer[]": "footer"}
    for model, written in named.items():
        key = key.replace(model, written)
    return re.sub(r"^tolerances\.\w+", "tolerances.<figure>", key).replace("controls.totals", "controls.totals.<field>")


@cache
def defaults() -> dict[str, set[Any]]:
    """Every key of the model by its heading, with its default."""
    found: dict[str, set[Any]] = {}
    for key, _, value in REFERENCE["keys_of"](PositionsFeed):
        found.setdefault(heading_of(key), set()).add(plain(value))
    return found


def plain(value: Any) -> Any:
    """A default as YAML has it, without the types of the model; nothing where it is empty."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal | int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    return tuple(value) or None if isinstance(value, list | tuple | set | frozenset | dict) else value


def sections() -> dict[str, str]:
    """The text below each heading of a key."""
    parts = re.split(r"^#{3,4} `([^`]+)`\n", page("feeds.md"), flags=re.MULTILINE)
    return {heading: re.split(r"^## ", text, flags=re.MULTILINE)[0] for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def examples() -> list[dict[str, Any]]:
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page("feeds.md"), flags=re.DOTALL)]


def merged(first: Any, second: Any) -> Any:
    """The second added to the first."""
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return second
    return {**first, **{key: merged(first.get(key), value) for key, value in second.items()}}


def test_every_key_of_a_feed_has_a_heading_and_no_other_has() -> None:
    groups = {"columns.<field>", "files.stated.<column>", "files.day_must_match", "files.pivot", "files.unpivot", "footer", "deadline"}
    assert sections().keys() - groups == defaults().keys()


def test_every_default_is_the_models() -> None:
    for heading, text in sections().items():
        if heading not in defaults() or heading == "tolerances.<figure>.absolute":
            continue
        said = re.findall(r"^(?:(Required)\.|Default: (none)[.;]|Default: `(.+?)`[.;])", text, flags=re.MULTILINE)
        assert len(said) == 1, heading
        required, none, value = said[0]
        expected = REFERENCE["REQUIRED"] if required else None if none else plain(yaml.safe_load(value))
        assert {expected} == {None if each == "" and none else each for each in defaults()[heading]}, heading


@pytest.mark.parametrize("number", range(len(examples())))
def test_every_example_is_a_feed_that_is_taken(number: int) -> None:
    smallest, example = examples()[0], examples()[number]
    PositionsFeed.model_validate(example if "vendor" in example and len(example) > 1 else merged(smallest, example))


def test_every_key_has_an_example_with_it() -> None:
    for heading, text in sections().items():
        key = re.sub(r"\.<\w+>", "", heading).split(".")[-1]
        whole = text if "```yaml" in text else sections()[heading.rsplit(".", 1)[0]]
        blocks = re.findall(r"```yaml\n(.*?)```", whole, flags=re.DOTALL)
        assert blocks, heading
        assert any(re.search(rf"\b{key}:", block) for block in blocks), heading


# decisions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_of_a_decision_has_its_parts_and_its_places(record: Path) -> None:
    text = record.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == ["Context", "Decision", "Alternatives rejected", "Consequences"]
    title = re.match(r"# (\d{4})\. (.+)\n", text)
    assert title is not None
    assert record.name.startswith(f"{title[1]}-")
    assert f"| {title[1]} | [{title[2]}]({record.name}) |" in page("adr/README.md")
    assert f"- adr/{record.name}\n" in (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")


def test_records_are_numbered_without_a_gap() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


# reference ------------------------------------------------------------------------------------------------------------


def test_the_reference_has_every_table_column_command_key_setting_and_code_and_the_site_has_it() -> None:
    pages = {name: written() for name, written in REFERENCE["PAGES"].items()}
    assert set(re.findall(r"^### `(\w+)`", pages["data-dictionary"], flags=re.MULTILINE)) == {
        *TABLES,
        *RATE_TABLES,
        DELIVERY_FACTORS.name,
        RECONCILIATION_TOTALS.name,
        *(one.name for one in (*STORED, *FIRM_TABLES)),
    }
    assert set(re.findall(r"^\| `(\w+)` ", pages["data-dictionary"].partition("## Columns")[2], flags=re.MULTILINE)) == COLUMNS.keys()
    commands = set(
        re.findall(r"`advisory-perf ((?:feeds |quarantine |alerts |breaks |tokens )?[\w-]+)", README.read_text(encoding="utf-8"))
    )
    assert {f"## `advisory-perf {name}`" for name in commands} <= set(pages["command"].splitlines())
    assert all(f"| `{key}` |" in pages["feed-keys"] for key, _, _ in REFERENCE["keys_of"](PositionsFeed))
    assert all(f"| `ADVISORY_PERF_{name.upper()}` |" in pages["settings"] for name in Settings.model_fields)
    issues, alerts = pages["codes"].split("## Alerts")
    for text, of_text in ((issues, CODES), (alerts, ALERT_CODES)):
        rows = {f"| `{name}` | {one.severity.value} | {REFERENCE['cell'](one.sentence)} |" for name, one in of_text.items()}
        assert set(re.findall(r"^\| `.*$", text, flags=re.MULTILINE)) == rows
    assert not [name for name, text in pages.items() if "Undefined" in text or "object at" in text]
    site = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(f": reference/{name}.md\n" in site for name in pages)


# links ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if "reference" not in path.parts))
def test_every_link_to_a_file_leads_to_one(name: str) -> None:
    generated = {f"{written}.md" for written in REFERENCE["PAGES"]}
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page(name)):
        path = (DOCS / name).parent / target
        assert path.exists() or (path.parent.name == "reference" and path.name in generated), target
