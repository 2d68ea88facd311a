"""What a recorded answer says and calls, and the same answer with something else said or called. Pure.

The new answer has the form of the recorded one, a stream where that was one; ids, usage, model, thinking and
calls that the vendor runs itself stay as they were.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import TypeAlias

from attrs import evolve, frozen

from ..core.values import Exchange, Fault, Response
from . import _json, anthropic, base, gemini, openai, paths, read, sse, streams
from .anthropic import calls as anthropic_calls
from .anthropic import stream as anthropic_stream
from .gemini import calls as gemini_calls
from .gemini import stream as gemini_stream
from .messages import ToolCall
from .openai import calls as openai_calls
from .openai import chat_stream, responses_stream

_Assemble: TypeAlias = "Callable[[Iterable[base.Payload], bool], tuple[base.Payload, bool]]"


@frozen
class Turn:
    """What a model said, and the calls that it asked the agent to make."""

    text: str = ""
    calls: tuple[ToolCall, ...] = ()


def read_turn(exchange: Exchange) -> Turn:
    """Return what the recorded answer of `exchange` says and calls.

    Raises:
        ValueError: it is an error, was cut by a fault, is no whole message, or its API is not known here.
    """
    form, message = _open(exchange)
    completion = read.completion(exchange)
    return Turn(completion.text if completion else "", tuple(form.list_calls(message)))


def find_turn(exchange: Exchange) -> Turn | None:
    """Return what the recorded answer says and calls, or None where `read_turn` would raise."""
    try:
        return read_turn(exchange)
    except ValueError:
        return None


def replace_turn(exchange: Exchange, turn: Turn) -> Response:
    """Return the recorded answer with what `turn` says and calls instead; what is equal is left as it is.

    A call whose id was recorded takes that one's place; one without an id is a new one, at the end.

    Raises:
        ValueError: as for `read_turn`; or the arguments of a call are no JSON object.
        UnfitAnswer: it is a stream of a kind that is not built here.
    """
    old = read_turn(exchange)
    if turn.text != old.text:
        form, _ = _open(exchange)
        exchange = evolve(exchange, answer=form.vendor.with_text(turn.text)(exchange))
    if turn.calls == old.calls:
        return exchange.response
    for call in turn.calls:
        _check(call)
    form, message = _open(exchange)
    body = _json.write(form.replace_calls(message, turn.calls)).encode()
    recorded = exchange.response
    if not _is_streamed(base.decode_body(recorded)):
        return base.replace_body(recorded, (body,))
    return streams.fit(exchange, evolve(recorded.with_body(body), end="eof"), strictly=True)


def call_instead(turn: Turn, name: str, arguments: str) -> Turn:
    """Return `turn` with the call of `name` given these arguments; or else its only call replaced.

    Raises:
        ValueError: that could be several of its calls, or it has none.
    """
    named = [n for n, call in enumerate(turn.calls) if call.name == name]
    places = named or list(range(len(turn.calls)))
    if len(places) != 1:
        names = ", ".join(call.name for call in turn.calls) or "nothing"
        raise ValueError(f"the recorded answer calls {names}: which of it is to be {name} cannot be told")
    new = evolve(turn.calls[places[0]], name=name, arguments=arguments)
    return evolve(turn, calls=(*turn.calls[: places[0]], new, *turn.calls[places[0] + 1 :]))


def is_object(text: str) -> bool:
    """Whether `text` is a JSON object, of which each number is one."""
    try:
        return isinstance(json.loads(text, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


# -- the forms of the vendors --------------------------------------------------------


@frozen
class _Form:
    """How one API's messages are put together and changed."""

    vendor: ModuleType
    assemble: _Assemble
    list_calls: Callable[[base.Payload], list[ToolCall]]
    replace_calls: Callable[[base.Payload, Sequence[ToolCall]], base.Payload]


_FORMS = {
    paths.ANTHROPIC: _Form(
        anthropic, anthropic_stream.assemble, anthropic_calls.list_calls, anthropic_calls.replace_calls
    ),
    paths.CHAT: _Form(
        openai, chat_stream.assemble, openai_calls.list_calls_of_chat, openai_calls.replace_calls_of_chat
    ),
    paths.RESPONSES: _Form(
        openai,
        responses_stream.assemble,
        openai_calls.list_calls_of_response,
        openai_calls.replace_calls_of_response,
    ),
    paths.GEMINI: _Form(gemini, gemini_stream.assemble, gemini_calls.list_calls, gemini_calls.replace_calls),
}


def _open(exchange: Exchange) -> tuple[_Form, base.Payload]:
    """The form of an answer, and its whole message."""
    place = paths.place(exchange.request.url)
    form = _FORMS.get(place.api) if place else None
    if form is None:
        raise ValueError(f"{exchange.request.url} is no API whose answers can be changed here")
    answer = exchange.answer
    if isinstance(answer, Fault) or isinstance(answer.end, Fault) or answer.status != base.OK:
        raise ValueError(f"the recorded answer is {answer!r}, not a whole message")
    completion = read.completion(exchange)
    if completion is None or not completion.complete or not completion.choices:
        raise ValueError(f"the recorded answer of {exchange.request.url} is no whole message")
    body = base.decode_body(answer)
    if not _is_streamed(body):
        message = _json.parse(body)
        return form, message if isinstance(message, dict) else {}
    return form, _assemble(form, answer, body)


def _assemble(form: _Form, answer: Response, body: bytes) -> base.Payload:
    """The whole message of a stream, with what its chunks say of it beside the choices."""
    if body.lstrip()[:1] == b"[":
        values, done = list(_json.read_list(body)), False
    else:
        data = [event.data for event in sse.events(body)]
        values, done = [_json.parse(one) for one in data if one != "[DONE]"], "[DONE]" in data
    chunks = [value for value in values if isinstance(value, dict)]
    if not chunks:
        raise ValueError(f"the recorded answer is {answer!r}, a stream of a kind that cannot be changed here")
    message, _ = form.assemble(chunks, done)
    if form.assemble is not chat_stream.assemble:
        return message
    frame = {key: value for chunk in chunks for key, value in chunk.items() if value is not None}
    return {**frame, **message}


def _is_streamed(body: bytes) -> bool:
    return body.lstrip()[:1] != b"{"


def _check(call: ToolCall) -> None:
    if not call.name:
        raise ValueError("a tool call has a name")
    if not is_object(call.arguments):
        raise ValueError(f"the arguments of {call.name} are a JSON object, not {call.arguments!r:.80}")
