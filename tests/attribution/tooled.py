"""Runs whose cause is no answer of a model: a tool's result, a draw, or something that no run knows of."""

from __future__ import annotations

from random import Random

import httpx

import tracefork
from tracefork import Response
from tracefork.core.values import Source
from tracefork.testing.scripted import by_rule, transport
from tracefork.validation.planted import RECORDING, read_seed

STEPS, AT = 6, 3
GOOD, BAD = "a fact", "a rumour"


def echoing():
    """A model that says nothing of its own."""
    return by_rule(lambda request: Response(200, (), (b"noted: " + request.body[-40:],)))


class Asking:
    """Looks something up before each of its questions, by `ask`; what comes at step `at` decides how it ends.

    In the recorded run that is bad, and in what is served of it; live in a fork it is, by the fork's seed, as
    seldom as `spoiled`.
    """

    def __init__(self, ask, at=AT, steps=STEPS, spoiled=0.1, saved=0.05, carried=0.9):
        self.ask, self.at, self.steps = ask, at, steps
        self.spoiled, self.saved, self.carried = spoiled, saved, carried
        self.script = echoing()
        self.looked = 0

    def __call__(self):
        run = tracefork.current()
        seed = read_seed(run)
        chance = {what: Random(f"{seed}:{what}") for what in ("found", "end")}
        heard = []
        with httpx.Client(transport=transport(self.script, httpx)) as client:
            for step in range(self.steps):
                heard.append(self.ask(run, step, lambda step: self._look(step, run, chance["found"])))
                heard.append(client.post("http://model/", content="\n".join(heard).encode()).text)
            if self.at == self.steps:
                heard.append(self.ask(run, self.at, lambda step: self._look(step, run, chance["found"])))
        if seed == RECORDING:
            return "failure"
        well = self.saved if heard[2 * self.at] == BAD else self.carried
        return "success" if chance["end"].random() < well else "failure"

    def _look(self, step, run, chance):
        self.looked += 1
        if step != self.at:
            return f"nothing at {step}"
        is_recorded = read_seed(run) == RECORDING or not run.live
        return BAD if is_recorded or chance.random() < self.spoiled else GOOD


def by_tool(run, step, look):
    return run.call("search", look, step)


def by_draw(run, step, look):
    return run.draw(Source("oracle"), lambda: look(step))


def unknown(run, step, look):
    return look(step)


def beside_a_tool(run, step, look):
    """What no run knows of, and a tool of no consequence."""
    return look(step) + run.call("greet", lambda: "")


def succeeded(result):
    return result == "success"


def recorded(agent):
    with tracefork.record() as run:
        agent()
    return run.tape
