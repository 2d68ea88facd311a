"""
Standing between the directory backend and the operating system: calls of `os` and `flock` by this thread.

`logged` writes down every change to the files of one folder, as `disk.Disk` understands it.
`intercepted` shows each call to a function, which may raise instead, or do something first.
"""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

OF_OS = (
    "close fstat fsync ftruncate listdir lseek lstat mkdir open read replace rename scandir stat unlink write"
).split()
REAL = {name: getattr(os, name) for name in OF_OS}


@contextmanager
def intercepted(step):
    """Call `step(name, real, args, kwargs)` for each call inside, by this thread; it answers for it."""
    me = threading.get_ident()
    inside = False

    def wrap(name, real):
        def call(*args, **kwargs):
            nonlocal inside
            if inside or threading.get_ident() != me:
                return real(*args, **kwargs)
            inside = True
            try:
                return step(name, real, args, kwargs)
            finally:
                inside = False

        return call

    with ExitStack() as stack:
        for name, real in REAL.items():
            stack.enter_context(patch.object(os, name, wrap(name, real)))
        stack.enter_context(patch.object(fcntl, "flock", wrap("flock", fcntl.flock)))
        yield


@contextmanager
def logged(root, log, before):
    """Append to `log` what is changed in the folder `root`, which holds the files of `before` already."""
    numbers = {(root / name).stat().st_ino: number for number, name in enumerate(before)}
    fresh = len(numbers)

    def step(name, real, args, kwargs):
        nonlocal fresh
        if name == "open":
            there = {file.name for file in REAL["scandir"](root)}
            fd = real(*args, **kwargs)
            if args[0] not in there and stat.S_ISREG(REAL["fstat"](fd).st_mode):
                numbers[REAL["fstat"](fd).st_ino] = fresh
                log.append(("create", args[0], fresh))
                fresh += 1
            return fd
        if name == "write":
            at = REAL["lseek"](args[0], 0, os.SEEK_CUR)
            done = real(*args, **kwargs)
            log.append(("write", number(args[0]), at, bytes(args[1][:done])))
            return done
        done = real(*args, **kwargs)
        if name == "ftruncate":
            log.append(("truncate", number(args[0]), args[1]))
        elif name == "fsync" and stat.S_ISDIR(REAL["fstat"](args[0]).st_mode):
            if REAL["fstat"](args[0]).st_ino == REAL["stat"](root).st_ino:
                log.append(("sync_names",))
        elif name == "fsync":
            log.append(("sync", number(args[0])))
        elif name in ("replace", "rename"):
            log.append(("rename", args[0], args[1]))
        elif name == "unlink":
            log.append(("unlink", args[0]))
        return done

    def number(fd):
        return numbers[REAL["fstat"](fd).st_ino]

    with intercepted(step):
        yield
