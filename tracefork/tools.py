"""Tool calls through a run: two-phased, so that a crash never hides that a tool may have run.

`ask` returns when the intent to run the tool is durable, and with it all that
came before; the result is durable before it is returned. What a tool does inside is part
of the effect: it is not recorded by itself, and a replay does not run it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from inspect import isawaitable, iscoroutine
from typing import Any, Literal, TypeAlias

from attrs import frozen

from . import effects, lanes
from .core.tape import Tape
from .core.values import CANCELLED, Answer, Call, Fault, Reply
from .core.visible import visible
from .errors import InDoubt, ToolRefused
from .flight import Flight
from .port import Port

OnDoubt: TypeAlias = 'Literal["raise", "rerun"] | Callable[[Call], object]'
Tools: TypeAlias = 'Literal["live", "recorded", "refuse", "ask"] | Ask | Callable[[Call], object]'
Instead: TypeAlias = 'Callable[[Call], Answer | Literal["run"] | None]'


@frozen
class Ask:
    """Runs a tool where `may` says so of its Call, and refuses it otherwise."""

    may: Callable[[Call], bool]


@frozen
class Policy:
    """What happens to a tool call that the script does not answer.

    `on_doubt` is for one that may have run before a crash. `instead` gives the answer
    to serve in place of running the tool, "run" to run it, or None where there is no answer, which
    refuses the call; without `instead` tools run.
    """

    on_doubt: OnDoubt = "raise"
    instead: Instead | None = None


RUN = Policy()
"""Tools run."""


def policy(tools: Tools, tape: Tape, on_doubt: OnDoubt = "raise") -> Policy:
    """Return the policy that `tools` names, for a run that follows `tape` before it goes live.

    "live" runs them; "recorded" serves what an equal call was answered on the tape;
    "refuse" and a call without an equal one end the run; `Ask(may)` and "ask", which asks at the
    terminal, run those that are allowed; a function from the Call to the result answers in the
    tool's stead.

    Raises:
        ValueError: `tools` is none of these.
    """
    match tools:
        case "live":
            return Policy(on_doubt)
        case "recorded":
            return Policy(on_doubt, answers(tape).get)
        case "refuse":
            return Policy(on_doubt, lambda _: None)
        case "ask":
            return Policy(on_doubt, _asking(at_the_terminal))
        case Ask(may):
            return Policy(on_doubt, _asking(may))
        case _ if callable(tools):
            return Policy(on_doubt, _in_its_stead(tools))
        case _:
            raise ValueError(
                f'tools= is "live", "recorded", "refuse", "ask", an Ask or a function, not {tools!r}'
            )


def at_the_terminal(call: Call) -> bool:
    """Ask whoever sits there whether `call` may run; no, where nobody does."""
    if not (sys.stdin and sys.stdin.isatty()):
        return False
    print(visible(f"The agent calls {call.name} with {call.arguments}"), file=sys.stderr)  # noqa: T201  a prompt
    print("Run it? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _asking(may: Callable[[Call], bool]) -> Instead:
    return lambda call: "run" if may(call) else None


def _in_its_stead(given: Callable[[Call], object]) -> Callable[[Call], Answer]:
    def answer(asked: Call) -> Answer:
        try:
            return effects.returned(given(asked))
        except Exception as exc:  # noqa: BLE001  as the tool itself may raise
            return effects.raised(exc)

    return answer


def answers(tape: Tape) -> dict[Call, Answer]:
    """What each call was answered; where it was asked more than once, the last time."""
    return {e.call: e.answer for e in tape.effects if e.answer != CANCELLED}


def call(port: Port, policy: Policy, name: str, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return `fn(*args, **kwargs)`, or what the tape says that it returned."""
    flight = port.ask(effects.asked(name, args, kwargs))
    if (answer := known(port, flight, policy)) is not None:
        if answer == CANCELLED:
            hang(port, flight)
        port.end(flight, answer)
        return _replayed(answer, fn)
    try:
        args, kwargs = port.true((args, kwargs), name)
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


async def acall(port: Port, policy: Policy, name: str, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """`call` for a function whose result may have to be awaited."""
    flight = await port.aask(effects.asked(name, args, kwargs))
    if (answer := known(port, flight, policy)) is not None:
        if answer == CANCELLED:
            await ahang(port, flight)
        await port.aend(flight, answer)
        return _replayed(answer, fn)
    try:
        args, kwargs = port.true((args, kwargs), name)
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


def known(port: Port, flight: Flight, policy: Policy) -> Answer | None:
    """The answer, if the tool is not to be run: a recorded one, what settles a doubt, or the policy's.

    Raises:
        InDoubt: nobody said what to do about a call that may have run.
        ToolRefused: no tool may run, and nothing answers in its stead.
    """
    if flight.served is not None:
        return flight.served
    if (settled := _settled(port, flight, policy.on_doubt)) is not None:
        return settled
    if policy.instead is None:
        return None
    assert isinstance(flight.question, Call)
    try:
        answer = policy.instead(flight.question)
    except BaseException:
        port.drop(flight, CANCELLED)
        raise
    if answer == "run":
        return None
    if answer is None:
        port.drop(flight, CANCELLED)
        raise port.fail(ToolRefused(flight.question))
    return answer


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


def hang(port: Port, flight: Flight) -> None:
    """Wait until the agent gives up, as it did when recorded."""
    try:
        port.hang(flight)
    except BaseException:
        port.drop(flight, CANCELLED)
        raise


async def ahang(port: Port, flight: Flight) -> None:
    """`hang`, suspending the task."""
    try:
        await port.ahang(flight)
    except BaseException:
        port.drop(flight, CANCELLED)
        raise
