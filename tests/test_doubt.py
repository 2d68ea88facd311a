"""A tool that may have run before a crash runs again only if somebody said so, in the whole lineage."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import threading
import time

import attrs
import httpx
import pytest

import tracefork
from tracefork import Response, TapeStore
from tracefork.core.doubt import find_doubts
from tracefork.core.values import CANCELLED, UNFINISHED, Call, Effect, Outcome, Pending, Reply, Span
from tracefork.errors import InDoubt, ToolRefused
from tracefork.runs import cut
from tracefork.testing.scripted import by_rule, transport

ECHO = by_rule(lambda request: Response(200, (), (request.body,)))
HERE = str(__import__("pathlib").Path(__file__).parent)


class Till:
    """What was paid, in earnest; and an agent that dies where it is told to."""

    def __init__(self, asks=2, keys=None):
        self.paid, self.asked, self.dies = [], 0, ""
        self.asks, self.keys = asks, keys or itertools.repeat("k")

    def agent(self, run, pays=1):
        with httpx.Client(transport=transport(ECHO, httpx)) as client:
            for n in range(self.asks):
                client.post("http://model/", content=f"{n}")
        return [run.call("pay", self.pay, next(self.keys)) for _ in range(pays)]

    def pay(self, key):
        self.paid.append(key)
        return f"paid {key}"


def died(run_or_tape, calls=1, keep=None):
    """A tape as a crash leaves it while its last `calls` tools run; or after its first `keep` steps."""
    tape = getattr(run_or_tape, "tape", run_or_tape)
    steps = tape.steps[:keep] if keep is not None else tape.steps[: len(tape.steps) - calls]
    left = () if keep is not None else tape.steps[len(steps) :]
    pending = tuple(Pending(s.asked, s.lane, s.span.began) for s in left)
    return attrs.evolve(tape, steps=steps, pending=(*tape.pending, *pending), outcome=UNFINISHED)


def killed(till, pays=1, calls=1):
    with tracefork.record() as run:
        till.agent(run, pays)
    till.paid.clear()
    return died(run, calls)


BEGINNINGS = {
    "resume": lambda tape, **how: tracefork.resume(tape, **how),
    "fork": lambda tape, **how: tracefork.fork(tape, 0, **how),
    "fork with an answer": lambda tape, **how: tracefork.fork(tape, 1, Response(200), **how),
    "cut": lambda tape, **how: cut(tape, 1, **how),
    "cut afresh": lambda tape, **how: cut(tape, 0, **how),
}
begins = pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)


@begins
@pytest.mark.parametrize("key", ["k", "another"])
def test_whatever_its_arguments_a_live_call_of_that_tool_is_in_doubt(begin, key):
    till = Till()
    tape = killed(till)
    till.keys = itertools.repeat(key)
    with pytest.raises(InDoubt) as caught, begin(tape) as run:
        till.agent(run)

    assert till.paid == []
    assert caught.value.call.arguments == '{"args":["k"],"kwargs":{}}'
    assert caught.value.asked.arguments == json.dumps({"args": [key], "kwargs": {}}, separators=(",", ":"))


@begins
@pytest.mark.parametrize("key", ["k", "another"])
def test_one_decision_settles_one_call_in_all_that_follows(begin, key):
    till = Till()
    tape = killed(till)
    till.keys = itertools.repeat(key)
    with begin(tape, on_doubt="rerun") as run:
        till.agent(run, pays=2)
    assert till.paid == [key, key]
    assert find_doubts(run.tape) == ()
    with tracefork.resume(run.tape) as again:
        till.agent(again, pays=3)
    assert till.paid == [key, key, key]


@begins
def test_a_function_is_told_the_call_that_may_have_run_and_gives_what_came_of_it(begin):
    told = []
    till = Till(keys=iter("abcd"))
    tape = killed(till)
    with begin(tape, on_doubt=lambda call: told.append(call.arguments) or "it had run") as run:
        said = till.agent(run, pays=2)

    assert said == ["it had run", "paid c"] and till.paid == ["c"]
    assert told == ['{"args":["a"],"kwargs":{}}']
    assert tracefork.verify(run.tape, lambda run: Till(keys=iter("bc")).agent(run, pays=2)).ok


def test_two_calls_want_two_decisions_the_equal_one_first():
    told = []
    till = Till(keys=iter("ab"))
    with tracefork.record() as run:
        till.agent(run, pays=2)
    tape = died(run, calls=2)

    def decide(call):
        told.append(json.loads(call.arguments)["args"][0])
        if len(told) == 2:
            raise LookupError("not known")
        return "had run"

    till.keys = iter("bc")
    with pytest.raises(LookupError), tracefork.resume(tape, on_doubt=decide) as run:
        till.agent(run, pays=2)
    assert told == ["b", "a"]
    assert [call.arguments for call in find_doubts(run.tape)] == ['{"args":["a"],"kwargs":{}}']
    till.keys, till.paid = iter("bcde"), []
    with pytest.raises(InDoubt) as caught, tracefork.resume(run.tape) as last:
        till.agent(last, pays=2)
    assert "a" in caught.value.call.arguments and till.paid == []


def test_doubt_is_inherited_by_a_resume_of_a_resume_that_died_early():
    till = Till()
    tape = killed(till)
    with pytest.raises(InDoubt), tracefork.resume(tape) as run:
        till.agent(run)
    for keep in (0, 1, 2):
        second = died(run, keep=keep)
        with pytest.raises(InDoubt), tracefork.resume(second) as third:
            till.agent(third)
        with pytest.raises(InDoubt), tracefork.fork(second, 0) if keep else cut(second, 0) as third:
            till.agent(third)
    assert till.paid == []


def test_siblings_do_not_settle_each_others_doubts():
    till = Till()
    tape = killed(till)
    with tracefork.resume(tape, on_doubt="rerun") as run:
        till.agent(run)
    with pytest.raises(InDoubt), tracefork.resume(tape) as other:
        till.agent(other)
    assert till.paid == ["k"] and find_doubts(run.tape) == () and len(find_doubts(other.tape)) == 1


def test_a_rerun_that_died_too_is_one_doubt_and_not_two():
    till = Till(keys=iter("abc"))
    tape = killed(till)
    with tracefork.resume(tape, on_doubt="rerun") as run:
        till.agent(run)
    again = died(run)

    assert [json.loads(call.arguments)["args"] for call in find_doubts(again)] == [["b"]]
    with tracefork.resume(again, on_doubt="rerun") as last:
        till.agent(last)
    assert find_doubts(last.tape) == ()


def test_other_tools_are_not_in_doubt():
    till = Till()
    tape = killed(till)
    with tracefork.resume(tape) as run:
        Till(asks=2).agent(run, pays=0)
        assert run.call("look", lambda: "seen") == "seen"
    assert [call.name for call in find_doubts(run.tape)] == ["pay"]


def test_a_repeatable_tool_is_never_in_doubt():
    ran = []

    @tracefork.tool(repeatable=True)
    def search(text):
        ran.append(text)
        return text

    with tracefork.record() as run:
        search("a")
    with tracefork.resume(died(run)) as again:
        assert search("b") == "b"
    assert ran == ["a", "b"] and find_doubts(again.tape) == ()


def test_a_second_thread_waits_for_the_decision_that_the_first_asks_for():
    till = Till(asks=0, keys=iter("abc"))
    tape = killed(till)
    told = []

    def decide(call):
        told.append(call)
        time.sleep(0.1)
        return "had run"

    with tracefork.resume(tape, on_doubt=decide) as run:
        threads = [threading.Thread(target=till.agent, args=(run,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(told) == 1 and len(till.paid) == 1


def test_whoever_decides_may_ask_servers_and_tools_which_is_nothing_of_the_agents():
    till = Till()
    tape = killed(till)

    def decide(call):
        with httpx.Client(transport=transport(ECHO, httpx)) as client:
            client.get("http://bank/")
        return tracefork.current().call("look", lambda: "had run")

    with tracefork.resume(tape, on_doubt=decide) as run:
        assert till.agent(run) == ["had run"]
    assert len(run.tape) == 2 and len(run.tape.effects) == 1
    assert tracefork.verify(run.tape, Till().agent).ok


@pytest.mark.parametrize("tools", ["recorded", "refuse", lambda call: "other"])
def test_doubt_comes_before_what_tools_do_in_a_live_tail(tools):
    till = Till()
    with tracefork.record() as run:
        till.agent(run, pays=2)
    with pytest.raises(InDoubt), tracefork.fork(died(run), 0, tools=tools) as branch:
        till.agent(branch)


def test_a_decision_is_raise_rerun_or_a_function():
    with pytest.raises(ValueError, match="on_doubt"):
        tracefork.resume(killed(Till()), on_doubt="skip")


# -- runs that stopped at a doubt ------------------------------------------------------------


def stopped(till=None):
    till = till or Till()
    with pytest.raises(InDoubt), tracefork.resume(killed(till)) as run:
        till.agent(run)
    return run.tape


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


# -- blame ---------------------------------------------------------------------------------------


def blamed(tape, till, **design):
    return tracefork.blame(tape, till.agent, lambda said: False, budget=tracefork.Budget(forks=2), **design)


def test_blame_of_a_run_with_a_doubt_is_refused_with_the_cure():
    till = Till()
    for tape in (killed(till), stopped(till)):
        with pytest.raises(InDoubt, match=r"resume the run with on_doubt=.*blame what comes of that"):
            blamed(tape, till)
    with tracefork.resume(killed(till), on_doubt=lambda call: "had run") as run:
        till.agent(run)
    blamed(run.tape, till)
    assert till.paid == []


def test_blame_goes_on_where_somebody_decided():
    till = Till()
    with tracefork.resume(killed(till)) as run:
        till.agent(run, pays=0)
    finished = run.tape
    with pytest.raises(InDoubt):
        blamed(finished, till)
    blamed(finished, Nobody(), on_doubt="rerun")


class Nobody(Till):
    def agent(self, run):
        return super().agent(run, pays=0)


def test_what_came_of_a_call_is_told_apart_from_what_a_run_was_served():
    """A run's own live calls settle what it took over; those of its parent, which it is served, do not."""
    served = Effect(Call("pay", "[1]"), Reply("returned", "1"), "", Span(0, 1, 1))
    note = json.dumps({"calls": [["pay", "[2]"]], "since": 5, "open": [3]})
    tape = tracefork.Tape(steps=(served,), meta={"run.doubts": note}, outcome=Outcome("returned"))

    assert find_doubts(tape) == (Call("pay", "[2]"),)
    for began in (3, 6):
        own = attrs.evolve(served, span=Span(began, began + 1, began + 1))
        assert find_doubts(attrs.evolve(tape, steps=(served, own))) == ()
