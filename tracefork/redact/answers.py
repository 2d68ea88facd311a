"""Writes a surrogate in the place of each secret of an answer that is kept and served. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from ..core.content_encoding import decode_body
from ..core.surrogates import BODY, ENCODED, TEXT, decode_chunks, drop_encoding, recut
from ..core.values import Answer, Fault, Headers, Reading, Reply, Request, Response
from .by_name.names import SHORTEST
from .search.known import Known
from .search.spans import PLACES, Spans, list_places, name_of, replace, sort_hits
from .surrogates.vault import Vault
from .texts.amazon_streams import renew_checksums
from .texts.encoded import Unwritable
from .texts.recompressed import encode_pieces

if TYPE_CHECKING:
    from .redactor import Redactor


_ONES = b"\xff" * 8

REMEMBERED = 512
"""Headers without secrets that are remembered, so that they are not looked at in each answer."""


def keep(answer: Answer, redact: Redactor, vault: Vault, asked: Request | None = None) -> Answer:
    """Return `answer` with a surrogate for each secret that `redact` finds; the same if there is none.

    What its place says to be a secret may stand elsewhere in it too: then all of it is looked through again.
    """
    while True:
        known = redact.now
        kept = _keep(answer, redact, known, vault, asked)
        if redact.now is known:
            return kept


def _keep(answer: Answer, redact: Redactor, known: Known, vault: Vault, asked: Request | None) -> Answer:
    match answer:
        case Response():
            return _Keeping(redact, known, vault, asked).response(answer)
        case Fault(kind, message):
            kept = write_text(message, redact.text_spans, TEXT, vault)
            return answer if kept == message else Fault(kind, kept)
        case Reading(text):  # of a variable it begins so; what a clock or a generator gave is no secret
            kept = write_text(text, redact.spans, TEXT, vault) if text.startswith("=") else text
            return answer if kept == text else Reading(kept)
        case Reply(kind, value, of):
            kept = write_text(value, redact.text_spans, TEXT, vault)
            return answer if kept == value else Reply(kind, kept, of)


def write_text(text: str, look: Callable[[bytes], Spans], kind: str, vault: Vault) -> str:
    """Return `text` with surrogates where `look` finds secrets."""
    raw = text.encode("utf-8", "surrogatepass")
    if vault.holds(raw, kind):
        return text
    spans = look(raw)
    return write(raw, spans, kind, vault).decode("utf-8", "surrogatepass") if spans else text


def write(raw: bytes, spans: Spans, kind: str, vault: Vault | None) -> bytes:
    """Return `raw` with surrogates in the place of `spans`, and `[secret:NAME]` where there is no room."""
    try:
        kept = _write(raw, spans, vault)
    except Unwritable:
        return replace(raw, spans)
    if vault is not None:
        vault.keep(kept, kind, list_places(spans))
    return kept


def _write(raw: bytes, spans: Spans, vault: Vault | None) -> bytes:
    text, names = bytearray(raw), {id(span.hit): span.mark for span in spans if span.mark}
    for span in sort_hits(spans):
        if span.hit is None and not span.mark:
            continue  # a checksum, which is made anew
        if span.hit is None or vault is None:
            raise Unwritable
        name = name_of(names.get(id(span.hit), span.mark))
        made = vault.stand_in(name, span.hit.secret, span.hit.place)
        span.hit.write(made, text)
    return bytes(text)


@frozen
class _Keeping:
    """Keeps responses: `redact` finds secrets, `vault` gives what stands for them."""

    redact: Redactor
    known: Known
    vault: Vault
    asked: Request | None = None

    def response(self, response: Response) -> Response:
        end = response.end
        if isinstance(end, Fault):
            end = Fault(end.kind, write_text(end.message, self.redact.text_spans, TEXT, self.vault))
        pairs, chunks = self._headers(response.headers), self._body(response)
        reason = write_text(response.reason, self.redact.spans, TEXT, self.vault)
        if chunks is None:
            kept = evolve(response, headers=pairs, end=end, reason=reason)
            return response if kept == response else kept
        if isinstance(chunks, _Clear):
            pairs, chunks = drop_encoding(pairs), chunks.chunks
        else:
            pairs = _set_length(pairs, sum(map(len, chunks)), response.size)
        version, omitted = response.http_version, response.omitted
        return Response(response.status, pairs, chunks, end, reason, version, omitted)

    def _headers(self, pairs: Headers) -> Headers:
        clean = self.known.clean
        return tuple([(name, self._value(clean, name.lower(), value)) for name, value in pairs])

    def _value(self, clean: dict[tuple[str, str], None], low: str, value: str) -> str:
        """The value of a header as it is kept; those in `clean` tell nothing."""
        if (low, value) in clean:
            return value

        def look(raw: bytes) -> Spans:
            return self._given(self.redact.header_spans(low, raw, SHORTEST, self.known))

        kept = write_text(value, look, low, self.vault)
        if kept is value and not self.vault.holds(value.encode("utf-8", "surrogatepass"), low):
            if len(clean) >= REMEMBERED:
                clean.clear()
            clean[low, value] = None
        return kept

    def _given(self, spans: Spans) -> Spans:
        """`spans` without what is a secret by its place alone, and was in the question too: it is an echo."""
        named = [span for span in spans if span.hit is not None and span.hit.place in PLACES]
        if not named or (question := self.asked) is None:
            return spans
        question_texts = b"\n".join([question.url.encode("utf-8", "surrogatepass"), question.body])
        question_texts += "\n".join([value for _, value in question.headers]).encode("utf-8", "surrogatepass")
        echoes = {
            id(span.hit) for span in named if span.hit is not None and span.hit.secret in question_texts
        }
        return [span for span in spans if id(span.hit) not in echoes]

    def _body(self, response: Response) -> tuple[bytes, ...] | _Clear | None:
        """The chunks with surrogates; None where there is no secret."""
        if not response.size:
            return None
        chunks = response.chunks
        body = b"".join(chunks)
        if self.vault.holds(body, BODY) or self.vault.holds(body, ENCODED):
            return None
        plain = decode_chunks(response)
        clear = body if plain is None else b"".join(plain)
        if not (spans := self._given(self.redact.body_spans(clear, self.known))):
            return None
        try:
            kept = renew_checksums(clear, _write(clear, spans, self.vault))
            if plain is None:
                self.vault.keep(kept, BODY, list_places(spans))
                return _cut(kept, chunks)
            damaged = decode_body(response.headers, chunks) is None
            again = encode_pieces(
                response.headers, _cut(kept, plain), whole=response.end == "eof" and not damaged
            )
            if damaged:
                again = _cut_behind_damage(again, plain, chunks)
            self.vault.keep(b"".join(again), ENCODED, list_places(spans))
        except Unwritable:
            shown = recut(chunks if plain is None else plain, list_places(spans))
            return shown if plain is None else _Clear(shown)
        return again


@frozen
class _Clear:
    """A body that could not be encoded again."""

    chunks: tuple[bytes, ...]


def _cut_behind_damage(
    again: tuple[bytes, ...], plain: tuple[bytes, ...], chunks: tuple[bytes, ...]
) -> tuple[bytes, ...]:
    """`again`, in which nothing decodes behind the last that did: no encoding has a block of ones."""
    last = max(n for n, piece in enumerate(plain) if piece)
    ones = [_ONES * max(1, len(chunk) // len(_ONES)) for chunk in chunks[last + 1 :]]
    return (*again[:last], again[last] + _ONES, *ones)


def _cut(body: bytes, chunks: Sequence[bytes]) -> tuple[bytes, ...]:
    """`body` in pieces as long as `chunks`."""
    return tuple(body[low:high] for low, high in pairwise([0, *accumulate(map(len, chunks))]))


def _set_length(pairs: Headers, size: int, before: int) -> Headers:
    """`pairs`, whose content-length is that of the body, if it was before."""
    return tuple(
        (name, str(size) if name.lower() == "content-length" and value.strip() == str(before) else value)
        for name, value in pairs
    )
