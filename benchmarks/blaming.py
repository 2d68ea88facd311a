"""Blame: what it names beside other designs on the same planted causes, and what its forks cost.

All designs see the same worlds, in which it is known how each fork ends, so that nothing
but the design differs: our search; ten forks of every step, alpha shared by all; and the
published tracefork 1.0.0, whose ranking is its own and whose forks are drawn from the world. It can
be told how a fork goes on: with a live model, or with the answers of the recording.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import httpx
from attrs import frozen

import tracefork
from benchmarks.peers import HERE, Missing, environment
from tracefork.attribution.forks.jobs import Job
from tracefork.attribution.search import estimate, flip
from tracefork.attribution.search.config import Config
from tracefork.attribution.search.simulation import simulate
from tracefork.attribution.search.state import Tally
from tracefork.attribution.statistics.chance import unit
from tracefork.attribution.study.probe import perform
from tracefork.attribution.study.setting import Setting
from tracefork.validation.worlds import Planted, World, plant

SEED = 2026
K = 10
"""Forks of each step in the designs that do not choose."""

ROWS = (
    (Planted.CLEAR, 10),
    (Planted.CLEAR, 100),
    (Planted.FLOOR_20, 100),
    (Planted.ECHO, 100),
    (Planted.DECOYS, 100),
    (Planted.LATE, 100),
    (Planted.TWO, 100),
    (Planted.DRIFT, 100),
    (Planted.FLAT, 100),
)

MODEL = "http://model.invalid/v1/messages"
STEPS, FORKS = 20, 200
WORKERS = 4
TIMES = 100
"""Worlds of each kind."""


# -- what is named ---------------------------------------------------------------------------------


@frozen
class Named:
    """What a design said of one run: its best guess, the steps that it holds responsible, its live calls.

    Calls are a share of those of ten forks for every step.
    """

    guess: int | None
    named: tuple[int, ...]
    calls: float


@frozen
class Score:
    """Of all runs: how often the best guess is a culprit, an innocent is named, and the calls on average."""

    guessed: float
    innocent: float
    calls: float


def compared(kind: Planted, n: int, times: int, *, published: bool = True) -> dict[str, Score | Missing]:
    """What each design makes of as many worlds; `published`: also the release that is."""
    seeds = [int(unit(SEED, kind, n, number) * 2**53) for number in range(times)]
    worlds = [(plant(kind, n, seed), seed) for seed in seeds]
    whole = n * (n - 1) / 2
    designs: dict[str, Sequence[Named] | Missing] = {
        "tracefork": [_searched(world, seed) for world, seed in worlds],
        "ten forks a step": [_uniform(world, seed) for world, seed in worlds],
    }
    if published:
        designs["1.0.0, live tails"] = _published([world.curve[:-1] for world, _ in worlds], seeds, 1.0)
        designs["1.0.0, recorded tails"] = _published([world.forced for world, _ in worlds], seeds, n / whole)
    return {
        name: said if isinstance(said, Missing) else _score([world for world, _ in worlds], said)
        for name, said in designs.items()
    }


def _score(worlds: Sequence[World], said: Sequence[Named]) -> Score:
    pairs = list(zip(worlds, said, strict=True))
    margin = Config(10).margin + 1e-12
    guessed = sum(one.guess in world.culprits for world, one in pairs)
    innocent = sum(any(world.drop(step) <= margin for step in one.named) for world, one in pairs)
    return Score(guessed / len(pairs), innocent / len(pairs), sum(one.calls for one in said) / len(pairs))


def _searched(world: World, seed: int) -> Named:
    n = len(world.curve) - 1
    state = simulate(Config(n, final=world.final), world.curve, seed)
    report = estimate.report(state)
    named = tuple(drop.step for drop in report.named)
    calls = sum(tally.total * (n - arm) for arm, tally in enumerate(state.arms))
    return Named(named[0] if named else report.best_guess, named, calls / (K * n * (n - 1) / 2))


def _uniform(world: World, seed: int) -> Named:
    """Newcombe's intervals with alpha shared by all steps; the best guess is the largest drop seen."""
    arms = []
    for arm, rate in enumerate(world.curve):
        successes = sum(unit(seed, "uniform", arm, draw) < rate for draw in range(K))
        arms.append(Tally(successes, K - successes))
    rates = [tally.successes / K for tally in arms]
    if world.final is not None:
        rates[-1] = world.final
    drops = [before - after for before, after in pairwise(rates)]
    named = flip.bonferroni(arms, known=world.final)
    return Named(drops.index(max(drops)), tuple(named), 1.0)


def _published(odds: Sequence[Sequence[float]], seeds: Sequence[int], calls: float) -> list[Named] | Missing:
    """What 1.0.0 says of runs whose forks turn out well with these odds; its forks take so many calls."""
    python = environment("tracefork 1.0.0")
    if isinstance(python, Missing):
        return python
    runs = [{"odds": list(by_step), "seed": seed} for by_step, seed in zip(odds, seeds, strict=True)]
    command, asked = [python, str(HERE / "ranking.py")], json.dumps({"k": K, "runs": runs})
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        return Missing((done.stderr.strip().splitlines() or ["it failed"])[-1])
    return [Named(top, tuple(named), calls) for top, named in map(json.loads, done.stdout.splitlines())]


# -- what forks cost -------------------------------------------------------------------------------


@frozen
class Agent:
    """Asks a model in this process `steps` times, with all that was said; an answer takes `wait` seconds.

    A value: it can be sent to another process.
    """

    steps: int
    wait: float = 0.0

    def __call__(self) -> str:
        said: list[str] = []
        with httpx.Client(transport=httpx.MockTransport(self._answer)) as client:
            for _ in range(self.steps):
                said.append(client.post(MODEL, json={"said": said}).json()["text"])
        return said[-1] if said else ""

    def _answer(self, asked: httpx.Request) -> httpx.Response:
        time.sleep(self.wait)
        at = len(json.loads(asked.content)["said"])
        return httpx.Response(200, json={"text": f"Answer {at}: " + "so it goes, and so on. " * 20})


def never(_: object) -> bool:
    """An oracle that is not content with anything."""
    return False


@frozen
class Overhead:
    """CPU seconds of all forks; of the same live tails bare, and recorded; of the same prefixes replayed."""

    forks: float
    bare: float
    recorded: float
    replayed: float

    @property
    def beyond(self) -> float:
        """What forks cost beyond the agent and its recording, as a multiple of replaying their prefixes."""
        return (self.forks - self.recorded) / self.replayed

    @property
    def beyond_bare(self) -> float:
        """The same, with what it costs to record the live tails counted as overhead too."""
        return (self.forks - self.bare) / self.replayed


def overhead(forks: int = FORKS) -> Overhead:
    """Forks at every step of a run in turn, into SQLite, and what they are made of, side by side."""
    with tempfile.TemporaryDirectory() as folder, tracefork.TapeStore.open(Path(folder) / "runs.db") as store:
        tapes = [_recorded(Agent(steps), store) for steps in range(STEPS + 1)]
        setting = Setting(tapes[-1], Agent(STEPS), never, store=store, parent=tapes[-1].run_id)
        spent = dict.fromkeys(("forks", "bare", "recorded", "replayed"), 0.0)
        for number in range(-STEPS, forks):
            at = number % STEPS
            tail, prefix = Agent(STEPS - at), Agent(at)
            for what, job in (
                ("forks", lambda at=at: perform(setting, Job(at, STEPS))),
                ("bare", tail),
                ("recorded", lambda tail=tail: _recorded(tail, store)),
                ("replayed", lambda at=at, prefix=prefix: _replayed(prefix, tapes[at])),
            ):
                took = _cpu(job)
                spent[what] += took if number >= 0 else 0.0  # the first of each step warm up
        return Overhead(**spent)


def _recorded(agent: Agent, store: tracefork.TapeStore) -> tracefork.Tape:
    with tracefork.record(store) as run:
        agent()
    return run.tape


def _replayed(agent: Agent, tape: tracefork.Tape) -> None:
    with tracefork.replay(tape):
        agent()


def _cpu(job: Callable[[], object]) -> float:
    start = time.process_time()
    job()
    return time.process_time() - start


def spread(wait: float, workers: int = WORKERS) -> tuple[float, float]:
    """Seconds of a study of 200 forks, one after another and on processes; `wait` as for Agent."""
    agent = Agent(STEPS, wait)
    with tempfile.TemporaryDirectory() as folder:
        with tracefork.record(Path(folder) / "one.db") as run:
            agent()
        start = time.perf_counter()
        _study(run.tape, agent, str(Path(folder) / "one.db"))
        alone = time.perf_counter() - start
        tracefork.save(run.tape, Path(folder) / "tape")
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(_ready, range(4 * workers)))
            start = time.perf_counter()
            _study(run.tape, agent, str(Path(folder) / "two.db"), executor=pool, workers=workers)
            return alone, time.perf_counter() - start


def _study(tape: tracefork.Tape, agent: Agent, store: str, **how: object) -> None:
    report = tracefork.blame(
        tape, agent, never, method="flip", k=FORKS // STEPS, final="known",
        budget=tracefork.Budget(forks=FORKS), store=store, **how,
    )  # fmt: skip
    assert report.forks == FORKS, report.forks


def _ready(_: int) -> None:
    """Makes a process of a pool import what forks need."""
    Agent(1)()
    time.sleep(0.05)


# -- the tables ------------------------------------------------------------------------------------


def designs(times: int = TIMES) -> Iterator[tuple[str, ...]]:
    """A row for each planted cause and each design."""
    for kind, n in ROWS:
        for name, score in compared(kind, n, times).items():
            if isinstance(score, Missing):
                yield f"{kind}, n={n}", name, f"not measured: {score.why}", "", ""
                continue
            guessed = f"{score.guessed:.0%}" if plant(kind, n, 0).culprits else "there is none"
            yield f"{kind}, n={n}", name, guessed, f"{score.innocent:.0%}", f"{score.calls:.1%}"


def costs() -> Iterator[tuple[str, ...]]:
    """What forks cost, and how much sooner more workers are done."""
    found = overhead()
    what = f"{FORKS} forks of {STEPS} steps beyond their agent, recorded, CPU s"
    beside = f"replaying their prefixes: {found.replayed:.2f}"
    yield what, f"{found.forks - found.recorded:.2f}", beside, f"{found.beyond:.2f}", "≤ 1.1"
    what = "the same beyond their agent without any recorder"
    yield what, f"{found.forks - found.bare:.2f}", beside, f"{found.beyond_bare:.2f}", ""
    for wait in (0.0, 0.02):
        alone, together = spread(wait)
        what = f"{FORKS} forks on {WORKERS} processes, a model of {wait * 1e3:.0f} ms, s"
        yield what, f"{together:.1f}", f"one after another: {alone:.1f}", f"{alone / together:.2f}", "≥ 1.7"
