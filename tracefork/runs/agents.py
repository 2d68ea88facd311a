"""Runs an agent within a session and returns how it ended: for verify, blame, calibrate and the commands."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

from attrs import frozen

from ..runtime.waiting import in_loop
from ..session.session import Session

Agent: TypeAlias = Callable[..., Any]
"""Any callable, sync or async. It is given the run only through a sole required
positional parameter, or one that is named `run`."""


@frozen
class Ending:
    """How a call came to its end: the `result` that it returned, or the exception that it `raised`."""

    result: Any = None
    raised: BaseException | None = None


def run_agent(session: Session, agent: Agent) -> Ending:
    """Run `agent` within `session`, an async one in an event loop of its own; return how it ended.

    `raised` is what left the block of the session: an exception of the agent's, or one of the session's.
    If the recorded run was interrupted, so is its replay: that interrupt is `raised` too.

    Raises:
        KeyboardInterrupt: somebody interrupts it.
    """
    try:
        with session:
            return Ending(complete(call_agent(agent, session)))
    except (KeyboardInterrupt, GeneratorExit) as exc:
        if exc is not session.port.interrupted:
            raise
        return Ending(raised=exc)
    except BaseException as exc:  # noqa: BLE001  it is the caller's to judge
        return Ending(raised=exc)


async def arun_agent(session: Session, agent: Agent) -> Ending:
    """`run_agent` in the running event loop, for sync and async agents.

    Raises:
        BaseException: somebody interrupts or cancels this task.
    """
    try:
        async with session:
            result = call_agent(agent, session)
            return Ending(await result if inspect.isawaitable(result) else result)
    except (Exception, SystemExit) as exc:  # noqa: BLE001  it is the caller's to judge
        return Ending(raised=exc)
    except BaseException as exc:
        if exc is not session.port.interrupted and not _is_own_cancellation(exc):
            raise
        return Ending(raised=exc)


def call_agent(agent: Agent, run: Session) -> Any:
    """Call `agent` with what it asks for, the run or nothing, and return what it returns."""
    try:
        parameters = inspect.signature(agent).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return agent()
    if any(p.name == "run" and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters):
        return agent(run=run)
    required = [
        p
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return agent(run) if len(required) == 1 else agent()


def complete(result: Any) -> Any:
    """Return `result`, or, if it is awaitable, what it gives in an event loop of its own."""
    return asyncio.run(_await(result)) if inspect.isawaitable(result) else result


def is_async(agent: Agent) -> bool:
    """True for a coroutine function, a partial of one, or an object whose call is one."""
    inner = inspect.unwrap(agent.func if isinstance(agent, partial) else agent)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(type(inner).__call__)


def check_loop(agent: Agent, instead: str) -> None:
    """See that `agent` can have an event loop of its own here; `instead` says what else to do.

    Raises:
        RuntimeError: it is async, and an event loop is running.
    """
    if is_async(agent) and in_loop():
        raise RuntimeError(f"an event loop is running: {instead}")


def _is_own_cancellation(exc: BaseException) -> bool:
    """True for a cancellation within the agent, while nobody cancels the task that runs it."""
    if not isinstance(exc, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    return task is not None and not task.cancelling()


async def _await(result: Awaitable[Any]) -> Any:
    return await result
