"""YAML files that people write, as plain values: bounded, without aliases and doubled keys, refused with one sentence.

What a declaration means is its model's matter; this reads it and says in one way what is wrong with it.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from advisory_perf.errors import AdvisoryPerfError

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Declaration:
    """A kind of file: what it is called, the key it starts with, its error, and how much it may hold.

    ``says_of_values`` is what is said of a file with a day or number that there is not.
    """

    called: str
    first_key: str
    error: type[AdvisoryPerfError]
    says_of_values: str
    most_bytes: int
    most_nodes: int
    deepest: int = 20


class _RefusedError(yaml.YAMLError):
    """What no declaration has, in our own words."""


class _Loader(yaml.SafeLoader):
    """Plain values, lists and mappings, of bounded depth and number.

    Refuses a key that stands twice in a mapping, of which YAML would keep the last, and aliases, by which a few lines grow without end.
    """

    def __init__(self, stream: str, kind: Declaration) -> None:
        super().__init__(stream)
        self._kind = kind
        self._depth = self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line, kind = event.start_mark.line + 1, self._kind
        if isinstance(event, yaml.AliasEvent):
            raise _RefusedError(f"line {line} repeats by *{event.anchor} what stands elsewhere; write it out")
        self._depth, self._nodes = self._depth + 1, self._nodes + 1
        needless = f"which no {kind.called} needs; see that it is a {kind.called}"
        if self._depth > kind.deepest:
            raise _RefusedError(f"line {line} is nested in more than {kind.deepest} levels, {needless}")
        if self._nodes > kind.most_nodes:
            raise _RefusedError(f"from line {line} on it holds more than {kind.most_nodes:,} values, {needless}")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - yaml's own
        seen = set[str]()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _RefusedError(f"line {key.start_mark.line + 1} has a list or mapping in the place of a key; write a name")
            if key.value in seen:
                raise _RefusedError(f"the key {key.value[:80]} stands twice, again in line {key.start_mark.line + 1}; keep one of them")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_declaration(path: Path, kind: Declaration) -> Mapping[str, Any]:
    """The file's mapping as plain values; the kind's error names the file and what would make it right."""
    try:
        with path.open("rb") as file:
            written = file.read(kind.most_bytes + 1)
        if len(written) > kind.most_bytes:
            raise kind.error(
                f"{path}: has more than {kind.most_bytes:,} bytes, which no {kind.called} needs; see that it is a {kind.called}"
            )
        loader = _Loader(written.decode(), kind)
        try:
            content = loader.get_single_data()
        finally:
            loader.dispose()
    except OSError as error:
        raise kind.error(f"{path}: cannot be read; see that the file exists and may be opened") from error
    except UnicodeDecodeError as error:
        raise kind.error(f"{path}: is not UTF-8 at byte {error.start + 1}; save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise kind.error(f"{path}: cannot be read as YAML: {_why_no_yaml(error, kind)}") from error
    except (ValueError, OverflowError) as error:
        raise kind.error(f"{path}: {kind.says_of_values}") from error
    if not isinstance(content, dict):
        raise kind.error(f"{path}: must be a mapping that starts with '{kind.first_key}: …'")
    return content


def validated(path: Path, content: Mapping[str, Any], model: type[M], kind: Declaration) -> M:
    """The mapping as its model; the kind's error names the file, the keys and what is wrong with each."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise kind.error(f"{path}: {'; '.join(_said(problem, kind) for problem in error.errors())}") from error


def _why_no_yaml(error: yaml.YAMLError, kind: Declaration) -> str:
    """Where the text stops being YAML, and what mostly makes it so; the parser's own words are the cause only."""
    if isinstance(error, _RefusedError):
        return str(error)
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, yaml.reader.ReaderError):
        return f"character {error.position + 1} is a control character, which no YAML holds; remove it"
    if isinstance(error, yaml.constructor.ConstructorError) and mark is not None:
        return f"line {mark.line + 1} holds a value of a kind that no {kind.called} has; write it as plain text, a number or a list"
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "its end"
    return f"it goes wrong before {where}; put texts with marks in quotes, close every quote and bracket, and indent with spaces"


def _said(problem: ErrorDetails, kind: Declaration) -> str:
    """The key and what is wrong with it; where YAML made something else of a text, that too."""
    key = ".".join(str(part) for part in problem["loc"]) or kind.called
    what = problem["msg"].removeprefix("Value error, ")
    is_no_text = problem["type"] == "string_type" and isinstance(problem["input"], bool | int | float | date | None)
    return f"{key}: {what}" + (f"; YAML reads it as {problem['input']!r}, so put it in quotes" if is_no_text else "")
