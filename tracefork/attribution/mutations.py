"""Mutations: what a step is answered instead, for `method="flip"`.

A mutation is any callable from the recorded Exchange to an Answer. Those here are
frozen values, and each gives the same answer for the same exchange. One that changes
nothing, or cannot be applied to an exchange, says so by returning None: the step is
then left out and listed. A destructive mutation blames harmless steps: it
measures what the run cannot bear, not what went wrong; `resample` does not have that fault.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import frozen

from ..core.json_paths import parse_place
from ..core.values import Answer, Exchange, Response
from ..providers import anthropic, base, gemini, openai, paths, read, route
from ..providers.messages import ToolCall

Mutation: TypeAlias = Callable[[Exchange], "Answer | None"]


@frozen
class Text:
    """The answer says `text` instead, in the form of its vendor; the whole body where no vendor is known."""

    text: str

    def __call__(self, exchange: Exchange) -> Answer | None:
        return _answer_with(exchange, self.text)


@frozen
class Drop:
    """The answer says nothing."""

    def __call__(self, exchange: Exchange) -> Answer | None:
        return _answer_with(exchange, "")


@frozen
class Truncate:
    """The answer breaks off after `share` of its text, by characters."""

    share: float = 0.5

    def __call__(self, exchange: Exchange) -> Answer | None:
        text = _read_text(exchange)
        return _answer_with(exchange, text[: int(len(text) * self.share)])


@frozen
class Corrupt:
    """The words of the answer in another order, and every third one lost; `seed` picks the order."""

    seed: int = 0

    def __call__(self, exchange: Exchange) -> Answer | None:
        words = _read_text(exchange).split()
        order = random.Random(_draw_seed(self.seed, exchange))  # noqa: S311  reproducible, not secret
        order.shuffle(words)
        return _answer_with(exchange, " ".join(word for i, word in enumerate(words, 1) if i % 3))


@frozen
class Mislead:
    """The answer ends with `claim`, as if it were part of what was found."""

    claim: str

    def __call__(self, exchange: Exchange) -> Answer | None:
        return _answer_with(exchange, f"{_read_text(exchange)}\n{self.claim}".strip())


@frozen
class Poison:
    """The first tool call's `argument` has `value`; a step that calls no tool with it is left out.

    The answer is made anew with that call alone, and with the text that stood before it.
    """

    argument: str
    value: Any

    def __call__(self, exchange: Exchange) -> Answer | None:
        completion = read.completion(exchange)
        place = paths.place(exchange.request.url)
        if completion is None or place is None or place.verb.startswith("invoke"):
            return None
        for call in completion.calls:
            arguments = _read_object(call.arguments)
            if self.argument in arguments and arguments[self.argument] != self.value:
                return _answer_with_call(
                    place.api, exchange, call, arguments | {self.argument: self.value}, completion.text
                )
        return None


@frozen
class Field:
    """The value at `path` of the answer's JSON is `value`; of a stream or another body nothing is changed.

    `path` is as in `oracles.JsonPath`.

    Raises:
        ValueError: the path is none, or names the whole.
    """

    path: str
    value: Any

    def __attrs_post_init__(self) -> None:
        if not parse_place(self.path):
            raise ValueError("$ is the whole answer: name a value in it")

    def __call__(self, exchange: Exchange) -> Answer | None:
        *way, last = parse_place(self.path)
        response = _find_response(exchange)
        if response is None:
            return None
        try:
            whole = at = json.loads(response.body)
            before = json.dumps(whole)
            for step in way:
                at = at[step]
            at[last] = self.value
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        if json.dumps(whole) == before:
            return None
        return response.with_body(base.compact(whole).encode())


def mutate(mutation: Mutation, exchange: Exchange) -> Answer | None:
    """Return the answer that `mutation` gives the exchange, or None if it changes nothing."""
    answer = mutation(exchange)
    return None if answer == exchange.answer else answer


def _find_response(exchange: Exchange) -> Response | None:
    return exchange.answer if isinstance(exchange.answer, Response) and not exchange.answer.omitted else None


def _read_text(exchange: Exchange) -> str:
    completion = read.completion(exchange)
    if completion is not None:
        return completion.text
    response = _find_response(exchange)
    return response.body.decode("utf-8", "replace") if response else ""


def _answer_with(exchange: Exchange, text: str) -> Answer | None:
    response = _find_response(exchange)
    if response is None or text == _read_text(exchange):
        return None
    if paths.place(exchange.request.url) is None:
        return response.with_body(text.encode("utf-8", "surrogatepass"))
    try:
        return route.Text(text)(exchange)
    except ValueError:  # an API that nothing is built for
        return None


def _answer_with_call(
    api: str, exchange: Exchange, call: ToolCall, arguments: dict[str, Any], text: str
) -> Answer:
    if api == paths.ANTHROPIC:
        return anthropic.tool_use(call.name, arguments, id=call.id or None, text=text)(exchange)
    if api == paths.GEMINI:
        return gemini.tool_use(call.name, arguments, id=call.id, text=text)(exchange)
    return openai.tool_call(call.name, arguments, id=call.id or None, text=text)(exchange)


def _read_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _draw_seed(seed: int, exchange: Exchange) -> int:
    body = _find_response(exchange)
    drawn = hashlib.sha256(f"{seed}:".encode() + (body.body if body else b"")).digest()
    return int.from_bytes(drawn[:8], "big")
