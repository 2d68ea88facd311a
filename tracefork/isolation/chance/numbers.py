"""The functions of `random`, by the class of the generator that they share; and numpy's generators.

What numpy makes a generator of that nobody seeds, 128 bits from the system, is drawn: once for a generator,
and all that it gives follows from them. One that the agent seeds is left alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from ...core.values import Source
from ...host.imports import find_loaded
from ...host.patching import Patches, Target
from ...runtime import lanes
from ...session.session import Session
from .binding import Undo, bind
from .drawing import draw, find_run, read_hex, undrawn

_SEEDS = "numpy.random.bit_generator"
"""The module of numpy's that asks for the bits which an unseeded generator is made of."""


def _targets() -> Iterator[Target]:
    yield random, "random", _random
    yield random, "getrandbits", _getrandbits
    if (numpy := find_loaded(_SEEDS)) is not None and hasattr(numpy, "randbits"):
        yield numpy, "randbits", _randbits


def _random(original: Any) -> float:
    run = find_run("random", 3)
    return _unit(run, original) if run else original()


def _getrandbits(original: Any, k: int, /) -> int:
    run = find_run("random", 3)
    return _bits(run, original, k) if run else original(k)


def _randbits(original: Callable[[int], int], k: int) -> int:
    run = find_run("random", 3, ())
    if run is None:
        with undrawn():  # these are no bits that the agent asks `secrets` for
            return original(k)
    return draw(run, Source("random", f"numpy {k} bits"), lambda: f"{original(k):x}", read_hex)


def _unit(run: Session, original: Callable[[], float]) -> float:
    value = original()  # called in replay too, so that a seeded generator advances as when recorded
    return draw(run, Source("random", "random"), lambda: repr(value), float)


def _bits(run: Session, original: Callable[[int], int], k: int) -> int:
    value = original(k)
    return draw(run, Source("random", f"{k} bits"), lambda: f"{value:x}", read_hex)


_gauss: WeakKeyDictionary[Session, dict[str, float]] = WeakKeyDictionary()
"""For each run and lane, the second number of the last pair that `gauss` made."""

_OWN_RANDOM, _OWN_BITS = random.Random.random, random.Random.getrandbits


class _Shared(random.Random):
    """The class, while replaced, of the generator that the functions of `random` share.

    All of these functions call `random` or `getrandbits`, under whatever names they are bound. The class
    may be put back while a thread is in one of the two, so neither uses `super()`.
    """

    def random(self) -> float:
        run = find_run("random", 2)
        return _unit(run, partial(_OWN_RANDOM, self)) if run else _OWN_RANDOM(self)

    def getrandbits(self, k: int, /) -> int:
        run = find_run("random", 2)
        return _bits(run, partial(_OWN_BITS, self), k) if run else _OWN_BITS(self, k)

    def __reduce__(self) -> tuple[Any, ...]:
        return random.Random, (), self.getstate()

    @property
    def gauss_next(self) -> float | None:
        """The second number of the last pair that `gauss` made, kept for each lane of a run apart."""
        run = find_run("random", 2)
        if run is None:
            return vars(self).get("gauss_next")
        return _gauss.get(run, {}).get(_find_lane())

    @gauss_next.setter
    def gauss_next(self, value: float | None) -> None:
        run = find_run("random", 2)
        if run is None:
            vars(self)["gauss_next"] = value
        elif value is None:
            _gauss.get(run, {}).pop(_find_lane(), None)
        else:
            _gauss.setdefault(run, {})[_find_lane()] = value


def _find_lane() -> str:
    strand = lanes.current()
    return strand.path if strand else ""


def _replace(swaps: list[tuple[Any, Any]]) -> Undo:
    generator: Any = random._inst  # noqa: SLF001  its only name
    kind = type(generator)

    def put_back() -> None:
        if generator.__class__ is _Shared:
            generator.__class__ = kind

    with ExitStack() as done:  # what is done is undone where the rest of it fails
        generator.__class__ = _Shared
        done.callback(put_back)
        done.callback(bind(swaps, (random,)))
        return done.pop_all().close


patches = Patches(_targets, _replace, late=frozenset({_SEEDS}))
