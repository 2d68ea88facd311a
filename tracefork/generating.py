"""Tools that yield: one effect from the first item that is asked for until the last is given.

A replay yields what was yielded, and ends as it ended. Where the agent stopped asking
when recorded and goes on in a replay, it has left the tape. What is sent into a
generator reaches a live one; it is no part of the recording.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from functools import partial
from inspect import isasyncgenfunction, isgeneratorfunction, unwrap
from typing import Any, cast

from . import effects, lanes
from .core.values import CANCELLED, Answer, Fault, Reply
from .effects import Yields
from .flight import Flight
from .port import Port
from .tools import Policy, ahang, hang, known


def generated(
    port: Port, policy: Policy, name: str, fn: Callable[..., Any], args: Any, kwargs: Any
) -> Generator[Any, Any, Any]:
    """The generator `fn(*args, **kwargs)`, or what the tape says that it yielded."""
    flight = port.ask(effects.asked(name, args, kwargs))
    if (answer := known(port, flight, policy)) is not None:
        if answer == CANCELLED:
            hang(port, flight)
        again, items = _unrolled(port, flight, answer, fn), list[Any]()
        try:
            for item in again.items:
                items.append(item)
                yield item
        except GeneratorExit:
            port.drop(flight, answer if len(items) == len(again.items) else effects.closed(items))
            raise
        if again.end == "closed":
            raise port.stray(flight)
        port.end(flight, answer)
        return _ended(again)
    items, sent = [], None
    made = fn(*args, **kwargs)
    try:
        while True:
            try:
                with lanes.aside():
                    item = made.send(sent)
            except StopIteration as stop:
                port.end(flight, effects.yielded(items, stop.value))
                return stop.value
            items.append(item)
            sent = yield item
    except GeneratorExit:
        port.drop(flight, effects.closed(items))
        with lanes.aside():
            made.close()
        raise
    except Exception as exc:
        port.end(flight, effects.broken(items, exc))
        made.close()  # the exception may have been thrown into us
        raise
    except BaseException:
        port.drop(flight, CANCELLED)
        made.close()
        raise


async def agenerated(
    port: Port, policy: Policy, name: str, fn: Callable[..., Any], args: Any, kwargs: Any
) -> AsyncGenerator[Any, Any]:
    """The asynchronous generator `fn(*args, **kwargs)`, or what the tape says that it yielded."""
    flight = await port.aask(effects.asked(name, args, kwargs))
    if (answer := known(port, flight, policy)) is not None:
        if answer == CANCELLED:
            await ahang(port, flight)
        again, items = _unrolled(port, flight, answer, fn), list[Any]()
        try:
            for item in again.items:
                items.append(item)
                yield item
        except GeneratorExit:
            port.drop(flight, answer if len(items) == len(again.items) else effects.closed(items))
            raise
        if again.end == "closed":
            raise port.stray(flight)
        await port.aend(flight, answer)
        _ended(again)
        return
    items, sent = [], None
    made = fn(*args, **kwargs)
    try:
        while True:
            try:
                with lanes.aside():
                    item = await made.asend(sent)
            except StopAsyncIteration:
                await port.aend(flight, effects.yielded(items))
                await port.aflush()
                return
            items.append(item)
            sent = yield item
    except GeneratorExit:
        port.drop(flight, effects.closed(items))
        with lanes.aside():
            await made.aclose()
        raise
    except Exception as exc:
        await port.aend(flight, effects.broken(items, exc))
        await port.aflush()
        await made.aclose()  # the exception may have been thrown into us
        raise
    except BaseException:
        port.drop(flight, CANCELLED)
        await made.aclose()
        raise


def kind(fn: Callable[..., Any]) -> Callable[..., Any] | None:
    """Which of the two runs `fn`; None if it does not yield."""
    inner = unwrap(fn)
    while isinstance(inner, partial):
        inner = unwrap(inner.func)
    if isgeneratorfunction(inner):
        return generated
    return agenerated if isasyncgenfunction(inner) else None


def _unrolled(port: Port, flight: Flight, answer: Answer, fn: Callable[..., Any]) -> Yields:
    try:
        if isinstance(answer, Fault):
            raise effects.rebuilt(answer.kind, [answer.message])
        return effects.unrolled(cast("Reply", answer), fn)
    except BaseException:
        port.drop(flight, answer)
        raise


def _ended(again: Yields) -> Any:
    if again.end == "raised":
        raise effects.rebuilt(again.type, again.value)
    return again.value
