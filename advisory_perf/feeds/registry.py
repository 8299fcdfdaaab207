"""The feeds that this installation knows: the package's own and those of a further folder.

A folder's feed takes the place of the package's feed of the same name, so that a contract can be fixed without a
release. Reads YAML files; nothing here looks at deliveries.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from advisory_perf.declarations import Declaration, read_declaration, validated
from advisory_perf.errors import DeliveryRejectedError, FeedError
from advisory_perf.feeds.feed import Feed
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.feeds.rates_feed import RatesFeed

PACKAGE_FEEDS = Path(__file__).parent / "definitions"
FEED_MODELS: Mapping[str, type[Feed]] = {"positions": PositionsFeed, "rates": RatesFeed}
"""The model of each dataset's feeds; a feed without ``dataset`` is one of positions."""
_USUAL_DATASET = "positions"

_FEED = Declaration(
    called="feed",
    first_key="vendor",
    error=FeedError,
    says_of_values="holds a day, time or number that there is not; look for such as 2025-02-30, and put texts in quotes",
    most_bytes=256 << 10,
    most_nodes=20_000,
)
"""Of its bounds a hundredth is what the longest feed has."""


def read_feed(path: Path, models: Mapping[str, type[Feed]] = FEED_MODELS) -> Feed:
    """One feed file as a validated contract; FeedError names the file, the key and what is wrong with it.

    ``models`` has the model of each dataset's feeds.
    """
    content = read_declaration(path, _FEED)
    dataset = content.get("dataset", _USUAL_DATASET)
    model = models.get(dataset) if isinstance(dataset, str) else None
    if model is None:
        raise FeedError(f"{path}: dataset: {dataset!r} is no dataset that feeds have; set one of {', '.join(models)}")
    return validated(path, content, model, _FEED)


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
