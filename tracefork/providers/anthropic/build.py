"""Answers of Anthropic's Messages API, built without the SDK.

A builder is a frozen value that is called with the question (an Exchange or a bare
Request) and returns the Response: server-sent events, one chunk each, when the
question says `"stream": true`, else one JSON body. Ids are hashes of the question
and the content, so equal questions get equal answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen

from tracefork.core.values import Exchange, Headers, Response

from .. import base
from .edit import edited, event

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
        seed = (request.body, repr(self))
        message = self._message(asked, seed)
        headers = (("request-id", base.ident("req_", *seed)),)
        if base.streams(request):
            return base.streamed(_events(message, self._blocks(seed)), headers)
        content = [block for block, _ in self._blocks(seed)]
        return base.plain({**message, "content": content}, headers)

    def _message(self, asked: base.Asked, seed: tuple[str | bytes, ...]) -> base.Payload:
        request = base.question(asked)
        said = base.size_of(self.text + (self.tool.input if self.tool else ""))
        given, spoken = self.input_tokens, self.output_tokens
        return {
            "id": base.ident("msg_", *seed),
            "type": "message",
            "role": "assistant",
            "model": base.model_of(request) if self.model is None else self.model,
            "content": [],
            "stop_reason": self.stop_reason,
            "stop_sequence": None,
            "usage": {
                "input_tokens": base.estimate(len(request.body)) if given is None else given,
                "output_tokens": base.estimate(said) if spoken is None else spoken,
            },
        }

    def _blocks(self, seed: tuple[str | bytes, ...]) -> Iterator[tuple[base.Payload, str]]:
        """Each content block, and the text that its deltas spell."""
        if self.text or not self.tool:
            yield {"type": "text", "text": self.text}, self.text
        if self.tool:
            tool_id = base.ident("toolu_", *seed) if self.tool.id is None else self.tool.id
            call = base.payload(self.tool.input)
            yield {"type": "tool_use", "id": tool_id, "name": self.tool.name, "input": call}, self.tool.input


@frozen
class WithText:
    """The recorded answer with another text.

    The first text block gets the new text and the other text blocks go; where there
    was none, one is put before the first tool call. Id, usage, model, stop reason,
    thinking and tool calls stay. Citations of the old text are dropped. The body
    comes out content-decoded and, if the agent had closed it early after the last
    event, whole.
    """

    text: str

    def __call__(self, asked: base.Asked) -> Response:
        """Build the answer.

        Raises:
            TypeError: `asked` is a bare Request, which has no recorded answer.
            ValueError: the recorded answer is a fault, an error, or no whole message.
        """
        if not isinstance(asked, Exchange):
            raise TypeError("with_text needs the recorded Exchange, not a bare Request; use text() instead")
        return edited(asked.response, self.text)


@frozen
class Error:
    """An error answer; `status` is HTTP's, `retry_after` in seconds."""

    type: str
    message: str
    status: int
    retry_after: float | None = None

    def __call__(self, asked: base.Asked) -> Response:
        request = base.question(asked)
        request_id = base.ident("req_", request.body, repr(self))
        headers: Headers = (("request-id", request_id),)
        if self.retry_after is not None:
            headers += (("retry-after", f"{self.retry_after:g}"),)
        body: base.Payload = {
            "type": "error",
            "error": {"type": self.type, "message": self.message},
            "request_id": request_id,
        }
        return base.plain(body, headers, status=self.status)


def _events(message: base.Payload, blocks: Iterator[tuple[base.Payload, str]]) -> Iterator[bytes]:
    usage = message["usage"]
    assert isinstance(usage, dict)
    opening = {**message, "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    yield event({"type": "message_start", "message": opening})
    yield event({"type": "ping"})
    for index, (block, spelled) in enumerate(blocks):
        yield from _block_events(index, block, spelled)
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    closing = {"output_tokens": usage["output_tokens"]}
    yield event({"type": "message_delta", "delta": ending, "usage": closing})
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
