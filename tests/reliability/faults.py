"""
The N-th call to the system fails, for every N: what one act on a store may come to, and may not.

An act is tried on a fresh store with its first call failing, then its second, until it needs no more
calls than were let pass. `Fault` says how: an error code of the system's, or a write that comes short.
"""

from __future__ import annotations

import errno
import itertools
import os
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
from attrs import frozen

from tracefork.errors import Conflict, NotFound, StoreError

from .os_shim import REAL, intercepted
from .sqlite_shim import through_apsw
from .stories import after, look, perform

HELD = {"log": (b"first", b"second"), "sealed": (b"sealed whole",), "other": (b"o",)}
ACTS = {
    "append": ("append", "log", 2, b"third" * 300),
    "first append": ("append", "new", 0, b"first" * 300),
    "seal": ("seal", "log", None, b"sealed " * 300),
    "seal of nothing": ("seal", "new", None, b"sealed " * 300),
    "delete": ("delete", "log", None, None),
    "delete of a sealed one": ("delete", "sealed", None, None),
}
SHORT = -1
ROOM = (errno.ENOSPC, errno.EDQUOT)
CODES = {
    "open": (*ROOM, errno.EMFILE, errno.EIO, errno.EINTR),
    "scandir": (errno.EMFILE, errno.EIO),
    "write": (*ROOM, errno.EIO, errno.EINTR, SHORT),
    "close": (*ROOM, errno.EIO, errno.EINTR),
    "fsync": (*ROOM, errno.EIO, errno.EINTR),
    "mkdir": (*ROOM, errno.EIO),
    "replace": (*ROOM, errno.EIO),
    "flock": (errno.ENOLCK, errno.EINTR),
}
SQLITE_CODES = {
    "open": (apsw.SQLITE_CANTOPEN,),
    "read": (apsw.SQLITE_IOERR_READ,),
    "write": (apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_FULL),
    "truncate": (apsw.SQLITE_IOERR_TRUNCATE,),
    "sync": (apsw.SQLITE_IOERR_FSYNC,),
    "delete": (apsw.SQLITE_IOERR_DELETE,),
    "lock": (apsw.SQLITE_IOERR_LOCK,),
}


@frozen
class Fault:
    """Call number `at` (from 0) fails with `code`; if it `lasts`, so do all later calls of its kind."""

    at: int
    code: int
    lasts: bool = False


class Faulty:
    """Keeps the names of the calls and says which fail."""

    def __init__(self, fault):
        self.fault, self.calls, self.struck = fault, [], 0

    def strikes(self, name):
        self.calls.append(name)
        number, at = len(self.calls) - 1, self.fault.at
        fails = number == at or (self.fault.lasts and number > at and name == self.calls[at])
        self.struck += fails
        return fails


@contextmanager
def os_faults(fault):
    faulty = Faulty(fault)

    def step(name, real, args, kwargs):
        if not faulty.strikes(name):
            return real(*args, **kwargs)
        if fault.code == SHORT:
            return real(args[0], args[1][: max(1, len(args[1]) // 2)])
        if name == "close":
            real(*args)  # the descriptor is gone whatever close says
        raise OSError(fault.code, os.strerror(fault.code))

    with intercepted(step):
        yield faulty


class SQLiteFaults:
    """A `watch` for `through_apsw` that fails while a fault is set."""

    def __init__(self):
        self.faulty = None

    def __call__(self, call, file, **_):
        if self.faulty and self.faulty.strikes(call):
            code = self.faulty.fault.code
            error = apsw.exception_for(code)
            error.extendedresult = code
            raise error

    @contextmanager
    def faults(self, fault):
        self.faulty = faulty = Faulty(fault)
        try:
            yield faulty
        finally:
            self.faulty = None


def descriptors():
    return len(REAL["listdir"]("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0


def furnish(backend):
    for name, chunks in HELD.items():
        if chunks[0].startswith(b"sealed"):
            backend.seal(name, chunks[0])
        else:
            for seq, chunk in enumerate(chunks):
                backend.append(name, seq, chunk)


def try_act(opened, act, faults):
    """Assert what holds of `act` on the store `opened()`, whatever fails.

    Raises:
        AssertionError: half a change is seen, an error is not a StoreError, or the store is unusable.
    """
    with closing(opened()) as backend:
        before, open_files = look(backend), descriptors()
        changed = after(before, act)
        with faults() as faulty:
            refusal = _refusal(lambda: perform(backend, act))

        assert descriptors() <= open_files, "a descriptor is left open"
        with closing(opened()) as fresh:
            found = look(fresh)
        assert found in (before, changed), f"half a change is seen: {found}"
        if refusal is None:
            assert found == changed, "it was acknowledged, and is not there"
        backend.append("other", 1, b"goes on")
        _again(backend, opened, act, refusal, was_done=found == changed)
    return faulty


def _again(backend, opened, act, refusal, *, was_done):
    """Do it again: it works, or the log says that the store should be opened anew."""
    what, name, _, data = act
    if refusal is None:
        return
    again = _refusal(lambda: perform(backend, act))
    if again is not None and "anew" in str(again):
        with closing(opened()) as fresh:
            again = _refusal(lambda: perform(fresh, act))
            held = look(fresh)
        assert was_done if isinstance(again, Conflict | NotFound) else again is None, again
    else:
        assert not (what == "append" and was_done), f"refused ({refusal}), and yet done"
        assert isinstance(again, NotFound) if what == "delete" and was_done else again is None, again
        held = look(backend)
    assert name not in held if what == "delete" else held[name][-1] == data


def _refusal(work):
    try:
        work()
    except StoreError as error:
        return error
    return None


def try_look(opened, faults):
    """As `try_act`, of reading everything: all of it or a StoreError."""
    with closing(opened()) as backend:
        whole = look(backend)
    with closing(opened()) as backend:
        open_files = descriptors()
        with faults() as faulty:
            found = None
            try:
                found = look(backend)
            except StoreError as error:
                assert not isinstance(error, Conflict | NotFound)
        assert found in (None, whole), f"a part is read: {found}"
        assert look(backend) == whole
        assert descriptors() <= open_files, "a descriptor is left open"
    return faulty


def try_open(opened, faults):
    """As `try_act`, of opening; the store may be new."""
    open_files = descriptors()
    with faults() as faulty:
        try:
            opened().close()
        except StoreError as error:
            assert not isinstance(error, Conflict | NotFound)
    assert descriptors() <= open_files, "a descriptor is left open"
    with closing(opened()) as backend:
        backend.append("other", len(look(backend).get("other", ())), b"goes on")
    return faulty


def every_fault(attempt, codes):
    """Call `attempt(fault)` for every N, with each code that such a call may give, once and for good.

    Returns how many faults there were.
    """
    calls = attempt(Fault(-1, 0)).calls
    faults = [
        Fault(at, code, lasts)
        for at, name in enumerate(calls)
        for code in codes.get(name, (errno.EIO,))
        for lasts in (False, True)
    ]
    for fault in faults:
        try:
            assert attempt(fault).struck, "the call was never made"
        except Exception as error:
            raise AssertionError(f"{calls[fault.at]}, {fault}: {type(error).__name__}: {error}") from error
    return len(faults)


def directory_survives(root, kind, durability, act):
    """Every call fails of one act, of "look" or of "open"; see `every_fault`."""
    numbers = itertools.count()

    def attempt(fault):
        folder = root / f"store-{next(numbers)}"

        def opened():
            return kind(folder, durability=durability)

        return _attempt(opened, act, lambda: os_faults(fault))

    return every_fault(attempt, CODES)


def sqlite_survives(root, kind, durability, act):
    """As `directory_survives`, of SQLite's calls."""
    numbers = itertools.count()

    def attempt(fault):
        file = root / f"store-{next(numbers)}.db"
        faults = SQLiteFaults()

        def opened():
            return kind(file, durability=durability)

        with through_apsw(faults, checkpoint=4):
            return _attempt(opened, act, lambda: faults.faults(fault))

    return every_fault(attempt, SQLITE_CODES)


def _attempt(opened, act, faults):
    if act == "open":
        return try_open(opened, faults)
    with closing(opened()) as backend:
        furnish(backend)
    return try_look(opened, faults) if act == "look" else try_act(opened, ACTS[act], faults)
