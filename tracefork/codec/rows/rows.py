"""Records as rows of JSON, with the bytes of bodies beside them. Pure.

A row is a list. What repeats is a number: a header pair or a list of them that
came before, a time as the distance from another, a body as the delta against an
earlier one, and in a branch a question, answer or timing as the number of the
parent's step that has it. Writer and reader keep the same tables, so a row can
be read only after all rows before it.

    ["a", call, lane, began, at, question], or with the site behind
    ["h", call, tick]
    ["e", call, span, answer, timing], or with the origin behind
    ["s", surrogates, places]
    ["p", departure]
    ["c", outcome]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias, TypeVar

from attrs import evolve

from ...core.surrogates import Place, Surrogate, Surrogates
from ...core.values import (
    Answer,
    Call,
    Deferred,
    Departure,
    Exchange,
    Fault,
    Headers,
    Omitted,
    Outcome,
    Question,
    Request,
    Response,
    Step,
)
from ...errors import CorruptTape
from .. import strict_json
from ..bodies.bases import Heads
from ..bodies.chain import MOST_PIECES, Bodies
from ..bodies.delta import LITERAL, Ops, make_delta, patch, take_literal
from ..limits import Limits, check_count
from ..records import Asked, Closed, Ended, Headed, Hidden, Parted, Record
from ..strict_json import are_whole, expect_list, expect_natural, expect_text, expect_whole
from . import times
from .headers import HeaderReader, HeaderWriter

Row: TypeAlias = "list[object]"
Cuts: TypeAlias = "object"
"""How a response lies beside its row: JSON that means something to whoever wrote the bytes."""

T = TypeVar("T")
_KEY = re.compile(r"([0-9]{1,12}):[0-9a-f]{24}")
_ENDS = ("eof", "closed", "cancelled")


class Sink(Protocol):
    """Takes the bytes of bodies, in the order of their rows."""

    def literal(self, data: bytes) -> None: ...
    def response(self, chunks: tuple[bytes, ...]) -> Cuts: ...


class Source(Protocol):
    """Gives them back in that order."""

    def literal(self, size: int) -> bytes: ...
    def response(self, cuts: Cuts) -> tuple[bytes, ...] | Deferred: ...


class _Tables:
    """What both sides know: headers and bodies that came before, calls under way, the parent's steps."""

    def __init__(self, parent: Sequence[Step]) -> None:
        self.parent = parent
        self.bodies = Bodies()
        self.sites: dict[str, int] = {}
        self.calls: dict[int, Asked] = {}
        self.sources: dict[int, int] = {}  # call -> the parent's step that asked the same
        self.last_at = 0.0

    def usual_site(self, call: int) -> str:
        """The site of a question for which none is given: that of the parent's step that asked the same."""
        step = self.sources.get(call)
        return "" if step is None else self.parent[step].site

    def adopt(self, step: int) -> int | None:
        """Number the body of a step of the parent, so that later ones can be made of it."""
        asked = self.parent[step].asked
        if not isinstance(asked, Request) or asked.omitted or not isinstance(asked.kept, Deferred):
            return None
        return self.bodies.adopt(asked.kept)


class RowWriter:
    """Makes rows of records. `parent` has the steps that a branch may refer to, none otherwise."""

    def __init__(self, parent: Sequence[Step] = ()) -> None:
        self._tables = _Tables(parent)
        self._headers = HeaderWriter(_headers(parent))
        self._heads = Heads()
        self._next = 0  # the parent's step that most likely comes next
        self._asked: dict[object, list[int]] = {}
        for number, step in enumerate(parent):
            self._asked.setdefault(_outline(step.asked), []).append(number)

    def write(self, record: Record, sink: Sink) -> tuple[Row, Record]:
        """Return the row of `record`, and the record with its body kept in less room."""
        match record:
            case Asked(call, question, lane, began, at, site):
                written, kept = self._write_question(call, question, sink)
                where = self._write_site(call, site)
                since, self._tables.last_at = times.write_time(at, self._tables.last_at), at
                self._tables.calls[call] = record
                if kept is not question:
                    record = evolve(record, question=kept)
                return ["a", call, lane, began, since, written, *where], record
            case Headed(call, tick):
                return ["h", call, tick], record
            case Ended(call, answer, span, timing, origin):
                asked = self._tables.calls.pop(call, None)
                of = self._tables.sources.pop(call, None)
                same = self._tables.parent[of] if of is not None else None
                answered = (
                    of if same is not None and same.answer == answer else self._write_answer(answer, sink)
                )
                when = of if same is not None and same.timing == timing else times.write_timing(timing, asked)
                more = [] if origin is None else [origin]
                return ["e", call, times.write_span(span, asked), answered, when, *more], record
            case Hidden(surrogates):
                rows = [[row.name, row.value, row.place] for row in surrogates.rows]
                texts = [
                    [key, *[n for place in places for n in place]] for key, places in surrogates.where.items()
                ]
                return ["s", rows, texts], record
            case Parted(departure):
                return ["p", strict_json.unstructure(departure)], record
            case Closed(outcome):
                return ["c", strict_json.unstructure(outcome)], record

    def _write_site(self, call: int, site: str) -> list[object]:
        """Where the question of `call` came from: nothing, if that is what a reader takes for granted."""
        tables = self._tables
        if site == tables.usual_site(call):
            return []
        if site in tables.sites:
            return [tables.sites[site]]
        tables.sites[site] = len(tables.sites)
        return [site]

    def _write_question(self, call: int, question: Question, sink: Sink) -> tuple[object, Question]:
        if (step := self._find_step(question)) is not None:
            self._next = step + 1
            self._tables.sources[call] = step
            number = self._tables.adopt(step)
            if number is not None and isinstance(question, Request):
                body = question.body
                self._heads.follow(number, body, (), self._heads.choose(body))
            return step, self._tables.parent[step].asked
        if not isinstance(question, Request):
            return strict_json.unstructure(question, strict_json.ASKED), question
        head = [question.method, question.url, self._headers.write(question.headers)]
        if question.omitted:
            return [*head, strict_json.unstructure(question.omitted)], question
        body = question.body
        choice = self._heads.choose(body)
        base = choice.head.number if choice else None
        ops = make_delta(choice.head.body, body, choice.prefix) if choice else _keep_whole(body)
        if base is not None and self._tables.bodies.count_pieces(base, ops) > MOST_PIECES:
            base, ops = None, _keep_whole(body)
        new = take_literal(ops, body)
        if choice and patch(choice.head.body, ops, new) != body:  # a delta is believed once it was undone
            base, ops, new = None, _keep_whole(body), body
        kept = self._tables.bodies.add(base, ops, new)
        sink.literal(new)
        self._heads.follow(kept.number, body, ops, choice)
        back = 0 if base is None else kept.number - base
        flat = [n for op in ops for n in op]
        return [*head, [back, *flat]], evolve(question, body=kept)

    def _find_step(self, question: Question) -> int | None:
        """The parent's step that asked the same, looked for where it likely is and then from there on."""
        parent, alike = self._tables.parent, self._asked.get(_outline(question), ())
        for step in sorted(alike, key=lambda step: step < self._next):
            if parent[step].asked == question and _is_of_code(parent[step].asked, question):
                return step
        return None

    def _write_answer(self, answer: Answer, sink: Sink) -> object:
        if not isinstance(answer, Response):
            return strict_json.unstructure(answer, strict_json.ANSWERED)
        end = strict_json.unstructure(answer.end) if isinstance(answer.end, Fault) else answer.end
        omitted = strict_json.unstructure(answer.omitted) if answer.omitted else None
        head = [
            answer.status,
            self._headers.write(answer.headers),
            end,
            answer.reason,
            answer.http_version,
            omitted,
        ]
        return [*head, sink.response(answer.chunks)]


class RowReader:
    """Makes records of rows; the parent's steps are those that the writer had."""

    def __init__(self, parent: Sequence[Step], limits: Limits) -> None:
        self._tables = _Tables(parent)
        self._limits = limits
        self._sites = list[str]()
        self._headers = HeaderReader(_headers(parent), limits.headers)
        self._total = 0

    def read(self, row: object, source: Source) -> Record:
        """Return the record of `row`, within `strict_json.damage`.

        Raises:
            TooLarge: it is more than the limits allow.
            CorruptTape: it is no such row.
        """
        match row:
            case ["a", call, lane, began, since, plain, *site]:
                return self._read_asked(expect_whole(call), [lane, began, since, plain], site, source)
            case ["h", call, tick]:
                return Headed(expect_whole(call), expect_whole(tick))
            case ["e", call, span, answered, when, *origin]:
                return self._read_ended(expect_whole(call), span, answered, when, origin, source)
            case ["s", rows, texts]:
                return Hidden(_surrogates(expect_list(rows), expect_list(texts)))
            case ["p", departure]:
                return Parted(strict_json.structure(departure, Departure))
            case ["c", outcome]:
                return Closed(strict_json.structure(outcome, Outcome))
            case _:
                raise CorruptTape("a row is of no kind that is known")

    def _read_asked(self, call: int, asked: list[object], site: list[object], source: Source) -> Asked:
        lane, began, since, plain = asked
        tables = self._tables
        tables.last_at = at = times.read_time(since, tables.last_at)
        question = self._read_question(call, plain, source)
        where = self._read_site(call, site)
        tables.calls[call] = record = Asked(call, question, expect_text(lane), expect_whole(began), at, where)
        return record

    def _read_site(self, call: int, plain: list[object]) -> str:
        sites = self._tables.sites
        match plain:
            case []:
                return self._tables.usual_site(call)
            case [str(text)] if text not in sites:
                sites[text] = len(sites)
                self._sites.append(text)
                return text
            case [int(number)] if type(number) is int and 0 <= number < len(self._sites):
                return self._sites[number]
        raise CorruptTape("where a question came from is no such place")

    def _read_ended(
        self, call: int, span: object, answered: object, when: object, origin: list[object], source: Source
    ) -> Ended:
        asked, of = self._tables.calls.pop(call, None), self._tables.sources.pop(call, None)
        answer = (
            self._parents_step(of).answer if type(answered) is int else self._read_answer(answered, source)
        )
        timing = self._parents_step(of).timing if type(when) is int else times.read_timing(when, asked)
        if len(origin) > 1:
            raise CorruptTape("a step has more than one origin")
        came = expect_natural(origin[0]) if origin else None
        return Ended(call, answer, times.read_span(span, asked), timing, came)

    def _parents_step(self, of: int | None) -> Step:
        if of is None:
            raise CorruptTape("a step refers to a parent's step that it did not ask")
        return self._tables.parent[of]

    def _read_question(self, call: int, plain: object, source: Source) -> Question:
        if type(plain) is int:
            return self._read_parents_question(call, plain)
        if type(plain) is dict:
            return strict_json.structure(plain, strict_json.ASKED)  # type: ignore[arg-type]
        method, url, headers, body = expect_list(plain)
        head = expect_text(method), expect_text(url), self._headers.read(headers)
        if type(body) is dict:
            return Request(*head, b"", strict_json.structure(body, Omitted))
        return Request(*head, self._read_body(expect_list(body), source))

    def _read_parents_question(self, call: int, step: int) -> Question:
        if not 0 <= step < len(self._tables.parent):
            raise CorruptTape(f"it refers to step {step} of its parent, which has {len(self._tables.parent)}")
        self._tables.sources[call] = step
        self._tables.adopt(step)
        return self._tables.parent[step].asked

    def _read_body(self, plain: list[object], source: Source) -> Deferred:
        check_count("pieces of one body", len(plain), MOST_PIECES)  # as `Bodies` would, but at once
        if not are_whole(plain) or len(plain) % 2 == 0:
            raise CorruptTape("the operations of a body are none")
        back, offsets, lengths, bodies = (
            expect_natural(plain[0]),
            plain[1::2],
            plain[2::2],
            self._tables.bodies,
        )
        self._count_bytes(sum(lengths))
        new = sum([length for offset, length in zip(offsets, lengths, strict=True) if offset == LITERAL])
        base = len(bodies) - back if back else None
        return bodies.add(base, tuple(zip(offsets, lengths, strict=True)), source.literal(new))

    def _count_bytes(self, size: int) -> None:
        self._total += size
        if size > self._limits.blob or self._total > self._limits.bodies:
            check_count("bytes in one body", size, self._limits.blob)
            check_count("bytes in all bodies", self._total, self._limits.bodies)

    def _read_answer(self, plain: object, source: Source) -> Answer:
        if type(plain) is dict:
            answer: Answer = strict_json.structure(plain, strict_json.ANSWERED)  # type: ignore[arg-type]
            return answer
        status, headers, end, reason, version, omitted, cuts = expect_list(plain)
        made = Response(
            expect_whole(status),
            self._headers.read(headers),
            source.response(cuts),
            end if end in _ENDS else strict_json.structure(end, Fault),  # type: ignore[arg-type]
            expect_text(reason),
            expect_text(version),
            None if omitted is None else strict_json.structure(omitted, Omitted),
        )
        self._count_bytes(made.size)
        return made


def _surrogates(rows: list[object], texts: list[object]) -> Surrogates:
    made, where = list[Surrogate](), dict[str, tuple[Place, ...]]()
    for row in rows:
        name, value, place = expect_list(row)
        made.append(Surrogate(expect_text(name), expect_text(value), expect_text(place)))
    for text in texts:
        key, *numbers = expect_list(text)
        if not _KEY.fullmatch(expect_text(key)):
            raise CorruptTape("surrogates stand in a text of no known name")
        triples = list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))
        places = tuple(
            (expect_whole(start), expect_whole(stop), expect_text(mark)) for start, stop, mark in triples
        )
        ends = [n for start, stop, _ in places for n in (start, stop)]
        if ends != sorted(ends) or (ends and ends[0] < 0):  # of a compressed body they are those of another
            raise CorruptTape("the places of surrogates are in no order")
        where[expect_text(key)] = places
    return Surrogates(tuple(made), where)


def _is_of_code(one: Question, other: Question) -> bool:
    """True unless these are calls of different code: equal as questions, but not as rows."""
    if not (isinstance(one, Call) and isinstance(other, Call)):
        return True
    return (one.code, one.inside, one.repeatable) == (other.code, other.inside, other.repeatable)


def _outline(question: Question) -> object:
    """What equal questions share, and few others: it is quickly had."""
    if isinstance(question, Request):
        kept = question.kept
        return question.method, question.url, len(kept)
    return question


def _headers(parent: Iterable[Step]) -> Iterator[Headers]:
    for step in parent:
        if isinstance(step, Exchange):
            yield step.request.headers
            if isinstance(step.answer, Response):
                yield step.answer.headers


def _keep_whole(body: bytes) -> Ops:
    return ((LITERAL, len(body)),) if body else ()
