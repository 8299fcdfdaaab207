"""How an endpoint answers: it reads in one snapshot, unless the client has that already, and puts what it found into the envelope."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Depends, Request, Response, Security
from fastapi.security import HTTPBearer
from starlette.responses import Response as BareResponse

from advisory_perf.api.cursors import cursor_of, scope_of, wanted_page
from advisory_perf.api.envelope import Envelope, enveloped, metadata
from advisory_perf.api.parameters import SEVERAL, Paged
from advisory_perf.api.roles import ApiRole, Caller
from advisory_perf.api.service import Service
from advisory_perf.errors import ForbiddenError, OutageError, RequestError, WarehouseError
from advisory_perf.warehouse.auditing import Origin
from advisory_perf.warehouse.beginnings import settled_until
from advisory_perf.warehouse.reading.paging import ANOTHER_LIST, PageFound, PageWanted
from advisory_perf.warehouse.reading.snapshot import Snapshot

T = TypeVar("T")
_PRIVATE = "private, no-cache"
_NOT_KEPT = "no-store"
_bearer = HTTPBearer(auto_error=False, description="a token of `advisory-perf tokens new`")


class NotModifiedError(Exception):
    """The client has this answer already."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


def not_modified(_request: Request, error: Exception) -> BareResponse:
    """304, with the tag that still holds."""
    assert isinstance(error, NotModifiedError)  # noqa: S101 - registered for it
    return BareResponse(status_code=304, headers={"ETag": error.tag, "Cache-Control": _PRIVATE})


class Answering:
    """One request that is being answered, and by whom it was sent."""

    def __init__(self, request: Request, response: Response, service: Service, caller: Caller) -> None:
        """Nothing is read yet."""
        self.service, self.caller = service, caller
        self._request, self._response = request, response
        self._version: int | None = None
        self._goes_on = False

    def read(self, reading: Callable[[Snapshot], T], *, varies: str = "", is_kept: bool = True) -> T:
        """What ``reading`` finds in one snapshot; NotModifiedError where the client has what it would be made of.

        ``varies`` is what the answer depends on besides data, code, feeds and settings: today's date, say. One that also depends on what
        no tag can name, such as another store, is not kept.
        """
        try:
            return self._read(reading, varies, is_kept=is_kept)
        except WarehouseError as error:
            if self._goes_on and not isinstance(error, OutageError):  # a row to go on after that no list has
                raise RequestError(ANOTHER_LIST) from error
            raise

    def _read(self, reading: Callable[[Snapshot], T], varies: str, *, is_kept: bool) -> T:
        refused, found = None, None
        with self.service.reader.connect() as connection:
            snapshot = Snapshot(connection)
            self._version = snapshot.version()
            tag = f'W/"{self._version}-{self.caller.role}-{self.service.build}{varies and "-" + varies}"'
            is_known = is_kept and tag in [known.strip() for known in self._request.headers.get("if-none-match", "").split(",")]
            if not is_known:
                try:
                    found = reading(snapshot)
                except RequestError as error:  # the connection is as good as it was
                    refused = error
        if is_known:
            raise NotModifiedError(tag)
        if refused is not None:
            raise refused
        self._response.headers.update({"ETag": tag, "Cache-Control": _PRIVATE} if is_kept else {"Cache-Control": _NOT_KEPT})
        return found  # type: ignore[return-value] # it has read, or raised

    def settled_until(self) -> datetime:
        """The instant before which nothing more will be superseded, for what is read afterwards."""
        with self.service.reader.connect() as connection:
            return settled_until(connection)

    @property
    def origin(self) -> Origin:
        """From where the request comes, for the audit log."""
        return Origin("api", self.caller.address, self.caller.role.value, self._request.state.request_id)

    def wanted(self, query: Paged) -> PageWanted:
        """The page that is asked for."""
        self._goes_on = query.cursor is not None
        return wanted_page(self._scope(query), query)

    def one(self, data: Any, message: str = "") -> Envelope[Any]:
        """The envelope of a single object."""
        return enveloped(data, self._metadata(), message)

    def listed(
        self, found: PageFound, query: Paged, *, data: Any = None, message: str = "", meant: Mapping[str, str] = MappingProxyType({})
    ) -> Envelope[Any]:
        """The envelope of a page; ``data`` is what stands there in place of the rows alone.

        ``meant`` are parameters that the next page is to be asked with in place of those that this one was asked with.
        """
        cursor = None if found.last is None else cursor_of(self._scope(query), found.last)
        if cursor is not None:
            self._response.headers["Link"] = f'<{self._next(cursor, meant)}>; rel="next"'
        self._request.state.rows = len(found.rows)
        page = {"total_records": found.total, "page": query.page, "per_page": query.limit, "next_cursor": cursor}
        return enveloped(found.rows if data is None else data, self._metadata(**page), message)

    def all_of(self, rows: Sequence[Mapping[str, Any]], message: str = "", *, data: Any = None) -> Envelope[Any]:
        """The envelope of a list that is answered whole; ``data`` is what stands there in place of the rows alone."""
        self._request.state.rows = len(rows)
        page = {"total_records": len(rows), "per_page": max(1, len(rows))}
        return enveloped(rows if data is None else data, self._metadata(**page), message)

    def _metadata(self, **known: Any) -> dict[str, Any]:
        return metadata(self.service.clock(), self._request.state.request_id, version=self._version, **known)

    def _scope(self, query: Paged) -> str:
        return scope_of(self._request.url.path, query)

    def _next(self, cursor: str, meant: Mapping[str, str]) -> str:
        instead = {"page", "cursor", *meant}
        asked = [(name, value) for name, value in self._request.query_params.multi_items() if name not in instead]
        path = quote(self._request.scope["path"], safe="/%")  # in which a slash and a percent sign of a name are encoded already
        return f"{path}?{urlencode([*asked, *meant.items(), ('cursor', cursor)])}"


def _answering(needed: ApiRole) -> Callable[..., Awaitable[Answering]]:
    async def answering(request: Request, response: Response, _token: Annotated[object, Security(_bearer)]) -> Answering:
        """In the loop itself: a thread for it would take longer than it does."""
        service: Service = request.app.state.service
        caller = service.callers.of(request)
        request.state.caller = caller
        if not caller.role.may(needed):
            raise ForbiddenError(f"{caller.name} is {caller.role}, and this needs {needed}; ask an operator for that role")
        _refuse_repeated(request)
        return Answering(request, response, service, caller)

    return answering


def _refuse_repeated(request: Request) -> None:
    """A parameter that stands there twice would be taken by its last value."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    repeated = sorted({name for name, count in counts.items() if count > 1} - SEVERAL)
    if repeated:
        raise RequestError(f"{', '.join(repeated)} is given more than once; give it once")


ForReaders = Annotated[Answering, Depends(_answering(ApiRole.READER))]
ForAnalysts = Annotated[Answering, Depends(_answering(ApiRole.ANALYST))]
ForOperators = Annotated[Answering, Depends(_answering(ApiRole.OPERATOR))]
