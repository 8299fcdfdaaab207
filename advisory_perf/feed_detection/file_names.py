"""What a file's name tells: the pattern of its kind, its version, and a name for the vendor."""

import re

_DATE = r"\d{4}[-_.]\d{1,2}[-_.]\d{1,2}|\d{1,2}[-_.]\d{1,2}[-_.]\d{4}|\d{4}[-_.]\d{2}(?!\d)|(?<!\d)\d{4,8}(?!\d)"
_VERSION = re.compile(r"([_-]v)\d+$", re.IGNORECASE)


def file_names(file_name: str) -> dict[str, str | list[str]]:
    """The pattern and, where the name carries one, the version of a feed's ``files``, from one file's name."""
    stem, dot, ending = file_name.rpartition(".")
    stem, ending = (stem, dot + ending) if dot else (ending, "")
    versioned = _VERSION.search(stem)
    bare = stem[: versioned.start()] if versioned else stem
    pattern = "*".join(re.sub(r"([\[?*])", r"[\1]", part) for part in re.split(_DATE, bare))
    pattern = re.sub(r"\*+", "*", pattern if not versioned or pattern.endswith("*") else f"{pattern}*")
    version: dict[str, str | list[str]] = {"version": rf"{versioned[1].lower()}(\d+)$"} if versioned else {}
    return {"patterns": [pattern + ending], **version}


def vendor_of(file_name: str) -> str:
    """A name for the vendor out of the file's: its words without date, version and the word for what it is."""
    stem = _VERSION.sub("", file_name.rpartition(".")[0] or file_name).casefold()
    words = re.sub(r"[^a-z0-9]+", "_", re.sub(_DATE, "_", stem)).strip("_")
    words = re.sub(r"(_(performance|perf|returns?|report|data|file|positions?|export))+$", "", words)
    return words[:40] if words[:1].isalpha() and words != "unknown" else f"vendor_{words}".strip("_")[:40]
