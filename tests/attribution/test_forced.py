"""`method="direct"`: a recorded answer is given to the question that it was recorded for, and to no other."""

from __future__ import annotations

import json
from random import Random

import httpx
import pytest

import tracefork
from tracefork import Budget, Exchange, Request, Response
from tracefork.attribution.forks.aligned import Change, is_aligned
from tracefork.attribution.forks.jobs import Job
from tracefork.attribution.search.state import Grade
from tracefork.attribution.study.blame import blame
from tracefork.attribution.study.probe import perform
from tracefork.attribution.study.setting import Setting
from tracefork.core.matching import canonical, exact
from tracefork.providers import anthropic
from tracefork.testing.scripted import by_rule, transport
from tracefork.validation.planted import RECORDING, read_seed

URL = "https://api.anthropic.com/v1/messages"
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 20))]


def asking(*messages, url=URL, **more):
    return Request("POST", url, (), json.dumps({"model": "m", "messages": messages, **more}).encode())


def said(role, content):
    return {"role": role, "content": content}


def exchange(answer, request=None):
    asked = request or asking(said("user", "go"))
    return Exchange(asked, answer(asked))


def change(before, after):
    return Change.of(exchange(before), exchange(after))


TEXTS = change(anthropic.text("Take the bus."), anthropic.text("Take the train."))
CALLS = change(
    anthropic.tool_use("find", {"city": "Rome", "n": 1}, id="c1"),
    anthropic.tool_use("find", {"city": "Bonn", "n": 2}, id="c2"),
)


def call(name, city, n):
    return said(
        "assistant", [{"type": "tool_use", "id": name, "name": "find", "input": {"city": city, "n": n}}]
    )


def came(name, text):
    return said("user", [{"type": "tool_result", "tool_use_id": name, "content": text}])


@pytest.mark.parametrize(
    ("change", "recorded", "live"),
    [
        (Change(), [said("user", "go")], [said("user", "go")]),
        (TEXTS, [said("assistant", "Take the bus.")], [said("assistant", "Take the train.")]),
        (
            TEXTS,
            [said("user", "Is this right: Take the bus. Say yes.")],
            [said("user", "Is this right: Take the train. Say yes.")],
        ),
        (TEXTS, [said("user", "of another strand")], [said("user", "of another strand")]),
        (CALLS, [call("c1", "Rome", 1), came("c1", "sun")], [call("c2", "Bonn", 2), came("c2", "rain")]),
        (
            CALLS,
            [{"role": "tool", "tool_call_id": "c1", "content": "sun"}],
            [{"role": "tool", "tool_call_id": "c2", "content": "rain"}],
        ),
        (
            CALLS,
            [{"role": "user", "parts": [{"functionResponse": {"name": "find", "response": {"sky": "sun"}}}]}],
            [{"role": "user", "parts": [{"functionResponse": {"name": "find", "response": {"sky": 3}}}]}],
        ),
    ],
)
def test_a_question_that_repeats_the_other_answer_is_the_recorded_one(change, recorded, live):
    assert is_aligned(asking(*recorded), asking(*live), change, exact)


@pytest.mark.parametrize(
    ("change", "recorded", "live"),
    [
        (TEXTS, [said("assistant", "Take the bus.")], [said("assistant", "Fly.")]),
        (
            TEXTS,
            [said("assistant", "Take the bus."), said("user", "Go on.")],
            [said("assistant", "Take the train."), said("user", "Are you sure?")],
        ),
        (TEXTS, [said("user", "go")], [said("user", "go"), said("assistant", "Take the train.")]),
        (CALLS, [came("c1", "sun")], [said("user", "sun")]),
        (
            CALLS,
            [{"role": "user", "parts": [{"functionResponse": {"name": "find", "response": {}}}]}],
            [{"role": "user", "parts": [{"functionResponse": {"name": "book", "response": {}}}]}],
        ),
        (Change(), [said("assistant", "Take the bus.")], [said("assistant", "Take the train.")]),
    ],
)
def test_another_turn_another_tool_or_other_words_are_another_question(change, recorded, live):
    assert not is_aligned(asking(*recorded), asking(*live), change, exact)


def test_the_place_and_what_the_matcher_ignores_count_as_everywhere():
    recorded, live = asking(said("user", "go"), trace=1), asking(said("user", "go"), trace=2)
    assert not is_aligned(recorded, live, TEXTS, exact)
    assert is_aligned(recorded, live, TEXTS, canonical(ignoring=["$.trace"]))
    assert not is_aligned(asking(said("user", "go")), asking(said("user", "go"), url=f"{URL}x"), TEXTS, exact)


def test_bodies_and_addresses_that_are_no_json_are_compared_as_texts():
    plain = change(lambda _: Response(200, (), (b"bus",)), lambda _: Response(200, (), (b"train",)))
    get = Request("GET", "http://shop/?by=bus", (), b"by bus")
    assert is_aligned(get, Request("GET", "http://shop/?by=train", (), b"by train"), plain, exact)
    assert not is_aligned(get, Request("GET", "http://shop/?by=train", (), b"by air"), plain, exact)


# -- whole studies -------------------------------------------------------------------------------

STEPS = 5


class Clarifying:
    """Asks for `STEPS` answers in one conversation, and once more where one is unsure.

    No answer matters: forks end well as often as chance has it, but where the last answer is as recorded.
    """

    def __init__(self, unsure):
        self.unsure = unsure
        self.script = by_rule(self._answer)

    def __call__(self):
        seed = read_seed(tracefork.current())
        messages = [said("user", "Begin.")]
        with httpx.Client(transport=transport(self.script, httpx), headers={"x-seed": seed}) as client:

            def ask(words):
                text = client.post(URL, json={"model": "m", "messages": messages}).json()["content"][0][
                    "text"
                ]
                messages.extend((said("assistant", text), said("user", words)))
                return text

            for step in range(STEPS):
                text = ask(f"Go on to step {step + 1}.")
                if "unsure" in text:
                    messages[-1] = said("user", "Are you sure?")
                    text = ask(f"Go on to step {step + 1}.")
        return text

    def _answer(self, request):
        seed = dict(request.headers).get("x-seed", RECORDING)
        turn = len(json.loads(request.body)["messages"])
        draw = Random(f"{seed}:{turn}")
        if seed == RECORDING:
            return anthropic.text(f"Answer {turn}: bad")(request)
        words = "unsure" if draw.random() < self.unsure else "good" if turn >= 2 * STEPS - 1 else "other"
        return anthropic.text(f"Answer {turn}: {words}")(request)


def recorded(agent):
    with tracefork.record() as run:
        agent()
    return run.tape


def ends_well(result):
    return "good" in result


@pytest.mark.parametrize("seed", SEEDS)
def test_an_answer_that_adds_a_turn_takes_no_answer_of_another_question(seed):
    agent = Clarifying(unsure=0.3)
    tape = recorded(agent)
    report = blame(tape, agent, ends_well, method="direct", seed=seed, budget=Budget(forks=150))

    assert [entry.step for entry in report.named] in ([], [STEPS - 1])
    assert report.broken > 0


def test_a_fork_that_asks_another_question_is_no_evidence():
    agent = Clarifying(unsure=1.0)
    done = perform(Setting(recorded(agent), agent, ends_well), Job(1, 4, forced=True, seed=3))
    assert done.grade is Grade.DIVERGED
    assert (done.spent.calls, done.given) == (1, 0)
    assert done.note.startswith("Divergence: step 2")


def test_a_fork_that_repeats_the_other_answer_is_given_all_that_was_recorded():
    agent = Clarifying(unsure=0.0)
    done = perform(Setting(recorded(agent), agent, ends_well), Job(1, 4, forced=True, seed=3))
    assert (done.grade, done.spent.calls, done.given) == (Grade.FAILURE, 1, STEPS - 2)
