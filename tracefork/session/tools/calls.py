"""Calls tools through a run, written in two phases, so that after a crash it is known what may have run.

`ask` returns once the question, and all records before it, are durable; the tool runs then,
and its result is durable before it is returned. What happens within a tool is part of its
effect: it is not recorded by itself, and a replay does not run it.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from inspect import isawaitable, iscoroutine
from typing import Any

from ...core.doubt import IN_DOUBT, TOOL_REFUSED, UNFILLED
from ...core.values import CANCELLED, Answer, Call, Fault, Reply
from ...errors import InDoubt, RedactedSecret, ToolRefused, TraceforkError
from ...runtime import lanes
from ...runtime.flight import Flight
from ...runtime.port import Port
from ...runtime.waiting import is_cancellation
from . import changed_arguments, effects
from .policy import OnDoubt, Policy, Use


def call(port: Port, policy: Policy, use: Use) -> Any:
    """Run the tool and return its result, or return the recorded one; exceptions likewise."""
    flight = port.ask(use.question)
    if (answer := find_answer(port, flight, policy, repeatable=use.repeatable)) is not None:
        if answer == CANCELLED:
            hang(port, flight)
        port.end(flight, answer)
        return give_again(port, answer, use)
    before = changed_arguments.read_forms(*use.seen)
    args, kwargs = fill_secrets(port, flight, use)
    try:
        with lanes.aside():
            result = use.fn(*args, **kwargs)
        if iscoroutine(result):
            result.close()
            raise TypeError(f"{use.name} is a coroutine function: await run.acall(...) instead")
    except BaseException as exc:
        reply = _keep_raised(exc, before, policy, use)
        if isinstance(exc, Exception):
            port.end(flight, reply)
        else:
            port.drop(flight, CANCELLED if _is_by_agent(exc) else reply)
        report_loss(reply, exc, policy)
        raise
    reply = _keep_returned(result, before, use)
    port.end(flight, reply)
    report_loss(reply, None, policy)
    return result


async def acall(port: Port, policy: Policy, use: Use) -> Any:
    """`call` for a function whose result is awaited if it is awaitable."""
    flight = await port.aask(use.question)
    if (answer := find_answer(port, flight, policy, repeatable=use.repeatable)) is not None:
        if answer == CANCELLED:
            await ahang(port, flight)
        await port.aend(flight, answer)
        return give_again(port, answer, use)
    before = changed_arguments.read_forms(*use.seen)
    args, kwargs = fill_secrets(port, flight, use)
    try:
        with lanes.aside():
            result = use.fn(*args, **kwargs)
            if isawaitable(result):
                result = await result
    except BaseException as exc:
        if isinstance(exc, GeneratorExit) or _is_by_agent(exc):
            port.drop(flight, CANCELLED)  # the agent cancelled the call, and will again in a replay
            raise
        reply = _keep_raised(exc, before, policy, use)
        if isinstance(exc, Exception):
            await port.aend(flight, reply)
            await port.aflush()
        else:
            port.drop(flight, reply)
        report_loss(reply, exc, policy)
        raise
    reply = _keep_returned(result, before, use)
    await port.aend(flight, reply)
    await port.aflush()
    report_loss(reply, None, policy)
    return result


def fill_secrets(port: Port, flight: Flight, use: Use) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments for the tool, with the secrets put back that are redacted in recorded answers.

    Raises:
        RedactedSecret: this process does not know one of the secrets; the tool has not run.
    """
    try:
        return port.true((use.args, use.kwargs), use.name)
    except RedactedSecret as exc:
        port.drop(flight, Fault(UNFILLED, exc.placeholder))
        raise


def _is_by_agent(exc: BaseException) -> bool:
    """True if `exc` comes from the agent cancelling this call, rather than from the tool."""
    if not is_cancellation(exc):
        return False
    if not isinstance(exc, asyncio.CancelledError):
        return True  # trio's `Cancelled`, which only trio can raise
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs here
        return False
    return task is None or task.cancelling() > 0


def _keep_returned(result: object, before: Sequence[changed_arguments.Form], use: Use) -> Reply:
    reply = effects.keep_result(result, use.name, use.fn)
    return changed_arguments.note_changes(reply, before, use.name, use.module, result)


def _keep_raised(
    exc: BaseException, before: Sequence[changed_arguments.Form], policy: Policy, use: Use
) -> Reply:
    """The reply of a tool that raised `exc`.

    An interrupt or an error of tracefork that cannot be kept whole is reduced to its class and arguments.
    """
    reply = effects.keep_exception(exc, use.name, use.fn)
    must_pass = not isinstance(exc, Exception) or isinstance(exc, TraceforkError)
    if reply.kind == "opaque" and (must_pass or policy.unrecordable == "warn"):
        reply = effects.keep_raised(exc)
    return reply if must_pass else changed_arguments.note_changes(reply, before, use.name, use.module)


def report_loss(reply: Reply, raised: BaseException | None, policy: Policy) -> None:
    """Raise or warn, as `policy` says, if `reply` is opaque: the tape cannot keep what the tool gave.

    Raises:
        Unrecordable: `policy.unrecordable` is "raise".
    """
    if reply.kind != "opaque":
        return
    if policy.unrecordable == "raise":
        raise effects.make_refusal(reply) from raised
    warnings.warn(str(effects.make_refusal(reply)), RuntimeWarning, stacklevel=2)


def find_answer(port: Port, flight: Flight, policy: Policy, *, repeatable: bool = False) -> Answer | None:
    """The answer to serve without running the tool: recorded, from `on_doubt` or from `instead`; else None.

    Raises:
        InDoubt: the call may have run before, and `on_doubt` is "raise".
        ToolRefused: `instead` gives no answer.
    """
    if flight.served is not None:
        return flight.served
    assert isinstance(flight.question, Call)
    settled = _resolve_doubt(port, flight, flight.question, "rerun" if repeatable else policy.on_doubt)
    if settled is not None or policy.instead is None:
        return settled
    try:
        with lanes.aside():
            answer = policy.instead(flight.question)
    except BaseException:
        port.drop(flight, Fault(TOOL_REFUSED))
        raise
    if answer == "run":
        return None
    if answer is None:
        port.drop(flight, Fault(TOOL_REFUSED))
        raise port.fail(ToolRefused(flight.question))
    return answer


def _resolve_doubt(port: Port, flight: Flight, call: Call, on_doubt: OnDoubt) -> Reply | None:
    """The reply of `on_doubt` to a live call that may have run before; None if the tool is to run.

    Each decision settles one of the calls that may have run. An `on_doubt` function may ask servers:
    nothing it does is recorded.

    Raises:
        InDoubt: `on_doubt` is "raise".
    """
    with port.doubts.deciding:
        doubted = port.doubts.about(call)
        if doubted is None:
            return None
        if on_doubt == "rerun":
            port.doubts.settle(doubted)
            return None
        refusal = Fault(IN_DOUBT, doubted.arguments)
        if not callable(on_doubt):
            port.drop(flight, refusal)
            raise port.fail(InDoubt(doubted, call))
        try:
            with lanes.aside():
                reply = effects.keep_result(on_doubt(doubted), call.name)
        except BaseException:
            port.drop(flight, refusal)
            raise
        port.doubts.settle(doubted)
        return reply


def make_fault(answer: Fault, use: Use) -> Exception:
    """Return the exception for a Fault on the tape: a refusal, or a fault put there in place of a reply."""
    if answer.kind == TOOL_REFUSED:
        return ToolRefused(use.question)
    if answer.kind == UNFILLED:
        return RedactedSecret(answer.message, use.name)
    if answer.kind == IN_DOUBT:
        return InDoubt(Call(use.name, answer.message), use.question)
    return effects.make_fault(answer.kind, answer.message)


def give_again(port: Port, answer: Answer, use: Use) -> Any:
    """Change the arguments as the tool did, then return its recorded result or raise its exception."""
    if isinstance(answer, Fault):
        raise make_fault(answer, use)
    assert isinstance(answer, Reply)
    changes, same, reply = changed_arguments.split_changes(answer)
    if changes:
        changed_arguments.apply_changes(changes, *use.seen, use.module)
    try:
        return changed_arguments.find_same(effects.replay_reply(reply, use.fn), same, *use.seen)
    except BaseException as exc:
        if not isinstance(exc, Exception):
            port.interrupted = exc
        raise


def hang(port: Port, flight: Flight) -> None:
    """Block until the agent gives this call up, as it did when recorded, and raise what ended the wait."""
    try:
        port.hang(flight)
    except BaseException:
        port.drop(flight, CANCELLED)
        raise


async def ahang(port: Port, flight: Flight) -> None:
    """`hang` for a task: suspends it."""
    try:
        await port.ahang(flight)
    except BaseException:
        port.drop(flight, CANCELLED)
        raise
