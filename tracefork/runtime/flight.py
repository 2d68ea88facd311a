"""A question in flight: its recorded answer, if any, and the times of its head, chunks and end."""

from __future__ import annotations

from collections.abc import Callable

from ..core.machine import Headed
from ..core.values import Answer, Lane, Question, Request, Timing
from ..host import clocks
from .editing import Edited


class Flight:
    """One question from ask to end. `call` is its number in the machine.

    `served` is the recorded answer, or None when the real world is to be asked; `taken()` returns,
    while a body is open, what the agent has read of it; `ticket` identifies its latest record in
    the writer's queue (0: nothing written yet): pass it to `Keeper.wait`. `edited` is what edits of the run
    made of the question, if there are any, and `choices` has each of what it may be with its true secrets.
    A `foreign` one comes from another process: the beats of its loop are not known.
    """

    __slots__ = (
        "_zero", "began", "call", "choices", "chunks", "edited", "end_hops", "foreign", "head_hops", "headed",
        "lane", "question", "served", "site", "taken", "ticket",
    )  # fmt: skip

    def __init__(self, call: int, question: Question, lane: Lane, site: str) -> None:
        self.call = call
        self.question = question
        self.lane = lane
        self.site = site
        self.foreign = False
        self.edited: Edited | None = None
        self.choices: tuple[tuple[Question, Request], ...] = ()
        self.served: Answer | None = None
        self.ticket = 0
        self.taken: Callable[[], Answer] | None = None
        self.began = round(clocks.now(), 6)
        self.headed: float | None = None
        self.chunks: list[float] = []
        self.head_hops: int | None = None
        self.end_hops: int | None = None
        self._zero = clocks.perf_counter()

    @property
    def true(self) -> Request | None:
        """The question, as it was edited, with its true secrets; None where the run has no edits."""
        return next((true for asked, true in self.choices if asked == self.question), None)

    def saw_head(self) -> None:
        """Note that the head of the answer is about to reach the agent."""
        self.headed = round(clocks.perf_counter() - self._zero, 6)

    def saw_chunk(self) -> None:
        """Note that a chunk of the answer is about to reach the agent."""
        self.chunks.append(round(clocks.perf_counter() - self._zero, 3))

    def came_after(self, hops: int | None, tick: object) -> None:
        """Note that `tick`, a head or an end, came `hops` beats after the tick before it."""
        if isinstance(tick, Headed) or self.headed is None:
            self.head_hops = hops
        else:
            self.end_hops = hops

    def timing(self) -> Timing:
        """Return the times of this question and its answer, which ends now."""
        ended = round(clocks.perf_counter() - self._zero, 6)
        headed = ended if self.headed is None else self.headed
        return Timing(self.began, headed, ended, tuple(self.chunks), self.head_hops, self.end_hops)
