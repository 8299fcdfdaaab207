"""What libraries say, heard from them: a store of their own kind that refuses, closed ports, names that lead nowhere, files in the way."""

import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import obstore
import polars as pl
import psycopg
import pytest
import sqlalchemy
from botocore.config import Config
from moto.server import ThreadedMotoServer
from obstore.store import LocalStore, S3Store

from advisory_perf.library_errors import said_by

CLOSED = "http://127.0.0.1:1"
NOISE = (
    "Debug source",
    "<Error>",
    "retries",
    "RetryError",
    "http",
    "Generic",
    "os error",
    "sqlalche.me",
    "Is the server running",
    "secret",
)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """An S3 server without a bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def refusing_url() -> Iterator[str]:
    """An S3 server that gives nobody the right to do anything."""

    class Refusing(http.server.BaseHTTPRequestHandler):
        def refuse(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            body = (
                b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>A</RequestId></Error>'
            )
            self.send_response(403)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = refuse  # noqa: N815 - as the base class names them

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def store(endpoint: str) -> S3Store:
    return S3Store.from_url(
        "s3://bucket/lake",
        config={"region": "us-east-1", "endpoint": endpoint, "virtual_hosted_style_request": False},
        client_options={"allow_http": True},
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=1)},
    )


def heard(ask: Callable[[], object]) -> str:
    """What the library's error says, freed from what only its makers need."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the library raises
        ask()
    says = said_by(caught.value)
    assert not [part for part in NOISE if part in says], says
    assert len(says) <= 200
    assert "\n" not in says
    return says


def test_a_bucket_that_is_not_there_is_said_so(s3_url: str) -> None:
    assert heard(lambda: list(obstore.list(store(s3_url), prefix="x/"))) == (
        "404 Not Found: The specified bucket does not exist (NoSuchBucket)"
    )
    options = {"aws_endpoint_url": s3_url, "aws_allow_http": "true", "aws_region": "us-east-1", "aws_virtual_hosted_style_request": "false"}
    assert heard(lambda: pl.scan_parquet(["s3://bucket/a.parquet"], storage_options=options).collect()).startswith(
        "Object at location a.parquet not found: 404 Not Found: The specified bucket does not exist (NoSuchBucket)"
    )
    assert heard(lambda: boto3.client("s3", endpoint_url=s3_url).list_objects_v2(Bucket="bucket")) == (
        "The specified bucket does not exist (NoSuchBucket)"
    )


def test_a_right_that_is_denied_is_said_so(refusing_url: str) -> None:
    assert heard(lambda: list(obstore.list(store(refusing_url), prefix="x/"))) == "403 Forbidden: Access Denied (AccessDenied)"
    assert heard(lambda: obstore.put(store(refusing_url), "x", b"1")) == (
        "The operation lacked the necessary privileges to complete for path lake/x: 403 Forbidden: Access Denied (AccessDenied)"
    )


def test_a_store_that_does_not_answer_is_said_so() -> None:
    assert heard(lambda: list(obstore.list(store(CLOSED), prefix="x/"))) == "it does not answer (Connection refused)"
    assert heard(lambda: obstore.put(store("http://nosuch.invalid:80"), "x", b"1")).startswith("it does not answer (")


def test_a_folder_that_is_none_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert heard(lambda: obstore.put(LocalStore(prefix=tmp_path), "file/x", b"1")).endswith("file/x#1: Not a directory")


def test_a_warehouse_that_does_not_answer_is_said_so() -> None:
    assert heard(lambda: psycopg.connect("postgresql://someone:secret@127.0.0.1:1/x")) == (
        'connection to server at "127.0.0.1", port 1 failed: Connection refused'
    )


def test_storage_of_dagster_that_does_not_answer_is_said_so() -> None:
    engine = sqlalchemy.create_engine("postgresql+psycopg2://someone:secret@127.0.0.1:1/x")
    assert heard(engine.connect) == 'connection to server at "127.0.0.1", port 1 failed: Connection refused'


def test_a_channel_that_does_not_answer_is_said_so() -> None:
    client = boto3.client("sns", endpoint_url=CLOSED, config=Config(retries={"max_attempts": 0}))
    with pytest.raises(Exception, match="Could not connect") as caught:
        client.publish(TopicArn="arn:aws:sns:us-east-1:1:x", Message="x")
    assert said_by(caught.value) == 'Could not connect to the endpoint URL: "http://127.0.0.1:1/"'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "ValueError"),
        ("in one\n  line", "in one line"),
        ("x" * 300, "x" * 199 + "…"),
        ("refused by https://user:pw@host/x", "refused by https://host/x"),
    ],
)
def test_what_no_rule_knows_stays_as_it_is_in_one_line_without_a_password(text: str, says: str) -> None:
    assert said_by(ValueError(text)) == says
