"""The public verbs: record, replay, resume, rerun, fork. Each returns the session of one run.

The options that they share, `**options`, are those of `tracefork.runs.options.Options`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from operator import index
from typing import Any, TypeAlias, Unpack, cast

from ..core.doubt import continue_tape
from ..core.fork import Cut, Fork, Rerun, everything, in_any_order, nothing, remainder
from ..core.notes import inherit
from ..core.script import Script
from ..core.tape import Tape
from ..core.values import Answer, Branch, Draw, Effect, Exchange, Response, Step
from ..providers import streams
from ..providers.reusable import Reuse
from ..providers.unrecorded import describe_unrecorded, find_unrecorded
from ..providers.wholeness import is_whole
from ..runtime.port import Gate, Known
from ..session.session import Session
from ..session.tools.policy import Policy, policy
from .assembly import StoreLike, make_header, make_session
from .joining import JoinedRun, find_outer
from .options import Options, RecordOptions, ReplayOptions, TailOptions, lists
from .reuse import Faults, choose_anew, choose_served, choose_tools

Reanswer: TypeAlias = "Answer | Callable[[Any], Answer] | None"


@lists(RecordOptions)
def record(
    store: StoreLike = None,
    *,
    agent_name: str = "",
    run_id: str | None = None,
    meta: Mapping[str, str] | None = None,
    **options: Unpack[RecordOptions],
) -> Session:
    """Start a run whose every answer comes from the real world, and is kept.

    Within a run that is replayed, verified, forked, rerun or resumed, and under `tracefork run`, it is a view
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
    chosen, around = Options.of(options), find_outer()
    if chosen.nested == "join" and around is not None:
        return cast("Session", JoinedRun(around, store, run_id, options))
    head = make_header(agent_name, run_id, meta)
    tools = Policy(unrecordable=chosen.unrecordable)
    return make_session(nothing(chosen.matcher), head, chosen, store=store, tools=tools, within=around)


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
    chosen = Options.of(options, tape)
    head = make_header(tape.agent_name, tape.run_id or None, inherit(tape.meta), tape.parent)
    follow = in_any_order if chosen.order == "any" else everything
    return make_session(follow(tape, chosen.matcher), head, chosen, tape=tape)


@lists(TailOptions)
def resume(
    tape: Tape, store: StoreLike = None, *, run_id: str | None = None, **options: Unpack[TailOptions]
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
    chosen = Options.of(options, tape)
    _warn_of_unrecorded(tape)
    lineage = Branch(tape.run_id, len(tape), "resumed")
    script = remainder(continue_tape(tape, is_whole=is_whole), chosen.matcher, choose_tools(chosen.tools))
    return _follow(tape, script, lineage, chosen, store=store, run_id=run_id)


@lists(TailOptions)
def rerun(
    tape: Tape,
    store: StoreLike = None,
    *,
    at: int = 0,
    reuse: Reuse = "models",
    faults: Faults = "recorded",
    fresh: Iterable[str] = (),
    dry_run: bool = False,
    run_id: str | None = None,
    meta: Mapping[str, str] | None = None,
    name: str = "rerun",
    desc: str = "",
    **options: Unpack[TailOptions],
) -> Session:
    """Start a run of an agent that changed since `tape`: what it asks as before is served, the rest is live.

    Until the agent asks something else, or stops where others wait for it, this is a replay. From there
    on nothing waits for its recorded turn: equal questions are served their recorded answers, each at
    most once, and all others go to the real world. `run.parted` says where that was, and why. An agent
    that ends early is no error.

    Args:
        tape: the recording, finished or not.
        store, run_id, meta: as for `record`; the run names `tape` as its parent.
        at: exchanges before the one of this number, in the order of their heads, have to match.
        reuse: which exchanges may serve an equal question after the parting: "models", those that ask a
            model and carry all that the answer depends on; "all"; "none"; or a function of the Request.
            Only whole answers do, and no failures.
        faults: "recorded" serves recorded failures; "again" asks anew at the first fault, 429 or 5xx
            that nothing later on the tape made up for, and at an answer amid which the agent failed.
        fresh: names of tools that run again.
        dry_run: raise a Divergence where the agent parts: nothing goes live. `run.parted` is known then. The
            agent's own code, and tools that are none of the run's, do run.
        name, desc: what the branch is called, and what was changed.
        options: see `tracefork.runs.options.Options`; `tools` is "reuse" here if nothing is said. What is
            said of replays holds until the run is live.

    Raises:
        IndexError: the tape has no exchange of the number `at`.
        ValueError: `reuse` or `faults` is nothing known, or `fresh` names no tool of the tape.
        Divergence: before `at`, and in a dry run, on asking something else than the tape has; later, on
            reading on in a body that the agent had closed there when recorded.
        Unfinished: on leaving the block before `at`.
        InDoubt: on calling a tool that was in flight when the recording died.
        UnrecordedWarning: as a warning, when a model called tools that are no effects of the tape.
        RunExists: the store has a run of this name.
    """
    chosen = Options.of({"tools": "reuse", **options}, tape)
    if not 0 <= at <= len(tape):
        raise IndexError(f"the tape has {len(tape)} exchanges: at= is from 0 to {len(tape)}, not {at}")
    _warn_of_unrecorded(tape)
    may_serve = choose_served(reuse, chosen.tools)
    anew = choose_anew(tape, faults, fresh, chosen.matcher)
    going_on = continue_tape(tape, is_whole=is_whole)
    script = Rerun(going_on, may_serve, anew, at, dry_run).script(chosen.matcher)
    lineage = Branch(tape.run_id, None, name, desc)
    return _follow(tape, script, lineage, chosen, store=store, run_id=run_id, meta=meta)


@lists(TailOptions)
def fork(
    tape: Tape,
    at: int | Step,
    answer: Reanswer = None,
    *,
    store: StoreLike = None,
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
    chosen = Options.of(options, tape)
    pivot = _find_pivot(tape, at)
    given = answer(pivot) if callable(answer) else answer
    if given is None and answer is not None:
        raise TypeError(f"{answer!r} gave no answer; answer=None asks the step anew")
    if isinstance(given, Response) and isinstance(pivot, Exchange):
        given = streams.fit(pivot, given)
    _warn_of_unrecorded(tape)
    step = sum(1 for x in tape.exchanges if x.span.began < pivot.span.began)
    lineage = Branch(parent if parent is not None else tape.run_id, step, name, desc)
    may_serve = choose_tools(chosen.tools)
    script = Fork(continue_tape(tape, pivot), pivot, given, may_serve).script(chosen.matcher)
    return _follow(
        tape,
        script,
        lineage,
        chosen,
        store=store,
        run_id=run_id,
        meta=meta,
        gate=gate,
        known=known,
        pivot=None if given is None else pivot,
    )


@lists(TailOptions)
def cut(
    tape: Tape,
    upto: int | Step,
    answer: Answer | None = None,
    *,
    store: StoreLike = None,
    run_id: str | None = None,
    meta: Mapping[str, str] | None = None,
    parent: str | None = None,
    name: str = "cut",
    desc: str = "",
    gate: Gate | None = None,
    known: Known | None = None,
    recorded: Tape | None = None,
    **options: Unpack[TailOptions],
) -> Session:
    """Start a run that is served the first `upto` exchanges of `tape`, by head, and asks all else live.

    Cuts are nested, also where steps ran in parallel: that is what blame compares.

    Args:
        tape: the recording.
        upto: how many exchanges are served as they were recorded; or the last step that is, an effect or
            a draw too: all whose heads were given by then are served.
        answer: what the next exchange is answered, if it too is to be served.
        store, run_id, meta, parent, name, desc, gate, known: as for `fork`.
        recorded: the run whose results `tools="recorded"` gives, where `tape` is itself a branch of it.
        options: see `tracefork.runs.options.Options`. What is said of replays holds until the run is live.

    Raises:
        IndexError: the tape has not as many exchanges.
        ValueError: the step is not one of the tape's.
        TypeError: `upto` is a step and there is an `answer`, or the answer is none of an exchange.
        Divergence: on asking something else than the tape has, before anything goes live.
    """
    chosen = Options.of(options, tape)
    upto, served = _find_end(tape, upto, changed=answer is not None)
    lineage = Branch(parent if parent is not None else tape.run_id, served, name, desc)
    may_serve = choose_tools(chosen.tools)
    script = Cut(continue_tape(tape), upto, answer, may_serve).script(chosen.matcher)
    return _follow(
        tape,
        script,
        lineage,
        chosen,
        store=store,
        run_id=run_id,
        meta=meta,
        gate=gate,
        known=known,
        recorded=recorded,
    )


class UnrecordedWarning(RuntimeWarning):
    """A model called tools that no run knows of: they run for real in what follows."""


def _follow(
    tape: Tape,
    script: Script,
    lineage: Branch,
    options: Options,
    *,
    store: StoreLike,
    run_id: str | None,
    meta: Mapping[str, str] | None = None,
    gate: Gate | None = None,
    known: Known | None = None,
    pivot: Step | None = None,
    recorded: Tape | None = None,
) -> Session:
    """The session of a run that follows `tape` as far as `script` does, and then goes live."""
    return make_session(
        script,
        make_header(tape.agent_name, run_id, {**inherit(tape.meta), **(meta or {})}, lineage),
        options,
        store=store,
        tools=policy(options.tools, recorded or tape, options.on_doubt, options.unrecordable),
        gate=gate,
        known=known,
        tape=tape,
        goes_on=True,
        pivot=pivot,
    )


def _warn_of_unrecorded(tape: Tape) -> None:
    """Warn of tools that run for real in what follows `tape`."""
    if names := find_unrecorded(tape):
        text = describe_unrecorded(names, by_command=bool(tape.command))
        warnings.warn(text, UnrecordedWarning, stacklevel=3)


def _find_end(tape: Tape, upto: int | Step, *, changed: bool) -> tuple[int | Step, int]:
    """Where a cut of `tape` ends, which is checked, and how many exchanges it serves as recorded."""
    if isinstance(upto, Exchange | Draw | Effect):
        last = _find_pivot(tape, upto)
        return last, sum(x.span.headed <= last.span.headed for x in tape.exchanges)
    most = len(tape) - changed
    if not 0 <= upto <= most:
        raise IndexError(f"the tape has {len(tape)} exchanges: a cut is from 0 to {most}, not {upto}")
    return upto, upto


def _find_pivot(tape: Tape, at: int | Step) -> Step:
    """The step of `tape` that `at` names by its index among the exchanges, or is."""
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
