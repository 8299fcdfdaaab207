"""What a client may keep, and until when: as long as nothing changes that an answer is made by."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from advisory_perf.api.service import build_of, digest_of_code, open_service
from advisory_perf.feeds.feed import Feed
from advisory_perf.platform import Platform, open_platform
from advisory_perf.settings import Settings
from advisory_perf_tests.api.calls import calls
from advisory_perf_tests.api.demo import Demo, a_demo

NOT_KEPT = {
    "/api/lineage/{vendor}/{account_id}/{as_of_date}",
    "/api/dashboard/summary",
    "/api/kpis",
    "/api/changes",
    "/api/changes/rows",
}
"""Of the lake, of the seconds of this process's requests, and of publications under way no tag speaks."""
CHANGES: dict[str, Any] = {
    "weight_completeness": 21,
    "weight_validity": 21,
    "weight_uniqueness": 21,
    "weight_consistency": 21,
    "weight_timeliness": 21,
    "weight_accuracy": 21,
    "least_quality": 50.0,
    "material_amount": Decimal(2),
    "material_return": Decimal("0.002"),
    "day_count": "actual/365",
    "deviation": "population",
    "reporting_currency": "CHF",
    "rates_source": "other",
    "pass_rate": 0.5,
    "missing_share": 0.5,
    "api_connections": 3,
    "s3_region": "eu-west-1",
}
SECRETS = {"warehouse_url", "owner_url", "reader_url", "desk_url", "dagster_url", "s3_endpoint_url", "alerts_url", "api_proxy_secret"}


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    """Of no warehouse that there is."""
    return open_platform(Settings(home=tmp_path, warehouse_url="postgresql://someone:hunter2@127.0.0.1:1/x"))


def with_settings(platform: Platform, **changes: Any) -> Platform:
    settings = platform.settings.model_copy(update=changes)
    return Platform(settings, platform.feeds, platform.lake, platform.warehouse, platform.ledger)


@pytest.mark.parametrize("name", CHANGES)
def test_another_setting_is_another_build(platform: Platform, name: str) -> None:
    assert getattr(platform.settings, name) != CHANGES[name]
    assert build_of(platform, "x") != build_of(with_settings(platform, **{name: CHANGES[name]}), "x")


def test_a_secret_is_in_no_build(platform: Platform) -> None:
    for name in SECRETS:
        assert build_of(platform, "x") == build_of(with_settings(platform, **{name: "another-secret-of-ours"}), "x")
    assert {name for name, field in Settings.model_fields.items() if not field.repr} == SECRETS


def test_another_warehouse_or_feed_is_another_build(platform: Platform) -> None:
    def feeds() -> Iterator[tuple[str, Feed]]:
        for name, feed in platform.feeds.items():
            yield name, feed.model_copy(update={"title": "another"})

    other = Platform(platform.settings, dict(feeds()), platform.lake, platform.warehouse, platform.ledger)
    assert len({build_of(platform, "x"), build_of(platform, "y"), build_of(other, "x")}) == 3
    assert build_of(platform, "x") == build_of(platform, "x")


def test_another_code_is_another_build(tmp_path: Path) -> None:
    one = tmp_path / "0"
    (one / "api").mkdir(parents=True)
    (one / "api" / "app.py").write_text("x = 1")
    (one / "view.sql").write_text("SELECT 1")
    (one / "notes.txt").write_text("nothing")

    def changed(name: str, text: str, instead_of: str | None = None) -> str:
        copy = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        shutil.copytree(one, copy)
        (copy / name).write_text(text)
        if instead_of is not None:
            (copy / instead_of).unlink()
        return digest_of_code(copy)

    said = [
        digest_of_code(one),
        changed("api/app.py", "x = 2"),
        changed("view.sql", "SELECT 2"),
        changed("api/more.py", ""),
        changed("api/other.py", "x = 1", "api/app.py"),
    ]
    assert len({*said}) == len(said)
    assert changed("notes.txt", "other") == said[0]


@pytest.mark.slow
def test_an_answer_is_kept_unless_it_depends_on_what_no_tag_names(demo: Demo) -> None:
    met = set()
    for call in calls(demo):
        if call.method != "GET" or not call.path.startswith("/api"):
            continue
        places = {name: quote(value, safe="") for name, value in call.places.items()}
        path = call.path.format(**places)
        answer = demo.client.get(path, params=dict(call.query))
        again = demo.client.get(path, params=dict(call.query), headers={"If-None-Match": answer.headers.get("ETag", "*")})
        if call.path in NOT_KEPT:
            met.add(call.path)
            assert "ETag" not in answer.headers, call.path
            assert answer.headers["Cache-Control"] == "no-store"
            assert again.status_code == 200
            assert answer.json()["metadata"]["version"] == again.json()["metadata"]["version"] > 0
        else:
            assert answer.headers["Cache-Control"] == "private, no-cache"
            assert again.status_code == 304, call.path
    assert met == NOT_KEPT


@pytest.mark.slow
def test_a_score_is_asked_for_again_once_it_is_weighed_otherwise(demo: Demo) -> None:
    path, params = "/api/quality/score", {"date_range": "2024-04-01/2025-03-31"}
    first = demo.client.get(path, params=params)
    settings = demo.settings.model_copy(update={"weight_timeliness": 100, "weight_accuracy": 0})
    with a_demo(settings) as other:
        answer = other.client.get(path, params=params, headers={"If-None-Match": first.headers["ETag"]})
    assert answer.status_code == 200
    assert answer.json()["data"]["score"] != first.json()["data"]["score"]
    assert open_service(open_platform(demo.settings)).build == demo.service.build, "and every worker says the same"
