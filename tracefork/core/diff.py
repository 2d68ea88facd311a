"""Where two questions, or two tapes, part; and which recorded question a stray one resembles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import zip_longest

from attrs import field, frozen

from .digest import Recorded, list_content
from .display import Shown
from .framing import encode
from .matching import Matcher, blank_out, exact, normalise, select_headers
from .trees import WINDOW, find_places, quote_both, show_both
from .values import Answer, Call, Exchange, Fault, Question, Reading, Reply, Request, Response, Source, Step
from .visible import visible


@frozen
class Difference:
    """The first place where two values part: `path`, and both texts around it."""

    path: str
    recorded: str
    asked: str


@frozen
class Parting(Shown):
    """Where two tapes part: at exchange `step`, and how. A tape that has ended there gives None.

    `rest` holds the other places, where somebody looked for all of them.
    """

    step: int
    difference: Difference
    left: Step | None
    right: Step | None
    rest: tuple[Parting, ...] = field(default=(), repr=False)

    @property
    def path(self) -> str:
        return self.difference.path

    @property
    def every(self) -> tuple[Parting, ...]:
        """All places where the tapes part, this one first."""
        return (self, *self.rest)

    def __str__(self) -> str:
        d = self.difference
        return f"step {self.step}, {d.path}: {d.recorded} | {d.asked}"


def diff(left: Recorded, right: Recorded, *, matcher: Matcher = exact) -> Parting | None:
    """Return where the tapes `left` and `right` part, or None if the same things happened in both.

    Steps are compared in the order in which they began; then in the order of their ticks.
    """
    index = 0
    for one, other in zip_longest(list_content(left), list_content(right)):
        if one is None or other is None:
            texts = (_brief(step.asked) if step else "the end" for step in (one, other))
            return Parting(index, Difference("steps", *texts), one, other)
        if matcher(one.asked) != matcher(other.asked):
            blank = (blank_out(matcher, step.asked) for step in (one, other))
            found = diff_questions(*blank) or diff_questions(one.asked, other.asked)
            return Parting(
                index, found or Difference("question", _brief(one.asked), _brief(other.asked)), one, other
            )
        if one.answer != other.answer and (parted := diff_answers(one.answer, other.answer)):
            return Parting(index, parted, one, other)
        if one.span != other.span:
            return Parting(index, Difference("order", repr(one.span), repr(other.span)), one, other)
        index += isinstance(one, Exchange)
    return None


def diff_questions(recorded: Question, asked: Question) -> Difference | None:
    """Return the first place where two questions part, or None where none shows."""
    match recorded, asked:
        case Request(), Request():
            for path, ours, theirs in (
                ("method", recorded.method, asked.method),
                ("url", recorded.url, asked.url),
            ):
                if ours != theirs:
                    return Difference(path, *quote_both(ours, theirs))
            return (
                _diff_headers(dict(select_headers(recorded.headers)), dict(select_headers(asked.headers)))
                or _diff_lengths(recorded, asked, "body")
                or diff_bodies(normalise(recorded).body, normalise(asked).body, "$")
            )
        case Source(), Source() if recorded != asked:
            return Difference("source", _brief(recorded), _brief(asked))
        case Call(), Call():
            if recorded.name != asked.name:
                return Difference("name", repr(recorded.name), repr(asked.name))
            return diff_bodies(encode(recorded.arguments), encode(asked.arguments), "$")
        case _ if type(recorded) is not type(asked):
            return Difference("question", _brief(recorded), _brief(asked))
    return None


def diff_answers(recorded: Answer, heard: Answer) -> Difference | None:
    """Return the first place where two answers part, or None where they say the same."""
    match recorded, heard:
        case Response(), Response():
            if recorded.status != heard.status:
                return Difference("response.status", str(recorded.status), str(heard.status))
            found = _diff_lengths(recorded, heard, "response") or diff_bodies(
                recorded.body, heard.body, "response"
            )
            if found:
                return found
            if recorded.headers != heard.headers:
                found = _diff_headers(dict(recorded.headers), dict(heard.headers))
                return found or Difference("response.headers", "other order or count", "")
            if recorded.end != heard.end:
                return Difference("response.end", repr(recorded.end), repr(heard.end))
            return None  # chunk boundaries alone are no difference
        case Reading(ours), Reading(theirs) if ours != theirs:
            return Difference("reading", *quote_both(ours, theirs))
        case Reply(), Reply() if recorded != heard:
            return diff_bodies(encode(recorded.value), encode(heard.value), "reply") or Difference(
                "reply", f"{recorded.kind} {recorded.type}", f"{heard.kind} {heard.type}"
            )
        case _ if recorded != heard:
            return Difference("answer", _brief(recorded), _brief(heard))
    return None


def find_nearest(asked: Question, candidates: Sequence[Question], most: int = 200) -> int | None:
    """Return the index of the candidate most like `asked`, or None if none is of its kind.

    Looks at the first `most`; ties go to the earlier.
    """
    scores = [(_likeness(asked, c), -n) for n, c in enumerate(candidates[:most]) if type(c) is type(asked)]
    return -max(scores)[1] if scores else None


def _likeness(one: Question, other: Question) -> float:
    match one, other:
        case Request(), Request():
            shared = measure_shared_ends(one.body, other.body)
            length = max(len(one.body), len(other.body))
            return (
                (one.url == other.url) + (one.method == other.method) + (shared / length if length else 1.0)
            )
        case Call(), Call():
            shared = measure_shared_ends(encode(one.arguments), encode(other.arguments))
            return 2.0 * (one.name == other.name) + shared / (
                max(len(one.arguments), len(other.arguments)) or 1
            )
        case _:
            return float(one == other)


def measure_shared_ends(one: bytes, other: bytes) -> int:
    """Return how many bytes two strings share as a prefix and, in what is left, as a suffix."""
    prefix = measure_shared_prefix(one, other)
    one, other = one[prefix:][::-1], other[prefix:][::-1]
    return prefix + measure_shared_prefix(one, other)


def measure_shared_prefix(one: bytes, other: bytes) -> int:
    """Return the length of the common prefix, by halving."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _diff_headers(recorded: dict[str, str], asked: dict[str, str]) -> Difference | None:
    for name in sorted(recorded.keys() | asked.keys()):
        if recorded.get(name) != asked.get(name):
            return Difference(f"headers.{name}", repr(recorded.get(name)), repr(asked.get(name)))
    return None


def _diff_lengths(recorded: Request | Response, asked: Request | Response, path: str) -> Difference | None:
    """How two bodies part of which one is omitted, so that its content cannot be compared."""
    if recorded.omitted == asked.omitted:
        return None
    texts = (repr(m.omitted or f"<{len(m.body)} bytes>") for m in (recorded, asked))
    return Difference(path, *texts)


def diff_bodies(recorded: bytes, asked: bytes, root: str) -> Difference | None:
    if recorded == asked:
        return None
    try:
        place = next(find_places(json.loads(recorded), json.loads(asked), root), None)
    except (ValueError, RecursionError):
        place = None
    if place:
        return Difference(place.path, *show_both(place.left, place.right))
    at = measure_shared_prefix(recorded, asked)
    ours, theirs = (b[max(0, at - WINDOW // 2) : at + WINDOW // 2] for b in (recorded, asked))
    return Difference(f"{'body' if root == '$' else root}[{at}]", repr(ours), repr(theirs))


def _brief(value: Question | Answer) -> str:
    match value:
        case Request(method, url):
            shown = f"{method} {url}"
        case Source(kind, name):
            shown = f"{kind} {name}".strip()
        case Call(name):
            shown = f"{name}(...)"
        case Fault(kind, message):
            shown = f"{kind}: {message}"
        case _:
            shown = repr(value)
    return visible(shown, one_line=True)
