"""A `record()` within a replay, a fork, a resumed run or `tracefork run` is a view of that."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest

import tracefork


@pytest.fixture
def model():
    class Model:
        live = 0

    def serve(request):
        Model.live += 1
        return httpx.Response(200, content=request.content)

    Model.client = httpx.Client(transport=httpx.MockTransport(serve))
    Model.ask = staticmethod(lambda text: Model.client.post("https://m.example/", content=text).text)
    return Model


def recorded(model, *texts):
    with tracefork.record() as run:
        for text in texts:
            model.ask(text)
    return run.tape


def joining(model, tmp_path, **options):
    def agent():
        tapes = []
        for n, text in enumerate("ab"):
            with tracefork.record(tmp_path / "own.db", run_id=f"own{n}", **options) as run:
                model.ask(text)
                tapes.append(run.tape)
        return tapes

    return agent


def test_within_a_verification_it_is_served_and_its_store_is_passed_over(model, tmp_path):
    tape = recorded(model, "a", "b")
    said = []
    agent = joining(model, tmp_path)
    verdict = tracefork.verify(tape, lambda: said.extend(agent()))

    assert verdict.ok and model.live == 2 and isinstance(said[0], tracefork.Tape)
    assert [len(one) for one in said] == [1, 2]
    assert not (tmp_path / "own.db").exists()
    assert len(verdict.remarks) == 2 and "own.db" in verdict.remarks[0] and "own0" in verdict.remarks[0]


def test_to_whoever_asks_it_is_a_session(model):
    with tracefork.replay(tracefork.Tape()) as around, tracefork.record() as run:
        assert isinstance(run, tracefork.Session) and run.run_id == around.run_id and not run.live


def test_it_is_remarked_once_however_often_it_is_done(model):
    tape = recorded(model, "a", "b")

    def agent():
        for text in "ab":
            with tracefork.record():
                model.ask(text)

    assert len(tracefork.verify(tape, agent).remarks) == 1


def test_within_a_fork_and_a_resumed_run_several_go_on_one_tape(model, tmp_path):
    tape = recorded(model, "a", "b")
    with tracefork.fork(tape, 1) as branch:
        joining(model, tmp_path)()
    with tracefork.resume(recorded(model, "a")) as resumed:
        joining(model, tmp_path)()

    assert len(branch.tape) == len(resumed.tape) == 2
    assert (branch.forwarded, resumed.forwarded) == (1, 1)


def test_asynchronously_and_for_a_transport_that_is_given_the_run(model):
    async def agent():
        async with tracefork.record(intercept=False) as run:
            transport = tracefork.transports.httpx.AsyncTransport(
                run, httpx.MockTransport(lambda r: httpx.Response(200, content=r.content))
            )
            async with httpx.AsyncClient(transport=transport) as client:
                return (await client.post("https://m.example/", content="a")).text

    with tracefork.record() as run:
        model.ask("a")
    verdict = tracefork.verify(run.tape, agent)
    assert verdict.ok, verdict


def test_an_exception_leaves_it_as_it_would_leave_any_block(model):
    with tracefork.replay(recorded(model, "a")):
        with pytest.raises(KeyError), tracefork.record() as run:
            model.ask("a")
            raise KeyError
    assert len(run.tape) == 1


def test_within_another_recording_it_nests(model):
    with tracefork.record() as around, tracefork.record() as inner:
        model.ask("a")
    assert (len(around.tape), len(inner.tape)) == (0, 1)


def test_who_wants_two_has_two_and_what_gets_out_of_the_replay_is_said(model, tmp_path):
    tape = recorded(model, "a")

    def agent():
        model.ask("a")
        with tracefork.record(tmp_path / "own.db", nested="separate") as run:
            model.ask("of its own")
        return run

    verdict = tracefork.verify(tape, agent)

    assert model.live == 2 and not verdict.ok and verdict.divergence is None
    assert [one.kind for one in verdict.escaped] == ["run"]
    assert (tmp_path / "own.db").exists()


def test_from_an_older_thread_it_joins_the_only_replay(model):
    import threading

    tape = recorded(model, "a")
    begin, said = threading.Event(), []

    def work():
        begin.wait(10)
        with tracefork.record() as run:
            said.append((model.ask("a"), run.run_id))

    worker = threading.Thread(target=work)
    worker.start()
    with tracefork.replay(tape) as run:
        begin.set()
        worker.join()
    assert said == [("a", run.run_id)] and model.live == 1


SCRIPT = """
import httpx, tracefork
client = httpx.Client(transport=httpx.MockTransport(lambda r: httpx.Response(200, content=r.content)))
for n in range(2):
    with tracefork.record("own.db", run_id=f"own{n}") as run:
        client.post("https://m.example/", content=str(n))
print(len(run.tape))
"""


@pytest.mark.slow
def test_a_script_that_records_itself_can_be_run_and_verified_from_the_shell(tmp_path):
    (tmp_path / "agent.py").write_text(SCRIPT)

    def shell(*words):
        command = [sys.executable, "-m", "tracefork", *words]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    ran = shell("run", "agent.py")
    verified = shell("verify", "last")

    assert ran.returncode == 0 and ran.stdout == "2\n", ran.stderr
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "2 of 2" in verified.stdout and "joined it" in verified.stdout
    assert not (tmp_path / "own.db").exists()


def test_a_separate_run_that_is_never_left_is_held_against_the_replay_and_one_that_draws_is_not(model):
    tape, left = recorded(model, "a"), []

    def draws():
        model.ask("a")
        with tracefork.record(nested="separate") as run:
            run.now()

    def asks():
        model.ask("a")
        left.append(tracefork.record(nested="separate").__enter__())
        model.ask("out")

    drew, asked = tracefork.verify(tape, draws), tracefork.verify(tape, asks)
    left[0].__exit__(None, None, None)

    assert drew.ok and drew.escaped == ()
    assert not asked.ok and [one.kind for one in asked.escaped] == ["run"]


def test_options_of_its_own_are_passed_over_and_that_is_said(model):
    tape = recorded(model, "a")

    def agent():
        with tracefork.record(wrap=["shop:book"], strict=True, nested="join"):
            model.ask("a")

    verdict = tracefork.verify(tape, agent)
    assert verdict.ok and len(verdict.remarks) == 1
    assert "wrap=, strict= passed over" in verdict.remarks[0] and "nested=," not in verdict.remarks[0]
