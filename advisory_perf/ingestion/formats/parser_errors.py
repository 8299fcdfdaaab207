"""What parsers raise over bytes that they cannot read, turned into a refusal of the file in our own words.

Every parser has a family of its own, and those in Rust panic beside it. A panic is no Exception, so that nothing else would stop it
before the run's end. A want of memory is no damage, and is raised. What is not listed here (KeyError, TypeError, a column that a frame
lacks) is a mistake of this code, and is raised too.
"""

import csv
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import fastexcel
import polars as pl
import pyarrow as pa

_FAULTS = (
    pa.ArrowException,
    fastexcel.FastExcelError,
    pl.exceptions.ComputeError,
    pl.exceptions.InvalidOperationError,
    pl.exceptions.PanicException,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    csv.Error,
    UnicodeError,
    OverflowError,
    RecursionError,
    OSError,
)
_PANIC = "PanicException"
"""Each library in Rust has a class of this name, and exports none."""


@contextmanager
def parser_faults(refusal: Callable[[], Exception]) -> Iterator[None]:
    """Raises the refusal in the place of what a parser raises within."""
    try:
        yield
    except MemoryError:
        raise
    except _FAULTS as error:
        raise refusal() from error
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise refusal() from error
