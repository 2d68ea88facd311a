"""Runs that stopped at a doubt, or at an interrupt within a tool, go on; and doubt survives in stores."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time

import attrs
import pytest
from tills import Till, begins, died, killed, stopped

import tracefork
from tracefork import TapeStore
from tracefork.core.doubt import find_doubts
from tracefork.core.values import CANCELLED, UNFINISHED, Call, Pending, Reply
from tracefork.errors import InDoubt, ToolRefused


def test_a_resume_that_stopped_at_a_doubt_can_be_resumed():
    till = Till()
    tape = tracefork.loads(tracefork.dumps(stopped(till)))
    with pytest.raises(InDoubt), tracefork.resume(tape, patience=3.0) as run:
        till.agent(run)
    with tracefork.resume(run.tape, on_doubt="rerun", patience=3.0) as last:
        assert till.agent(last) == ["paid k"]
    assert last.tape.exchanges[:2] == tape.exchanges and till.paid == ["k"]


def test_a_run_that_stopped_at_a_doubt_replays_as_it_was():
    till = Till()
    tape = stopped(till)

    verdict = tracefork.verify(tape, till.agent, patience=3.0)

    assert verdict.ok and isinstance(verdict.error, InDoubt) and "pay" in str(verdict.error)


def test_a_run_whose_tool_was_refused_replays_and_resumes():
    till = Till()
    with tracefork.record() as run:
        till.agent(run)
    with pytest.raises(ToolRefused), tracefork.fork(run.tape, 0, tools="refuse") as branch:
        till.agent(branch)
    assert tracefork.verify(branch.tape, till.agent, patience=3.0).ok
    with tracefork.resume(branch.tape, patience=3.0) as last:
        assert till.agent(last) == ["paid k"]


def test_a_tape_of_an_earlier_version_that_stopped_at_a_doubt_can_be_resumed():
    till = Till()
    tape = stopped(till)
    *kept, last = tape.steps
    old = attrs.evolve(tape, steps=(*kept, attrs.evolve(last, reply=CANCELLED)), meta={})
    with pytest.raises(InDoubt), tracefork.resume(old, patience=3.0) as run:
        till.agent(run)
    with tracefork.resume(old, on_doubt="rerun", patience=3.0) as run:
        assert till.agent(run) == ["paid k"]


def test_a_resume_of_an_earlier_version_that_died_early_has_its_doubts_from_its_parent():
    """It noted none; the store of the new run has the one that it followed."""
    till = Till(keys=iter("abcdefgh"))
    with TapeStore.open(":memory:") as store:
        parent = attrs.evolve(killed(till), run_id="parent")
        store.save(parent)
        with tracefork.resume(parent, on_doubt="rerun") as run:
            till.agent(run)
        old = attrs.evolve(died(run, keep=1), meta={}, run_id="old")
        store.save(old)
        with pytest.raises(InDoubt), tracefork.resume(old, store, run_id="new") as again:
            till.agent(again)
        with tracefork.fork(old, 0, store=store, on_doubt="rerun") as again:
            till.agent(again)
        settled = attrs.evolve(run.tape, meta={}, outcome=UNFINISHED)
        with tracefork.resume(settled, store, run_id="newer") as again:
            till.keys = iter("bz")
            assert till.agent(again, pays=2) == ["paid b", "paid z"]
        assert find_doubts(again.tape) == ()


# -- interrupts --------------------------------------------------------------------------------


class Mine(BaseException):
    pass


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, Mine])
@begins
def test_a_tool_that_an_interrupt_left_is_in_doubt_when_the_run_goes_on(kind, begin):
    till = Till()

    def interrupted(run, exc):
        till.agent(run, pays=0)

        def pay(key):
            till.paid.append(key)
            if exc:
                raise exc

        run.call("pay", pay, "k")

    with pytest.raises(kind), tracefork.record() as run:
        interrupted(run, kind("x"))
    tape = tracefork.loads(tracefork.dumps(run.tape))
    with pytest.raises(InDoubt), begin(tape, patience=3.0) as again:
        interrupted(again, None)
    with begin(tape, on_doubt="rerun", patience=3.0) as again:
        interrupted(again, None)
    assert till.paid == ["k", "k"] and find_doubts(again.tape) == ()


def test_an_interrupt_that_the_agent_went_on_from_is_a_result_like_another():
    def agent(run):
        try:
            run.call("stop", lambda: sys.exit(3))
        except SystemExit as exc:
            return run.call("after", "left with {}".format, exc.code)

    with tracefork.record() as run:
        agent(run)
    with tracefork.resume(died(run), patience=3.0, on_doubt="rerun") as again:
        assert agent(again) == "left with 3"


def test_a_coroutine_tool_that_ctrl_c_cancelled_is_in_doubt():
    async def agent(run, wait):
        await run.acall("pay", pay, wait)

    async def pay(wait):
        if wait:
            asyncio.get_running_loop().call_later(0.05, stop)
            await asyncio.sleep(30)
        return "paid"

    def stop():
        import signal

        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), tracefork.record() as run:
        asyncio.run(agent(run, wait=True))
    with pytest.raises(InDoubt), tracefork.resume(run.tape, patience=3.0) as again:
        asyncio.run(agent(again, wait=True))


def test_a_tool_that_the_agent_timed_out_is_none():
    async def slow():
        await asyncio.sleep(30)

    async def agent(run):
        try:
            await asyncio.wait_for(run.acall("slow", slow), 0.05)
        except TimeoutError:
            pass

    with tracefork.record() as run:
        asyncio.run(agent(run))
    assert find_doubts(run.tape) == ()
    with tracefork.resume(run.tape, patience=3.0) as again:
        asyncio.run(agent(again))


def test_to_answer_the_interrupted_call_in_a_fork_settles_it():
    with pytest.raises(SystemExit), tracefork.record() as run:
        run.call("pay", lambda: sys.exit(1))
    reply = Reply("returned", '"paid"')
    with tracefork.fork(run.tape, run.tape.effects[0], reply, patience=3.0) as branch:
        assert branch.call("pay", lambda: "live") == "paid"
        assert branch.call("pay", lambda: "live") == "live"


# -- where tapes are kept ------------------------------------------------------------------------

SCRIPT = """
import os, sys
import httpx, tracefork
from tracefork.testing.scripted import by_rule, transport

ECHO = by_rule(lambda request: tracefork.Response(200, (), (request.body,)))

def agent(run, die=""):
    with httpx.Client(transport=transport(ECHO, httpx)) as client:
        if die == "at once":
            os.kill(os.getpid(), 9)
        client.post("http://model/", content="0")
        if die == "early":
            os.kill(os.getpid(), 9)
        client.post("http://model/", content="1")
        run.call("pay", pay, die)

def pay(die):
    with open("paid", "a") as file:
        file.write("x")
    if die == "tool":
        os.kill(os.getpid(), 9)

where, how, old, new, die = sys.argv[1:]
store = tracefork.TapeStore.open(where)
if how == "record":
    run = tracefork.record(store, run_id=new)
else:
    run = tracefork.resume(store.load(old), store, run_id=new)
with run:
    agent(run, die)
"""


def played(folder, where, how, old, new, die):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, where, how, old, new, die],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("where", ["t.db", "folder"])
@pytest.mark.parametrize("die", ["at once", "early"])
def test_doubt_survives_whatever_happens_to_the_runs_in_a_store(tmp_path, where, die):
    assert played(tmp_path, where, "record", "", "r0", "tool")[0] == -9
    assert played(tmp_path, where, "resume", "r0", "r1", die)[0] == -9
    code, said = played(tmp_path, where, "resume", "r1", "r2", "")
    assert code == 1 and "InDoubt" in said
    code, said = played(tmp_path, where, "resume", "r2", "r3", "")
    assert code == 1 and "InDoubt" in said
    assert (tmp_path / "paid").read_text() == "x"
    with TapeStore.open(tmp_path / where) as store:
        list(store.gc(idle=0.001, now=time.time() + 9))
        assert all(len(find_doubts(store.load(name))) == 1 for name in ("r0", "r1", "r2", "r3"))
        store.delete("r0", rebase=True)
        one = tracefork.loads(tracefork.dumps(store.load("r1")))
        assert len(find_doubts(one)) == 1
        with TapeStore.open(":memory:") as other:
            other.save(one)
            assert len(find_doubts(other.load("r1"))) == 1
        assert not list(store.check())


def test_many_and_long_doubts_fit_into_a_header():
    big = "x" * 20_000
    pending = tuple(
        Pending(Call(f"pay{n % 50}", json.dumps({"args": [big], "kwargs": {}})), "", n) for n in range(400)
    )
    tape = tracefork.Tape(pending=pending, run_id="big")
    with TapeStore.open(":memory:") as store, tracefork.resume(tape, store) as run:
        pass
    assert [call.name for call in find_doubts(run.tape)] == [p.asked.name for p in pending]


def test_a_secret_in_a_doubt_is_hidden_and_the_doubt_stays():
    secret = "sk-ant-" + "a1B2c3D4" * 6
    redact = tracefork.redact.redactor({"MY_API_KEY": secret})
    tape = tracefork.Tape(pending=(Pending(Call("pay", f'{{"args":["{secret}"],"kwargs":{{}}}}'), "", 0),))
    with tracefork.resume(tape, redact=redact) as run:
        pass
    assert secret not in run.tape.meta["run.doubts"]
    assert [call.name for call in find_doubts(run.tape)] == ["pay"]
