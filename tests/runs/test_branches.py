"""A long agent forked at each of its steps: only the tail is bought, and every branch stands by itself."""

from __future__ import annotations

import json

import httpx
import pytest

import tracefork
from tracefork import Response, TapeStore
from tracefork.providers import anthropic
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

STEPS = 20
PATH = "/v1/messages"


@pytest.fixture(scope="module")
def server():
    def answer(request):
        asked = json.loads(request.body)["messages"]
        return anthropic.text(f"{len(asked)} of {asked[-1]['content']}")(request)

    with LoopbackServer(by_rule(answer)) as server:
        yield server


@pytest.fixture(scope="module")
def agent(server):
    def twenty_steps():
        messages = []
        with httpx.Client(base_url=server.url) as client:
            for n in range(STEPS):
                messages.append({"role": "user", "content": f"step {n}"})
                asked = {"model": "m", "messages": messages, "stream": bool(n % 3 == 1)}
                said = client.post(PATH, json=asked).text
                messages.append({"role": "assistant", "content": str(len(said))})
        return messages[-1]["content"]

    return twenty_steps


@pytest.fixture(scope="module")
def recorded(agent, tmp_path_factory):
    where = tmp_path_factory.mktemp("store") / "runs.db"
    with tracefork.record(where, run_id="trunk") as run:
        agent()
    return run.tape, where


@pytest.mark.slow
@pytest.mark.parametrize("at", range(STEPS))
@pytest.mark.parametrize(
    "answer", [anthropic.text("Refuse politely, and at some length."), None], ids=["changed", "anew"]
)
def test_a_fork_at_any_step_buys_the_tail_alone(at, answer, recorded, agent, server):
    tape, where = recorded
    before = len(server.requests)
    with tracefork.fork(tape, at, answer, store=where, name=f"at {at}", desc="why") as branch:
        agent()
    asked = server.requests[before:]

    assert len(asked) == branch.forwarded == STEPS - at - (answer is not None)
    assert branch.tape.exchanges[:at] == tape.exchanges[:at]
    assert tracefork.verify(branch.tape, agent).ok
    assert len(server.requests) == before + len(asked)
    with TapeStore.open(where) as store:
        assert store.load(branch.run_id) == branch.tape
        info = next(b for b in store.branches("trunk") if b.branch_id == branch.run_id)
    assert (info.parent, info.step, info.name, info.desc) == ("trunk", at, f"at {at}", "why")
    assert branch.lineage == branch.tape.parent == tracefork.Branch("trunk", at, f"at {at}", "why")
    parting = tracefork.diff(tape, branch.tape)
    assert parting.step == at if answer else parting is None


def test_a_fork_of_a_fork_names_its_own_parent(recorded, agent):
    tape, where = recorded
    with tracefork.fork(tape, 5, anthropic.text("one"), store=where) as first:
        agent()
    with tracefork.fork(first.tape, 9, anthropic.text("two"), store=where) as second:
        agent()

    assert second.lineage.parent == first.run_id
    assert second.tape.exchanges[:9] == first.tape.exchanges[:9]


def test_a_step_that_is_not_there_is_refused_before_anything_happens(recorded):
    tape, _ = recorded
    with pytest.raises(IndexError, match="20 exchanges"):
        tracefork.fork(tape, STEPS)
    with pytest.raises(ValueError, match="not a step"):
        tracefork.fork(tracefork.Tape(), tape[3])
    with pytest.raises(TypeError, match="cannot be answered"):
        tracefork.fork(tape, 3, tracefork.core.values.Reading("x"))


def test_a_negative_index_counts_from_the_end(recorded, agent):
    tape, _ = recorded
    with tracefork.fork(tape, -1, Response(200, (), (b"the last",))) as branch:
        agent()

    assert branch.lineage.step == STEPS - 1
    assert branch.forwarded == 0
