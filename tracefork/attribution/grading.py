"""What a fork is evidence of. Pure.

A fork is graded only if it is the agent's own doing: what tracefork refused, what the
network did and what a budget cut are never a success or a failure of the agent's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from attrs import evolve

from ..core.matching import exact
from ..core.values import Call, Exchange, Question, Request
from ..errors import Divergence, OverBudget, TraceforkError, Unfinished
from .arms import troubled
from .state import Grade

OnRaise: TypeAlias = Literal["as_recorded", "failure", "error"]
"""What an exception of the agent's own is: a failure if the recorded run raised, always one, or no grade."""


def graded(success: bool | None, recorded: bool) -> Grade:  # noqa: FBT001  two words of one oracle
    """The grade of a fork of which the oracle says `success`.

    To the planner a "success" is an outcome other than the recorded one, so that a
    recorded success can be traced like a failure.
    """
    if success is None:
        return Grade.AMBIGUOUS
    return Grade.FAILURE if success == recorded else Grade.SUCCESS


def ungraded(
    raised: BaseException | None, failure: TraceforkError | None, live: Sequence[Exchange], *, raising: bool
) -> Grade | None:
    """Why a fork has no grade; None if the oracle, or its exception, is to tell.

    `raised` left the agent, `failure` ended the run, `live` are the exchanges that were
    not served, by head; `raising` says whether an exception of the agent's own counts.
    """
    ours = failure or TraceforkError.find(raised)
    match ours:
        case Divergence() | Unfinished():
            return Grade.DIVERGED
        case OverBudget():
            return Grade.CENSORED
        case TraceforkError():
            return Grade.ERROR
    if raised is None:
        return None
    if live and troubled(live[-1]):
        return Grade.ERROR
    return None if raising else Grade.ERROR


def by_place(question: Question) -> str:
    """The matcher of forced answers: who was asked counts, what was asked does not."""
    match question:
        case Request():
            return exact(evolve(question, body=b"", headers=(), omitted=None))
        case Call():
            return exact(evolve(question, arguments=""))
        case _:
            return exact(question)
