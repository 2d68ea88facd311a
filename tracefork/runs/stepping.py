"""Runs all steps of a generator in the context in which it began, for servers that step generators.

A server asks a generator for its next item on whatever thread, and in whatever context, it has at
hand. A run whose block stands in the generator knows its own calls all the same (`runtime/lanes.py`). What a
library keeps in context variables does not: `one_context` keeps them together.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import Context, copy_context
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
Y = TypeVar("Y")
S = TypeVar("S")
R = TypeVar("R")


def one_context(fn: Callable[P, Generator[Y, S, R]]) -> Callable[P, Generator[Y, S, R]]:
    """Return the generator function `fn`, all of whose steps run in one context: a copy of its first step's.

    Whoever steps it, from whichever thread; not from two threads at once.
    """

    @wraps(fn)
    def stepped(*args: P.args, **kwargs: P.kwargs) -> Generator[Y, S, R]:
        context = copy_context()
        made = context.run(fn, *args, **kwargs)
        return (yield from _Stepped(made, context))

    return stepped


class _Stepped(Generator[Y, S, R]):
    def __init__(self, made: Generator[Y, S, R], context: Context) -> None:
        self._made, self._context = made, context

    def send(self, value: S) -> Y:
        return self._context.run(self._made.send, value)

    def throw(self, *exc: Any) -> Y:
        return self._context.run(self._made.throw, *exc)

    def close(self) -> None:
        self._context.run(self._made.close)
