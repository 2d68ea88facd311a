"""What tools and sub-agents do in a rerun: served, run, or run again."""

from __future__ import annotations

import pytest
from chats import chat, recorded

import tracefork
from tracefork.core.values import Departure

# -- tools ------------------------------------------------------------------------------


class Shop:
    def __init__(self):
        self.done = []

    def book(self, what):
        self.done.append(what)
        return f"booked {what}"


def test_an_equal_call_of_a_tool_is_served_and_another_runs(ask):
    shop = Shop()

    def agent(first, *whats):
        ask(first)
        return [tracefork.current().call("book", shop.book, what) for what in whats]

    tape = recorded(lambda: agent("a", "flight", "flight", "hotel"))
    shop.done.clear()

    with tracefork.rerun(tape) as run:
        agent("A", "hotel", "flight", "train", "flight", "flight")

    assert shop.done == ["train", "flight"]
    assert [effect.origin is None for effect in run.tape.effects] == [False, False, True, False, True]
    assert run.remarks == ["served after `book` ran anew: book"]


def test_a_tool_that_was_mended_runs(ask):
    ran = []

    def book(what):
        ran.append(what)
        return what

    def agent(fn):
        tracefork.current().call("book", fn, "flight")
        return ask("done")

    tape = recorded(lambda: agent(lambda what: what))

    with tracefork.rerun(tape) as run:
        agent(book)

    assert ran == ["flight"]
    assert run.parted == Departure(0, "code", "", "", "the tool book")
    assert "is not the function that was recorded" in str(run.parted)


def test_tools_that_are_to_be_fresh_run_again(ask):
    ran = []

    def agent():
        run = tracefork.current()
        run.call("read", ran.append, "read")
        run.call("parse", ran.append, "parse")
        return ask("done")

    tape = recorded(agent)
    ran.clear()

    with tracefork.rerun(tape, fresh=("parse",)) as run:
        agent()

    assert ran == ["parse"]
    assert run.parted.reason == "fresh"


def test_what_only_reads_runs_again_once_something_was_written(ask):
    world = {"n": 1}

    @tracefork.tool(repeatable=True)
    def read():
        return world["n"]

    @tracefork.tool
    def write(n):
        world["n"] = n

    def agent(n):
        before = read()
        write(n)
        return before, read(), ask("done")[:2]

    tape = recorded(lambda: agent(2))
    world["n"] = 1

    with tracefork.rerun(tape):
        assert agent(3) == (1, 3, "so")


def test_a_tool_that_raised_is_served_before_the_parting_only(ask):
    calls = []

    def fail():
        calls.append(1)
        raise LookupError("no flight")

    def agent(first):
        ask(first)
        with pytest.raises(LookupError):
            tracefork.current().call("fail", fail)

    tape = recorded(lambda: agent("a"))
    calls.clear()

    with tracefork.rerun(tape):
        agent("a")
    served = len(calls)
    with tracefork.rerun(tape):
        agent("A")

    assert (served, len(calls)) == (0, 1)


@pytest.mark.parametrize("verb", ["fork", "resume"])
def test_forks_and_resumed_runs_serve_equal_calls_if_they_are_told_to(ask, verb):
    shop = Shop()

    def agent():
        ask("a")
        tracefork.current().call("book", shop.book, "flight")
        return ask("b")

    tape = recorded(agent)
    shop.done.clear()
    options = {"at": 0} if verb == "fork" else {}

    with getattr(tracefork, verb)(tape, **options, tools="reuse"):
        agent()

    assert shop.done == []


# -- sub-agents -------------------------------------------------------------------------


@tracefork.tool(agent=True, ignore="ask")
def research(ask, topic, *, depth=2):
    return chat(ask, *[f"{topic} {n}" for n in range(depth)])


def crew(ask, topics, *, depth=2):
    found = [research(ask, topic, depth=depth) for topic in topics]
    return ask("sum up", *found)


def test_a_sub_agent_runs_and_what_it_asks_is_served(model, ask):
    tape = recorded(lambda: crew(ask, ["bees", "ants"]))
    model.asked.clear()

    with tracefork.rerun(tape) as same:
        crew(ask, ["bees", "ants"])
    with tracefork.rerun(tape) as other:
        crew(ask, ["bees", "wasps"])

    assert same.tape.digest() == tape.digest()
    assert len(model.asked) == 3
    assert [step.origin is None for step in other.tape] == [False, False, True, True, True]
    assert tracefork.verify(other.tape, lambda: crew(ask, ["bees", "wasps"]))


def test_a_tool_that_has_become_a_sub_agent_runs(model, ask):
    def look(topic):
        return chat(ask, topic)

    plain, agent = tracefork.tool(look), tracefork.tool(agent=True)(look)
    tape = recorded(lambda: [plain("bees"), ask("end")])
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        agent("bees")
        ask("end")

    assert len(model.asked) == 1
    assert run.parted.reason == "code"


def test_a_tool_that_only_reads_is_kept_as_one(tmp_path, ask):
    @tracefork.tool(repeatable=True)
    def read():
        return 1

    path = str(tmp_path / "runs.db")
    with tracefork.record(path, run_id="first"):
        read()

    with tracefork.TapeStore.open(path) as store:
        assert store.load("first").effects[0].call.repeatable
        with tracefork.rerun(store.load("first"), store) as run:
            ask("new")
            read()

    assert run.tape.effects[0].origin == 0
