"""Forks that a vendor's failure ended: they go on from the question that nobody answered, and are paid once."""

from __future__ import annotations

import asyncio

import httpx
import pytest

import tracefork
from tracefork.attribution.forks.budget import Budget
from tracefork.attribution.forks.jobs import Job
from tracefork.attribution.search.state import Grade
from tracefork.attribution.study.going_on import list_pauses
from tracefork.attribution.study.probe import aperform, perform
from tracefork.attribution.study.setting import Setting
from tracefork.providers import anthropic
from tracefork.testing.scripted import by_rule, transport
from tracefork.validation.trial import try_world
from tracefork.validation.worlds import Planted

URL = "https://api.anthropic.com/v1/messages"
BUSY = anthropic.error("overloaded_error", "Overloaded")


class Talk:
    """An agent that asks four times, over a model that is busy whenever `busy(number of the call)` says so."""

    def __init__(self):
        self.asked = 0
        self.busy = lambda _: False
        self.client = httpx.Client(transport=transport(by_rule(self._answer), httpx))

    def _answer(self, request):
        self.asked += 1
        return (BUSY if self.busy(self.asked) else anthropic.text("fine"))(request)

    def __call__(self):
        heard = []
        for n in range(4):
            messages = [{"role": "user", "content": f"{n} {heard}"}]
            asked = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": messages}
            heard.append(self.client.post(URL, json=asked).raise_for_status().json()["content"][0]["text"])
        return heard


@pytest.fixture
def talk():
    talk = Talk()
    with tracefork.record() as run:
        talk()
    talk.asked = 0
    talk.tape = run.tape
    return talk


def try_fork(talk, upto=1, **more):
    setting = Setting(talk.tape, talk, lambda _: True, recorded=False, pauses=(0.0, 0.0, 0.0), **more)
    return perform(setting, Job(upto, 20, name="test", seed=5))


def test_a_fork_goes_on_where_nobody_answered(talk):
    talk.busy = lambda call: call == 2
    done = try_fork(talk)
    assert done.grade is Grade.SUCCESS
    assert talk.asked == 4, "three questions and the one that failed; what was answered is not asked again"
    assert done.spent.calls == 4


def test_it_goes_on_as_often_as_there_are_pauses(talk):
    talk.busy = lambda call: 2 <= call <= 4
    assert try_fork(talk).grade is Grade.SUCCESS
    talk.asked = 0
    talk.busy = lambda call: call >= 2
    done = try_fork(talk)
    assert done.grade is Grade.CENSORED, "whether it came to that may depend on what it was answered before"
    assert talk.asked == 5 and "529" in done.note


def test_a_provider_that_answers_nothing_is_an_error(talk):
    talk.busy = lambda _: True
    assert try_fork(talk).grade is Grade.ERROR
    assert talk.asked == 4


def test_a_key_that_is_wrong_is_not_tried_again(talk):
    talk.client = httpx.Client(
        transport=transport(by_rule(anthropic.error("authentication_error", "no")), httpx)
    )
    assert try_fork(talk).grade is Grade.ERROR
    assert talk.asked == 0


def test_the_branch_that_went_on_is_kept_beside_the_one_that_failed(talk, tmp_path):
    with tracefork.TapeStore.open(tmp_path / "runs.db") as store:
        parent = store.save(talk.tape)
        talk.busy = lambda call: call == 2
        done = try_fork(talk, store=store, parent=parent)
        whole = store.load(done.run_id)
        assert whole.outcome.kind == "returned" and len(whole) == 4
        failed = store.load(whole.parent.parent)
        assert failed.outcome.kind == "raised" and failed.parent.parent == parent


def test_recorded_tools_answer_after_it_went_on(talk, tmp_path):
    looked = []

    def agent():
        heard = talk()
        run = tracefork.current()
        return run.call("look", lambda: looked.append(1) or "seat 4") + heard[0]

    with tracefork.record() as run:
        agent()
    talk.asked, looked[:] = 0, []
    talk.busy = lambda call: call == 2
    setting = Setting(run.tape, agent, lambda _: True, pauses=(0.0,))
    assert perform(setting, Job(1, 20, seed=5)).grade is Grade.SUCCESS
    assert looked == [], "its result is in the recording"


def test_forks_as_tasks_go_on_too(talk):
    async def agent():
        return talk()

    talk.busy = lambda call: call == 2
    setting = Setting(talk.tape, agent, lambda _: True, pauses=(0.0,))
    assert asyncio.run(aperform(setting, Job(1, 20, seed=5))).grade is Grade.SUCCESS


def test_no_fork_waits_beyond_the_time_of_its_study(talk):
    talk.busy = lambda call: call == 2
    setting = Setting(talk.tape, talk, lambda _: True, pauses=(60.0,), until=0.0)
    assert perform(setting, Job(4, 20)).grade is Grade.SUCCESS, "nothing live"
    tracefork.blame(
        talk.tape, talk, lambda _: False, budget=Budget(forks=2, seconds=5), pauses=(60.0,)
    )  # ends


def test_pauses_grow_and_follow_from_the_seed():
    first, second, third = (pause.seconds for pause in list_pauses(3))
    assert 0.5 <= first <= 0.75 and 2 <= second <= 3 and 8 <= third <= 12
    assert list(list_pauses(3)) == list(list_pauses(3)) != list(list_pauses(4))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_failures_that_get_lost_name_no_step(seed):
    trial = try_world(Planted.LOST, seed)
    assert not trial.false
