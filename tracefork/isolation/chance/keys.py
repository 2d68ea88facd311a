"""`os.urandom`, `secrets` and `random.SystemRandom`: each call is a draw of as many bytes or bits.

`secrets` goes by the methods of SystemRandom, which has three of its own; their code is replaced, so that
bound methods such as `secrets.choice` are reached whoever holds them. SystemRandom and `uuid` have
their bytes from the original `os.urandom`. What is drawn stands on the tape, readable: nobody
who makes keys that stay in use wants this kind.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from ...core.values import Source
from ...host.codes import Code
from ...host.patching import Patches, Target
from ...session.session import Session
from .binding import Undo, bind
from .drawing import draw, find_run, read_hex

_BETWEEN = (vars(random), vars(secrets))


def _targets() -> Iterator[Target]:
    yield os, "urandom", _urandom


def _urandom(original: Callable[[int], bytes], size: int, /) -> bytes:
    run = find_run("secrets", 3, ())
    return _bytes(run, original, size) if run else original(size)


def _bytes(run: Session, original: Callable[[int], bytes], size: int) -> bytes:
    if not _is_size(size):
        return original(size)  # which may say what is wrong
    return draw(run, Source("secrets", f"{size} bytes"), lambda: original(size).hex(), bytes.fromhex)


def _is_size(given: object) -> bool:
    return isinstance(given, int) and given >= 0


def _randbytes(original: Callable[[Any, int], bytes], self: Any, n: int) -> bytes:
    run = find_run("secrets", 2, _BETWEEN)
    return _bytes(run, lambda size: original(self, size), n) if run else original(self, n)


def _getrandbits(original: Callable[[Any, int], int], self: Any, k: int) -> int:
    run = find_run("secrets", 2, _BETWEEN)
    if run is None or not _is_size(k):
        return original(self, k)
    return draw(run, Source("secrets", f"{k} bits"), lambda: f"{original(self, k):x}", read_hex)


def _random(original: Callable[[Any], float], self: Any) -> float:
    run = find_run("secrets", 2, _BETWEEN)
    if run is None:
        return original(self)
    return draw(run, Source("secrets", "random"), lambda: repr(original(self)), float)


def _code_of_random(self: Any, *, _tracefork: Any = None) -> Any:
    return _tracefork(self)


def _code_of_getrandbits(self: Any, k: Any, *, _tracefork: Any = None) -> Any:
    return _tracefork(self, k)


def _code_of_randbytes(self: Any, n: Any, *, _tracefork: Any = None) -> Any:
    return _tracefork(self, n)


def _replace(swaps: list[tuple[Any, Any]]) -> Undo:
    kind = random.SystemRandom
    with ExitStack() as done:  # what is done is undone where the rest of it fails
        for function, code, ours in (
            (kind.random, _code_of_random, _random),
            (kind.getrandbits, _code_of_getrandbits, _getrandbits),
            (kind.randbytes, _code_of_randbytes, _randbytes),
        ):
            done.callback(Code(function, code, ours).undo)
        done.callback(bind(swaps, (os,)))
        return done.pop_all().close


patches = Patches(_targets, _replace)
