"""Hypothesis strategies for tracefork values: well-formed by construction."""

from __future__ import annotations

from attrs import evolve, frozen
from hypothesis import strategies as st

from ..core.tape import Tape
from ..core.values import (
    CANCELLED,
    RETURNED,
    Answer,
    Call,
    Draw,
    Effect,
    Exchange,
    Fault,
    Outcome,
    Reading,
    Reply,
    Request,
    Response,
    Source,
    Span,
    Step,
)

LANES = ("", "a.0", "a.1")

text = st.text(st.characters(codec="utf-8"), max_size=8)
latin = st.text(st.characters(codec="latin-1"), max_size=8)
headers = st.lists(st.tuples(latin, latin), max_size=3).map(tuple)
requests = st.builds(Request, st.sampled_from(["GET", "POST"]), text, headers, st.binary(max_size=1))
faults = st.builds(Fault, st.just("ConnectError"), text)
responses = st.builds(
    Response,
    st.integers(100, 599),
    headers,
    st.lists(st.binary(max_size=16), max_size=4).map(tuple),
    st.sampled_from(["eof", "eof", "closed", "cancelled"]) | faults,
)
calls = st.builds(
    Call,
    st.sampled_from(["search", "book"]),
    st.just('{"args":[],"kwargs":{}}'),
    code=st.sampled_from(["", "ast:9f86d081884c7d65"]),
    repeatable=st.booleans(),
)
origins = st.none() | st.integers(0, 99)
sites = st.sampled_from(["", "agent.py:3 in ask", "crew/\U0001f600.py:10 in <lambda>"])
replies = st.builds(Reply, st.sampled_from(["returned", "raised"]), st.just("[1]"), st.just("ValueError"))
outcomes = st.just(RETURNED) | st.builds(Outcome, st.just("raised"), st.just("ValueError"), text, text)


@frozen
class _Open:
    asked: Request | Call
    lane: str
    began: int
    site: str = ""
    headed: int | None = None


@st.composite
def tapes(draw: st.DrawFn, max_steps: int = 6) -> Tape:
    """Tapes with ticks dense from 0 and a few strands, each with one question at a time.

    A strand may ask again inside its own open body.
    """
    steps: list[Step] = []
    open_: list[_Open] = []
    clock = 0
    for _ in range(draw(st.integers(0, max_steps * 3))):
        free = [x for x in LANES if x not in {o.lane for o in open_ if o.headed is None}]
        room = bool(free) and len(steps) + len(open_) < max_steps
        waiting = [o for o in open_ if o.headed is None]
        reading = [o for o in open_ if o.headed is not None]
        match draw(st.sampled_from(["ask", "head", "end", "fault", "draw", "call"])):
            case "ask" if room:
                open_.append(_Open(draw(requests), draw(st.sampled_from(free)), clock, draw(sites)))
            case "call" if room:
                open_.append(_Open(draw(calls), draw(st.sampled_from(free)), clock, draw(sites)))
            case "draw" if room:
                now = Span(clock, clock, clock)
                lane, origin = draw(st.sampled_from(free)), draw(origins)
                steps.append(Draw(Source("uuid"), Reading(draw(text)), lane, now, origin=origin))
            case "head" if asked := [o for o in waiting if isinstance(o.asked, Request)]:
                it = draw(st.sampled_from(asked))
                open_[open_.index(it)] = evolve(it, headed=clock)
            case "fault" if waiting:
                it = draw(st.sampled_from(waiting))
                open_.remove(it)
                steps.append(_over(it, draw(_failure(it)), clock, draw(origins)))
            case "end" if reading:
                it = draw(st.sampled_from(reading))
                open_.remove(it)
                steps.append(_over(it, draw(responses), clock, draw(origins)))
            case _:
                continue
        clock += 1
    for it in open_:
        if isinstance(it.asked, Request) and it.headed is None:
            it, clock = evolve(it, headed=clock), clock + 1  # noqa: PLW2901
        answers: st.SearchStrategy[Answer] = responses if isinstance(it.asked, Request) else replies
        steps.append(_over(it, draw(answers), clock, draw(origins)))
        clock += 1
    return Tape(tuple(sorted(steps, key=lambda s: s.span.began)), outcome=draw(outcomes))


def _failure(it: _Open) -> st.SearchStrategy[Answer]:
    return st.just(CANCELLED) | (faults if isinstance(it.asked, Request) else replies)


def _over(it: _Open, answer: Answer, tick: int, origin: int | None) -> Step:
    span = Span(it.began, tick if it.headed is None else it.headed, tick)
    match it.asked, answer:
        case Request() as request, Response() | Fault():
            return Exchange(request, answer, it.lane, span, origin=origin, site=it.site)
        case Call() as call, Reply() | Fault():
            return Effect(call, answer, it.lane, span, origin=origin, site=it.site)
    raise TypeError(f"{it.asked!r} cannot be answered by {answer!r}")
