"""Finds which fields of an agent's requests vary by themselves, and what would make its runs replayable.

The agent is recorded once, with all chance that `isolation.chance` can draw. All else is asked of that
recording, for nothing: the agent runs again on the recorded answers, whatever it asks in
detail, without the draws, and with each kind of them, or more where one is not enough. What
varies then is the agent's own doing, not its model's; what a kind of draws cures is named; and the
matcher that is proposed for the rest has been tried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, combinations
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from attrs import evolve, frozen

from ..core import framing
from ..core.matching import canonical, exact, normalise, select_headers
from ..core.tape import Tape
from ..core.values import Call, Draw, Question, Request
from ..errors import TraceforkError
from ..isolation import chance
from .agents import Agent, check_loop, run_agent
from .api import record, replay
from .assembly import find_patience
from .verify import verify

SHOWN = 60  # characters of an example

SHORTEST_PATIENCE = 5.0  # seconds that a trial waits for what mostly never comes

_LENGTH = ", its length"  # behind the path of a list

_OF_REPLAYS = frozenset(
    {"scope", "intercept", "redact", "passthrough", "allow", "max_body", "strict", "processes", "order"}
)

_NO_DRAW = "no draw that is reached"
_HINTS = {"a time": f"{_NO_DRAW}: take it from run.now(), or write datetime.now() out where it is asked"}


@frozen
class Varying:
    """A field of a request that differs between equal runs.

    `where` is a JSON path of the body, with `*` for any index, or "url?name", "url", "header name",
    "body", or "tool name: path"; `step` is the first step, of `times`, that shows it, and `examples`
    what it was there. `looks_like` says what the values resemble; `cure` are the kinds of
    draws that together keep it from varying, none where nothing does.
    """

    where: str
    step: int
    times: int
    examples: tuple[str, str]
    looks_like: str
    cure: frozenset[str] = frozenset()


@frozen
class Calibration:
    """What varies in an agent, and what would make it replayable.

    `virtualize` are the kinds of draws that help, `ignoring` the JSON paths to leave out of matching
    beside them. `ok` says that a replay with both has been tried and gave the recording; else
    `problem` says what stands in the way.
    """

    exchanges: int
    fields: tuple[Varying, ...]
    virtualize: frozenset[str]
    ignoring: tuple[str, ...]
    ok: bool
    problem: str = ""

    @property
    def advice(self) -> str:
        """The call of `record` to write, as Python."""
        words = []
        if self.virtualize:
            words.append(_write_virtualize(self.virtualize))
        if self.ignoring:
            words.append(f"matcher=canonical(ignoring={list(self.ignoring)!r})")
        return f"tracefork.record(..., {', '.join(words)})" if words else "tracefork.record(...)"

    def __str__(self) -> str:
        lines = [f"{self.exchanges} exchanges, {len(self.fields)} fields that vary by themselves"]
        for field in self.fields:
            cure = (
                f"cured by {_write_virtualize(field.cure)}"
                if field.cure
                else _HINTS.get(field.looks_like, _NO_DRAW)
            )
            lines.append(f"  step {field.step}, {field.where}: {field.looks_like}, {cure}")
            lines += [f"    {example}" for example in field.examples]
        if self.ok:
            lines.append(f"replayable with {self.advice}")
        else:
            lines.append(f"not replayable yet: {self.problem}")
        return "\n".join(lines)


def calibrate(agent: Agent, **options: Any) -> Calibration:
    """Run `agent` once for real and up to 17 times on its recording; say what varies, and what would help.

    A trial that waits for a question is given up after five seconds, or twice the longest time in which
    nothing happened on the recording.

    Args:
        agent: as for `tracefork.verify`.
        options: as for `tracefork.record`.

    Raises:
        RuntimeError: the agent is async and an event loop is running.
        Exception: whatever the agent raises when it is recorded.
    """
    check_loop(agent, "calibrate the agent in a thread or a process of its own")
    session = record(virtualize=chance.KINDS, adopts=True, **options)
    if raised := run_agent(session, agent).raised:
        raise raised
    tape = session.tape
    shared = {name: value for name, value in options.items() if name in _OF_REPLAYS}
    bare = _find_varying(tape, agent, frozenset(), shared)
    if isinstance(bare, str):
        return Calibration(len(tape), (), chance.KINDS, (), ok=False, problem=bare)
    drawn = sorted({draw.source.kind for draw in tape.draws if chance.is_virtual(draw.source)})
    cures = dict[str, frozenset[str]]()
    for kinds in chain.from_iterable(combinations(drawn, n) for n in range(1, len(drawn) + 1)):
        left = (
            _find_varying(tape, agent, frozenset(kinds), shared)
            if bare.keys() - cures.keys()
            else "nothing is left"
        )
        if not isinstance(left, str):
            cures = dict.fromkeys(bare.keys() - left.keys(), frozenset(kinds)) | cures
    fields = tuple(evolve(field, cure=cures.get(where, frozenset())) for where, field in bare.items())
    helpful = frozenset[str]().union(*cures.values())
    ignoring = tuple(
        f.where for f in fields if not f.cure and f.where[:1] == "$" and not f.where.endswith(_LENGTH)
    )
    matcher = canonical(ignoring=ignoring) if ignoring else exact
    verdict = verify(
        _leave_out(tape, chance.KINDS - helpful), agent, matcher=matcher, virtualize=helpful, **shared
    )
    stuck = [field.where for field in fields if not field.cure and field.where not in ignoring]
    problem = ""
    if stuck:
        problem = f"{', '.join(stuck)} cannot be left out of matching"
    elif not verdict.ok:
        problem = str(verdict.divergence or verdict.error or verdict.summary)
    return Calibration(len(tape), fields, helpful, ignoring, not problem, problem)


def _find_varying(
    tape: Tape, agent: Agent, kinds: frozenset[str], options: dict[str, Any]
) -> dict[str, Varying] | str:
    """The fields that vary while only draws of `kinds` are served, or why the runs cannot be compared."""
    served = _leave_out(tape, chance.KINDS - kinds)
    patience = find_patience(tape, SHORTEST_PATIENCE)
    session = replay(served, matcher=_match_loosely, virtualize=kinds, patience=patience, **options)
    raised = run_agent(session, agent).raised
    if isinstance(raised, TraceforkError):
        return f"on equal answers it asks other questions: {raised}"
    found = dict[str, Varying]()
    for step, (one, other) in enumerate(zip(served.exchanges, session.tape.exchanges, strict=False)):
        _add(found, step, _compare(one.asked, other.asked))
    for one_tool, other_tool in zip(served.effects, session.tape.effects, strict=False):
        _add(found, 0, _compare(one_tool.asked, other_tool.asked))
    return found


def _write_virtualize(kinds: Iterable[str]) -> str:
    return f"virtualize={{{', '.join(map(repr, sorted(kinds)))}}}"


def _leave_out(tape: Tape, kinds: frozenset[str]) -> Tape:
    """`tape` without the draws of `kinds` that were taken from the standard library."""
    steps = [
        s
        for s in tape.steps
        if not (isinstance(s, Draw) and chance.is_virtual(s.source) and s.source.kind in kinds)
    ]
    return evolve(tape, steps=tuple(steps))


def _match_loosely(question: Question) -> str:
    """A matcher by which all calls of one method to one path, and all of one tool, are equal."""
    match question:
        case Request(method, url):
            parts = urlsplit(url)
            return exact(Request(method, f"{parts.scheme}://{parts.netloc}{parts.path}"))
        case Call(name):
            return exact(Call(name))
    return exact(question)


def _add(found: dict[str, Varying], step: int, differences: Iterable[tuple[str, object, object]]) -> None:
    for where, one, other in differences:
        before = found.get(where)
        if before:
            found[where] = evolve(before, times=before.times + 1)
        else:
            found[where] = Varying(
                where, step, 1, (_show(one), _show(other)), _find_likeness(str(one), str(other))
            )


def _compare(one: Question, other: Question) -> Iterator[tuple[str, object, object]]:
    match one, other:
        case Request(), Request():
            yield from _compare_urls(one.url, other.url)
            kept = dict(select_headers(one.headers)), dict(select_headers(other.headers))
            for name in sorted(kept[0].keys() | kept[1].keys()):
                if kept[0].get(name) != kept[1].get(name):
                    yield f"header {name}", kept[0].get(name), kept[1].get(name)
            left, right = normalise(one).body, normalise(other).body
            if left != right:
                yield from _compare_bodies(left, right)
        case Call(name, left_text), Call(_, right_text) if left_text != right_text:
            for where, left_value, right_value in _compare_bodies(
                framing.encode(left_text), framing.encode(right_text)
            ):
                yield f"tool {name}: {where}", left_value, right_value


def _compare_urls(one: str, other: str) -> Iterator[tuple[str, object, object]]:
    left, right = dict(parse_qsl(urlsplit(one).query)), dict(parse_qsl(urlsplit(other).query))
    names = [name for name in sorted(left.keys() | right.keys()) if left.get(name) != right.get(name)]
    for name in names:
        yield f"url?{name}", left.get(name), right.get(name)
    if one != other and not names:
        yield "url", one, other


def _compare_bodies(one: bytes, other: bytes) -> Iterator[tuple[str, object, object]]:
    try:
        trees = json.loads(one), json.loads(other)
    except (ValueError, RecursionError):
        yield "body", one, other
        return
    found = list(_compare_trees("$", *trees))
    yield from found or [("body", one, other)]  # equal but for spaces or the order of keys


def _compare_trees(path: str, one: Any, other: Any) -> Iterator[tuple[str, object, object]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            if key in one and key in other:
                yield from _compare_trees(f"{path}.{key}", one[key], other[key])
            else:
                yield f"{path}.{key}", one.get(key), other.get(key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for left, right in zip(one, other, strict=True):
            yield from _compare_trees(f"{path}[*]", left, right)
    elif isinstance(one, list) and isinstance(other, list):
        yield f"{path}{_LENGTH}", len(one), len(other)
    elif one != other:
        yield path, one, other


def _show(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


_LIKE = {
    "a UUID": re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE),
    "a time": re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}:\d\d(:\d\d(\.\d+)?)?"),
    "seconds since 1970": re.compile(r"(?<![\d.])1[6-9]\d{8}(\d{3}|\d{6}|\d{9})?(\.\d+)?\b"),
    "random digits": re.compile(r"\b(0\.\d{6,}|\d\.\d{4,}e-\d\d|[0-9a-f]{12,})\b"),
}


def _find_likeness(one: str, other: str) -> str:
    """The kind of value that the differing parts of both resemble."""
    for name, form in _LIKE.items():
        found = {match[0] for match in form.finditer(one)} ^ {match[0] for match in form.finditer(other)}
        if found:
            return name
    return "the same in another order" if sorted(one) == sorted(other) else "text"
