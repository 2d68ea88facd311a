"""Answers that need not be bought: what a live question of a fork may be served instead of leaving.

Each is the `known=` of one run, and keeps which questions it answered.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable

from ..core.matching import Matcher
from ..core.tape import Tape
from ..core.values import Answer, Exchange, Lane, Request, Response
from .grading import by_place


class Given:
    """Gives nothing; keeps which questions did not leave, by their key. Callable from any thread.

    `count` is how many were answered here; others were refused.
    """

    def __init__(self, matcher: Matcher) -> None:
        self.count = 0
        self._matcher = matcher
        self._lock = threading.Lock()
        self._stayed: Counter[str] = Counter()

    def __call__(self, request: Request, lane: Lane) -> Answer | None:
        with self._lock:
            answer = self._answer(request, lane)
            if answer is not None:
                self.count += 1
                self._stayed[self._matcher(request)] += 1
            return answer

    def refused(self, request: Request) -> None:
        """`request` did not leave, and was not answered either."""
        with self._lock:
            self._stayed[self._matcher(request)] += 1

    def bought(self, live: Iterable[Exchange]) -> tuple[Exchange, ...]:
        """Those of `live` that left, and cost something."""
        left, bought = Counter(self._stayed), []
        for exchange in live:
            key = self._matcher(exchange.request)
            left[key] -= 1
            if left[key] < 0:
                bought.append(exchange)
        return tuple(bought)

    def _answer(self, request: Request, lane: Lane) -> Answer | None:  # noqa: ARG002
        """The answer to give, called under the lock; None lets the question leave."""
        return None


class Forced(Given):
    """All answers of `tape` but that of `pivot`, whatever the agent asks: by lane and place, in their order.

    `pivot` itself is asked anew. An answer that was not read to its end is not given.
    """

    def __init__(self, tape: Tape, pivot: Exchange, matcher: Matcher) -> None:
        super().__init__(matcher)
        self._left: defaultdict[tuple[Lane, str], deque[Answer | None]] = defaultdict(deque)
        for exchange in tape:
            if exchange.span.began >= pivot.span.headed or exchange is pivot:
                answer = None if exchange is pivot else _whole(exchange.answer)
                self._left[exchange.lane, by_place(exchange.request)].append(answer)

    def _answer(self, request: Request, lane: Lane) -> Answer | None:
        left = self._left[lane, by_place(request)]
        return left.popleft() if left else None


def _whole(answer: Answer) -> Answer | None:
    return answer if isinstance(answer, Response) and answer.end == "eof" and not answer.omitted else None
