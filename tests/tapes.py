"""Tapes as a recorder may leave them, any bytes and text in them; and a small one of every kind of step."""

from attrs import evolve
from hypothesis import strategies as st

from tracefork.core.tape import Tape
from tracefork.core.values import (
    RETURNED,
    UNFINISHED,
    Branch,
    Call,
    Draw,
    Effect,
    Exchange,
    Fault,
    Outcome,
    Pending,
    Reading,
    Reply,
    Request,
    Response,
    Source,
    Span,
    Timing,
)
from tracefork.testing import strategies

any_text = st.text(st.characters(), max_size=12) | st.sampled_from(["\ud83d\ude00", "\udcff", "\x00\n\u2028"])
binary = st.binary(max_size=40) | st.sampled_from([bytes(range(256)), b'\x00"\\\r\n', b"\x89TFK\x01B"])
latin = st.text(st.characters(codec="latin-1"), max_size=8)
headers = st.lists(st.tuples(latin, latin), max_size=3).map(tuple)
seconds = st.floats(allow_nan=False, allow_infinity=False)
hops = st.none() | st.integers(0, 9)
timings = st.builds(Timing, seconds, seconds, seconds, st.lists(seconds, max_size=3).map(tuple), hops, hops)
branches = st.builds(Branch, any_text, st.integers(0, 99), any_text, any_text)
outcomes = st.sampled_from([RETURNED, UNFINISHED]) | st.builds(
    Outcome, st.just("raised"), any_text, any_text | st.just("long " * 500)
)
requests = st.builds(Request, any_text, any_text, headers, binary)
calls = st.builds(Call, any_text, any_text, any_text, st.just("") | any_text)


@st.composite
def tapes(draw, max_steps=5):
    """Well-formed tapes, timing and lineage and what was in flight included."""
    base = draw(strategies.tapes(max_steps))
    steps = tuple(draw(_dressed(step)) for step in base.steps)
    clock = 1 + max((step.span.ended for step in steps), default=0)
    pending = []
    for asked in draw(st.lists(requests | calls, max_size=2)):
        headed = clock + 1 if isinstance(asked, Request) and draw(st.booleans()) else None
        pending.append(Pending(asked, f"late.{clock}", clock, headed))
        clock += 2
    return Tape(
        steps=steps,
        pending=tuple(pending),
        run_id=draw(any_text),
        agent_name=draw(any_text),
        boundary=draw(st.sampled_from(["http", "call"])),
        created_at=draw(seconds),
        meta=draw(st.dictionaries(any_text, any_text, max_size=3)),
        parent=draw(st.none() | branches),
        outcome=draw(outcomes),
    )


@st.composite
def _dressed(draw, step):
    timing = draw(timings)
    match step:
        case Exchange(answer=Response() as answer):
            heard = evolve(answer, headers=draw(headers), chunks=tuple(draw(st.lists(binary, max_size=3))))
            return evolve(step, request=draw(requests), answer=heard, timing=timing)
        case Exchange():
            return evolve(step, request=draw(requests), timing=timing)
        case Draw():
            return evolve(step, reading=Reading(draw(any_text)), timing=timing)
        case Effect(reply=Reply() as reply):
            return evolve(step, call=draw(calls), reply=evolve(reply, value=draw(any_text)), timing=timing)
    return evolve(step, timing=timing)


def timed(tape):
    """What equality of tapes leaves out."""
    asked = [step.call for step in tape.effects] + [left.asked for left in tape.pending]
    calls = [(one.code, one.inside, one.repeatable) for one in asked if isinstance(one, Call)]
    return [(step.timing, step.origin) for step in tape.steps], calls


SMALL = Tape(
    steps=(
        Draw(Source("clock"), Reading("1.5"), span=Span(0, 0, 0)),
        Exchange(
            Request("POST", "https://api.test/v1", (("x-a", "\xff"),), b'{"q": 1}'),
            Response(
                200, (("content-type", "text/plain"),), (b"\x00\xff", b"two"), Fault("ReadError", "cut")
            ),
            "crew.0",
            Span(1, 2, 4),
            Timing(10.0, 0.5, 1.25, (0.5, 1.0), 3, None),
        ),
        Effect(Call("book", '{"args":[1],"kwargs":{}}'), Reply("returned", "[1]"), "", Span(3, 5, 5)),
    ),
    pending=(Pending(Request("GET", "https://api.test/poll"), "crew.1", 6, 7),),
    run_id="small",
    agent_name="booking",
    created_at=9.5,
    meta={"who": "we"},
    parent=Branch("mother", 3, "polite"),
    outcome=Outcome("raised", "ValueError", "no"),
)
