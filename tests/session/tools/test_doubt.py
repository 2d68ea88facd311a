"""A tool that may have run before a crash runs again only if somebody said so, in the whole lineage."""

from __future__ import annotations

import itertools
import json
import threading
import time

import attrs
import httpx
import pytest
from tills import ECHO, Till, begins, died, killed, stopped

import tracefork
from tracefork.core.doubt import find_doubts
from tracefork.core.values import Call, Effect, Outcome, Reply, Span
from tracefork.errors import InDoubt
from tracefork.runs.api import cut
from tracefork.testing.scripted import transport


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
