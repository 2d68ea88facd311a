"""Tool calls through a run: two-phased, so that a crash never hides that a tool may have run.

`ask` returns when the intent to run the tool is durable, and with it all that
came before; the result is durable before it is returned. What a tool does inside is part
of the effect: it is not recorded by itself, and a replay does not run it.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable, iscoroutine
from typing import Any, Literal, TypeAlias

from . import effects, lanes
from .core.values import CANCELLED, Answer, Call, Fault, Reply
from .errors import InDoubt
from .flight import Flight
from .port import Port

OnDoubt: TypeAlias = 'Literal["raise", "rerun"] | Callable[[Call], object]'


def call(port: Port, on_doubt: OnDoubt, name: str, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return `fn(*args, **kwargs)`, or what the tape says that it returned."""
    flight = port.ask(effects.asked(name, args, kwargs))
    if (known := _known(port, flight, on_doubt)) is not None:
        if known == CANCELLED:
            _hang(port, flight)
        port.end(flight, known)
        return _replayed(known, fn)
    try:
        with lanes.aside():
            result = fn(*args, **kwargs)
        if iscoroutine(result):
            result.close()
            raise TypeError(f"{name} is a coroutine function: await run.acall(...) instead")
    except BaseException as exc:
        if isinstance(exc, Exception):
            port.end(flight, effects.raised(exc))
        else:
            port.drop(flight, CANCELLED)
        raise
    port.end(flight, effects.returned(result))
    return result


async def acall(
    port: Port, on_doubt: OnDoubt, name: str, fn: Callable[..., Any], args: Any, kwargs: Any
) -> Any:
    """`call` for a function whose result may have to be awaited."""
    flight = await port.aask(effects.asked(name, args, kwargs))
    if (known := _known(port, flight, on_doubt)) is not None:
        if known == CANCELLED:
            await _ahang(port, flight)
        await port.aend(flight, known)
        return _replayed(known, fn)
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


def _known(port: Port, flight: Flight, on_doubt: OnDoubt) -> Answer | None:
    """The answer, if the tool is not to be run: a recorded one, or what settles a doubt."""
    return flight.served if flight.served is not None else _settled(port, flight, on_doubt)


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


def _hang(port: Port, flight: Flight) -> None:
    """Wait until the agent gives up, as it did when recorded."""
    try:
        port.hang(flight)
    except BaseException:
        port.drop(flight, CANCELLED)
        raise


async def _ahang(port: Port, flight: Flight) -> None:
    """`_hang`, suspending the task."""
    try:
        await port.ahang(flight)
    except BaseException:
        port.drop(flight, CANCELLED)
        raise
