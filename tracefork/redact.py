"""Secrets out of questions and answers, at one seam, before anything keeps them. Pure.

What is kept, matched and digested is the redacted form; the live application
sees the true bytes. A header's name is always kept, its value only where the
header is on an allow-list; the values of the process's `*_API_KEY`, `*_TOKEN`
and `*_SECRET` variables are replaced wherever they stand, also spread over the
events of a stream. A placeholder names the kind and never the value:
`[secret:OPENAI_API_KEY]`, `[secret:x-api-key]`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from itertools import accumulate
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import quote, quote_plus

from attrs import evolve, field, frozen

from .codec.content import decoded, is_encoded
from .codec.spread import spread
from .core.values import (
    Answer,
    Call,
    Fault,
    Headers,
    Outcome,
    Question,
    Reading,
    Reply,
    Request,
    Response,
    Source,
)
from .errors import RedactedSecret

KEPT = frozenset(
    """
    accept accept-charset accept-encoding accept-language accept-ranges age allow
    cache-control cf-cache-status cf-ray connection date etag expect expires host keep-alive
    idempotency-key last-modified link location mcp-protocol-version origin pragma range referer
    request-id retry-after retry-after-ms server te trailer transfer-encoding upgrade user-agent
    vary via www-authenticate x-amz-crc32 x-amz-id-2 x-amz-request-id x-amzn-errortype x-amzn-requestid
    x-request-id x-should-retry apim-request-id
    """.split()
)
"""Headers, in lower case, whose values are kept; so are those that start with one of KEPT_PREFIXES."""

KEPT_PREFIXES = (
    "content-", "anthropic-", "openai-", "x-ratelimit-", "x-stainless-", "access-control-",
    "x-amzn-bedrock-", "x-amz-checksum-",
)  # fmt: skip

SECRET_NAME = re.compile(r".*(_API_KEY|_TOKEN|_SECRET)$")
SHORTEST = 6
"""Values of fewer characters are no secrets: replacing `"test"` everywhere would ruin the tape."""

REMEMBERED = 512
"""Headers whose kept form is remembered, so that it is not made anew for each question."""

_PLACEHOLDER = re.compile(rb"\[secret:([^\[\]\s\"\\]{1,100})\]")
_TELLING = re.compile(r"key|token(?!s\b|-count)|secret|auth|session|cookie|password|credential")
_USERINFO = re.compile(r"(?<=://)[^/?#@\s]+@")

REDACTED = "x-tracefork-redacted"
"""The header that marks a stored body whose bytes are not those of the wire."""

T = TypeVar("T", str, bytes)


def _frozen(known: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(known))


@frozen
class Redactor:
    """What to take out. `known` maps the name of a secret to its value.

    Make one with `redactor`. Every method is a function of its arguments, and
    redacting twice is the same as redacting once.
    """

    known: Mapping[str, str] = field(factory=dict, converter=_frozen, repr=lambda k: f"<{len(k)} values>")
    keep_headers: frozenset[str] = KEPT
    _seen: dict[tuple[str, str], str] = field(factory=dict, init=False, eq=False, repr=False)

    def question(self, question: Question) -> Question:
        """Return `question` as it may be kept."""
        match question:
            case Request():
                return self._request(question)
            case Call(name, arguments):
                return Call(self._clean(name), self._clean(arguments))
            case Source():
                return question

    def answer(self, answer: Answer) -> Answer:
        """Return `answer` as it may be kept."""
        match answer:
            case Response():
                return self._response(answer)
            case Fault(kind, message):
                return Fault(kind, self.text(message))
            case Reading(text):
                return Reading(self._clean(text))
            case Reply(kind, value, of):
                return Reply(kind, self._clean(value), of)

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return `outcome` with secrets out of its message."""
        return evolve(outcome, message=self.text(outcome.message))

    def reading(self, source: Source, reading: Reading) -> Reading:
        """Return `reading` as it may be kept: of a variable that is named as a secret, its name."""
        if source.kind == "env" and reading.text and is_secret(source.name):
            return Reading(f"=[secret:{source.name}]")
        return Reading(self._clean(reading.text))

    def text(self, text: str) -> str:
        """Return `text` without known secrets and without `user:password@` in its URLs."""
        return self._clean(_USERINFO.sub("[secret:userinfo]@", text) if "@" in text else text)

    def refilled(self, request: Request) -> Request:
        """Return `request` with the placeholders of known secrets replaced by their values.

        For a request that is about to leave: a recorded answer may have handed
        the agent a placeholder.

        Raises:
            RedactedSecret: a placeholder's secret is not known to this process.
        """
        headers = tuple(
            (n, self._fill(v.encode("latin-1"), request).decode("latin-1")) for n, v in request.headers
        )
        url = self._fill(request.url.encode(), request).decode()
        return evolve(request, url=url, headers=headers, body=self._fill(request.body, request))

    def restored(self, text: str, environ: Mapping[str, str]) -> str:
        """Return `text` with placeholders replaced where `environ` or this has their secret, others left."""
        if "[secret:" in text:
            for name, value in {**environ, **self.known}.items():
                text = text.replace(f"[secret:{name}]", value)
        return text

    @cached_property
    def replacements(self) -> Mapping[bytes, bytes]:
        """The placeholder for each form of each known secret."""
        forms = ((form.encode(), name) for name, value in self._longest_first() for form in _forms(value))
        return MappingProxyType({form: b"[secret:%s]" % name.encode() for form, name in forms})

    def _fill(self, data: bytes, request: Request) -> bytes:
        def value(found: re.Match[bytes]) -> bytes:
            name = found[1].decode("utf-8", "replace")
            if name not in self.known:
                raise RedactedSecret(found[0].decode("utf-8", "replace"), request.url)
            return self.known[name].encode()

        return _PLACEHOLDER.sub(value, data) if b"[secret:" in data else data

    def _clean(self, data: T) -> T:
        if not self.known:
            return data
        for name, value in self._longest_first():
            for form in _forms(value):
                if isinstance(data, bytes):
                    data = data.replace(form.encode(), b"[secret:%s]" % name.encode())
                else:
                    data = data.replace(form, f"[secret:{name}]")
        return data

    def _longest_first(self) -> list[tuple[str, str]]:
        return sorted(self.known.items(), key=lambda pair: (-len(pair[1]), pair[0]))

    def _headers(self, headers: Headers) -> Headers:
        return tuple([(pair[0], self._seen.get(pair) or self._remembered(pair)) for pair in headers])

    def _remembered(self, pair: tuple[str, str]) -> str:
        """The value of `pair` as it may be kept; most headers come again and again."""
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        value = self._seen[pair] = self._value(*pair)
        return value

    def _value(self, name: str, value: str) -> str:
        low = name.lower()
        if low in self.keep_headers or low == REDACTED:
            return self.text(value)
        if low.startswith(KEPT_PREFIXES) and not _TELLING.search(low):
            return self.text(value)
        cleaned = self._clean(value)
        scheme, _, rest = cleaned.rpartition(" ")
        if _PLACEHOLDER.fullmatch(rest.encode()) and scheme.lower() in ("", "bearer", "basic", "token"):
            return cleaned
        return f"[secret:{low}]"

    def _request(self, request: Request) -> Request:
        headers, url = self._headers(request.headers), self.text(request.url)
        if not self.known and headers == request.headers and url == request.url:
            return request
        method, body = self._clean(request.method), self._clean(request.body)
        return Request(method, url, headers, body, request.omitted)

    def _response(self, response: Response) -> Response:
        end = response.end
        if isinstance(end, Fault):
            end = Fault(end.kind, self.text(end.message))
        headers, reason = self._headers(response.headers), self._clean(response.reason)
        if not self.known and headers == response.headers and end == response.end:
            return response
        whole = response.chunks, end, reason, response.http_version, response.omitted
        clean = Response(response.status, headers, *whole)
        if not self.known:
            return clean
        plain = decoded(response.headers, response.chunks) if is_encoded(response.headers) else None
        chunks = None if plain is None else self._recut(plain)
        if chunks is None:  # a body that does not decode may still show one
            chunks = self._recut(response.chunks)
            return clean if chunks is None else evolve(clean, chunks=chunks)
        kept = tuple((n, v) for n, v in headers if n.lower() not in ("content-encoding", "content-length"))
        return evolve(clean, headers=(*kept, (REDACTED, "body stored decoded")), chunks=chunks)

    def _recut(self, chunks: tuple[bytes, ...]) -> tuple[bytes, ...] | None:
        """`chunks` without secrets, cut where they were cut; None where there is none.

        A cut that fell inside a secret moves behind its placeholder.
        """
        body = b"".join(chunks)
        found = self._found(body)
        if not found:
            return None
        out, cuts, at = [], list(accumulate(map(len, chunks))), 0
        done, moved = 0, 0
        ends = []
        for start, stop, mark in found:
            out += [body[at:start], mark]
            while done < len(cuts) and cuts[done] <= stop:
                inside = cuts[done] > start
                ends.append((start + len(mark) if inside else cuts[done]) + moved)
                done += 1
            moved += len(mark) - (stop - start)
            at = stop
        ends += [cut + moved for cut in cuts[done:]]
        whole = b"".join([*out, body[at:]])
        return tuple(whole[low:high] for low, high in zip([0, *ends], ends, strict=False))

    def _found(self, body: bytes) -> list[tuple[int, int, bytes]]:
        """Where secrets stand: (start, stop, placeholder), in order, apart from each other."""
        found = list[tuple[int, int, bytes]]()
        for name, value in self._longest_first():
            for form in map(str.encode, _forms(value)):
                at = body.find(form)
                while at >= 0:
                    stop = at + len(form)
                    if all(stop <= s or e <= at for s, e, _ in found):
                        found.append((at, stop, b"[secret:%s]" % name.encode()))
                    at = body.find(form, stop)
                for parts in spread(body, form):
                    if all(stop <= s or e <= start for start, stop in parts for s, e, _ in found):
                        marks = (b"[secret:%s]" % name.encode(), *[b""] * (len(parts) - 1))
                        found += [(*part, mark) for part, mark in zip(parts, marks, strict=True)]
        return sorted(found)


def redactor(environ: Mapping[str, str], *, known: Iterable[tuple[str, str]] = ()) -> Redactor:
    """Return the default redactor for a process with the variables `environ`.

    Args:
        environ: where the values of `*_API_KEY`, `*_TOKEN` and `*_SECRET` are looked up.
        known: further secrets as (name, value); they add to those found.
    """
    found = {name: value for name, value in environ.items() if is_secret(name)}
    found |= dict(known)
    long = {name: value for name, value in found.items() if len(value) >= SHORTEST}
    return Redactor({name: value for name, value in long.items() if value not in "[secret:"})


def ambient(environ: Mapping[str, str]) -> Callable[[], Redactor]:
    """Return a function that gives the redactor for `environ` as it is when called.

    A variable that is set within the run, by an agent that reads a file of them, is
    a secret from then on.
    """
    raw = getattr(environ, "_data", environ)  # os.environ decodes each value anew; this is asked often
    seen = dict(raw)
    made = redactor(environ)

    def now() -> Redactor:
        nonlocal seen, made
        if seen != raw:
            seen = dict(raw)
            made = redactor(environ)
        return made

    return now


def is_secret(name: str) -> bool:
    """True if a variable of this name holds a secret."""
    return bool(SECRET_NAME.fullmatch(name.upper()))


@lru_cache(maxsize=256)
def _forms(value: str) -> tuple[str, ...]:
    """The ways in which `value` stands in text: as it is, in JSON, and in a URL."""
    escaped = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    slashed = (form.replace("/", "\\/") for form in escaped)
    return tuple(
        dict.fromkeys((value, *escaped, *slashed, quote(value, safe=""), quote(value), quote_plus(value)))
    )
