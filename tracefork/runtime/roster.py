"""Counts the strands of a run: those of one name, those that work on threads, and those that have ended."""

from __future__ import annotations

from collections.abc import Collection


class Group:
    """Counts the strands of one name and parent, which we take for interchangeable workers."""

    __slots__ = ("alive", "made")

    def __init__(self) -> None:
        self.made = 0
        self.alive = 0


class Roster:
    """The strands of one run: how many of them `work` on threads of their own, and which have `ended`."""

    __slots__ = ("ended", "groups", "working")

    def __init__(self) -> None:
        self.working = 0
        self.ended: set[str] = set()
        self.groups: dict[str, Group] = {}
        """The groups of siblings, by what their paths have in common."""

    def has_idle_sibling(self, lane: str, waiting: Collection[str]) -> bool:
        """True if a sibling of `lane` is alive that is not among the `waiting`: it may do what `lane` did."""
        common = lane.rpartition(".")[0]
        group = self.groups.get(common)
        busy = sum(one.rpartition(".")[0] == common for one in waiting)
        return group is not None and group.alive > busy
