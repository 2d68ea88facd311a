"""Tokens of every kind, and values that are known, planted in every place: how many are found.

Of a token that is known all are, wherever it stands; of those that only look like one at least 99 of 100,
over the whole table: a text drawn from letters and digits may have no digit by chance.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import string
import struct
from collections import Counter
from collections.abc import Callable
from random import Random
from urllib.parse import quote, quote_plus

import pytest
from attrs import evolve, frozen
from tokens import drawn

from tracefork import Fault, Request, Response
from tracefork.core.surrogates import decode_chunks
from tracefork.core.values import Call, Reply
from tracefork.redact import Vault, redactor
from tracefork.redact.by_form.patterns import KINDS
from tracefork.redact.texts.across_events import join_texts

KNOWN = {
    "SHOP_TOKEN": "Zx81-QpLm-7733-aaTT",
    "VAULT_API_KEY": "qK3/xY9+Zp7&mN2vB5==",
    "AZ_API_KEY": "0f3c9a7b5d1e4f60a2b8c6d4e0f1a3b5",
    "DB_PASSWORD": 'correct "horse" <battery> \\ st%ple',
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzQw7Rt5Kp9",
    "FOREIGN_SECRET": "pässwörd-für-ßchlüssel-4711",
}
PLAIN = string.ascii_letters + string.digits
CHANCE = bytes(32)
STRANGER, OWNER = redactor({}), redactor(KNOWN)


@frozen
class Planted:
    """What a redactor is given, and what of it tells the secret: none of that may be left."""

    said: Request | Response | Call | Reply | Fault | str
    telling: tuple[bytes, ...]


def escaped(secret: str) -> str:
    return json.dumps(secret)[1:-1]


def answer(body: bytes, telling: list[str] | str, **headers: str) -> Planted:
    pieces = [telling] if isinstance(telling, str) else telling
    cut = len(body) // 2
    heads = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Planted(Response(200, heads, (body[:cut], body[cut:])), tuple(p.encode() for p in pieces))


def question(body: str, telling: str, kind: str) -> Planted:
    sent = Request("POST", "https://a.example/v1", (("content-type", kind),), body.encode())
    return Planted(sent, (telling.encode(),))


def asked(url: str, telling: str) -> Planted:
    return Planted(Request("GET", url), (telling.encode(),))


def cuts(secret: str, draw: Random) -> list[str]:
    """The secret in pieces, cut wherever chance wants, and what stands before and behind it."""
    at = sorted(draw.sample(range(1, len(secret)), k=min(len(secret) - 1, draw.randint(1, 12))))
    return ["so ", *(secret[low:high] for low, high in zip([0, *at], [*at, None], strict=True)), " it is"]


def tell(pieces: list[str]) -> list[str]:
    """Those of the pieces that are long enough not to stand anywhere by chance."""
    return [escaped(piece) for piece in pieces[1:-1] if len(piece) > 5]


def events(make: Callable[[str], object], end: str, between: str = "") -> Callable[[str, Random], Planted]:
    def planted(secret: str, draw: Random) -> Planted:
        pieces = cuts(secret, draw)
        text = between.join(f"data: {json.dumps(make(piece))}{end}" for piece in pieces)
        return answer(text.encode(), tell(pieces), content_type="text/event-stream")

    return planted


def choices(secret: str, draw: Random) -> Planted:
    pieces, said = cuts(secret, draw), ""
    for n, piece in enumerate(pieces):
        for index, part in ((0, piece), (1, f"other{n}")):
            said += f"data: {json.dumps({'choices': [{'index': index, 'delta': {'content': part}}]})}\n\n"
    return answer(said.encode(), tell(pieces))


def several_lines(secret: str, draw: Random) -> Planted:
    pieces = cuts(secret, draw)
    said = "".join(f'data: {{"text":\ndata: {json.dumps(piece)}}}\n\n' for piece in pieces)
    return answer(said.encode(), tell(pieces))


def message(payload: bytes) -> bytes:
    """A message of one of Amazon's event streams."""
    start = struct.pack(">II", 16 + len(payload), 0)
    start += struct.pack(">I", binascii.crc32(start))
    return start + payload + struct.pack(">I", binascii.crc32(start + payload))


def converse(secret: str, draw: Random) -> Planted:
    pieces = cuts(secret, draw)
    said = b"".join(message(json.dumps({"delta": {"text": piece}}).encode()) for piece in pieces)
    return answer(said, tell(pieces))


def invoked(secret: str, draw: Random) -> Planted:
    pieces, said = cuts(secret, draw), b""
    packed = [base64.b64encode(json.dumps({"delta": {"text": p}}).encode()).decode() for p in pieces]
    for piece in packed:
        said += message(json.dumps({"bytes": piece}).encode())
    long = [text for text, piece in zip(packed[1:-1], pieces[1:-1], strict=True) if len(piece) > 5]
    return answer(said, long)


def lines(secret: str, draw: Random) -> Planted:
    pieces = cuts(secret, draw)
    return answer("".join(json.dumps({"m": {"c": p}}) + "\n" for p in pieces).encode(), tell(pieces))


def array(secret: str, draw: Random) -> Planted:
    pieces = cuts(secret, draw)
    return answer(json.dumps([{"text": piece} for piece in pieces]).encode(), tell(pieces))


def in_base64(before: int, signs: bytes = b"+/", width: int = 0) -> Callable[[str, Random], Planted]:
    def planted(secret: str, draw: Random) -> Planted:
        raw = draw.randbytes(3).hex().encode() + b"?> "[: 1 + before] + secret.encode() + b"\n"
        text = base64.b64encode(raw, signs).decode()
        wrapped = "\n".join(text[n : n + width] for n in range(0, len(text), width)) if width else text
        inner = wrapped[16:-8]
        return answer(json.dumps({"d": wrapped}).encode(), escaped(inner))

    return planted


def each(write: str, *, all_of_it: bool = True) -> Callable[[str, Random], Planted]:
    """Each byte written otherwise, or each that is no letter and no digit."""

    def planted(secret: str, draw: Random) -> Planted:
        if write.startswith("%"):
            parts = [chr(c) if not all_of_it and chr(c) in PLAIN else write % c for c in secret.encode()]
        else:
            parts = [c if not all_of_it and c in PLAIN else write % ord(c) for c in secret]
        return answer(f"<p>{''.join(parts)}</p>".encode(), "".join(parts))

    return planted


def multipart(secret: str, draw: Random) -> Planted:
    head = '--b7\r\ncontent-disposition: form-data; name="k"\r\n\r\n'
    return question(f"{head}{secret}\r\n--b7--\r\n", secret, "multipart/form-data; boundary=b7")


def form(secret: str, draw: Random) -> Planted:
    return question(
        f"a=1&text={quote_plus(secret)}&b=2", quote_plus(secret), "application/x-www-form-urlencoded"
    )


def zipped(secret: str, draw: Random) -> Planted:
    body = gzip.compress(json.dumps({"d": secret}).encode())
    return answer(body, escaped(secret), content_encoding="gzip")


def zipped_twice(secret: str, draw: Random) -> Planted:
    cut = draw.randrange(len(secret))
    body = gzip.compress(b"it is " + secret[:cut].encode()) + gzip.compress(secret[cut:].encode() + b" so")
    return answer(body, secret, content_encoding="gzip")


def header(secret: str, draw: Random) -> Planted:
    said = quote(secret, safe="+/=&") if not secret.isascii() or "\n" in secret else secret
    return Planted(Response(200, (("link", f"<{said}>; rel=next"),), (b"ok",)), (said.encode(),))


def told(secret: str) -> tuple[bytes, ...]:
    return secret.encode(), escaped(secret).encode(), escaped(escaped(secret)).encode()


def chat(piece: str) -> object:
    return {"id": "c-1", "choices": [{"index": 0, "delta": {"content": piece}}]}


PLACES: dict[str, Callable[[str, Random], Planted]] = {
    "JSON value": lambda s, d: answer(json.dumps({"a": [{"b": f"it is {s}"}]}).encode(), escaped(s)),
    "JSON key": lambda s, d: answer(json.dumps({s: 1}).encode(), escaped(s)),
    "JSON in JSON": lambda s, d: answer(
        json.dumps({"arguments": json.dumps({"k": s})}).encode(), escaped(escaped(s))
    ),
    "JSON of letters beyond ASCII": lambda s, d: answer(
        json.dumps({"k": s}, ensure_ascii=False).encode(), json.dumps(s, ensure_ascii=False)[1:-1]
    ),
    "lines of JSON": lines,
    "an array's items": array,
    "events": events(chat, "\n\n"),
    "events with CR": events(chat, "\r\r"),
    "events with CRLF": events(chat, "\r\n\r\n"),
    "events with comments": events(chat, "\n\n", ": ping\n\n"),
    "events with names": events(lambda p: {"type": "delta", "delta": {"text": p}}, "\n\n", "event: delta\n"),
    "data on several lines": several_lines,
    "choices in turn": choices,
    "Converse": converse,
    "Bedrock": invoked,
    "multipart": multipart,
    "a form": form,
    "a URL's path": lambda s, d: asked(
        f"https://a.example/{quote(s, safe='+=&~@:')}", quote(s, safe="+=&~@:")
    ),
    "a URL's parameter": lambda s, d: asked(
        f"https://a.example/?q={quote(s, safe='')}&n=1", quote(s, safe="")
    ),
    "a URL's fragment": lambda s, d: asked(f"https://a.example/#a={quote(s)}", quote(s)),
    "a header": header,
    "gzip": zipped,
    "members of gzip": zipped_twice,
    "base64": in_base64(0),
    "base64, one on": in_base64(1),
    "base64, two on": in_base64(2),
    "base64 of URLs": in_base64(0, b"-_"),
    "base64 of URLs, one on": in_base64(1, b"-_"),
    "base64 of URLs, two on": in_base64(2, b"-_"),
    "lines of base64": in_base64(0, width=76),
    "lines of base64, one on": in_base64(1, width=76),
    "\\u of all": each("\\u%04x"),
    "\\u of signs": each("\\u%04X", all_of_it=False),
    "percents of all": each("%%%02X"),
    "percents in lower case": each("%%%02x", all_of_it=False),
    "entities": each("&#%d;"),
    "entities of signs": each("&#x%x;", all_of_it=False),
    "a tool's argument": lambda s, d: Planted(Call("send", json.dumps([{"to": s}])), told(s)),
    "a tool's reply": lambda s, d: Planted(Reply("returned", json.dumps({"key": s})), told(s)),
    "an exception": lambda s, d: Planted(Fault("ReadError", f"no answer for {s}: closed"), told(s)),
    "meta": lambda s, d: Planted(f"tracefork run agent --key {s}", told(s)),
}


def bytes_of(said) -> bytes:
    """All that is said, in bytes."""
    match said:
        case Request():
            return b"\n".join([said.url.encode(), repr(said.headers).encode(), said.body])
        case Call():
            return said.arguments.encode()
        case Response():
            body = b"".join(decode_chunks(said) or said.chunks)
            return b"\n".join([*(value.encode() for _, value in said.headers), body])
        case Reply():
            return said.value.encode()
        case Fault():
            return said.message.encode()
    return said.encode()


def forms_of(redact, said):
    """What is shown of what was said, and of an answer what is kept and served."""
    if isinstance(said, Request | Call):
        yield redact.question(said)
    elif isinstance(said, str):
        yield redact.text(said)
    else:
        yield redact.answer(said)
        yield evolve(redact, vault=Vault(CHANCE)).keep(said)


def is_found(redact, planted: Planted, secret: str) -> bool:
    """True if nothing of the secret is left, in one piece or put together, in any form."""
    before = bytes_of(planted.said)
    for made in forms_of(redact, planted.said):
        left = bytes_of(made)
        beside = re.sub(rb"\[secret:[^\]]+\]", b"", left)
        together = any(secret.encode() in view.data for view in join_texts(left))
        telling = b"[secret:" in left and any(piece in beside for piece in planted.telling)
        if left == before or together or telling:  # a surrogate keeps what issuers begin with
            return False
    return True


def counted(redact, secrets, places, draw):
    """How many there were, and where how many were not found."""
    misses, total = Counter[tuple[str, str]](), 0
    for name, secret in secrets:
        for place in places():
            total += 1
            misses[name, place] += not is_found(redact, PLACES[place](secret, draw), secret)
    return total, +misses


def drawn_of_each_kind(draw, times=1):
    for kind in KINDS:
        for _ in range(times):
            yield f"{kind.name} {kind.prefix.decode()}", drawn(kind, draw)


def told_of(total, misses):
    share = 1 - misses.total() / total
    print(f"\n{share:.3%} of {total} found; missed: {dict(misses.most_common(40))}")
    return share


def test_there_are_75_kinds_and_20_places():
    assert len({kind.name for kind in KINDS}) >= 75
    assert len(PLACES) >= 20


@pytest.mark.parametrize("place", PLACES)
def test_a_known_value_is_found_in_every_place(place):
    draw = Random(place)
    for _ in range(5):
        total, misses = counted(OWNER, KNOWN.items(), lambda: [place], draw)
        assert not misses, (total, misses)


@pytest.mark.slow
def test_of_a_sample_of_tokens_in_places_99_of_100_are_found():
    draw = Random(11)
    total, misses = counted(
        STRANGER, drawn_of_each_kind(draw), lambda: draw.sample(sorted(PLACES), k=6), draw
    )
    assert told_of(total, misses) >= 0.99


@pytest.mark.slow
def test_of_tokens_of_every_kind_in_every_place_99_of_100_are_found():
    draw = Random(12)
    total, misses = counted(STRANGER, drawn_of_each_kind(draw, times=5), lambda: PLACES, draw)

    kinds, places = Counter[str](), Counter[str]()
    for (kind, place), number in misses.items():
        kinds[kind] += number
        places[place] += number

    assert total > 75 * 20 * 5
    assert told_of(total, misses) >= 0.99
    assert all(number <= 0.1 * 5 * len(PLACES) for number in kinds.values()), kinds
    assert all(number <= 0.02 * total / len(PLACES) for number in places.values()), places
