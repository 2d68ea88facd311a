"""Scripted providers: answers of a model, given in advance.

A `Script` turns requests into answers and keeps the requests. It knows no HTTP
library: `transport(script, httpx)` makes a client's transport of it, and
`tracefork.testing.server.LoopbackServer(script)` a real server.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import TypeAlias

from tracefork.core.values import Fault, Request, Response
from tracefork.errors import Exhausted

from .scripted_transports import async_transport, transport

__all__ = ["Item", "Script", "async_transport", "by_marker", "by_rule", "transport"]

Item: TypeAlias = "Response | Fault | Callable[[Request], Response | Fault]"
"""One answer: a value, or a function (a vendor's builder, another Script) from the request."""


class Script:
    """Answers in order, one for each request, whoever asks; callable from any thread.

    `script(request)` is the next answer. A Script is itself an `Item`, so scripts nest.
    """

    def __init__(self, *items: Item) -> None:
        self._items = items
        self._lock = threading.Lock()
        self._requests: list[Request] = []

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests so far, in order of arrival, one that found no answer included."""
        with self._lock:
            return tuple(self._requests)

    def __call__(self, asked: Request) -> Response | Fault:
        """Keep the request and answer it.

        The item itself is called outside the lock, hence by several threads at once.

        Raises:
            Exhausted: the script has answered all it can.
        """
        with self._lock:
            index = len(self._requests)
            self._requests.append(asked)
        return _answer(self._item(index, asked), asked)

    def _item(self, index: int, asked: Request) -> Item:
        if index >= len(self._items):
            raise Exhausted(len(self._items), asked)
        return self._items[index]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.requests)} requests so far)"


class _Rule(Script):
    def __init__(self, rule: Callable[[Request], Item]) -> None:
        super().__init__()
        self._rule = rule

    def _item(self, index: int, asked: Request) -> Item:  # noqa: ARG002 - a rule looks at the request alone
        return self._rule(asked)


def by_rule(rule: Callable[[Request], Item]) -> Script:
    """A script without end: `rule` picks an item for each request, perhaps on several threads at once."""
    return _Rule(rule)


def by_marker(marker: str | bytes, faulty: Item | Sequence[Item], sound: Item | Sequence[Item]) -> Script:
    """A script that answers `faulty` to each request that holds `marker`, `sound` to the others.

    The marker is sought in the body (bare and as JSON escapes it) and in the URL. As
    conversations carry their past, an agent that once read it stays on the faulty
    side, and one whose past was changed by a fork returns to the sound one. A single
    item answers every time; a sequence is played in order and can be Exhausted.
    """
    needles = _spellings(marker)
    wrong, right = _play(faulty), _play(sound)

    def rule(asked: Request) -> Item:
        places = (asked.body, asked.url.encode())
        return wrong if any(needle in place for needle in needles for place in places) else right

    return _Rule(rule)


def _answer(item: Item, asked: Request) -> Response | Fault:
    while not isinstance(item, Response | Fault):
        item = item(asked)
    return item


def _play(items: Item | Sequence[Item]) -> Item:
    return Script(*items) if isinstance(items, Sequence) else items


def _spellings(marker: str | bytes) -> frozenset[bytes]:
    """The marker as it may stand in a body.

    Raises:
        ValueError: it is empty, and would be found everywhere.
    """
    if not marker:
        raise ValueError("a marker may not be empty")
    if isinstance(marker, bytes):
        return frozenset({marker})
    escaped = {json.dumps(marker, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return frozenset(spelling.encode() for spelling in {marker, *escaped})
