"""Readers of questions and answers, whoever the vendor is. They never fail: what is unknown is None.

An API is known by the path of its URL (see `paths`): hosts differ, paths do not. What
strangers wrote is read without trust: a part of another shape than its API has is
an `Other`, an answer that makes no sense is None.
"""

from __future__ import annotations

from typing import Protocol

from ..core.values import Exchange, Request, Response
from . import cohere_read, converse_read, ollama_read, paths
from .anthropic import read as anthropic
from .gemini import read as gemini
from .messages import Completion, Message, Prompt, Tool
from .openai import chat_read, responses_read


class Api(Protocol):
    """One vendor's API.

    `lists` are the keys of the request's JSON whose elements are messages or
    tools, in the order in which a model is given them; a key may hold a single
    string or object instead of a list.
    """

    @property
    def name(self) -> str: ...

    @property
    def lists(self) -> tuple[str, ...]: ...

    def elements(self, key: str, value: object) -> tuple[Message | Tool, ...]:
        """What one element of the list `key` holds: a message, a tool, several of these, or nothing."""

    def element(self, key: str, value: object) -> Message | Tool | None:
        """One element of the list `key`, or None if it is neither a message nor a tool, or is several."""

    def prompt(self, request: Request) -> Prompt | None: ...

    def completion(self, response: Response) -> Completion | None: ...


_APIS: dict[str, Api] = {
    reader.name: reader
    for reader in (
        anthropic.READER,
        chat_read.READER,
        chat_read.BARE,
        responses_read.READER,
        gemini.READER,
        converse_read.READER,
        cohere_read.READER,
        ollama_read.READER,
    )
}


def api(request: Request) -> Api | None:
    """The API that the request is for, or None."""
    return _APIS.get(paths.find_form(request.url))


def prompt(request: Request) -> Prompt | None:
    """What the request asks a model, or None where it asks none that we know."""
    known = api(request)
    return known.prompt(request) if known else None


def completion(exchange: Exchange) -> Completion | None:
    """What the model answered, or None where there is no response or no API that we know."""
    known = api(exchange.request)
    return known.completion(exchange.answer) if known and isinstance(exchange.answer, Response) else None
