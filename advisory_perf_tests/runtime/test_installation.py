"""An installation on this machine: what it starts, what it leaves alone, and what running files in it says when things fail."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import psycopg
import pytest
from dagster_postgres.utils import DagsterPostgresException

from advisory_perf.errors import AdvisoryPerfError, SettingsError, WarehouseError
from advisory_perf.ingestion.validation.rows import Validated, validate
from advisory_perf.orchestration import io_managers
from advisory_perf.orchestration.definitions import build_definitions
from advisory_perf.orchestration.pipelines.model import Computed
from advisory_perf.positions.publication import SliceChange
from advisory_perf.processes import own_identity
from advisory_perf.runtime.in_process import Handed, LocalRuns, release_dead_runs, run_files
from advisory_perf.runtime.installation import INSTANCE_FILE, open_installation
from advisory_perf.samples.deliveries import make_samples
from advisory_perf.settings import Settings
from advisory_perf.warehouse.connection import Warehouse
from advisory_perf.warehouse.migrations import pending_migrations
from advisory_perf.warehouse.roles import Role, address_of
from advisory_perf_tests.orchestration.scenarios import (
    A_FIFTH,
    A_THIRD,
    B_THIRD,
    NOWHERE,
    World,
    a_world,
    acme_as_data,
    changed_pipelines,
    csv,
)

pytestmark = pytest.mark.slow

OF_VENDOR_D = next(
    file for file in make_samples(seed=3, accounts=2, last_month=date(2025, 3, 31), days=4).files if file.vendor == "vendor_d"
)
DAGSTER_NOWHERE = "postgresql+psycopg2://nobody@127.0.0.1:1/x"


def external(home: Path, warehouse_url: str, dagster_url: str = DAGSTER_NOWHERE) -> Settings:
    """Settings under which no server of our own is needed."""
    return Settings(home=home, warehouse_url=warehouse_url, dagster_url=dagster_url)


RUN_AND_LOOK = """
import sys
from advisory_perf.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print({"dagster", "pandera", "pandas"} & sys.modules.keys(), file=sys.stderr)
"""


# servers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["breaks list", "quarantine list", "alerts list", "export accounts", "migrate"])
def test_what_only_asks_the_warehouse_does_not_wait_for_dagster(command: str, tmp_path: Path, warehouse_url: str) -> None:
    environment = {**os.environ, **external(tmp_path / "home", warehouse_url).as_environment()}
    run = [sys.executable, "-W", "ignore", "-c", RUN_AND_LOOK, *command.split()]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "set()\n")


def test_with_both_addresses_given_no_server_is_started(tmp_path: Path, warehouse_url: str) -> None:
    with open_installation(external(tmp_path / "home", warehouse_url)) as installation:
        assert installation.settings.warehouse_url == warehouse_url
        assert installation.platform().warehouse.query("SELECT count(*) FROM performance_data").item() == 0
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["dagster"]


def test_dagsters_home_gets_the_instance_that_lies_beside_the_code(tmp_path: Path, warehouse_url: str) -> None:
    with open_installation(external(tmp_path, warehouse_url)) as installation:
        assert installation.dagster_home == tmp_path / "dagster"
        assert (installation.dagster_home / "dagster.yaml").read_bytes() == INSTANCE_FILE.read_bytes()


def test_a_warehouse_of_somebody_elses_is_never_migrated_by_surprise(tmp_path: Path, empty_url: str) -> None:
    wanted = pending_migrations(empty_url)
    with pytest.raises(WarehouseError) as caught, open_installation(external(tmp_path, empty_url)):
        pass
    assert str(caught.value) == f"the warehouse lacks the migrations {', '.join(wanted)}; run `advisory-perf migrate`"
    assert pending_migrations(empty_url) == wanted
    with open_installation(external(tmp_path, empty_url), migrating=False) as installation:
        assert installation.settings.warehouse_url == empty_url


def test_an_embedded_warehouse_is_migrated_serves_dagster_too_and_stops(tmp_path: Path) -> None:
    with open_installation(Settings(home=tmp_path / "home")) as installation:
        url = str(installation.settings.warehouse_url)
        assert pending_migrations(url) == []
        with psycopg.connect(url) as connection:
            assert connection.info.dbname == "advisory_perf"
        assert str(installation.settings.dagster_url).startswith("postgresql+psycopg2://")
        with installation.instance() as instance:
            assert instance.get_runs() == []
        with psycopg.connect(str(installation.settings.dagster_url).replace("+psycopg2", "")) as connection:
            found = connection.execute("SELECT count(*) FROM information_schema.tables WHERE table_name = 'runs'").fetchone()
            assert found == (1,), "Dagster keeps its runs in the same server"
    with pytest.raises(psycopg.OperationalError, match=r"connection failed|connection to server"):
        psycopg.connect(url)


def test_a_home_that_cannot_be_a_folder_is_a_settings_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with (
        pytest.raises(SettingsError, match=r"file cannot be made a folder \(File exists\); choose another with --home"),
        open_installation(Settings(home=path)),
    ):
        pass


def test_an_address_of_dagsters_storage_that_cannot_be_read_is_a_settings_error(tmp_path: Path, warehouse_url: str) -> None:
    with (
        pytest.raises(SettingsError, match="ADVISORY_PERF_DAGSTER_URL cannot be read as an address; set it to postgres"),
        open_installation(external(tmp_path, warehouse_url, dagster_url="nonsense")),
    ):
        pass


@pytest.fixture
def no_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's storage does not answer, which Dagster itself would try for minutes."""

    def refuse(_home: str) -> dg.DagsterInstance:
        raise DagsterPostgresException("too many retries for DB connection")

    monkeypatch.setattr(dg.DagsterInstance, "from_config", refuse)


def test_dagsters_storage_that_does_not_answer_is_a_settings_error(tmp_path: Path, warehouse_url: str, no_storage: None) -> None:
    with (
        open_installation(external(tmp_path, warehouse_url)) as installation,
        pytest.raises(SettingsError, match=r"Dagster's own storage cannot be opened .* set ADVISORY_PERF_DAGSTER_URL to"),
        installation.instance(),
    ):
        pass


# environment ----------------------------------------------------------------------------------------------------------


def test_processes_of_dagsters_get_every_setting(tmp_path: Path, warehouse_url: str) -> None:
    settings = external(tmp_path, warehouse_url).model_copy(update={"pass_rate": 0.9})
    with open_installation(settings) as installation:
        environment = installation.environment
    assert environment["DAGSTER_HOME"] == str(tmp_path / "dagster")
    assert environment["ADVISORY_PERF_HOME"] == str(tmp_path)
    assert environment["ADVISORY_PERF_WAREHOUSE_URL"] == warehouse_url
    assert environment["ADVISORY_PERF_PASS_RATE"] == "0.9"
    assert environment["PATH"] == os.environ["PATH"]
    assert "ADVISORY_PERF_LAKE_URL" not in environment, "what is not set stays unset"


def test_the_owners_address_is_for_this_process_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVISORY_PERF_OWNER_URL", "postgresql://owner:hunter2@nowhere/x")
    with open_installation(Settings(home=tmp_path / "home")) as installation:
        assert not [name for name in installation.environment if "OWNER" in name]
        assert "postgres@" not in "".join(value for name, value in installation.environment.items() if name.startswith("ADVISORY_PERF_"))
        for role in Role:
            assert installation.warehouse(role).query("SELECT current_user::text").item() == role
        logins = [Warehouse(address_of(installation.settings, role)) for role in Role]
        assert [login.query("SELECT session_user::text").item() for login in logins] == ["postgres", *list(Role)[1:]]
    found = subprocess.run(["find", str(tmp_path / "home"), "-perm", "/077"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    assert found == "", "nobody else has a right to anything in a home"


def test_settings_come_back_from_the_environment_they_were_turned_into(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, warehouse_url=warehouse_url, lake_url="s3://bucket/prefix", feeds_dir=tmp_path, attempts=5)
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_this_processs_environment_is_as_before_after_an_instance_even_one_that_fails(
    tmp_path: Path, warehouse_url: str, no_storage: None
) -> None:
    before = dict(os.environ)
    with open_installation(external(tmp_path, warehouse_url)) as installation:
        with pytest.raises(SettingsError, match="cannot be opened"), installation.instance():
            pass
        assert dict(os.environ) == before


# running files --------------------------------------------------------------------------------------------------------


@pytest.fixture
def handed_over(tmp_path: Path) -> list[Path]:
    """One delivery of acme and one of vendor D, as files of this machine."""
    files = {"acme_1.csv": csv(A_THIRD, B_THIRD, A_FIFTH).encode(), OF_VENDOR_D.name: OF_VENDOR_D.content}
    paths = [tmp_path / name for name in files]
    for path, content in zip(paths, files.values(), strict=True):
        path.write_bytes(content)
    return paths


def run(world: World, paths: list[Path], *, done: list[str] | None = None) -> list[Handed]:
    """Hands the files over; notes the pipelines that were run to their end."""
    runs = LocalRuns(world.platform, world.definitions, world.instance)
    pipelines = [] if done is None else done
    outcome = run_files(runs, paths, None, ingested=lambda _: None, pipeline_done=lambda name, _: pipelines.append(name))
    if outcome.failures:
        raise AdvisoryPerfError("; ".join(outcome.failures))
    return outcome.handed


def test_files_are_ingested_in_order_and_each_touched_pipeline_runs_once(
    tmp_path: Path, warehouse_url: str, handed_over: list[Path]
) -> None:
    done: list[str] = []
    with a_world(tmp_path, warehouse_url) as world:
        handed = run(world, handed_over, done=done)
        assert [(one.name, one.status) for one in handed] == [("acme_1.csv", "COMPLETED"), (OF_VENDOR_D.name, "COMPLETED")]
        assert done == ["acme", "vendor_d"]
        assert {run.job_name for run in world.instance.get_runs()} == {
            "acme_ingestion",
            "acme_pipeline",
            "vendor_d_ingestion",
            "vendor_d_pipeline",
        }


def test_nothing_new_runs_no_pipeline(tmp_path: Path, warehouse_url: str, handed_over: list[Path]) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        run(world, handed_over)
        done: list[str] = []
        assert {one.status for one in run(world, handed_over, done=done)} == {"DUPLICATE"}
        assert done == []
        assert len(world.instance.get_runs()) == 4


def test_a_pipeline_that_an_earlier_command_did_not_get_to_is_run_by_the_same_file(
    tmp_path: Path, warehouse_url: str, handed_over: list[Path]
) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        LocalRuns(world.platform, world.definitions, world.instance).ingest(handed_over[0], None)
        done: list[str] = []
        (again,) = run(world, handed_over[:1], done=done)
        assert (again.status, again.entry.status) == ("DUPLICATE", "COMPLETED")
        assert done == ["acme"]
        assert world.rows("performance_data").height == 3


def test_a_pipeline_that_fails_is_named_with_its_check_and_first_row_and_the_others_go_on(
    tmp_path: Path, warehouse_url: str, handed_over: list[Path]
) -> None:
    def off_by_one(computed: Computed) -> Computed:
        identity, *others = computed.findings
        wrong = computed.rows.with_columns(pl.col("net_flow") + 1).sort("as_of_date", "account_id")
        return Computed(wrong, [replace(identity, failures=wrong.select("account_id", "as_of_date", "net_flow")), *others])

    done: list[str] = []
    with a_world(tmp_path, warehouse_url, pipelines=changed_pipelines("net_flows", off_by_one)) as world:
        with pytest.raises(AdvisoryPerfError) as caught:
            run(world, handed_over, done=done)
        assert str(caught.value) == (
            "acme: the pipeline from 2025-03-03 to 2025-03-05 failed: the check net_flow_identity of acme/net_flows does not hold for 3 "
            "rows, the first with account_id A, as_of_date 2025-03-03, net_flow 1.0000"
        )
        assert done == ["vendor_d"]
        assert {entry.vendor: entry.status for entry in world.platform.ledger.entries()} == {"acme": "PROCESSING", "vendor_d": "COMPLETED"}


def test_a_pipeline_that_the_warehouse_refuses_says_the_warehouses_sentence(
    tmp_path: Path, warehouse_url: str, handed_over: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_warehouse: Warehouse, *_: object, **__: object) -> dict[str, SliceChange]:
        raise WarehouseError("the warehouse refused: the disk is full") from ValueError("a cause that nobody needs to see")

    monkeypatch.setattr(io_managers, "publish_slices", refuse)
    with a_world(tmp_path, warehouse_url) as world, pytest.raises(AdvisoryPerfError) as caught:
        run(world, handed_over[:1])
    assert str(caught.value) == "acme: the pipeline from 2025-03-03 to 2025-03-05 failed: the warehouse refused: the disk is full"


def test_an_ingestion_that_fails_for_other_reasons_than_the_file_is_an_error_with_the_check(
    tmp_path: Path, warehouse_url: str, handed_over: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing_one(*arguments: object) -> Validated:
        validated = validate(*arguments)  # type: ignore[arg-type, type-var]
        return replace(validated, accepted=validated.accepted.head(1))

    monkeypatch.setattr("advisory_perf.orchestration.assets.ingestion.validate", losing_one)
    with a_world(tmp_path, warehouse_url) as world, pytest.raises(AdvisoryPerfError) as caught:
        run(world, handed_over[:1])
    assert str(caught.value) == (
        "acme, acme_1.csv: the ingestion failed: the check rows_conserved of acme/delivered_positions does not hold"
    )


def test_a_warehouse_that_does_not_answer_stops_the_run_with_one_sentence(tmp_path: Path, handed_over: list[Path]) -> None:
    with a_world(tmp_path, NOWHERE) as world, pytest.raises(WarehouseError, match="cannot be reached"):
        run(world, handed_over)


def test_a_killed_commands_run_gives_its_place_back(tmp_path: Path, warehouse_url: str) -> None:
    with a_world(tmp_path, warehouse_url) as world:
        job = world.definitions.resolve_job_def("acme_pipeline")
        number, boot, start = own_identity().split("/")
        repeated = {"dagster/parent_run_id": "the run whose tags it has"}
        cases: list[tuple[str, dict[str, str], dg.DagsterRunStatus]] = [
            (own_identity(), {}, dg.DagsterRunStatus.STARTED),
            (f"{number}/{boot}/{int(start) - 1}", {}, dg.DagsterRunStatus.FAILURE),
            (f"{number}/another boot/{start}", {}, dg.DagsterRunStatus.FAILURE),
            (f"{2**22 + 1}/{boot}/{start}", {}, dg.DagsterRunStatus.FAILURE),
            (f"{2**22 + 1}/{boot}/{start}", repeated, dg.DagsterRunStatus.STARTED),
            (number, {}, dg.DagsterRunStatus.STARTED),
            (str(2**22 + 1), {}, dg.DagsterRunStatus.FAILURE),
        ]
        for owner, tags, _ in cases:
            world.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={"advisory_perf/process": owner, **tags})
        release_dead_runs(world.instance)
        assert [run.status for run in world.instance.get_runs()][::-1] == [expected for _, _, expected in cases]


def test_a_delivery_that_is_ingested_again_under_a_fixed_feed_leaves_no_row_of_its_earlier_days(tmp_path: Path, warehouse_url: str) -> None:
    """2025-03-02 was read as the second of March; the vendor means the third of February."""
    delivery = tmp_path / "acme_1.csv"
    delivery.write_text(csv("A,2025-03-02,100.00,0.00,0.00,10.00,110.00,0.10000"), encoding="utf-8")
    day_first = {**acme_as_data()["columns"], "as_of_date": {"from": "day", "formats": ["%Y-%d-%m"]}}
    with a_world(tmp_path, warehouse_url) as world:
        (handed,) = run(world, [delivery])
        assert world.rows("performance_data")["as_of_date"].to_list() == [date(2025, 3, 2)]
        fixed = world.with_feed(tmp_path / "fixed", columns=day_first)
        ingestion = fixed.definitions.resolve_job_def("acme_ingestion")
        assert ingestion.execute_in_process(instance=world.instance, partition_key=handed.entry.delivery_id).success
        LocalRuns(fixed.platform, fixed.definitions, fixed.instance).run_pipeline("acme")
        assert world.rows("performance_data")["as_of_date"].to_list() == [date(2025, 2, 3)]
        assert world.rows("performance_data")["cumulative_twrr"].to_list() == [pytest.approx(0.1)]
        assert world.platform.ledger.pending("acme") == []


def test_a_delivery_that_is_ingested_while_its_pipeline_runs_is_published_by_the_next_run(tmp_path: Path, warehouse_url: str) -> None:
    first, second = tmp_path / "acme_1.csv", tmp_path / "acme_2.csv"
    first.write_text(csv(A_THIRD), encoding="utf-8")
    second.write_text(csv(B_THIRD), encoding="utf-8")
    with a_world(tmp_path, warehouse_url) as world:
        runs = LocalRuns(world.platform, world.definitions, world.instance)
        runs.ingest(first, None)

        def ingestion_meanwhile(computed: Computed) -> Computed:
            if world.platform.ledger.entries("acme")[-1].file_name == "acme_1.csv":
                runs.ingest(second, None)
            return computed

        pipelines = changed_pipelines("net_flows", ingestion_meanwhile)
        again = LocalRuns(world.platform, build_definitions(world.platform.settings, pipelines=pipelines), world.instance)
        again.run_pipeline("acme")
        assert {entry.file_name: entry.status for entry in world.platform.ledger.entries("acme")} == {
            "acme_1.csv": "COMPLETED",
            "acme_2.csv": "PROCESSING",
        }
        again.run_pipeline("acme")
        assert world.rows("performance_data")["account_id"].to_list() == ["A", "B"]
        assert world.platform.ledger.pending("acme") == []
