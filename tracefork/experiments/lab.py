"""Runs the arms of a block: each on the tape up to where the change begins, and live from there."""

from __future__ import annotations

from typing import Any, TypeAlias

import anyio.to_thread
from attrs import frozen

from ..attribution.forks.arms import find_unanswered
from ..attribution.forks.budget import Spent
from ..attribution.forks.grading import OnRaise, grade_without_oracle
from ..attribution.oracles import Oracle
from ..attribution.statistics.chance import unit
from ..attribution.study.meter import Meter
from ..attribution.study.probe import SEED, OracleCall
from ..attribution.study.setting import Source, read_tape
from ..core.matching import Matcher, exact
from ..core.tape import Tape
from ..edits.base import AnyEdit, Edit, describe_edit
from ..errors import Divergence
from ..providers.prices import Prices
from ..runs.agents import Agent, Ending, arun_agent, is_async, run_agent
from ..runs.api import cut, rerun
from ..runs.naming import resolve
from ..session.session import Session
from ..session.tools.policy import Tools
from ..storage.info import PROBE
from ..storage.store import TapeStore
from .blocks import Block, Side

LOOPS = 3
"""Times the recorded calls that a live tail may ask, and `SPARE` more."""
SPARE = 10
LONGEST = 300
"""Characters of a note."""


@frozen
class Answer:
    """A fix that answers one step otherwise: exchange `step` is served `answer`, and the rest is live."""

    step: int
    answer: Any


Fix: TypeAlias = "AnyEdit | list[AnyEdit] | tuple[AnyEdit, ...] | Answer | Agent | str"
"""A change: edits of requests, an answer to a step, or another agent, also by its import path."""


@frozen
class Arm:
    """What one arm runs: an agent, edits of what it asks, and an answer to put in the place of one."""

    agent: Agent | str
    edits: tuple[AnyEdit, ...] = ()
    answer: Answer | None = None
    name: str = "as it is"

    @classmethod
    def of(cls, before: Agent | str, fix: Fix, name: str = "") -> Arm:
        """Return the arm of agent `before` with a `fix`.

        Raises:
            TypeError: the fix is no edit, no list of edits, no Answer, and nothing that can be called.
        """
        if isinstance(fix, Answer):
            return cls(before, answer=fix, name=name or f"step {fix.step} answered otherwise")
        edits = tuple(fix) if isinstance(fix, list | tuple) else (fix,) if isinstance(fix, Edit) else ()
        if edits and all(isinstance(edit, Edit) or callable(edit) for edit in edits):
            return cls(before, edits, name=name or ", ".join(map(describe_edit, edits)))
        if isinstance(fix, str) or callable(fix):
            return cls(
                fix, name=name or (fix if isinstance(fix, str) else getattr(fix, "__name__", repr(fix)))
            )
        raise TypeError(f"a change is edits, a tracefork.experiments.lab.Answer or an agent, not {fix!r}")


@frozen
class Lab:
    """What all blocks have in common. `upto[t]` exchanges of tape t are served to every arm.

    `most[t]` is the most that one run on tape t may cost, None if nothing limits it. `until` is in seconds of
    `time.time`. `options` go to `tracefork.runs.api.cut`. A value: it can be sent to another process.
    """

    tapes: tuple[Source, ...]
    arms: tuple[Arm, ...]
    oracle: Oracle | str
    upto: tuple[int, ...] = ()
    most: tuple[Spent | None, ...] = ()
    store: TapeStore | str | None = None
    tools: Tools = "recorded"
    on_raise: OnRaise = "failure"
    matcher: Matcher = exact
    prices: Prices | None = None
    until: float | None = None
    seed: int = 0
    options: tuple[tuple[str, Any], ...] = ()


def find_touched(lab: Lab, tape: int) -> int | None:
    """Return how many exchanges of a tape no change has touched; None if no arm's change touches it.

    Each changed agent is run on the tape until it asks something else: no model is asked.

    Raises:
        ValueError: the agent as it is does not do again what is on the tape.
        Divergence: it asks something else where it has to match.
    """
    source = read_tape(lab.tapes[tape])
    found = [at for arm in lab.arms if (at := _find_parting(lab, source, arm)) is not None]
    if lab.arms and (at := _find_parting(lab, source, lab.arms[0])) is not None:
        raise ValueError(
            f"the agent as it is does not do again what run {source.run_id!r} did: it parts at step {at}; "
            f"pass as before= what made the run, or record it again"
        )
    return min(found, default=None)


def run_block(lab: Lab, block: Block) -> tuple[Side, ...]:
    """Run the arms of a block one after another in this thread; async agents get loops of their own."""
    return tuple(_run_side(lab, block, place) for place in range(len(block.arms)))


async def arun_block(lab: Lab, block: Block) -> tuple[Side, ...]:
    """`run_block` in the running event loop; agents that are not async run in threads."""
    sides = []
    for place, arm in enumerate(block.arms):
        agent = resolve(lab.arms[arm].agent)
        if is_async(agent):
            run = _open(lab, block, place)
            asked = run.judge(await arun_agent(run.session, agent))
            sides.append(asked if isinstance(asked, Side) else run.score(await asked.amake()))
        else:
            sides.append(await anyio.to_thread.run_sync(_run_side, lab, block, place))
    return tuple(sides)


# -- below -----------------------------------------------------------------------------


def _find_parting(lab: Lab, tape: Tape, arm: Arm) -> int | None:
    if arm.answer is not None:
        return arm.answer.step
    session = rerun(
        tape, dry_run=True, edits=list(arm.edits) or None, matcher=lab.matcher, **dict(lab.options)
    )
    ending = run_agent(session, resolve(arm.agent))
    if session.parted is not None:
        return min(session.parted.step, len(tape))
    if isinstance(session.failure, Divergence):
        raise session.failure
    if ending.raised is not None and tape.outcome.kind != "raised":
        raise ending.raised
    return None


def _run_side(lab: Lab, block: Block, place: int) -> Side:
    run = _open(lab, block, place)
    asked = run.judge(run_agent(run.session, resolve(run.arm.agent)))
    return asked if isinstance(asked, Side) else run.score(asked.make())


@frozen
class _Run:
    """One run of one arm: it is judged when the agent has ended, then scored by what the oracle says."""

    lab: Lab
    arm: Arm
    number: int
    session: Session
    meter: Meter

    def judge(self, ending: Ending) -> Side | OracleCall:
        """Return the result, if it is known without the oracle, else what is to be asked."""
        session = self.session
        live = {id(exchange) for exchange in self.meter.live()}
        lost = [x for x in find_unanswered(session.tape, self.lab.matcher) if id(x) in live]
        raising = self.lab.on_raise == "failure"
        if (
            grade_without_oracle(ending.raised, session.failure, trouble=bool(lost), raising=raising)
            is not None
        ):
            why = session.failure or ending.raised
            return self._side(
                0.0, 1.0, "no model answered" if why is None else f"{type(why).__name__}: {why}"
            )
        if ending.raised is not None:
            return self._side(0.0, 0.0)
        return OracleCall(self.lab.oracle, ending.result, session.tape)

    def score(self, answer: Ending) -> Side:
        """Return the result by what the oracle said."""
        if answer.raised is not None:
            return self._side(0.0, 1.0, f"the oracle raised {type(answer.raised).__name__}")
        if answer.result is None:
            return self._side(0.0, 1.0, "the oracle cannot say")
        return self._side(float(answer.result), float(answer.result))

    def _side(self, low: float, high: float, note: str = "") -> Side:
        kept = self.session.run_id if self.lab.store is not None else ""
        return Side(self.number, low, high, self.meter.spent(), kept, note[:LONGEST])


def _open(lab: Lab, block: Block, place: int) -> _Run:
    """The run at a place of a block, ready to begin: both sides are served the same, with the same tools."""
    number = block.arms[place]
    arm, tape = lab.arms[number], read_tape(lab.tapes[block.tape])
    upto = lab.upto[block.tape]
    calls = LOOPS * (len(tape) - upto) + SPARE
    meter = Meter(lab.matcher, calls, lab.most[block.tape], lab.until, lab.prices)
    name = f"{arm.name}, {block.kind} {block.number}"
    options: dict[str, Any] = {
        "store": lab.store,
        "name": name,
        "meta": {PROBE: name, SEED: str(int(unit(lab.seed, "run", block.number, place) * 2**53))},
        "matcher": lab.matcher,
        "tools": lab.tools,
        "gate": meter,
        **dict(lab.options),
    }
    if arm.edits:
        options["edits"] = list(arm.edits)
    answered = arm.answer.answer if arm.answer else None
    session = cut(tape, upto, answered, **options)
    meter.session = session
    return _Run(lab, arm, number, session, meter)
