"""Tries blame on planted causes: by the planner alone, many times, and with real agents, once each.

Offline, and the same each time: all chance follows from seeds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from itertools import pairwise, product
from tempfile import TemporaryDirectory
from typing import TypeVar

from attrs import frozen

from tracefork.attribution.findings.findings import BlameReport
from tracefork.attribution.forks.budget import Budget
from tracefork.attribution.search.conclusion import Conclusion
from tracefork.attribution.study.blame import blame
from tracefork.core.tape import Tape
from tracefork.runs.agents import Agent
from tracefork.storage.store import TapeStore
from tracefork.validation.gates import RowResult, run_row, table
from tracefork.validation.worlds import Planted

from .faulty import Harm, record_faulty
from .planted import PlantedAgent, PlantedRun, recorded, succeeded
from .staged import stage

__all__ = ["Trial", "run_trials", "try_harm", "try_planner", "try_world"]

T = TypeVar("T")

STEPS = 10
HARMED = 12
FORKS = 120

UNTOLD = Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET

EXPECTED: dict[Planted, frozenset[Conclusion]] = {
    Planted.DRIFT: frozenset({Conclusion.DIFFUSE, Conclusion.SEGMENT, UNTOLD}),
    Planted.FLAT: frozenset({Conclusion.NO_DROP, UNTOLD}),
    Planted.FLAT_LOW: frozenset({Conclusion.NO_DROP, UNTOLD}),
    Planted.SYSTEMIC: frozenset({Conclusion.SYSTEMIC}),
    Planted.BOUNDARY: frozenset({Conclusion.NO_DROP, UNTOLD}),
    Planted.BOUNDARY_END: frozenset({Conclusion.SYSTEMIC, UNTOLD}),
    Planted.TURNS: frozenset({Conclusion.NO_DROP, UNTOLD}),
    Planted.WANDERING: frozenset({Conclusion.NO_DROP, UNTOLD}),
    Planted.LOST: frozenset({Conclusion.NO_DROP, UNTOLD}),
}
"""The right verdicts where no step is to be named."""

HARD = frozenset({Planted.RESCUED, Planted.DIP, Planted.FAINT})
"""Worlds that so few forks may leave open, but must not call free of a cause."""


@frozen
class Trial:
    """One study of a real agent with a planted cause, over sockets, its forks kept in an SQLite store.

    `culprits` are the steps of which one is to be named, none where none is. `right` is whether one
    was, or at least guessed; `false` whether one was named whose true drop is within the margin.
    """

    name: str
    culprits: tuple[int, ...]
    verdict: Conclusion
    named: tuple[int, ...]
    right: bool
    false: bool
    forks: int
    calls: int


def try_planner(repetitions: int, seed: int = 0, workers: int | None = None) -> Iterator[RowResult]:
    """Try every row of the gates `repetitions` times; give the results as they are done."""
    yield from _run_all([partial(run_row, row, repetitions, seed) for row in table()], workers)


def run_trials(seed: int = 0, workers: int | None = None) -> Iterator[Trial]:
    """Run a trial of each planted world, and of each harm at the first, middle and last step."""
    worlds = [partial(try_world, kind, seed) for kind in Planted]
    places = 0, HARMED // 2, HARMED - 1
    harms = [partial(try_harm, harm, at, seed) for harm, at in product(Harm, places)]
    yield from _run_all([*worlds, *harms], workers)


def try_world(kind: Planted, seed: int = 0, steps: int = STEPS) -> Trial:
    """Blame a run of a real agent with the planted fault `kind`."""
    world = stage(kind, steps, seed)
    drops = _list_drops(world)
    with TemporaryDirectory() as folder, TapeStore.open(f"{folder}/runs.db") as store:
        tape, server = recorded(world, store)
        with server:
            agent = PlantedAgent(server.url, steps, world.after)
            report = _blame(tape, agent, store, seed)
    blamed = tuple(step for step in range(steps) if drops[step] > report.delta)
    culprits = () if kind in EXPECTED else blamed
    answers = [entry for entry in report.named if entry.kind == "answer" or not world.after]
    false = any(drops[entry.step] <= report.margin + 1e-9 for entry in answers)
    right = EXPECTED.get(kind, frozenset({UNTOLD, Conclusion.SEGMENT}) if kind in HARD else frozenset())
    if world.after and not answers:  # the tool that draws the outcome did decide it, or is in the segment
        right = right | {Conclusion.STEP, Conclusion.SEGMENT}
    return _make_trial(str(kind), culprits, report, right, false=false)


def try_harm(harm: Harm, at: int, seed: int = 0, steps: int = HARMED) -> Trial:
    """Blame a run to whose agent `harm` was done at step `at`, beside decoys."""
    tape, agent, server = record_faulty(harm, at, steps)
    with server, TapeStore.open(":memory:") as store:
        report = _blame(tape, agent, store, seed)
    false = any(entry.step != at for entry in report.named)
    return _make_trial(f"{harm} at step {at} of {steps}", (at,), report, frozenset(), false=false)


def _blame(tape: Tape, agent: Agent, store: TapeStore, seed: int) -> BlameReport:
    """Blame a run of a planted agent, without a pause: a failure of its model does not pass by itself."""
    budget = Budget(forks=FORKS)
    return blame(tape, agent, succeeded, store=store, budget=budget, tools="live", seed=seed, backoff=0.0)


def _make_trial(
    name: str, culprits: tuple[int, ...], report: BlameReport, right: frozenset[Conclusion], *, false: bool
) -> Trial:
    named = tuple(entry.step for entry in report.named)
    guesses = (*named[:1], *(top.step for top in (report.top(),) if top and not named))
    well = report.verdict in right or any(step in culprits for step in guesses)
    return Trial(name, culprits, report.verdict, named, well, false, report.forks, report.spent.calls)


def _list_drops(world: PlantedRun) -> list[float]:
    values = [world.value(served) for served in range(world.steps + 1)]
    return [before - after for before, after in pairwise(values)]


def _run_all(jobs: list[Callable[[], T]], workers: int | None) -> Iterator[T]:
    """The results of the jobs, as they end, from as many processes as there are cores."""
    width = workers or os.cpu_count() or 1
    if width == 1:
        yield from (job() for job in jobs)
        return
    with ProcessPoolExecutor(width) as pool:
        for future in as_completed([pool.submit(job) for job in jobs]):
            yield future.result()
