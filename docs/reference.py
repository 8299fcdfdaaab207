"""Writes the reference pages of the site from the code that they are about: `make site` runs it, and nothing of it is kept.

The data dictionary, the command, the keys of a feed, the settings, and the codes of issues and alerts. What a reader needs beside that
(why, examples) stands in the pages that people write.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from advisory_perf.alerts.model import ALERT_CODES
from advisory_perf.api.app import routed
from advisory_perf.api.examples import FILE as EXAMPLES
from advisory_perf.cli.main import app
from advisory_perf.contracts.columns import COLUMNS, Column
from advisory_perf.contracts.firm_tables import FIRM_TABLES
from advisory_perf.contracts.issue_codes import CODES, Code
from advisory_perf.contracts.stored_tables import OWN_COLUMNS, STORED, StoredColumn, StoredTable
from advisory_perf.contracts.tables import DELIVERY_FACTORS, RATE_TABLES, RECONCILIATION_TOTALS, TABLES, Table
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.settings import Settings

FOLDER = Path(__file__).parent / "reference"
REQUIRED = object()
NAMES = {"str": "text", "bool": "`true`, `false`", "int": "number", "float": "number", "Decimal": "number"}
PLACED: dict[Any, str] = {dict: "{}.<name>.", tuple: "{}[]."}
GENERATED = "<!-- Written by docs/reference.py from the code. -->\n"


def cell(text: object) -> str:
    """A text within a cell of a table."""
    written = str(text).replace("|", "\\|").replace("\n", " ")
    return written if "`" in written else written.replace("<", "&lt;")


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown."""
    lines = (f"| {' | '.join(map(cell, row))} |" for row in (names, ["---"] * len(names), *rows))
    return "\n".join(lines) + "\n"


def code(text: object) -> str:
    """A text as code, and nothing where there is none."""
    return f"`{text}`" if str(text) else ""


def listed(texts: Iterable[object]) -> str:
    """Several of them."""
    return ", ".join(code(text) for text in texts if text != "")


# data dictionary ------------------------------------------------------------------------------------------------------


def data_dictionary() -> str:
    """Every table with its columns, and where each column stands."""
    every = (*TABLES.values(), RECONCILIATION_TOTALS, DELIVERY_FACTORS, *RATE_TABLES.values(), *FIRM_TABLES)
    tables = "\n".join(map(_table, every))
    rows = [
        (code(one.name), code(one.kind.sql), one.meaning, listed(one.derived_from), _values(one), _stands_in(one))
        for one in COLUMNS.values()
    ]
    columns = table(("column", "type in the warehouse", "meaning", "derived from", "values", "tables"), rows)
    own = "\n".join(map(_stored_table, STORED))
    added = table(("column", "type", "may be null", "meaning"), map(_stored_row, OWN_COLUMNS))
    text = "Every table and every column that the platform stores, once."
    return (
        f"# Data dictionary\n\n{text}\n\n## Tables\n\n{tables}\n"
        f"### What the warehouse adds to published tables and their history\n\n{added}\n"
        f"## The warehouse's own tables\n\n{own}\n## Columns\n\n{columns}"
    )


def _stored_table(one: StoredTable) -> str:
    header = f"### `{one.name}`\n\n{one.meaning[0].upper()}{one.meaning[1:]}.\n\n"
    return header + table(("column", "type", "may be null", "meaning"), map(_stored_row, one.columns))


def _stored_row(column: StoredColumn) -> tuple[str, ...]:
    return (code(column.name), code(column.sql), "yes" if column.nullable else "", column.meaning)


def _table(one: Table) -> str:
    rows = ((code(column.name), code(column.kind.sql), "yes" if one.is_nullable(column) else "", column.meaning) for column in one.columns)
    header = f"### `{one.name}`\n\n{one.meaning[0].upper()}{one.meaning[1:]}. Key: {listed(one.key)}.\n\n"
    return header + table(("column", "type", "may be null", "meaning"), rows)


def _values(column: Column) -> str:
    bound = [f"at least {column.at_least:g}"] if column.at_least is not None else []
    return "; ".join([*bound, *([listed(column.allowed)] if column.allowed else [])])


def _stands_in(column: Column) -> str:
    return ", ".join(f"[{one.name}](#{one.name})" for one in (*TABLES.values(), *RATE_TABLES.values()) if column.name in one.column_names)


# command --------------------------------------------------------------------------------------------------------------


def command() -> str:
    """Every command with its arguments and options."""
    group = typer.main.get_command(app)
    pages = "\n".join(_command(path, one) for path, one in _commands("advisory-perf", group))
    return f"# The command\n\n{group.help}\n\n{_parameters(group)}\n{pages}"


def _commands(path: str, group: Any) -> Iterator[tuple[str, Any]]:
    for name, one in sorted(group.commands.items()):
        if hasattr(one, "commands"):
            yield from _commands(f"{path} {name}", one)
        else:
            yield f"{path} {name}", one


def _command(path: str, one: Any) -> str:
    context = one.context_class(one, info_name=path)
    usage = " ".join([path, *one.collect_usage_pieces(context)])
    return f"## `{path}`\n\n{one.help}\n\n```\n{usage}\n```\n\n{_parameters(one)}"


def _parameters(one: Any) -> str:
    rows = [(code(_written(each)), each.help or "", _default(each.default)) for each in one.params if not getattr(each, "hidden", False)]
    return table(("argument or option", "meaning", "default"), rows) if rows else ""


def _written(each: Any) -> str:
    return ", ".join((*each.opts, *each.secondary_opts)) if each.param_type_name == "option" else (each.metavar or each.name).upper()


# feeds and settings ---------------------------------------------------------------------------------------------------


def feed_keys() -> str:
    """Every key of a feed with its values and its default."""
    rows = [(code(key), _type(field.annotation), _default(value)) for key, field, value in keys_of(PositionsFeed)]
    text = "What the model takes. [Feeds](../feeds.md) explains each key with an example."
    return f"# Keys of a feed\n\n{text}\n\n{table(('key', 'value', 'default'), rows)}"


def keys_of(model: type[BaseModel], before: str = "", given: BaseModel | None = None) -> Iterator[tuple[str, FieldInfo, object]]:
    """The keys of a model and of the models in it, dotted, with their defaults; of a model by name or in a list, one stands for all.

    ``given`` is what the model is where nobody writes it.
    """
    for name, field in model.model_fields.items():
        key = f"{before}{field.alias or name}"
        value = getattr(given, name) if given is not None else field.get_default(call_default_factory=True)
        inner = next((each for each in _parts(field.annotation) if isinstance(each, type) and issubclass(each, BaseModel)), None)
        if inner is None:
            yield key, field, REQUIRED if field.is_required() and given is None else value
        else:
            placed = PLACED.get(get_origin(field.annotation), "{}.").format(key)
            yield from keys_of(inner, placed, value if isinstance(value, BaseModel) else None)


def _parts(annotation: Any) -> Iterator[Any]:
    inner = get_args(annotation) if get_origin(annotation) is not Literal else ()
    yield annotation
    for each in inner:
        yield from _parts(each)


def _type(annotation: Any) -> str:
    """What may be written there, for a reader of YAML."""
    origin, inner = get_origin(annotation), [each for each in get_args(annotation) if each not in (NoneType, ...)]
    if origin is Literal:
        return listed("true" if each is True else each for each in inner)
    if origin in {tuple, frozenset, dict}:
        return f"{_type(inner[-1])} by name" if origin is dict else f"a list of {_type(inner[0])}"
    if origin in {Union, UnionType}:
        return " or ".join(map(_type, inner))
    if inner:
        return _type(inner[0])
    is_enum = isinstance(annotation, type) and issubclass(annotation, Enum)
    return listed(each.value for each in annotation) if is_enum else NAMES.get(annotation.__name__, str(annotation.__name__))


def _default(value: object) -> str:
    if value is REQUIRED:
        return "required"
    if value in (None, (), "", frozenset(), {}, PydanticUndefined):
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, Enum):
        return code(value.value)
    return listed(value) if isinstance(value, tuple) else code(value)


def settings() -> str:
    """Every variable of the environment."""
    fields = Settings.model_fields.items()
    rows = [(code(f"ADVISORY_PERF_{name.upper()}"), field.description or "", _default(field.default)) for name, field in fields]
    return f"# Settings\n\nThe environment is read once, at the start.\n\n{table(('variable', 'meaning', 'default'), rows)}"


def codes() -> str:
    """Every code of issues and of alerts with its severity and sentence."""
    issues, alerts = (table(("code", "severity", "sentence"), map(_code, each.values())) for each in (CODES, ALERT_CODES))
    return (
        f"# Codes\n\n## Issues\n\nWhat a file, a row or a figure can be found to be.\n\n{issues}\n"
        "## Alerts\n\nWhat a person is alerted of, besides deliveries that are rejected: their alerts have the code of the file. What to do"
        f" stands in the [runbook](../runbook.md#alerts).\n\n{alerts}"
    )


def _code(one: Code) -> tuple[str, ...]:
    return (code(one.name), one.severity.value, one.sentence)


# REST API -------------------------------------------------------------------------------------------------------------

SHOWN_LINES = 60


def rest_api() -> str:
    """Every endpoint with its parameters, and a real call with its answer."""
    kept = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    parts = [
        "# REST API\n\nWhat holds for all of them is explained in [its page](../api.md). Answers are cut after two entries of a list.\n"
    ]
    for path, methods in routed().openapi()["paths"].items():
        for method, operation in methods.items():
            place = f"{method.upper()} {path}"
            parts.append(f"## {place}\n\n{operation['description']}\n")
            asked = [(code(one["name"]), one["in"], one.get("description", "")) for one in operation.get("parameters", [])]
            if asked:
                parts.append(table(("parameter", "in", "meaning"), asked))
            if place in kept:
                parts.append(_call(**kept[place]))
    return "\n".join(parts)


def _call(request: str, body: Any, answer: Any) -> str:
    sent = [] if body is None else [f"```json\n{json.dumps(body, indent=1, ensure_ascii=False)}\n```\n"]
    lines = json.dumps(answer, indent=1, ensure_ascii=False).splitlines()
    shown = [*lines[:SHOWN_LINES], *(["…"] if len(lines) > SHOWN_LINES else [])]
    return "\n".join([f"```\n{request}\n```\n", *sent, "```json", *shown, "```\n"])


PAGES = {
    "data-dictionary": data_dictionary,
    "command": command,
    "feed-keys": feed_keys,
    "settings": settings,
    "codes": codes,
    "api": rest_api,
}


def main() -> None:
    """Writes all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(GENERATED + page(), encoding="utf-8")


if __name__ == "__main__":
    main()
