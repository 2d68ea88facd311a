"""Which steps of a run were served from the tape that it went on from, and which were not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from ..core.tape import Tape
from ..core.values import Branch, Draw, Effect, Exchange, Step
from ..core.visible import visible

Mark: TypeAlias = Literal["", "served", "live", "new"]
"""What is known of a step: it was served from the tape, asked live, or one of both is so with a new answer.

A fork's steps that were not served are "new": one of them may have been given its answer. "" where nobody
knows, as in runs that follow none, and where the question makes no sense: a sub-agent runs in any case.
"""

WORDS: Final[dict[Mark, str]] = {"": "", "served": "from the tape", "live": "asked anew", "new": "new"}
"""Each mark as a reader is told it."""

RESUMED = "resumed"
"""The name of a branch that `resume` made."""


def mark_steps(tape: Tape) -> tuple[Mark, ...]:
    """Return the mark of each of `tape.steps`."""
    known = knows_origins(tape.parent, tape.steps)
    return tuple(mark_step(step, tape.parent) if known else "" for step in tape.steps)


def knows_origins(parent: Branch | None, steps: Iterable[Step]) -> bool:
    """True of a run that left `parent` if its `steps` say whether they were served."""
    if parent is None:
        return False
    return is_rerun(parent) or any(step.origin is not None for step in steps)


def mark_step(step: Step, parent: Branch | None) -> Mark:
    """Return the mark of a step of a run whose steps say whether they were served."""
    if parent is None or _happens_anyway(step):
        return ""
    if step.origin is not None:
        return "served"
    return "new" if is_fork(parent) else "live"


def is_fork(parent: Branch) -> bool:
    """True of a run that was given another answer; False of one that was rerun or resumed."""
    return not is_rerun(parent) and parent.name != RESUMED


def is_rerun(parent: Branch) -> bool:
    """True of a run whose agent was free to ask something else than `parent`."""
    return parent.step is None or parent.departure is not None


def pair_steps(parent: Sequence[Step], steps: Sequence[Step]) -> dict[int, int]:
    """Return for each of `steps` that was served the one of `parent` that it was served from, by index.

    Each is served at most once, and from a step of its own kind.
    """
    places = {step.span.began: n for n, step in enumerate(parent)}
    found, claimed = dict[int, int](), set[int]()
    for n, step in enumerate(steps):
        place = None if step.origin is None else places.get(step.origin)
        if place is not None and place not in claimed and type(parent[place]) is type(step):
            found[n] = place
            claimed.add(place)
    return found


def is_parent(parent: Tape, tape: Tape) -> bool:
    """True if `tape` names `parent` as its own, and all that it was served has its origin there."""
    if tape.parent is None or tape.parent.parent != parent.run_id:
        return False
    served = sum(step.origin is not None for step in tape.steps)
    return len(pair_steps(parent.steps, tape.steps)) == served


def number_exchanges(steps: Sequence[Step]) -> list[int | None]:
    """Return for each of `steps` its number among the exchanges; None of what is none."""
    count, numbers = 0, list[int | None]()
    for step in steps:
        numbers.append(count if isinstance(step, Exchange) else None)
        count += isinstance(step, Exchange)
    return numbers


def find_sources(parent: Tape | None, tape: Tape) -> dict[int, int]:
    """Return for each exchange of `tape` that was served the one of `parent` that gave it, by number."""
    if parent is None:
        return {}
    ours, theirs = number_exchanges(tape.steps), number_exchanges(parent.steps)
    pairs = ((ours[n], theirs[place]) for n, place in pair_steps(parent.steps, tape.steps).items())
    return {n: place for n, place in pairs if n is not None and place is not None}


def describe_lineage(lineage: Branch | None) -> str:
    """Which run another one left, and where: `first at 17`; `first` if it has not; "" of none."""
    if lineage is None:
        return ""
    at = "" if lineage.step is None else f" at {lineage.step}"
    return visible(f"{lineage.parent}{at}", one_line=True)


def show_lineage(lineage: Branch | None) -> str:
    """The same with the branch's name: `first at 17 rerun`."""
    return f"{describe_lineage(lineage)} {visible(lineage.name, one_line=True)}".strip() if lineage else ""


def _happens_anyway(step: Step) -> bool:
    """True of a sub-agent's call and of the end of an executor's job: what happens in each of them counts."""
    match step:
        case Effect():
            return step.is_agent
        case Draw(source=source):
            return source.is_job
        case _:
            return False
