"""Records and replays tools that are generators: one effect, from the first `next` until the end.

A replay yields the recorded items and ends as recorded. If the agent stopped iterating
when recorded and goes on in a replay, it has diverged. Values sent or exceptions thrown
into a generator reach a live one, and are not recorded.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from inspect import isasyncgenfunction, isgeneratorfunction, unwrap
from typing import Any, cast

from ...core.values import CANCELLED, Answer, Fault, Reply
from ...errors import TraceforkError
from ...runtime.flight import Flight
from ...runtime.port import Port
from ...runtime.waiting import is_cancellation
from . import changed_arguments, effects
from .calls import (
    ahang,
    fill_secrets,
    find_answer,
    hang,
    is_given_up,
    make_fault,
    read_forms,
    report_loss,
)
from .effects import Yielding, Yields
from .places import Place, aask, ask
from .policy import Policy, Use


def run_generator(  # noqa: PLR0915  one story, told twice
    port: Port, policy: Policy, use: Use
) -> Generator[Any, Any, Any]:
    """The generator `use.fn(*args, **kwargs)`, or one that yields its recorded items."""
    flight, place = ask(port, use)
    if (answer := find_answer(port, flight, policy, use)) is not None:
        place.leave()
        if answer == CANCELLED:
            hang(port, flight)
        again, given = _open_yields(port, flight, answer, use), Yielding(use.name, use.fn)
        try:
            for item in again.items:
                given.add(item)
                with suppress(Exception):  # a recorded generator has no handler for what the caller throws
                    yield item
        except BaseException:
            port.drop(flight, given.closed())
            raise
        if again.end == "closed":
            raise port.stray(flight)
        port.end(flight, answer)
        return _end_yields(port, again)
    given, before = Yielding(use.name, use.fn), read_forms(use)
    made = _made(port, flight, use, place)
    step: Callable[[], Any] = partial(made.send, None)
    try:
        while True:
            try:
                with place.enter():
                    item = step()
            except StopIteration as stop:
                reply = _check_changes(given.returned(stop.value), before, use)
                port.end(flight, reply)
                report_loss(reply, None, policy, use)
                return stop.value
            except BaseException as exc:
                if use.agent and is_given_up(port, exc, use):
                    port.drop(flight, CANCELLED)
                    raise
                reply = _keep_broken(exc, given, before, policy, use)
                if isinstance(exc, Exception):
                    port.end(flight, reply)
                else:
                    port.drop(flight, reply)
                report_loss(reply, exc, policy, use)
                raise
            given.add(item)
            try:
                step = partial(made.send, (yield item))
            except Exception as exc:  # noqa: BLE001  the caller threw it; it is passed on to the tool
                step = partial(made.throw, exc)
            except BaseException:
                port.drop(flight, _check_changes(given.closed(), before, use))
                with place.enter():
                    made.close()
                raise
    finally:
        place.leave()


async def arun_generator(  # noqa: PLR0915
    port: Port, policy: Policy, use: Use
) -> AsyncGenerator[Any, Any]:
    """The asynchronous generator `use.fn(*args, **kwargs)`, or one that yields its recorded items."""
    flight, place = await aask(port, use)
    if (answer := find_answer(port, flight, policy, use)) is not None:
        place.leave()
        if answer == CANCELLED:
            await ahang(port, flight)
        again, given = _open_yields(port, flight, answer, use), Yielding(use.name, use.fn)
        try:
            for item in again.items:
                given.add(item)
                with suppress(Exception):  # a recorded generator has no handler for what the caller throws
                    yield item
        except BaseException:
            port.drop(flight, given.closed())
            raise
        if again.end == "closed":
            raise port.stray(flight)
        await port.aend(flight, answer)
        _end_yields(port, again)
        return
    given, before = Yielding(use.name, use.fn), read_forms(use)
    made = _made(port, flight, use, place)
    step: Callable[[], Any] = partial(made.asend, None)
    try:
        while True:
            try:
                with place.enter():
                    item = await step()
            except StopAsyncIteration:
                reply = _check_changes(given.returned(), before, use)
                await port.aend(flight, reply)
                await port.aflush()
                report_loss(reply, None, policy, use)
                return
            except BaseException as exc:
                try:
                    reply = _keep_broken(exc, given, before, policy, use)
                    await _end_broken(port, flight, exc, reply, policy, use)
                finally:
                    with place.enter():
                        await made.aclose()
                raise
            given.add(item)
            try:
                step = partial(made.asend, (yield item))
            except Exception as exc:  # noqa: BLE001  the caller threw it; it is passed on to the tool
                step = partial(made.athrow, exc)
            except BaseException:
                port.drop(flight, _check_changes(given.closed(), before, use))
                with place.enter():
                    await made.aclose()
                raise
    finally:
        place.leave()


async def _end_broken(
    port: Port, flight: Flight, exc: BaseException, reply: Reply, policy: Policy, use: Use
) -> None:
    """End the flight of a generator that raised `exc` instead of giving its next item."""
    gave_up = use.agent and is_given_up(port, exc, use)
    if gave_up or is_cancellation(exc) or isinstance(exc, GeneratorExit):
        port.drop(flight, CANCELLED)
    elif isinstance(exc, Exception):
        await port.aend(flight, reply)
        await port.aflush()
        report_loss(reply, exc, policy, use)
    else:
        port.drop(flight, reply)


def _made(port: Port, flight: Flight, use: Use, place: Place) -> Any:
    args, kwargs = fill_secrets(port, flight, use)
    try:
        with place.enter():
            return use.fn(*args, **kwargs)
    except BaseException:
        port.drop(flight, CANCELLED)
        raise


def _check_changes(reply: Reply, before: Sequence[changed_arguments.Form], use: Use) -> Reply:
    """`reply`; opaque if arguments changed since `before`, as at which item each changed is not recorded."""
    seen = changed_arguments.note_changes(reply, before, use.name, use.module)
    return (
        reply
        if seen == reply
        else changed_arguments.make_opaque(f"an argument that {use.name} changed", "generator's")
    )


def _keep_broken(
    exc: BaseException, given: Yielding, before: Sequence[changed_arguments.Form], policy: Policy, use: Use
) -> Reply:
    """The reply of a generator that raised `exc`.

    An interrupt or an error of tracefork that cannot be kept whole is reduced to its class and arguments.
    """
    reply = given.raised(exc)
    must_pass = not isinstance(exc, Exception) or isinstance(exc, TraceforkError)
    if reply.kind == "opaque" and (must_pass or use.agent or policy.unrecordable == "warn"):
        reply = given.ended(effects.keep_raised(exc))
    return reply if must_pass else _check_changes(reply, before, use)


def kind(fn: Callable[..., Any]) -> Callable[..., Any] | None:
    """Return `run_generator` or `arun_generator`, whichever runs `fn`; None if `fn` is not a generator."""
    inner = unwrap(fn)
    while isinstance(inner, partial):
        inner = unwrap(inner.func)
    if isgeneratorfunction(inner):
        return run_generator
    return arun_generator if isasyncgenfunction(inner) else None


def _open_yields(port: Port, flight: Flight, answer: Answer, use: Use) -> Yields:
    try:
        if isinstance(answer, Fault):
            raise make_fault(answer, use)
        return effects.open_yields(cast("Reply", answer), use.fn)
    except BaseException:
        port.drop(flight, answer)
        raise


def _end_yields(port: Port, again: Yields) -> Any:
    if again.end == "raised":
        if not isinstance(again.value, Exception):
            port.interrupted = again.value
        raise again.value
    return again.value
