"""Answers of models that are fetched later, and the last text that one gave. Pure.

What is made in the background is fetched by its id: it is the same answer, not another one.
"""

from __future__ import annotations

from ..core.tape import Tape
from ..core.values import Exchange, Response
from . import api_paths, read
from .messages import Completion

SEND = api_paths.SEND
"""The method of what is said over a web socket."""


def find_answer(exchange: Exchange) -> Completion | None:
    """Return what a model answered or measured; None if none did: a server also gives back what it keeps."""
    completion = read.completion(exchange)
    return None if completion is None or completion.kind == "record" else completion


def is_fetched(exchange: Exchange) -> bool:
    """Whether `exchange` fetches what was asked for before: the same answer, not another one."""
    request = exchange.request
    return request.method.upper() == "GET" and api_paths.find_api(request) in api_paths.FETCHED


def find_last_text(tape: Tape) -> str:
    """Return the text of the last answer of a model in `tape`; "" if there is none.

    An answer that nobody here can read is text itself. What was measured, or is kept, is passed over, but for
    a thread's messages, which is where an assistant's answer is found.
    """
    for exchange in reversed(tape.exchanges):
        completion = read.completion(exchange)
        if completion is not None and _is_last_word(completion):
            return completion.text
        if completion is None and isinstance(exchange.answer, Response):
            return exchange.answer.body.decode("utf-8", "replace")
    return ""


def _is_last_word(completion: Completion) -> bool:
    if completion.kind == "answer" and completion.api != api_paths.RUNS:
        return True
    return bool(completion.text) and completion.choices[0].message.role == "assistant"
