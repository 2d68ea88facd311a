"""Tool calls through a run: two-phased, so that a crash never hides that a tool may have run.

Before the tool runs, everything so far is durable and so is the intent to run
it; its result is durable before it is returned. What a tool does inside is part
of the effect: it is not recorded by itself, and a replay does not run it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, Literal, Protocol, TypeAlias

from . import effects, lanes
from .core.values import CANCELLED, Answer, Call, Fault, Question, Reply
from .errors import InDoubt, TraceforkError
from .flight import Flight

OnDoubt: TypeAlias = 'Literal["raise", "rerun"] | Callable[[Call], object]'


class Port(Protocol):
    """What a session offers to those who ask for the agent."""

    def ask(self, question: Question) -> Flight: ...
    async def aask(self, question: Question) -> Flight: ...
    def end(self, flight: Flight, answer: Answer) -> None: ...
    async def aend(self, flight: Flight, answer: Answer) -> None: ...
    def drop(self, flight: Flight, answer: Answer) -> None: ...
    def hang(self, flight: Flight) -> None: ...
    async def ahang(self, flight: Flight) -> None: ...
    def flush(self) -> None: ...
    async def aflush(self) -> None: ...
    def fail(self, error: TraceforkError) -> TraceforkError: ...


def call(port: Port, on_doubt: OnDoubt, name: str, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return `fn(*args, **kwargs)`, or what the tape says that it returned."""
    asked = effects.asked(name, args, kwargs)
    port.flush()
    flight = port.ask(asked)
    if flight.served is not None:
        if flight.served == CANCELLED:
            port.hang(flight)
        port.end(flight, flight.served)
        return _replayed(flight.served, fn)
    if (known := _settled(port, flight, on_doubt)) is not None:
        port.end(flight, known)
        port.flush()
        return _replayed(known, fn)
    port.flush()
    try:
        with lanes.aside():
            result = fn(*args, **kwargs)
    except BaseException as exc:
        if isinstance(exc, Exception):
            port.end(flight, effects.raised(exc))
            port.flush()
        else:
            port.drop(flight, CANCELLED)
        raise
    port.end(flight, effects.returned(result))
    port.flush()
    return result


async def acall(
    port: Port, on_doubt: OnDoubt, name: str, fn: Callable[..., Any], args: Any, kwargs: Any
) -> Any:
    """`call` for a function whose result may have to be awaited."""
    asked = effects.asked(name, args, kwargs)
    await port.aflush()
    flight = await port.aask(asked)
    if flight.served is not None:
        if flight.served == CANCELLED:
            await _dropped_if_cancelled(port, flight, port.ahang(flight))
        await port.aend(flight, flight.served)
        return _replayed(flight.served, fn)
    if (known := _settled(port, flight, on_doubt)) is not None:
        await port.aend(flight, known)
        await port.aflush()
        return _replayed(known, fn)
    await _dropped_if_cancelled(port, flight, port.aflush())
    try:
        with lanes.aside():
            result = fn(*args, **kwargs)
            if isawaitable(result):
                result = await result
    except BaseException as exc:
        if isinstance(exc, Exception):
            await port.aend(flight, effects.raised(exc))
            await port.aflush()
        else:
            port.drop(flight, CANCELLED)
        raise
    await port.aend(flight, effects.returned(result))
    await port.aflush()
    return result


def _settled(port: Port, flight: Flight, on_doubt: OnDoubt) -> Reply | None:
    """The reply to a call that was in flight at a crash, if it is not to be run again.

    Raises:
        InDoubt: nobody said what to do about it.
    """
    if not flight.again or on_doubt == "rerun":
        return None
    assert isinstance(flight.question, Call)
    if callable(on_doubt):
        return effects.returned(on_doubt(flight.question))
    port.drop(flight, CANCELLED)
    raise port.fail(InDoubt(flight.question))


def _replayed(answer: Answer, fn: Callable[..., Any]) -> Any:
    if isinstance(answer, Fault):
        raise effects.rebuilt(answer.kind, [answer.message])
    assert isinstance(answer, Reply)
    return effects.replayed(answer, fn)


async def _dropped_if_cancelled(port: Port, flight: Flight, waiting: Awaitable[None]) -> None:
    try:
        await waiting
    except BaseException:
        port.drop(flight, CANCELLED)
        raise
