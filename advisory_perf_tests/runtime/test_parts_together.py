"""What an installation is put together of: addresses by role, the doctor's look, the health check, what is served, the demo."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

from advisory_perf.analytics.composite_file import read_composite
from advisory_perf.contracts.firm_tables import FIRM_TABLES
from advisory_perf.errors import LakeOutageError, SettingsError, WarehouseError
from advisory_perf.operations import doctor
from advisory_perf.operations.health import HealthFinding
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.orchestration.io_managers import AccountsIOManager
from advisory_perf.platform import open_platform
from advisory_perf.runtime import alive, dev_server, installation, web_page
from advisory_perf.runtime.demo import write_demo_composite, write_demo_deliveries
from advisory_perf.runtime.hosts import is_free
from advisory_perf.runtime.installation import Installation, open_installation
from advisory_perf.runtime.parts import Child, EmbeddedServer
from advisory_perf.runtime.supervisor import SupervisionError
from advisory_perf.runtime.web_page import as_served, serve_page
from advisory_perf.settings import Settings
from advisory_perf.warehouse.roles import Role
from advisory_perf_tests.cli.in_process import opened
from advisory_perf_tests.orchestration.scenarios import NOWHERE, a_world, settings_with_acme

A_PORT = 3999


# platform and definitions ---------------------------------------------------------------------------------------------


def test_the_platform_is_made_of_what_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Mock()
    monkeypatch.setattr("advisory_perf.platform.Lake", lake)
    settings = settings_with_acme(tmp_path, NOWHERE, s3_endpoint_url="http://127.0.0.1:1", s3_region="eu-north-1", lake_url="s3://b-1/x")
    platform = open_platform(settings)
    assert (lake.call_args.args, lake.call_args.kwargs) == (("s3://b-1/x",), {"endpoint_url": "http://127.0.0.1:1", "region": "eu-north-1"})
    assert (platform.warehouse.url, platform.warehouse.role) == (NOWHERE, Role.WRITER)
    assert (platform.settings, list(platform.feeds)) == (settings, ["acme", "vendor_a", "vendor_b", "vendor_c", "vendor_d"])
    with pytest.raises(SettingsError, match="ADVISORY_PERF_S3_ENDPOINT_URL"):
        open_platform(settings.model_copy(update={"s3_endpoint_url": "nonsense"}))


def test_every_resource_and_the_pulses_sensors_are_there(tmp_path: Path) -> None:
    made = build_definitions(settings_with_acme(tmp_path))
    resources = dict(made.resources or {})
    assert set(resources) == {"lake", "published", "accounts", "locks", "stores", "unreadable"}
    assert isinstance(resources["accounts"], AccountsIOManager)
    assert {resources[name].required_resource_keys == {"locks", "stores"} for name in ("lake", "published")} == {True}
    managers: dict[str, set[str]] = {}
    for spec in made.resolve_all_asset_specs():
        key = made.resolve_assets_def(spec.key).get_io_manager_key_for_asset_key(spec.key)
        managers.setdefault(key, set()).add(spec.key.path[-1])
    assert managers == {
        "published": {"reconciliation_results", "portfolio_performance", "performance_data"},
        "accounts": {"accounts"},
        "lake": {"raw_vendor_file", "delivered_positions", "quarantined_rows", "normalized_positions", "net_flows", "twrr_series"},
        "io_manager": {table.name for table in FIRM_TABLES},  # which their steps write themselves
    }


# addresses ------------------------------------------------------------------------------------------------------------


def test_of_the_embedded_server_each_role_has_its_own_address() -> None:
    server = Mock(url=lambda user=None: f"as {user}")
    assert installation._addresses(server) == {  # noqa: SLF001 - what a swap of two would change
        "warehouse_url": f"as {Role.WRITER}",
        "owner_url": "as None",
        "reader_url": f"as {Role.READER}",
        "desk_url": f"as {Role.DESK}",
    }


def test_only_a_foreign_warehouse_is_asked_whether_its_schema_is_new_and_only_where_it_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = Mock(return_value=["012_x", "013_y"])
    monkeypatch.setattr(installation, "pending_migrations", pending)
    settings = Settings(home=tmp_path, warehouse_url=NOWHERE, dagster_url="postgresql+psycopg2://nowhere/x")
    with (
        pytest.raises(WarehouseError, match=r"lacks the migrations 012_x, 013_y; run `advisory-perf migrate`"),
        open_installation(settings),
    ):
        pass
    assert pending.call_args.args == (NOWHERE,)
    with open_installation(settings, migrating=False) as opened_one:
        assert (opened_one.settings, opened_one.server) == (settings, None)
    assert pending.call_count == 1


def test_dagsters_file_is_written_anew_only_where_it_differs(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new")
    for before in (None, "old", "new"):
        target.unlink(missing_ok=True)
        if before is not None:
            target.write_text(before)
            os.utime(target, (1, 1))
        installation._copy(source, target)  # noqa: SLF001 - the whole of it
        assert target.read_text() == "new"
        assert (target.stat().st_mtime == 1) is (before == "new")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


# doctor ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def looked_at(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., dict[str, list[HealthFinding]]]]:
    """The doctor's findings by their subject, with some of the settings changed."""
    with a_world(tmp_path, warehouse_url) as world:

        def examine(**changes: object) -> dict[str, list[HealthFinding]]:
            chosen = world.platform.settings.model_copy(update=changes)

            @contextmanager
            def open_it(settings: Settings, *, migrating: bool) -> Iterator[Installation]:
                assert (settings, migrating) == (chosen, False), "it changes nothing that it finds"
                yield type(opened(world))(chosen, chosen.home, None, world.instance)

            monkeypatch.setattr(doctor, "open_installation", open_it)
            found: dict[str, list[HealthFinding]] = {}
            for finding in doctor.examine(chosen):
                found.setdefault(finding.subject, []).append(finding)
            return found

        yield examine


@pytest.mark.slow
def test_the_doctor_looks_at_every_part_in_this_order(
    looked_at: Callable[..., dict[str, list[HealthFinding]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs_by_itself = Mock(return_value=[HealthFinding(name, is_good=True, says="so it is") for name in ("daemon", "queue")])
    monkeypatch.setattr(doctor, "daemon_health", runs_by_itself)
    looked_at(dagster_url="postgresql+psycopg2://elsewhere/x", heartbeat_file=tmp_path / "beat")
    assert (runs_by_itself.call_args.args[1], runs_by_itself.call_args.kwargs["is_embedded"]) == (tmp_path / "beat", False)
    found = looked_at()
    reported = {name: runs_by_itself.call_args.kwargs[name] for name in ("waiting", "is_embedded")}
    assert reported == {"waiting": 0, "is_embedded": True}
    assert list(found) == [
        *("feeds", "home", "lake: write", "lake: list", "lake: read", "lake: delete", "warehouse", "warehouse: schema"),
        *(
            "roles",
            "partitions: performance_data",
            "partitions: portfolio_performance",
            "partitions: reconciliation_results",
            "indexes",
            "constraints",
        ),
        *(f"ledger: {part}" for part in ("RECEIVED", "PROCESSING", "FAILED", "rows", "published rows", "ingestions")),
        *("alerts: channel", "alerts: waiting", "alerts: open", "daemon", "queue"),
    ]
    assert found["feeds"][0].says == "5 valid: acme, vendor_a, vendor_b, vendor_c, vendor_d"


def test_where_an_installation_cannot_be_opened_the_feeds_are_looked_at_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "x.yaml").write_text("vendor: x\n")
    (tmp_path / "file").touch()
    feeds, home = doctor.examine(Settings(home=tmp_path / "file", feeds_dir=tmp_path / "feeds"))
    assert (feeds.subject, feeds.is_good, home.subject, home.is_good) == ("feeds", False, "installation", False)
    assert "cannot be made a folder" in home.says


def test_the_doctor_counts_what_waits_and_nothing_where_the_lake_does_not_answer() -> None:
    lake = Mock(files=Mock(return_value=[1, 2, 3]))
    assert doctor._waiting(lake) == 3  # noqa: SLF001 - what the daemon's finding needs
    assert lake.files.call_args.args == ("incoming/",)
    lake.files.side_effect = LakeOutageError("gone")
    assert doctor._waiting(lake) == 0  # noqa: SLF001


# health ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("silent", ["", "code", "page", "daemon", "code page daemon", "one of two codes", "no workspace"])
def test_each_silent_part_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: str) -> None:
    settings = Settings(home=tmp_path)
    made = Mock(dagster_home=tmp_path)
    made.instance.return_value = MagicMock()

    @contextmanager
    def open_it(_settings: Settings, *, migrating: bool) -> Iterator[Mock]:
        assert not migrating
        yield made

    sockets = [{"grpc_server": {"socket": name}} for name in ("one", "two")]
    if silent != "no workspace":
        (tmp_path / "workspace.yaml").write_text(json.dumps({"load_from": sockets}))
    monkeypatch.setattr(alive, "open_installation", open_it)
    deaf = {"code": {"one", "two"}, "one of two codes": {"two"}}.get(silent, {"one", "two"} if "code" in silent else set())
    monkeypatch.setattr(alive, "code_answers", lambda socket: socket not in deaf)
    asked = Mock(return_value="page" not in silent)
    monkeypatch.setattr(alive, "page_answers", asked)
    lives = Mock(return_value="daemon" not in silent)
    monkeypatch.setattr(alive, "all_daemons_live", lives)
    says = alive.silent_parts(settings, host="127.0.0.1", port=A_PORT)
    expected = {
        "the code server does not answer": "code" in silent or silent == "no workspace",
        f"the web page does not answer on 127.0.0.1:{A_PORT}": "page" in silent,
        "the daemon has not been heard of for 180 seconds": "daemon" in silent,
    }
    assert says == [sentence for sentence, is_silent in expected.items() if is_silent]
    assert (asked.call_args.args, lives.call_args.kwargs) == (("127.0.0.1", A_PORT), {"heartbeat_tolerance_seconds": 180})


# demo -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("today", "last_month"), [(date(2025, 3, 1), date(2025, 2, 28)), (date(2025, 3, 31), date(2025, 2, 28))])
def test_the_demonstration_ends_with_the_last_full_month(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, today: date, last_month: date
) -> None:
    made = Mock(return_value=Mock(files=[]))
    for number in (2, 1):
        file = Mock(content=f"{number}".encode())
        file.name = f"{number}.csv"
        made.return_value.files.append(file)
    monkeypatch.setattr("advisory_perf.samples.deliveries.make_samples", made)
    paths = write_demo_deliveries(tmp_path, today=today)
    assert [(path.name, path.read_text()) for path in paths] == [("2.csv", "2"), ("1.csv", "1")], "in order of arrival"
    assert made.call_args.kwargs == {"seed": 1, "accounts": 40, "last_month": last_month, "months": 12}


def test_the_demonstration_has_a_composite_of_its_months_unless_a_folder_is_set(tmp_path: Path) -> None:
    path = write_demo_composite(Settings(home=tmp_path), today=date(2025, 3, 1))
    assert path == tmp_path / "composites" / "demo_balanced.yaml"
    made = read_composite(path)
    assert (made.inception, made.benchmark, len(made.members)) == (date(2024, 3, 1), None, 8)
    assert [(stay.first, stay.last) for stay in made.members[-2:]] == [
        (date(2024, 5, 1), None),
        (date(2024, 3, 1), date(2024, 11, 1)),
    ]
    assert write_demo_composite(Settings(home=tmp_path, composites_dir=tmp_path / "own")) is None
    assert not (tmp_path / "own").exists()


# what is served -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("embedded", "read_only", "logs", "signals"), [(True, True, True, 1), (False, False, False, 2)])
def test_what_is_served_is_watched_in_order_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, embedded: bool, read_only: bool, logs: bool, signals: int
) -> None:
    watched: list[Any] = []
    ended: list[Any] = []

    class Watching:
        def __init__(self, parts: list[Any], _say: object) -> None:
            watched.extend(parts)

        def look(self) -> None:
            for _ in range(signals):
                signal.raise_signal(signal.SIGTERM)
            raise SupervisionError("the daemon ended 7 times")

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(dev_server, "Supervisor", Watching)
    monkeypatch.setattr(dev_server, "end", lambda children, patience, *, is_hurried: ended.append((children, patience, is_hurried())))
    made = Mock(dagster_home=tmp_path, environment={"A": "B"}, server=Mock() if embedded else None)
    made.settings.home, made.instance.return_value, made.settings.api_auth = tmp_path, MagicMock(), "none"
    pages = dev_server.Pages("127.0.0.1", A_PORT, read_only=read_only, api_port=A_PORT + 1 if logs else None)
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "web_page.log").write_text("of yesterday")
    try:
        with pytest.raises(SupervisionError, match="the daemon ended 7 times"):
            dev_server.serve(made, print, pages, logs=folder if logs else None)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    children = [part for part in watched if isinstance(part, Child)]
    assert [isinstance(part, EmbeddedServer) for part in watched] == ([True] if embedded else []) + [False] * len(children)
    assert [(part.name, part.is_needed, part.silence) for part in children] == [
        ("code server", True, 12),
        ("daemon", False, 120),
        ("web page", False, 60),
        *([("API", False, 60)] if logs else []),
    ]
    assert ended == [(children, 15, signals > 1)], "who asks a second time is in a hurry"
    code, daemon, web, *api = (list(part.command) for part in children)
    workspace = json.loads((tmp_path / "workspace.yaml").read_text())
    (place,) = workspace["load_from"]
    assert place["grpc_server"]["location_name"] == "advisory_perf"
    assert code[code.index("--socket") + 1] == place["grpc_server"]["socket"]
    assert code[code.index("--module-name") + 1] == "advisory_perf.orchestration.definitions"
    assert code[code.index("--max-workers") + 1] == "32"
    assert daemon[daemon.index("--workspace") + 1] == str(tmp_path / "workspace.yaml")
    assert web[web.index("--host") + 1 :][:3] == ["127.0.0.1", "--port", str(A_PORT)]
    assert ("--allow-changes" in web) is not read_only
    assert [one[one.index("serve") :] for one in api] == ([["serve", "--host", "127.0.0.1", "--port", str(A_PORT + 1)]] if logs else [])
    assert {(str(part.folder), part.environment["A"]) for part in children} == {(str(tmp_path), "B")}
    named = [folder / f"{name}.log" for name in ("code_server", "daemon", "web_page", "API")] if logs else [None] * 3
    assert [part.log_file for part in children] == named
    assert (folder / "web_page.log").exists() is not logs, "what was said yesterday is no part of today's log"


def test_nothing_is_served_where_the_page_cannot_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "workspace.yaml").touch()
    for served in (dev_server, web_page):
        monkeypatch.setattr(served, "is_free", lambda _host, _port: False)
    with pytest.raises(SettingsError, match=rf"the page cannot listen on 127\.0\.0\.1:{A_PORT}, which is taken .* with --port"):
        dev_server.serve(Mock(), print, dev_server.Pages("127.0.0.1", A_PORT, read_only=True), logs=None)
    with pytest.raises(SettingsError, match=rf"the page cannot listen on 127\.0\.0\.1:{A_PORT}, which is taken .* with --port"):
        serve_page(Mock(), tmp_path / "workspace.yaml", host="127.0.0.1", port=A_PORT, read_only=True)
    with pytest.raises(SettingsError, match=r"none\.yaml names no code server; start one with `advisory-perf platform` or `dev`"):
        serve_page(Mock(), tmp_path / "none.yaml", host="127.0.0.1", port=A_PORT, read_only=True)


def test_a_place_is_free_until_somebody_listens_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free("127.0.0.1", port)
    assert is_free("127.0.0.1", port)
    assert not is_free("192.0.2.1", port), "not an address of this machine"


@pytest.mark.parametrize("read_only", [True, False])
def test_the_page_is_guarded_for_its_hosts_and_served_without_forwarded_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, read_only: bool
) -> None:
    (tmp_path / "workspace.yaml").touch()
    made, context, guarded, server = Mock(environment={}), MagicMock(), Mock(), Mock()
    made.settings.page_hosts, made.instance.return_value = "perf.example.com, b.example.com:81", MagicMock()
    for name, instead in (("WorkspaceProcessContext", context), ("guarded", guarded)):
        monkeypatch.setattr(web_page, name, instead)
    monkeypatch.setattr("uvicorn.Server", server)
    serve_page(made, tmp_path / "workspace.yaml", host="127.0.0.1", port=A_PORT, read_only=read_only)
    assert context.call_args.kwargs["read_only"] is read_only
    assert guarded.call_args.kwargs == {"read_only": read_only}
    assert {"perf.example.com", "b.example.com:81", "localhost", "127.0.0.1", "[::1]"} == guarded.call_args.args[1].names
    config = server.call_args.args[0]
    assert (config.host, config.port, config.proxy_headers, config.server_header) == ("127.0.0.1", A_PORT, False, False)
    assert (config.ws_max_size, config.timeout_graceful_shutdown) == (1 << 20, 3)
    assert as_served(Mock(), host="::1", port=1).host == "::1"
