"""Finds out who asks: nobody in particular on loopback, the owner of a token, or the person whom an authenticating proxy names."""

import hmac
from collections.abc import Callable, Collection
from datetime import datetime
from ipaddress import ip_address

from starlette.requests import Request

from advisory_perf.api.roles import ApiRole, Caller
from advisory_perf.api.tokens import KnownTokens
from advisory_perf.errors import ForbiddenError, SettingsError, UnauthorizedError
from advisory_perf.settings import Settings

SECRET_HEADER = "x-proxy-secret"  # noqa: S105 - the header's name
_LONGEST_NAME = 200


class Callers:
    """By the settings, who a request is from."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        """Keep the settings; the tokens' file is looked at with each request that has a token."""
        self._settings, self._clock = settings, clock
        self._tokens = KnownTokens(settings.tokens_file)
        self._modes = settings.api_auth.split(",")
        self._proxies = {ip_address(listed) for listed in _listed(settings.api_proxy_addresses)}

    def of(self, request: Request) -> Caller:
        """Who asks; UnauthorizedError where that is not known, ForbiddenError for a person who has no role."""
        address = request.client.host if request.client is not None else ""
        authorization = _only(request, "authorization")
        kind, _, token = authorization.partition(" ")
        if "token" in self._modes and authorization:
            found = self._tokens.find(token.strip(), self._clock()) if kind.lower() == "bearer" else None
            if found is None:
                raise UnauthorizedError(
                    "the token is not known, expired or revoked; ask an operator for a new one (`advisory-perf tokens new`)"
                )
            return Caller(found.name, found.role, "token", address)
        if "proxy" in self._modes and self._is_a_proxy(request, address):
            return self._named_by_proxy(request, address)
        if self._modes == ["none"]:
            return Caller("anybody", ApiRole.OPERATOR, "none", address)
        raise UnauthorizedError("nobody is known to be asking; send a token as `Authorization: Bearer …`, or ask through the proxy")

    def _is_a_proxy(self, request: Request, address: str) -> bool:
        sent, secret = _only(request, SECRET_HEADER), self._settings.api_proxy_secret or ""
        return address != "" and _is_one_of(address, self._proxies) and hmac.compare_digest(sent.encode(), secret.encode())

    def _named_by_proxy(self, request: Request, address: str) -> Caller:
        name = _only(request, self._settings.api_proxy_user_header).strip()
        if not name or len(name) > _LONGEST_NAME:
            raise UnauthorizedError(f"the proxy names nobody in {self._settings.api_proxy_user_header}; have it send the user there")
        groups = {*_listed(_only(request, self._settings.api_proxy_groups_header)), "*"}
        of_roles = {
            ApiRole.OPERATOR: self._settings.api_operators,
            ApiRole.ANALYST: self._settings.api_analysts,
            ApiRole.READER: self._settings.api_readers,
        }
        role = next((role for role, listed in of_roles.items() if groups & set(_listed(listed))), None)
        if role is None:
            raise ForbiddenError(f"{name} is in no group that has a role here; ask an operator for one")
        return Caller(name, role, "proxy", address)


def _only(request: Request, header: str) -> str:
    """The header, which says who asks and so comes once; blank where it does not come, UnauthorizedError where it comes again."""
    sent = request.headers.getlist(header)
    if len(sent) > 1:
        raise UnauthorizedError(
            f"{header} is sent {len(sent)} times, and nobody knows which one holds; have the proxy replace what it gets"
        )
    return sent[0] if sent else ""


def check_address(settings: Settings, host: str) -> None:
    """SettingsError where anybody may ask and the API would listen on anything but loopback."""
    if settings.api_auth == "none" and not _is_loopback(host):
        raise SettingsError(
            f"ADVISORY_PERF_API_AUTH is none, with which the API listens on loopback only and not on {host}; "
            "set it to token, proxy or token,proxy, or use --host 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_one_of(address: str, known: Collection[object]) -> bool:
    try:
        return ip_address(address) in known
    except ValueError:
        return False


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
