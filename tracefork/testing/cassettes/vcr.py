"""Interactions as vcrpy, betamax, Ruby VCR and cassetter write them: a request, a response, and a date.

A body is where and as each of them, in each of its versions, puts it:

* vcrpy: `body`, in a response within `string`; from httpx once `content`, beside `status_code`. Before
  1.0 a URL was in parts, and headers were lines.
* pydantic-ai's serializer for vcrpy: `parsed_body`.
* betamax, Ruby VCR: `body`, with `string` or `base64_string`, and `encoding`.
* cassetter: `body`, with `type` and `content`; in TOML `body_type` and `body_content`.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...core.values import Headers
from .bodies import EMPTY, Body, parse_json, read_body, read_typed_body, write_json
from .headers import read_headers
from .interaction import Interaction, make_request, make_response, read_time
from .shapes import Misfit, expect_table

_KINDS = ("none", "json", "text", "binary")
_PORTS = {"http": 80, "https": 443}


def read_interaction(value: object) -> Interaction:
    """The interaction that is written as `value`.

    Raises:
        Misfit: it is none.
    """
    entry = expect_table(value, "an interaction")
    asked = expect_table(entry.get("request"), "its request")
    answered = expect_table(entry.get("response"), "its response")
    headers = read_headers(asked.get("headers"))
    body = _find_typed_body(asked, headers) if is_typed(entry) else _find_body(asked, headers)
    request = make_request(asked.get("method"), _find_url(asked), headers, body)
    kept_headers = read_headers(answered.get("headers"))
    content = _find_typed_body(answered) if is_typed(entry) else _find_body(answered, kept_headers)
    status, reason = _find_status(answered)
    version = answered.get("http_version", answered.get("proto"))
    response, undone = make_response(request, status, reason, kept_headers, content, version)
    return Interaction(
        request,
        response,
        read_time(entry.get("recorded_at")),
        inexact=(not body.exact) + (not content.exact),
        undone=undone,
    )


def is_typed(entry: Mapping[str, object]) -> bool:
    """True of an interaction of cassetter's, whose status is a bare number and whose bodies have types."""
    match entry.get("response"):
        case {"status": int()}:
            return any(_has_type(entry.get(side)) for side in ("request", "response"))
    return False


def _has_type(message: object) -> bool:
    match message:
        case {"body": {"type": kind}} | {"body_type": kind}:
            return kind in _KINDS
    return False


def _find_body(message: Mapping[str, object], headers: Headers) -> Body:
    if message.get("parsed_body") is not None:
        return write_json(message["parsed_body"], headers)
    if "body" in message:
        return read_body(message["body"], headers)
    return read_body(message["content"], headers) if "content" in message else EMPTY


def _find_typed_body(message: Mapping[str, object], headers: Headers | None = None) -> Body:
    if "body_type" in message:
        kind, content = message["body_type"], message.get("body_content")
        return read_typed_body(kind, parse_json(content) if kind == "json" else content, headers)
    if message.get("body") is None:
        return EMPTY
    table = expect_table(message["body"], "its body")
    return read_typed_body(table.get("type"), table.get("content"), headers)


def _find_url(asked: Mapping[str, object]) -> object:
    for name in ("uri", "url"):
        if name in asked:
            return asked[name]
    match asked:
        case {"protocol": str(scheme), "host": str(host), "path": str(path)}:
            port = asked.get("port")
            is_usual = port is None or port == _PORTS.get(scheme)
            return f"{scheme}://{host}{path}" if is_usual else f"{scheme}://{host}:{port}{path}"
    raise Misfit("its request has no URL")


def _find_status(answered: Mapping[str, object]) -> tuple[object, object]:
    match answered:
        case {"status_code": code}:
            return code, answered.get("reason", answered.get("reason_phrase"))
        case {"status": {"code": code, **others}}:
            return code, others.get("message")
        case {"status": str(line)}:
            return line, line[4:]
        case {"status": code}:
            return code, None
    raise Misfit("its response has no status")
