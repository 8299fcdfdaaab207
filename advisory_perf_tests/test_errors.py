"""Every error of the platform has a code of its own and an HTTP status; what is nobody's fault can be tried again."""

from collections.abc import Iterator
from http import HTTPStatus

from advisory_perf.errors import AdvisoryPerfError, DeliveryRejectedError, OutageError
from advisory_perf.ingestion.reading_apart import ReaderFaultError
from advisory_perf.runtime.supervisor import SupervisionError


def family(of: type[AdvisoryPerfError]) -> Iterator[type[AdvisoryPerfError]]:
    yield of
    for one in of.__subclasses__():
        yield from family(one)


def test_every_error_has_a_code_of_its_own() -> None:
    kinds = {one for one in family(AdvisoryPerfError) if one is not DeliveryRejectedError}
    assert {ReaderFaultError, SupervisionError} <= kinds
    assert len({one.code for one in kinds}) == len(kinds), sorted((one.code, one.__name__) for one in kinds)
    assert DeliveryRejectedError("E_EMPTY", "a file").code == "E_EMPTY"


def test_only_what_no_request_is_to_blame_for_may_be_tried_again() -> None:
    for one in family(AdvisoryPerfError):
        assert (one.http_status is HTTPStatus.SERVICE_UNAVAILABLE) == issubclass(one, OutageError), one
