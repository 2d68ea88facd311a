"""Attributes of other people's classes, replaced while anybody needs it and put back afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeAlias

Replacement: TypeAlias = Callable[..., Any]
"""Called with the original, then with the arguments of the call."""

Target: TypeAlias = tuple[Any, str, Replacement]


class Patches:
    """Replaces what `targets` names from the first `hold` to the last `release`.

    `targets` gives (owner, attribute, replacement); it is called at each first `hold`.
    """

    def __init__(self, targets: Callable[[], Iterable[Target]]) -> None:
        self._targets = targets
        self._lock = threading.Lock()
        self._holders = 0
        self._held: list[tuple[Any, str, Any, Any]] = []

    def hold(self) -> None:
        """Put the replacements in place; each call wants one `release`.

        Raises:
            AttributeError: a target is gone; nothing is replaced then.
        """
        with self._lock:
            if not self._holders:
                targets = [(owner, name, getattr(owner, name), new) for owner, name, new in self._targets()]
                for owner, name, original, replacement in targets:
                    ours = _wrapped(original, replacement)
                    self._held.append((owner, name, vars(owner).get(name), ours))
                    setattr(owner, name, ours)
            self._holders += 1

    def release(self) -> None:
        """Put the originals back if nobody holds the patches any more.

        What somebody else replaced in the meantime is left to them.
        """
        with self._lock:
            self._holders -= 1
            while not self._holders and self._held:
                owner, name, own, ours = self._held.pop()
                if vars(owner).get(name) is not ours:
                    continue
                if own is None:
                    delattr(owner, name)
                else:
                    setattr(owner, name, own)


def _wrapped(original: Any, replacement: Replacement) -> Callable[..., Any]:
    @wraps(original)
    def ours(*args: Any, **kwargs: Any) -> Any:
        return replacement(original, *args, **kwargs)

    return ours
