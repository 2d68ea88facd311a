"""The jobs as scripts: which recorded steps are served, and when the run goes live."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen

from .matching import Matcher, exact
from .script import AT_ONCE, NEVER, Line, Script
from .tape import Tape
from .values import (
    CANCELLED,
    Answer,
    Call,
    Draw,
    Effect,
    Exchange,
    Fault,
    Pending,
    Question,
    Response,
    Span,
    Step,
    make_step,
)


def nothing(matcher: Matcher = exact) -> Script:
    """Record: live from the start."""
    return Script.of((), AT_ONCE, matcher)


def everything(tape: Tape, matcher: Matcher = exact) -> Script:
    """Replay: never live. What was in flight when the recording died has no answer to serve.

    A sub-agent that was is followed as far as it came: nobody waits for its end.
    """
    begun = [left for left in tape.pending if isinstance(left.asked, Call) and left.asked.inside]
    last = max((step.span.ended for step in tape.steps), default=AT_ONCE)
    lines = [Line.of(step) for step in tape.steps]
    for n, left in enumerate(reversed(begun), max([last, *(left.began for left in begun)]) + 1):
        lines.append(Line(left.asked, left.lane, CANCELLED, left.began, n, n))
    return Script.of(sorted(lines, key=lambda line: line.began or 0) if begun else lines, NEVER, matcher)


def in_any_order(tape: Tape, matcher: Matcher = exact) -> Script:
    """Replay, in no order: each question is given the first equal answer that is left, each answer once.

    Nothing waits, whoever asks: each line is of a lane of its own, and all of it happens at one tick.
    """
    lines = [Line.of(step) for step in tape.steps]
    apart = [evolve(line, lane=f"any.{n}", began=n, headed=n, ended=n) for n, line in enumerate(lines)]
    return evolve(Script.of(apart, NEVER, matcher), is_loose=True)


@frozen
class Fork:
    """The question "what if `pivot` had been answered with `answer`?"; None asks it again, live.

    `pivot` is one of the tape's steps, the very object. A sub-agent that is given an answer does not run: its
    call is a tool's from then on. One that is asked again runs anew, all of it. Once the run is live, later
    steps whose lines `may_serve` serve equal questions; by default none does.
    """

    tape: Tape
    pivot: Step | Pending
    answer: Answer | None = None
    may_serve: Callable[[Line], bool] | None = None

    def script(self, matcher: Matcher = exact) -> Script:
        """The steps that could not have known about the change, and the changed step.

        A step is kept when it began before the pivot's head: it was asked in
        ignorance of the new answer. Everything later is asked afresh.

        Raises:
            TypeError: the answer is not of the pivot's kind.
        """
        if self.answer is not None:
            _check_fit(self.pivot.asked, self.answer)
        pivot = self.pivot
        agent = pivot if isinstance(pivot, Effect) and pivot.is_agent else None
        opens = _began(pivot) if agent and self.answer is None else _head(pivot)
        lines = []
        for step in _sort_by_began(self.tape):
            if step is pivot and agent is None:
                lines.append(Line(step.asked, step.lane, self.answer, _began(step), opens))
            elif step is agent and self.answer is not None:
                asked = evolve(agent.call, inside="")
                lines.append(Line(asked, step.lane, self.answer, _began(step), opens))
            elif agent is None or self.answer is None or not agent.holds(step):
                lines.append(_keep(step, opens, self.may_serve))
        return Script.of(lines, opens, matcher, may_serve=self.may_serve)


@frozen
class Rerun:
    """The run of a changed agent: what it still asks is served, everything else is asked live.

    Exchanges before the one of number `at`, in the order of their heads, have to match. Once the agent has
    left the tape, the lines that `may_serve` serve equal questions. `anew(step)` says
    why a step is asked again where the agent comes to it, or "": see `Departure`. One that `is_dry` halts
    there. `tape` is as `doubt.continue_tape` gives it.
    """

    tape: Tape
    may_serve: Callable[[Line], bool]
    anew: Callable[[Step], str]
    at: int = 0
    is_dry: bool = False

    def script(self, matcher: Matcher = exact) -> Script:
        """All steps, and what was in flight when the recording died, which is asked once all else was."""
        firm_until = self.tape.by_head[self.at - 1].span.headed if self.at else AT_ONCE
        lines = map(self._line, _sort_by_began(self.tape))
        return Script.of(
            lines, NEVER, matcher, firm_until=firm_until, may_serve=self.may_serve, is_dry=self.is_dry
        )

    def _line(self, step: Step | Pending) -> Line:
        if isinstance(step, Pending):
            is_agent = isinstance(step.asked, Call) and step.asked.inside  # it runs as it is, for its steps
            began, anew = (step.began, "") if is_agent else (None, "unfinished")
            return Line(step.asked, step.lane, None, began, anew=anew)
        line = Line.of(step)
        reason = self.anew(step)
        return evolve(line, answer=None, origin=None, anew=reason) if reason else line


@frozen
class Cut:
    """Serve the first `upto` exchanges in the order of their heads; ask all else live.

    Where `upto` is a step of the tape, of whatever kind, that is the last one served: so is all that had its
    head by then. With an `answer` the exchange after the first `upto` is served too, with that.
    """

    tape: Tape
    upto: int | Step
    answer: Answer | None = None
    may_serve: Callable[[Line], bool] | None = None

    def script(self, matcher: Matcher = exact) -> Script:
        """The nested prefixes that blame compares: the later a cut, the more it serves.

        Raises:
            TypeError: the answer is not one of an exchange, or there is one and `upto` is a step.
        """
        changed, last = self._find_ends()
        opens = last.span.headed if last else AT_ONCE
        lines = []
        for step in _sort_by_began(self.tape):
            if step is changed:
                lines.append(Line(step.asked, step.lane, self.answer, _began(step), opens))
                continue
            line = _keep(step, opens, self.may_serve)
            if line.headed is not None and line.headed > opens:
                line = Line(line.asked, line.lane, None, line.began)
            lines.append(line)
        return Script.of(lines, opens, matcher, may_serve=self.may_serve)

    def _find_ends(self) -> tuple[Exchange | None, Step | None]:
        """The exchange that `answer` is given to, and the last step that is served, if any is."""
        by_head = self.tape.by_head
        if self.answer is None:
            if not isinstance(self.upto, int):
                return None, self.upto
            return None, by_head[self.upto - 1] if self.upto else None
        if not isinstance(self.answer, Response | Fault) or not isinstance(self.upto, int):
            raise TypeError(f"an exchange cannot be answered by {self.answer!r} after {self.upto!r}")
        return by_head[self.upto], by_head[self.upto]


def remainder(
    tape: Tape, matcher: Matcher = exact, may_serve: Callable[[Line], bool] | None = None
) -> Script:
    """Resume: every committed step, then live. `tape` is as `doubt.continue_tape` gives it.

    A question whose head had been given may have been acted on, and its answer
    is lost: nothing asked after that head can be relied on.
    """
    if known := [p for p in tape.pending if p.headed is not None]:
        return Fork(tape, min(known, key=_head), may_serve=may_serve).script(matcher)
    opens = max((s.span.ended for s in tape.steps), default=AT_ONCE)
    lines = (_keep(s, opens, may_serve) for s in _sort_by_began(tape))
    return Script.of(lines, opens, matcher, may_serve=may_serve)


def _check_fit(asked: Question, answer: Answer) -> None:
    if make_step(asked, answer, "", Span(0, 0, 0)) is None:
        raise TypeError(f"{asked!r} cannot be answered by {answer!r}")


def _keep(step: Step | Pending, opens: int, may_serve: Callable[[Line], bool] | None) -> Line:
    """`step` as far as it began by `opens`; what ended later ends when the run is live.

    So does a sub-agent that was given up, in a run that goes live: this time it may come to its end.
    """
    if _began(step) > opens:
        later = Line(step.asked, step.lane)
        if may_serve is None or isinstance(step, Pending):
            return later
        answered = evolve(later, answer=step.answer, origin=step.span.began)
        return answered if may_serve(answered) else later
    if isinstance(step, Pending):
        return Line(step.asked, step.lane, None, step.began)
    line = Line.of(step)
    if isinstance(step, Effect) and step.is_agent and (step.span.ended > opens or step.reply == CANCELLED):
        return Line(step.asked, step.lane, None, step.span.began)
    return line if step.span.ended <= opens else evolve(line, ended=None)


def _sort_by_began(tape: Tape) -> list[Step | Pending]:
    return sorted((*tape.steps, *tape.pending), key=_began)


def _began(step: Step | Pending) -> int:
    return step.began if isinstance(step, Pending) else step.span.began


def _head(step: Step | Pending) -> int:
    match step:
        case Pending(headed=int(head)):
            return head
        case Exchange() | Draw() | Effect():
            return step.span.headed
        case _:
            raise TypeError(f"{step!r} had no head yet")
