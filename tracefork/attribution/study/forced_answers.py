"""Recorded answers served to a fork of `method="direct"`, so that only the step under test is asked live."""

from __future__ import annotations

import threading
from collections import defaultdict

from attrs import evolve

from ...core.matching import Matcher
from ...core.tape import Tape
from ...core.values import CANCELLED, Answer, Exchange, Lane, Request, Response
from ...errors import Divergence
from ...session.session import Session
from ..forks.aligned import Change, is_aligned


class ForcedAnswers:
    """Serves each answer of `tape` after `pivot` to the question that it was recorded for, in its lane.

    That is one equal to the recorded question, but for what repeats the pivot's new answer. `pivot` itself is
    asked anew, and again if its answer asks for another try. A body that the tape does not hold, and a call
    that the agent gave up, are not given. `count` is how many questions were answered here, `session` the
    fork's own. Callable from any thread.
    """

    session: Session

    def __init__(self, tape: Tape, pivot: Exchange, matcher: Matcher) -> None:
        self.count = 0
        self._lock = threading.Lock()
        self._matcher, self._pivot, self._key = matcher, pivot, matcher(pivot.request)
        self._index = {id(exchange): i for i, exchange in enumerate(tape)}
        self._left: defaultdict[Lane, list[Exchange]] = defaultdict(list)
        self._strays: dict[str, Divergence] = {}
        for exchange in tape:
            if exchange.span.began >= pivot.span.headed and exchange is not pivot:
                self._left[exchange.lane].append(exchange)

    def __call__(self, request: Request, lane: Lane) -> Answer | None:
        """Return the answer of the recorded question that `request` is; None if it has to be asked."""
        with self._lock:
            key, left = self._matcher(request), self._left[lane]
            if key == self._key:
                return None
            change = Change.of(self._pivot, self._find_new())
            found = next((x for x in left if is_aligned(x.request, request, change, self._matcher)), None)
            if found is None:
                self._strays[key] = self._make_error(request, lane)
                return None
            left.remove(found)
            answer = _complete(found.answer)
            self.count += answer is not None
            return answer

    def check(self, request: Request) -> None:
        """Let `request` leave if it is the pivot's, or a recorded one whose answer cannot be given.

        Raises:
            Divergence: it is neither: no recorded answer is one to this question.
        """
        with self._lock:
            if (stray := self._strays.get(self._matcher(request))) is not None:
                raise stray

    def _find_new(self) -> Exchange | None:
        """The pivot as this fork asked it, answered by a model; of several tries the last."""
        asked = (x for x in reversed(self.session.tape.exchanges) if x.lane == self._pivot.lane)
        return next((x for x in asked if self._matcher(x.request) == self._key), None)

    def _make_error(self, request: Request, lane: Lane) -> Divergence:
        due = next(iter(self._left[lane]), None)
        step = len(self._index) if due is None else self._index[id(due)]
        return Divergence(step, request, None if due is None else due.request, None, lane)


def _complete(answer: Answer) -> Answer | None:
    """The answer as it can be served, a response as if it had been read to its end; None if it cannot."""
    if isinstance(answer, Response):
        return None if answer.omitted else evolve(answer, end="eof") if answer.end == "closed" else answer
    return None if answer == CANCELLED else answer
