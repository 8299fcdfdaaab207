"""The feeds that this installation knows: the package's own and those of a further folder.

A folder's feed takes the place of the package's feed of the same name, so that a contract can be fixed without a
release. Reads YAML files; nothing here looks at deliveries.
"""

from collections.abc import Hashable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from advisory_perf.errors import DeliveryRejectedError, FeedError
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.positions_feed import PositionsFeed

PACKAGE_FEEDS = Path(__file__).parent / "definitions"
FEED_MODELS: Mapping[str, type[Feed]] = {"positions": PositionsFeed}
"""The model of each dataset's feeds; a feed without ``dataset`` is one of positions."""
_USUAL_DATASET = "positions"

_MOST_BYTES, _DEEPEST, _MOST_NODES = 256 << 10, 20, 20_000
"""Of a feed: a hundred times what the longest one has."""


class _NoFeedError(yaml.YAMLError):
    """What no feed has, in our own words."""


class _FeedLoader(yaml.SafeLoader):
    """Plain values, lists and mappings, of bounded depth and number.

    Refuses a key that stands twice in a mapping, of which YAML would keep the last, and aliases, by which a few lines grow without end.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise _NoFeedError(f"line {line} repeats by *{event.anchor} what stands elsewhere; write it out")
        self._depth, self._nodes = self._depth + 1, self._nodes + 1
        if self._depth > _DEEPEST:
            raise _NoFeedError(f"line {line} is nested in more than {_DEEPEST} levels, which no feed needs; see that it is a feed")
        if self._nodes > _MOST_NODES:
            raise _NoFeedError(f"from line {line} on it holds more than {_MOST_NODES:,} values, which no feed needs; see that it is a feed")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - yaml's own
        seen = set[str]()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _NoFeedError(f"line {key.start_mark.line + 1} has a list or mapping in the place of a key; write a name")
            if key.value in seen:
                raise _NoFeedError(f"the key {key.value[:80]} stands twice, again in line {key.start_mark.line + 1}; keep one of them")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_feed(path: Path, models: Mapping[str, type[Feed]] = FEED_MODELS) -> Feed:
    """One feed file as a validated contract; FeedError names the file, the key and what is wrong with it.

    ``models`` has the model of each dataset's feeds.
    """
    try:
        with path.open("rb") as file:
            written = file.read(_MOST_BYTES + 1)
        if len(written) > _MOST_BYTES:
            raise FeedError(f"{path}: has more than {_MOST_BYTES:,} bytes, which no feed needs; see that it is a feed")
        content = yaml.load(written.decode(), Loader=_FeedLoader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise FeedError(f"{path}: cannot be read; see that the file exists and may be opened") from error
    except UnicodeDecodeError as error:
        raise FeedError(f"{path}: is not UTF-8 at byte {error.start + 1}; save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise FeedError(f"{path}: cannot be read as YAML: {_why_no_yaml(error)}") from error
    except (ValueError, OverflowError) as error:
        raise FeedError(
            f"{path}: holds a day, time or number that there is not; look for such as 2025-02-30, and put texts in quotes"
        ) from error
    if not isinstance(content, dict):
        raise FeedError(f"{path}: must be a mapping that starts with 'vendor: …'")
    dataset = content.get("dataset", _USUAL_DATASET)
    model = models.get(dataset) if isinstance(dataset, str) else None
    if model is None:
        raise FeedError(f"{path}: dataset: {dataset!r} is no dataset that feeds have; set one of {', '.join(models)}")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise FeedError(f"{path}: {'; '.join(map(_said, error.errors()))}") from error


def _why_no_yaml(error: yaml.YAMLError) -> str:
    """Where the text stops being YAML, and what mostly makes it so; the parser's own words are the cause only."""
    if isinstance(error, _NoFeedError):
        return str(error)
    mark = getattr(error, "problem_mark", None)
    if isinstance(error, yaml.reader.ReaderError):
        return f"character {error.position + 1} is a control character, which no YAML holds; remove it"
    if isinstance(error, yaml.constructor.ConstructorError) and mark is not None:
        return f"line {mark.line + 1} holds a value of a kind that no feed has; write it as plain text, a number or a list"
    where = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "its end"
    return f"it goes wrong before {where}; put texts with marks in quotes, close every quote and bracket, and indent with spaces"


def _said(problem: ErrorDetails) -> str:
    """The key and what is wrong with it; where YAML made something else of a text, that too."""
    key = ".".join(str(part) for part in problem["loc"]) or "feed"
    what = problem["msg"].removeprefix("Value error, ")
    is_no_text = problem["type"] == "string_type" and isinstance(problem["input"], bool | int | float | date | None)
    return f"{key}: {what}" + (f"; YAML reads it as {problem['input']!r}, so put it in quotes" if is_no_text else "")


def load_feeds(further: Path | None = None, *, models: Mapping[str, type[Feed]] = FEED_MODELS) -> dict[str, Feed]:
    """All feeds by name, sorted; a folder that does not exist, or two feeds that would publish the same rows, are FeedErrors."""
    feeds = _of_folder(PACKAGE_FEEDS, models)
    if further is not None:
        if not further.is_dir():
            raise FeedError(f"{further}: the folder of further feeds does not exist; create it or unset ADVISORY_PERF_FEEDS_DIR")
        feeds |= _of_folder(further, models)
    _refuse_rivals([feed for feed, _ in feeds.values()], {name: path for name, (_, path) in feeds.items()})
    return {name: feed for name, (feed, _) in sorted(feeds.items())}


def _of_folder(folder: Path, models: Mapping[str, type[Feed]]) -> dict[str, tuple[Feed, Path]]:
    feeds: dict[str, tuple[Feed, Path]] = {}
    for path in sorted(folder.glob("*.y*ml")):
        feed = read_feed(path, models)
        if feed.name in feeds:
            other = feeds[feed.name][1].name
            raise FeedError(f"{path}: {other} in this folder already is the feed {feed.name}; set another name, or keep one of them")
        feeds[feed.name] = feed, path
    return feeds


def _refuse_rivals(feeds: Iterable[Feed], paths: Mapping[str, Path]) -> None:
    """FeedError where two feeds publish the same dataset of one vendor: each would replace the days of the other."""
    first: dict[tuple[str, str], Feed] = {}
    for feed in feeds:
        rival = first.setdefault((feed.vendor, feed.dataset), feed)
        if rival is not feed:
            raise FeedError(
                f"{paths[feed.name]}: {rival.name} already has the {feed.dataset} of {feed.vendor}, and each would replace the days that"
                f" the other publishes; set name: {rival.name} to take its place, or vendor to a name of its own"
            )


def vendor_of(feeds: Mapping[str, Feed], name: str) -> str:
    """Whose data the feed of that name is; what is no feed, such as ``unknown``, goes by its own name."""
    return feeds[name].vendor if name in feeds else name


def feed_for(feeds: Mapping[str, Feed], file_name: str) -> Feed:
    """The one feed whose patterns match the file's name; none or several are DeliveryRejectedErrors."""
    claiming = [feed for feed in feeds.values() if feed.claims(file_name)]
    if len(claiming) == 1:
        return claiming[0]
    if claiming:
        names = " and ".join(feed.name for feed in claiming)
        raise DeliveryRejectedError(
            "E_UNKNOWN_VENDOR", f"{file_name}: the patterns of {names} both match the name; say --feed or narrow one of them"
        )
    known = ", ".join(sorted({pattern for feed in feeds.values() for pattern in feed.files.patterns}))
    raise DeliveryRejectedError("E_UNKNOWN_VENDOR", f"{file_name}: no feed claims this name; say --feed, or add a feed (known: {known})")
