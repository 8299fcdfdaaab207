"""The feeds that this installation knows: the package's own and those of a further folder.

A folder's feed takes the place of the package's feed of the same vendor, so that a contract can be mended without a
release. Reads YAML files; nothing here looks at deliveries.
"""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from advisory_perf.errors import DeliveryRejectedError, FeedError
from advisory_perf.vendors.feed import Feed

PACKAGE_FEEDS = Path(__file__).parent / "feeds"


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, of which YAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - yaml's own
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value} stands twice", key.start_mark)
        return super().construct_mapping(node, deep)


def read_feed(path: Path) -> Feed:
    """One feed file as a validated contract; FeedError names the file, the key and what is wrong with it."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506 - a safe loader
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FeedError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise FeedError(f"{path}: must be a mapping that starts with 'vendor: …'")
    try:
        return Feed.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'feed'}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        )
        raise FeedError(f"{path}: {problems}") from error


def load_feeds(further: Path | None = None) -> dict[str, Feed]:
    """All feeds by vendor, sorted by name; a folder that does not exist or two files for one vendor are FeedErrors."""
    feeds = _of_folder(PACKAGE_FEEDS)
    if further is not None:
        if not further.is_dir():
            raise FeedError(f"{further}: the folder of further feeds does not exist; create it or unset ADVISORY_PERF_FEEDS_DIR")
        feeds |= _of_folder(further)
    return dict(sorted(feeds.items()))


def _of_folder(folder: Path) -> dict[str, Feed]:
    feeds: dict[str, Feed] = {}
    for path in sorted(folder.glob("*.y*ml")):
        feed = read_feed(path)
        if feed.vendor in feeds:
            raise FeedError(f"{path}: the vendor {feed.vendor} already has a feed in this folder; keep one of them")
        feeds[feed.vendor] = feed
    return feeds


def feed_for(feeds: Mapping[str, Feed], file_name: str) -> Feed:
    """The one feed whose patterns match the file's name; none or several are DeliveryRejectedErrors."""
    claiming = [feed for feed in feeds.values() if feed.claims(file_name)]
    if len(claiming) == 1:
        return claiming[0]
    if claiming:
        names = " and ".join(feed.vendor for feed in claiming)
        raise DeliveryRejectedError(
            "E_UNKNOWN_VENDOR", f"{file_name}: the patterns of {names} both match the name; say --vendor or narrow one of them"
        )
    known = ", ".join(sorted({pattern for feed in feeds.values() for pattern in feed.files.patterns}))
    raise DeliveryRejectedError("E_UNKNOWN_VENDOR", f"{file_name}: no feed claims this name; say --vendor, or add a feed (known: {known})")
