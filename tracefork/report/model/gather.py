"""Makes a View from the steps of a run, one at a time, so that a run can be shown while it is recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import chain
from typing import TypeAlias

from ...core.content_encoding import decode_body as undone
from ...core.content_encoding import is_encoded
from ...core.tape import Tape
from ...core.values import Exchange, Lane, Response
from ...providers import base, paths, read
from ...providers.messages import Completion, Message
from ...providers.prices import Prices, cache_saving, cost, listed
from ..served import Mark, find_sources, is_parent, knows_origins, mark_step
from . import clock
from .arrivals import arrivals
from .asides import asides
from .blame import Blame, BlameLike
from .branches import gather_branches
from .costs import drop_repeated
from .course import course_of
from .cutting import Cutter
from .echoes import is_echo
from .ending import STANDING
from .pool import BETWEEN, Pool
from .repeats import RECENT, Asked, Lineage, Lineages, pieces_of
from .titles import title
from .verified import Replayed, VerdictLike
from .view import Aside, StepView, Totals, View

Heard: TypeAlias = tuple[int | None, int | None, tuple[bytes, ...]]
Through: TypeAlias = Callable[[Sequence[Exchange]], Iterable[Exchange]]

NO_TURNS = frozenset({*STANDING, "input", "query"})
"""These, and the roles of what is measured, such as embedded: that is no turn of anybody's."""

_MODEL = re.compile(r'"model"\s*:\s*"([^"\\]*)"')
_SECRET = re.compile(r"\[secret:[^\]\s]{1,80}\]")


class Gathering:
    """Makes the steps of a View, in the order in which they are given; `pool` grows with them."""

    def __init__(self, prices: Prices | None = None) -> None:
        self._prices = prices or listed()
        self.pool = Pool()
        self._cutter = Cutter(self.pool)
        self._lineages = Lineages()
        self._answers = list[Completion | None]()
        self._asking = set[Lane]()
        self._made = list[tuple[Lineage, Lane]]()
        self._sizes = list[int]()
        self._punctuation = set[int]()
        self._turns = set[int]()

    def step(
        self, exchange: Exchange, index: int, since: float, mark: Mark = "", source: int | None = None
    ) -> StepView:
        """The view of exchange `index`; times are counted from `since`, in seconds since the epoch.

        `mark` and `source` are those of the step.
        """
        api = read.api(exchange.request)
        pieces = self._cutter.cut(exchange.request.body, api)
        self._sort_new()
        lineage = self._lineages.follow(self._question(len(self._made), pieces), exchange.lane)
        self._made.append((lineage, exchange.lane))
        fresh = lineage.fresh
        kept = set(pieces).difference(fresh)
        repeated = len(kept & self._turns)
        asks = repeated > 0 or not self._turns.isdisjoint(fresh)
        restarts = asks and not repeated and exchange.lane in self._asking and index > 0
        if asks:
            self._asking.add(exchange.lane)
        completion = read.completion(exchange)
        before = None if lineage.base is None else self._answers[lineage.base]
        self._answers.append(completion)
        response, unfolded, chunks = self._response(exchange, completion)
        body = b"".join(chunks)
        times = clock.clamp_all(exchange.timing.chunks)
        named = (completion.model if completion else "") or self._model(pieces)
        model = named or (paths.find_model(exchange.request.url) if api else "")
        url, prices = exchange.request.url, self._prices
        began, headed, ended = clock.span(exchange.timing, since)
        return StepView(
            index=index,
            exchange=exchange,
            title=title(exchange, completion, body),
            api=api.name if api else "",
            model=model,
            lineage=lineage,
            response=response,
            decoded=unfolded,
            completion=completion,
            began=began,
            headed=headed,
            ended=ended,
            cost=cost(completion, model, prices=prices, url=url) if completion else None,
            saved=cache_saving(completion, model, prices=prices, url=url) if completion else None,
            arrivals=arrivals(chunks, times) if _is_stream(exchange, body) else (),
            repeated=repeated,
            hidden=sum(map(self._sizes.__getitem__, kept)),
            echoed=tuple([n for n in fresh if self._is_echo(n, before)]),
            restarts=restarts,
            mark=mark,
            source=source,
        )

    def go_on(self, numbers: Sequence[int]) -> None:
        """Compare the next steps with those of these numbers only, as if no others had come."""
        last = {self._made[number][1]: number for number in numbers}
        self._lineages = Lineages()
        for number in sorted({*numbers[-RECENT:], *last.values()}):
            pieces = pieces_of(number, lambda step: self._made[step][0])
            self._lineages.keep(self._question(number, pieces), self._made[number][1])

    def _question(self, number: int, pieces: tuple[int, ...]) -> Asked:
        return Asked(number, pieces, frozenset(pieces) - self._punctuation)

    def _sort_new(self) -> None:
        """Note the size of each piece that is new in the pool, and what is looked at in every question."""
        for number in range(len(self._sizes), len(self.pool)):
            piece = self.pool.pieces[number]
            self._sizes.append(piece.size)
            if piece.key == BETWEEN:
                self._punctuation.add(number)
            elif isinstance(piece.reading, Message) and piece.reading.role not in NO_TURNS:
                self._turns.add(number)

    def _response(self, exchange: Exchange, completion: Completion | None) -> Heard:
        """Store the response as pieces, raw and decoded; return their numbers, and the chunks as decoded."""
        answer = exchange.answer
        if not isinstance(answer, Response):
            return None, None, ()
        wire = answer.chunks
        if not is_encoded(answer.headers):
            return self.pool.body(b"".join(wire), completion), None, wire
        raw, chunks = self.pool.body(b"".join(wire)), undone(answer.headers, wire)
        if chunks is None:
            return raw, None, wire
        return raw, self.pool.body(b"".join(chunks), completion), chunks

    def _is_echo(self, number: int, answer: Completion | None) -> bool:
        reading = self.pool.pieces[number].reading
        return isinstance(reading, Message) and is_echo(reading, answer)

    def _model(self, pieces: Sequence[int]) -> str:
        """The model that the question names, outside of its lists."""
        for number in pieces:
            piece = self.pool.pieces[number]
            if piece.key == BETWEEN and (found := _MODEL.search(piece.text)):
                return found[1]
        return ""


def view_of(
    tape: Tape,
    *,
    blame: BlameLike | None = None,
    branches: Iterable[object] = (),
    verified: VerdictLike | None = None,
    prices: Prices | None = None,
    parent: object | None = None,
    failure: str = "",
    beside: Iterable[object] = (),
    through: Through = iter,
) -> View:
    """Return the View of a finished tape; see `html` for the arguments.

    The exchanges are taken `through` a function that gives them back, and may count them.
    """
    gathering, tape = Gathering(prices), tape.masked
    above = None if parent is None else tape_of(parent)
    above = above.masked if above is not None and is_parent(above, tape) else None
    start = clock.since(tape.steps)
    known = knows_origins(tape.parent, tape.steps)
    sources = find_sources(above, tape)
    steps = tuple(
        gathering.step(exchange, n, start, mark_step(exchange, tape.parent) if known else "", sources.get(n))
        for n, exchange in enumerate(through(tape.exchanges))
    )
    between = tuple(asides(tape, start))
    strangers = [tape_of(run).masked for run in beside]
    others = (*(tape_of(branch).masked for branch in branches), *strangers)
    grown = tuple(gather_branches(gathering, tape, others, prices, strangers=len(strangers)))
    everything: list[Iterable[StepView | Aside]] = [steps, between, *(branch.steps for branch in grown)]
    return View(
        run_id=tape.run_id,
        agent_name=tape.agent_name,
        created_at=tape.created_at,
        digest=tape.digest(),
        outcome=tape.outcome,
        parent=tape.parent,
        steps=steps,
        asides=between,
        branches=grown,
        blame=Blame.of(blame) if blame is not None else None,
        totals=_totals(steps),
        lanes=tuple(dict.fromkeys(one.lane for one in chain.from_iterable(everything))),
        secrets=_secrets(gathering.pool, tape),
        pieces=tuple(gathering.pool),
        verified=Replayed.of(verified, len(steps)) if verified is not None else None,
        course=course_of(tape, above, prices),
        failure=failure,
    )


def tape_of(branch: object) -> Tape:
    """A branch as a tape: itself, or its `.tape`; TypeError if it has none."""
    found = branch if isinstance(branch, Tape) else getattr(branch, "tape", None)
    if not isinstance(found, Tape):
        raise TypeError(f"a branch is a Tape, or has one as its `tape`: {branch!r:.100}")
    return found


def _is_stream(exchange: Exchange, body: bytes) -> bool:
    return isinstance(exchange.answer, Response) and base.is_stream(exchange.answer, body)


def _totals(steps: Sequence[StepView]) -> Totals:
    steps = list(drop_repeated(steps))
    usages = [step.usage for step in steps if step.usage]
    costs = [step.cost for step in steps if step.cost is not None]
    return Totals(
        max((step.ended for step in steps), default=0.0),
        sum(usage.input or 0 for usage in usages),
        sum(usage.output or 0 for usage in usages),
        sum(costs, Decimal(0)),
        len(costs),
        len(usages),
    )


def _secrets(pool: Pool, tape: Tape) -> tuple[str, ...]:
    """The distinct placeholders in what was sent and got, in the order of the alphabet."""
    texts = {piece.text for piece in pool if not piece.binary and "[secret:" in piece.text}
    for exchange in tape:
        answer = exchange.answer
        texts.add(exchange.request.url)
        texts.update([value for _, value in exchange.request.headers])
        texts.update([value for _, value in answer.headers] if isinstance(answer, Response) else ())
    return tuple(sorted({name for text in texts for name in _SECRET.findall(text)}))
