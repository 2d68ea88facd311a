"""Replaces known secrets and secret-looking strings in requests, answers, tool calls and texts. Pure.

Of a question it returns the form that is kept and matched, with `[secret:NAME]` for each secret. Of an
answer there are two forms: that one, by which answers are compared and shown, and the one that is kept and
served, in which each secret has a surrogate of its shape (`core.surrogates`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

from attrs import evolve, field, frozen

from ..core.content_encoding import MOST, decode_body, is_encoded
from ..core.surrogates import RULES, TEXT, decode_chunks, drop_encoding, recut
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
from ..errors import Unredacted
from .answers import keep, write
from .by_form import patterns
from .by_form.finders import OURS, Finder
from .by_name import headers
from .by_name.names import SHORTEST, is_path, is_secret
from .refill import Refill
from .search.forms import list_forms, list_written
from .search.known import REMEMBERED, Known, share
from .search.search import Guard, Search, ask, make_needles
from .search.spans import PLACEHOLDER, Hit, Span, Spans, join, list_places, make_hit, name_of, replace
from .surrogates.vault import Vault
from .texts.amazon_streams import find_checksums

_LEAST_LONG = 64
SHORTEST_CHECKED = 12
"""Values of fewer characters may stand in what is written by chance, and are not looked for a last time."""

_ESCAPED = 8  # bytes that stand for one where it is escaped, or what is left in base64
_FEW, _MANY = 16, 256  # secrets that came up in the run are looked for so many at once


def _freeze(known: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(known))


@frozen
class Redactor:
    """What to take out. `known` maps the name of a secret to its value, `finders` look for others.

    `also` has further values by the same names, or by those of what is gone; `learned` those that were
    sent as keys and passwords. What is `weak` is known, but not looked for in texts. `secret_headers` are
    names of headers, in lower case, whose values are secrets beside those that `headers.is_secret` tells.
    `learns` says whether a run is to learn; `guard` asks finders of somebody else's, `hear` is told of what
    is sent, and `vault` has what the run met so far. `rules` are those by which its tape was recorded.

    Make one with `redactor`. Redacting twice is the same as redacting once.
    """

    known: Mapping[str, str] = field(factory=dict, converter=_freeze, repr=lambda k: f"<{len(k)} values>")
    finders: tuple[Finder, ...] = ()
    also: tuple[tuple[str, str], ...] = field(default=(), repr=lambda a: f"<{len(a)} values>")
    learned: tuple[tuple[str, str], ...] = field(default=(), repr=lambda a: f"<{len(a)} values>")
    weak: frozenset[str] = frozenset()
    secret_headers: frozenset[str] = frozenset()
    learns: bool = False
    guard: Guard = field(default=ask, repr=False, eq=False)
    hear: Callable[[Request | Response], None] | None = field(default=None, repr=False, eq=False)
    vault: Vault | None = field(default=None, repr=False, eq=False)
    rules: int = RULES
    _made: list[Known] = field(factory=list, init=False, eq=False, repr=False)

    def question(self, question: Question, clean: bytes | Deferred | None = None) -> Question:
        """Return `question` as it may be kept; of a request whose body is known to be `clean`, with that."""
        match question:
            case Request() if clean is not None:
                pairs, url = self._headers(question.headers), self.text(question.url)
                return Request(self.clean(question.method), url, pairs, clean, question.omitted)
            case Request():
                return self._request(question)
            case Call(name, arguments):
                return evolve(question, name=self.clean(name), arguments=self.text(arguments))
            case Source():
                return question

    def answer(self, answer: Answer) -> Answer:
        """Return `answer` with `[secret:NAME]` for each secret: as it is compared and shown."""
        match answer:
            case Response():
                return self._response(answer)
            case Fault(kind, message):
                return Fault(kind, self.text(message))
            case Reading(text):  # of a variable it begins so; what a clock or a generator gave is no secret
                return Reading(self.clean(text)) if text.startswith("=") else answer
            case Reply(kind, value, of):
                return Reply(kind, self.text(value), of)

    def keep(self, answer: Answer, asked: Request | None = None) -> Answer:
        """Return `answer` as it is kept and served: with a surrogate for each secret.

        `asked` is the question: what the agent said itself is no secret that the answer gave.

        The `vault` learns of these. Where there is none, or where an encoding has no room for a surrogate,
        `[secret:NAME]` stands in that text. A class of yours that has an `answer` of its own is asked that.
        """
        if type(self).answer is not Redactor.answer:
            return self.answer(answer)
        return keep(answer, self, self.vault, asked) if self.vault is not None else self.answer(answer)

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return `outcome` with secrets out of its message and traceback."""
        return evolve(outcome, message=self.text(outcome.message), traceback=self.text(outcome.traceback))

    def reading(self, source: Source, reading: Reading) -> Reading:
        """Return `reading` as it may be kept: of a variable that is named as a secret, a surrogate.

        What a clock or a generator gave is no secret, whatever it looks like.
        """
        if source.kind != "env" or not reading.text:
            return reading
        if is_secret(source.name) and not is_path(reading.text[1:]):
            raw = reading.text.encode("utf-8", "surrogatepass")
            if PLACEHOLDER.fullmatch(raw, 1):
                return reading  # of a tape that is older than surrogates
            name = f"[secret:{source.name}]".encode("utf-8", "surrogatepass")
            spans = [Span(1, len(raw), name, Hit(raw[1:], 1, place="variable"))]
            return Reading(write(raw, spans, TEXT, self.vault).decode("utf-8", "surrogatepass"))
        answer = self.keep(reading)
        assert isinstance(answer, Reading)
        return answer

    def text(self, text: str) -> str:
        """Return `text` without known secrets, and without `user:password@` and PARAMETERS in its URLs."""
        return self._hide(self.now, "text:", text, self.text_spans)

    def clean(self, text: str) -> str:
        """Return `text` without known secrets: what URLs say is not looked at."""
        return self._hide(self.now, "name:", text, self.spans)

    # -- where secrets stand ------------------------------------------------------------

    def spans(self, raw: bytes, known: Known | None = None) -> Spans:
        """Where secrets stand in a text; as is `known`, or else by now."""
        return (known or self.now).search.spans(raw)

    def text_spans(self, raw: bytes, known: Known | None = None) -> Spans:
        """Where secrets stand in a text, those too that are named before them, as parameters of URLs are."""
        return (known or self.now).search.in_text(raw)

    def body_spans(self, body: bytes, known: Known | None = None) -> Spans:
        """Where secrets stand in a body: also in pieces, over its events or its strings.

        The checksums of messages that a secret is in tell something about it too.
        """
        spans = (known or self.now).search.in_body(body)
        if not spans or not (found := find_checksums(body, [span[:2] for span in spans])):
            return spans
        return join(spans, [Span(low, high, b"") for low, high in found])

    def header_spans(self, low: str, raw: bytes, least: int = 0, known: Known | None = None) -> Spans:
        """Where secrets stand in the value of the header of this name, in lower case.

        What has fewer than `least` bytes is none, nor is `true`, though the name says so.
        """
        if not (headers.is_secret(low) or low in self.secret_headers):
            return self.text_spans(raw, known)
        spans, value = self.spans(raw, known), raw.decode("utf-8", "surrogatepass")
        mark = f"[secret:{low}]".encode("utf-8", "surrogatepass")
        place = "cookie" if low in headers.COOKIES else "header"
        found = list[Span]()
        for start, stop in headers.find_parts(low, value):
            start, stop = (len(value[:n].encode("utf-8", "surrogatepass")) for n in (start, stop))  # noqa: PLW2901
            if PLACEHOLDER.fullmatch(raw, start, stop) or stop - start < least:
                continue
            crumb = raw[:start].rpartition(b";")[2].strip(b' ="').decode("utf-8", "replace")
            if least and headers.is_plain(low, raw[start:stop].decode("utf-8", "replace"), crumb):
                continue
            if not any((span.start, span.stop) == (start, stop) for span in spans):
                found.append(Span(start, stop, mark, make_hit(raw, start, stop, place)))
        return join(found, spans) if found else spans

    @property
    def now(self) -> Known:
        """All that is known by now, and what looks for it; made anew when an answer taught more."""
        made = self._made[0] if self._made else None
        number = len(self.vault.taught) if self.vault is not None else 0
        if made is None or made.taught != number:
            taught = dict(self.vault.taught) if self.vault is not None else {}
            blocks = self._list_blocks(taught)
            wide, finders = self.rules >= RULES, self.finders
            search = Search(tuple(map(make_needles, blocks)), finders, self.guard, wide=wide)
            is_ours = all(finder is patterns.found or finder in OURS for finder in finders)
            is_shared = is_ours and type(self) is Redactor
            plain = share(blocks, finders, wide, self.secret_headers) if is_shared else None
            made = Known(search, self._longest(taught), len(taught), plain)
            self._made[:] = [made]
        return made

    def _list_blocks(self, taught: Mapping[str, str]) -> tuple[tuple[tuple[str, str], ...], ...]:
        """What is known by now, as names and values, in blocks of which most are as they were before."""
        blocks = [tuple(self._longest_first())]
        if self.vault is not None:
            blocks.append(tuple(pair for pair in self.vault.known if not self._finds(pair[1])))
        news = tuple((name, value) for value, name in taught.items() if not self._finds(value))
        for more in (news, self.learned):
            many, few = len(more) // _MANY * _MANY, len(more) // _FEW * _FEW
            blocks += [more[n : n + _MANY] for n in range(0, many, _MANY)]
            blocks += [more[many:few], more[few:]]
        return tuple(filter(None, blocks))

    # -- what is put back ----------------------------------------------------------------

    def refill(self, request: Request) -> Request:
        """Return `request` with the true secrets for placeholders and surrogates in it.

        For a request that is about to leave: a recorded answer may have handed them to the agent.

        Raises:
            RedactedSecret: this process does not know one of the secrets.
        """
        return Refill(self, self.text(request.url)).request(request)

    def refill_value(self, value: Any, where: str) -> Any:
        """Return `value` with the true secrets in its texts likewise: for a tool that is about to run.

        Raises:
            RedactedSecret: this process does not know one of the secrets.
        """
        return Refill(self, where).value(value)

    def true_value(self, name: str) -> str | None:
        """The value of the secret of this name, None where it is not known, or there are several."""
        if any(name == other for other, _ in self.also):
            return None
        return self.known.get(name)

    def restore(self, text: str, environ: Mapping[str, str]) -> str:
        """Return `text` with the secrets that `environ` or this has put back, others left as they are."""
        if "[secret:" in text:
            for name, value in {**environ, **self.known}.items():
                text = text.replace(f"[secret:{name}]", value)
        for row in self.vault.surrogates.rows if self.vault is not None else ():
            true = environ.get(row.name) or self.true_value(row.name)
            if true and not row.place and row.value in text:
                text = text.replace(row.value, true)
        return text

    def restore_variable(self, name: str, value: str, environ: Mapping[str, str]) -> str:
        """Return what `environ` has for `name` where `value` only stands for it; else `value`, restored."""
        is_hidden = self.vault is not None and self.vault.stands_for(name, value)
        if is_hidden and name in environ and is_secret(name):
            return environ[name]
        return self.restore(value, environ)

    # -- the last look ---------------------------------------------------------------------

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
        return tuple((form, name) for name, value in long for form in list_written(value))

    @property
    def replacements(self) -> Mapping[bytes, bytes]:
        """The placeholder for each form of each secret that is known by now."""
        now = self.now
        if now.replacements is None:
            known = [*self._longest_first(), *self.learned]
            if self.vault is not None:
                news = [(name, value) for value, name in list(self.vault.taught.items())]
                known += [*self.vault.known, *news]
            now.replacements = MappingProxyType(
                {
                    form.encode("utf-8", "surrogatepass"): b"[secret:%s]" % name.encode()
                    for name, value in known
                    for form in list_forms(value)
                }
            )
        return now.replacements

    # -- below -------------------------------------------------------------------------------

    def _meet(self, spans: Spans) -> Spans:
        """Return `spans`, once the vault has counted their secrets."""
        if self.vault is not None:
            for span in spans:
                if span.hit is not None and span.mark:
                    self.vault.meet(name_of(span.mark), span.hit.secret.decode("utf-8", "surrogateescape"))
                    if span.hit.place:
                        self.vault.teach(name_of(span.mark), span.hit.secret)
        return spans

    def _longest(self, taught: Mapping[str, str]) -> int:
        """Bytes that a known secret may go over, however it is written; all, for other finders."""
        if any(finder is not patterns.found for finder in self.finders):
            return MOST
        values = [*self.known.values(), *(value for _, value in (*self.also, *self.learned)), *taught]
        if self.vault is not None:
            values += [value for _, value in self.vault.known]
        return 1 + _ESCAPED * max(map(len, values), default=_LEAST_LONG)

    def _finds(self, value: str) -> bool:
        """True if a finder finds `value` by itself, so that it has a name already wherever it stands."""
        ours = tuple(finder for finder in self.finders if finder in OURS)
        return _is_found(ours, value)

    def _longest_first(self) -> list[tuple[str, str]]:
        given = [pair for pair in self.known.items() if pair[0] not in self.weak]
        return sorted((*given, *self.also), key=lambda pair: (-len(pair[1]), pair[0]))

    def _headers(self, pairs: Headers, least: int = 0) -> Headers:
        known = self.now
        return tuple([(name, self._header(known, name.lower(), value, least)) for name, value in pairs])

    def _header(self, known: Known, low: str, value: str, least: int) -> str:
        """The value of a header as it may be shown."""
        shown = known.shown.get((low, value, least))
        if shown is None:
            if len(known.shown) >= REMEMBERED:
                known.shown.clear()
            shown = self._hide(known, low, value, lambda raw: self.header_spans(low, raw, least), least)
            known.shown[low, value, least] = shown
        return shown

    def _hide(
        self, known: Known, kind: str, text: str, look: Callable[[bytes], Spans], least: int = 0
    ) -> str:
        """`text` without what `look` finds; a short one in which that is nothing is not looked at again."""
        if known.plain is not None and (kind, text, least) in known.plain:
            return text
        raw = text.encode("utf-8", "surrogatepass")
        if spans := self._meet(look(raw)):
            return replace(raw, spans).decode("utf-8", "surrogatepass")
        known.remember(kind, text, least)
        return text

    def _request(self, request: Request) -> Request:
        pairs, url = self._headers(request.headers), self.text(request.url)
        method, body = self.clean(request.method), request.body
        if spans := self._meet(self.now.growing.spans(body, names=self.rules >= RULES)):
            body = replace(body, spans)
        if body and is_encoded(request.headers) and (plain := decode_body(request.headers, (request.body,))):
            clear = b"".join(plain)
            if spans := self._meet(self.body_spans(clear)):
                pairs, body = drop_encoding(pairs), replace(clear, spans)
        if pairs == request.headers and url == request.url and body is request.body:
            return request
        return Request(method, url, pairs, body, request.omitted)

    def _response(self, response: Response) -> Response:
        end = response.end
        if isinstance(end, Fault):
            end = Fault(end.kind, self.text(end.message))
        pairs, reason = self._headers(response.headers, SHORTEST), self.clean(response.reason)
        plain = decode_chunks(response)
        chunks = response.chunks if plain is None else plain
        if spans := self._meet(self.body_spans(b"".join(chunks))):
            pairs, chunks = (
                pairs if plain is None else drop_encoding(pairs),
                recut(chunks, list_places(spans)),
            )
        else:
            chunks = response.chunks
        clean = Response(response.status, pairs, chunks, end, reason, response.http_version, response.omitted)
        return response if clean == response else clean


@lru_cache(maxsize=4096)
def _is_found(finders: tuple[Finder, ...], value: str) -> bool:
    """True if one of `finders` finds all of `value`."""
    raw = value.encode("utf-8", "surrogatepass")
    return any(span[:2] == (0, len(raw)) for finder in finders for span in finder(raw, 0))
