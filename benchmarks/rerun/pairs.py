"""An agent and an edit of it: recorded as it was, run live as it is now, and rerun. Counts what that cost."""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import field, frozen

import tracefork
from benchmarks.rerun.agents import Framework
from benchmarks.rerun.model import World, digest_of, same_for_all
from benchmarks.rerun.plans import BASE, Edit, Plan
from tracefork.core.matching import Matcher, canonical, exact
from tracefork.runs.api import UnrecordedWarning
from tracefork.runs.calibration import Calibration, calibrate
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer


@frozen
class Found:
    """What a rerun of an edited agent came to.

    `minimal` questions are those that the edited agent asks live less those on the tape, counted;
    `live` were asked. `missed` are among these although an answer was on the tape, `wrong` were served the
    answer to another one. `same` says that all results are those of the live run. `tools` were run, of which
    `rerun` although an equal call was on the tape.
    """

    minimal: int = 0
    live: int = 0
    missed: int = 0
    wrong: int = 0
    same: bool = True
    tools: int = 0
    rerun: int = 0
    verified: bool = True
    problem: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether it is as it should be."""
        counts = self.live == self.minimal, not self.missed, not self.wrong, not self.rerun
        return all(counts) and self.same and self.verified and not self.problem


@frozen
class Recorded:
    """A framework's agent as it was recorded, and how its questions are matched."""

    framework: Framework
    url: str
    world: World = field(repr=False)
    tape: tracefork.Tape = field(repr=False)
    calibration: Calibration = field(repr=False)
    matcher: Matcher = field(repr=False)
    asked: Counter[str] = field(repr=False)
    ran: Counter[Any] = field(repr=False)

    def rerun(self, edit: Edit, plan: Plan = BASE, *, verify: bool = False, **options: Any) -> Found:
        """Rerun the agent after `edit`, beside a live run of it; `options` are those of `tracefork.rerun`."""
        changed = edit.change(plan)

        def agent() -> list[str]:
            return self.framework.run(changed, self.url, self.world)

        wanted = agent()
        questions, calls = self.world.take()
        minimal = Counter(map(self.key, questions)) - self.asked
        needed = Counter(calls) - self.ran
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UnrecordedWarning)
                with tracefork.rerun(self.tape, matcher=self.matcher, **options) as run:
                    came = agent()
        except Exception as problem:  # noqa: BLE001 - any is told
            self.world.take()
            return Found(minimal.total(), problem=f"{type(problem).__name__}: {problem}"[:300])
        questions, calls = self.world.take()
        live = Counter(map(self.key, questions))
        ok = not verify or tracefork.verify(run.tape, agent, matcher=self.matcher).ok
        self.world.take()
        return Found(
            minimal.total(),
            live.total(),
            (live - minimal).total(),
            self.count_wrong(run.tape),
            came == wanted,
            len(calls),
            (Counter(calls) - needed).total(),
            ok,
        )

    def key(self, request: tracefork.Request) -> str:
        return self.matcher(same_for_all(request))

    def count_wrong(self, branch: tracefork.Tape) -> int:
        """How many answers of `branch` were recorded for a question that differs, or given twice."""
        given = {step.span.began: step for step in self.tape.exchanges}
        served = [step for step in branch.exchanges if step.origin is not None]
        wrong = sum(digest_of(given[step.origin].request) != digest_of(step.request) for step in served)
        return wrong + len(served) - len({step.origin for step in served})


@contextmanager
def recorded(framework: Framework, plan: Plan = BASE) -> Iterator[Recorded]:
    """The agent of a framework, calibrated and recorded with what calibration advises."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(log=Path(folder) / "ran")
        with LoopbackServer(by_rule(world)) as server:
            yield _record(framework, plan, server.url, world)


def _record(framework: Framework, plan: Plan, url: str, world: World) -> Recorded:
    def agent() -> list[str]:
        return framework.run(plan, url, world)

    agent()  # what is imported and cached when it is first used draws, too
    found = calibrate(agent)
    world.take()
    matcher = canonical(ignoring=found.ignoring) if found.ignoring else exact
    with tracefork.record(virtualize=found.virtualize, matcher=matcher) as run:
        agent()
    asked, ran = world.take()
    made = Recorded(framework, url, world, run.tape, found, matcher, Counter(), Counter(ran))
    made.asked.update(map(made.key, asked))
    return made


Tell = Callable[[Edit, Found], None]


def measure(
    framework: Framework, edits: list[Edit], tell: Tell | None = None, *, plan: Plan = BASE, verify: int = 0
) -> list[Found]:
    """What each of `edits` came to; each `verify`th branch is verified too."""
    found = []
    with recorded(framework, plan) as made:
        for number, edit in enumerate(edits):
            if edit.mends and not framework.mends:
                continue
            one = made.rerun(edit, plan, verify=bool(verify) and number % verify == 0)
            found.append(one)
            if tell is not None:
                tell(edit, one)
    return found
