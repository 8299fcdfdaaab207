"""Under which names a server of ours may be asked for, where this machine reaches it, and whether it answers there."""

import http.client
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""Names by which only this machine reaches the page."""

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1", "": "127.0.0.1"}  # noqa: S104 - known in order not to be trusted
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_ANSWER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Hosts:
    """Names, with or without a port, under which the page may be asked for."""

    names: frozenset[str]

    @classmethod
    def of(cls, listed: Iterable[str], address: str | None = None) -> Self:
        """Loopback, what is listed, and the address that the page listens on unless it is a wildcard."""
        own = [address] if address is not None and address not in _WILDCARDS else []
        return cls(frozenset(name.strip().lower() for name in (*LOOPBACK, *listed, *map(_bracketed, own)) if name.strip()))

    def has_host(self, host: str) -> bool:
        """Whether a Host header is one of these; a name without a port stands for all of its ports."""
        name, _ = _split(host)
        return host.lower() in self.names or (name is not None and name in self.names)

    def has_origin(self, origin: str, host: str) -> bool:
        """Whether an Origin is the page itself, or listed; a listed name without a port stands for the scheme's default port."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in _DEFAULT_PORTS or origin.lower() != f"{parts.scheme}://{parts.netloc}".lower():
            return False
        given = (_split(parts.netloc)[0], _split(parts.netloc)[1] or _DEFAULT_PORTS[parts.scheme])
        own = _split(host)
        if given[0] is None:
            return False
        if given == (own[0], own[1] or _DEFAULT_PORTS[parts.scheme]):
            return True
        listed = {_split(name) for name in self.names - set(LOOPBACK)}
        return given in {(name, port or _DEFAULT_PORTS[parts.scheme]) for name, port in listed}


def asked_at(address: str) -> str:
    """Where this machine reaches what listens on the address: loopback for a wildcard."""
    return _WILDCARDS.get(address, address)


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address and not address.startswith("[") else address


def _split(host: str) -> tuple[str | None, int | None]:
    """Name and port of a Host header; no name where it is not one."""
    try:
        parts = urlsplit(f"//{host}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None, None
    if name is None or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None, None
    return _bracketed(name), port


def is_free(host: str, port: int) -> bool:
    """Whether a server can listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, port))
        except OSError:
            return False
    return True


def answers_at(host: str, port: int, path: str) -> bool:
    """Whether a server answers there with 200, asked from this machine."""
    connection = http.client.HTTPConnection(asked_at(host), port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
