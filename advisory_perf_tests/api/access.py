"""Every route of the application, who may ask for it, and clients that are somebody."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, get_args

from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from advisory_perf.api.answering import ForAnalysts, ForOperators, ForReaders
from advisory_perf.api.app import routed
from advisory_perf.api.callers import SECRET_HEADER
from advisory_perf.api.roles import ApiRole

PROXY, SECRET = "10.0.0.9", "pr0xy-s3cr3t-planted"
OF_PROXY = {
    "api_proxy_secret": SECRET,
    "api_proxy_addresses": PROXY,
    "api_readers": "perf-readers",
    "api_analysts": "perf-analysts",
    "api_operators": "perf-operators",
}
_NEEDED = {
    get_args(kind)[1].dependency: role
    for kind, role in ((ForReaders, ApiRole.READER), (ForAnalysts, ApiRole.ANALYST), (ForOperators, ApiRole.OPERATOR))
}


class Endpoint(NamedTuple):
    """A method of a path, and the role that it needs; None where anybody may ask."""

    method: str
    path: str
    needed: ApiRole | None

    @property
    def url(self) -> str:
        """With something in place of each name."""
        parts = ["1" if part.startswith("{") else part for part in self.path.split("/")]
        return "/".join(parts)


def endpoints_of() -> list[Endpoint]:
    """Those of the application; the role is that of the dependency by which each is answered."""
    app = routed()
    found = sorted(_endpoints(app.routes, ""), key=lambda one: (one.path, one.method))
    described = {(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods}
    assert {(one.method, one.path) for one in found} == described, "none is left out"
    return found


def _endpoints(routes: Iterable[Any], prefix: str) -> Iterator[Endpoint]:
    """Of the routes, and of the routers among them."""
    for route in routes:
        if isinstance(route, APIRoute):
            roles = [_NEEDED[part.call] for part in route.dependant.dependencies if part.call in _NEEDED]
            for method in route.methods or ():
                yield Endpoint(method, prefix + route.path, roles[0] if roles else None)
        elif hasattr(route, "original_router"):
            yield from _endpoints(route.original_router.routes, prefix + route.include_context.prefix)


def ask(client: TestClient, endpoint: Endpoint, headers: dict[str, str]) -> int:
    """The status; nothing is sent along that a writing endpoint would take."""
    return client.request(endpoint.method, endpoint.url, headers=headers).status_code


def by_proxy(role: ApiRole | None, **changes: str) -> dict[str, str]:
    """What the proxy sends of somebody in the group of the role, or in none."""
    group = "others" if role is None else f"staff, perf-{role}s"
    return {SECRET_HEADER: SECRET, "X-Forwarded-User": "ann@example.com", "X-Forwarded-Groups": group, **changes}


def by_token(token: str) -> dict[str, str]:
    """As a program sends it."""
    return {"Authorization": f"Bearer {token}"}
