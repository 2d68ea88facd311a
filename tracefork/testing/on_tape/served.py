"""A cassette that answers a test as its own recorder would; what that does not notice is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Unpack, cast
from urllib.parse import urlsplit

from attrs import evolve, frozen

from ...core.tape import Tape
from ...core.values import Exchange, Request
from ...redact import Redactor, redactor, scrubbed
from ...runs.api import replay, rerun
from ...runs.options import ReplayOptions, TailOptions
from ...session.passthrough import TELEMETRY, pattern
from ...session.session import Session
from ..cassettes import read
from ..cassettes.habits import Habits, find_stale

_REPEATED = 100
"""How often an answer is given where a cassette may repeat them."""


@frozen
class Stale:
    """A question that is not the recorded one: its step in the cassette, and where both differ."""

    step: int
    path: str
    recorded: str
    asked: str

    def __str__(self) -> str:
        return f"step {self.step}, {self.path}: the cassette has {self.recorded}, the test asks {self.asked}"


def read_all(paths: Sequence[Path]) -> Tape | None:
    """The tape of those cassettes that are there, one after the other; None if none is.

    Raises:
        BadCassette, TooLarge, MissingPart, StoreError: as `cassettes.read`.
    """
    tapes = [read(path) for path in paths if path.exists()]
    if not tapes:
        return None
    if len(tapes) == 1:
        return tapes[0]
    exchanges = [step for tape in tapes for step in tape.exchanges]
    steps = [
        evolve(step, span=evolve(step.span, began=3 * n, headed=3 * n + 1, ended=3 * n + 2))
        for n, step in enumerate(exchanges)
    ]
    return evolve(tapes[0], steps=tuple(steps))


def serve(tape: Tape, habits: Habits, **options: Unpack[ReplayOptions]) -> Session:
    """A session that gives each question the first answer that is left to one that `habits` call equal."""
    mask = Redactor()  # what is named as a secret, in what is asked and in what was recorded
    steps = tuple(
        evolve(step, request=cast("Request", mask.question(step.request))) for step in tape.exchanges
    )
    served = evolve(tape, steps=steps * (_REPEATED if habits.repeats else 1))
    passed = options.get("passthrough") or _leave_out_recorded(TELEMETRY, served)
    chosen: ReplayOptions = {"matcher": habits.matcher, "order": "any", "redact": mask, **options}
    chosen["passthrough"] = (*passed, *habits.ignored_hosts)
    if habits.ignored_hosts:  # they are asked for real, though this is a replay
        chosen["allow"] = (*(options.get("allow") or ()), *habits.ignored_hosts)
    return replay(served, **chosen)


def _leave_out_recorded(patterns: tuple[str, ...], tape: Tape) -> tuple[str, ...]:
    """The `patterns` that take nothing which the cassette has an answer to."""
    asked = [(step.request.method, urlsplit(step.request.url)) for step in tape.exchanges]
    return tuple(
        text
        for text in patterns
        if not any(pattern(text).takes(method, url.hostname or "", url.path) for method, url in asked)
    )


def go_on(tape: Tape, habits: Habits, **options: Unpack[TailOptions]) -> Session:
    """A session in which what the cassette knows is served, and all else is asked for real."""
    chosen: TailOptions = {"matcher": habits.matcher, "order": "answers", **options}
    return rerun(scrubbed(tape, redactor({})), reuse="all", name="new", **chosen)


def list_stale(tape: Tape, again: Tape, habits: Habits) -> Iterator[Stale]:
    """Where the questions of `again`, which `tape` answered, are not those that it has."""
    mask, recorded = Redactor(), {step.span.began: n for n, step in enumerate(tape.exchanges)}
    for step in again.steps:
        if not isinstance(step, Exchange) or step.origin not in recorded:
            continue
        number = recorded[step.origin]
        kept = tape.exchanges[number].request
        if find_stale(kept, step.request, habits) is None:
            continue  # most are, and to look for secrets takes longer
        found = find_stale(cast("Request", mask.question(kept)), step.request, habits)
        if found is not None:
            yield Stale(number, found.path, found.recorded, found.asked)
