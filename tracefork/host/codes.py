"""Functions whose code is exchanged for a while: whoever holds one, under whatever name, calls another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any


class Code:
    """Replaces the `__code__` of a Python function until `undo`, and so for all names bound to it.

    `ours` has the function's own arguments and a keyword `_tracefork`, through which it calls `replacement`
    with the original and these arguments.
    """

    def __init__(self, function: Any, ours: Any, replacement: Callable[..., Any]) -> None:
        self._function, self._code, self._ours = function, function.__code__, ours.__code__
        function.__kwdefaults__ = {"_tracefork": partial(replacement, copy(function))}
        function.__code__ = self._ours

    def undo(self) -> None:
        if self._function.__code__ is self._ours:
            self._function.__code__ = self._code  # calls in progress keep the code and arguments they have
            self._function.__kwdefaults__ = None


class Owner:
    """A function as the owner of an attribute `call`, for `Patches`: to set that is to exchange its code.

    `ours` is as for `Code`, but is given what is set here, and that is given the arguments alone.
    """

    call: Any

    def __init__(self, function: Any, ours: Any) -> None:
        vars(self).update(_function=function, _ours=ours, _code=None)

    def __getattr__(self, name: str) -> Any:
        if name != "call":
            raise AttributeError(name)
        return copy(vars(self)["_function"])

    def __setattr__(self, name: str, value: Any) -> None:
        known = vars(self)
        known[name] = value
        known["_code"] = Code(known["_function"], known["_ours"], lambda _, *args: value(*args))

    def __delattr__(self, name: str) -> None:
        known = vars(self)
        del known[name]
        known["_code"].undo()


def copy(function: FunctionType) -> FunctionType:
    """A function that goes on as `function` does now, whatever becomes of its code."""
    made = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    lazily = "__annotate__" if hasattr(function, "__annotate__") else "__annotations__"  # since Python 3.14
    setattr(made, lazily, getattr(function, lazily))
    made.__qualname__, made.__module__ = function.__qualname__, function.__module__
    made.__dict__.update(vars(function))
    return made
