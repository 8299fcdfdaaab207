from pathlib import Path
from typing import Any

import pytest
import yaml

from advisory_perf.analytics.composite_file import MEMBERSHIP, membership_of, read_composite
from advisory_perf.contracts.enums import Weighting
from advisory_perf.errors import CompositeError

DECLARED = """
composite: Global Balanced
description: Balanced mandates in euro, 40 to 60 % of shares
currency: EUR
benchmark: null
weighting: beginning_value
created: 2021-03-15
inception: 2020-01-01
members:
  - {account: "0001", from: 2020-01-01, reason: discretionary from the start}
  - {account: "0002", from: 2020-04-01, to: 2022-06-30, reason: new mandate, left_because: changed to shares only}
  - {account: "0002", from: 2023-01-01, reason: balanced again}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "balanced.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def changed(**keys: Any) -> str:
    return yaml.safe_dump({**yaml.safe_load(DECLARED), **keys})


def with_stay(**keys: Any) -> str:
    return changed(members=[{"account": "0001", "from": "2020-01-01", "reason": "new", **keys}])


def test_a_declaration_is_read_and_becomes_a_table(tmp_path: Path) -> None:
    composite = read_composite(written(tmp_path, DECLARED))
    assert (composite.composite, composite.weighting, composite.benchmark) == ("Global Balanced", Weighting.BEGINNING_VALUE, None)
    table = membership_of([composite])
    assert table.schema == MEMBERSHIP
    assert table.select("account_id", "to_date", "left_because").rows()[1][2] == "changed to shares only"
    assert table["account_id"].to_list() == ["0001", "0002", "0002"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (with_stay(to="2019-01-01", left_because="gone"), "leaves on 2019-01-01, before it joins on 2020-01-01"),
        (with_stay(to="2021-01-01"), "has one of 'to' and 'left_because' alone; a stay that ends has both"),
        (with_stay(left_because="gone"), "has one of 'to' and 'left_because' alone"),
        (with_stay(reason=""), "members.0.reason: String should have at least 1 character"),
        (with_stay(account=1), "members.0.account: Input should be a valid string; YAML reads it as 1, so put it in quotes"),
        (with_stay(**{"from": "2019-12-31"}), "joins on 2019-12-31, before the inception on 2020-01-01"),
        (
            changed(members=[{"account": "1", "from": "2020-01-01", "reason": "r", **more} for more in ({"vendor": "x"}, {})]),
            "the account 1 has a vendor at one of its stays and none at another; write it at each",
        ),
        (
            changed(members=[{"account": "1", "vendor": "x", "from": "2020-01-01", "reason": why} for why in "ab"]),
            "while it is a member since 2020-01-01; end that stay",
        ),
        (changed(benchmark_returns={"2020-01": 0.01}), "benchmark_returns are those of a benchmark; write its name as benchmark"),
        (
            changed(benchmark="B", benchmark_returns={"2020-13": 0.01}),
            "benchmark_returns: '2020-13' is no month; write one, such as 2024-01",
        ),
        (
            changed(benchmark="B", benchmark_returns={"2020-01": -1.01}),
            "benchmark_returns: -1.01 in 2020-01 is no return; write 0.0123 for",
        ),
        (changed(benchmark="B", benchmark_returns={"2020-01": "x"}), "benchmark_returns.2020-01: Input should be a valid number"),
        (changed(currency="EURO"), "the currency 'EURO' is no code of ISO 4217"),
        (changed(weighting="equal"), "weighting: Input should be 'beginning_value' or 'aggregate'"),
        (changed(members=[]), "members: Tuple should have at least 1 item"),
        (
            changed(members=[{"account": "1", "from": "2020-01-01", "reason": why} for why in "ab"]),
            "while it is a member since 2020-01-01; end that stay",
        ),
        (changed(colour="blue"), "colour: Extra inputs are not permitted"),
        (DECLARED.replace("benchmark: null\n", ""), "benchmark: Field required"),
        (DECLARED + "currency: USD\n", "the key currency stands twice, again in line 13; keep one"),
        ("composite: &one x\ndescription: *one\n", r"line 2 repeats by \*one what stands elsewhere; write it out"),
        ("composite: [", "cannot be read as YAML: it goes wrong before line 1, column 13"),
        ("- a\n- b\n", "must be a mapping that starts with 'composite: …'"),
        (DECLARED.replace("2021-03-15", "2021-02-30"), "holds a day or a value that there is not, such as 2025-02-30"),
    ],
)
def test_what_is_no_declaration_is_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CompositeError, match=message) as caught:
        read_composite(written(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path / "balanced.yaml"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_no_text_or_far_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompositeError, match="cannot be read; see that the file exists"):
        read_composite(tmp_path / "none.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"composite: \xe9")
    with pytest.raises(CompositeError, match="is not UTF-8 at byte 12; save it as UTF-8"):
        read_composite(path)
    path.write_bytes(b"#" * (5 << 20))
    with pytest.raises(CompositeError, match="has more than 4,194,304 bytes"):
        read_composite(path)


def test_one_number_of_two_vendors_is_two_accounts(tmp_path: Path) -> None:
    stays = [{"account": "1", "vendor": vendor, "from": "2020-01-01", "reason": "r"} for vendor in "xy"]
    table = membership_of([read_composite(written(tmp_path, changed(members=stays)))])
    assert table["data_source"].to_list() == ["x", "y"]
