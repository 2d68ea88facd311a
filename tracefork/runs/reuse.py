"""Which recorded answers serve a live run, and which are asked anew: the rules of `rerun`, as functions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Literal, TypeAlias

from ..core.doubt import find_broken, is_refused
from ..core.matching import Matcher
from ..core.script import Line
from ..core.tape import Tape
from ..core.values import Call, Effect, Exchange, Fault, Reply, Request, Response, Source, Step
from ..providers.reusable import Reuse, choose_reuse, find_retried, is_whole
from ..session.tools.policy import Tools

Faults: TypeAlias = Literal["recorded", "again"]
"""What becomes of recorded failures: they are served, or asked again if nothing later made up for them."""


def choose_served(reuse: Reuse, tools: Tools) -> Callable[[Line], bool]:
    """Return whether the answer of a line may serve an equal question of a live run.

    Exchanges as `reuse` says, draws always, tools' replies if `tools` is "reuse" and the tool returned.

    Raises:
        ValueError: `reuse` is nothing that is known.
    """
    may_serve = choose_reuse(reuse)

    def chosen(line: Line) -> bool:
        match line.asked, line.answer:
            case Request() as request, Response() | Fault() as answer:
                return may_serve(Exchange(request, answer))
            case Source() as source, _:
                return not source.is_job
            case Call(), _:
                return tools == "reuse" and _has_returned(line)
            case _:
                return False

    return chosen


def _has_returned(line: Line) -> bool:
    """True of the call of a tool that came to a result. A sub-agent runs, and what it asks is served."""
    is_tool = isinstance(line.asked, Call) and not line.asked.inside
    return is_tool and isinstance(line.answer, Reply) and line.answer.kind == "returned"


def choose_tools(tools: Tools) -> Callable[[Line], bool] | None:
    """Return whether a line serves a run that asks all anew but its tools; None if it runs them too."""
    if tools != "reuse":
        return None
    return _has_returned


def choose_anew(tape: Tape, faults: Faults, fresh: Iterable[str], matcher: Matcher) -> Callable[[Step], str]:
    """Return why a step of `tape` is asked again where the agent comes to it, or "": see `Departure`.

    Raises:
        ValueError: `faults` is neither "recorded" nor "again", or the tape has no tool of a name in `fresh`.
    """
    if faults not in ("recorded", "again"):
        raise ValueError(f'faults= is "recorded" or "again", not {faults!r}')
    again = find_retried(tape, matcher) if faults == "again" else frozenset[int]()
    failed = {tape[n].span.began for n in again}
    if faults == "again":
        failed |= {step.span.began for step in find_broken(tape, is_whole)}
    names = _check_names(tape, fresh)

    def why(step: Step) -> str:
        if isinstance(step, Effect):
            return "fresh" if step.call.name in names or is_refused(step) else ""
        return "fault" if step.span.began in failed else ""

    return why


def _check_names(tape: Tape, fresh: Iterable[str]) -> Collection[str]:
    names = frozenset((fresh,) if isinstance(fresh, str) else fresh)
    known = {effect.call.name for effect in tape.effects}
    if unknown := sorted(names - known):
        has = ", ".join(sorted(known)) or "none"
        raise ValueError(f"fresh= names tools of the tape; {unknown[0]!r} is none of them: {has}")
    return names
