"""Makes the session of a run from its script, its header and its options.

Opens the store, sets up redaction, finds the calls in doubt that a run takes over, and lists the patches
(HTTP clients, network guard, processes, clock, random and uuid) that are installed while it is entered.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from secrets import token_bytes
from typing import Any, TypeAlias, cast

from attrs import evolve

from ..codec.records import Header
from ..core.doubt import Elder, find_doubts, make_note, wants_elder
from ..core.notes import note_doubts
from ..core.script import NEVER, Script
from ..core.surrogates import NONE, RULES
from ..core.tape import Tape
from ..core.values import Branch, Call, Request, Step
from ..edits.kept import keep_edits, plan_edits
from ..errors import RunExists, TraceforkError
from ..host import clocks
from ..isolation import chance, curl, grpc, network, processes, uvloop
from ..redact import Ambient, Redactor, Vault, lineage
from ..runtime.port import Gate, Known
from ..session.plan import Plan
from ..session.session import Session
from ..session.tools.policy import RUN, Policy
from ..session.tools.wrapping import Wraps
from ..storage.store import TapeStore, new_run_id
from ..transports import intercept
from . import finders
from .options import Durability, Options

StoreLike: TypeAlias = "TapeStore | str | os.PathLike[str] | None"

SHORTEST_PATIENCE = 60.0
CHANCE = 32  # bytes, of which a run's surrogates are drawn


def make_session(
    script: Script,
    head: Header,
    options: Options,
    *,
    store: StoreLike = None,
    tools: Policy = RUN,
    gate: Gate | None = None,
    known: Known | None = None,
    tape: Tape | None = None,
    within: Session | None = None,
    goes_on: bool = False,
    pivot: Step | None = None,
) -> Session:
    """Return the session of one run, not entered yet.

    One that `goes_on` after `tape` takes over the calls in doubt there, but for `pivot`.

    Raises:
        RunExists: the store has a run of this name.
        StoreError: the store cannot be opened.
        ValueError: it was opened with another durability.
    """
    wraps = Wraps.of(options.wrap or ())
    rules = tape.rules if tape else RULES
    planned = plan_edits(tape.meta if tape else {}, options.edits or ())
    vault = Vault(token_bytes(CHANCE), tape.surrogates if tape else NONE)
    redacting = Ambient(os.environ, options.redact, finders.BoundedFinders, vault, rules)
    head = evolve(head, meta={**head.meta, **options.notes(wraps.paths)}, rules=rules)
    head = _redact(head, redacting())
    head = evolve(
        head, meta={**head.meta, **_redact_edits(keep_edits(planned, _count_served(script)), redacting())}
    )
    opened, owned = _open(store, options.durability)
    doubts = _find_doubts(tape, opened, pivot) if tape and goes_on else ()
    doubts = tuple(cast("Call", redacting().question(call)) for call in doubts)
    head = evolve(head, meta={**head.meta, **note_doubts(make_note(doubts, script))})
    if opened is not None and head.run_id in opened:
        if owned:
            opened.close()
        raise RunExists(head.run_id)
    adopting = _find_adopting(options, tape)
    if adopting is not None:
        head = evolve(head, meta={**head.meta, **adopting.meta()})
    plan = Plan(
        evolve(script, is_loose=options.order != "all"),
        head,
        redacting,
        doors=(*_list_patches(options, wraps), *[adopting] * (adopting is not None)),
        store=opened,
        owns_store=owned,
        patience=find_patience(tape) if options.patience is None else options.patience,
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
        adopts_processes=adopting,
        joins=tape is not None or options.adopts,
        within=within,
        doubts=doubts,
        follows=tape,
        wrapped=frozenset(wraps.paths),
        edits=planned,
        edits_from_opening=goes_on and script.opens != NEVER,
    )
    session = Session(plan)
    redacting.tell(session.remark)
    return session


def make_header(
    agent_name: str, run_id: str | None, meta: Mapping[str, str] | None, parent: Branch | None = None
) -> Header:
    """Return the header of a run that begins now, by default under a new run_id.

    Raises:
        TypeError: `meta` holds something else than text.
        ValueError: the run_id is empty.
    """
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


def _list_patches(options: Options, wraps: Wraps) -> tuple[Any, ...]:
    """What replaces attributes of other modules while the run is entered, in the order of installing."""
    return (
        *[intercept] * options.intercept,
        *(network, uvloop, processes, grpc, curl),
        *[chance] * bool(options.virtualize),
        *[wraps] * bool(wraps.paths),
    )


def _find_adopting(options: Options, tape: Tape | None) -> Any:
    """What lets processes join a run with these options that follows `tape`; None if they do not."""
    if options.processes != "join":
        return None
    from .adopting import Adopting  # noqa: PLC0415  it needs the gateway's part of the package

    return Adopting.of(tape.meta if tape else {})


def _find_doubts(tape: Tape, store: TapeStore | None, pivot: Step | None = None) -> tuple[Call, ...]:
    """The calls that may have run before a run that follows `tape`, whose own parent may be in `store`."""
    elder = None
    if store is not None and tape.parent is not None and wants_elder(tape):
        with suppress(TraceforkError, RecursionError):
            parent = store.load(tape.parent.parent)
            elder = Elder(parent, _find_doubts(parent, store))
    return find_doubts(tape, pivot, elder)


def _open(store: StoreLike, durability: Durability) -> tuple[TapeStore | None, bool]:
    """The store, and whether it was opened here and is to be closed with the run."""
    if store is None:
        return None, False
    if not isinstance(store, TapeStore):
        return TapeStore.open(store, durability=durability), True
    if durability == "power" and getattr(store.backend, "durability", "power") == "process":
        raise ValueError('the store was opened with durability="process"; open it with durability="power"')
    return store, False


def _redact(head: Header, redact: Redactor) -> Header:
    parent = lineage(head.parent, redact)
    meta = {redact.text(key): redact.text(value) for key, value in head.meta.items()}
    return evolve(head, agent_name=redact.text(head.agent_name), meta=meta, parent=parent)


def _redact_edits(notes: Mapping[str, str], redact: Redactor) -> dict[str, str]:
    """Edits as they may be kept: as the JSON of a request's body, of which they become part."""
    asked = {name: Request("POST", "", (), text.encode()) for name, text in notes.items()}
    return {name: cast("Request", redact.question(one)).body.decode() for name, one in asked.items()}


def _count_served(script: Script) -> int:
    """How many requests the script answers before the run is live; of one that never is, none."""
    if script.opens == NEVER:
        return 0
    return sum(
        isinstance(line.asked, Request) and line.began is not None and line.answer is not None
        for line in script.lines
    )


def find_patience(tape: Tape | None, shortest: float = SHORTEST_PATIENCE) -> float:
    """`shortest` seconds, or twice the longest time in which nothing happened on the tape if it is more."""
    if tape is None:
        return shortest
    times = sorted(
        t.began + after for t in (s.timing for s in tape.steps) for after in (0, t.headed, t.ended)
    )
    gaps = (later - earlier for earlier, later in pairwise(times))
    return max(shortest, 2 * max(gaps, default=0.0))
