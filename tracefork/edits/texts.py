"""The edit of texts, wherever in a request's body they stand: `Replace`. Pure."""

from __future__ import annotations

from typing import ClassVar

from attrs import Attribute, field, frozen

from ..core.json_text import read_document
from ..core.matching import find_boundary
from ..core.trees import abridge
from ..core.values import Request
from ..errors import EditRefused
from .base import WHOLE, Attempt, Edit
from .bodies import Text, Unreadable, read_json, read_kind, read_plain, with_body


def _check(_: Edit, attribute: Attribute[str], text: object) -> None:
    if not isinstance(text, str) or not (text or attribute.name == "by"):
        raise ValueError(f"{attribute.name} is the text that is wanted, not {text!r}")


@frozen
class Replace(Edit):
    """`by` stands for `text` in all texts: strings of JSON but no keys, plain text, text parts of a form."""

    text: str = field(validator=_check)
    by: str = field(validator=_check)

    missing: ClassVar[str] = "the text is nowhere"

    def change(self, request: Request) -> Request:
        return self.attempt(request).request

    def attempt(self, request: Request) -> Attempt:
        try:
            body = self._edit(request)
        except Unreadable as exc:
            raise EditRefused(str(self), request.url, str(exc)) from exc
        if body is None:
            return Attempt(request)
        return Attempt(with_body(request, body) if body != request.body else request, WHOLE)

    def _edit(self, request: Request) -> bytes | None:
        """The body as edited; None where the text is not in it."""
        if boundary := find_boundary(request.headers):
            return self._edit_parts(request.body, boundary)
        if (opened := read_json(request)) is not None:
            document, text = opened
            changed = document.replace(self.text, self.by)
            if changed is document:
                return None
            return Text(changed.text, text.encoding).encode()
        plain = read_plain(request)
        if plain is None:
            return None
        made = self._edit_text(plain.text, by_lines="ndjson" in read_kind(request.headers))
        return None if made is None else Text(made, plain.encoding).encode()

    def _edit_text(self, text: str, *, by_lines: bool) -> str | None:
        """A plain text as edited; one with a JSON document a line has no keys edited either."""
        if not by_lines:
            return text.replace(self.text, self.by) if self.text in text else None
        lines = text.split("\n")
        read = [read_document(line) for line in lines]
        made = [
            line if document is None else document.replace(self.text, self.by).text
            for line, document in zip(lines, read, strict=True)
        ]
        return "\n".join(made) if made != lines else None

    def _edit_parts(self, body: bytes, boundary: bytes) -> bytes | None:
        """A multipart body with the text parts of it edited."""
        first, *parts = body.split(boundary)
        made = [self._edit_part(part) for part in parts]
        return boundary.join([first, *made]) if made != parts else None

    def _edit_part(self, part: bytes) -> bytes:
        head, blank, content = part.partition(b"\r\n\r\n")
        lines = [line.partition(b":") for line in head.split(b"\r\n")]
        pairs = tuple((n.decode("latin-1").strip(), v.decode("latin-1").strip()) for n, _, v in lines)
        kind = read_kind(pairs)
        is_text = kind.startswith("text/") or "json" in kind or (not kind and b"filename" not in head)
        if not blank or not is_text:
            return part
        inner = Request("POST", "", pairs[1:], content)
        edited = self._edit(inner)
        return part if edited is None else head + blank + edited

    def __str__(self) -> str:
        return f"{abridge(self.by)} stands for {abridge(self.text)}"
