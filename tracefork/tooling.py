"""The decorator that makes a function a tool of whatever run it is called in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from functools import partial, wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, TypeVar, cast

from .session import current

F = TypeVar("F", bound=Callable[..., Any])


def tool(fn: F) -> F:
    """Make `fn` a tool: within a run each call is one effect, which a replay does not repeat.

    For functions, coroutine functions, and generator functions of both kinds. Outside of a run
    `fn` is called as it is.
    """
    name = fn.__qualname__.rpartition(".<locals>.")[2]

    @wraps(fn)
    def called(*args: Any, **kwargs: Any) -> Any:
        run = current()
        return run.call(name, fn, *args, **kwargs) if run else fn(*args, **kwargs)

    @wraps(fn)
    async def acalled(*args: Any, **kwargs: Any) -> Any:
        run = current()
        return await (run.acall(name, fn, *args, **kwargs) if run else fn(*args, **kwargs))

    @wraps(fn)
    def yielding(*args: Any, **kwargs: Any) -> Any:
        run = current()
        return (yield from (run.call(name, fn, *args, **kwargs) if run else fn(*args, **kwargs)))

    @wraps(fn)
    async def ayielding(*args: Any, **kwargs: Any) -> Any:
        run = current()
        items = run.call(name, fn, *args, **kwargs) if run else fn(*args, **kwargs)
        async with aclosing(items):
            step = partial(items.asend, None)
            while True:
                try:
                    item = await step()
                except StopAsyncIteration:
                    return
                try:
                    step = partial(items.asend, (yield item))
                except Exception as exc:  # noqa: BLE001  thrown into us, and the tool's to catch
                    step = partial(items.athrow, exc)

    if isasyncgenfunction(fn):
        return cast("F", ayielding)
    if isgeneratorfunction(fn):
        return cast("F", yielding)
    return cast("F", acalled if iscoroutinefunction(fn) else called)
