"""What YAML makes of a feed's values: each is what the page says, or refused with a sentence; none is silently another."""

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from advisory_perf.errors import FeedError
from advisory_perf.feeds.positions_feed import PositionsFeed
from advisory_perf.feeds.registry import read_feed
from advisory_perf.feeds.sources import Source
from advisory_perf_tests.feeds.known import read_positions_feed

FEED = """
vendor: acme
title: Acme
cadence: daily
first_window: {first_window}
files: {{patterns: [acme_*], format: csv{files}}}
currency: {currency}
numbers: {{{numbers}}}
footer: [{{column: id, starts_with: [{starts}]}}]
columns:
  account_id: id
  as_of_date: {{from: day{day}}}
  beginning_market_value: bmv
  contributions: in
  distributions: out
  ending_market_value: emv
  fees: {{from: fee{fee}}}
conventions: {{flow_timing: weighted, fee_basis: net, weight: {weight}}}
"""
USUAL = {
    "first_window": "2020-01-01",
    "files": "",
    "currency": "USD",
    "numbers": "",
    "starts": "Total",
    "day": "",
    "fee": "",
    "weight": "0.5",
}


def read(folder: Path, **said: str) -> PositionsFeed:
    path = folder / "acme.yaml"
    path.write_text(FEED.format(**{**USUAL, **said}), encoding="utf-8")
    return read_positions_feed(path)


@pytest.mark.parametrize(
    ("said", "key", "value"),
    [
        *(({"fee": f", blank: {null}"}, "columns.fees.blank", "null") for null in ("null", "~", "Null", "NULL", '"null"', "")),
        *(({"fee": f", absent: {null}"}, "columns.fees.absent", "null") for null in ("null", "~", '"null"')),
        *(({"fee": f", sign: {sign}"}, "columns.fees.sign", -1) for sign in ("-1", "-0x1")),
        ({"fee": ", sign: +1"}, "columns.fees.sign", 1),
        *(({"fee": f", scale: {scale}"}, "columns.fees.scale", Decimal(1000)) for scale in ("1000", "1_000", '"1000"', "1e3", "1000.0")),
        *(({"fee": f", scale: {scale}"}, "columns.fees.scale", Decimal("0.01")) for scale in ("0.01", ".01", "0.010", "1e-2")),
        ({"fee": ", scale: null"}, "columns.fees.scale", None),
        *(({"numbers": f"grouping: {mark}"}, "numbers.grouping", "'") for mark in ("''''", '"\'"')),
        ({"numbers": 'grouping: " "'}, "numbers.grouping", " "),
        ({"numbers": "grouping: indian"}, "numbers.grouping", "indian"),
        ({"numbers": 'decimal_mark: ","'}, "numbers.decimal_mark", ","),
        ({"numbers": "decimal_mark: ."}, "numbers.decimal_mark", "."),
        *(({"numbers": f"credit_debit: {word}"}, "numbers.credit_debit", True) for word in ("true", "yes", "on")),
        *(({"numbers": f"trailing_minus: {word}"}, "numbers.trailing_minus", False) for word in ("false", "no", "off")),
        ({"numbers": 'blanks: [null, "no", -, --]'}, "numbers.blanks", ("null", "no", "-", "--")),
        ({"numbers": "currency_signs: [$, \u20ac, Rs., USD]"}, "numbers.currency_signs", ("$", "\u20ac", "Rs.", "USD")),
        ({"currency": "NOK"}, "currency", "NOK"),
        ({"files": ", csv: {delimiter: ;, quote: none}"}, "files.csv.quote", "none"),
        ({"files": ", header_rows: 0x2"}, "files.header_rows", 2),
        *(({"weight": weight}, "conventions.weight", Decimal("0.1")) for weight in ("0.1", ".1", "1e-1", '"0.1"')),
    ],
)
def test_a_value_is_what_the_page_says_however_yaml_reads_it(tmp_path: Path, said: dict[str, str], key: str, value: object) -> None:
    found: Any = read(tmp_path, **said)
    for part in key.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"numbers": "grouping: '"}, "cannot be read as YAML"),
        ({"numbers": "grouping: null"}, "numbers.grouping: Input should be '', ','"),
        ({"numbers": "decimal_mark: ,"}, "numbers.decimal_mark: Input should be '.', ','"),
        ({"numbers": "blanks: [no, n/a]"}, "numbers.blanks.0: Input should be a valid string; YAML reads it as False, so put it in quotes"),
        ({"starts": "1_000"}, "YAML reads it as 1000, so put it in quotes"),
        ({"starts": "007"}, "YAML reads it as 7, so put it in quotes"),
        ({"starts": "1:30"}, "YAML reads it as 90, so put it in quotes"),
        ({"starts": "2020-01-01"}, "YAML reads it as datetime.date(2020, 1, 1), so put it in quotes"),
        ({"starts": "no"}, "YAML reads it as False, so put it in quotes"),
        ({"starts": "null"}, "YAML reads it as None, so put it in quotes"),
        ({"currency": "no"}, "currency: Input should be a valid string; YAML reads it as False, so put it in quotes"),
        ({"currency": "null"}, "currency: say it once"),
        ({"day": ", formats: [2024]"}, "YAML reads it as 2024, so put it in quotes"),
        ({"day": ", formats: [%Y]"}, "cannot be read as YAML"),
        ({"files": ", csv: {quote: null}"}, "files.csv.quote: Input should be"),
        ({"files": ", csv: {record_prefix: 01}"}, "YAML reads it as 1, so put it in quotes"),
        ({"files": ", version: no"}, "YAML reads it as False, so put it in quotes"),
        ({"fee": ", scale: 0100"}, "or a power of ten (1000, 0.01), found 64"),
        ({"fee": ", scale: 10:00"}, "or a power of ten (1000, 0.01), found 600"),
        ({"fee": ", sign: - 1"}, "cannot be read as YAML"),
        ({"fee": ', sign: "-1"'}, "columns.fees.sign: Input should be 1 or -1"),
        ({"first_window": "2020"}, "first_window: "),
        ({"first_window": "20200101"}, "first_window: "),
        ({"weight": "no"}, "conventions.weight: "),
    ],
)
def test_what_yaml_reads_as_something_else_is_refused_with_its_key(tmp_path: Path, said: dict[str, str], sentence: str) -> None:
    with pytest.raises(FeedError) as caught:
        read(tmp_path, **said)
    assert sentence in str(caught.value)


def models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """A model and those of its fields, at any depth."""
    found = {model}
    for field in model.model_fields.values():
        for part in (
            field.annotation,
            *get_args(field.annotation),
            *(inner for one in get_args(field.annotation) for inner in get_args(one)),
        ):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
                found |= models(part)
    return found


def test_every_key_with_null_as_a_choice_takes_the_bare_word() -> None:
    keys = {
        (model, name)
        for model in models(PositionsFeed)
        for name, field in model.model_fields.items()
        if "null" in map(str, get_args(field.annotation))
    }
    assert {(Source, "blank"), (Source, "absent")} <= keys
    for model, name in keys:
        given = {field: "x" for field, one in model.model_fields.items() if one.is_required()}
        made = model.model_validate({**({"from": "x"} if model is Source else given), name: None})
        assert getattr(made, name) == "null", (model, name)


def laughs() -> str:
    return "a: &a [x, x]\n" + "".join(f"{name}: &{name} [*{before}, *{before}]\n" for before, name in itertools.pairwise("abcdefghij"))


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (laughs(), "line 2 repeats by *a what stands elsewhere"),
        ("vendor: acme\nbase: &base {x: 1}\nfiles: {<<: *base}\n", "line 3 repeats by *base"),
        ("vendor: acme\nfiles: " + "[" * 5_000, "line 2 is nested in more than 20 levels"),
        ("vendor: acme\nx:\n" + "".join(" " * depth + "- \n" for depth in range(1, 300)), "nested in more than 20 levels"),
        ("vendor: acme\nfiles: [" + "x, " * 30_000 + "]\n", "line 2 on it holds more than 20,000 values"),
        ("# " + "x" * 300_000 + "\nvendor: acme\n", "more than 262,144 bytes"),
        ("vendor: acme\nvendor: acme\n", "the key vendor stands twice, again in line 2"),
        ("vendor: acme\nfiles:\n  format: csv\n  format: csv\n", "the key format stands twice, again in line 4"),
        ("vendor: acme\n? [a, b]\n: x\n", "line 2 has a list or mapping in the place of a key"),
    ],
    ids=["laughs", "merge", "brackets", "indents", "values", "bytes", "twice", "twice below", "list as key"],
)
def test_a_feed_that_would_grow_or_is_deep_is_refused_with_file_and_line(tmp_path: Path, written: str, says: str) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(written)
    with pytest.raises(FeedError) as caught:
        read_feed(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "value",
    ["2025-02-30", "2025-13-01", "2025-01-01T99:00:00Z", "9" * 5_000, "0x" + "f" * 5_000, "1" + ":59" * 400 + ".5", "1" + ":59" * 3_000],
)
def test_a_day_or_number_that_there_is_not_is_refused_in_a_sentence(tmp_path: Path, value: str) -> None:
    with pytest.raises(FeedError) as refused:
        read(tmp_path, first_window=value)
    sentence = str(refused.value)
    assert sentence.startswith(f"{tmp_path / 'acme.yaml'}: ")
    assert "\n" not in sentence
    assert len(sentence) < 400
