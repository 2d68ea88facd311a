"""Answers of models that `read` alone does not see, and the last text that one gave. Pure.

Over a web socket an answer is what came until the next message; what is made in the background is fetched
later, by its id.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ..core.tape import Tape
from ..core.values import Exchange, Response
from . import base, read
from .messages import Completion
from .openai import responses_read

SEND = "SEND"
"""The method of what is said over a web socket."""

_FETCHED = re.compile(r"/responses/resp_[^/]+$")
_EVENTS = (("content-type", "text/event-stream"),)


def find_answer(exchange: Exchange) -> Completion | None:
    """Return what a model answered: at once, over a web socket, or where it is fetched; None if none did."""
    answer = exchange.answer
    if not isinstance(answer, Response):
        return None
    if exchange.request.method == SEND:
        api = read.api(exchange.request)
        lines = [b"data: " + chunk.replace(b"\n", b"") + b"\n\n" for chunk in answer.chunks]
        return api.completion(Response(base.OK, _EVENTS, tuple(lines))) if api and lines else None
    return responses_read.READER.completion(answer) if is_fetched(exchange) else read.completion(exchange)


def is_fetched(exchange: Exchange) -> bool:
    """Whether `exchange` fetches what was asked for before: the same answer, not another one."""
    try:
        path = urlsplit(exchange.request.url).path
    except ValueError:  # no URL at all
        return False
    return exchange.request.method == "GET" and _FETCHED.search(path) is not None


def find_last_text(tape: Tape) -> str:
    """Return the text of the last answer of a model in `tape`; "" if there is none.

    An answer that nobody here can read is text itself.
    """
    for exchange in reversed(tape.exchanges):
        completion = find_answer(exchange)
        if completion is not None:
            return completion.text
        if isinstance(exchange.answer, Response):
            return exchange.answer.body.decode("utf-8", "replace")
    return ""
