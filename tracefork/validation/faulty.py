"""An agent whose tool, retrieval, instructions, memory or argument fails once.

In the recorded run the fault happens at one step, and the model, misled, spoils its answer there;
other answers look alarming and do no harm. In a fork the surroundings are sound again. So the step
at which the fault happened is the one to name.
"""

from __future__ import annotations

import json
from enum import StrEnum
from functools import partial
from random import Random

import httpx
from attrs import frozen

from tracefork.core.tape import Tape
from tracefork.core.values import Request, Response
from tracefork.providers import anthropic
from tracefork.runs.api import record
from tracefork.session.current import current

from ..testing.scripted import Script, by_rule
from ..testing.server import LoopbackServer
from .planted import RECORDING, SEED_HEADER, outcome, read_seed

__all__ = ["FaultyAgent", "Harm", "faulty_model", "record_faulty"]

CARRIED = 0.95  # how often a run whose answers are all sound succeeds
SAVED = 0.05  # and one with a spoiled answer


class Harm(StrEnum):
    """The fault that happens once."""

    TOOL = "corrupted tool output"
    RETRIEVAL = "misleading retrieval"
    PROMPT = "wrong system prompt"
    MEMORY = "dropped message"
    ARGUMENT = "poisoned argument"


@frozen
class FaultyAgent:
    """Asks the model at `url` for `steps` answers, with context from its surroundings.

    Each step it looks up its instructions, retrieves a document, reads an instrument and recalls the
    conversation: four tools. `harm` happens at step `at` of a run that has no seed. A value.
    """

    url: str
    steps: int
    harm: Harm
    at: int

    def __call__(self) -> str:
        run = current()
        assert run is not None
        seed = read_seed(run)
        heard: list[str] = []
        with httpx.Client(base_url=self.url, headers={SEED_HEADER: seed}, verify=False) as client:  # noqa: S501  loopback
            for step in range(self.steps):
                harm = self.harm if seed == RECORDING and step == self.at else None
                texts = [
                    run.call("recall", partial(_recall, dropped=harm is Harm.MEMORY), heard),
                    run.call("retrieve", partial(_retrieve, misleading=harm is Harm.RETRIEVAL), step),
                    run.call("measure", partial(_measure, corrupted=harm is Harm.TOOL), step),
                ]
                asked = {
                    "model": "claude-haiku-4-5",
                    "max_tokens": 64,
                    "system": run.call("instructions", partial(_instruct, wrong=harm is Harm.PROMPT), step),
                    "messages": [{"role": "user", "content": text} for text in texts],
                    "metadata": {"step": step, "of": self.steps},
                }
                answer = client.post("/v1/messages", json=asked).raise_for_status().json()
                heard.append(answer["content"][0]["text"])
        return heard[-1]


def _instruct(step: int, *, wrong: bool) -> str:
    return f"Guess freely at step {step}." if wrong else f"Be exact at step {step}."


def _retrieve(step: int, *, misleading: bool) -> str:
    return f"Rumour has it that {step} is odd." if misleading else f"Fact {step}."


def _measure(step: int, *, corrupted: bool) -> str:
    return "v@lu#=?" if corrupted else f"value={step}"


def _recall(heard: list[str], *, dropped: bool) -> str:
    return " / ".join(heard[:-1] if dropped and heard else heard) + (" (one is missing)" if dropped else "")


_SIGNS = ("Guess freely", "Rumour", "v@lu#", "(one is missing)")


def faulty_model(harm: Harm, at: int) -> Script:
    """Return a model that bad context misleads; a poisoned argument is its own mistake at step `at`."""
    return by_rule(lambda request: _answer(harm, at, request))


def _answer(harm: Harm, at: int, request: Request) -> Response:
    asked = json.loads(request.body)
    step, steps = asked["metadata"]["step"], asked["metadata"]["of"]
    seed = dict(request.headers).get(SEED_HEADER, RECORDING)
    context = json.dumps([asked["system"], asked["messages"][1:]]) + asked["messages"][0]["content"][-20:]
    heard = asked["messages"][0]["content"]
    draw = Random(f"{harm}:{at}:{seed}:{step}")  # noqa: S311  reproducible, not secret
    poisoned = harm is Harm.ARGUMENT and seed == RECORDING and step == at
    spoiled = poisoned or any(sign in context for sign in _SIGNS)
    text = f"Step {step} is {'spoiled' if spoiled else 'sound'}."
    if step % 3 == 1:
        text += " Something looks ALARMING here!"
    if step + 1 == steps:
        well = SAVED if spoiled or "spoiled" in heard else CARRIED
        text += f" {outcome(seed != RECORDING and draw.random() < well)}."
    return anthropic.text(text)(request)


def record_faulty(harm: Harm, at: int, steps: int = 12) -> tuple[Tape, FaultyAgent, LoopbackServer]:
    """Record a run in which `harm` happens at step `at`; the server goes on, for the forks."""
    server = LoopbackServer(faulty_model(harm, at))
    agent = FaultyAgent(server.url, steps, harm, at)
    with record(agent_name=str(harm)) as run:
        agent()
    return run.tape, agent, server
