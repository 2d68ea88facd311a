"""Surrogates: the texts that replace secrets in a tape's answers, and the places where they stand. Pure.

1. A secret in an answer is replaced by a *surrogate* of the same shape: the agent of a replay reads it as
   it read the secret. It is drawn by chance; nothing about the secret can be had from it.
2. What is digested, compared and shown is the answer with `[secret:NAME]` in its place: `masked`.
   So neither depends on chance.
3. Where surrogates stand is looked up by content: a text with surrogates has a `key`, and under that
   key stands from where to where they go. A text that somebody changed has none, and stays what it is.

Questions need no surrogates: nobody reads what they asked. They are kept with `[secret:NAME]` in them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from itertools import accumulate
from typing import Protocol, TypeAlias, TypeVar

from attrs import evolve, field, frozen

from .content_encoding import decode_before_damage, decode_body, is_encoded
from .values import Answer, Draw, Effect, Exchange, Fault, Headers, Reading, Reply, Response, Step

Place: TypeAlias = "tuple[int, int, str]"
"""From which byte to which, of a text in UTF-8 or a decoded body, and what stands for it: `[secret:NAME]`."""

BODY, ENCODED, TEXT = "body", "encoded", "text"
"""What a key may be of, beside the value of a header, which has the header's name in lower case."""

REDACTED = "x-tracefork-redacted"
"""The header that marks a body which is shown decoded, since there were secrets in it."""

RULES = 2
"""The rules by which secrets are taken out of questions. By the first, which older tapes have, URLs in bodies
were not looked at; a tape is replayed by the rules that it was recorded by."""

S = TypeVar("S", bound=Step)


@frozen
class Surrogate:
    """`value` stands for a secret of this `name`: the variable that held it, a header, or an issuer.

    Where `place` is "", it is known wherever it stands. Other values may stand somewhere by chance: they
    are known only as the whole value of a header ("header"), a cookie ("cookie"), a parameter of a
    URL ("parameter") or a variable of the process ("variable").
    """

    name: str
    value: str
    place: str = ""

    @property
    def mark(self) -> str:
        """What is shown in its place."""
        return f"[secret:{self.name}]"


def _freeze(where: Mapping[str, Sequence[Place]]) -> Mapping[str, tuple[Place, ...]]:
    return {key: tuple(places) for key, places in where.items()}


@frozen
class Surrogates:
    """The surrogates of a tape, and under the key of each text that holds some, where they stand in it."""

    rows: tuple[Surrogate, ...] = ()
    where: Mapping[str, tuple[Place, ...]] = field(
        factory=dict, converter=_freeze, repr=lambda w: f"<{len(w)} texts>"
    )

    def __bool__(self) -> bool:
        return bool(self.rows or self.where)

    def __hash__(self) -> int:
        return hash((self.rows, len(self.where)))

    def plus(self, more: Surrogates) -> Surrogates:
        """These, and `more` that came later."""
        if not more:
            return self
        return Surrogates(tuple(dict.fromkeys((*self.rows, *more.rows))), {**self.where, **more.where})

    def of(self, answers: Iterable[Answer]) -> Surrogates:
        """Return these surrogates with those texts alone that `answers` hold; all rows stay."""
        found = {at for answer in answers for at in list_keys(answer, self._lengths)} if self.where else set()
        return Surrogates(self.rows, {at: places for at, places in self.where.items() if at in found})

    def masked(self, answer: Answer) -> Answer:
        """Return `answer` with `[secret:NAME]` in the place of each surrogate; the same if it has none."""
        if not self.where:
            return answer
        match answer:
            case Response():
                return self._response(answer)
            case Fault(kind, message):
                return Fault(kind, text) if (text := self.text(message)) != message else answer
            case Reading(value):
                return Reading(text) if (text := self.text(value)) != value else answer
            case Reply(kind, value, of):
                return Reply(kind, text, of) if (text := self.text(value)) != value else answer

    def step(self, step: S) -> S:
        """Return `step` with its answer masked; the same if there is nothing to mask."""
        answer = self.masked(step.answer)
        if answer is step.answer:
            return step
        match step, answer:
            case Draw(), Reading():
                return evolve(step, reading=answer)
            case Effect(), Reply() | Fault():
                return evolve(step, reply=answer)
            case Exchange(), Response() | Fault():
                return evolve(step, answer=answer)
            case _:
                return step

    def text(self, text: str, kind: str = TEXT) -> str:
        """Return `text`, or the value of the header `kind`, with `[secret:NAME]` in it."""
        if len(text) > self._longest or not self.where:
            return text
        raw = text.encode("utf-8", "surrogatepass")
        places = self._places(raw, kind)
        return replace_places(raw, places).decode("utf-8", "surrogatepass") if places else text

    def _response(self, response: Response) -> Response:
        headers = tuple([(name, self.text(value, name.lower())) for name, value in response.headers])
        reason, end = self.text(response.reason), response.end
        if isinstance(end, Fault):
            end = Fault(end.kind, self.text(end.message))
        chunks, body = response.kept, None
        if response.size in self._lengths:
            body = self._body(response)
        if body is not None:
            headers, chunks = (drop_encoding(headers) if is_encoded(response.headers) else headers), body
        elif headers == response.headers and reason == response.reason and end == response.end:
            return response
        return Response(
            response.status, headers, chunks, end, reason, response.http_version, response.omitted
        )

    def _body(self, response: Response) -> tuple[bytes, ...] | None:
        """The chunks of a masked body; None where it holds no surrogate."""
        if places := self._places(response.body, BODY):
            return recut(response.chunks, places)
        if is_encoded(response.headers) and (places := self._places(response.body, ENCODED)):
            plain = decode_chunks(response)
            return None if plain is None else recut(plain, places)
        return None

    def _places(self, raw: bytes, kind: str) -> tuple[Place, ...]:
        return self.where.get(make_key(raw, kind), ()) if len(raw) in self._lengths else ()

    @cached_property
    def _lengths(self) -> frozenset[int]:
        """How long the texts are that hold surrogates: of others no key has to be made."""
        return frozenset(int(key.partition(":")[0]) for key in self.where)

    @cached_property
    def _longest(self) -> int:
        return max(self._lengths, default=0)


NONE = Surrogates()
"""For a tape in which nothing was replaced, or that is older than surrogates."""


class Replaced(Protocol):
    """What has steps, some of whose answers may hold surrogates."""

    @property
    def steps(self) -> Sequence[Step]: ...
    @property
    def surrogates(self) -> Surrogates: ...


def mask_steps(recorded: object) -> Sequence[Step]:
    """Return the steps of a tape with `[secret:NAME]` where surrogates stand, which is how they are compared.

    What has no `surrogates` gives its steps as they are.
    """
    steps: Sequence[Step] = recorded.steps  # type: ignore[attr-defined]
    surrogates: Surrogates = getattr(recorded, "surrogates", NONE)
    return [surrogates.step(step) for step in steps] if surrogates.where else steps


def decode_chunks(response: Response) -> tuple[bytes, ...] | None:
    """Return what the chunks of a compressed response decode to, of a damaged one before the damage.

    None if it is not compressed, or nothing of it decodes.
    """
    if not is_encoded(response.headers):
        return None
    chunks = response.chunks
    return decode_body(response.headers, chunks) or decode_before_damage(response.headers, chunks)


def make_key(raw: bytes, kind: str) -> str:
    """The key of a text: how long it is, and the first 24 hexadecimal digits of a hash of it and its kind."""
    return f"{len(raw)}:{sha256(kind.encode('utf-8', 'surrogatepass') + bytes(1) + raw).hexdigest()[:24]}"


def list_keys(answer: Answer, lengths: Container[int]) -> Iterator[str]:
    """Give the keys of the texts in `answer` that are as long, in bytes, as one of `lengths`."""
    texts = list[tuple[str, str]]()
    match answer:
        case Response():
            texts = [(value, name.lower()) for name, value in answer.headers]
            texts.append((answer.reason, TEXT))
            if isinstance(answer.end, Fault):
                texts.append((answer.end.message, TEXT))
            if answer.size in lengths:
                body = answer.body
                yield from (make_key(body, kind) for kind in (BODY, ENCODED))
        case Fault(_, text) | Reading(text) | Reply(_, text):
            texts = [(text, TEXT)]
    for text, kind in texts:
        raw = text.encode("utf-8", "surrogatepass")
        if len(raw) in lengths:
            yield make_key(raw, kind)


def replace_places(raw: bytes, places: Iterable[Place]) -> bytes:
    """Return `raw` with each of `places`, which are in order and apart, replaced by its mark."""
    out, at = list[bytes](), 0
    for start, stop, mark in places:
        out += [raw[at:start], mark.encode("utf-8", "surrogatepass")]
        at = stop
    return b"".join([*out, raw[at:]])


def recut(chunks: Sequence[bytes], places: Iterable[Place]) -> tuple[bytes, ...]:
    """Return `chunks` with each of `places` of the body replaced by its mark, cut where they were cut.

    A cut that fell inside of a place moves behind what now stands there.
    """
    body, out, cuts, at = b"".join(chunks), list[bytes](), list(accumulate(map(len, chunks))), 0
    done, moved, ends = 0, 0, list[int]()
    for start, stop, text in places:
        mark = text.encode("utf-8", "surrogatepass")
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


def drop_encoding(headers: Headers) -> Headers:
    """Return the headers of a body that is shown decoded."""
    kept = tuple((n, v) for n, v in headers if n.lower() not in ("content-encoding", "content-length"))
    return (*kept, (REDACTED, "body stored decoded"))
