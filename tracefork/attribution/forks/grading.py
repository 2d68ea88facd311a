"""Grades forks. Pure.

A fork is graded only if it is the agent's own doing: what tracefork refused, what the
network did and what a budget cut are never a success or a failure of the agent's.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from ...errors import Divergence, OverBudget, ToolRefused, TraceforkError, Unfinished
from ..search.state import Grade

OnRaise: TypeAlias = Literal["as_recorded", "failure", "error"]
"""What an exception of the agent's own is: a failure if the recorded run raised, always one, or no grade."""


def grade(success: bool | float | None, recorded: bool, draw: float = 0.5) -> Grade:  # noqa: FBT001  two words of one oracle
    """Return the grade of a fork that the oracle calls a `success`, a failure, or neither.

    To the planner a "success" is an outcome other than the recorded one, so that a
    recorded success can be traced like a failure. A score is a success as often as it says: if it is above
    `draw`, a number from [0, 1) that chance gave to the fork before it began. So the rate of an arm is the
    mean of its scores.
    """
    if success is None:
        return Grade.AMBIGUOUS
    return Grade.FAILURE if (success > draw) == recorded else Grade.SUCCESS


def grade_without_oracle(
    raised: BaseException | None,
    failure: TraceforkError | None,
    *,
    trouble: bool,
    raising: bool,
    answered: bool = True,
) -> Grade | None:
    """Return the grade of a fork that is no evidence; None if its result, or its exception, is to be graded.

    `raised` left the agent, `failure` ended the run; `trouble` is whether a live question got no
    answer of a model, and `answered` whether another one did; `raising` says whether an exception of the
    agent's own counts. What may depend on how the fork was going, a vendor's failure after an answer, a
    refused tool or an exception that does not count, is CENSORED and not an ERROR: to leave it out would
    bend the rates. A vendor that answers nothing at all, and ends a fork by that, says nothing of it.
    """
    ours = failure or TraceforkError.find(raised)
    match ours:
        case Divergence() | Unfinished():
            return Grade.DIVERGED
        case OverBudget() | ToolRefused():
            return Grade.CENSORED
        case TraceforkError():
            return Grade.ERROR
    if trouble:
        return Grade.CENSORED if answered or raised is None else Grade.ERROR
    return None if raised is None or raising else Grade.CENSORED
