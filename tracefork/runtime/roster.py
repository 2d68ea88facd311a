"""Counts the strands of a run: those of one name, those that work on threads, and those that have ended."""

from __future__ import annotations


class Group:
    """Counts the strands of one name and parent, which we take for interchangeable workers."""

    __slots__ = ("alive", "made")

    def __init__(self) -> None:
        self.made = 0
        self.alive = 0


class Roster:
    """The strands of one run: how many of them `work` on threads of their own, and which have `ended`."""

    __slots__ = ("ended", "working")

    def __init__(self) -> None:
        self.working = 0
        self.ended: set[str] = set()
