"""Tool calls through a run: two-phased, so that a crash never hides that a tool may have run.

`ask` returns when the intent to run the tool is durable, and with it all that
came before; the result is durable before it is returned. What a tool does inside is part
of the effect: it is not recorded by itself, and a replay does not run it.
"""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import isawaitable, iscoroutine
from typing import Any, Literal, TypeAlias

from attrs import frozen

from . import changing, effects, lanes
from .core.doubt import IN_DOUBT, TOOL_REFUSED, UNFILLED, is_refused
from .core.tape import Tape
from .core.values import CANCELLED, Answer, Call, Fault, Reply
from .errors import InDoubt, RedactedSecret, ToolRefused, TraceforkError
from .flight import Flight
from .port import Port
from .turns import is_cancellation

OnDoubt: TypeAlias = 'Literal["raise", "rerun"] | Callable[[Call], object]'
Tools: TypeAlias = 'Literal["live", "recorded", "refuse", "ask"] | Ask | Callable[[Call], object]'
Loss: TypeAlias = Literal["raise", "warn"]
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
    refuses the call; without `instead` tools run. `unrecordable` is what becomes of a result that cannot
    be kept whole.
    """

    on_doubt: OnDoubt = "raise"
    instead: Instead | None = None
    unrecordable: Loss = "raise"


RUN = Policy()
"""Tools run."""


@frozen
class Use:
    """One call of a tool: what runs, `fn(*args, **kwargs)`, and what of its arguments is the question.

    `seen` leaves out what a method belongs to, and arguments that are ignored. A `repeatable` tool
    may run twice: it is never in doubt.
    """

    name: str
    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    _seen: tuple[tuple[Any, ...], Mapping[str, Any]] | None = None
    repeatable: bool = False

    @property
    def seen(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        return (self.args, self.kwargs) if self._seen is None else self._seen

    @property
    def question(self) -> Call:
        """The call as it is asked.

        Raises:
            Unrecordable: an argument has no JSON form.
        """
        return effects.asked(self.name, *self.seen)

    @property
    def module(self) -> str:
        """Where `fn` is from: near the classes that it returns."""
        return str(getattr(self.fn, "__module__", None) or "")


def policy(tools: Tools, tape: Tape, on_doubt: OnDoubt = "raise", unrecordable: Loss = "raise") -> Policy:
    """Return the policy that `tools` names, for a run that follows `tape` before it goes live.

    "live" runs them; "recorded" serves what an equal call was answered on the tape;
    "refuse" and a call without an equal one end the run; `Ask(may)` and "ask", which asks at the
    terminal, run those that are allowed; a function from the Call to the result answers in the
    tool's stead.

    Raises:
        ValueError: `tools` is none of these.
    """
    if on_doubt not in ("raise", "rerun") and not callable(on_doubt):
        raise ValueError(f'on_doubt= is "raise", "rerun" or a function, not {on_doubt!r}')
    return Policy(on_doubt, _read_tools(tools, tape), check_loss(unrecordable))


def check_loss(unrecordable: Loss) -> Loss:
    """Return `unrecordable`.

    Raises:
        ValueError: it is neither "raise" nor "warn".
    """
    if unrecordable not in ("raise", "warn"):
        raise ValueError(f'unrecordable= is "raise" or "warn", not {unrecordable!r}')
    return unrecordable


def _read_tools(tools: Tools, tape: Tape) -> Instead | None:
    match tools:
        case "live":
            return None
        case "recorded":
            return answers(tape).get
        case "refuse":
            return lambda _: None
        case "ask":
            return _asking(at_the_terminal)
        case Ask(may):
            return _asking(may)
        case _ if callable(tools):
            return _in_its_stead(tools)
        case _:
            raise ValueError(
                f'tools= is "live", "recorded", "refuse", "ask", an Ask or a function, not {tools!r}'
            )


def at_the_terminal(call: Call) -> bool:
    """Ask whoever sits there whether `call` may run; no, where nobody does."""
    if not (sys.stdin and sys.stdin.isatty()):
        return False
    print(f"The agent calls {call.name} with {call.arguments}", file=sys.stderr)  # noqa: T201  a prompt
    print("Run it? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _asking(may: Callable[[Call], bool]) -> Instead:
    return lambda call: "run" if may(call) else None


def _in_its_stead(given: Callable[[Call], object]) -> Callable[[Call], Answer]:
    def answer(asked: Call) -> Answer:
        try:
            return effects.returned(given(asked), asked.name)
        except Exception as exc:  # noqa: BLE001  as the tool itself may raise
            return effects.raised(exc, asked.name)

    return answer


def answers(tape: Tape) -> dict[Call, Answer]:
    """What each call was answered; where it was asked more than once, the last time."""
    return {e.call: e.answer for e in tape.effects if e.answer != CANCELLED and not is_refused(e)}


def call(port: Port, policy: Policy, use: Use) -> Any:
    """Return what the tool returns, or what the tape says that it returned."""
    flight = port.ask(use.question)
    if (answer := known(port, flight, policy, repeatable=use.repeatable)) is not None:
        if answer == CANCELLED:
            hang(port, flight)
        port.end(flight, answer)
        return give_again(port, answer, use)
    before = changing.read_forms(*use.seen)
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
            port.drop(flight, CANCELLED if is_cancellation(exc) and _is_by_agent() else reply)
        report_loss(reply, exc, policy)
        raise
    reply = changing.note_changes(effects.returned(result, use.name, use.fn), before, use.name, use.module)
    port.end(flight, reply)
    report_loss(reply, None, policy)
    return result


async def acall(port: Port, policy: Policy, use: Use) -> Any:
    """`call` for a function whose result may have to be awaited."""
    flight = await port.aask(use.question)
    if (answer := known(port, flight, policy, repeatable=use.repeatable)) is not None:
        if answer == CANCELLED:
            await ahang(port, flight)
        await port.aend(flight, answer)
        return give_again(port, answer, use)
    before = changing.read_forms(*use.seen)
    args, kwargs = fill_secrets(port, flight, use)
    try:
        with lanes.aside():
            result = use.fn(*args, **kwargs)
            if isawaitable(result):
                result = await result
    except BaseException as exc:
        if isinstance(exc, GeneratorExit) or (is_cancellation(exc) and _is_by_agent()):
            port.drop(flight, CANCELLED)  # the agent gave up, and does so again
            raise
        reply = _keep_raised(exc, before, policy, use)
        if isinstance(exc, Exception):
            await port.aend(flight, reply)
            await port.aflush()
        else:
            port.drop(flight, reply)
        report_loss(reply, exc, policy)
        raise
    reply = changing.note_changes(effects.returned(result, use.name, use.fn), before, use.name, use.module)
    await port.aend(flight, reply)
    await port.aflush()
    report_loss(reply, None, policy)
    return result


def fill_secrets(port: Port, flight: Flight, use: Use) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments as the tool must have them: secrets that recorded answers hid are put back.

    Raises:
        RedactedSecret: one of them is not known to this process; the tool has not run.
    """
    try:
        return port.true((use.args, use.kwargs), use.name)
    except RedactedSecret as exc:
        port.drop(flight, Fault(UNFILLED, exc.placeholder))
        raise


def _is_by_agent() -> bool:
    """True if somebody cancelled this task, so that no tool raised that by itself."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return "trio" in sys.modules
    return task is None or task.cancelling() > 0


def _keep_raised(exc: BaseException, before: Sequence[changing.Form], policy: Policy, use: Use) -> Reply:
    """The reply of a tool that raised `exc`; of an interrupt, or an error of ours, what can be kept."""
    reply = effects.raised(exc, use.name, use.fn)
    must_pass = not isinstance(exc, Exception) or isinstance(exc, TraceforkError)
    if reply.kind == "opaque" and (must_pass or policy.unrecordable == "warn"):
        reply = effects.keep_raised(exc)
    return reply if must_pass else changing.note_changes(reply, before, use.name, use.module)


def report_loss(reply: Reply, raised: BaseException | None, policy: Policy) -> None:
    """Say that a live tool came to what the tape cannot keep.

    Raises:
        Unrecordable: unless that is only to be warned of.
    """
    if reply.kind != "opaque":
        return
    if policy.unrecordable == "raise":
        raise effects.make_refusal(reply) from raised
    warnings.warn(str(effects.make_refusal(reply)), RuntimeWarning, stacklevel=2)


def known(port: Port, flight: Flight, policy: Policy, *, repeatable: bool = False) -> Answer | None:
    """The answer, if the tool is not to be run: a recorded one, what settles a doubt, or the policy's.

    Raises:
        InDoubt: nobody said what to do about a call that may have run.
        ToolRefused: no tool may run, and nothing answers in its stead.
    """
    if flight.served is not None:
        return flight.served
    assert isinstance(flight.question, Call)
    settled = _settled(port, flight, flight.question, "rerun" if repeatable else policy.on_doubt)
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


def _settled(port: Port, flight: Flight, call: Call, on_doubt: OnDoubt) -> Reply | None:
    """The reply to a live call of a tool that may have run before, if it is not to be run again.

    One decision is for one of the calls that may have run. Whoever decides may ask servers: that
    is nothing of the agent's.

    Raises:
        InDoubt: nobody said what to do about it.
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
                reply = effects.returned(on_doubt(doubted), call.name)
        except BaseException:
            port.drop(flight, refusal)
            raise
        port.doubts.settle(doubted)
        return reply


def make_fault(answer: Fault, use: Use) -> Exception:
    """Return what is raised for a Fault on the tape: a refusal, or what somebody gave in the tool's stead."""
    if answer.kind == TOOL_REFUSED:
        return ToolRefused(use.question)
    if answer.kind == UNFILLED:
        return RedactedSecret(answer.message, use.name)
    if answer.kind == IN_DOUBT:
        return InDoubt(Call(use.name, answer.message), use.question)
    return effects.make_fault(answer.kind, answer.message)


def give_again(port: Port, answer: Answer, use: Use) -> Any:
    """Return what the tool returned, or raise what it raised, once its arguments are changed likewise."""
    if isinstance(answer, Fault):
        raise make_fault(answer, use)
    assert isinstance(answer, Reply)
    changes, reply = changing.split_changes(answer)
    if changes:
        changing.apply_changes(changes, *use.seen, use.module)
    try:
        return effects.replayed(reply, use.fn)
    except BaseException as exc:
        if not isinstance(exc, Exception):
            port.interrupted = exc
        raise


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
