"""The public verbs: record, replay, resume, fork. Each makes one session from one plan.

The options that they share, `**options`, are those of `tracefork.runs.options.Options`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import pairwise
from operator import index
from secrets import token_bytes
from typing import Any, TypeAlias, Unpack, cast

from attrs import evolve

from ..codec.records import Header
from ..core.doubt import Elder, continue_tape, find_doubts, make_note, wants_elder
from ..core.fork import Cut, Fork, everything, nothing, remainder
from ..core.notes import inherit, note_doubts
from ..core.script import Script
from ..core.surrogates import NONE, RULES
from ..core.tape import Tape
from ..core.values import Answer, Branch, Call, Draw, Effect, Exchange, Response, Step
from ..errors import RunExists, TraceforkError
from ..host import clocks
from ..isolation import chance, grpc, network, processes, uvloop
from ..providers import streams
from ..providers.unrecorded import describe_unrecorded, find_unrecorded
from ..redact import Ambient, Redactor, Vault, lineage
from ..runtime.port import Gate, Known
from ..session.plan import Plan
from ..session.session import Session
from ..session.tools import wrapping
from ..session.tools.policy import RUN, Policy, policy
from ..storage.store import TapeStore, new_run_id
from ..transports import intercept as interception
from . import finders
from .joining import Joined, outer
from .options import Durability, Options, RecordOptions, ReplayOptions, TailOptions, lists

Stored: TypeAlias = "TapeStore | str | os.PathLike[str] | None"
Reanswer: TypeAlias = "Answer | Callable[[Any], Answer] | None"

SHORTEST_PATIENCE = 60.0
CHANCE = 32  # bytes, of which a run's surrogates are drawn


@lists(RecordOptions)
def record(
    store: Stored = None,
    *,
    agent_name: str = "",
    run_id: str | None = None,
    meta: Mapping[str, str] | None = None,
    **options: Unpack[RecordOptions],
) -> Session:
    """Start a run whose every answer comes from the real world, and is kept.

    Within a run that is replayed, verified, forked or resumed, and under `tracefork run`, it is a view
    of that run: see `nested`. Within another recording it is a run of its own.

    Args:
        store: a TapeStore, a path that `TapeStore.open` understands, or None for memory.
            What is opened here is closed here.
        agent_name: what to call the agent in lists.
        run_id: the run's name in the store; by default a new one that sorts by time.
        meta: further text to keep with the run.
        options: see `tracefork.runs.options.Options`.

    Raises:
        RunExists: the store has a run of this name.
        StoreError: the store cannot be opened.
        Refused: the run is strict, and something would have left it.
    """
    told, around = Options.of(options), outer()
    if told.nested == "join" and around is not None:
        return cast("Session", Joined(around, store, run_id, options))
    head = _header(agent_name, run_id, meta)
    tools = Policy(unrecordable=told.unrecordable)
    return _session(nothing(told.matcher), head, told, store=store, tools=tools, within=around)


@lists(ReplayOptions)
def replay(tape: Tape, **options: Unpack[ReplayOptions]) -> Session:
    """Start a run whose every answer comes from `tape`. Nothing may connect inside.

    Args:
        tape: the recording.
        options: see `tracefork.runs.options.Options`.

    Raises:
        BodyOmitted: on reading a body of which the tape has only the hash.
        Divergence: on asking what the tape cannot answer, and again on leaving the block.
        Refused: to whoever would connect.
        Unfinished: on leaving the block, when recorded questions were never asked.
    """
    told = Options.of(options, tape)
    head = _header(tape.agent_name, tape.run_id or None, inherit(tape.meta), tape.parent)
    return _session(everything(tape, told.matcher), head, told, tape=tape)


@lists(TailOptions)
def resume(
    tape: Tape, store: Stored = None, *, run_id: str | None = None, **options: Unpack[TailOptions]
) -> Session:
    """Start a run that follows `tape` to its end for free, then goes live.

    The new run holds all steps and names `tape` as its parent.

    Args:
        tape: an interrupted recording, or any other.
        store, run_id: as for `record`.
        options: see `tracefork.runs.options.Options`. What is said of replays holds until the run is live.

    Raises:
        Divergence: on asking something else than the tape has, before anything goes live.
        InDoubt: on calling a tool that may have run.
        UnrecordedWarning: as a warning, when a model called tools that are no effects of the tape.
        ToolRefused: on calling one live that `tools` does not let run.
        RunExists: the store has a run of this name.
    """
    told = Options.of(options, tape)
    _warn_of_unrecorded(tape)
    lineage = Branch(tape.run_id, len(tape), "resumed")
    head = _header(tape.agent_name, run_id, inherit(tape.meta), lineage)
    script = remainder(continue_tape(tape), told.matcher)
    return _session(script, head, told, store=store, tools=_policy(told, tape), tape=tape, goes_on=True)


@lists(TailOptions)
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
    gate: Gate | None = None,
    known: Known | None = None,
    **options: Unpack[TailOptions],
) -> Session:
    """Start a run that follows `tape` up to one step, gives it another answer, and goes live from there.

    Steps that began before that step's head are served: they were asked in
    ignorance of the new answer.

    Args:
        tape: the recording to part from.
        at: the index of an exchange, or a step of the tape, to reach draws and effects.
        answer: what the step is answered instead; a function from the recorded step
            to that; or None: ask the step again, live.
        store, run_id: as for `record`.
        meta: further text to keep with the branch, beside the tape's own.
        parent: the run_id to name as parent; by default the tape's.
        name, desc: what the branch is called, and what was changed.
        gate: is shown each request before it leaves, and ends the run by raising a TraceforkError.
        known: gives the answer to serve to a request that would leave, by the lane that asks, or None.
        options: see `tracefork.runs.options.Options`. What is said of replays holds until the run is live.

    Raises:
        IndexError: the tape has no exchange of this index.
        ValueError: the step is not one of the tape's.
        TypeError: the answer is not of the step's kind.
        UnfitAnswer: a stream is answered by JSON of which none can be made.
        Divergence: on asking something else than the tape has, before anything goes live.
    """
    told = Options.of(options, tape)
    pivot = _pivot(tape, at)
    given = answer(pivot) if callable(answer) else answer
    if given is None and answer is not None:
        raise TypeError(f"{answer!r} gave no answer; answer=None asks the step anew")
    if isinstance(given, Response) and isinstance(pivot, Exchange):
        given = streams.fit(pivot, given)
    _warn_of_unrecorded(tape)
    step = sum(1 for x in tape.exchanges if x.span.began < pivot.span.began)
    lineage = Branch(parent if parent is not None else tape.run_id, step, name, desc)
    head = _header(tape.agent_name, run_id, {**inherit(tape.meta), **(meta or {})}, lineage)
    script = Fork(continue_tape(tape, pivot), pivot, given).script(told.matcher)
    return _session(
        script,
        head,
        told,
        store=store,
        tools=_policy(told, tape),
        gate=gate,
        known=known,
        tape=tape,
        goes_on=True,
        pivot=None if given is None else pivot,
    )


@lists(TailOptions)
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
    gate: Gate | None = None,
    known: Known | None = None,
    **options: Unpack[TailOptions],
) -> Session:
    """Start a run that is served the first `upto` exchanges of `tape`, by head, and asks all else live.

    Cuts are nested, also where steps ran in parallel: that is what blame compares.

    Args:
        tape: the recording.
        upto: how many exchanges are served as they were recorded.
        answer: what the next one is answered, if it too is to be served.
        store, run_id, meta, parent, name, desc, gate, known: as for `fork`.
        options: see `tracefork.runs.options.Options`. What is said of replays holds until the run is live.

    Raises:
        IndexError: the tape has not as many exchanges.
        Divergence: on asking something else than the tape has, before anything goes live.
    """
    told = Options.of(options, tape)
    last = len(tape) - (answer is not None)
    if not 0 <= upto <= last:
        raise IndexError(f"the tape has {len(tape)} exchanges: a cut is from 0 to {last}, not {upto}")
    lineage = Branch(parent if parent is not None else tape.run_id, upto, name, desc)
    head = _header(tape.agent_name, run_id, {**inherit(tape.meta), **(meta or {})}, lineage)
    script = Cut(continue_tape(tape), upto, answer).script(told.matcher)
    return _session(
        script,
        head,
        told,
        store=store,
        tools=_policy(told, tape),
        gate=gate,
        known=known,
        tape=tape,
        goes_on=True,
    )


class UnrecordedWarning(RuntimeWarning):
    """A model called tools that no run knows of: they run for real in what follows."""


def _policy(options: Options, tape: Tape) -> Policy:
    return policy(options.tools, tape, options.on_doubt, options.unrecordable)


def _doors(options: Options, wraps: wrapping.Wraps) -> tuple[Any, ...]:
    """What replaces attributes of others (clients, network, processes, chance) while a run is entered."""
    return (
        *[interception] * options.intercept,
        *(network, uvloop, processes, grpc),
        *[chance] * bool(options.virtualize),
        *[wraps] * bool(wraps.paths),
    )


def _session(
    script: Script,
    head: Header,
    options: Options,
    *,
    store: Stored = None,
    tools: Policy = RUN,
    gate: Gate | None = None,
    known: Known | None = None,
    tape: Tape | None = None,
    within: Session | None = None,
    goes_on: bool = False,
    pivot: Step | None = None,
) -> Session:
    """The session of one plan; one that `goes_on` takes over the doubts of `tape` but for that of `pivot`."""
    wraps = wrapping.Wraps.of(options.wrap or ())
    redact = options.redact
    vault = Vault(token_bytes(CHANCE), tape.surrogates if tape else NONE)
    rules = tape.rules if tape else RULES
    redacting = Ambient(os.environ, redact, finders.Bounded, vault, rules)
    head = evolve(head, meta={**head.meta, **options.notes(wraps.paths)}, rules=rules)
    head = _redacted(head, redacting())
    opened, owned = _opened(store, options.durability)
    doubts = _find_doubts(tape, opened, pivot) if tape and goes_on else ()
    doubts = tuple(cast("Call", redacting().question(call)) for call in doubts)
    head = evolve(head, meta={**head.meta, **note_doubts(make_note(doubts, script))})
    if opened is not None and head.run_id in opened:
        if owned:
            opened.close()
        raise RunExists(head.run_id)
    plan = Plan(
        script,
        head,
        redacting,
        doors=_doors(options, wraps),
        store=opened,
        owns_store=owned,
        patience=_patience(tape) if options.patience is None else options.patience,
        tools=tools,
        everywhere=options.scope == "process",
        passthrough=options.passthrough or (),
        allow=options.allow or (),
        max_body=options.max_body or 0,
        instant_retries=options.instant_retries,
        gate=gate,
        known=known,
        virtualize=options.virtualize or frozenset(),
        strict=bool(options.strict),
        processes=options.processes or "run",
        joins=tape is not None or options.adopts,
        within=within,
        doubts=doubts,
        wrapped=frozenset(wraps.paths),
    )
    session = Session(plan)
    redacting.tell(session.remark)
    return session


def _warn_of_unrecorded(tape: Tape) -> None:
    """Warn of tools that run for real in what follows `tape`."""
    if names := find_unrecorded(tape):
        warnings.warn(describe_unrecorded(names), UnrecordedWarning, stacklevel=3)


def _find_doubts(tape: Tape, store: TapeStore | None, pivot: Step | None = None) -> tuple[Call, ...]:
    """The calls that may have run before a run that follows `tape`, whose parent may be in `store`."""
    elder = None
    if store is not None and tape.parent is not None and wants_elder(tape):
        with suppress(TraceforkError, RecursionError):
            parent = store.load(tape.parent.parent)
            elder = Elder(parent, _find_doubts(parent, store))
    return find_doubts(tape, pivot, elder)


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
