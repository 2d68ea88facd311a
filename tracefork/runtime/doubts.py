"""The calls that may have run before a run began, while it goes on: who settles them, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from ..core import doubt
from ..core.values import Call


class Doubts:
    """Unsettled `calls`. Whoever is about to run a tool holds `deciding`: one decision is for one of them."""

    def __init__(self, calls: Iterable[Call] = ()) -> None:
        self._calls = list(calls)
        self.deciding = threading.RLock()

    def about(self, call: Call) -> Call | None:
        """The one that `call` may repeat, if any."""
        return doubt.find_about(self._calls, call)

    def settle(self, call: Call) -> None:
        """Take `call` out: somebody decided."""
        if call in self._calls:
            self._calls.remove(call)
