"""The redactor: what it knows, what it looks for, and what it leaves in a question or an answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import accumulate
from operator import is_
from types import MappingProxyType
from typing import Any, TypeVar

from attrs import evolve, field, frozen

from .. import patterns
from ..codec.content import MOST, decoded, is_encoded
from ..codec.delta import common_prefix
from ..core.values import (
    Answer,
    Call,
    Deferred,
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
from ..errors import RedactedSecret, Unredacted
from ..patterns import Span
from .finders import Finder
from .forms import forms, written
from .headers import KEPT, is_kept, stored_decoded
from .names import is_path, is_secret
from .search import Guard, Search, ask, needles
from .spans import replaced
from .urls import without_parameters, without_user

SHORTEST_CHECKED = 12
"""Values of fewer characters may stand in what is written by chance, and are not looked for a last time."""

REMEMBERED = 512
"""Headers whose kept form is remembered, so that it is not made anew for each question."""

PLACEHOLDER = re.compile(rb"\[secret:([^\[\]\s\"\\]{1,100})\]")

_LARGE = 2**14
"""Bytes from which a body is compared to the ones before it, to look only at what is new."""

_LARGEST = 2**22
"""Bytes up to which a body is remembered for that."""

_BODIES = 8
_ESCAPED = 8  # bytes that stand for one where it is escaped, or what is left in base64
BLOCK = (
    16  # secrets that were learned are looked for so many at once: those that come take no time of the others
)

T = TypeVar("T", str, bytes)


def _frozen(known: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(known))


@frozen
class Redactor:
    """What to take out. `known` maps the name of a secret to its value, `finders` look for others.

    `also` has further values by the same names, or by those of what is gone; `learned` those that were
    sent as keys and passwords. What is `weak` is known, but not looked for in texts. `learns` says
    whether a run is to learn; `guard` asks finders of somebody else's, and `hear` is told of what is sent.

    Make one with `redactor`. Every method is a function of its arguments, and
    redacting twice is the same as redacting once.
    """

    known: Mapping[str, str] = field(factory=dict, converter=_frozen, repr=lambda k: f"<{len(k)} values>")
    keep_headers: frozenset[str] = KEPT
    finders: tuple[Finder, ...] = ()
    also: tuple[tuple[str, str], ...] = field(default=(), repr=lambda a: f"<{len(a)} values>")
    learned: tuple[tuple[str, str], ...] = field(default=(), repr=lambda a: f"<{len(a)} values>")
    weak: frozenset[str] = frozenset()
    learns: bool = False
    guard: Guard = field(default=ask, repr=False, eq=False)
    hear: Callable[[Request | Response], None] | None = field(default=None, repr=False, eq=False)
    _bodies: list[tuple[bytes, tuple[Span, ...]]] = field(factory=list, init=False, eq=False, repr=False)
    _seen: dict[tuple[str, str], str] = field(factory=dict, init=False, eq=False, repr=False)

    def question(self, question: Question, clean: bytes | Deferred | None = None) -> Question:
        """Return `question` as it may be kept; of a request whose body is known to be `clean`, with that."""
        match question:
            case Request() if clean is not None:
                headers, url = self._headers(question.headers), self.text(question.url)
                return Request(self._clean(question.method), url, headers, clean, question.omitted)
            case Request():
                return self._request(question)
            case Call(name, arguments):
                return Call(self._clean(name), self.text(arguments))
            case Source():
                return question

    def answer(self, answer: Answer) -> Answer:
        """Return `answer` as it may be kept."""
        match answer:
            case Response():
                return self._response(answer)
            case Fault(kind, message):
                return Fault(kind, self.text(message))
            case Reading(text):  # of a variable it begins so; what a clock or a generator gave is no secret
                return Reading(self._clean(text)) if text.startswith("=") else answer
            case Reply(kind, value, of):
                return Reply(kind, self.text(value), of)

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return `outcome` with secrets out of its message."""
        return evolve(outcome, message=self.text(outcome.message))

    def reading(self, source: Source, reading: Reading) -> Reading:
        """Return `reading` as it may be kept: of a variable that is named as a secret, its name.

        What a clock or a generator gave is no secret, whatever it looks like.
        """
        if source.kind != "env":
            return reading
        if reading.text and is_secret(source.name) and not is_path(reading.text[1:]):
            return Reading(f"=[secret:{source.name}]")
        return Reading(self._clean(reading.text))

    def text(self, text: str) -> str:
        """Return `text` without known secrets, and without `user:password@` and PARAMETERS in its URLs."""
        return without_parameters(self._clean(without_user(text)))

    def refilled(self, request: Request) -> Request:
        """Return `request` with the placeholders of known secrets replaced by their values.

        For a request that is about to leave: a recorded answer may have handed
        the agent a placeholder.

        Raises:
            RedactedSecret: a placeholder's secret is not known to this process.
        """
        headers = tuple(
            (n, self._fill(v.encode("latin-1"), request.url).decode("latin-1")) for n, v in request.headers
        )
        url = self._fill(request.url.encode(), request.url).decode()
        return evolve(request, url=url, headers=headers, body=self._fill(request.body, request.url))

    def true(self, value: Any, where: str) -> Any:
        """Return `value` with placeholders in its texts replaced likewise: for a tool that is about to run.

        Raises:
            RedactedSecret: a placeholder's secret is not known to this process.
        """
        match value:
            case str() if "[secret:" in value:
                return self._fill(value.encode("utf-8", "surrogatepass"), where).decode(
                    "utf-8", "surrogatepass"
                )
            case list() if (
                type(value) is list
            ):  # what holds none stays the same: a tool may change it in place
                items = [self.true(item, where) for item in value]
                return value if all(map(is_, items, value)) else items
            case tuple() if type(value) is tuple:
                items = [self.true(item, where) for item in value]
                return value if all(map(is_, items, value)) else tuple(items)
            case dict() if type(value) is dict:
                pairs = [(self.true(key, where), self.true(item, where)) for key, item in value.items()]
                same = all(k is key and v is value[key] for (k, v), key in zip(pairs, value, strict=True))
                return value if same else dict(pairs)
        return value

    def restored(self, text: str, environ: Mapping[str, str]) -> str:
        """Return `text` with placeholders replaced where `environ` or this has their secret, others left."""
        if "[secret:" in text:
            for name, value in {**environ, **self.known}.items():
                text = text.replace(f"[secret:{name}]", value)
        return text

    def check(self, written: bytes) -> None:
        """Look a last time for known secrets in what is about to be written.

        Of shorter values than SHORTEST_CHECKED nobody can tell here whether they are the secret.

        Raises:
            Unredacted: there is one.
        """
        for form, name in self._checked:
            if form in written:
                raise Unredacted(name)

    @cached_property
    def _checked(self) -> tuple[tuple[bytes, str], ...]:
        long = [(name, value) for name, value in self._longest_first() if len(value) >= SHORTEST_CHECKED]
        return tuple((form, name) for name, value in long for form in written(value))

    @cached_property
    def replacements(self) -> Mapping[bytes, bytes]:
        """The placeholder for each form of each known secret."""
        told = (
            (form.encode("utf-8", "surrogatepass"), name)
            for name, value in (*self._longest_first(), *self.learned)
            for form in forms(value)
        )
        return MappingProxyType({form: b"[secret:%s]" % name.encode() for form, name in told})

    def _fill(self, data: bytes, where: str) -> bytes:
        def value(found: re.Match[bytes]) -> bytes:
            name = found[1].decode("utf-8", "replace")
            if name not in self.known or any(name == other for other, _ in self.also):
                raise RedactedSecret(found[0].decode("utf-8", "replace"), where)
            return self.known[name].encode()

        return PLACEHOLDER.sub(value, data) if b"[secret:" in data else data

    def _clean(self, data: T) -> T:
        if isinstance(data, bytes):
            return replaced(data, self._spans(data))
        raw = data.encode("utf-8", "surrogatepass")
        spans = self._spans(raw)
        return replaced(raw, spans).decode("utf-8", "surrogatepass") if spans else data

    def _spans(self, data: bytes, start: int = 0) -> list[Span]:
        return self._search.spans(data, start)

    @cached_property
    def _search(self) -> Search:
        blocks = [tuple(self._longest_first())]
        blocks += [self.learned[n : n + BLOCK] for n in range(0, len(self.learned), BLOCK)]
        return Search(tuple(map(needles, filter(None, blocks))), self.finders, self.guard)

    def _body(self, body: bytes) -> bytes:
        """A question's body as it may be kept. What it repeats of one before is not looked at again."""
        if not (self.known or self.also or self.learned or self.finders):
            return body
        if not _LARGE <= len(body) <= _LARGEST:
            return replaced(body, self._search.found(body))
        shared, known = 0, tuple[Span, ...]()
        for earlier, spans in self._bodies:
            if (common := common_prefix(body, earlier)) > shared:
                shared, known = common, spans
                if 2 * shared > len(body):  # the question before this one, most likely
                    break
        start = patterns.safe(body, max(0, shared - self._longest))
        start = min([start, *(span[0] for span in known if span[1] + self._longest > shared)])
        kept = [span for span in known if span[1] <= start]
        found = self._search.found(body[start:])
        spans = (*kept, *((low + start, high + start, mark) for low, high, mark in found))
        self._bodies.insert(0, (body, spans))
        del self._bodies[_BODIES:]
        return replaced(body, spans)

    @cached_property
    def _longest(self) -> int:
        """Bytes that a known secret may go over, however it is written; all, for other finders."""
        if any(finder is not patterns.found for finder in self.finders):
            return MOST
        values = (*self.known.values(), *(value for _, value in (*self.also, *self.learned)))
        return 1 + _ESCAPED * max(map(len, values), default=0)

    def _longest_first(self) -> list[tuple[str, str]]:
        told = [pair for pair in self.known.items() if pair[0] not in self.weak]
        return sorted((*told, *self.also), key=lambda pair: (-len(pair[1]), pair[0]))

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
        if is_kept(low, self.keep_headers):
            return self.text(value)
        cleaned = self._clean(value)
        scheme, _, rest = cleaned.rpartition(" ")
        if rest == f"[secret:{low}]":
            return rest
        if PLACEHOLDER.fullmatch(rest.encode()) and scheme.lower() in ("", "bearer", "basic", "token"):
            return cleaned
        return f"[secret:{low}]"

    def _request(self, request: Request) -> Request:
        headers, url = self._headers(request.headers), self.text(request.url)
        method, body = self._clean(request.method), self._body(request.body)
        if body and is_encoded(request.headers) and (plain := decoded(request.headers, (request.body,))):
            clear = b"".join(plain)
            if (clean := replaced(clear, self._search.found(clear))) != clear:
                headers, body = stored_decoded(headers), clean
        if headers == request.headers and url == request.url and body is request.body:
            return request
        return Request(method, url, headers, body, request.omitted)

    def _response(self, response: Response) -> Response:
        end = response.end
        if isinstance(end, Fault):
            end = Fault(end.kind, self.text(end.message))
        headers, reason = self._headers(response.headers), self._clean(response.reason)
        whole = response.chunks, end, reason, response.http_version, response.omitted
        clean = Response(response.status, headers, *whole)
        if not (self.known or self.also or self.learned or self.finders):
            return response if clean == response else clean
        plain = decoded(response.headers, response.chunks) if is_encoded(response.headers) else None
        chunks = None if plain is None else self._recut(plain)
        if chunks is None:  # a body that does not decode may still show one
            chunks = self._recut(response.chunks)
            return clean if chunks is None else evolve(clean, chunks=chunks)
        return evolve(clean, headers=stored_decoded(headers), chunks=chunks)

    def _recut(self, chunks: tuple[bytes, ...]) -> tuple[bytes, ...] | None:
        """`chunks` without secrets, cut where they were cut; None where there is none.

        A cut that fell inside a secret moves behind its placeholder.
        """
        body = b"".join(chunks)
        found = self._search.found(body)
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
