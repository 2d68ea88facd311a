"""The seven possible verdicts of a blame study."""

from __future__ import annotations

from enum import StrEnum


class Conclusion(StrEnum):
    """The verdict of a study; the value is the name.

    STEP: a step's value drop is certified to be above the margin.
    SEGMENT: that of some successive steps, at most half of the run, is; of no single one.
    SYSTEMIC: runs from the very beginning hardly succeed: no step is to blame.
    NO_DROP: runs succeed as often at the end as at the beginning, or nearly.
    DIFFUSE: there is a drop, but it is spread: no step or short segment has it.
    UNSTABLE: the recorded run, replayed when all forks were over, was judged otherwise than before them.
    NOT_IDENTIFIED_WITHIN_BUDGET: the forks that could be had do not tell.
    """

    STEP = "STEP"
    SEGMENT = "SEGMENT"
    SYSTEMIC = "SYSTEMIC"
    NO_DROP = "NO_DROP"
    DIFFUSE = "DIFFUSE"
    UNSTABLE = "UNSTABLE"
    NOT_IDENTIFIED_WITHIN_BUDGET = "NOT_IDENTIFIED_WITHIN_BUDGET"
