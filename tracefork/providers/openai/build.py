"""Answers of OpenAI's chat completions and Responses APIs, and of those who speak them.

A builder is a frozen value that is called with the question (an Exchange or a bare
Request). The path of its URL, `.../chat/completions` or `.../responses`, says which
API; `"stream": true` in its body asks for server-sent events, one chunk each. Ids
are hashes of the question and the content, and `created` is 0: no clock is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from attrs import frozen

from tracefork.core.values import Exchange, Request, Response

from .. import base, builders
from ..builders import Call
from . import chat, responses
from .edit import replace_text

STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "tokens": 429,
    "requests": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "server_error": 500,
    "service_unavailable": 503,
}
"""The HTTP status that goes with each of the vendor's error types."""


def text(
    text: str,
    *,
    model: str | None = None,
    finish_reason: str = "stop",
    input_tokens: int | None = None,
    output_tokens: int | None = None,
) -> Message:
    """An answer that says `text`.

    `model` is by default the one that was asked for; token counts are by default
    estimated at four bytes a token. The finish reason "length" makes a response of
    the Responses API incomplete.
    """
    return Message(text, None, model, finish_reason, input_tokens, output_tokens)


def tool_call(
    name: str,
    arguments: Mapping[str, object],
    *,
    id: str | None = None,  # noqa: A002 - the vendor's word
    text: str = "",
    model: str | None = None,
    finish_reason: str = "tool_calls",
    input_tokens: int | None = None,
    output_tokens: int | None = None,
) -> Message:
    """An answer that calls the function `name`, after saying `text` if there is any.

    `id` (the `call_id` of the Responses API) is by default a hash of the question and the call.

    Raises:
        TypeError: `arguments` have no JSON form.
    """
    call = ToolCall(name, base.compact(dict(arguments)), id)
    return Message(text, call, model, finish_reason, input_tokens, output_tokens)


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
    *,
    code: str | None = None,
) -> Error:
    """The vendor's error answer, never streamed.

    `status` is by default that of the type (500 for a type not in `STATUS`);
    `retry_after` is in seconds.
    """
    return Error(type, message, STATUS.get(type, 500) if status is None else status, retry_after, code)


@frozen
class ToolCall:
    """A call that the model makes; `arguments` is JSON text."""

    name: str
    arguments: str = "{}"
    id: str | None = None


@frozen
class Message:
    """A whole assistant message to be; call it with the question."""

    text: str = ""
    call: ToolCall | None = None
    model: str | None = None
    finish_reason: str = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None

    def __call__(self, asked: base.Asked) -> Response:
        """Build the answer.

        Raises:
            ValueError: the URL's path belongs to neither API.
        """
        request = base.question(asked)
        call = Call(self.call.name, self.call.arguments, self.call.id) if self.call else None
        draft = builders.draft(self, request, call, self.finish_reason)
        headers = (("x-request-id", draft.ident("req_")),)
        streamed, in_chat = base.streams(request), is_chat(request)
        if not streamed:
            return base.respond(chat.completion(draft) if in_chat else responses.response(draft), headers)
        if not in_chat:
            return base.stream(responses.events(draft), headers)
        options = base.payload(request.body).get("stream_options")
        usage = isinstance(options, dict) and options.get("include_usage") is True
        return base.stream(chat.events(draft, usage=usage), headers)


@frozen
class WithText(builders.WithText):
    """The recorded answer with another text.

    The first text (of each choice, in chat) becomes the new one and any further text
    empty; where there was none, it is put first. Ids, usage, model, finish reason,
    reasoning and tool calls stay; annotations and log probabilities of the old text
    go. The body comes out content-decoded and whole.
    """

    def _edit(self, exchange: Exchange) -> Response:
        return replace_text(exchange.response, self.text, in_chat=is_chat(exchange.request))


@frozen
class Error(builders.Error):
    """An error answer; `status` is HTTP's, `retry_after` in seconds."""

    id_header: ClassVar = "x-request-id"

    code: str | None = None

    def _body(self, request_id: str) -> base.Payload:  # noqa: ARG002 - OpenAI has it in a header alone
        return {"error": {"message": self.message, "type": self.type, "param": None, "code": self.code}}


def is_chat(request: Request) -> bool:
    """True for chat completions, False for the Responses API.

    Raises:
        ValueError: it is neither.
    """
    path = base.path(request)
    if path.endswith("/chat/completions"):
        return True
    if path.endswith("/responses"):
        return False
    raise ValueError(f"{path!r} is neither /chat/completions nor /responses")
