"""Secrets out of questions and answers, at one seam, before anything keeps them. Pure.

What is kept, matched and digested is the redacted form; the live application
sees the true bytes. A header's name is always kept, its value only where the
header is on an allow-list; the values of the process's `*_API_KEY`, `*_TOKEN`
and `*_SECRET` variables are replaced wherever they stand, also spread over the
events of a stream; and so is what looks as the keys of well-known issuers do (`patterns`).
A placeholder names the kind and never the value: `[secret:OPENAI_API_KEY]`, `[secret:x-api-key]`.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias, TypeVar, cast
from urllib.parse import quote, quote_plus

from attrs import evolve, field, frozen

from . import patterns
from .codec.content import MOST, decoded, is_encoded
from .codec.delta import common_prefix
from .codec.spread import spread
from .core.notes import added, noted
from .core.tape import Tape
from .core.values import (
    Answer,
    Branch,
    Call,
    Draw,
    Effect,
    Exchange,
    Fault,
    Headers,
    Outcome,
    Question,
    Reading,
    Reply,
    Request,
    Response,
    Source,
    Step,
)
from .errors import RedactedSecret, Unredacted
from .patterns import Span

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

SHORTEST_ENCODED = 8
"""Values of fewer bytes are not looked for in base64."""

SHORTEST_CHECKED = 12
"""Values of fewer characters may stand in what is written by chance, and are not looked for a last time."""

REMEMBERED = 512
"""Headers whose kept form is remembered, so that it is not made anew for each question."""

_PLACEHOLDER = re.compile(rb"\[secret:([^\[\]\s\"\\]{1,100})\]")
_TELLING = re.compile(r"key|token(?!s\b|-count)|secret|auth|session|cookie|password|credential")
_USERINFO = re.compile(r"(?<=://)[^/?#@\s\"'<>\\]+@")

PARAMETERS = frozenset(
    """
    key api_key apikey api-key x-api-key subscription-key token access_token id_token refresh_token
    auth auth_token authorization secret client_secret password passwd pwd sig signature jwt credential
    x-amz-signature x-amz-credential x-amz-security-token
    """.split()
)
"""Parameters of a URL, in lower case, whose values are taken out."""

_PARAMETER = re.compile(r"(?<=[?&])([\w-]+)=([^&#\s\"'<>\\]+)")
_LARGE = 2**14
"""Bytes from which a body is compared to the ones before it, to look only at what is new."""
_LARGEST = 2**22
"""Bytes up to which a body is remembered for that."""
_BODIES = 8

REDACTED = "x-tracefork-redacted"
"""The header that marks a stored body whose bytes are not those of the wire."""

T = TypeVar("T", str, bytes)


class Analyzer(Protocol):
    """An AnalyzerEngine of presidio-analyzer, as far as it is asked here."""

    def analyze(self, text: str, language: str) -> Iterable[Any]:
        """Give what has `.start`, `.end` and `.entity_type`."""
        ...


Finder: TypeAlias = "Callable[[bytes, int], Iterable[Span]]"
"""Gives where secrets stand in a text that begin at a place of it or later: (start, stop, placeholder)."""


def _frozen(known: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(known))


@frozen
class Redactor:
    """What to take out. `known` maps the name of a secret to its value, `finders` look for others.

    Make one with `redactor`. Every method is a function of its arguments, and
    redacting twice is the same as redacting once.
    """

    known: Mapping[str, str] = field(factory=dict, converter=_frozen, repr=lambda k: f"<{len(k)} values>")
    keep_headers: frozenset[str] = KEPT
    finders: tuple[Finder, ...] = ()
    _bodies: list[tuple[bytes, tuple[Span, ...]]] = field(factory=list, init=False, eq=False, repr=False)
    _seen: dict[tuple[str, str], str] = field(factory=dict, init=False, eq=False, repr=False)

    def question(self, question: Question) -> Question:
        """Return `question` as it may be kept."""
        match question:
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
        if reading.text and is_secret(source.name):
            return Reading(f"=[secret:{source.name}]")
        return Reading(self._clean(reading.text))

    def text(self, text: str) -> str:
        """Return `text` without known secrets, and without `user:password@` and PARAMETERS in its URLs."""
        cleaned = self._clean(_USERINFO.sub("[secret:userinfo]@", text) if "@" in text else text)
        return _PARAMETER.sub(_without_value, cleaned) if "=" in cleaned else cleaned

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
            case list() if type(value) is list:
                return [self.true(item, where) for item in value]
            case tuple() if type(value) is tuple:
                return tuple([self.true(item, where) for item in value])
            case dict() if type(value) is dict:
                return {self.true(key, where): self.true(item, where) for key, item in value.items()}
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
        return tuple(
            (form, name)
            for name, value in long
            for form in (*map(str.encode, _forms(value)), *_base64s(value))
        )

    @cached_property
    def replacements(self) -> Mapping[bytes, bytes]:
        """The placeholder for each form of each known secret."""
        forms = ((form.encode(), name) for name, value in self._longest_first() for form in _forms(value))
        return MappingProxyType({form: b"[secret:%s]" % name.encode() for form, name in forms})

    def _fill(self, data: bytes, where: str) -> bytes:
        def value(found: re.Match[bytes]) -> bytes:
            name = found[1].decode("utf-8", "replace")
            if name not in self.known:
                raise RedactedSecret(found[0].decode("utf-8", "replace"), where)
            return self.known[name].encode()

        return _PLACEHOLDER.sub(value, data) if b"[secret:" in data else data

    def _clean(self, data: T) -> T:
        if isinstance(data, bytes):
            return _replaced(data, self._spans(data))
        raw = data.encode("utf-8", "surrogatepass")
        spans = self._spans(raw)
        return _replaced(raw, spans).decode("utf-8", "surrogatepass") if spans else data

    def _spans(self, data: bytes, start: int = 0) -> list[Span]:
        """Where secrets stand that begin at `start` or later, in order, apart from each other."""
        spans = list[Span]()
        for form, mark in self._known_forms:
            spans = _joined(spans, _places(data, form, mark, start))
        for finder in self.finders:
            spans = _joined(spans, sorted(finder(data, start), key=lambda span: (span[0], -span[1])))
        return spans

    def _body(self, body: bytes) -> bytes:
        """A question's body as it may be kept. What it repeats of one before is not looked at again."""
        if not _LARGE <= len(body) <= _LARGEST or not (self.known or self.finders):
            return self._clean(body)
        shared, known = 0, tuple[Span, ...]()
        for earlier, spans in self._bodies:
            if (common := common_prefix(body, earlier)) > shared:
                shared, known = common, spans
                if 2 * shared > len(body):  # the question before this one, most likely
                    break
        start = patterns.safe(body, max(0, shared - self._longest))
        start = min([start, *(span[0] for span in known if span[1] + self._longest > shared)])
        kept = [span for span in known if span[1] <= start]
        spans = (*kept, *self._spans(body, start))
        self._bodies.insert(0, (body, spans))
        del self._bodies[_BODIES:]
        return _replaced(body, spans)

    @cached_property
    def _longest(self) -> int:
        """Bytes of the longest form of a known secret, and one more; all, for finders of who knows what."""
        if any(finder is not patterns.found for finder in self.finders):
            return MOST
        return 1 + max((len(form) for form, _ in self._known_forms), default=0)

    @cached_property
    def _known_forms(self) -> tuple[tuple[bytes, bytes], ...]:
        """Each form of each known secret with its placeholder, the longest secrets first."""
        forms = dict[bytes, bytes]()
        for name, value in self._longest_first():
            for form in map(str.encode, _forms(value)):
                forms.setdefault(form, b"[secret:%s]" % name.encode())
            for form in _base64s(value):
                forms.setdefault(form, b"[secret:%s.base64]" % name.encode())
        return tuple(forms.items())

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
        method, body = self._clean(request.method), self._body(request.body)
        if body and is_encoded(request.headers) and (plain := decoded(request.headers, (request.body,))):
            clear = b"".join(plain)
            if (clean := self._clean(clear)) != clear:
                headers, body = _stored_decoded(headers), clean
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
        if not (self.known or self.finders):
            return response if clean == response else clean
        plain = decoded(response.headers, response.chunks) if is_encoded(response.headers) else None
        chunks = None if plain is None else self._recut(plain)
        if chunks is None:  # a body that does not decode may still show one
            chunks = self._recut(response.chunks)
            return clean if chunks is None else evolve(clean, chunks=chunks)
        return evolve(clean, headers=_stored_decoded(headers), chunks=chunks)

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
        """Where secrets stand in an answer: also cut over the events of a stream."""
        found = self._spans(body)
        if b"data:" not in body:
            return found
        for form, mark in self.replacements.items():
            for parts in spread(body, form):
                marks = (mark, *[b""] * (len(parts) - 1))
                _add_all(found, [(*part, mark) for part, mark in zip(parts, marks, strict=True)])
        if patterns.found in self.finders:
            for pieces in patterns.spread(body):
                _add_all(found, pieces)
        return sorted(found)


def _stored_decoded(headers: Headers) -> Headers:
    kept = tuple((n, v) for n, v in headers if n.lower() not in ("content-encoding", "content-length"))
    return (*kept, (REDACTED, "body stored decoded"))


def _without_value(found: re.Match[str]) -> str:
    """A parameter of a URL as it may be kept."""
    name = found[1].lower()
    if name not in PARAMETERS or _PLACEHOLDER.fullmatch(found[2].encode()):
        return found[0]
    return f"{found[1]}=[secret:{name}]"


def _places(data: bytes, form: bytes, mark: bytes, start: int) -> Iterator[Span]:
    at = data.find(form, start)
    while at >= 0:
        yield at, at + len(form), mark
        at = data.find(form, at + len(form))


def _joined(spans: list[Span], more: Iterable[Span]) -> list[Span]:
    """`spans` and what `more` has beside them; both are in order, and so is what comes of it, apart."""
    out, reached, n = list[Span](), 0, 0
    for start, stop, mark in more:
        low = max(start, reached)
        while n < len(spans) and spans[n][0] < stop:
            begin, end, _ = spans[n]
            if low < begin:
                out.append((low, begin, mark))
            low = max(low, end)
            if end > stop:
                break
            n += 1
        if low < stop:
            out.append((low, stop, mark))
        reached = max(reached, stop)
    return sorted([*spans, *out]) if out else spans


def _add_all(spans: list[Span], pieces: Iterable[Span]) -> None:
    """Add all of `pieces`, unless another has a part of one."""
    if all(stop <= s or e <= start for start, stop, _ in pieces for s, e, _ in spans):
        spans.extend(pieces)


def _replaced(data: bytes, spans: Iterable[Span]) -> bytes:
    """`data` with its placeholders in the place of `spans`; the same object where there are none."""
    out, at = list[bytes](), 0
    for start, stop, mark in spans:
        out += [data[at:start], mark]
        at = stop
    return b"".join([*out, data[at:]]) if out else data


def redactor(
    environ: Mapping[str, str],
    *,
    known: Iterable[tuple[str, str]] = (),
    finders: Iterable[Finder] = (),
    issuers: bool = True,
) -> Redactor:
    """Return the default redactor for a process with the variables `environ`.

    Args:
        environ: where the values of `*_API_KEY`, `*_TOKEN` and `*_SECRET` are looked up.
        known: further secrets as (name, value); they add to those found.
        finders: further ways to find secrets: `emails`, `cards`, `phones`, `presidio(analyzer)` or
            one of your own.
        issuers: look for what looks as the keys of well-known issuers do (`patterns.found`).
    """
    found = {name: value for name, value in environ.items() if is_secret(name)}
    found |= dict(known)
    long = {name: value for name, value in found.items() if len(value) >= SHORTEST}
    mine = {name: value for name, value in long.items() if value not in "[secret:"}
    return Redactor(mine, finders=(*[patterns.found] * issuers, *finders))


def emails(data: bytes, start: int = 0) -> Iterator[Span]:
    """Finds e-mail addresses."""
    for found in _EMAIL.finditer(data, start):
        yield *found.span(), b"[secret:email]"


def phones(data: bytes, start: int = 0) -> Iterator[Span]:
    """Finds telephone numbers that begin with a plus and the code of a country, as E.164 has them."""
    for found in _PHONE.finditer(data, start):
        if 8 <= sum(48 <= c <= 57 for c in found[0]) <= 15:  # noqa: PLR2004  digits, by E.164
            yield *found.span(), b"[secret:phone]"


def cards(data: bytes, start: int = 0) -> Iterator[Span]:
    """Finds numbers of payment cards, whose last digit is a checksum (ISO/IEC 7812-1, Luhn)."""
    for found in _CARD.finditer(data, start):
        digits = [c - 48 for c in found[0] if 48 <= c <= 57]  # noqa: PLR2004  the codes of 0 to 9
        doubled = [d if n % 2 == 0 else 2 * d - 9 * (d > 4) for n, d in enumerate(reversed(digits))]  # noqa: PLR2004
        if 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0:  # noqa: PLR2004  lengths of the standard
            yield *found.span(), b"[secret:card]"


def presidio(analyzer: Analyzer, *, language: str = "en") -> Finder:
    """Return a finder that asks an `AnalyzerEngine` of presidio-analyzer, which is no dependency.

    Raises:
        TypeError: it has no `analyze`.
    """
    if not callable(getattr(analyzer, "analyze", None)):
        raise TypeError(f"presidio() takes an AnalyzerEngine, not {analyzer!r}")

    def found(data: bytes, start: int = 0) -> Iterator[Span]:
        text = data[start:].decode("utf-8", "replace")
        if len(text.encode()) != len(data) - start:
            return  # no text
        for one in analyzer.analyze(text=text, language=language):
            low = start + len(text[: one.start].encode())
            high = low + len(text[one.start : one.end].encode())
            yield low, high, f"[secret:{str(one.entity_type).lower()}]".encode()

    return found


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


def taken_out(said: Question | Answer) -> Iterator[str]:
    """The kinds of secrets whose placeholders stand in `said`, each as often as it does."""
    match said:
        case Request(method, url, headers):
            texts, body = [method, url, *(value for _, value in headers)], said.body
        case Response(_, headers):
            texts, body = [said.reason, *(value for _, value in headers)], said.body
        case Call(name, arguments):
            texts, body = [name, arguments], b""
        case Reading(text) | Fault(_, text) | Reply(_, text):
            texts, body = [text], b""
        case _:
            return
    for text in texts:
        if "[secret:" in text:
            yield from (found[1].decode() for found in _PLACEHOLDER.finditer(text.encode("utf-8", "replace")))
    if b"[secret:" in body:
        yield from (found[1].decode("utf-8", "replace") for found in _PLACEHOLDER.finditer(body))


def counts(tape: Tape) -> dict[str, int]:
    """How often secrets of each kind were taken out of `tape`, the most frequent first."""
    found = Counter(
        kind for step in tape.steps for said in (step.asked, step.answer) for kind in taken_out(said)
    )
    return dict(found.most_common())


def scrubbed(tape: Tape, redact: Redactor, run_id: str = "") -> Tape:
    """Return `tape` with what `redact` finds taken out of every question, answer and word about the run.

    It is another recording, with another digest; `run_id` names it, and its `redacted` says what is out.
    """
    steps = [_step(step, redact) for step in tape.steps]
    meta = {redact.text(key): redact.text(value) for key, value in tape.meta.items()}
    clean = evolve(
        tape,
        steps=tuple(steps),
        pending=tuple(
            evolve(left, asked=cast("Request | Call", redact.question(left.asked))) for left in tape.pending
        ),
        run_id=run_id or tape.run_id,
        agent_name=redact.text(tape.agent_name),
        meta=meta,
        parent=lineage(tape.parent, redact),
        outcome=redact.outcome(tape.outcome),
    )
    return evolve(clean, meta=added(clean.meta, noted(redacted=counts(clean))))


def lineage(parent: Branch | None, redact: Redactor) -> Branch | None:
    """Return `parent` with secrets out of what the branch is called and what is said of it."""
    return parent and evolve(parent, name=redact.text(parent.name), desc=redact.text(parent.desc))


def _step(step: Step, redact: Redactor) -> Step:
    asked, answered = redact.question(step.asked), redact.answer(step.answer)
    match step:
        case Exchange():
            return evolve(step, request=cast("Request", asked), answer=cast("Response | Fault", answered))
        case Draw(source=source, reading=reading):
            return evolve(step, reading=redact.reading(source, reading))
        case Effect():
            return evolve(step, call=cast("Call", asked), reply=cast("Reply | Fault", answered))


def is_secret(name: str) -> bool:
    """True if a variable of this name holds a secret."""
    return bool(SECRET_NAME.fullmatch(name.upper()))


_EMAIL = re.compile(
    rb"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}(?![\w-])"
)
_PHONE = re.compile(rb"(?<![\w+])\+[1-9](?:[ ().-]{0,2}[0-9]){6,14}(?![0-9])")
_CARD = re.compile(rb"(?<![0-9.])[3-6](?:[ -]?[0-9]){12,18}(?![0-9])")


def _base64s(value: str) -> Iterator[bytes]:
    """What base64 of any text around `value` has of it, for each place at which it may begin."""
    raw = value.encode()
    if len(raw) < SHORTEST_ENCODED:
        return
    for before in range(3):
        shown = base64.b64encode(b"\0" * before + raw)
        first = -(-8 * before // 6)  # characters that hold bits of what stands before
        last = 8 * (before + len(raw)) // 6
        yield shown[first:last]
        yield shown[first:last].translate(_URLSAFE)


_URLSAFE = bytes.maketrans(b"+/", b"-_")


@lru_cache(maxsize=256)
def _forms(value: str) -> tuple[str, ...]:
    """The ways in which `value` stands in text: as it is, in JSON, and in a URL."""
    escaped = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    slashed = (form.replace("/", "\\/") for form in escaped)
    return tuple(
        dict.fromkeys((value, *escaped, *slashed, quote(value, safe=""), quote(value), quote_plus(value)))
    )
