"""Channels against real receivers: what they are sent, what is said when they do not take it, and that no secret is ever said."""

import json
import ssl
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from moto.server import ThreadedMotoServer

from advisory_perf.alerts.channels import channel_of
from advisory_perf.alerts.messages import Message, message_of
from advisory_perf.alerts.outbox import KeptAlert
from advisory_perf.errors import AdvisoryPerfError, ChannelError, SettingsError
from advisory_perf.settings import Settings
from advisory_perf_tests.alerts.receivers import Webhook, a_mail_server, a_webhook

pytestmark = pytest.mark.slow

TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"


def kept(alert_id: int, **changes: Any) -> KeptAlert:
    """An alert of the outbox, about a torn file."""
    known: dict[str, Any] = {
        "id": alert_id,
        "code": "E_TORN",
        "severity": "CRITICAL",
        "feed": changes.get("vendor", "acme"),
        "vendor": "acme",
        "delivery_id": "acme_1-0123abcd",
        "window_start": None,
        "since": datetime(2025, 3, 14, 22, tzinfo=UTC),
        "subject": "E_TORN acme: acme_1.csv",
        "message": "acme_1.csv: ends <before> its end & so on",
        "created_at": datetime(2025, 3, 14, 22, 1, tzinfo=UTC),
        "resolved_at": None,
        "sent_at": None,
        "attempts": 1,
        "last_error": None,
    }
    return KeptAlert(**{**known, **changes})


def refusal(url: str, message: Message | None = None) -> str:
    """Everything that is said when the channel does not take a message, its causes included."""
    with pytest.raises(AdvisoryPerfError) as raised:
        channel_of(url).send(message or message_of([kept(1)]))
    assert isinstance(raised.value, ChannelError | SettingsError)
    whole = "".join(traceback.format_exception(raised.value, chain=True))
    assert "secret" not in whole
    return str(raised.value)


# words ----------------------------------------------------------------------------------------------------------------


def test_one_alert_is_reported_with_its_code_its_vendor_since_when_and_why() -> None:
    message = message_of([kept(7)])
    assert message.subject == "E_TORN acme: acme_1.csv"
    assert message.text == ("CRITICAL E_TORN acme, since 2025-03-14 22:00 UTC\n- acme_1.csv: ends <before> its end & so on [alert 7]")


def test_a_bad_day_is_one_message_by_vendor_and_code_with_the_first_three_in_full() -> None:
    late = kept(6, code="LATE_FILE", severity="MEDIUM", message="late", resolved_at=datetime(2025, 3, 15, tzinfo=UTC))
    message = message_of([*(kept(number, message=f"file {number}") for number in range(1, 6)), late])
    assert message.subject == "6 alerts: E_TORN acme (5), LATE_FILE acme (1)"
    assert message.text.splitlines() == [
        "CRITICAL E_TORN acme, since 2025-03-14 22:00 UTC",
        "- file 1 [alert 1]",
        "- file 2 [alert 2]",
        "- file 3 [alert 3]",
        "- and 2 more: `advisory-perf alerts list`",
        "",
        "MEDIUM LATE_FILE acme, since 2025-03-14 22:00 UTC",
        "- late (over since 2025-03-15 00:00 UTC) [alert 6]",
    ]
    assert message.ids == [1, 2, 3, 4, 5, 6]


def test_a_message_stays_within_what_receivers_take() -> None:
    message = message_of([kept(number, vendor=f"vendor_{number}", message="x" * 5000) for number in range(30)])
    assert len(message.text) < 40_000


# webhook --------------------------------------------------------------------------------------------------------------


def test_a_webhook_gets_the_text_and_every_field_with_the_alerts_id() -> None:
    with a_webhook() as webhook:
        channel_of(webhook.url()).send(message_of([kept(7, feed="acme_daily")]))
    (body,) = webhook.bodies
    assert body["text"].startswith("CRITICAL E_TORN acme_daily, since 2025-03-14 22:00 UTC\n- acme_1.csv")
    assert body["text"].endswith("- acme_1.csv: ends &lt;before&gt; its end &amp; so on [alert 7]"), "as Slack wants it"
    assert body["alerts"] == [
        {
            "id": 7,
            "code": "E_TORN",
            "severity": "CRITICAL",
            "feed": "acme_daily",
            "vendor": "acme",
            "delivery_id": "acme_1-0123abcd",
            "window_start": None,
            "since": "2025-03-14T22:00:00+00:00",
            "subject": "E_TORN acme: acme_1.csv",
            "message": "acme_1.csv: ends <before> its end & so on",
            "created_at": "2025-03-14T22:01:00+00:00",
            "resolved_at": None,
        }
    ]


@pytest.mark.parametrize("status", [500, 503, 429, 404, 301, 302, 307])
def test_whatever_is_no_yes_is_a_no_and_no_redirect_is_followed(status: int) -> None:
    with a_webhook(status) as webhook:
        said = refusal(webhook.url())
    assert said == f"the webhook at http://127.0.0.1:{webhook.port} answered {status}"
    assert len(webhook.bodies) == 1


def test_a_webhook_that_nobody_listens_at_or_that_hangs_up_is_named_without_its_path() -> None:
    with a_webhook() as webhook:
        pass
    assert refusal(webhook.url()) == f"the webhook at http://127.0.0.1:{webhook.port} cannot be reached (Connection refused)"
    with a_mail_server() as no_webhook:
        assert "the webhook at http://127.0.0.1" in refusal(Webhook([], port=no_webhook.port).url())


@pytest.mark.parametrize(
    "url",
    [
        "https://host:secret/x",
        "https://user:secret@host:se cret/x",
        "https://[secret/x",
        "ftp://user:secret@host/x",
        "hooks.slack.com/services/secret",
        "sns://secret",
        "",
    ],
)
def test_an_address_that_names_no_channel_is_refused_without_being_repeated(url: str) -> None:
    assert "ADVISORY_PERF_ALERTS_URL" in refusal(url)


def test_a_path_that_http_cannot_say_is_not_repeated() -> None:
    assert refusal("http://127.0.0.1:1/secret\x7f path") == "the webhook at http://127.0.0.1:1 cannot be spoken to (InvalidURL)"


def test_the_settings_do_not_show_where_alerts_go() -> None:
    assert "secret" not in repr(Settings(alerts_url="https://hooks.example.com/services/secret"))


# e-mail ---------------------------------------------------------------------------------------------------------------


def letter(content: Any) -> EmailMessage:
    made = message_from_bytes(content, policy=policy.default)
    assert isinstance(made, EmailMessage)
    return made


def test_a_mail_says_what_broke_to_everybody_who_is_named() -> None:
    with a_mail_server() as server:
        alert = kept(7, subject="E_TORN acme: S\u00f6hne\n.csv", message="S\u00f6hne.csv: torn")
        channel_of(f"smtp://127.0.0.1:{server.port}/?from=perf@example.com&to=desk@example.com,boss@example.com").send(message_of([alert]))
    (envelope,) = server.letters
    assert (envelope.mail_from, envelope.rcpt_tos) == ("perf@example.com", ["desk@example.com", "boss@example.com"])
    mail = letter(envelope.content)
    assert mail["Subject"] == "[advisory_perf] E_TORN acme: S\u00f6hne .csv"
    assert mail["X-Advisory-Perf-Alerts"] == "7"
    assert "- S\u00f6hne.csv: torn [alert 7]" in mail.get_content()


def test_a_mail_server_that_takes_no_recipient_or_is_not_there_is_named() -> None:
    with a_mail_server(refused=["desk@example.com"]) as server:
        place = f"smtp://127.0.0.1:{server.port}"
        url = f"{place}/?from=perf@example.com&to=desk@example.com"
        assert refusal(url) == f"the mail server at {place} refused (SMTPRecipientsRefused)"
    assert refusal(url) == f"the mail server at {place} cannot be reached (Connection refused)"


def test_a_mail_that_some_recipients_are_refused_reached_the_others_and_says_who_was_refused() -> None:
    with a_mail_server(refused=["boss@example.com"]) as server:
        place = f"smtp://127.0.0.1:{server.port}"
        channel = channel_of(f"{place}/?from=perf@example.com&to=desk@example.com,boss@example.com")
        said = channel.send(message_of([kept(7)]))
    assert said == f"the mail server at {place} refused boss@example.com and took it for the others"
    assert [envelope.rcpt_tos for envelope in server.letters] == [["desk@example.com"]]


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> trustme.CA:
    """A certificate authority that this machine trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return authority


def served_by(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_goes_through_tls_only(authority: trustme.CA, scheme: str) -> None:
    query = "from=perf@example.com&to=desk@example.com"
    context = served_by(authority)
    from_the_start, later = (context, None) if scheme == "smtps" else (None, context)
    with a_mail_server(password="secret/1", tls=from_the_start, starts_tls=later) as server:
        at = f"{scheme}://perf:{{}}@127.0.0.1:{server.port}/?{query}{'&starttls=true' if scheme == 'smtp' else ''}"
        channel_of(at.format("secret%2F1")).send(message_of([kept(7)]))
        assert len(server.letters) == 1
        refused = refusal(at.format("other-secret"))
        assert refused == f"the mail server at {scheme}://127.0.0.1:{server.port} answered 535 (SMTPAuthenticationError)"
        assert "say smtps://" in refusal(f"smtp://perf:secret@127.0.0.1:{server.port}/?{query}")
        assert len(server.letters) == 1


def test_a_user_in_the_address_of_a_webhook_is_sent_as_basic_authentication_through_tls_only(authority: trustme.CA) -> None:
    with a_webhook(tls=served_by(authority)) as webhook:
        channel = channel_of(webhook.url("/hook?x=1").replace("127.0.0.1", "desk:p%40ss@127.0.0.1"))
        channel.send(message_of([kept(7)]))
    assert webhook.headers[0]["Authorization"] == "Basic ZGVzazpwQHNz", "desk:p@ss"
    assert channel.place == f"https://127.0.0.1:{webhook.port}"
    with pytest.raises(SettingsError, match="would send a password in the clear; use https://"):
        channel_of(f"http://desk:p%40ss@127.0.0.1:{webhook.port}/hook")


def test_a_certificate_that_nobody_trusts_is_refused(authority: trustme.CA) -> None:
    with a_mail_server(starts_tls=served_by(trustme.CA())) as server:
        said = refusal(f"smtp://127.0.0.1:{server.port}/?from=a@example.com&to=b@example.com&starttls=true")
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert server.letters == []


@pytest.mark.parametrize(
    "query", ["", "to=a@example.com", "from=a@example.com", "from=a@b.c&to=a@b.c&cc=secret", "from=a@b.c&to=a@b.c&starttls=maybe"]
)
def test_an_address_for_mail_says_who_writes_to_whom_and_nothing_else(query: str) -> None:
    assert "needs ?from=…&to=…" in refusal(f"smtp://127.0.0.1:1/?{query}")


# topic ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sns(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an SNS server without any topic."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"http://{host}:{port}")
    yield f"http://{host}:{port}"
    server.stop()


def test_a_topics_subscribers_get_the_text_and_the_ids(sns: str) -> None:
    topics, queues = boto3.client("sns", region_name="us-east-1"), boto3.client("sqs", region_name="us-east-1")
    topic = topics.create_topic(Name="alerts")["TopicArn"]
    queue = queues.create_queue(QueueName="desk")["QueueUrl"]
    topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"{TOPIC.replace('sns', 'sqs').replace('alerts', 'desk')}")
    channel_of(f"sns://{topic}").send(message_of([kept(7, subject=f"E_TORN acme: S\u00f6hne {'x' * 200}")]))
    (got,) = queues.receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(got["Body"])
    assert body["Message"].endswith("[alert 7]")
    assert body["MessageAttributes"]["alerts"]["Value"] == "[7]"
    assert body["Subject"].startswith("E_TORN acme: S?hne ")


def test_a_topic_that_is_not_there_or_not_reached_is_named(sns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = f"{TOPIC}-nowhere"
    assert refusal(f"sns://{nowhere}") == f"the topic {nowhere} answered NotFound"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", "http://127.0.0.1:1")
    assert refusal(f"sns://{TOPIC}") == f"the topic {TOPIC} cannot be reached (EndpointConnectionError)"
