"""Attributes of other people's classes, replaced while anybody needs it and put back afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import update_wrapper, wraps
from types import BuiltinFunctionType
from typing import Any, TypeAlias

Replacement: TypeAlias = Callable[..., Any]
"""Called with the original, then with the arguments of the call."""

Target: TypeAlias = tuple[Any, str, Replacement]

Beside: TypeAlias = "Callable[[list[tuple[Any, Any]]], Callable[[], object]]"


class Patches:
    """Replaces what `targets` names from the first `hold` to the last `release`.

    `targets` gives (owner, attribute, replacement); it is called at each first `hold`.
    `beside` is called with all pairs of an original and what stands for it, once they are in
    place, and returns what is called when they are no more.
    """

    def __init__(self, targets: Callable[[], Iterable[Target]], beside: Beside | None = None) -> None:
        self._targets = targets
        self._beside = beside or _nothing
        self._undo: Callable[..., object] = _nothing
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
                self._replace()
            self._holders += 1

    def release(self) -> None:
        """Put the originals back if nobody holds the patches any more.

        What somebody else replaced in the meantime is left to them.
        """
        with self._lock:
            self._holders -= 1
            if not self._holders:
                self._put_back()

    def _replace(self) -> None:
        targets = [(owner, name, getattr(owner, name), new) for owner, name, new in self._targets()]
        pairs = []
        try:
            for owner, name, original, replacement in targets:
                ours = _wrapped(original, replacement)
                self._held.append((owner, name, vars(owner).get(name), ours))
                setattr(owner, name, ours)
                pairs.append((original, ours))
            self._undo = self._beside(pairs)
        except BaseException:
            self._put_back()
            raise

    def _put_back(self) -> None:
        while self._held:
            owner, name, own, ours = self._held.pop()
            if vars(owner).get(name) is not ours:
                continue
            if own is None:
                delattr(owner, name)
            else:
                setattr(owner, name, own)
        undo, self._undo = self._undo, _nothing
        undo()


def _nothing(*_: object) -> Callable[[], object]:
    return _nothing


class Builtin:
    """What stands for a builtin: like one, and unlike a function, it is no method of classes that hold it."""

    def __init__(self, original: Any, replacement: Replacement) -> None:
        update_wrapper(self, original)
        self.__wrapped__ = original
        self._replacement = replacement

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._replacement(self.__wrapped__, *args, **kwargs)

    def __reduce__(self) -> str:
        return str(self.__wrapped__.__qualname__)


def _wrapped(original: Any, replacement: Replacement) -> Callable[..., Any]:
    if isinstance(original, BuiltinFunctionType):
        return Builtin(original, replacement)

    @wraps(original)
    def ours(*args: Any, **kwargs: Any) -> Any:
        return replacement(original, *args, **kwargs)

    return ours
