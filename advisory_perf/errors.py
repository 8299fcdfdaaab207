"""One family of errors. Every message is one sentence that names what is wrong, where, and what would make it right.

Each has a code, by which a program knows it, and the HTTP status with which the platform answers a request that meets it.
"""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus
from typing import Any, ClassVar

from advisory_perf.showing import shown


class AdvisoryPerfError(Exception):
    """Anything the platform refuses to do, with a sentence for a person: on one line, whatever the names in it hold."""

    code: str = "PLATFORM"
    http_status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, sentence: str) -> None:
        super().__init__(shown(sentence))


class SettingsError(AdvisoryPerfError):
    """A setting is missing or cannot be used."""

    code = "SETTINGS"


class FeedError(AdvisoryPerfError):
    """A feed file is not a valid contract."""

    code = "FEED"
    http_status = HTTPStatus.UNPROCESSABLE_ENTITY


class CompositeError(AdvisoryPerfError):
    """A composite's file is no valid declaration."""

    code = "COMPOSITE"
    http_status = HTTPStatus.UNPROCESSABLE_ENTITY


class DeliveryRejectedError(AdvisoryPerfError):
    """A delivery cannot be read as its feed says.

    ``code`` is one of the file codes of ``contracts.issue_codes``.
    """

    http_status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = shown(sentence)


class LakeError(AdvisoryPerfError):
    """The lake cannot be reached, or lacks what was asked of it."""

    code = "LAKE"


class WarehouseError(AdvisoryPerfError):
    """The warehouse cannot be reached, or its schema is not the one this code was written for."""

    code = "WAREHOUSE"


class OutageError(AdvisoryPerfError):
    """What no delivery is to blame for: a store that does not answer, is full or read-only, or a lock that was lost.

    Whatever failed by it is done again, as often as it takes, and nothing is abandoned for it.
    """

    code = "OUTAGE"
    http_status = HTTPStatus.SERVICE_UNAVAILABLE


class LakeOutageError(LakeError, OutageError):
    """The lake does not do what it is asked: it cannot be reached, is full or read-only, or gives less than it lists."""

    code = "LAKE_OUTAGE"
    http_status = HTTPStatus.SERVICE_UNAVAILABLE


class WarehouseOutageError(WarehouseError, OutageError):
    """The warehouse does not do what it is asked, for a reason that does not lie in the rows."""

    code = "WAREHOUSE_OUTAGE"
    http_status = HTTPStatus.SERVICE_UNAVAILABLE


class ReaderLostError(OutageError):
    """The process that reads could not be started, was ended from outside, or stood still: no word about the file."""

    code = "READER_LOST"


class LockHeldError(WarehouseOutageError):
    """Another process has the lock, and has not given it back for long."""

    code = "LOCK_HELD"


class LostLockError(WarehouseOutageError):
    """Another process has taken over what this one had its lock for."""

    code = "LOCK_LOST"


class IngestionUnderWayError(LakeOutageError):
    """Rows in the lake may be those of an ingestion that the ledger does not know yet, or never will."""

    code = "INGESTION_UNDER_WAY"


class ChannelError(AdvisoryPerfError):
    """The channel did not take a message. Names the channel without user, password, path and query."""

    code = "CHANNEL"
    http_status = HTTPStatus.BAD_GATEWAY


class UndefinedReturnError(AdvisoryPerfError):
    """A single figure that was asked for does not exist.

    ``status`` says why: a ``ReturnStatus`` or a ``RateStatus`` of ``contracts.enums``.
    """

    code = "UNDEFINED_RETURN"
    http_status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, status: StrEnum, sentence: str) -> None:
        super().__init__(f"{status}: {sentence}")
        self.status = status
        self.sentence = shown(sentence)


class RequestError(AdvisoryPerfError):
    """A request that cannot be answered as it is: what it asks for, or who asks.

    ``details`` are for the program that asked: they stand in the answer beside the sentence.
    """

    code = "REQUEST"
    http_status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, sentence: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.details = dict(details or {})


class NotFoundError(RequestError):
    """There is nothing of that name."""

    code = "NOT_FOUND"
    http_status = HTTPStatus.NOT_FOUND


class ConflictError(RequestError):
    """What the request takes for granted is no longer so, or there is more than one of that name."""

    code = "CONFLICT"
    http_status = HTTPStatus.CONFLICT


class UnauthorizedError(RequestError):
    """Nobody is known to be asking."""

    code = "UNAUTHORIZED"
    http_status = HTTPStatus.UNAUTHORIZED


class ForbiddenError(RequestError):
    """Who asks may not do that."""

    code = "FORBIDDEN"
    http_status = HTTPStatus.FORBIDDEN


class ExportRefusedError(WarehouseError, RequestError):
    """A relation cannot be exported as it was asked for: a filter, an instant or a form that it cannot have."""

    code = "EXPORT"


class TooManyError(RequestError):
    """As many are under way as may be; try again later."""

    code = "TOO_MANY"
    http_status = HTTPStatus.TOO_MANY_REQUESTS
