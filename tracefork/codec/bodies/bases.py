"""Chooses the base of a delta: the most recent request body of one of the last 12 conversations. Pure.

A conversation's head is its last body. A body that holds most of a head goes on
with that conversation and takes the head's place; any other opens one of its own.
"""

from __future__ import annotations

from attrs import frozen

from .delta import LITERAL, Ops, measure_prefix, measure_suffix

MOST = 12
"""Conversations that are remembered."""

_WORTH = 256  # bytes that a base must save
_BEGINS, _HOLDS, _BEGINS_AT_ALL = 0.8, 0.9, 0.2  # shares of a head that its successor has
_SIGN = 48  # bytes by which a conversation is known
_MARGIN = 16  # brackets and markers behind them, which move
_RECENT = 1 << 18  # bytes at the end of a body in which a sign is looked for


@frozen
class Head:
    """The last body of a conversation, its number, and the end of what it brought that was new."""

    number: int
    body: bytes
    sign: bytes = b""


@frozen
class Choice:
    """The head to make a body of, the length of their common prefix, and whether the body goes on from it."""

    head: Head
    prefix: int
    follows: bool


class Heads:
    """The heads of up to `MOST` conversations, the newest last."""

    def __init__(self) -> None:
        self._heads: list[Head] = []

    def choose(self, body: bytes) -> Choice | None:
        """Return the best base for `body`, None where none saves anything."""
        best, saved = None, _WORTH
        for head in reversed(self._heads):
            prefix = measure_prefix(head.body, body)
            if prefix > _BEGINS * len(head.body):
                return Choice(head, prefix, follows=True)
            most = min(len(head.body), len(body)) - prefix
            alike = prefix + measure_suffix(head.body, body, most)
            if alike > _HOLDS * len(head.body) and prefix > _BEGINS_AT_ALL * len(head.body):
                return Choice(head, prefix, follows=True)
            if alike > saved:
                best, saved = Choice(head, prefix, follows=False), alike
        return self._find_by_sign(body) or best

    def follow(self, number: int, body: bytes, ops: Ops, choice: Choice | None) -> None:
        """Note that `body`, the delta of which is `ops`, is the newest head."""
        if choice and choice.follows:
            self._heads.remove(choice.head)
        self._heads.append(Head(number, body, _make_sign(body, ops)))
        if len(self._heads) > MOST:
            self._heads.pop(0)

    def _find_by_sign(self, body: bytes) -> Choice | None:
        """The conversation whose last news stand in `body`, whatever was changed in front of them."""
        for head in reversed(self._heads):
            if head.sign and body.find(head.sign, max(0, len(body) - _RECENT)) >= 0:
                return Choice(head, measure_prefix(head.body, body), follows=True)
        return None


def _make_sign(body: bytes, ops: Ops) -> bytes:
    at = len(body)
    for offset, length in reversed(ops):
        if offset == LITERAL and length >= 2 * _SIGN and len(ops) > 1:
            return body[at - _SIGN - _MARGIN : at - _MARGIN]
        at -= length
    return b""
