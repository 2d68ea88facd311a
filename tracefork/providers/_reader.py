"""Reads one vendor's API: what all share, around three functions of the vendor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from attrs import frozen

from ..core.values import Request, Response
from . import _json, _multipart, base, bedrock, paths, sse
from .messages import Completion, Failure, Message, Prompt, Tool

Elements: TypeAlias = "Callable[[str, object], tuple[Message | Tool, ...]]"
"""What one element of a list of the request's, given the list's key, holds."""

Whole: TypeAlias = "Callable[[base.Payload, bool], Completion | None]"
"""An answer in one piece, and whether it is complete."""

Assembled: TypeAlias = "Callable[[Iterable[base.Payload], bool], tuple[base.Payload, bool]]"
"""The events of a stream, and whether it said `[DONE]`: the same in one piece, and whether it is complete."""

Plain: TypeAlias = "Callable[[str, bytes], Completion | None]"
"""An answer that is no JSON, by its content type: sound, or a bare text."""

_DONE = "[DONE]"
_REFUSED = 400  # HTTP statuses from here on are of errors
_WORDS = ("message", "Message", "detail", "title", "error_description")


@frozen
class Reader:
    """An `Api` (see `read`), made of three functions of its vendor's.

    `in_lines` says that a stream is a JSON object a line, `streams_by_default` that a question asks for one
    where it does not say so. `plain` reads what is no JSON. `parse` is cheaper where no digit counts.
    """

    name: str
    lists: tuple[str, ...]
    _elements: Elements
    _whole: Whole
    _assembled: Assembled
    in_lines: bool = False
    streams_by_default: bool = False
    plain: Plain | None = None
    parse: Callable[[bytes], object] = _json.parse

    def elements(self, key: str, value: object) -> tuple[Message | Tool, ...]:
        try:
            return self._elements(key, value) if key in self.lists else ()
        except RecursionError:
            return ()

    def element(self, key: str, value: object) -> Message | Tool | None:
        found = self.elements(key, value)
        return found[0] if len(found) == 1 else None

    def prompt(self, request: Request) -> Prompt | None:
        raw = _decode(request)
        body = _json.parse(raw) if raw[:2] != b"--" else _read_form(request, raw)
        if not isinstance(body, dict) or not any(key in body for key in self.lists):
            return None
        elements = [
            element
            for key in self.lists
            if (value := body.get(key)) is not None
            for entry in (value if isinstance(value, list) else [value])
            for element in self.elements(key, entry)
        ]
        return Prompt(
            self.name,
            _json.string(body, "model") or paths.find_model(request.url),
            tuple(element for element in elements if isinstance(element, Message)),
            tuple(element for element in elements if isinstance(element, Tool)),
            body.get("stream", self.streams_by_default) in (True, "true") or paths.asks_stream(request.url),
        )

    def completion(self, response: Response) -> Completion | None:
        body = _decode(response)
        if response.status >= _REFUSED and (found := self._refusal(response, body)) is not None:
            return found
        if self.plain is not None and body and not base.is_stream(response, body):
            media_type = base.header(response.headers, "content-type")
            if "json" not in media_type if media_type else body.lstrip()[:1] not in b"{[":
                return self.plain(media_type, body)
        try:
            match body.lstrip()[:1]:
                case b"":
                    return None
                case b"{":
                    whole = self.parse(body)
                    if self.in_lines and not isinstance(whole, dict):
                        return self._assemble(map(_json.parse, body.splitlines()), done=False)
                    return self._whole(whole, True) if isinstance(whole, dict) else None  # noqa: FBT003
                case b"[":
                    return self._assemble(_json.read_list(body), done=False)
                case _:
                    return self._events(response, body)
        except RecursionError:
            return None

    def _refusal(self, response: Response, body: bytes) -> Completion | None:
        """What hosts say where a request never came to the API: a message that is no answer of its form."""
        refused = _json.parse(body) if body.lstrip()[:1] == b"{" else None
        if not isinstance(refused, dict) or refused.get("error"):
            return None
        words = next((word for key in _WORDS if (word := _spell(refused.get(key)))), "")
        kind = base.header(response.headers, "x-amzn-errortype").partition(":")[0]
        kind = kind or _json.string(refused, "type", "code", "__type")
        return Completion(self.name, failure=Failure(_json.clean(kind), words)) if words else None

    def _events(self, response: Response, body: bytes) -> Completion | None:
        if bedrock.is_stream(response):
            return self._assemble(bedrock.payloads(body), done=False)
        data = sse.list_data(body)
        values = _json.parse_all([one for one in data if one != _DONE])
        return self._assemble(values, done=_DONE in data)

    def _assemble(self, values: Iterable[object], *, done: bool) -> Completion | None:
        return self._whole(*self._assembled((value for value in values if isinstance(value, dict)), done))


def _spell(value: object) -> str:
    return _json.clean(value) if isinstance(value, str) else _json.write(value) if value else ""


def _read_form(request: Request, body: bytes) -> base.Payload:
    return _multipart.read_form(base.header(request.headers, "content-type"), body)


def _decode(message: Request | Response) -> bytes:
    """Return the body without its content-encoding; empty if it cannot be decoded."""
    try:
        return base.decode_body(message)
    except ValueError:
        return b""
