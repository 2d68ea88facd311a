"""What a client is told that the run cannot answer: in a form that SDKs read, and do not try again after."""

from __future__ import annotations

import json

from attrs import frozen

from ...core.visible import visible

BAD_REQUEST = 400  # of the statuses from 400 up, one after which no SDK asks again
UPGRADE_REQUIRED = 426


@frozen
class Refusal:
    """A whole answer: its status, headers and body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def refuse(kind: str, sentence: str, status: int = BAD_REQUEST) -> Refusal:
    """Return the refusal that says `sentence`; `kind` is a word for programs, such as the error's class.

    The body is what Anthropic's SDKs look into, what OpenAI's do, and Google's, at once.
    """
    text = visible(sentence)
    error = {"type": "invalid_request_error", "message": text, "code": kind, "param": None, "status": kind}
    body = json.dumps({"type": "error", "error": error}).encode()
    headers = (
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-should-retry", b"false"),
        (b"x-tracefork-error", kind.encode("ascii", "replace")),
    )
    return Refusal(status, headers, body)
