"""Readers of questions and answers, whoever the vendor is. They never fail: what is unknown is None.

An API is known by the path of its URL, as in `route`: hosts differ, paths do not.
"""

from __future__ import annotations

from typing import Protocol

from ..core.values import Exchange, Request, Response
from .messages import Completion, Message, Prompt, Tool


class Api(Protocol):
    """One vendor's API.

    `lists` are the keys of the request's JSON whose elements are messages or
    tools, in the order in which a model is given them; a key may hold a single
    string or object instead of a list.
    """

    name: str
    lists: tuple[str, ...]

    def element(self, key: str, value: object) -> Message | Tool | None:
        """One element of the list `key`, or None if it is neither a message nor a tool."""

    def prompt(self, request: Request) -> Prompt | None: ...

    def completion(self, response: Response) -> Completion | None: ...


def api(request: Request) -> Api | None:
    """The API that the request is for, or None."""
    raise NotImplementedError


def prompt(request: Request) -> Prompt | None:
    """What the request asks a model, or None where it asks none that we know."""
    known = api(request)
    return known.prompt(request) if known else None


def completion(exchange: Exchange) -> Completion | None:
    """What the model answered, or None where there is no response or no API that we know."""
    known = api(exchange.request)
    return known.completion(exchange.answer) if known and isinstance(exchange.answer, Response) else None
