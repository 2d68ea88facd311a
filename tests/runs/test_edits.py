"""Edits in runs: what is asked live is edited, kept as it was sent, and edited again in what follows it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

import tracefork
from tracefork import Budget, Response, TapeStore
from tracefork.core.matching import canonical
from tracefork.core.notes import EDITS
from tracefork.edits import (
    Append,
    Delete,
    Edit,
    Model,
    Replace,
    Set,
    SystemPrompt,
    Temperature,
    Tools,
    describe,
)
from tracefork.errors import Divergence, EditMissing, EditRefused, EditUnused, RedactedSecret, Unfinished
from tracefork.providers import anthropic
from tracefork.report.text import step_table
from tracefork.runs.api import cut
from tracefork.testing.scripted_transports import async_transport, transport
from tracefork.transports.httpx import AsyncTransport, Transport

URL = "http://model/v1/messages"


class World:
    """A model that is a function of its question, and what it was sent."""

    def __init__(self):
        self.sent = []

    def __call__(self, request):
        self.sent.append(request)
        return anthropic.text(hashlib.sha256(request.body).hexdigest()[:8])(request)

    @property
    def bodies(self):
        return [json.loads(request.body) for request in self.sent]

    def client(self):
        return httpx.Client(transport=Transport(None, transport(self, httpx)))

    def async_client(self):
        return httpx.AsyncClient(transport=AsyncTransport(None, async_transport(self, httpx)))


def ask(client, messages, model="big", **more):
    body = {"model": model, "max_tokens": 9, "messages": messages, **more}
    return client.post(URL, json=body).json()["content"][0]["text"]


def chat(world, steps=4, **more):
    """An agent that asks one question after another, each with all answers before it."""

    def agent(run=None):
        messages = []
        with world.client() as client:
            for n in range(steps):
                messages.append({"role": "user", "content": f"question {n}"})
                messages.append({"role": "assistant", "content": ask(client, messages, **more)})
        return messages

    return agent


def record(agent, **options):
    with tracefork.record(**options) as run:
        agent()
    return run.tape


def models(tape):
    return [json.loads(x.request.body)["model"] for x in tape]


def text(said):
    return anthropic.text(said)


# -- where they begin ------------------------------------------------------------------------


def test_a_fork_edits_what_is_asked_after_its_pivot_and_the_branch_is_followed_without_an_argument():
    world = World()
    agent = chat(world)
    tape = record(agent)
    world.sent.clear()

    with tracefork.fork(tape, 1, text("other"), edits=[Model("small"), SystemPrompt("Ask.")]) as branch:
        said = agent()
    sent = world.bodies
    verdict = tracefork.verify(branch.tape, agent)
    with tracefork.replay(branch.tape) as replayed:
        again = agent()
    with tracefork.resume(branch.tape) as resumed:
        agent()

    assert [body["model"] for body in sent] == ["small", "small"]
    assert [body.get("system") for body in sent] == ["Ask.", "Ask."]
    assert models(branch.tape) == ["big", "big", "small", "small"]
    assert verdict.ok, verdict
    assert again == said
    assert replayed.tape.digest() == branch.tape.digest()
    assert (resumed.forwarded, len(world.sent)) == (0, 2)
    assert [json.loads(x.request.body) for x in branch.tape][2:] == sent


def test_a_pivot_that_is_asked_anew_is_edited_too_since_nobody_else_would_answer_it():
    world = World()
    agent = chat(world)
    tape = record(agent)

    with tracefork.fork(tape, 1, edits=[Model("small")]) as branch:
        agent()

    assert models(branch.tape) == ["big", "small", "small", "small"]
    assert tracefork.verify(branch.tape, agent).ok


def test_a_resumed_run_and_a_cut_edit_what_they_ask_live():
    world = World()
    whole, agent = chat(world), chat(world, 2)
    tape = record(agent)

    with tracefork.resume(tape, edits=Model("small")) as resumed:
        whole()
    with cut(resumed.tape, 3, edits=[Temperature(0)]) as left:
        whole()

    assert models(resumed.tape) == ["big", "big", "small", "small"]
    assert models(left.tape) == ["big", "big", "small", "small"]
    assert ["temperature" in json.loads(x.request.body) for x in left.tape] == [False, False, False, True]
    assert tracefork.verify(left.tape, whole).ok


def test_a_recording_is_edited_from_its_first_request_on_or_a_later_one():
    world = World()
    agent = chat(world, 3)

    tape = record(agent, edits=[Model("small"), Temperature(0, first=2)])

    assert models(tape) == ["small"] * 3
    assert ["temperature" in body for body in world.bodies] == [False, False, True]
    assert [json.loads(x.request.body) for x in tape] == world.bodies
    assert tracefork.verify(tape, agent).ok
    assert describe(tape.meta) == ("the model is small", "the temperature is 0, from request 2 on")


def test_a_first_of_ones_own_holds_in_a_fork_too():
    world = World()
    agent = chat(world, 5)
    tape = record(agent)

    with tracefork.fork(
        tape, 0, text("x"), edits=[Model("late", first=3), Temperature(0, first=0)]
    ) as branch:
        agent()

    assert models(branch.tape) == ["big", "big", "big", "late", "late"]
    assert ["temperature" in json.loads(x.request.body) for x in branch.tape] == [
        False,
        True,
        True,
        True,
        True,
    ]
    assert tracefork.verify(branch.tape, agent).ok


def test_before_the_opening_an_agent_that_strays_is_shown_without_the_edit():
    tape = record(chat(World()))

    with pytest.raises(Divergence) as caught, tracefork.fork(tape, 2, text("x"), edits=[Model("small")]):
        chat(World(), top_k=3)()

    assert (caught.value.step, caught.value.path) == (0, "$.top_k")


# -- forks of forks --------------------------------------------------------------------------


def test_a_branch_of_a_branch_keeps_its_edits_and_where_they_began_and_new_ones_come_after_them():
    world = World()
    agent = chat(world, 5)
    tape = record(agent)
    with tracefork.fork(
        tape, 2, text("x"), edits=[Append("$.messages", {"role": "user", "content": "one"})]
    ) as branch:
        agent()

    with tracefork.fork(branch.tape, 0, text("y")) as early:
        agent()
    with tracefork.fork(
        branch.tape, 3, text("z"), edits=[Append("$.messages", {"role": "user", "content": "two"})]
    ) as late:
        agent()

    def added(tape):
        return [
            "".join(m["content"] for m in json.loads(x.request.body)["messages"] if len(m["content"]) == 3)
            for x in tape
        ]

    assert added(branch.tape) == added(early.tape) == ["", "", "", "one", "one"]
    assert added(late.tape) == ["", "", "", "one", "onetwo"]
    for one in (early, late):
        assert tracefork.verify(one.tape, agent).ok
    assert (
        tracefork.resume(late.tape, edits=[Append("$.messages", {"role": "user", "content": "two"})]).meta
        == late.meta
    )


def test_an_edit_that_was_taken_over_in_the_code_is_not_made_twice():
    world = World()
    adopted = World()

    def agent():
        messages = []
        with adopted.client() as client:
            for n in range(4):
                messages.append({"role": "user", "content": f"the question {n}"})
                messages.append({"role": "assistant", "content": ask(client, messages, stop=["x", "END"])})

    edited = record(
        chat(world, stop=["x"]), edits=[Append("$.stop", "END"), Replace("question", "the question")]
    )
    verdict = tracefork.verify(edited, agent)

    assert verdict.ok, verdict
    assert adopted.sent == []


# -- who asks at once -------------------------------------------------------------------------


def pool_of(world, widths):
    """Threads side by side, each a chat of its own, in phases."""

    def agent(run=None):
        def strand(name, steps):
            messages = []
            with world.client() as client:
                for n in range(steps):
                    messages.append({"role": "user", "content": f"{name}.{n}"})
                    messages.append({"role": "assistant", "content": ask(client, messages)})
            return messages[-1]["content"]

        with ThreadPoolExecutor(len(widths)) as pool:
            said = list(pool.map(strand, "abcdef", widths))
        with world.client() as client:
            return ask(client, [{"role": "user", "content": " ".join(said)}])

    return agent


def tasks_of(world, widths):
    """Tasks side by side."""

    def agent(run=None):
        async def strand(client, name, steps):
            messages = []
            for n in range(steps):
                messages.append({"role": "user", "content": f"{name}.{n}"})
                body = {"model": "big", "max_tokens": 9, "messages": messages}
                said = (await client.post(URL, json=body)).json()["content"][0]["text"]
                messages.append({"role": "assistant", "content": said})
            return said

        async def main():
            async with world.async_client() as client:
                said = await asyncio.gather(*(strand(client, *one) for one in zip("abcdef", widths)))
                body = {
                    "model": "big",
                    "max_tokens": 9,
                    "messages": [{"role": "user", "content": " ".join(said)}],
                }
                return (await client.post(URL, json=body)).json()["content"][0]["text"]

        return asyncio.run(main())

    return agent


@pytest.mark.parametrize("kind", [pool_of, tasks_of])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_of_a_concurrent_agent_what_the_tape_answers_is_as_it_was_and_all_else_is_edited(kind, data):
    world = World()
    agent = kind(world, data.draw(st.lists(st.integers(1, 3), min_size=2, max_size=3)))
    tape = record(agent)
    pivot = data.draw(st.integers(0, len(tape) - 1))
    answer = data.draw(st.sampled_from([None, *[text("other")] * (pivot + 1 < len(tape))]))
    world.sent.clear()

    with tracefork.fork(tape, pivot, answer, edits=[Model("small")], patience=5) as branch:
        said = agent()
    live, sent = branch.forwarded, [body["model"] for body in world.bodies]
    verdict = tracefork.verify(branch.tape, agent, patience=5)
    with tracefork.resume(branch.tape, patience=5) as resumed:
        again = agent()
    pivot = data.draw(st.integers(0, len(branch.tape) - 1))
    with tracefork.fork(branch.tape, pivot, edits=[Temperature(0)], patience=5) as twice:
        agent()

    assert tracefork.verify(twice.tape, agent, patience=5).ok
    assert sum(b"temperature" in x.request.body for x in twice.tape) == twice.forwarded
    assert sent == ["small"] * live
    assert sorted(models(branch.tape)) == ["big"] * (len(branch.tape) - live) + ["small"] * live
    assert verdict.ok, verdict
    assert (again, resumed.forwarded) == (said, 0)


# -- what answers what ------------------------------------------------------------------------


def test_what_was_recorded_without_an_edit_answers_nothing_that_a_new_one_changed():
    world = World()
    agent, loose = chat(world), canonical(ignoring=["$.model"])
    tape = record(agent)

    with tracefork.replay(tape, matcher=loose):
        chat(world, model="other")()
    with pytest.raises(Divergence) as caught, tracefork.replay(tape, matcher=loose, edits=[Model("small")]):
        agent()
    with tracefork.replay(tape, edits=[Model("big")]) as mended:
        chat(world, model="other")()

    assert caught.value.path == "$.model"
    assert mended.tape.digest() == tape.digest()


def test_a_branch_is_followed_under_a_matcher_that_does_not_see_the_edit():
    world = World()
    agent, loose = chat(world), canonical(ignoring=["$.model"])
    tape = record(agent)
    with tracefork.fork(tape, 1, text("x"), matcher=loose, edits=[Model("small")]) as branch:
        agent()

    with tracefork.replay(branch.tape, matcher=loose) as again:
        agent()

    assert models(branch.tape) == ["big", "big", "small", "small"]
    assert again.tape.digest() == branch.tape.digest()


# -- what is not met --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Set("$.metadata.user", 1), r"\$\.metadata\.user is 1.*not there.*nearest that is there is \$$"),
        (Delete("$.mesages"), r"nothing is there; the nearest that is there is \$\.messages$"),
        (Replace("no such text", ""), "the text is nowhere"),
        (
            Model("x", where={"model": "gpt*"}),
            r"any of 4 requests: the model is x, where model is gpt\*; its where=",
        ),
        (Tools({"boook": None}), "told it of that tool: boook"),
        (Temperature(0, first=4), "never tried.*asked nothing after its first 4"),
    ],
)
def test_an_edit_that_met_nothing_is_said_when_the_block_is_left(edit, said):
    with pytest.raises(EditUnused, match=said):
        record(chat(World()), edits=[Model("big"), edit])


def test_an_edit_for_what_is_asked_live_where_nothing_was_is_said_too():
    agent = chat(World())
    tape = record(agent)

    with (
        pytest.raises(EditUnused, match="asked nothing of the real world"),
        tracefork.resume(tape, edits=[Model("x")]),
    ):
        agent()


def test_whatever_else_was_raised_comes_before_that():
    tape, nowhere = record(chat(World())), [Set("$.no.such", 1)]

    with pytest.raises(ZeroDivisionError), tracefork.record(edits=nowhere):
        raise ZeroDivisionError
    with pytest.raises(Unfinished), tracefork.replay(tape, edits=nowhere):
        pass
    verdict = tracefork.verify(tape, chat(World()), edits=nowhere)
    assert not verdict.ok
    assert isinstance(verdict.error, EditUnused)


def test_an_edit_that_changes_nothing_since_it_is_so_already_has_been_met():
    tape = record(chat(World()), edits=[Model("big"), Set("$.max_tokens", 9)])

    assert models(tape) == ["big"] * 4


# -- of one's own -----------------------------------------------------------------------------


@frozen
class Polite(Edit):
    """An edit of one's own, which depends on its fields and the request alone."""

    word: str = "please"

    def change(self, request):
        return evolve(request, body=request.body.replace(b"question", self.word.encode() + b" answer"))


def shout(request):
    return evolve(request, body=request.body.replace(b"question", b"QUESTION"))


@pytest.mark.parametrize("own", [Polite("kindly"), shout])
def test_an_edit_of_ones_own_is_kept_by_name_and_given_again(own, tmp_path):
    agent = chat(World())
    tape = record(agent, edits=[own], store=tmp_path / "runs.db")

    assert tracefork.verify(tape, agent, edits=[own]).ok
    for follow in (tracefork.replay, tracefork.resume, lambda tape: tracefork.fork(tape, 0)):
        with pytest.raises(EditMissing, match=f"test_edits:{'shout' if own is shout else 'Polite'}"):
            follow(tape)


def test_an_edit_of_ones_own_that_fails_ends_the_run_and_nothing_is_sent():
    world = World()

    with (
        pytest.raises(EditRefused, match="KeyError"),
        tracefork.record(edits=[lambda request: {}["x"]]) as run,
    ):
        with pytest.raises(EditRefused):
            chat(world)()

    assert (world.sent, len(run.tape)) == ([], 0)


@pytest.mark.parametrize("given", [Model, 3, "Model", [None], [Model]])
def test_what_is_no_edit_is_refused_at_once(given):
    with pytest.raises(TypeError):
        tracefork.record(edits=given)


# -- secrets, signatures, bodies that are too long --------------------------------------------


def test_a_secret_in_an_edit_is_not_kept_and_put_back_where_it_is_sent(monkeypatch):
    secret = "sk-ant-api03-" + "A1b2C3d4" * 11
    monkeypatch.setenv("MY_API_KEY", secret)
    world = World()
    agent, edits = chat(world, 2), [Set("$.metadata", {"token": secret}), SystemPrompt(f"Say {secret}.")]

    tape = record(agent, edits=edits)
    verdict = tracefork.verify(tape, agent)
    whole = chat(world, 3)
    with tracefork.resume(tape) as resumed:
        whole()
    monkeypatch.delenv("MY_API_KEY")
    with pytest.raises(RedactedSecret), tracefork.resume(tape):
        whole()

    assert verdict.ok, verdict
    assert [body["metadata"]["token"] for body in world.bodies] == [secret] * 3
    assert world.bodies[2]["system"] == f"Say {secret}."
    for kept in (tape, resumed.tape):
        assert b"A1b2C3d4" not in tracefork.dumps(kept)
        assert "A1b2C3d4" not in str(kept.meta) + str(describe(kept.meta))
    assert json.loads(tape.meta[EDITS])[0]["value"] == {"token": "[secret:MY_API_KEY]"}
    assert tracefork.verify(resumed.tape, whole).ok


SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=y"}


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://model/model/m/invoke", SIGNED),
        ("http://model/x?X-Amz-Signature=abc", {}),
        ("http://model/x", {"Signature-Input": "sig1=()"}),
    ],
)
def test_what_is_signed_already_is_not_sent_edited_and_goes_through_unedited(url, headers):
    world = World()

    def agent(run=None):
        with world.client() as client:
            client.post(url, json={"a": 1}, headers=headers)

    with pytest.raises(EditRefused, match="signed"):
        record(agent, edits=[Set("$.a", 2)])
    sent = len(world.sent)
    record(agent, edits=[Set("$.a", 1)])

    assert (sent, len(world.sent)) == (0, 1)


def test_a_body_that_is_too_long_to_be_kept_is_not_edited_and_that_is_said():
    world = World()

    with pytest.raises(EditRefused, match="longer than max_body"):
        record(chat(world, 1), max_body=20, edits=[Model("x")])

    assert world.sent == []


# -- who sees them ----------------------------------------------------------------------------


def test_a_gate_is_shown_what_would_be_sent():
    agent, seen = chat(World()), []
    tape = record(agent)

    with tracefork.fork(tape, 2, text("x"), edits=[Model("small")], gate=seen.append):
        agent()

    assert [json.loads(request.body)["model"] for request in seen] == ["small"]


def test_a_tape_says_how_it_was_edited_also_out_of_a_store(tmp_path):
    world = World()
    agent = chat(world)
    tape = record(agent, store=tmp_path / "runs.db")

    with tracefork.fork(tape, 1, text("x"), edits=[Model("small")], store=tmp_path / "runs.db") as branch:
        agent()
    with TapeStore.open(tmp_path / "runs.db") as store:
        kept = store.load(branch.run_id)

    assert kept.meta == branch.tape.meta
    assert kept.digest() == branch.tape.digest()
    assert "edited: the model is small, from request 2 on" in step_table.notes(kept)
    assert tracefork.verify(kept, agent).ok


@pytest.mark.parametrize("method", ["value", "flip", "direct"])
def test_blame_of_an_edited_run_asks_as_the_run_did(method):
    world, own = World(), Polite()
    agent = chat(world, 3)
    tape = record(agent)
    with tracefork.fork(tape, 0, text("x"), edits=[Model("small"), own]) as branch:
        agent()
    world.sent.clear()

    report = tracefork.blame(
        branch.tape, agent, lambda result: False, budget=Budget(forks=6), method=method, edits=[own]
    )

    assert report.forks > 2
    assert {b"please answer" in request.body for request in world.sent if b"small" in request.body} == {True}
    asked = {(len(body["messages"]), body["model"]) for body in world.bodies}
    assert asked <= {(1, "big"), (3, "small"), (5, "small")}
    assert len(asked) > 1


def test_a_thread_that_knows_no_run_is_answered_in_the_edited_form():
    world, asked = World(), []
    client = world.client()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()

        def agent(run=None):
            asked.append(pool.submit(ask, client, [{"role": "user", "content": "x"}]).result())

        tape = record(agent, scope="process", edits=[Model("small")])
        with tracefork.replay(tape):
            agent()
    client.close()

    assert models(tape) == ["small"]
    assert asked[0] == asked[1]


def test_what_a_crash_cut_short_is_asked_again_as_it_was_edited():
    world = World()
    agent = chat(world, 3)

    with pytest.raises(RuntimeError), tracefork.record(edits=[Model("small")]) as run:
        chat(world, 2)()
        raise RuntimeError("died")
    with tracefork.resume(run.tape) as resumed:
        agent()

    assert models(resumed.tape) == ["small"] * 3
    assert resumed.forwarded == 1
    assert tracefork.verify(resumed.tape, agent).ok


def test_a_run_without_edits_is_as_it_ever_was():
    tape = record(chat(World()))

    assert EDITS not in tape.meta
    assert describe(tape.meta) == ()
    assert isinstance(tape[0].answer, Response)
