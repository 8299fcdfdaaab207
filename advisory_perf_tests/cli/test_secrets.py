"""Addresses that cannot be read are reported without a piece of them: no password on a screen, in a log or in a traceback."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from advisory_perf.alerts.channels import channel_of
from advisory_perf.cli import main
from advisory_perf.errors import AdvisoryPerfError, SettingsError
from advisory_perf.settings import Settings
from advisory_perf.warehouse.addresses import check_dagsters_address, check_endpoint, parts_of
from advisory_perf.warehouse.connection import Warehouse

SECRETS = ("hunter2", "tr0ub4dor", "s3cr3t")

BAD = {
    "a blank in the password": "postgresql://user:hunter2 s3cr3t@127.0.0.1:1/db",
    "no scheme": "user:hunter2@127.0.0.1:1/db",
    "another scheme": "postgres//user:hunter2@127.0.0.1:1/db",
    "a port of letters": "postgresql://user:hunter2@127.0.0.1:s3cr3t/db",
    "an open bracket": "postgresql://user:hunter2@[::1:1/s3cr3t",
    "an @ in the password": "postgresql://user:hunter2@s3cr3t@127.0.0.1:1/db",
    "two @ in the password": "postgresql://user:hunter2@@s3cr3t@127.0.0.1:1/db",
    "an @ and a slash in the password": "postgresql://user:hunter2@%2Fs3cr3t@127.0.0.1:1/db",
    "a slash in the password": "postgresql://user:hunter2/s3cr3t@127.0.0.1:1/db",
    "a fragment": "postgresql://user:hunter2@127.0.0.1:1#s3cr3t/db",
    "a percent sign in the password": "postgresql://user:hunter2%zzs3cr3t@127.0.0.1:1/db",
    "keys and values with a blank": "host=127.0.0.1 port=1 user=user password=hunter2 s3cr3t dbname=db",
    "keys and values with an open quote": "host=127.0.0.1 password='hunter2 s3cr3t",
    "an option that there is not": "postgresql://user:hunter2@127.0.0.1:1/db?pasword=s3cr3t",
}


def reported_by(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", ["advisory-perf", *arguments])
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    return out + err


def assert_no_secret(text: str) -> None:
    assert not [secret for secret in SECRETS if secret in text], text


COMMANDS = [["migrate"], ["doctor"], ["export", "accounts"]]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, COMMANDS[0]) for name in BAD),
        pytest.param("an @ in the password", COMMANDS[1], marks=pytest.mark.slow),
        ("an @ in the password", COMMANDS[2]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_a_bad_address_of_the_warehouse_is_reported_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, arguments: list[str]
) -> None:
    monkeypatch.setenv("ADVISORY_PERF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ADVISORY_PERF_WAREHOUSE_URL", BAD[name])
    monkeypatch.setenv("ADVISORY_PERF_DAGSTER_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/x")
    reported = reported_by(arguments, monkeypatch, capfd)
    assert_no_secret(reported)
    assert "the warehouse's address cannot be read; set ADVISORY_PERF_WAREHOUSE_URL to postgresql://user:password@host:5432" in reported


@pytest.mark.parametrize("name", BAD)
def test_a_bad_address_of_dagsters_storage_is_reported_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv("ADVISORY_PERF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ADVISORY_PERF_WAREHOUSE_URL", "postgresql://nobody@127.0.0.1:1/x")
    monkeypatch.setenv("ADVISORY_PERF_DAGSTER_URL", BAD[name].replace("postgresql:", "postgresql+psycopg2:"))
    reported = reported_by(["migrate"], monkeypatch, capfd)
    assert_no_secret(reported)
    assert "ADVISORY_PERF_DAGSTER_URL cannot be read as an address" in reported


ENDPOINTS = [
    "http://key:hunter2@minio:9000",
    "minio:hunter2",
    "http://[::1",
    "https://minio:s3cr3t",
    "http://mi nio/hunter2",
    "ftp://hunter2",
]


@pytest.mark.parametrize("address", ENDPOINTS)
def test_a_bad_endpoint_is_reported_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], address: str
) -> None:
    monkeypatch.setenv("ADVISORY_PERF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ADVISORY_PERF_WAREHOUSE_URL", "postgresql://nobody@127.0.0.1:1/x")
    monkeypatch.setenv("ADVISORY_PERF_DAGSTER_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/x")
    monkeypatch.setenv("ADVISORY_PERF_S3_ENDPOINT_URL", address)
    reported = reported_by(["doctor"], monkeypatch, capfd)
    assert_no_secret(reported)
    assert "ADVISORY_PERF_S3_ENDPOINT_URL cannot be read as an address; set it to https://host[:port]" in reported


CHANNELS = [
    "https://user:hunter2@[::1/hook",
    "https://user:hunter2@host:s3cr3t/hook",
    "https://user:12/hunter2@127.0.0.1/hook",
    "https://user:12?hunter2@127.0.0.1/hook",
    "https://user:12#hunter2@127.0.0.1/hook",
    "user:hunter2@host/hook",
    "htps://user:hunter2@host/hook",
    "smtp://user:hunter2@mail.example.com/?from=a@example.com&to=b@example.com",
    "http://user:hunter2@127.0.0.1:1/hook",
    "http://:hunter2@127.0.0.1:1/hook",
]


@pytest.mark.parametrize("url", CHANNELS)
def test_a_bad_channel_is_reported_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv("ADVISORY_PERF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ADVISORY_PERF_ALERTS_URL", url)
    reported = reported_by(["alerts", "test"], monkeypatch, capfd)
    assert_no_secret(reported)
    assert "ADVISORY_PERF_ALERTS_URL" in reported


def test_a_password_in_the_clear_is_refused_for_webhooks_as_for_mail() -> None:
    for url in CHANNELS[-2:]:
        with pytest.raises(SettingsError, match="would send a password in the clear; use https://"):
            channel_of(url)
    assert channel_of("https://user:hunter2@example.com/hook").place == "https://example.com"


def test_settings_show_no_address_and_their_errors_no_value(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    shown = Settings(warehouse_url="hunter2", dagster_url="hunter2", reader_url="hunter2", owner_url="hunter2", s3_endpoint_url="hunter2")
    assert_no_secret(repr(shown))
    monkeypatch.setenv("ADVISORY_PERF_ATTEMPTS", "hunter2")
    assert_no_secret(reported_by(["migrate"], monkeypatch, capfd))
    with pytest.raises(ValueError, match="attempts") as caught:
        Settings()
    assert_no_secret(str(caught.value))


def test_a_bad_address_is_in_no_error_log_or_cause(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for address in BAD.values():
        with pytest.raises(AdvisoryPerfError) as caught:
            Warehouse(address).reach()
        causes = [caught.value, caught.value.__cause__, caught.value.__context__]
        assert_no_secret("".join(str(cause) for cause in causes if cause is not None))
        assert_no_secret(Warehouse(address).place)
    assert_no_secret(caplog.text)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://user:p%40ss%2Fw@db.example.com:5432/perf",
        "postgresql://user:hunter2?x@127.0.0.1:1/db",
        "postgres://db/perf?sslmode=verify-full",
        "postgresql://user@/perf?host=/var/run/postgresql",
        "postgresql://user:pw@one.example.com:5432,two.example.com:5433/perf?target_session_attrs=read-write",
        "postgresql://[::1]:5432/perf",
        "host=db port=5432 user=me password='a b' dbname=perf",
        "service=perf",
        "postgresql://user%40tenant:pw@db.postgres.database.azure.com/perf",
    ],
)
def test_a_good_address_of_any_form_is_read(address: str) -> None:
    assert parts_of(address) is not None


def test_good_addresses_of_others_are_taken() -> None:
    for address in ("postgresql+psycopg2://user:p%40ss@db:5432/dagster", "postgresql://user@/dagster?host=/run/x"):
        assert refusal(check_dagsters_address, address) is None, address
    for endpoint in ("http://127.0.0.1:5000", "https://minio.example.com", "http://minio:9000/", "http://[::1]:9000"):
        assert refusal(check_endpoint, endpoint) is None, endpoint


def refusal(check: Callable[[str], None], address: str) -> str | None:
    try:
        check(address)
    except SettingsError as error:
        return str(error)
    return None
