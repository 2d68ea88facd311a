"""ToolCaller: the methods of a run by which an agent calls tools."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from ...runtime.port import Port
from . import calls, generators
from .policy import Policy, Use

T = TypeVar("T")


class ToolCaller(ABC):
    """The part of a run that calls tools."""

    port: Port
    tool_policy: Policy
    """What happens to a tool call that the script does not answer."""

    @abstractmethod
    def is_aside(self) -> bool:
        """True within a live call or a tool, where calls are not recorded."""

    def call(self, name: str, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Return `fn(*args, **kwargs)`, recorded as one effect. A replay does not run `fn`.

        Arguments and result are kept as JSON; a replayed result or exception has its original class. The
        items of a generator function, plain or asynchronous, are recorded once it has ended or is closed.

        Raises:
            Unrecordable: an argument has no JSON form; or the result or exception cannot be rebuilt from
                one: in that case the tool has run, and the tape says so.
            InDoubt: the tool was called before a crash, and `on_doubt` is "raise".
            Divergence: the script has no such call here.
        """
        return cast("T", self.use(Use(name, fn, args, kwargs)))

    async def acall(self, name: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """`call` for a coroutine function: awaits it and returns its result."""
        return await self.ause(Use(name, fn, args, kwargs))

    def use(self, use: Use) -> Any:
        """`call` for a prepared Use; a generator function gives a generator."""
        if self.is_aside():
            return use.fn(*use.args, **use.kwargs)
        make = generators.kind(use.fn) or calls.call
        return make(self.port, self.tool_policy, use)

    async def ause(self, use: Use) -> Any:
        """`acall` for a prepared Use."""
        if self.is_aside():
            result = use.fn(*use.args, **use.kwargs)
            return await result if isinstance(result, Awaitable) else result
        return await calls.acall(self.port, self.tool_policy, use)
