"""Makes of the machine's `Halt` the error that users see. Pure.

The error names the step, the most similar recorded question, and where the two differ.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from ..core.content_encoding import decode_body
from ..core.diff import Difference, diff_questions, find_nearest
from ..core.machine import Halt, State, list_unasked
from ..core.matching import blank_out
from ..core.script import Script
from ..core.surrogates import Surrogates
from ..core.values import (
    Answer,
    Call,
    Departure,
    Fault,
    Lane,
    Outcome,
    Question,
    Reading,
    Reply,
    Request,
    Response,
    Source,
)
from ..errors import Divergence, Stalled, Unfinished

_MOST = 2_000
"""Characters of each text that a departure keeps."""


def make_divergence(
    state: State, halt: Halt, *, patience: float = 0.0, open_calls: Iterable[tuple[Lane, Question, str]] = ()
) -> Divergence:
    """Return the error for `halt`; `open_calls` are (lane, question, call site) of the calls that wait."""
    script = state.script
    expected = None if halt.expected is None else script.lines[halt.expected].asked
    step = script.exchanges[-1 if halt.expected is None else halt.expected]
    if halt.stalled:
        waiting = tuple(f"lane {lane!r} at {site}: {asked!r}" for lane, asked, site in open_calls)
        return Stalled(step, halt.asked, expected, halt.lane, patience=patience, open_calls=waiting)
    if halt.overread:
        difference = Difference("response.end", "the agent stopped reading here", "read on")
        return Divergence(step, halt.asked, expected, difference, halt.lane)
    if expected is None or type(expected) is not type(halt.asked):
        expected = _likeliest(state, halt.asked) or expected
    found = None
    if expected is not None:
        ours, theirs = (blank_out(script.matcher, one) for one in (expected, halt.asked))
        found = diff_questions(ours, theirs) or diff_questions(expected, halt.asked)
    return Divergence(step, halt.asked, expected, found, halt.lane)


def make_departure(state: State) -> Departure:
    """Return where the agent has left the script of `state`, which it has."""
    assert state.parted is not None
    halt = state.parted.halt
    then = evolve(state, claimed=state.parted.claimed)
    found = make_divergence(then, halt)
    asked, recorded, path = _name(halt.asked), "", ""
    reason = halt.reason or ("stalled" if halt.stalled else "differs")
    if reason == "stalled":
        recorded, asked = _name(found.nearest), ""
    elif reason == "differs" and found.difference is not None:
        path, recorded, asked = found.difference.path, found.difference.recorded, found.difference.asked
    elif reason == "differs":
        reason, recorded = ("differs", _name(found.nearest)) if found.nearest is not None else ("over", "")
    return Departure(found.step, reason, path, recorded[:_MOST], asked[:_MOST], halt.lane)


def _name(question: Question | Outcome | None) -> str:
    """What a question is put to, as a reader would say it."""
    match question:
        case Request(method, url):
            return f"{method} {url}"
        case Call(name):
            return f"the tool {name}"
        case Source(kind, name):
            return f"{kind} {name}".rstrip()
        case _:
            return str(question or "")


def find_unfinished(state: State) -> Unfinished | None:
    """Return the error for a run that ends here with recorded questions left, or None."""
    left = list_unasked(state)
    if not left:
        return None
    return Unfinished(tuple(state.script.lines[n].asked for n in left), state.script.exchanges[left[0]])


def find_giver(script: Script, surrogates: Surrogates, text: str, mark: str) -> int | None:
    """Return the index of the first exchange whose answer holds `text` (shown as `mark`), or None.

    If a tool's answer holds it, it is the index of the exchange that came next.
    """
    answers = [(n, line.answer) for n, line in enumerate(script.lines) if line.answer is not None]
    exact = (n for n, answer in answers if _says(answer, text))
    named = (n for n, answer in answers if _says(surrogates.masked(answer), mark))  # escaped, or in base64
    n = next(exact, next(named, None))
    return None if n is None else script.exchanges[n]


def _says(answer: Answer, text: str) -> bool:
    match answer:
        case Response():
            body = b"".join(decode_body(answer.headers, answer.chunks) or answer.chunks)
            return text.encode("utf-8", "surrogatepass") in body or any(
                text in value for _, value in answer.headers
            )
        case Reply(_, content) | Fault(_, content) | Reading(content):
            return text in content


def _likeliest(state: State, asked: Question) -> Question | None:
    """Return the unclaimed question of the tape that is most similar to the request `asked`, or None."""
    left = [line.asked for n, line in enumerate(state.script.lines) if n not in state.claimed]
    at = find_nearest(asked, left) if isinstance(asked, Request) else None
    return None if at is None else left[at]
