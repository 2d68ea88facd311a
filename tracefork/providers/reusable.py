"""Whose recorded answer may be served where an equal question is asked again, elsewhere or later. Pure.

A model's answer depends on its question alone, if that carries all that it is about; the recorded one is
then a fair sample of it wherever the question is put. A page, a search or a poll is not so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from ..core.matching import Matcher, exact
from ..core.tape import Tape
from ..core.values import CANCELLED, Exchange, Fault, Request, Response
from .questions import is_reusable_request
from .wholeness import is_whole

__all__ = ["Reuse", "choose_reuse", "find_retried", "is_reusable_request", "is_whole"]

Reuse: TypeAlias = "Literal['models', 'all', 'none'] | Callable[[Request], bool]"
"""Which recorded answers equal questions are served: a word, or a function of the question."""

_TOO_MANY = 429
_BROKEN = 500  # HTTP statuses from here on are of servers that failed


def choose_reuse(reuse: Reuse) -> Callable[[Exchange], bool]:
    """Return whether an exchange's answer may be served to an equal question elsewhere, as `reuse` has it.

    It must be whole in any case. "models" are questions to models that carry all they are about; "all" is
    any exchange; "none" is none of them.

    Raises:
        ValueError: `reuse` is something else. What is returned raises TypeError where a function's answer
            is no bool.
    """
    match reuse:
        case "models":
            return lambda exchange: is_reusable_request(exchange.request) and is_whole(exchange)
        case "all":
            return is_whole
        case "none":
            return lambda _: False
        case _ if callable(reuse):
            return _ask(reuse)
        case _:
            raise ValueError(f'reuse= is "models", "all", "none" or a function of the Request, not {reuse!r}')


def find_retried(tape: Tape, matcher: Matcher = exact) -> frozenset[int]:
    """Return the exchanges of `tape`, by index, that an outage answered, and nothing did later.

    An outage is a fault, a 429 or a 5xx; one after which an SDK asked the same again, and was
    answered, is over. What the agent itself gave up is none.
    """
    answered = set[str]()
    found = set[int]()
    for index in range(len(tape) - 1, -1, -1):
        exchange = tape.exchanges[index]
        if exchange.answer == CANCELLED:
            continue
        key = matcher(exchange.request)
        if not _is_outage(exchange):
            answered.add(key)
        elif key not in answered:
            found.add(index)
    return frozenset(found)


def _ask(choose: Callable[[Request], bool]) -> Callable[[Exchange], bool]:
    def may_serve(exchange: Exchange) -> bool:
        if not is_whole(exchange):
            return False
        chosen = choose(exchange.request)
        if not isinstance(chosen, bool):
            raise TypeError(f"reuse={choose!r} answers True or False, not {chosen!r}")
        return chosen

    return may_serve


def _is_outage(exchange: Exchange) -> bool:
    match exchange.answer:
        case Fault() | Response(end=Fault()):
            return True
        case Response(status=status):
            return status == _TOO_MANY or status >= _BROKEN
