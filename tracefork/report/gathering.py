"""From steps to a View, one step at a time: a run may still be going on while it is shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import TypeAlias

from ..codec.content import decoded as undone
from ..codec.content import is_encoded
from ..core.diff import diff
from ..core.tape import Tape
from ..core.values import (
    Answer,
    Branch,
    Call,
    Exchange,
    Fault,
    Question,
    Reading,
    Reply,
    Response,
    Source,
    Step,
)
from ..providers import base, read
from ..providers.messages import Completion, Message
from ..providers.prices import Prices, cost, listed
from .arrivals import arrivals
from .blaming import Blame, BlameLike
from .cutting import Cutter
from .echoes import is_echo
from .lineage import Lineages
from .parents import RUN, parents
from .pool import BETWEEN, Pool
from .titles import title
from .verdicts import Replayed, VerdictLike
from .view import Aside, BranchView, StepView, Totals, View

Heard: TypeAlias = tuple[int | None, int | None, tuple[bytes, ...]]
Through: TypeAlias = Callable[[Sequence[Exchange]], Iterable[Exchange]]

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

    def step(self, exchange: Exchange, index: int, since: float) -> StepView:
        """The view of exchange `index`; times are counted from `since`, in seconds since the epoch."""
        api = read.api(exchange.request)
        pieces = self._cutter.cut(exchange.request.body, api)
        said = frozenset(n for n in pieces if self.pool.pieces[n].key != BETWEEN)
        lineage = self._lineages.follow(len(self._answers), pieces, said)
        kept = set(pieces).difference(lineage.fresh)
        completion = read.completion(exchange)
        before = None if lineage.base is None else self._answers[lineage.base]
        self._answers.append(completion)
        response, unfolded, chunks = self._heard(exchange, completion)
        body = b"".join(chunks)
        model = (completion.model if completion else "") or self._model(pieces)
        timing = exchange.timing
        began = timing.began - since
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
            headed=began + timing.headed,
            ended=began + timing.ended,
            cost=cost(completion, model, prices=self._prices) if completion else None,
            arrivals=arrivals(chunks, timing.chunks) if _is_stream(exchange, body) else (),
            repeated=sum(isinstance(self.pool.pieces[n].reading, Message) for n in kept),
            hidden=sum(len(self.pool.pieces[n].text) for n in kept),
            echoed=tuple(n for n in lineage.fresh if self._is_echo(n, before)),
        )

    def _heard(self, exchange: Exchange, completion: Completion | None) -> Heard:
        """The response as pieces, raw and decoded; and its chunks, decoded if they can be."""
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
        said = self.pool.pieces[number].reading
        return isinstance(said, Message) and is_echo(said, answer)

    def _model(self, pieces: Sequence[int]) -> str:
        """The model that the question names, outside of its lists."""
        for number in pieces:
            piece = self.pool.pieces[number]
            if piece.key == BETWEEN and (found := _MODEL.search(piece.text)):
                return found[1]
        return ""


def gathered(
    tape: Tape,
    *,
    blame: BlameLike | None = None,
    branches: Iterable[Tape] = (),
    verified: VerdictLike | None = None,
    prices: Prices | None = None,
    through: Through = iter,
) -> View:
    """The View of a finished tape; see `html` for the arguments.

    The exchanges are taken `through` a function that gives them back, and may count them.
    """
    gathering = Gathering(prices)
    since = _since(tape.steps)
    steps = tuple(gathering.step(exchange, n, since) for n, exchange in enumerate(through(tape.exchanges)))
    others = list(branches)
    grown, first = list[BranchView](), len(steps)
    for other, above in zip(others, parents(tape, others), strict=True):
        parent = tape if above is None or above == RUN else others[above]
        grown.append(_branch(gathering, other, parent, above, first))
        first += len(grown[-1].steps)
    asides = tuple(_asides(tape, since))
    everything: list[Iterable[StepView | Aside]] = [steps, asides, *(branch.steps for branch in grown)]
    return View(
        run_id=tape.run_id,
        agent_name=tape.agent_name,
        created_at=tape.created_at,
        digest=tape.digest(),
        outcome=tape.outcome,
        parent=tape.parent,
        steps=steps,
        asides=asides,
        branches=tuple(grown),
        blame=Blame.of(blame) if blame is not None else None,
        totals=_totals(steps),
        lanes=tuple(dict.fromkeys(one.lane for one in chain.from_iterable(everything))),
        secrets=_secrets(gathering.pool, tape),
        pieces=tuple(gathering.pool),
        verified=Replayed.of(verified, len(steps)) if verified is not None else None,
    )


def _is_stream(exchange: Exchange, body: bytes) -> bool:
    return isinstance(exchange.answer, Response) and base.is_stream(exchange.answer, body)


def _since(steps: Sequence[Step]) -> float:
    return min((step.timing.began for step in steps), default=0.0)


def _branch(gathering: Gathering, branch: Tape, parent: Tape, above: int | None, first: int) -> BranchView:
    """A branch, from where its steps are no longer those of the run that it is compared with."""
    parting = diff(parent, branch)
    taken = branch.parent.step if branch.parent and above is not None else len(branch)
    parts_at = min(taken if parting is None else parting.step, len(branch))
    since = _since(branch.steps)
    steps = tuple(gathering.step(branch[n], n, since) for n in range(parts_at, len(branch)))
    lineage = branch.parent or Branch(parent.run_id, parts_at)
    return BranchView(branch.run_id, lineage, above, branch.outcome, parts_at, first, steps, branch.digest())


def _asides(tape: Tape, since: float) -> Iterator[Aside]:
    before = 0
    for step in tape.steps:
        if isinstance(step, Exchange):
            before += 1
            continue
        kind, name, asked = _asked(step.asked)
        began = step.timing.began - since
        yield Aside(
            before, kind, name, asked, _answered(step.answer), step.lane, began, began + step.timing.ended
        )
    for left in tape.pending:
        kind, name, asked = _asked(left.asked)
        yield Aside(before, kind, name, asked, "in flight when the recording ended", left.lane, 0.0, 0.0)


def _asked(question: Question) -> tuple[str, str, str]:
    match question:
        case Source(kind, name):
            return "draw", f"{kind} {name}".strip(), ""
        case Call(name, arguments):
            return "tool", name, arguments
        case _:
            return "request", f"{question.method} {question.url}", ""


def _answered(answer: Answer) -> str:
    match answer:
        case Reading(text):
            return text
        case Reply(kind, value, of):
            return value if kind == "returned" else f"{kind} {of}: {value}"
        case Fault(kind, message):
            return f"{kind}: {message}"
        case _:
            return ""


def _totals(steps: Sequence[StepView]) -> Totals:
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
    found = {name for piece in pool for name in _SECRET.findall(piece.text) if not piece.binary}
    for exchange in tape:
        answer = exchange.answer
        lists = [exchange.request.headers, answer.headers if isinstance(answer, Response) else ()]
        found.update(name for headers in lists for _, value in headers for name in _SECRET.findall(value))
        found.update(_SECRET.findall(exchange.request.url))
    return tuple(sorted(found))
