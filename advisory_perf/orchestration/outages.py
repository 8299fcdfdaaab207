"""Which failures of a run nothing that it worked on is to blame for: a store, a disk, a network, a lost worker. Pure.

What fails a run is known by its error's class only, and by that of each error which caused it.
"""

import re
from collections.abc import Iterator, Sequence

import dagster as dg
from dagster_shared.error import SerializableErrorInfo

from advisory_perf.errors import AdvisoryPerfError, OutageError

_OF_LIBRARIES = {
    "OperationalError",  # psycopg's, psycopg2's and SQLAlchemy's
    "InterfaceError",
    "DagsterPostgresException",
    "DagsterExecutionInterruptedError",
    "DagsterUserCodeUnreachableError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "ConnectionAbortedError",
    "BrokenPipeError",
    "TimeoutError",
}
_NUMBERED = re.compile(r"\[Errno (\d+)\]")
_NUMBERS = {"5", "12", "23", "24", "28", "30", "104", "110", "111", "122"}
"""EIO, ENOMEM, ENFILE, EMFILE, ENOSPC, EROFS, ECONNRESET, ETIMEDOUT, ECONNREFUSED, EDQUOT."""


def names_of(error: type[AdvisoryPerfError]) -> set[str]:
    """The names of all kinds of an error, its own among them."""
    return {error.__name__}.union(*map(names_of, error.__subclasses__()))


def chain_of(event: dg.DagsterEvent) -> list[SerializableErrorInfo]:
    """The error that failed a step, and what caused it, the outermost first."""
    return list(causes_of(event.step_failure_data.error))


def causes_of(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    """The error and what caused it, the outermost first."""
    while error is not None:
        yield error
        error = error.cause


def is_outage(chain: Sequence[SerializableErrorInfo]) -> bool:
    """Whether the failure is an outage: by the first of our own errors in the chain where there is one, else by any of the libraries'."""
    ours = names_of(AdvisoryPerfError)
    own = next((error.cls_name for error in chain if error.cls_name in ours), None)
    if own is not None:
        return own in names_of(OutageError)
    return any(error.cls_name in _OF_LIBRARIES or set(_NUMBERED.findall(error.message)) & _NUMBERS for error in chain)
