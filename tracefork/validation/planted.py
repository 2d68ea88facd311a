"""Agents whose failure has a known cause: a scripted model that errs by chance, and at planted steps.

Each answer of the model is sound or spoiled; how the run ends is drawn from which
were. In the recorded run the spoiled ones are planted; in a fork they are drawn
anew, by the fork's seed. So the value of every prefix can be computed, and a blame be
checked against it. Chance comes from seeds alone: equal seeds give equal runs, in any process.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import count, product
from math import prod
from random import Random

import httpx
from attrs import field, frozen

from tracefork.attribution.study.probe import SEED
from tracefork.core.tape import Tape
from tracefork.core.values import Request, Response
from tracefork.providers import anthropic
from tracefork.runs.api import record
from tracefork.session.current import current
from tracefork.session.session import Session
from tracefork.storage.store import TapeStore

from ..testing.scripted import Script, by_rule
from ..testing.server import LoopbackServer

__all__ = ["PlantedAgent", "PlantedRun", "model", "recorded", "succeeded"]

RECORDING = "recorded"
"""The seed of the recorded run, in which what is planted happens."""

SEED_HEADER = "x-seed"
_SAID = re.compile(r"Step \d+ is (sound|spoiled)")


@frozen
class PlantedRun:
    """A run of `steps` answers. `spoiled` are those of the recording that are, and the run fails.

    `chance[i]` is the probability that answer i is spoiled when it is asked anew; `success` gives the
    probability that a run succeeds, of which answers were spoiled, in their order. `echoes` are pairs (j,
    i): answer j repeats what i was. With `after` the outcome is drawn after the last answer, by a tool,
    else in it. The first `period` outcomes that the model draws are successes more often by `sway`, the
    next ones less often, and so on; of those that will be failures it answers a share of `lost` with an
    error 529 in place of the last answer, as often as it is asked.
    """

    name: str
    steps: int
    spoiled: frozenset[int]
    success: Callable[[tuple[bool, ...]], float]
    chance: tuple[float, ...]
    echoes: tuple[tuple[int, int], ...] = field(default=())
    after: bool = False
    sway: float = 0.0
    period: int = 1
    lost: float = 0.0

    @property
    def recorded(self) -> tuple[bool, ...]:
        return tuple(i in self.spoiled for i in range(self.steps))

    def value(self, served: int) -> float:
        """V(served): the probability of success if the first `served` answers are as recorded.

        Exact, by going through all that may come; of the answers only those that may be
        spoiled branch.
        """
        if served == self.steps and not self.after:
            return 0.0
        total = 0.0
        for drawn in product(*(self._list_fates(i, served) for i in range(self.steps))):
            odds = prod(odds for _, odds in drawn)
            total += odds * self.success(self._echo([spoiled for spoiled, _ in drawn], served))
        return total

    def _list_fates(self, i: int, served: int) -> list[tuple[bool, float]]:
        """The fates of answer i, spoiled or not, with the odds of each."""
        if i < served:
            return [(i in self.spoiled, 1.0)]
        if i in dict(self.echoes):
            return [(False, 1.0)]
        return [(fate, odds) for fate, odds in ((True, self.chance[i]), (False, 1 - self.chance[i])) if odds]

    def _echo(self, flags: list[bool], served: int) -> tuple[bool, ...]:
        of = dict(self.echoes)
        for i in range(served, self.steps):
            if i in of:
                flags[i] = flags[of[i]]
        return tuple(flags)


def model(world: PlantedRun) -> Script:
    """Return the model of `world`, to be served by a LoopbackServer or a transport."""
    drawn = count()
    return by_rule(lambda request: _answer(world, request, drawn))


def _answer(world: PlantedRun, request: Request, drawn: Iterator[int]) -> Response:
    asked = json.loads(request.body)
    seed = dict(request.headers).get(SEED_HEADER, RECORDING)
    flags = _read_flags(asked["messages"])
    at = len(flags)
    draw = Random(f"{world.name}:{seed}:{at}")  # noqa: S311  reproducible, not secret

    def end(flags: tuple[bool, ...]) -> bool:
        if seed == RECORDING:
            return False
        sway = world.sway * (-1 if next(drawn) // world.period % 2 else 1) if world.sway else 0.0
        return draw.random() < world.success(flags) + sway

    if request.url.endswith("/outcome"):
        return Response(200, (), (outcome(end(flags)).encode(),))
    echo = dict(world.echoes).get(at)
    if seed == RECORDING:
        spoiled = at in world.spoiled
    elif echo is not None:
        spoiled = flags[echo]
    else:
        spoiled = draw.random() < world.chance[at]
    text = f"Step {at} is {'spoiled' if spoiled else 'sound'}."
    if at + 1 == world.steps and not world.after:
        text += f" {outcome(end((*flags, spoiled)))}."
    if at + 1 == world.steps and seed != RECORDING and world.lost:
        fate = Random(f"{world.name}:{seed}:{world.steps}").random()  # noqa: S311  what /outcome will draw
        if fate >= world.success((*flags, spoiled)) and draw.random() < world.lost:
            return anthropic.error("overloaded_error", "Overloaded")(request)
    return anthropic.text(text)(request)


@frozen
class PlantedAgent:
    """Asks the model at `url` for `steps` answers, with the whole conversation; returns the last word.

    With `after` a tool is asked for the outcome at the end. A value: it can be sent to another process.
    """

    url: str
    steps: int
    after: bool = False

    def __call__(self) -> str:
        run = current()
        headers = {SEED_HEADER: read_seed(run)}
        messages: list[dict[str, str]] = [{"role": "user", "content": "Begin."}]
        word = ""
        # without certificates: the model is on loopback, and to read them takes longer than to ask
        with httpx.Client(base_url=self.url, headers=headers, verify=False) as client:  # noqa: S501
            for at in range(self.steps):
                asked = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": messages}
                answer = client.post("/v1/messages", json=asked).raise_for_status().json()
                word = answer["content"][0]["text"]
                on = {"role": "user", "content": f"Go on to step {at + 1}."}
                messages += [{"role": "assistant", "content": word}, on]

            def asked_for(messages: list[dict[str, str]]) -> str:
                return client.post("/outcome", json={"messages": messages}).raise_for_status().text

            if self.after:
                word = run.call("outcome", asked_for, messages) if run else asked_for(messages)
        return word


def read_seed(run: Session | None) -> str:
    """Return the seed of a fork that blame makes; of any other run that of the recording."""
    return run.meta.get(SEED, RECORDING) if run else RECORDING


def succeeded(result: str) -> bool:
    """The oracle of these agents: True if the run ended well."""
    return outcome(True) in result  # noqa: FBT003  it is what happened


def recorded(world: PlantedRun, store: TapeStore | str | None = None) -> tuple[Tape, LoopbackServer]:
    """Record the run of `world` in which what is planted happens; the server goes on, for the forks."""
    server = LoopbackServer(model(world))
    with record(store, agent_name=world.name) as run:
        PlantedAgent(server.url, world.steps, world.after)()
    return run.tape, server


def outcome(success: bool) -> str:  # noqa: FBT001
    """Return the sentence by which the model ends a run."""
    return "Outcome: success" if success else "Outcome: failure"


def _read_flags(messages: Iterable[dict[str, str]]) -> tuple[bool, ...]:
    """For each answer of a conversation, whether it is spoiled."""
    return tuple(found[1] == "spoiled" for m in messages if (found := _SAID.match(m["content"])))
