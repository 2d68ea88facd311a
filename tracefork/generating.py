"""Tools that yield: one effect from the first item that is asked for until the last is given.

A replay yields what was yielded, and ends as it ended. Where the agent stopped asking
when recorded and goes on in a replay, it has left the tape. What is sent into a
generator, or thrown, reaches a live one; it is no part of the recording.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from functools import partial
from inspect import isasyncgenfunction, isgeneratorfunction, unwrap
from typing import Any, cast

from . import effects, lanes
from .core.values import CANCELLED, Answer, Fault, Reply
from .effects import Yielding, Yields
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
        again, given = _unrolled(port, flight, answer, fn), Yielding()
        try:
            for item in again.items:
                given.add(item)
                with suppress(Exception):  # what is thrown into it was its maker's business
                    yield item
        except BaseException:
            port.drop(flight, given.closed())
            raise
        if again.end == "closed":
            raise port.stray(flight)
        port.end(flight, answer)
        return _ended(again)
    given = Yielding()
    made = _made(port, flight, name, fn, args, kwargs)
    step: Callable[[], Any] = partial(made.send, None)
    try:
        while True:
            try:
                with lanes.aside():
                    item = step()
            except StopIteration as stop:
                port.end(flight, given.returned(stop.value))
                return stop.value
            given.add(item)
            try:
                step = partial(made.send, (yield item))
            except Exception as exc:  # noqa: BLE001  thrown into us, and its to catch
                step = partial(made.throw, exc)
    except GeneratorExit:
        port.drop(flight, given.closed())
        with lanes.aside():
            made.close()
        raise
    except Exception as exc:
        port.end(flight, given.raised(exc))
        raise
    except BaseException:
        port.drop(flight, CANCELLED)
        raise


async def agenerated(
    port: Port, policy: Policy, name: str, fn: Callable[..., Any], args: Any, kwargs: Any
) -> AsyncGenerator[Any, Any]:
    """The asynchronous generator `fn(*args, **kwargs)`, or what the tape says that it yielded."""
    flight = await port.aask(effects.asked(name, args, kwargs))
    if (answer := known(port, flight, policy)) is not None:
        if answer == CANCELLED:
            await ahang(port, flight)
        again, given = _unrolled(port, flight, answer, fn), Yielding()
        try:
            for item in again.items:
                given.add(item)
                with suppress(Exception):  # what is thrown into it was its maker's business
                    yield item
        except BaseException:
            port.drop(flight, given.closed())
            raise
        if again.end == "closed":
            raise port.stray(flight)
        await port.aend(flight, answer)
        _ended(again)
        return
    given = Yielding()
    made = _made(port, flight, name, fn, args, kwargs)
    step: Callable[[], Any] = partial(made.asend, None)
    try:
        while True:
            try:
                with lanes.aside():
                    item = await step()
            except StopAsyncIteration:
                await port.aend(flight, given.returned())
                await port.aflush()
                return
            given.add(item)
            try:
                step = partial(made.asend, (yield item))
            except Exception as exc:  # noqa: BLE001  thrown into us, and its to catch
                step = partial(made.athrow, exc)
    except GeneratorExit:
        port.drop(flight, given.closed())
        with lanes.aside():
            await made.aclose()
        raise
    except Exception as exc:
        await port.aend(flight, given.raised(exc))
        await port.aflush()
        raise
    except BaseException:
        port.drop(flight, CANCELLED)
        with lanes.aside():
            await made.aclose()
        raise


def _made(port: Port, flight: Flight, name: str, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    try:
        args, kwargs = port.true((args, kwargs), name)
        with lanes.aside():
            return fn(*args, **kwargs)
    except BaseException:
        port.drop(flight, CANCELLED)
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
