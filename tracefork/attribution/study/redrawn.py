"""The arms of a study: which effects and draws its forks draw anew, and which they hold as recorded. Pure."""

from __future__ import annotations

from collections import Counter

from attrs import frozen

from ...core.doubt import continue_tape
from ...core.tape import Tape
from ...core.values import CANCELLED, Effect, Reply, Step
from ...session.tools.policy import Tools, answers
from ..forks.arms import Arms
from ..forks.parts import ANSWER
from .design import Design

FIXED = frozenset({"env"})
"""Kinds of draws that do not change from one run to the next."""


@frozen
class Redrawn:
    """`anew` are the effects and draws that forks draw anew, in no order; `held` those that none does."""

    anew: tuple[Step, ...]
    held: tuple[Effect, ...]

    @classmethod
    def of(cls, tape: Tape, tools: Tools) -> Redrawn:
        """Sort what `tape` has beside exchanges by what its forks do under the policy `tools`.

        A result is held where "recorded" answers an equal call by the same, and where "reuse" serves it,
        since the tool returned. Another recorded answer of an equal call is neither: it is no fresh draw, but
        chosen from the run that is studied. So are refused calls, as no fork comes to an end behind one.
        Sub-agents run anyway, and what they asked are steps; a call that was given up had no result.
        """
        effects = [effect for effect in continue_tape(tape).effects if _has_result(effect)]
        draws = tuple(draw for draw in tape.draws if draw.source.kind not in FIXED)
        match tools:
            case "recorded":
                given = answers(tape)
                return cls(draws, tuple(e for e in effects if given.get(e.call) == e.answer))
            case "reuse":
                held = tuple(filter(_has_returned, effects))
                return cls((*(e for e in effects if not _has_returned(e)), *draws), held)
            case "refuse":
                return cls(draws, ())
            case _:
                return cls((*effects, *draws), ())

    @property
    def names(self) -> tuple[tuple[str, int], ...]:
        """The tools of what is held, each with how often, the most frequent first."""
        return tuple(Counter(effect.call.name for effect in self.held).most_common())


def find_arms(tape: Tape, design: Design) -> Arms:
    """Return the arms of a study of `tape`: a search has one for each part, other methods for answers alone.

    Raises:
        ValueError: no model answered in the run.
    """
    more = Redrawn.of(tape, design.tools).anew if design.method == "value" else ()
    arms = Arms.of(tape, design.matcher, more)
    if not arms.count(ANSWER):
        raise ValueError("the run asked no model that answered: there is no step to blame")
    return arms


def find_held(tape: Tape, design: Design) -> tuple[tuple[str, int], ...]:
    """Return the tools whose results all forks of a search hold as recorded, each with how often."""
    return Redrawn.of(tape, design.tools).names if design.method == "value" else ()


def _has_result(effect: Effect) -> bool:
    return not effect.is_agent and effect.answer != CANCELLED


def _has_returned(effect: Effect) -> bool:
    return isinstance(effect.answer, Reply) and effect.answer.kind == "returned"
