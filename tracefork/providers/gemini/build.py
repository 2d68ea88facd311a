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

from tracefork.core.values import Exchange, Headers, Request, Response

from .. import base, paths
from .edit import arrayed, edited, event

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
        seed = (request.body, repr(self))
        frame: base.Payload = {
            "modelVersion": place.model if self.model is None else self.model,
            "responseId": base.ident("", *seed),
        }
        if not place.streams:
            whole = _candidate(list(self._parts(seed)), self.finish_reason)
            return base.plain({"candidates": [whole], "usageMetadata": self._usage(request), **frame})
        pieces: list[base.Payload] = [
            {"candidates": [_candidate([part], None)]} for part in self._pieces(seed)
        ]
        last: base.Payload = {
            "candidates": [_candidate([], self.finish_reason)],
            "usageMetadata": self._usage(request),
        }
        return _streamed(request, [{**chunk, **frame} for chunk in (*pieces, last)])

    def _parts(self, seed: tuple[str | bytes, ...]) -> Iterator[base.Payload]:
        if self.text or not self.call:
            yield {"text": self.text}
        if self.call:
            call_id = base.ident("", *seed, "call") if self.call.id is None else self.call.id
            args = base.payload(self.call.args)
            named: base.Payload = {"id": call_id} if call_id else {}
            yield {"functionCall": {**named, "name": self.call.name, "args": args}}

    def _pieces(self, seed: tuple[str | bytes, ...]) -> Iterator[base.Payload]:
        for part in self._parts(seed):
            if "text" in part:
                for piece in base.pieces(self.text):
                    yield {"text": piece}
            else:
                yield part

    def _usage(self, request: Request) -> base.Payload:
        said = base.size_of(self.text + (self.call.args if self.call else ""))
        asked = base.estimate(len(request.body)) if self.input_tokens is None else self.input_tokens
        spoken = base.estimate(said) if self.output_tokens is None else self.output_tokens
        return {
            "promptTokenCount": asked,
            "candidatesTokenCount": spoken,
            "totalTokenCount": asked + spoken,
        }


@frozen
class WithText:
    """The recorded answer with another text.

    Of each candidate the first text becomes the new one and the others go; where
    there was none, it is put before the first function call. Ids, usage, model,
    finish reason, thoughts and function calls stay; citations, grounding and log
    probabilities of the old text go. The body comes out content-decoded and whole.
    """

    text: str

    def __call__(self, asked: base.Asked) -> Response:
        """Build the answer.

        Raises:
            TypeError: `asked` is a bare Request, which has no recorded answer.
            ValueError: the recorded answer is a fault, an error, or no whole answer of a model.
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
        said: base.Payload = {"code": self.status, "message": self.message, "status": self.type}
        headers: Headers = ()
        if self.retry_after is not None:
            headers = (("retry-after", f"{self.retry_after:g}"),)
            wait = {"@type": _RETRY_INFO, "retryDelay": f"{self.retry_after:g}s"}
            said["details"] = [wait]
        whole = base.plain({"error": said}, headers, status=self.status)
        place = paths.place(request.url)
        listed = place is not None and place.streams and not _in_events(request)
        chunks = arrayed([{"error": said}])
        return base.replaced(whole, chunks) if listed else whole


_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"


def _place(request: Request) -> paths.Place:
    place = paths.place(request.url)
    if place is None or place.api != paths.GEMINI:
        raise ValueError(f"{base.path(request)!r} is no /models/MODEL:generateContent")
    return place


def _in_events(request: Request) -> bool:
    return parse_qs(urlsplit(request.url).query).get("alt") == ["sse"]


def _candidate(parts: list[base.Payload], finish_reason: str | None) -> base.Payload:
    ending = {"finishReason": finish_reason} if finish_reason else {}
    return {"content": {"parts": parts, "role": "model"}, **ending, "index": 0}


def _streamed(request: Request, chunks: list[base.Payload]) -> Response:
    if _in_events(request):
        return base.streamed(map(event, chunks))
    return Response(200, (("content-type", "application/json; charset=UTF-8"),), arrayed(chunks))
