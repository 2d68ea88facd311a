"""Forks as values: the job to do and its result."""

from __future__ import annotations

from attrs import field, frozen

from ...core.values import Answer
from ..search.state import Grade, Probe
from .budget import Spent


@frozen
class Job:
    """A fork to make: serve `upto` exchanges by head, the next with `answer` if there is one, the rest live.

    `forced` is another experiment: ask exchange `upto` anew and serve all others as
    recorded, whatever the agent asks. Live calls are at most `calls`, and cost at
    most `most` together.
    """

    upto: int
    calls: int
    most: Spent | None = None
    answer: Answer | None = None
    forced: bool = False
    seed: int = 0
    name: str = ""


@frozen
class Asked:
    """A live exchange as two marks of 16 hex characters; `cached` if a cache says that it answered."""

    question: str
    answer: str
    cached: bool = False


@frozen
class Done:
    """The result of a job. `run_id` names the branch that was kept; `note` says why there is no grade.

    `given` is how many live questions were answered without leaving, `tries` how often the fork was made,
    since a vendor failed it: `spent` is the cost of all. `asked` are its live exchanges, by head.
    """

    grade: Grade
    spent: Spent = field(factory=Spent)
    run_id: str = ""
    note: str = ""
    given: int = 0
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
