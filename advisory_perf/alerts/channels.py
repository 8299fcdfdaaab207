"""Channels: where alerts are sent, by URL: a webhook, e-mail, or a topic of Amazon SNS.

A channel takes a message or raises ``ChannelError``. Errors name host and port only: a webhook's path is its password, so neither
the URL nor the words of a library that may hold it are ever repeated, nor kept as an error's cause. Not Apprise, which answers true
or false and so leaves no reason for the outbox, and whose SNS takes access keys in the URL and no role.
"""

import json
import re
import smtplib
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit, urlunsplit

from advisory_perf.alerts.messages import Message
from advisory_perf.errors import ChannelError, SettingsError

_SECONDS = 10
_SETTING = "ADVISORY_PERF_ALERTS_URL"
_TOPIC = re.compile(r"sns://(arn:aws[a-z-]*:sns:(?P<region>[a-z0-9-]+):\d{12}:[A-Za-z0-9_-]+)")
_MAIL_KEYS = {"from", "to", "starttls"}
_TOPIC_SUBJECT = 100
_FORMS = "https://…, smtp://[user:password@]host:port/?from=…&to=…, smtps://… or sns://arn:aws:sns:…"


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go: its place, without user, password, path and query, and what sends one.

    ``send`` raises ``ChannelError`` where nobody was given the message; where only some were, it gives a sentence that names the others.
    """

    place: str
    send: Callable[[Message], str | None] = field(repr=False)


def channel_of(url: str) -> Channel:
    """The channel that the URL names; nothing is opened. SettingsError, without the URL, where it names none."""
    topic = _TOPIC.fullmatch(url)
    if topic:
        return Channel(url, partial(_publish, topic[1], topic["region"]))
    try:
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        raise SettingsError(f"{_SETTING} cannot be read as a URL; give {_FORMS}") from None
    if parts.scheme == "http" and "@" in parts.netloc:
        raise SettingsError(f"{_SETTING} would send a password in the clear; use https://…")
    if parts.scheme in {"https", "http"} and "@" in f"{parts.path}{parts.query}{parts.fragment}":
        raise SettingsError(
            f"{_SETTING} has an @ after its host, where a password may have been cut; write / ? # of a password, and every @, as %XX"
        )
    if parts.scheme in {"https", "http"} and parts.hostname:
        return Channel(place, partial(_post, place, _without_user(parts), _basic(user, password)))
    if parts.scheme in {"smtp", "smtps"} and parts.hostname:
        mail = _mail_of(parts, user, password)
        return Channel(place, partial(_mail, place, mail))
    raise SettingsError(f"{_SETTING} names no channel; give {_FORMS}")


# webhook --------------------------------------------------------------------------------------------------------------


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET, whose answer says nothing of the message."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _without_user(parts: SplitResult) -> str:
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"} if user else {}


def _post(place: str, url: str, headers: dict[str, str], message: Message) -> None:
    text = f"*{message.subject}*\n{message.text}" if len(message.alerts) != 1 else message.text
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")  # as Slack and its kin want it
    body = json.dumps({"text": escaped, **message.as_data()}).encode()
    try:
        request = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers})  # noqa: S310 - http(s) only
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=_SECONDS):
            return
    except urllib.error.HTTPError as error:
        with error:
            why = f"answered {error.code}"
    except urllib.error.URLError as error:
        why = f"cannot be reached ({_of_network(error.reason)})"
    except OSError as error:
        why = f"broke off ({_of_network(error)})"
    except (HTTPException, ValueError) as error:
        why = f"cannot be spoken to ({type(error).__name__})"
    raise ChannelError(f"the webhook at {place} {why}")


# e-mail ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Mail:
    """A mail server, and who writes to whom."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    user: str
    password: str = field(repr=False)
    is_tls: bool
    starts_tls: bool


def _mail_of(parts: SplitResult, user: str, password: str) -> _Mail:
    query = parse_qs(parts.query, keep_blank_values=True)
    unknown = sorted(query.keys() - _MAIL_KEYS)
    senders = query.get("from", [])
    recipients = [one.strip() for value in query.get("to", []) for one in value.split(",") if one.strip()]
    is_tls, starts_tls = parts.scheme == "smtps", query.get("starttls") == ["true"]
    if (
        unknown
        or len(senders) != 1
        or not recipients
        or not senders[0].strip()
        or query.get("starttls", ["true"]) not in (["true"], ["false"])
    ):
        raise SettingsError(f"{_SETTING} for e-mail needs ?from=…&to=…[,…], and takes starttls=true or false besides; nothing else")
    if user and not (is_tls or starts_tls):
        raise SettingsError(f"{_SETTING} would send a password in the clear; say smtps://…, or add starttls=true")
    port = parts.port or (smtplib.SMTP_SSL_PORT if is_tls else smtplib.SMTP_PORT)
    return _Mail(parts.hostname or "", port, senders[0].strip(), tuple(recipients), user, password, is_tls, starts_tls)


def _mail(place: str, mail: _Mail, message: Message) -> str | None:
    try:
        if mail.is_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=_SECONDS, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(mail.host, mail.port, timeout=_SECONDS)
        with server:
            if mail.starts_tls:
                server.starttls(context=ssl.create_default_context())
            if mail.user:
                server.login(mail.user, mail.password)
            refused = server.send_message(_as_mail(mail, message))
    except smtplib.SMTPResponseException as error:
        why = f"answered {error.smtp_code} ({type(error).__name__})"
    except smtplib.SMTPException as error:
        why = f"refused ({type(error).__name__})"
    except OSError as error:
        why = f"cannot be reached ({_of_network(error)})"
    except ValueError as error:
        why = f"cannot be given the message ({type(error).__name__})"
    else:
        return f"the mail server at {place} refused {', '.join(sorted(refused))} and took it for the others" if refused else None
    raise ChannelError(f"the mail server at {place} {why}")


def _as_mail(mail: _Mail, message: Message) -> EmailMessage:
    ids = "-".join(map(str, message.ids))
    made = EmailMessage()
    made["From"], made["To"] = mail.sender, ", ".join(mail.recipients)
    made["Subject"] = f"[advisory_perf] {message.subject}"
    made["X-Advisory-Perf-Alerts"] = ids
    made.set_content(f"{message.text}\n")
    return made


# topic ----------------------------------------------------------------------------------------------------------------


def _publish(arn: str, region: str, message: Message) -> None:
    import boto3  # half a second that only those wait for who send there
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    subject = message.subject.encode("ascii", "replace").decode()[:_TOPIC_SUBJECT]
    try:
        retries = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 1})
        boto3.client("sns", region_name=region, config=retries).publish(
            TopicArn=arn,
            Subject=subject,
            Message=message.text,
            MessageAttributes={"alerts": {"DataType": "String", "StringValue": json.dumps(message.ids)}},
        )
    except ClientError as error:
        why = f"answered {error.response.get('Error', {}).get('Code', 'an error')}"
    except BotoCoreError as error:
        why = f"cannot be reached ({type(error).__name__})"
    else:
        return
    raise ChannelError(f"the topic {arn} {why}")


def _of_network(reason: object) -> str:
    """What the network said, in the system's own words; nothing that a URL could stand in."""
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return type(reason).__name__ if isinstance(reason, BaseException) else "no answer"
