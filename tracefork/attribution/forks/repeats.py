"""Whether the forks of a study are draws of their own, or copies that a cache gave out.

A copy is of no more worth than what it copies. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from attrs import frozen

from ...core.matching import Matcher
from ...core.values import Exchange, Response
from .jobs import Asked, Line

MOST = 64
"""Exchanges of a fork that are looked at."""

TOLERATED = 0.1
"""The share of copies above which nothing is certified."""

RECENT, IDLE = 10, 8
"""Where so many of the recent forks are copies the study stops: more would say nothing."""

_CACHES = frozenset(
    {"x-cache", "cf-cache-status", "cf-aig-cache-status", "helicone-cache", "x-portkey-cache-status"}
)
"""Headers by which a cache says that it had the answer: their value begins with HIT, or has it as a word."""


@frozen
class Audit:
    """How many `forks` asked a model, what they are worth as `effective` ones, and whether a cache said so.

    Where equal questions got different answers, and no cache said that it answered, each is worth one.
    """

    forks: int
    effective: int
    cached: bool

    @property
    def is_sound(self) -> bool:
        """True if copies are few enough for what the forks certify."""
        return self.forks - self.effective <= TOLERATED * self.forks


def describe_live(live: Sequence[Exchange], matcher: Matcher, seed: int) -> tuple[Asked, ...]:
    """Return the marks of a fork's `live` exchanges, the first `MOST` of them.

    A question that carries the fork's `seed`, as its meta has it, is a question of its own.
    """
    return tuple(_describe(exchange, matcher, str(seed)) for exchange in live[:MOST])


def audit(lines: Sequence[Line]) -> Audit:
    """Return what the forks of `lines` are worth, in the order in which they ended.

    Forks are copies where a cache said that it gave all of their answers, or where no question of the study
    that was asked more than once was ever answered in two ways: then those with equal paths are worth one.
    """
    asking = [line for line in lines if line.done.asked]
    answers: dict[str, set[str]] = {}
    for line in asking:
        for asked in line.done.asked:
            answers.setdefault(asked.question, set()).add(asked.answer)
    varied = any(len(found) > 1 for found in answers.values()) or _part_by_themselves(asking)
    paths, copies, hits = set[tuple[Asked, ...]](), 0, 0
    for line in asking:
        path = tuple(Asked(asked.question, asked.answer) for asked in line.done.asked)
        cached = all(asked.cached for asked in line.done.asked)
        hits += cached
        copies += cached or (path in paths and not varied)
        paths.add(path)
    return Audit(len(asking), max(min(1, len(asking)), len(asking) - copies), hits > 0)


def _part_by_themselves(lines: Sequence[Line]) -> bool:
    """True if two forks of one arm asked different questions after equal answers: their agent has chance."""
    paths: dict[int, list[str]] = {}
    for line in lines:
        path = [asked.question for asked in line.done.asked]
        known = paths.setdefault(line.probe.arm, path)
        if any(one != other for one, other in zip(known, path, strict=False)):
            return True
    return False


def is_idle(lines: Sequence[Line]) -> bool:
    """True if nearly all of the last forks were copies, so that another would tell nothing."""
    if len(lines) < RECENT:
        return False
    before, now = audit(lines[:-RECENT]), audit(lines)
    return (now.forks - now.effective) - (before.forks - before.effective) >= IDLE


def _describe(exchange: Exchange, matcher: Matcher, seed: str) -> Asked:
    request, answer = exchange.request, exchange.answer
    own = seed.encode() in request.body or any(seed in value for _, value in request.headers)
    question = _shorten(f"{seed if own else ''}:{matcher(request)}".encode())
    if not isinstance(answer, Response):
        return Asked(question, _shorten(repr(answer).encode()))
    body = b"".join(answer.chunks)
    return Asked(question, _shorten(b"%d:" % answer.status + body), _was_cached(answer))


def _was_cached(answer: Response) -> bool:
    """True if a cache says by a header that it gave the answer."""
    return any(name.lower() in _CACHES and "hit" in value.lower().split() for name, value in answer.headers)


def _shorten(data: bytes) -> str:
    return sha256(data).hexdigest()[:16]
