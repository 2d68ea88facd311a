"""What went wrong on the way of a run, step by step: the list that a page is red by, and that `e` walks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import evolve, frozen

from ...core.values import Fault, Lane, Outcome
from ...providers.messages import Message, ToolResult, texts
from .pool import BETWEEN, Piece
from .titles import line
from .verified import Replayed

if TYPE_CHECKING:
    from .view import Aside, StepView

Kind: TypeAlias = Literal["no response", "refused", "broken off", "tool error", "loop", "replay"]
"""No response came; a server answered 4xx or 5xx, or with an error; a body broke off; a tool failed; a model
made the same calls again and again; the agent left the tape that it was replayed on."""

_PARTINGS = frozenset(f"tracefork.{name}" for name in ("Divergence", "Stalled", "Unfinished"))

LOOP = 3
"""Answers in a row, of one strand, that make the same calls, from which on it is a loop."""


@frozen
class Problem:
    """Something that went wrong at the run's own step number `step`.

    `what` says it in a line, `text` in full. `recovered` is the number of the step that asked the same again
    and was answered; None where none was.
    """

    step: int
    kind: Kind
    what: str
    text: str = ""
    lane: Lane = ""
    recovered: int | None = None


def find_problems(
    steps: Sequence[StepView],
    asides: Sequence[Aside],
    pieces: Sequence[Piece],
    outcome: Outcome | None = None,
    verified: Replayed | None = None,
) -> tuple[Problem, ...]:
    """Return the problems of a run's own steps and of what it did beside them, in the order of steps.

    `outcome` is how it ended, and `verified` what came of replaying it.
    """
    found = [
        *(problem for step in steps for problem in _list_of_step(step, pieces)),
        *_list_of_asides(asides, len(steps)),
        *_list_loops(steps),
        *_list_partings(steps, outcome, verified),
    ]
    seen = set[tuple[int, str, str]]()
    kept = list[Problem]()
    for problem in sorted(_mark_recovered(found, steps, pieces), key=lambda one: one.step):
        key = problem.step, problem.kind, problem.what
        if key not in seen:  # a tool's failure is in its reply, and in the message that tells the model
            seen.add(key)
            kept.append(problem)
    return tuple(kept)


# -- below ---------------------------------------------------------------------------


def _list_of_step(step: StepView, pieces: Sequence[Piece]) -> Iterator[Problem]:
    answer, at, lane = step.exchange.answer, step.index, step.lane
    for number in step.lineage.fresh:
        reading = pieces[number].reading
        if isinstance(reading, Message):
            for part in reading.parts:
                if isinstance(part, ToolResult) and part.is_error:
                    text = "\n".join(texts(part.parts))
                    yield Problem(at, "tool error", line(f"{part.name} {text}".strip()), text, lane)
    if isinstance(answer, Fault):
        yield Problem(at, "no response", line(f"{answer.kind}: {answer.message}"), answer.message, lane)
        return
    failure = step.completion.failure if step.completion else None
    if step.title.kind == "error":
        text = failure.message if failure else _read_text(step, pieces)
        yield Problem(at, "refused", line(f"{step.title.title} {step.title.preview}"), text, lane)
    if isinstance(answer.end, Fault):
        text = f"{answer.end.kind}: {answer.end.message}"
        yield Problem(at, "broken off", line(text), text, lane)


def _read_text(step: StepView, pieces: Sequence[Piece]) -> str:
    number = step.response if step.decoded is None else step.decoded
    piece = None if number is None else pieces[number]
    return "" if piece is None or piece.binary else piece.text


def _list_of_asides(asides: Sequence[Aside], count: int) -> Iterator[Problem]:
    for aside in asides:
        if aside.failed:
            at = min(aside.before, max(0, count - 1))
            what = line(f"{aside.name} {aside.answered}")
            yield Problem(at, "tool error", what, aside.answered, aside.lane)


def _list_partings(
    steps: Sequence[StepView], outcome: Outcome | None, verified: Replayed | None
) -> Iterator[Problem]:
    """Where the agent left its tape: in the run itself, which ended so, and in a replay of it."""
    if steps and outcome is not None and outcome.type in _PARTINGS:
        text = outcome.message
        yield Problem(steps[-1].index, "replay", line(text), text, steps[-1].lane)
    if steps and verified is not None and verified.step is not None and not verified.ok:
        step = steps[min(verified.step, len(steps) - 1)]
        yield Problem(step.index, "replay", line(verified.parted), verified.parted, step.lane)


def _list_loops(steps: Sequence[StepView]) -> Iterator[Problem]:
    """Answers of a strand that call the same, with the same arguments, `LOOP` times in a row or more."""
    rows = defaultdict[Lane, list[tuple[tuple[tuple[str, str], ...], int]]](list)
    for step in steps:
        if step.completion and not step.is_error:
            calls = tuple((call.name, call.arguments) for call in step.completion.calls)
            rows[step.lane].append((calls, step.index))
    for lane, row in rows.items():
        start = 0
        for end in range(1, len(row) + 1):
            if end < len(row) and row[end][0] == row[start][0]:
                continue
            if row[start][0] and end - start >= LOOP:
                name, arguments = row[start][0][0]
                what = f"{name} is called {end - start} times in a row with the same arguments"
                yield Problem(row[start][1], "loop", line(what), arguments, lane)
            start = end


def _mark_recovered(
    found: Sequence[Problem], steps: Sequence[StepView], pieces: Sequence[Piece]
) -> Iterator[Problem]:
    """Say of refusals and faults which later step of their strand asked the same, and was answered."""
    answered = _find_answered(steps, pieces)
    for problem in found:
        if problem.kind in ("no response", "refused") and problem.step in answered:
            yield evolve(problem, recovered=answered[problem.step])
        else:
            yield problem


def _find_answered(steps: Sequence[StepView], pieces: Sequence[Piece]) -> dict[int, int]:
    """The step that answered each that was not: a later one of its strand, if all up to it ask the same."""
    last: dict[Lane, StepView] = {}
    group, rows = dict[int, int](), list[tuple[int, int]]()
    for step in steps:
        before = last.get(step.lane)
        last[step.lane] = step
        same = before is not None and before.is_error and _ask_the_same(before, step, group, pieces)
        group[step.index] = group[before.index] if before is not None and same else step.index
        if before is not None and same:
            rows.append((before.index, step.index))
    answered = dict[int, int]()
    for one, other in reversed(rows):
        if not steps[other].is_error:
            answered[one] = other
        elif other in answered:
            answered[one] = answered[other]
    return answered


def _ask_the_same(one: StepView, other: StepView, group: Mapping[int, int], pieces: Sequence[Piece]) -> bool:
    """True if both questions are the same, or say the same to a model, however the answer is to come.

    Steps of one `group` asked the same so far.
    """
    asked, again, before, after = one.exchange.request, other.exchange.request, one.lineage, other.lineage
    if (asked.method, asked.url) != (again.method, again.url):
        return False
    if after.base is None:
        return before.base is None and before.woven == after.woven
    fresh = any(pieces[number].key != BETWEEN for number in after.fresh)
    return group.get(after.base) == group[one.index] and after.count == before.count and not fresh
