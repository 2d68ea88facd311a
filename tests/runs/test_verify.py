"""Verify tells the truth: about agents that changed, and about those that hide it."""

from __future__ import annotations

import asyncio
import uuid

import httpx
import pytest

import tracefork
from tracefork import Divergence, Response
from tracefork.core.diff import Difference
from tracefork.core.matching import canonical
from tracefork.errors import Unfinished
from tracefork.testing.scripted import Script, by_rule, transport

URL = "http://model/v1/messages"


def client():
    return httpx.Client(transport=transport(by_rule(lambda r: Response(200, (), (b"re: " + r.body,))), httpx))


def asks(*texts, method="POST", url=URL, headers=None, at=1):
    """An agent that asks these; the one at `at` by another method, URL or header."""

    def agent():
        with client() as model:
            for n, text in enumerate(texts):
                here = (
                    {"method": method, "url": url, "headers": headers}
                    if n == at
                    else {"method": "POST", "url": URL}
                )
                model.request(**here, json={"messages": [{"role": "user", "content": text}], "n": n})

    return agent


def recorded(agent):
    with tracefork.record() as run:
        agent()
    return run.tape


def test_a_faithful_agent_is_ok():
    tape = recorded(asks("a", "b", "c"))
    verdict = tracefork.verify(tape, asks("a", "b", "c"))

    assert verdict.ok and bool(verdict)
    assert (verdict.matched, verdict.total) == (3, 3)
    assert verdict.recorded == verdict.replayed == tape.digest()


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        (asks("a", str(uuid.uuid4()), "c"), "$.messages[0].content"),
        (asks("a", "b", "c", method="PUT"), "method"),
        (asks("a", "b", "c", url=URL + "?beta=true"), "url"),
        (asks("a", "b", "c", headers={"anthropic-beta": "other"}), "headers.anthropic-beta"),
    ],
    ids=["prompt", "method", "url", "anthropic-beta"],
)
def test_a_changed_question_fails_at_its_step_and_path(changed, path):
    verdict = tracefork.verify(recorded(asks("a", "b", "c")), changed)

    assert not verdict.ok
    assert (verdict.divergence.step, verdict.divergence.path) == (1, path)
    assert verdict.matched == 1
    assert verdict.recorded != verdict.replayed


def test_headers_that_mean_nothing_do_not_count():
    tape = recorded(asks("a", "b", "c"))

    assert tracefork.verify(
        tape, asks("a", "b", "c", headers={"x-stainless-retry-count": "1", "user-agent": "me"})
    ).ok


def test_an_agent_that_catches_everything_and_answers_anyway_fails():
    def stubborn():
        for agent in (asks("a"), asks("X"), asks("b")):
            try:
                agent()
            except Exception:
                pass
        return "all is well"

    verdict = tracefork.verify(recorded(asks("a", "b", "c")), stubborn)

    assert not verdict.ok
    assert verdict.divergence.asked.body == b'{"messages":[{"role":"user","content":"X"}],"n":0}'


def test_an_agent_that_stops_early_fails():
    verdict = tracefork.verify(recorded(asks("a", "b", "c")), asks("a", "b"))

    assert not verdict.ok
    assert verdict.divergence.step == 2


def test_an_agent_that_goes_on_fails():
    verdict = tracefork.verify(recorded(asks("a", "b")), asks("a", "b", "c"))

    assert not verdict.ok
    assert verdict.divergence.step == 2


def raising():
    asks("a")()
    raise ValueError("no such flight")


def test_an_agent_that_raises_as_recorded_is_ok():
    with pytest.raises(ValueError), tracefork.record() as run:
        raising()
    verdict = tracefork.verify(run.tape, raising)

    assert verdict.ok
    assert isinstance(verdict.error, ValueError)


def test_an_agent_that_no_longer_raises_fails_at_the_end():
    with pytest.raises(ValueError), tracefork.record() as run:
        raising()
    verdict = tracefork.verify(run.tape, asks("a"))

    assert not verdict.ok
    assert (verdict.divergence.step, verdict.divergence.path) == (1, "outcome")


def test_an_agent_that_raises_another_class_fails():
    def otherwise():
        asks("a")()
        raise KeyError("flight")

    with pytest.raises(ValueError), tracefork.record() as run:
        raising()
    verdict = tracefork.verify(run.tape, otherwise)

    assert not verdict.ok
    assert isinstance(verdict.error, KeyError)


def test_reading_less_of_a_body_than_was_read_fails():
    def reads(much):
        def agent():
            script = Script(Response(200, (), (b"one", b"two", b"three")))
            with (
                httpx.Client(transport=transport(script, httpx)) as model,
                model.stream("GET", URL) as response,
            ):
                chunks = response.iter_raw()
                return [next(chunks) for _ in range(much)]

        return agent

    verdict = tracefork.verify(recorded(reads(2)), reads(1))

    assert not verdict.ok
    assert verdict.divergence.step == 0
    assert verdict.divergence.path.startswith("response")


def test_a_lenient_matcher_verifies_what_it_cannot_tell_apart():
    tape = recorded(asks("a", "b", "c"))
    lenient = canonical(ignoring=["$.messages[*].content"])

    assert not tracefork.verify(tape, asks("a", "B", "c")).ok
    assert tracefork.verify(tape, asks("a", "B", "c"), matcher=lenient).ok
    assert not tracefork.verify(tape, asks("a", "B"), matcher=lenient).ok


def test_an_async_agent_is_verified_by_either():
    async def agent():
        await asyncio.to_thread(asks("a", "b"))

    tape = recorded(lambda: asyncio.run(agent()))

    assert tracefork.verify(tape, agent).ok
    assert asyncio.run(tracefork.averify(tape, agent)).ok
    assert not asyncio.run(tracefork.averify(tape, asks("a"))).ok


def test_the_run_is_given_to_an_agent_that_asks_for_it():
    got = []
    tape = tracefork.Tape(outcome=tracefork.core.values.RETURNED)
    for agent in (lambda run: got.append(run), lambda x: got.append(x), lambda *, run=None: got.append(run)):
        assert tracefork.verify(tape, agent).is_empty
    for agent in (lambda: got.append(None), lambda a=1, b=2: got.append(None)):
        assert tracefork.verify(tape, agent).is_empty

    assert [isinstance(run, tracefork.Session) for run in got] == [True, True, True, False, False]


def test_leaving_a_replay_early_is_unfinished():
    tape = recorded(asks("a", "b", "c"))
    with pytest.raises(Unfinished) as caught, tracefork.replay(tape):
        asks("a")()

    assert caught.value.step == 1
    assert len(caught.value.unasked) == 2


def test_a_divergence_is_found_in_what_an_sdk_makes_of_it():
    anthropic = pytest.importorskip("anthropic")
    tape = recorded(asks("a"))
    caught = None
    with pytest.raises(Divergence), tracefork.replay(tape):
        sdk = anthropic.Anthropic(api_key="not-a-real-key", base_url="http://model", max_retries=0)
        try:
            sdk.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "q"}])
        except anthropic.APIConnectionError as exc:
            caught = exc

    assert Divergence.find(caught).step == 0
    assert Divergence.find(ExceptionGroup("several", [ValueError(), caught])) is Divergence.find(caught)
    assert Divergence.find(ValueError()) is None


def test_a_sequential_agent_diverges_at_once():
    import time

    tape = recorded(asks("a", "b", "c"))
    began = time.perf_counter()
    tracefork.verify(tape, asks("a", "X", "c"))

    assert time.perf_counter() - began < 0.2


def test_the_short_form_of_a_verdict_says_first_what_parts():
    """pytest cuts a repr in its middle where it is longer than 240 characters."""
    path, text = "x" * 300, "Well? " + "\x1b\u202e\ud83d" * 99

    def verdict(recorded, asked):
        found = Divergence(7, difference=Difference(f"$.{path}", repr(recorded), repr(asked)))
        return tracefork.Verdict(False, 7, 9, "0" * 64, "1" * 64, found, ValueError("no " * 999))

    short, long = repr(verdict("Well?", "No.")), repr(verdict(text, text[1:]))

    assert short.startswith("<NOT ok: step 7, ...xxx")
    assert "x: the tape has 'Well?', the agent 'No.'; 7 of 9 exchanges; ValueError>" in short
    assert len(long) <= 240
    assert "the tape has 'Well? " in long
    assert "the agent 'ell? " in long
    assert long.isprintable()
    assert repr(tracefork.Verdict(True, 2, 2, "", "")) == "<ok; 2 of 2 exchanges>"
