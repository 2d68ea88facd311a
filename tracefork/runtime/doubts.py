"""The list of unsettled tool calls of a run: those that may have run before it began."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from ..core import doubt
from ..core.values import Call


class Doubts:
    """Unsettled `calls`. Hold `deciding` while deciding to run a tool: a decision settles one of them."""

    def __init__(self, calls: Iterable[Call] = ()) -> None:
        self._calls = list(calls)
        self.deciding = threading.RLock()

    def about(self, call: Call) -> Call | None:
        """Return the unsettled call that `call` may repeat, or None."""
        return doubt.find_about(self._calls, call)

    def settle(self, call: Call) -> None:
        """Remove `call` from the list: it was decided what to do about it."""
        if call in self._calls:
            self._calls.remove(call)
