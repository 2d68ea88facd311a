"""Attributes of other people's classes, replaced while anybody needs it and put back afterwards."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from functools import update_wrapper, wraps
from types import BuiltinFunctionType
from typing import Any, TypeAlias

from attrs import frozen

from .imports import Watch
from .uninterrupted import run_apart

Replacement: TypeAlias = Callable[..., Any]
"""Called with the original, then with the arguments of the call; a class stands there as it is."""

Target: TypeAlias = tuple[Any, str, Replacement]

Beside: TypeAlias = "Callable[[list[tuple[Any, Any]]], Callable[[], object]]"


@frozen
class _Replaced:
    """One attribute: what its owner held itself, None for nothing, and what stands there meanwhile."""

    owner: Any
    name: str
    own: Any
    ours: Any


class Patches:
    """Replaces what `targets` names as long as anybody holds it.

    `targets` gives (owner, attribute, replacement); it is called at each first `hold`.
    `beside` is called with all pairs of an original and what stands for it, once they are in
    place, and returns what is called when they are no more. When one of the modules `late` is
    imported meanwhile, `prepare` is called with its name, on the thread that imports it, and then
    `targets` once more.

    Whoever holds is known by himself, so that to hold or to release twice is what once is. In a
    forked child the patches stay as they are until nobody holds them there. Interrupts must
    not reach what is done here: see `apart`.
    """

    def __init__(
        self,
        targets: Callable[[], Iterable[Target]],
        beside: Beside | None = None,
        late: frozenset[str] = frozenset(),
        prepare: Callable[[str], object] | None = None,
    ) -> None:
        self._targets = targets
        self._beside = beside or _nothing
        self._prepare = prepare or _nothing
        self._late = Watch(late, self._come)
        self._undo: Callable[..., object] = _nothing
        self._lock = threading.Lock()
        self._holders: dict[int, object] = {}
        self._replaced: list[_Replaced] = []
        _all.append(self)

    def hold(self, holder: object) -> None:
        """Put the replacements in place, for `holder`.

        Raises:
            AttributeError: a target is gone; nothing is replaced then.
        """
        with self._lock:
            if not self._holders:
                self._replace()
                self._late.begin()
            self._holders[id(holder)] = holder

    def release(self, holder: object) -> None:
        """Put the originals back if nobody else holds the patches any more.

        What somebody else replaced in the meantime is left to them.
        """
        with self._lock:
            self._holders.pop(id(holder), None)
            if not self._holders:
                self._late.end()
                self._put_back()

    def unlock(self) -> None:
        """In a forked child: the thread that may have held the lock is not here."""
        self._lock = threading.Lock()

    def _come(self, name: str) -> None:
        """The module `name` has come: its lock is still this thread's, so what imports it is done here."""
        self._prepare(name)
        run_apart(self._extend)

    def _extend(self) -> None:
        """Replace what is there by now."""
        with self._lock:
            if self._holders:
                self._replace_all()

    def _replace(self) -> None:
        try:
            self._undo = self._beside(self._replace_all())
        except BaseException:
            self._put_back()
            raise

    def _replace_all(self) -> list[tuple[Any, Any]]:
        """Replace what is not replaced yet; return the pairs of originals and what stands for them."""
        done = {(id(at.owner), at.name) for at in self._replaced}
        targets = [(owner, name, getattr(owner, name), new) for owner, name, new in self._targets()]
        pairs = []
        for owner, name, original, replacement in targets:
            if (id(owner), name) not in done:
                ours = _wrap(original, replacement)
                self._replaced.append(_Replaced(owner, name, vars(owner).get(name), ours))
                setattr(owner, name, ours)
                pairs.append((original, ours))
        return pairs

    def _put_back(self) -> None:
        while self._replaced:
            at = self._replaced[-1]
            if vars(at.owner).get(at.name) is at.ours:
                if at.own is None:
                    delattr(at.owner, at.name)
                else:
                    setattr(at.owner, at.name, at.own)
            self._replaced.pop()  # only now: a child may be forked at any moment, and goes on here
        undo, self._undo = self._undo, _nothing
        undo()


_all: list[Patches] = []


def _unlock() -> None:
    for patches in _all:
        patches.unlock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


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


def _wrap(original: Any, replacement: Replacement) -> Callable[..., Any]:
    if isinstance(replacement, type):
        return replacement
    if isinstance(original, BuiltinFunctionType):
        return Builtin(original, replacement)

    @wraps(original)
    def ours(*args: Any, **kwargs: Any) -> Any:
        return replacement(original, *args, **kwargs)

    return ours
