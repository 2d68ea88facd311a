"""Forks as values: the job to do and its result."""

from __future__ import annotations

from attrs import field, frozen

from ...core.values import Answer
from ..search.state import Grade, Probe
from .budget import Spent


@frozen
class Job:
    """A fork to make: serve `upto` exchanges by head, the next with `answer` if there is one, the rest live.

    With `last`, the tick of a step's head, all is served whose head was given by then. What had its head at
    the tick `event` is to be drawn anew: the fork looks whether it was asked the same. `forced` is another
    experiment: ask exchange `upto` anew and serve all others as recorded. Live calls are at most `calls`, and
    cost at most `most` together.
    """

    upto: int
    calls: int
    most: Spent | None = None
    answer: Answer | None = None
    forced: bool = False
    seed: int = 0
    name: str = ""
    last: int | None = None
    event: int | None = None


@frozen
class Asked:
    """A live exchange as two marks of 16 hex characters; `cached` if a cache says that it answered."""

    question: str
    answer: str
    cached: bool = False


@frozen
class Done:
    """The result of a job. `run_id` names the branch that was kept; `note` says why there is no grade.

    `given` is how many live questions were answered without leaving. `asked_same` is whether what was to be
    drawn anew was asked as it was recorded; None where it was not asked, or nobody looked. `tries` is how
    often the fork was made, since a vendor failed it: `spent` is the cost of all. `asked` are its live
    exchanges, by head; none where tools or draws give it chance of its own.
    """

    grade: Grade
    spent: Spent = field(factory=Spent)
    run_id: str = ""
    note: str = ""
    given: int = 0
    asked_same: bool | None = None
    tries: int = 1
    asked: tuple[Asked, ...] = ()


@frozen
class Begun:
    """A fork began. One that has no `Line` was in flight when its study was killed."""

    begun: Probe


@frozen
class Line:
    """A fork is over: its probe and its result."""

    probe: Probe
    done: Done
