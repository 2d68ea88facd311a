"""The calls of tools that an agent makes through its run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from ...runtime.port import Port
from . import calls, generators
from .policy import Policy, Use

T = TypeVar("T")


class ToolCaller(ABC):
    """A run, as the tools of its agent know it."""

    port: Port
    tool_policy: Policy
    """What happens to a tool call that the script does not answer."""

    @abstractmethod
    def is_aside(self) -> bool:
        """True where what is called is no part of the run."""

    def call(self, name: str, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Return `fn(*args, **kwargs)`, recorded as one effect. A replay does not run `fn`.

        Arguments and result are kept as JSON, and what comes back is of the class that it was, an
        exception too. Of a generator function, plain or asynchronous, what it yields is recorded once it
        has ended or is closed.

        Raises:
            Unrecordable: an argument has no JSON form; or what came of it could not be made again from
                any: the tool has run then, and the tape says so.
            InDoubt: the tool was called before a crash, and `on_doubt` is "raise".
            Divergence: the script has no such call here.
        """
        return cast("T", self.use(Use(name, fn, args, kwargs)))

    async def acall(self, name: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """`call` for a coroutine function: returns what it comes to."""
        return await self.ause(Use(name, fn, args, kwargs))

    def use(self, use: Use) -> Any:
        """`call`, of a use of a tool."""
        if self.is_aside():
            return use.fn(*use.args, **use.kwargs)
        make = generators.kind(use.fn) or calls.call
        return make(self.port, self.tool_policy, use)

    async def ause(self, use: Use) -> Any:
        """`acall`, of a use of a tool."""
        if self.is_aside():
            result = use.fn(*use.args, **use.kwargs)
            return await result if isinstance(result, Awaitable) else result
        return await calls.acall(self.port, self.tool_policy, use)
