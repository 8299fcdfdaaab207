"""The application: routers, errors, and what is around every request. No dagster is imported by it."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from advisory_perf.api.answering import NotModifiedError, not_modified
from advisory_perf.api.examples import with_examples
from advisory_perf.api.middleware import Observed, Packed
from advisory_perf.api.problems import add_handlers
from advisory_perf.api.responses import error_responses
from advisory_perf.api.routers import (
    accounts,
    alerts,
    audit,
    breaks,
    changes,
    composites,
    dashboard,
    exports,
    lineage,
    operations,
    portfolios,
    quarantine,
    reconciliation,
    vendors,
)
from advisory_perf.api.routers import files as files_router
from advisory_perf.api.service import VERSION, Service

_ABOUT = (
    "Everything that is known of deliveries, accounts, returns, reconciliation and quality. Money is text with at least four decimals, "
    "returns are numbers (0.01 is 1 %), null where a status beside says why. Lists come by page, or by cursor; parameters that are not "
    "named here are refused."
)
_STATIC = "/static/docs"
_OF_DOCS = (
    "default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)
_ERRORS = (
    HTTPStatus.REQUEST_URI_TOO_LONG,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_ROUTERS = (
    vendors.router,
    files_router.router,
    accounts.router,
    portfolios.router,
    composites.router,
    dashboard.router,
    reconciliation.router,
    lineage.router,
    changes.router,
    quarantine.router,
    exports.router,
    breaks.router,
    alerts.router,
    audit.router,
)
_OPEN_ERRORS = (HTTPStatus.REQUEST_URI_TOO_LONG, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


def create_app(
    service: Service,
    *,
    is_ours: Callable[[str], bool] = lambda _host: True,
    has_origin: Callable[[str, str], bool] = lambda _origin, _host: False,
) -> Any:
    """The application of one process.

    ``is_ours`` says whether a Host header names this server, and ``has_origin`` whether an Origin is a page of it, given that header.
    """
    app = routed()
    app.state.service = service
    app.add_exception_handler(Exception, _unforeseen)
    add_handlers(app, service)
    app.add_exception_handler(NotModifiedError, not_modified)
    _add_docs(app)
    return Observed(Packed(app, minimum_size=1024), service, is_ours, has_origin)


def routed() -> FastAPI:
    """The endpoints and their description, with nothing behind them."""
    app = FastAPI(
        title="advisory-perf",
        version=VERSION,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        separate_input_output_schemas=False,
    )
    for one in _ROUTERS:
        app.include_router(one, responses=error_responses(*_ERRORS))
    app.include_router(operations.router, responses=error_responses(*_OPEN_ERRORS))
    describe = app.openapi
    app.openapi = lambda: with_examples(describe())  # type: ignore[method-assign]
    return app


async def _unforeseen(_request: Request, error: Exception) -> Response:
    """Raised on to ``Observed``, which answers it in the envelope: Starlette by itself would have sent a plain text before."""
    raise error


def _operation_id(route: APIRoute) -> str:
    return route.name


def _add_docs(app: FastAPI) -> None:
    """Swagger's own files out of the wheel that carries them, and nothing from anywhere else; its one script is allowed by its digest."""
    app.mount(_STATIC, StaticFiles(directory=Path(str(files("fastapi_offline"))) / "static"), name="docs_files")
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="advisory-perf: API",
        swagger_js_url=f"{_STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{_STATIC}/swagger-ui.css",
        swagger_favicon_url=f"{_STATIC}/favicon.png",
    )
    (script,) = re.findall(rb"<script>(.*?)</script>", bytes(page.body), re.DOTALL)
    digest = b64encode(hashlib.sha256(script).digest()).decode()
    headers = {"Content-Security-Policy": _OF_DOCS.format(digest=digest)}

    async def docs(_request: Request) -> Response:
        return Response(page.body, headers=headers, media_type="text/html")

    app.add_route("/docs", docs, include_in_schema=False)
