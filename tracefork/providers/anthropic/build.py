"""Answers of Anthropic's Messages API, built without the SDK.

A builder is a frozen value that is called with the question (an Exchange or a bare
Request) and returns the Response: server-sent events, one chunk each, when the
question says `"stream": true`, else one JSON body. Ids are hashes of the question
and the content, so equal questions get equal answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from attrs import frozen

from tracefork.core.values import Exchange, Response

from .. import base, builders
from ..builders import Call, Draft
from .edit import event, replace_text

STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The HTTP status that goes with each of the vendor's error types."""


def text(
    text: str,
    *,
    model: str | None = None,
    stop_reason: str = "end_turn",
    input_tokens: int | None = None,
    output_tokens: int | None = None,
) -> Message:
    """An answer that says `text`.

    `model` is by default the one that was asked for; token counts are by default
    estimated at four bytes a token.
    """
    return Message(text, None, model, stop_reason, input_tokens, output_tokens)


def tool_use(
    name: str,
    input: Mapping[str, object],  # noqa: A002 - the vendor's word
    *,
    id: str | None = None,  # noqa: A002 - the vendor's word
    text: str = "",
    model: str | None = None,
    stop_reason: str = "tool_use",
    input_tokens: int | None = None,
    output_tokens: int | None = None,
) -> Message:
    """An answer that calls the tool `name`, after saying `text` if there is any.

    `id` is by default a hash of the question and the call.

    Raises:
        TypeError: `input` has no JSON form.
    """
    tool = ToolUse(name, base.compact(dict(input)), id)
    return Message(text, tool, model, stop_reason, input_tokens, output_tokens)


def with_text(text: str) -> WithText:
    """The recorded answer of the step, with its text replaced and everything else kept.

    See `WithText` for what it refuses.
    """
    return WithText(text)


def error(
    type: str,  # noqa: A002 - the vendor's word
    message: str,
    status: int | None = None,
    retry_after: float | None = None,
) -> Error:
    """The vendor's error answer, never streamed.

    `status` is by default that of the type (`overloaded_error` is 529; 500 for a type
    not in `STATUS`); `retry_after` is in seconds.
    """
    return Error(type, message, STATUS.get(type, 500) if status is None else status, retry_after)


@frozen
class ToolUse:
    """A call that the model makes; `input` is JSON text."""

    name: str
    input: str = "{}"
    id: str | None = None


@frozen
class Message:
    """A whole assistant message to be; call it with the question."""

    text: str = ""
    tool: ToolUse | None = None
    model: str | None = None
    stop_reason: str = "end_turn"
    input_tokens: int | None = None
    output_tokens: int | None = None

    def __call__(self, asked: base.Asked) -> Response:
        request = base.question(asked)
        call = Call(self.tool.name, self.tool.input, self.tool.id) if self.tool else None
        draft = builders.draft(self, request, call, self.stop_reason)
        headers = (("request-id", draft.ident("req_")),)
        if base.streams(request):
            return base.stream(_events(draft), headers)
        content = [block for block, _ in _blocks(draft)]
        return base.respond({**_frame(draft), "content": content}, headers)


@frozen
class WithText(builders.WithText):
    """The recorded answer with another text.

    The first text block gets the new text and the other text blocks go; where there
    was none, one is put before the first tool call. Id, usage, model, stop reason,
    thinking and tool calls stay. Citations of the old text are dropped. The body
    comes out content-decoded and, if the agent had closed it early after the last
    event, whole.
    """

    def _edit(self, exchange: Exchange) -> Response:
        return replace_text(exchange.response, self.text)


@frozen
class Error(builders.Error):
    """An error answer; `status` is HTTP's, `retry_after` in seconds."""

    id_header: ClassVar = "request-id"

    def _body(self, request_id: str) -> base.Payload:
        error = {"type": self.type, "message": self.message}
        return {"type": "error", "error": error, "request_id": request_id}


def _frame(draft: Draft) -> base.Payload:
    """The message, before it has content."""
    return {
        "id": draft.ident("msg_"),
        "type": "message",
        "role": "assistant",
        "model": draft.model,
        "content": [],
        "stop_reason": draft.stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": draft.input_tokens, "output_tokens": draft.output_tokens},
    }


def _blocks(draft: Draft) -> Iterator[tuple[base.Payload, str]]:
    """Each content block, and the text that its deltas spell."""
    if draft.has_text:
        yield {"type": "text", "text": draft.text}, draft.text
    if call := draft.call:
        tool_id = draft.call_id(draft.ident("toolu_"))
        tool: base.Payload = {"type": "tool_use", "id": tool_id, "name": call.name}
        yield {**tool, "input": base.payload(call.arguments)}, call.arguments


def _events(draft: Draft) -> Iterator[bytes]:
    usage = {"input_tokens": draft.input_tokens, "output_tokens": 1}
    yield event({"type": "message_start", "message": {**_frame(draft), "stop_reason": None, "usage": usage}})
    yield event({"type": "ping"})
    for index, (block, spelled) in enumerate(_blocks(draft)):
        yield from _block_events(index, block, spelled)
    ending = {"stop_reason": draft.stop_reason, "stop_sequence": None}
    yield event({"type": "message_delta", "delta": ending, "usage": {"output_tokens": draft.output_tokens}})
    yield event({"type": "message_stop"})


def _block_events(index: int, block: base.Payload, spelled: str) -> Iterator[bytes]:
    is_text = block["type"] == "text"
    empty = {**block, "text": ""} if is_text else {**block, "input": {}}
    yield event({"type": "content_block_start", "index": index, "content_block": empty})
    for piece in base.pieces(spelled):
        delta = (
            {"type": "text_delta", "text": piece}
            if is_text
            else {"type": "input_json_delta", "partial_json": piece}
        )
        yield event({"type": "content_block_delta", "index": index, "delta": delta})
    yield event({"type": "content_block_stop", "index": index})
