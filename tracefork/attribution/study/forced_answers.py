"""Recorded answers served to a fork of `method="direct"`, so that only the step under test is asked live."""

from __future__ import annotations

import threading
from collections import defaultdict, deque

from attrs import evolve

from ...core.matching import Matcher
from ...core.tape import Tape
from ...core.values import CANCELLED, Answer, Exchange, Lane, Request, Response
from ..forks.grading import match_place


class ForcedAnswers:
    """Serves all answers of `tape` but that of `pivot`, whatever the agent asks: by lane and URL, in order.

    `pivot` itself is asked anew, and again if its answer asks for another try. A body that the
    tape does not hold, and a call that the agent gave up, are not given. `count` is how many questions were
    answered here. Callable from any thread.
    """

    def __init__(self, tape: Tape, pivot: Exchange, matcher: Matcher) -> None:
        self.count = 0
        self._lock = threading.Lock()
        self._matcher, self._pivot = matcher, matcher(pivot.request)
        self._left: defaultdict[tuple[Lane, str], deque[Answer | None]] = defaultdict(deque)
        for exchange in tape:
            if exchange.span.began >= pivot.span.headed and exchange is not pivot:
                self._left[exchange.lane, match_place(exchange.request)].append(_complete(exchange.answer))

    def __call__(self, request: Request, lane: Lane) -> Answer | None:
        with self._lock:
            if self._matcher(request) == self._pivot:
                return None
            left = self._left[lane, match_place(request)]
            answer = left.popleft() if left else None
            self.count += answer is not None
            return answer


def _complete(answer: Answer) -> Answer | None:
    """The answer as it can be served, a response as if it had been read to its end; None if it cannot."""
    if isinstance(answer, Response):
        return None if answer.omitted else evolve(answer, end="eof") if answer.end == "closed" else answer
    return None if answer == CANCELLED else answer
