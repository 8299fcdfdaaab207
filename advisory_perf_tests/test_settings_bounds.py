"""Every default of the settings, and every bound with what lies just inside and just outside of it."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from advisory_perf.quality.scores import DIMENSIONS
from advisory_perf.settings import Settings, _share_of_the_memory

DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(
        ("lake_url", "warehouse_url", "owner_url", "reader_url", "desk_url", "dagster_url", "feeds_dir", "composites_dir"), None
    ),
    **dict.fromkeys(("s3_endpoint_url", "heartbeat_file", "alerts_url", "reporting_currency", "rates_source"), None),
    "s3_region": "us-east-1",
    "log_level": "WARNING",
    "pass_rate": 0.95,
    "incomparable_share": 0.2,
    "missing_share": 0.1,
    **{f"weight_{name}": 20 for name in ("completeness", "validity", "consistency", "accuracy")},
    **{f"weight_{name}": 10 for name in ("uniqueness", "timeliness")},
    "least_quality": 90,
    "material_amount": 1000,
    "material_return": Decimal("0.001"),
    "deviation": "sample",
    "day_count": "actual/365.25",
    "settle_seconds": 5,
    "max_bytes": 2 << 30,
    "max_expanded_bytes": 4 << 30,
    "max_rows": 20_000_000,
    "max_columns": 2_000,
    "max_nesting": 64,
    "max_cell_chars": 32_767,
    "read_seconds": 600,
    "attempts": 3,
    "run_days": 90,
    "longest_rest_seconds": 300,
    "alerts_severity": "MEDIUM",
    "page_hosts": "",
    "api_auth": "none",
    "api_tokens_file": None,
    "api_proxy_secret": None,
    "api_proxy_addresses": "127.0.0.1,::1",
    "api_proxy_user_header": "X-Forwarded-User",
    "api_proxy_groups_header": "X-Forwarded-Groups",
    **{f"api_{role}s": "" for role in ("reader", "analyst", "operator")},
    "api_connections": 8,
}
INSIDE_AND_OUTSIDE: dict[str, tuple[list[Any], list[Any]]] = {
    "pass_rate": ([0, 1], [-0.01, 1.01]),
    "incomparable_share": ([0, 1], [-0.01, 1.01]),
    "missing_share": ([0, 1], [-0.01, 1.01]),
    **{f"weight_{dimension.lower()}": ([0, 100], [-1, 101, 0.5]) for dimension in DIMENSIONS},
    "least_quality": ([0, 100], [-0.1, 100.1]),
    **{name: ([0, Decimal("0.5")], [Decimal("-0.1")]) for name in ("material_amount", "material_return")},
    "settle_seconds": ([0, 0.5], [-0.1]),
    **{name: ([1], [0, 1.5]) for name in ("max_bytes", "max_expanded_bytes", "max_rows", "max_columns", "max_cell_chars")},
    "max_nesting": ([2, 200], [1, 201]),
    "read_memory_bytes": ([1 << 28], [(1 << 28) - 1]),
    "read_seconds": ([1], [0]),
    "attempts": ([1], [0]),
    "run_days": ([2], [1]),
    "longest_rest_seconds": ([0.1], [0]),
    "deviation": (["sample", "population"], ["Sample", "samples", ""]),
    "day_count": (["actual/365.25", "actual/365", "months/12"], ["actual/365x25", "365", ""]),
    "log_level": (["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], ["debug", "LOUD", "INFOX", ""]),
    "api_connections": ([1, 100], [0, 101]),
    "api_auth": (["none", "token"], ["", "None", "token,none", "proxy,token", "tokens"]),
    "api_proxy_secret": (["x" * 16], ["x" * 15]),
    "alerts_severity": (["LOW", "MEDIUM", "HIGH", "CRITICAL"], ["low", "LOWER", ""]),
}
SECRET = ("warehouse_url", "owner_url", "reader_url", "desk_url", "dagster_url", "s3_endpoint_url", "alerts_url", "api_proxy_secret")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("ADVISORY_PERF_"):
            monkeypatch.delenv(name)


def test_every_default_is_the_agreed_one() -> None:
    found = Settings().model_dump()
    assert found.pop("home") == Path(".advisory_perf").resolve()
    assert found.pop("read_memory_bytes") == _share_of_the_memory()
    assert found == DEFAULTS


@pytest.mark.parametrize("name", INSIDE_AND_OUTSIDE)
def test_a_bound_takes_what_lies_just_inside_and_refuses_what_lies_just_outside(name: str) -> None:
    inside, outside = INSIDE_AND_OUTSIDE[name]
    assert [getattr(Settings.model_validate({name: value}), name) for value in inside] == inside
    for value in outside:
        with pytest.raises(ValidationError, match=name):
            Settings.model_validate({name: value})


@pytest.mark.parametrize(
    ("memory", "container", "share"),
    [(64 << 30, None, 6 << 30), (64 << 30, "max", 6 << 30), (64 << 30, str(32 << 30), 3 << 30), (16 << 30, str(32 << 30), 3 << 29)],
)
def test_a_reader_has_its_share_of_the_machine_or_of_the_container_if_that_has_less(
    monkeypatch: pytest.MonkeyPatch, memory: int, container: str | None, share: int
) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": memory // 4096}.__getitem__)
    monkeypatch.setattr(Path, "is_file", lambda _: container is not None)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"{container}\n")
    assert _share_of_the_memory() == share


def test_a_small_machine_gives_a_reader_the_least_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}.__getitem__)
    assert _share_of_the_memory() == 1 << 28


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVISORY_PERF_ATTEMPTS", "")
    monkeypatch.setenv("ADVISORY_PERF_RUN_DAYS", "7")
    assert (Settings().attempts, Settings().run_days) == (3, 7)


def test_no_address_is_shown_and_no_value_is_repeated_in_an_error() -> None:
    shown = repr(Settings.model_validate(dict.fromkeys(SECRET, "postgresql://secret")))
    assert "secret" not in shown
    with pytest.raises(ValidationError, match="attempts") as refused:
        Settings.model_validate({"attempts": "secret"})
    assert "secret" not in str(refused.value)


def test_folders_are_absolute_and_know_the_users_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    settings = Settings.model_validate({"home": "a", "feeds_dir": "~/b", "heartbeat_file": "c/d", "lake_url": "~/lake"})
    assert (settings.home, settings.feeds_dir, settings.heartbeat_file) == (tmp_path / "a", tmp_path / "user/b", tmp_path / "c/d")
    assert settings.lake == str(tmp_path / "user/lake")
    assert Settings.model_validate({"home": "a"}).lake == str(tmp_path / "a/lake")
    assert Settings.model_validate({"home": "a", "composites_dir": "~/c"}).composites == tmp_path / "user/c"
    assert Settings(lake_url="relative").lake == str(tmp_path / "relative")


def test_composites_lie_in_the_home_unless_a_folder_is_set(tmp_path: Path) -> None:
    assert Settings(home=tmp_path).composites is None
    (tmp_path / "composites").mkdir()
    assert Settings(home=tmp_path).composites == tmp_path / "composites"


def test_the_processes_of_dagster_get_what_is_set_but_for_the_owners_address() -> None:
    settings = Settings(warehouse_url="w", owner_url="o", reader_url="r", desk_url="d", attempts=7)
    found = settings.as_environment()
    assert {name: found[f"ADVISORY_PERF_{name}"] for name in ("WAREHOUSE_URL", "READER_URL", "DESK_URL", "ATTEMPTS")} == {
        "WAREHOUSE_URL": "w",
        "READER_URL": "r",
        "DESK_URL": "d",
        "ATTEMPTS": "7",
    }
    assert not {"ADVISORY_PERF_OWNER_URL", "ADVISORY_PERF_LAKE_URL", "ADVISORY_PERF_FEEDS_DIR"} & found.keys()
    assert (settings.is_embedded, Settings().is_embedded) == (False, True)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().attempts = 4  # type: ignore[misc]
