"""`Use`, one call of a tool, and `Policy`, which decides what a call does that the script does not answer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from attrs import frozen

from ...core.doubt import is_refused
from ...core.tape import Tape
from ...core.values import CANCELLED, Answer, Call
from ...core.visible import visible
from . import effects
from .code_hash import hash_code

OnDoubt: TypeAlias = 'Literal["raise", "rerun"] | Callable[[Call], object]'
Tools: TypeAlias = 'Literal["live", "reuse", "recorded", "refuse", "ask"] | Ask | Callable[[Call], object]'
Loss: TypeAlias = Literal["raise", "warn"]
Instead: TypeAlias = 'Callable[[Call], Answer | Literal["run"] | None]'


@frozen
class Ask:
    """Runs a tool if `may(call)` is true, and refuses the call otherwise."""

    may: Callable[[Call], bool]


@frozen
class Policy:
    """What happens to a tool call that the script does not answer.

    `on_doubt` applies to a call that may have run before a crash. `instead(call)` returns the answer
    to serve in place of running the tool, "run" to run it, or None to refuse the call; without
    `instead` tools run. `unrecordable` says whether a result that cannot be kept whole raises or warns.
    """

    on_doubt: OnDoubt = "raise"
    instead: Instead | None = None
    unrecordable: Loss = "raise"


RUN = Policy()
"""The policy under which every tool runs."""


@frozen
class Use:
    """One call of a tool: `fn(*args, **kwargs)` is what runs, the arguments in `seen` are the question.

    `seen` leaves out `self` or `cls` and ignored arguments. A `repeatable` tool may run twice: it is never
    in doubt. A sub-agent (`agent`) has its steps recorded, and runs in each replay.
    """

    name: str
    fn: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    _seen: tuple[tuple[Any, ...], Mapping[str, Any]] | None = None
    repeatable: bool = False
    agent: bool = False

    @property
    def seen(self) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
        return (self.args, self.kwargs) if self._seen is None else self._seen

    @property
    def question(self) -> Call:
        """The question of this call. A sub-agent's code has no hash: it runs, whatever it is.

        Raises:
            Unrecordable: an argument has no JSON form.
        """
        code = "" if self.agent else hash_code(self.fn)
        return effects.make_call(self.name, *self.seen, code, repeatable=self.repeatable)

    @property
    def module(self) -> str:
        """The module of `fn`, in which the classes of its results are looked for too."""
        return str(getattr(self.fn, "__module__", None) or "")


def policy(tools: Tools, tape: Tape, on_doubt: OnDoubt = "raise", unrecordable: Loss = "raise") -> Policy:
    """Return the policy that `tools` names, for a run that follows `tape` before it goes live.

    "live" and "reuse" run tools; "recorded" serves the answer of an equal call on the tape, and ends the
    run if there is none; "refuse" ends the run; `Ask(may)`, and "ask", which asks at the terminal, run the
    calls that are allowed; a function from the Call to a result is called in place of the tool.

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
        case "live" | "reuse":  # what is served again is the script's part
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
                f'tools= is "live", "reuse", "recorded", "refuse", "ask", an Ask or a function, not {tools!r}'
            )


def at_the_terminal(call: Call) -> bool:
    """Ask at the terminal whether `call` may run; False if standard input is not a terminal."""
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
            return effects.keep_result(given(asked), asked.name)
        except Exception as exc:  # noqa: BLE001  recorded as if the tool had raised it
            return effects.keep_exception(exc, asked.name)

    return answer


def answers(tape: Tape) -> dict[Call, Answer]:
    """Return each recorded call with its last answer, without calls that were cancelled or refused."""
    return {e.call: e.answer for e in tape.effects if e.answer != CANCELLED and not is_refused(e)}
