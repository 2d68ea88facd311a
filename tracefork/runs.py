"""The public verbs: record, replay, resume, fork. Each makes one session from one plan."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from operator import index
from typing import Any, Literal, TypeAlias

from attrs import evolve

from . import clocks, nondet
from .codec.records import Header
from .core.fork import Cut, Fork, everything, nothing, remainder
from .core.matching import Matcher, exact
from .core.notes import inherited, noted
from .core.script import Script
from .core.tape import Tape
from .core.values import Answer, Branch, Draw, Effect, Exchange, Response, Step
from .errors import RunExists
from .port import Gate, Known
from .providers import streams
from .redact import Redactor, ambient, lineage
from .session import MAX_BODY, Plan, Session
from .store import TapeStore, new_run_id
from .tools import RUN, OnDoubt, Policy, Tools, policy
from .transports import guard
from .transports import intercept as interception

Stored: TypeAlias = "TapeStore | str | os.PathLike[str] | None"
Scope: TypeAlias = Literal["context", "process"]
Durability: TypeAlias = Literal["process", "power"]
Reanswer: TypeAlias = "Answer | Callable[[Any], Answer] | None"

TELEMETRY = (
    "*.posthog.com/*",
    "*.sentry.io/*",
    "*.langfuse.com/*",
    "*.smith.langchain.com/*",
    "*.datadoghq.com/*",
    "*.honeycomb.io/*",
    "*.segment.io/*",
    "*.traceloop.com/*",
    "logfire-*.pydantic.dev/*",
    "api.openai.com/v1/traces/*",
)
"""Exporters that report on an agent rather than serve it: `host/path` patterns that are not recorded."""

SHORTEST_PATIENCE = 60.0


def record(
    store: Stored = None,
    *,
    agent_name: str = "",
    run_id: str | None = None,
    meta: Mapping[str, str] | None = None,
    intercept: bool = True,
    scope: Scope = "context",
    durability: Durability = "process",
    matcher: Matcher = exact,
    redact: Redactor | None = None,
    passthrough: tuple[str, ...] = TELEMETRY,
    allow: tuple[str, ...] = (),
    max_body: int = MAX_BODY,
    virtualize: Iterable[str] = (),
    strict: bool = False,
) -> Session:
    """Start a run whose every answer comes from the real world, and is kept.

    Args:
        store: a TapeStore, a path that `TapeStore.open` understands, or None for memory.
            What is opened here is closed here.
        agent_name: what to call the agent in lists.
        run_id: the run's name in the store; by default a new one that sorts by time.
        meta: further text to keep with the run.
        intercept: record every httpx and httpx2 client of this context. Without it
            only explicit transports record.
        scope: "process" takes in threads and pools that were started before the run.
        durability: "process" survives a killed process, "power" a power cut.
        matcher: what makes two questions equal when the tape is replayed from here.
        redact: what to take out before anything is kept; by default `redact.redactor(os.environ)`.
        passthrough: `host/path` patterns of calls that are none of the agent's.
        max_body: the most bytes of one body that are kept. Of a longer one the tape has
            its length and hash; a replay raises `BodyOmitted` when the agent reads it.
        virtualize: kinds of chance that the agent takes from the standard library and that are
            drawn through the run: "random", "time", "uuid". See `tracefork.nondet`.
        strict: refuse what would leave the run unrecorded: connections of clients that are not
            recorded, calls from threads that do not know the run, and processes. By default they are
            counted: `tape.escaped`.
        allow: addresses whose connections are no escapes, as `"127.0.0.1:5432"` or a host.

    Raises:
        RunExists: the store has a run of this name.
        StoreError: the store cannot be opened.
        Refused: the run is strict, and something would have left it.
    """
    head = _header(agent_name, run_id, meta)
    shell = _Shell(intercept, scope, passthrough, allow, virtualize, strict)
    return _session(
        nothing(matcher), head, shell, store=store, durability=durability, redact=redact, max_body=max_body
    )


def replay(
    tape: Tape,
    *,
    patience: float | None = None,
    intercept: bool = True,
    scope: Scope = "context",
    matcher: Matcher = exact,
    redact: Redactor | None = None,
    passthrough: tuple[str, ...] = TELEMETRY,
    allow: tuple[str, ...] = (),
    max_body: int = MAX_BODY,
    instant_retries: bool = False,
    virtualize: Iterable[str] | None = None,
    strict: bool = False,
) -> Session:
    """Start a run whose every answer comes from `tape`. Nothing may connect inside.

    Args:
        tape: the recording.
        patience: seconds to wait for a recorded question; by default 60, or twice
            the longest gap on the tape. Any progress starts them anew.
        allow: addresses that may be connected to all the same, as `"127.0.0.1:5432"` or a host.
        instant_retries: serve recorded answers such as 429 and 529 with a `retry-after` of
            next to nothing, so that an SDK does not sleep. The tape keeps what was said.
        virtualize: as for `record`; by default what the tape was recorded with.
        strict: refuse calls from threads that do not know the run, and processes, too.
        intercept, scope, matcher, redact, passthrough, max_body: as for `record`.

    Raises:
        BodyOmitted: on reading a body of which the tape has only the hash.
        Divergence: on asking what the tape cannot answer, and again on leaving the block.
        Unfinished: on leaving the block, when recorded questions were never asked.
    """
    head = _header(tape.agent_name, tape.run_id or None, inherited(tape.meta), tape.parent)
    shell = _Shell(intercept, scope, passthrough, allow, _virtualized(virtualize, tape), strict)
    return _session(
        everything(tape, matcher),
        head,
        shell,
        redact=redact,
        patience=patience,
        tape=tape,
        max_body=max_body,
        instant_retries=instant_retries,
    )


def resume(
    tape: Tape,
    store: Stored = None,
    *,
    run_id: str | None = None,
    on_doubt: OnDoubt = "raise",
    tools: Tools = "live",
    patience: float | None = None,
    intercept: bool = True,
    scope: Scope = "context",
    durability: Durability = "process",
    matcher: Matcher = exact,
    redact: Redactor | None = None,
    passthrough: tuple[str, ...] = TELEMETRY,
    allow: tuple[str, ...] = (),
    max_body: int = MAX_BODY,
    instant_retries: bool = False,
    virtualize: Iterable[str] | None = None,
    strict: bool = False,
) -> Session:
    """Start a run that follows `tape` to its end for free, then goes live.

    The new run holds all steps and names `tape` as its parent.

    Args:
        tape: an interrupted recording, or any other.
        on_doubt: what to do about a tool that was called before a crash and may have
            run: "raise" InDoubt, "rerun" it, or a function from its Call to its result.
        tools: what a tool call does once the run is live: "live" runs the tool; "recorded"
            serves what an equal call was answered on the tape, and refuses others;
            "refuse" refuses all; a function from the Call to the result answers instead.
        store, run_id, durability, matcher, redact, scope, intercept, passthrough, max_body: as for `record`.
        patience, allow, instant_retries: as for `replay`, until the run is live.
        virtualize, strict: as for `replay`.

    Raises:
        Divergence: on asking something else than the tape has, before anything goes live.
        InDoubt: on calling a tool that may have run.
        ToolRefused: on calling one live that `tools` does not let run.
        RunExists: the store has a run of this name.
    """
    lineage = Branch(tape.run_id, len(tape), "resumed")
    head = _header(tape.agent_name, run_id, inherited(tape.meta), lineage)
    shell = _Shell(intercept, scope, passthrough, allow, _virtualized(virtualize, tape), strict)
    return _session(
        remainder(tape, matcher),
        head,
        shell,
        store=store,
        durability=durability,
        redact=redact,
        patience=patience,
        tools=policy(tools, tape, on_doubt),
        tape=tape,
        max_body=max_body,
        instant_retries=instant_retries,
    )


def fork(
    tape: Tape,
    at: int | Step,
    answer: Reanswer = None,
    *,
    store: Stored = None,
    run_id: str | None = None,
    meta: Mapping[str, str] | None = None,
    parent: str | None = None,
    name: str = "",
    desc: str = "",
    on_doubt: OnDoubt = "raise",
    tools: Tools = "live",
    gate: Gate | None = None,
    known: Known | None = None,
    patience: float | None = None,
    intercept: bool = True,
    scope: Scope = "context",
    durability: Durability = "process",
    matcher: Matcher = exact,
    redact: Redactor | None = None,
    passthrough: tuple[str, ...] = TELEMETRY,
    allow: tuple[str, ...] = (),
    max_body: int = MAX_BODY,
    instant_retries: bool = False,
    virtualize: Iterable[str] | None = None,
    strict: bool = False,
) -> Session:
    """Start a run that follows `tape` up to one step, gives it another answer, and goes live from there.

    Steps that began before that step's head are served: they were asked in
    ignorance of the new answer.

    Args:
        tape: the recording to part from.
        at: the index of an exchange, or a step of the tape, to reach draws and effects.
        answer: what the step is answered instead; a function from the recorded step
            to that; or None: ask the step again, live.
        parent: the run_id to name as parent; by default the tape's.
        name, desc: what the branch is called, and what was changed.
        meta: further text to keep with the branch, beside the tape's own.
        gate: is shown each request before it leaves, and ends the run by raising a TraceforkError.
        known: gives the answer to serve to a request that would leave, by the lane that asks, or None.
        on_doubt, tools: as for `resume`.
        store, run_id, durability, matcher, redact, scope, intercept, passthrough, max_body: as for `record`.
        patience, allow, instant_retries: as for `replay`, until the run is live.
        virtualize, strict: as for `replay`.

    Raises:
        IndexError: the tape has no exchange of this index.
        ValueError: the step is not one of the tape's.
        TypeError: the answer is not of the step's kind.
        UnfitAnswer: a stream is answered by JSON of which none can be made.
        Divergence: on asking something else than the tape has, before anything goes live.
    """
    pivot = _pivot(tape, at)
    given = answer(pivot) if callable(answer) else answer
    if given is None and answer is not None:
        raise TypeError(f"{answer!r} gave no answer; answer=None asks the step anew")
    if isinstance(given, Response) and isinstance(pivot, Exchange):
        given = streams.fit(pivot, given)
    step = sum(1 for x in tape.exchanges if x.span.began < pivot.span.began)
    lineage = Branch(parent if parent is not None else tape.run_id, step, name, desc)
    head = _header(tape.agent_name, run_id, {**inherited(tape.meta), **(meta or {})}, lineage)
    shell = _Shell(intercept, scope, passthrough, allow, _virtualized(virtualize, tape), strict)
    return _session(
        Fork(tape, pivot, given).script(matcher),
        head,
        shell,
        store=store,
        durability=durability,
        redact=redact,
        patience=patience,
        tools=policy(tools, tape, on_doubt),
        gate=gate,
        known=known,
        tape=tape,
        max_body=max_body,
        instant_retries=instant_retries,
    )


def cut(
    tape: Tape,
    upto: int,
    answer: Answer | None = None,
    *,
    store: Stored = None,
    run_id: str | None = None,
    meta: Mapping[str, str] | None = None,
    parent: str | None = None,
    name: str = "cut",
    desc: str = "",
    tools: Tools = "live",
    gate: Gate | None = None,
    known: Known | None = None,
    patience: float | None = None,
    intercept: bool = True,
    scope: Scope = "context",
    durability: Durability = "process",
    matcher: Matcher = exact,
    redact: Redactor | None = None,
    passthrough: tuple[str, ...] = TELEMETRY,
    allow: tuple[str, ...] = (),
    max_body: int = MAX_BODY,
    instant_retries: bool = False,
    virtualize: Iterable[str] | None = None,
    strict: bool = False,
) -> Session:
    """Start a run that is served the first `upto` exchanges of `tape`, by head, and asks all else live.

    Cuts are nested, also where steps ran in parallel: that is what blame compares.

    Args:
        tape: the recording.
        upto: how many exchanges are served as they were recorded.
        answer: what the next one is answered, if it too is to be served.
        store, run_id, meta, gate, known, parent, name, desc, tools, patience, intercept, scope,
            durability, matcher, redact, passthrough, allow, max_body, instant_retries, virtualize,
            strict: as for `fork`.

    Raises:
        IndexError: the tape has not as many exchanges.
        Divergence: on asking something else than the tape has, before anything goes live.
    """
    last = len(tape) - (answer is not None)
    if not 0 <= upto <= last:
        raise IndexError(f"the tape has {len(tape)} exchanges: a cut is from 0 to {last}, not {upto}")
    lineage = Branch(parent if parent is not None else tape.run_id, upto, name, desc)
    head = _header(tape.agent_name, run_id, {**inherited(tape.meta), **(meta or {})}, lineage)
    shell = _Shell(intercept, scope, passthrough, allow, _virtualized(virtualize, tape), strict)
    return _session(
        Cut(tape, upto, answer).script(matcher),
        head,
        shell,
        store=store,
        durability=durability,
        redact=redact,
        patience=patience,
        tools=policy(tools, tape),
        gate=gate,
        known=known,
        tape=tape,
        max_body=max_body,
        instant_retries=instant_retries,
    )


class _Shell:
    """What surrounds a run: what is replaced meanwhile, and which addresses are none of its business."""

    def __init__(
        self,
        intercepted: bool,  # noqa: FBT001
        scope: Scope,
        passthrough: tuple[str, ...],
        allow: tuple[str, ...],
        virtualize: Iterable[str],
        strict: bool,  # noqa: FBT001
    ) -> None:
        if scope not in ("context", "process"):
            raise ValueError(f'scope is "context" or "process", not {scope!r}')
        self.everywhere = scope == "process"
        self.passthrough = tuple(passthrough)
        self.allow = tuple(allow)
        self.virtualize = nondet.kinds(virtualize)
        self.strict = strict
        self._doors = [interception] * intercepted + [guard] + [nondet] * bool(self.virtualize)

    @contextmanager
    def around(self, _: Session) -> Iterator[None]:
        held = []
        try:
            for door in self._doors:
                door.hold()
                held.append(door)
            yield
        finally:
            for door in reversed(held):
                door.release()


def _session(
    script: Script,
    head: Header,
    shell: _Shell,
    *,
    store: Stored = None,
    durability: Durability = "process",
    redact: Redactor | None = None,
    patience: float | None = None,
    tools: Policy = RUN,
    gate: Gate | None = None,
    known: Known | None = None,
    tape: Tape | None = None,
    max_body: int = MAX_BODY,
    instant_retries: bool = False,
) -> Session:
    if max_body < 0:
        raise ValueError(f"max_body is a number of bytes, not {max_body}")
    redacting = ambient(os.environ) if redact is None else lambda: redact
    head = evolve(head, meta={**head.meta, **noted(shell.virtualize)})
    head = _redacted(head, redacting())
    opened, owned = _opened(store, durability)
    if opened is not None and head.run_id in opened:
        if owned:
            opened.close()
        raise RunExists(head.run_id)
    plan = Plan(
        script,
        head,
        redacting,
        around=shell.around,
        store=opened,
        owns_store=owned,
        patience=_patience(tape) if patience is None else patience,
        tools=tools,
        everywhere=shell.everywhere,
        passthrough=shell.passthrough,
        allow=shell.allow,
        max_body=max_body,
        instant_retries=instant_retries,
        gate=gate,
        known=known,
        virtualize=shell.virtualize,
        strict=shell.strict,
    )
    return Session(plan)


def _virtualized(virtualize: Iterable[str] | None, tape: Tape) -> Iterable[str]:
    return tape.virtualized if virtualize is None else virtualize


def _opened(store: Stored, durability: Durability) -> tuple[TapeStore | None, bool]:
    if store is None:
        return None, False
    if not isinstance(store, TapeStore):
        return TapeStore.open(store, durability=durability), True
    if durability == "power" and getattr(store.backend, "durability", "power") == "process":
        raise ValueError('the store was opened with durability="process"; open it with durability="power"')
    return store, False


def _header(
    agent_name: str, run_id: str | None, meta: Mapping[str, str] | None, parent: Branch | None = None
) -> Header:
    for key, value in (meta or {}).items():
        if {type(key), type(value)} != {str}:
            raise TypeError(f"meta holds text by text, not {key!r}: {value!r}")
    if run_id == "":
        raise ValueError("a run_id is not empty; leave it out for a new one")
    return Header(
        run_id=new_run_id() if run_id is None else run_id,
        agent_name=agent_name,
        boundary="http",
        created_at=clocks.now(),
        meta=dict(meta or {}),
        parent=parent,
    )


def _redacted(head: Header, redact: Redactor) -> Header:
    parent = lineage(head.parent, redact)
    meta = {redact.text(key): redact.text(value) for key, value in head.meta.items()}
    return evolve(head, agent_name=redact.text(head.agent_name), meta=meta, parent=parent)


def _patience(tape: Tape | None) -> float:
    """60 s, or twice the longest time in which nothing happened on the tape."""
    if tape is None:
        return SHORTEST_PATIENCE
    times = sorted(
        t.began + after for t in (s.timing for s in tape.steps) for after in (0, t.headed, t.ended)
    )
    gaps = (later - earlier for earlier, later in pairwise(times))
    return max(SHORTEST_PATIENCE, 2 * max(gaps, default=0.0))


def _pivot(tape: Tape, at: int | Step) -> Step:
    if isinstance(at, bool) or not (hasattr(at, "__index__") or isinstance(at, Exchange | Draw | Effect)):
        raise TypeError(f"at= is the index of an exchange, or a step, not {at!r}")
    if not isinstance(at, Exchange | Draw | Effect):
        try:
            return tape[index(at)]
        except IndexError:
            raise IndexError(f"the tape has {len(tape)} exchanges, there is no {at}") from None
    for step in tape.steps:
        if step is at or (step.span == at.span and step == at):
            return step
    raise ValueError(f"{at!r} is not a step of this tape")
