"""Makes undecorated functions tools of a run: `wrap=`.

While a run wraps a Python function, its `__code__` is replaced, which reaches every name bound to it: in
modules, lists of tools, classes, closures and default arguments. The new code makes an effect of the
current run if that run wrapped this function, and otherwise calls the original. A function whose module is
not imported yet is wrapped as soon as it is. Callables that are not Python functions have no code to replace.
"""

from __future__ import annotations

import inspect
import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property, partial
from types import CodeType, FunctionType, MethodType
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from ...host import codes
from ...host.imports import Watch
from ..strangers import find_tool_run
from .decorator import Spec, classify

Wrapped: TypeAlias = "Callable[..., Any] | str"
"""A function, or its path as `"module:path"`."""

MAIN = "__main__"


class Wraps:
    """The functions that one run wraps, named by `paths`; they are tools between `hold` and `release`."""

    def __init__(self, functions: dict[str, FunctionType | None]) -> None:
        self._functions = functions
        self._held: list[FunctionType] = []
        self._taken: set[str] = set()
        modules = {path.partition(":")[0] for path in functions}
        self._watch = Watch(frozenset(modules - {MAIN}), self.take)
        self._is_held = False

    @classmethod
    def of(cls, wrap: Iterable[Wrapped]) -> Wraps:
        """Return the Wraps for an argument `wrap=`: one function or path, or several.

        Raises:
            TypeError: one of them is not a Python function.
            ValueError: a string is not a path such as `module:function`.
        """
        asked = [wrap] if isinstance(wrap, str) or callable(wrap) else wrap
        return cls(dict(_read_path(one) for one in asked))

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(self._functions)

    def hold(self, _: object) -> None:
        """Make the functions tools of the run; a second call does nothing."""
        if self._is_held:
            return
        self._is_held = True
        awaited = False
        for path, function in self._functions.items():
            found = function or _find(path)
            if found is not None:
                self._take(path, found)
            elif _is_imported(path):
                _warn_missing(path)
            else:
                awaited = True
        if awaited:
            self._watch.begin()
            _awaiting.append(self)

    def release(self, _: object) -> None:
        """Restore the functions that no other run holds; a second call does nothing."""
        if not self._is_held:
            return
        if self in _awaiting:
            _awaiting.remove(self)
        self._watch.end()
        missing = [
            path for path in self._functions if path.startswith(f"{MAIN}:") and not self._has_come(path)
        ]
        while self._held:
            _release(self._held.pop())
        self._is_held = False
        with suppress(RuntimeWarning):  # raised as an error, it would stop the rest of the run's cleanup
            for path in missing:
                _warn_missing(path)

    def _has_come(self, path: str) -> bool:
        """True if the function was found, wrapped here or already a tool by its decorator."""
        return path in self._taken

    def awaits(self, module: str) -> bool:
        """True if `wrap=` names a function of `module`."""
        return any(path.startswith(f"{module}:") for path in self._functions)

    def take(self, module: str) -> None:
        """Wrap the functions of `module`, which has just been imported; warn of those it does not have."""
        for path in self._functions:
            if path.startswith(f"{module}:"):
                if (found := _find(path)) is None:
                    _warn_missing(path)
                elif found not in self._held:
                    self._take(path, found)

    def look(self, module: str) -> None:
        """Wrap the functions that `module` has defined so far; it is still being executed."""
        for path in self._functions:
            if path.startswith(f"{module}:") and (found := _find(path)) and found not in self._held:
                self._take(path, found)

    def _take(self, path: str, function: FunctionType) -> None:
        self._taken.add(path)
        if not hasattr(function, "__tracefork_tool__"):  # else its decorator made it a tool
            _hold(path, function)
            self._held.append(function)


_known: WeakValueDictionary[str, FunctionType] = WeakValueDictionary()
"""Functions wrapped in this process that cannot be found by their path, such as those made in a function."""

_awaiting: list[Wraps] = []


def is_awaited(module: str) -> bool:
    """True if a run in progress waits for functions of `module` to be defined."""
    return any(wraps.awaits(module) for wraps in _awaiting)


def look(module: str) -> None:
    """Wrap the awaited functions that `module`, which is still being executed, has defined so far."""
    for wraps in _awaiting:
        wraps.look(module)


# -- by path ---------------------------------------------------------------------------


def _read_path(one: object) -> tuple[str, FunctionType | None]:
    if isinstance(one, str):
        module, _, path = one.partition(":")
        if not module or not path or not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(f"wrap= takes functions, or paths such as package.module:function, not {one!r}")
        return one, None
    function = _unwrap(one)
    if function is None:
        what = getattr(one, "__qualname__", None) or repr(one)
        raise TypeError(
            f"wrap= takes functions and methods of Python; {what} is a {type(one).__name__}, whose code "
            "cannot be exchanged: wrap the function within, or one of your own that calls it, or use "
            "tracefork.tool"
        )
    path = f"{function.__module__}:{function.__qualname__}"
    if _find(path) is not function:
        _known[path] = function
    return path, function


def _unwrap(held: object) -> FunctionType | None:
    if isinstance(held, classmethod | staticmethod | MethodType):
        held = held.__func__
    elif isinstance(held, property):
        held = held.fget
    elif isinstance(held, cached_property):
        held = held.func
    return held if isinstance(held, FunctionType) else None


def _find(path: str) -> FunctionType | None:
    if (known := _known.get(path)) is not None:
        return known
    module, _, inside = path.partition(":")
    held: object = sys.modules.get(module)
    for part in inside.split("."):
        held = getattr(held, "__dict__", {}).get(part)
    return _unwrap(held)


def _is_imported(path: str) -> bool:
    module = path.partition(":")[0]
    return module in sys.modules and module != MAIN


def _warn_missing(path: str) -> None:
    module, _, inside = path.partition(":")
    warnings.warn(
        f"wrap= names {path}, and {module} has no function {inside}: if it is called, it runs for real",
        RuntimeWarning,
        stacklevel=4,
    )


# -- by code ---------------------------------------------------------------------------


class _Swap:
    """One function whose code is replaced until its last holder releases it."""

    def __init__(self, path: str, function: FunctionType) -> None:
        self.function, self.paths, self.holders = function, {path}, 0
        self._code, self._defaults = function.__code__, function.__kwdefaults__
        self.original = codes.copy(function)
        self._spec = Spec.of(function)
        self._kind = classify(self.original)
        self._signed = "__signature__" in vars(function)
        if not self._signed:
            with suppress(TypeError, ValueError):
                vars(function)["__signature__"] = inspect.signature(function)
        self._ours = _make_code(self._code)
        function.__kwdefaults__ = {"_tracefork": self._call}
        function.__code__ = self._ours

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        use = partial(self._spec.use, self.original, self.function, args, kwargs)
        if (run := find_tool_run(use, self.paths)) is None:
            return self.original(*args, **kwargs)
        return run.ause(use()) if self._kind == "coroutine" else run.use(use())

    def undo(self) -> None:
        if self.function.__code__ is self._ours:
            self.function.__code__ = self._code  # calls in progress keep the code and arguments they have
            self.function.__kwdefaults__ = self._defaults
        if not self._signed:
            vars(self.function).pop("__signature__", None)


_swaps: dict[int, _Swap] = {}
_lock = threading.Lock()


def _hold(path: str, function: FunctionType) -> None:
    with _lock:
        swap = _swaps.get(id(function))
        if swap is None:
            swap = _swaps[id(function)] = _Swap(path, function)
        swap.paths.add(path)
        swap.holders += 1


def _release(function: FunctionType) -> None:
    with _lock:
        swap = _swaps[id(function)]
        swap.holders -= 1
        if not swap.holders:
            del _swaps[id(function)]
            swap.undo()


def _make_code(of: CodeType) -> CodeType:
    """Code of the same kind (plain, generator, coroutine) that calls its argument `_tracefork` instead.

    The code runs with the globals of the function it is put into, so it may use no names of this module.
    """
    kinds = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
    made = {
        inspect.CO_GENERATOR: _yielding,
        inspect.CO_COROUTINE: _acall,
        inspect.CO_ASYNC_GENERATOR: _ayielding,
    }.get(of.co_flags & kinds, _call)
    code: CodeType = made.__code__
    return code.replace(co_name=of.co_name, co_qualname=of.co_qualname, co_freevars=of.co_freevars)


def _call(*args: Any, _tracefork: Any = None, **kwargs: Any) -> Any:
    return _tracefork(args, kwargs)


async def _acall(*args: Any, _tracefork: Any = None, **kwargs: Any) -> Any:
    return await _tracefork(args, kwargs)


def _yielding(*args: Any, _tracefork: Any = None, **kwargs: Any) -> Any:
    return (yield from _tracefork(args, kwargs))


async def _ayielding(*args: Any, _tracefork: Any = None, **kwargs: Any) -> Any:
    items, sent, thrown = _tracefork(args, kwargs), None, None
    try:
        while True:
            try:
                item = await (items.asend(sent) if thrown is None else items.athrow(thrown))
            except StopAsyncIteration:
                return
            sent = thrown = None
            try:
                sent = yield item
            except Exception as exc:  # noqa: BLE001  the caller threw it; it is passed on to the tool
                thrown = exc
    finally:
        await items.aclose()
