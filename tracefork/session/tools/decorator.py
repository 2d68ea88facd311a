"""The decorator `tool`, which makes a function a tool of the run that is current when it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from functools import partial, wraps
from inspect import (
    Parameter,
    isasyncgenfunction,
    iscoroutinefunction,
    isgeneratorfunction,
    signature,
    unwrap,
)
from typing import Any, TypeVar, cast, overload

from attrs import frozen

from ..session import Session
from ..strangers import find_tool_run
from .policy import Use

F = TypeVar("F", bound=Callable[..., Any])

REPEATABLE: dict[str, bool] = {}
"""For each name of a tool made in this process, whether all tools of that name are repeatable."""


@overload
def tool(fn: F, /) -> F: ...
@overload
def tool(
    *, name: str = "", ignore: Iterable[str] = (), repeatable: bool = False, agent: bool = False
) -> Callable[[F], F]: ...
def tool(
    fn: F | None = None,
    /,
    *,
    name: str = "",
    ignore: Iterable[str] = (),
    repeatable: bool = False,
    agent: bool = False,
) -> F | Callable[[F], F]:
    """Make `fn` a tool: within a run each call is one effect, which a replay does not repeat.

    `fn` is a function, coroutine function, generator function of either kind, or method; `self` or `cls`
    is not part of the recorded question. Use it bare, `@tool`, or with options. Outside of a run `fn` is
    called as it is.

    Args:
        fn: the function.
        name: its name on tapes; by default the function's own.
        ignore: names of arguments to leave out of the question, such as a framework's context object.
        repeatable: the tool may run twice, so that it is never in doubt after a crash.
        agent: it is a sub-agent: what it asks are steps of the tape, in a lane of their own, and it runs in
            each replay, served by the tape as its caller is. Never in doubt, and no business of `tools=`.

    Raises:
        TypeError: `fn` has no argument of a name in `ignore`, or cannot be called.
    """

    def decorated(given: F) -> F:
        return cast("F", _make_tool(given, Spec.of(given, name, ignore, repeatable=repeatable, agent=agent)))

    return decorated if fn is None else decorated(fn)


@frozen
class Spec:
    """A tool's name and parameters, the arguments left out of its question, and what else `tool` was told."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    ignore: frozenset[str] = frozenset()
    repeatable: bool = False
    agent: bool = False

    @classmethod
    def of(
        cls,
        fn: Any,
        name: str = "",
        ignore: Iterable[str] = (),
        *,
        repeatable: bool = False,
        agent: bool = False,
    ) -> Spec:
        """Return the Spec of `fn` with these options of `tool`.

        Raises:
            TypeError: `fn` has no argument of a name in `ignore`, or cannot be called.
        """
        inner = fn.__func__ if isinstance(fn, classmethod | staticmethod) else fn
        if not callable(inner):
            raise TypeError(f"a tool is a function or a method, not {fn!r}")
        ignored = frozenset((ignore,) if isinstance(ignore, str) else ignore)
        try:
            parameters = tuple(signature(inner).parameters.values())
        except (TypeError, ValueError):  # a builtin without a signature
            parameters = ()
        known = {one.name for one in parameters}
        takes_any = any(one.kind is Parameter.VAR_KEYWORD for one in parameters)
        called = name or name_tool(inner)
        if (unknown := sorted(ignored - known)) and not takes_any:
            raise TypeError(f"{called} has no argument {', '.join(unknown)} that could be ignored")
        REPEATABLE[called] = repeatable and REPEATABLE.get(called, True)
        return cls(called, parameters, ignored, repeatable, agent)

    def use(
        self, fn: Callable[..., Any], outer: object, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Use:
        """Return the call of `fn` with these arguments; if it is a method, its class holds it as `outer`."""
        first = 1 if args and is_bound(outer, args[0]) else 0
        if not self.ignore:
            seen = args[first:], kwargs
        else:
            names = [*self._positions(len(args))]
            shown = tuple(arg for n, arg in enumerate(args) if n >= first and names[n] not in self.ignore)
            seen = shown, {key: value for key, value in kwargs.items() if key not in self.ignore}
        return Use(self.name, fn, args, kwargs, seen, self.repeatable, self.agent)

    def _positions(self, count: int) -> Iterable[str]:
        """Give the parameter names of `count` positional arguments; all of `*args` have its name."""
        name = ""
        for one in self.parameters:
            if one.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD) and count > 0:
                yield one.name
                count -= 1
            elif one.kind is Parameter.VAR_POSITIONAL:
                name = one.name
        yield from [name] * max(count, 0)


def name_tool(fn: Any) -> str:
    """Return the qualified name of `fn`, without the function in which it was defined."""
    while isinstance(fn, partial):
        fn = fn.func
    name = str(getattr(fn, "__qualname__", None) or type(fn).__qualname__)
    return name.rpartition(".<locals>.")[2]


def is_bound(outer: Any, first: Any) -> bool:
    """True if `first` is the `self` or `cls` of the method `outer`, and not an argument of a function."""
    kind = first if isinstance(first, type) else type(first)
    for base in kind.__mro__[:-1]:
        holds = [held for held in vars(base).values() if _unwrap(held) is outer]
        if not holds and base.__module__ == getattr(outer, "__module__", None):
            name = getattr(outer, "__name__", "")  # the class may hold another decorator's wrapper of it
            is_own = f"{base.__qualname__}.{name}" == getattr(outer, "__qualname__", None)
            holds = [vars(base).get(name)] if is_own else []
        if holds:
            return not isinstance(holds[0], staticmethod)
    return False


def _unwrap(held: Any) -> Any:
    return held.__func__ if isinstance(held, classmethod | staticmethod) else held


def _make_tool(fn: Any, spec: Spec) -> Any:
    if isinstance(fn, classmethod | staticmethod):
        return type(fn)(_make_tool(fn.__func__, spec))

    def here(args: Any, kwargs: Any) -> tuple[Session | None, Callable[[], Use]]:
        use = partial(spec.use, fn, ours, args, kwargs)
        return find_tool_run(use), use

    @wraps(fn)
    def called(*args: Any, **kwargs: Any) -> Any:
        run, use = here(args, kwargs)
        return run.use(use()) if run else fn(*args, **kwargs)

    @wraps(fn)
    async def acalled(*args: Any, **kwargs: Any) -> Any:
        run, use = here(args, kwargs)
        return await (run.ause(use()) if run else fn(*args, **kwargs))

    @wraps(fn)
    def yielding(*args: Any, **kwargs: Any) -> Any:
        run, use = here(args, kwargs)
        return (yield from (run.use(use()) if run else fn(*args, **kwargs)))

    @wraps(fn)
    async def ayielding(*args: Any, **kwargs: Any) -> Any:
        run, use = here(args, kwargs)
        items = run.use(use()) if run else fn(*args, **kwargs)
        async with aclosing(items):
            step = partial(items.asend, None)
            while True:
                try:
                    item = await step()
                except StopAsyncIteration:
                    return
                try:
                    step = partial(items.asend, (yield item))
                except Exception as exc:  # noqa: BLE001  the caller threw it; it is passed on to the tool
                    step = partial(items.athrow, exc)

    ours: Any
    match classify(fn):
        case "async generator":
            ours = ayielding
        case "generator":
            ours = yielding
        case "coroutine":
            ours = acalled
        case _:
            ours = called
    ours.__tracefork_tool__ = spec
    return ours


def classify(fn: Any) -> str:
    """Return what a call of `fn` gives: "coroutine", "generator", "async generator", or "" for its result."""
    inner = unwrap(fn)
    while isinstance(inner, partial):
        inner = unwrap(inner.func)
    if isasyncgenfunction(inner):
        return "async generator"
    if isgeneratorfunction(inner):
        return "generator"
    return "coroutine" if iscoroutinefunction(inner) else ""
