"""Addresses of servers: whether one can be read, said without ever repeating it.

An address holds a password, and where it is malformed nobody can say where: libpq and SQLAlchemy then print pieces of it as a host, a
port or an option. So an address is read here before any library opens it, and one whose pieces cannot be what they are taken for is
refused by a sentence that has none of them.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from advisory_perf.errors import SettingsError

OF_POSTGRESQL = (
    "postgresql://user:password@host:5432/database, in which a password's @ : / ? # % [ ] and blanks are written as %40 %3A %2F %3F %23 %25"
    " %5B %5D %20"
)

_FORMS = {
    "host": re.compile(r"[A-Za-z0-9._~/,:@%-]*"),
    "hostaddr": re.compile(r"[A-Fa-f0-9.:,%]*"),
    "port": re.compile(r"(\d{1,5}(,\d{0,5})*)?"),
    "dbname": re.compile(r"[^@:/?=\s]*"),
    "user": re.compile(r"[^:/?=\s]*"),
}
_DRIVER = re.compile(r"^(postgres(?:ql)?)\+(psycopg2|psycopg)://")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[A-Fa-f0-9:.]+")


def parts_of(address: str) -> dict[str, Any] | None:
    """The parts of an address of PostgreSQL, of any form that libpq takes; None where it cannot be one.

    A host, port, database or user that cannot be one is a piece of a password that was not escaped.
    """
    try:
        address.encode()
        parts = conninfo_to_dict(address)
    except (psycopg.Error, ValueError):
        return None
    if any(not form.fullmatch(str(parts.get(name) or "")) for name, form in _FORMS.items()):
        return None
    host = str(parts.get("host") or "")
    if "@" in host.removeprefix("@"):  # at the start it names a socket of no folder
        return None
    return parts


def check_dagsters_address(address: str) -> None:
    """SettingsError, without the address, where SQLAlchemy could not read it."""
    plain = _DRIVER.sub(r"\1://", address)
    if "://" not in plain or parts_of(plain) is None:
        raise SettingsError(
            "ADVISORY_PERF_DAGSTER_URL cannot be read as an address; set it to postgresql+psycopg2://… of a server that answers, or unset"
            f" it; its form is that of {OF_POSTGRESQL}"
        )


def check_endpoint(address: str) -> None:
    """SettingsError, without the address, where it is no http(s)://host[:port] or has a user in it."""
    try:
        parts = urlsplit(address)
        port = parts.port
        is_good = (
            parts.scheme in {"http", "https"}
            and "@" not in parts.netloc
            and _HOST.fullmatch(parts.hostname or "") is not None
            and (port is None or port > 0)
            and not (parts.query or parts.fragment)
            and not re.search(r"\s", address)
        )
    except ValueError:
        is_good = False
    if not is_good:
        raise SettingsError(
            "ADVISORY_PERF_S3_ENDPOINT_URL cannot be read as an address; set it to https://host[:port], without user and password, which"
            " belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
