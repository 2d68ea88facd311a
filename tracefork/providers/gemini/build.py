"""Answers of Gemini's generateContent and streamGenerateContent, built without the SDK.

A builder is a frozen value that is called with the question (an Exchange or a bare
Request). The path of its URL says which is asked: `:streamGenerateContent` gets
server-sent events if its query has `alt=sse`, as all SDKs do, else the pieces of a
JSON array. Ids are hashes of the question and the content: no clock is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qs, urlsplit

from attrs import frozen

from tracefork.core.values import Exchange, Request, Response

from .. import base, builders, paths
from ..builders import Call, Draft
from .edit import event, replace_text, write_array

STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""The HTTP status that goes with each of the vendor's error statuses."""


def text(
    text: str,
    *,
    model: str | None = None,
    finish_reason: str = "STOP",
    input_tokens: int | None = None,
    output_tokens: int | None = None,
) -> Message:
    """An answer that says `text`.

    `model` is by default the one that was asked for; token counts are by default
    estimated at four bytes a token.
    """
    return Message(text, None, model, finish_reason, input_tokens, output_tokens)


def tool_use(
    name: str,
    args: Mapping[str, object],
    *,
    id: str | None = None,  # noqa: A002 - the vendor's word
    text: str = "",
    model: str | None = None,
    finish_reason: str = "STOP",
    input_tokens: int | None = None,
    output_tokens: int | None = None,
) -> Message:
    """An answer that calls the function `name`, after saying `text` if there is any.

    `id` is by default a hash of the question and the call; "" is none, as older models have it.

    Raises:
        TypeError: `args` have no JSON form.
    """
    call = FunctionCall(name, base.compact(dict(args)), id)
    return Message(text, call, model, finish_reason, input_tokens, output_tokens)


def with_text(text: str) -> WithText:
    """The recorded answer of the step, with its text replaced and everything else kept.

    See `WithText` for what it refuses.
    """
    return WithText(text)


def error(
    type: str,  # noqa: A002 - as the other vendors' builders have it
    message: str,
    status: int | None = None,
    retry_after: float | None = None,
) -> Error:
    """The vendor's error answer; `type` is what it calls the status, such as "RESOURCE_EXHAUSTED".

    `status` is HTTP's, by default that of the type (500 for a type not in `STATUS`);
    `retry_after` is in seconds.
    """
    return Error(type, message, STATUS.get(type, 500) if status is None else status, retry_after)


@frozen
class FunctionCall:
    """A call that the model makes; `args` is JSON text."""

    name: str
    args: str = "{}"
    id: str | None = None


@frozen
class Message:
    """A whole answer of the model to be; call it with the question."""

    text: str = ""
    call: FunctionCall | None = None
    model: str | None = None
    finish_reason: str = "STOP"
    input_tokens: int | None = None
    output_tokens: int | None = None

    def __call__(self, asked: base.Asked) -> Response:
        """Build the answer.

        Raises:
            ValueError: the URL's path is not Gemini's.
        """
        request = base.question(asked)
        place = _place(request)
        call = Call(self.call.name, self.call.args, self.call.id) if self.call else None
        draft = builders.draft(self, request, call, self.finish_reason, model=place.model)
        frame: base.Payload = {"modelVersion": draft.model, "responseId": draft.ident("")}
        ending: base.Payload = {"usageMetadata": _usage(draft), **frame}
        if not place.streams:
            whole = _candidate(list(_parts(draft)), draft.stop_reason)
            return base.respond({"candidates": [whole], **ending})
        pieces: list[base.Payload] = [
            {"candidates": [_candidate([p], None)], **frame} for p in _pieces(draft)
        ]
        last: base.Payload = {"candidates": [_candidate([], draft.stop_reason)], **ending}
        return _stream(request, [*pieces, last])


@frozen
class WithText(builders.WithText):
    """The recorded answer with another text.

    Of each candidate the first text becomes the new one and the others go; where
    there was none, it is put before the first function call. Ids, usage, model,
    finish reason, thoughts and function calls stay; citations, grounding and log
    probabilities of the old text go. The body comes out content-decoded and whole.
    """

    def _edit(self, exchange: Exchange) -> Response:
        return replace_text(exchange.response, self.text)


@frozen
class Error(builders.Error):
    """An error answer; `status` is HTTP's, `retry_after` in seconds."""

    def __call__(self, asked: base.Asked) -> Response:
        """Build the answer: an array of the one error where a stream in a JSON array was asked for."""
        whole = super().__call__(asked)
        request = base.question(asked)
        place = paths.place(request.url)
        is_array = place is not None and place.streams and not _in_events(request)
        return base.replace_body(whole, write_array([self._body("")])) if is_array else whole

    def _body(self, request_id: str) -> base.Payload:  # noqa: ARG002 - Gemini has none
        error: base.Payload = {"code": self.status, "message": self.message, "status": self.type}
        if self.retry_after is not None:
            error["details"] = [{"@type": _RETRY_INFO, "retryDelay": f"{self.retry_after:g}s"}]
        return {"error": error}


_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def _place(request: Request) -> paths.Place:
    place = paths.place(request.url)
    if place is None or place.api != paths.GEMINI:
        raise ValueError(f"{base.path(request)!r} is no /models/MODEL:generateContent")
    return place


def _in_events(request: Request) -> bool:
    return parse_qs(urlsplit(request.url).query).get("alt") == ["sse"]


def _parts(draft: Draft) -> Iterator[base.Payload]:
    if draft.has_text:
        yield {"text": draft.text}
    if call := draft.call:
        call_id = draft.call_id(base.ident("", *draft.seed, "call"))
        named: base.Payload = {"id": call_id} if call_id else {}
        yield {"functionCall": {**named, "name": call.name, "args": base.payload(call.arguments)}}


def _pieces(draft: Draft) -> Iterator[base.Payload]:
    for part in _parts(draft):
        if "text" in part:
            for piece in base.pieces(draft.text):
                yield {"text": piece}
        else:
            yield part


def _usage(draft: Draft) -> base.Payload:
    return {
        "promptTokenCount": draft.input_tokens,
        "candidatesTokenCount": draft.output_tokens,
        "totalTokenCount": draft.input_tokens + draft.output_tokens,
    }


def _candidate(parts: list[base.Payload], finish_reason: str | None) -> base.Payload:
    ending = {"finishReason": finish_reason} if finish_reason else {}
    return {"content": {"parts": parts, "role": "model"}, **ending, "index": 0}


def _stream(request: Request, chunks: list[base.Payload]) -> Response:
    if _in_events(request):
        return base.stream(map(event, chunks))
    return Response(200, (("content-type", "application/json; charset=UTF-8"),), write_array(chunks))
