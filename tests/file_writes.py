"""SQLite's own file system layer, with a word in each write: below the driver, where a disk fails.

SQLite asks a table of functions for everything that it does to a file (https://sqlite.org/vfs.html). `watch` puts its
own functions for writing, cutting and syncing a file into the table of each file that is opened from then on, in this
process and those that it forks.
"""

import importlib
from collections.abc import Callable
from ctypes import CDLL, CFUNCTYPE, POINTER, Structure, addressof, c_char_p, c_int, c_int64, c_void_p, cast
from typing import Any

OK = 0
FULL = 13
IOERR_WRITE, IOERR_FSYNC, IOERR_TRUNCATE = (10 | kind << 8 for kind in (3, 4, 6))

_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)


class _Methods(Structure):
    """`sqlite3_io_methods`, version 3."""

    _fields_ = [
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        *((f"more_{number}", c_void_p) for number in range(13)),
    ]


class _File(Structure):
    """`sqlite3_file`."""

    _fields_ = [("methods", POINTER(_Methods))]


class _Vfs(Structure):
    """`sqlite3_vfs`, as far as its function that opens a file."""

    _fields_ = [
        ("version", c_int),
        ("file_bytes", c_int),
        ("path_bytes", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", _Open),
    ]


_kept: list[Any] = []  # what SQLite points to must stay


def watch(fails: Callable[[int], int]) -> None:
    """From now on `fails` is asked before each write, cut and sync of a file, with the error that is usual there; what
    it returns is what SQLite gets, unless that is `OK`. Raises `AttributeError` where SQLite's functions are not to be
    had.
    """
    library = CDLL(getattr(importlib.import_module("_sqlite3"), "__file__", None))
    find = library.sqlite3_vfs_find
    find.restype = POINTER(_Vfs)
    vfs = find(None).contents
    tables: dict[int, _Methods] = {}
    really_open = _Open(cast(vfs.open, c_void_p).value or 0)

    def table_of(own: _Methods) -> _Methods:
        """Return a table of functions with a word in those that write."""
        table = _Methods.from_buffer_copy(own)
        write, truncate, sync = own.write, own.truncate, own.sync
        table.write = _Write(lambda file, data, size, at: fails(IOERR_WRITE) or write(file, data, size, at))
        table.truncate = _Truncate(lambda file, size: fails(IOERR_TRUNCATE) or truncate(file, size))
        table.sync = _Sync(lambda file, flags: fails(IOERR_FSYNC) or sync(file, flags))
        return table

    def open_file(system: int, name: int, place: int, flags: int, given: int) -> int:
        code = int(really_open(system, name, place, flags, given))
        file = _File.from_address(place)
        if code == OK and file.methods:
            own = addressof(file.methods.contents)
            if own not in tables:
                tables[own] = table_of(file.methods.contents)
            file.methods.contents = tables[own]
        return code

    _kept.extend([tables, really_open, _Open(open_file)])
    vfs.open = _kept[-1]
