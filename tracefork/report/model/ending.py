"""How a run ended, as a reader is told it first: failed, finished or cut short, why, and where to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from attrs import frozen

from ...core.values import Outcome
from ...providers import first_task
from ...providers.messages import Message
from ..figures import plural
from .blame import Blame
from .pool import Piece
from .problems import Problem

if TYPE_CHECKING:
    from .view import Aside, StepView

STANDING = ("system", "developer")
"""Roles of what is said once and for all; it does not show that a history goes on."""

LAST = 5
"""Steps at the end that are listed."""


@frozen
class Ending:
    """How a run ended: `word`, and `why` in a sentence, "" where there is nothing to say.

    `error` is what was raised, class and text, and `traceback` where; `task` is what a model was first asked
    to do, `answer` the last words of one; `problems` are in the order of steps. `at` is the step to look at
    first, None in a run without steps.
    """

    word: Literal["failed", "finished", "cut short"]
    why: str = ""
    error: str = ""
    traceback: str = ""
    task: str = ""
    answer: str = ""
    problems: tuple[Problem, ...] = ()
    at: int | None = None

    @property
    def open(self) -> tuple[Problem, ...]:
        """The problems that asking again did not mend."""
        return tuple(problem for problem in self.problems if problem.recovered is None)


def find_ending(
    outcome: Outcome,
    steps: Sequence[StepView],
    asides: Sequence[Aside],
    pieces: Sequence[Piece],
    problems: tuple[Problem, ...],
    *,
    blame: Blame | None = None,
    failure: str = "",
) -> Ending:
    """Return how a run of these steps ended; `failure` is what somebody who judged it says went wrong."""
    verdict = failure or ("the oracle that judged it for the blame says so" if _is_blamed(blame) else "")
    return Ending(
        "failed" if verdict else outcome.word,
        verdict or _explain(outcome, asides, problems),
        name_error(outcome),
        outcome.traceback,
        find_task(steps, pieces),
        find_answer(steps),
        problems,
        _find_place(steps, problems, blame),
    )


def spell_outcome(outcome: Outcome) -> str:
    """`failed: ValueError: no seat`: how an agent ended, as far as it says itself."""
    return f"{outcome.word}: {name_error(outcome)}" if outcome.kind == "raised" else outcome.word


def name_error(outcome: Outcome) -> str:
    """`ValueError: no seat`: what was raised; "" where nothing was."""
    return f"{outcome.type}: {outcome.message}".strip(": ") if outcome.kind == "raised" else ""


def find_task(steps: Sequence[StepView], pieces: Sequence[Piece]) -> str:
    """The last words of the first question to a model that are nobody's but the user's."""
    for step in steps:
        readings = (pieces[number].reading for number in step.lineage.fresh)
        if task := first_task.find_task(one for one in readings if isinstance(one, Message)):
            return task
    return ""


def find_answer(steps: Sequence[StepView]) -> str:
    """The last words of a model, those of the run's own strand first."""
    spoken = [step for step in steps if step.completion and step.completion.text.strip()]
    last = [step for step in spoken if not step.lane] or spoken
    return last[-1].completion.text if last and last[-1].completion else ""


def count_tools(steps: Sequence[StepView], asides: Sequence[Aside]) -> list[tuple[str, int]]:
    """The tools that models called, and how often; those that the run called, where no model did."""
    choices = (choice for step in steps if step.completion for choice in step.completion.choices)
    asked = Counter(call.name for choice in choices for call in choice.message.calls)
    called = asked or Counter(aside.name for aside in asides if aside.kind in ("tool", "agent"))
    return called.most_common()


# -- below ---------------------------------------------------------------------------


def _is_blamed(blame: Blame | None) -> bool:
    return blame is not None and blame.recorded is False


def _explain(outcome: Outcome, asides: Sequence[Aside], problems: Sequence[Problem]) -> str:
    if outcome.kind == "unfinished":
        left = sum(aside.in_flight for aside in asides)
        waited = f"; {plural(left, 'call')} had no answer yet" if left else ""
        return f"nobody closed the recording{waited}"
    left = sum(problem.recovered is None for problem in problems)
    if outcome.kind == "returned" and problems:
        mended = len(problems) - left
        counted = plural(len(problems), "error")
        return f"with {counted} on the way" + (f", {mended} of them mended by asking again" if mended else "")
    return ""


def _find_place(steps: Sequence[StepView], problems: Sequence[Problem], blame: Blame | None) -> int | None:
    """The step that blame has decided on; else the last problem that was not mended; else the last step."""
    if not steps:
        return None
    decided = [mark.step for mark in blame.marks if mark.decided and mark.step < len(steps)] if blame else []
    left = [problem.step for problem in problems if problem.recovered is None]
    return decided[0] if decided else left[-1] if left else len(steps) - 1
