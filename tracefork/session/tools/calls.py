"""Calls tools through a run, written in two phases, so that after a crash it is known what may have run.

`ask` returns once the question, and all records before it, are durable; the tool runs then,
and its result is durable before it is returned. What happens within a tool is part of its
effect: it is not recorded by itself, and a replay does not run it. A sub-agent is a part of the agent:
what it asks are steps, and it runs in each replay; its effect says where it began and what it came to.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Mapping, Sequence
from inspect import isawaitable, iscoroutine
from typing import Any

from ...core.diff import Difference
from ...core.doubt import IN_DOUBT, TOOL_REFUSED, UNFILLED
from ...core.values import CANCELLED, Answer, Call, Fault, Reply
from ...errors import Divergence, InDoubt, RedactedSecret, ToolRefused, TraceforkError
from ...runtime import lanes
from ...runtime.flight import Flight
from ...runtime.port import Port
from ...runtime.waiting import is_cancellation
from . import changed_arguments, effects
from .places import aask, ask
from .policy import OnDoubt, Policy, Use


def call(port: Port, policy: Policy, use: Use) -> Any:
    """Run the tool and return its result, or return the recorded one; exceptions likewise."""
    flight, place = ask(port, use)
    if (answer := find_answer(port, flight, policy, use)) is not None:
        place.leave()
        if answer == CANCELLED:
            hang(port, flight)
        port.end(flight, answer)
        return give_again(port, answer, use)
    before = read_forms(use)
    args, kwargs = fill_secrets(port, flight, use)
    try:
        with place.enter():
            result = use.fn(*args, **kwargs)
        if iscoroutine(result):
            result.close()
            raise TypeError(f"{use.name} is a coroutine function: await run.acall(...) instead")
    except BaseException as exc:
        if is_given_up(port, exc, use):
            port.drop(flight, CANCELLED)
            raise
        reply = _keep_raised(exc, before, policy, use)
        if isinstance(exc, Exception):
            port.end(flight, reply)
        else:
            port.drop(flight, reply)
        report_loss(reply, exc, policy, use)
        raise
    finally:
        place.leave()
    reply = _keep_returned(result, before, use)
    port.end(flight, reply)
    report_loss(reply, None, policy, use)
    return result


async def acall(port: Port, policy: Policy, use: Use) -> Any:
    """`call` for a function whose result is awaited if it is awaitable."""
    flight, place = await aask(port, use)
    if (answer := find_answer(port, flight, policy, use)) is not None:
        place.leave()
        if answer == CANCELLED:
            await ahang(port, flight)
        await port.aend(flight, answer)
        return give_again(port, answer, use)
    before = read_forms(use)
    args, kwargs = fill_secrets(port, flight, use)
    try:
        with place.enter():
            result = use.fn(*args, **kwargs)
            if isawaitable(result):
                result = await result
    except BaseException as exc:
        if isinstance(exc, GeneratorExit) or is_given_up(port, exc, use):
            port.drop(flight, CANCELLED)
            raise
        reply = _keep_raised(exc, before, policy, use)
        if isinstance(exc, Exception):
            await port.aend(flight, reply)
            await port.aflush()
        else:
            port.drop(flight, reply)
        report_loss(reply, exc, policy, use)
        raise
    finally:
        place.leave()
    reply = _keep_returned(result, before, use)
    await port.aend(flight, reply)
    await port.aflush()
    report_loss(reply, None, policy, use)
    return result


def read_forms(use: Use) -> Sequence[changed_arguments.Form]:
    """The arguments as they are before the tool runs; of a sub-agent none: it will change them again."""
    return () if use.agent else changed_arguments.read_forms(*use.seen)


def fill_secrets(port: Port, flight: Flight, use: Use) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments for the tool, with the secrets put back that are redacted in recorded answers.

    A sub-agent gets what the agent has: secrets are put back where its own questions leave.

    Raises:
        RedactedSecret: this process does not know one of the secrets; the tool has not run.
    """
    if use.agent:
        return use.args, use.kwargs
    try:
        return port.true((use.args, use.kwargs), use.name)
    except RedactedSecret as exc:
        port.drop(flight, Fault(UNFILLED, exc.placeholder))
        raise


def is_given_up(port: Port, exc: BaseException, use: Use) -> bool:
    """True if `exc` says that the agent gave the call up: in a replay it will again.

    A sub-agent is a part of it: so each interrupt does, and an error that ends the run.
    """
    if use.agent:
        is_over = isinstance(exc, TraceforkError) and port.failure is not None
        return is_over or not isinstance(exc, Exception)
    return _is_by_agent(exc)


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
    if reply.kind == "opaque" and (must_pass or use.agent or policy.unrecordable == "warn"):
        reply = effects.keep_raised(exc)
    return reply if must_pass else changed_arguments.note_changes(reply, before, use.name, use.module)


def report_loss(reply: Reply, raised: BaseException | None, policy: Policy, use: Use) -> None:
    """Raise or warn, as `policy` says, if `reply` is opaque: the tape cannot keep what the tool gave.

    Of a sub-agent nothing is lost: it runs in a replay too.

    Raises:
        Unrecordable: `policy.unrecordable` is "raise".
    """
    if reply.kind != "opaque" or use.agent:
        return
    if policy.unrecordable == "raise":
        raise effects.make_refusal(reply) from raised
    warnings.warn(str(effects.make_refusal(reply)), RuntimeWarning, stacklevel=2)


def find_answer(port: Port, flight: Flight, policy: Policy, use: Use | None = None) -> Answer | None:
    """The answer to serve without running the tool: recorded, from `on_doubt` or from `instead`; else None.

    A sub-agent runs where the tape has one, or nothing: what it has as a tool's call is served.

    Raises:
        InDoubt: the call may have run before, and `on_doubt` is "raise".
        ToolRefused: `instead` gives no answer.
        Divergence: the tape has a sub-agent, and this is none.
    """
    kept = port.find_kept(flight)
    assert isinstance(flight.question, Call)
    assert isinstance(kept, Call)
    agent = use is not None and use.agent
    if kept.inside and not agent:
        port.drop(flight, CANCELLED)
        raise port.fail(_refuse_as_tool(port, flight, kept))
    if flight.served is not None and not kept.inside:
        return flight.served
    on_doubt = "rerun" if use is not None and use.repeatable else policy.on_doubt
    if agent and callable(on_doubt):
        on_doubt = "raise"  # it was a tool when it was called, and nobody but itself gives its answer now
    settled = _resolve_doubt(port, flight, flight.question, on_doubt)
    if settled is not None or policy.instead is None or agent:
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


def _refuse_as_tool(port: Port, flight: Flight, kept: Call) -> Divergence:
    state = port.state
    opened = state.open.get(flight.call)
    line = -1 if opened is None or opened.line is None else opened.line
    difference = Difference("tool", "a sub-agent, with steps of its own", "a tool without agent=True")
    return Divergence(state.script.exchanges[line], flight.question, kept, difference, flight.lane)


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
