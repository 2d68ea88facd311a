"""Forks, cuts and resumption: nothing is bought before its time, and drift is named at once."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from runtime.test_side_by_side import achain, asynchronous, chain, tools_inside
from worlds import World, asay, jitter, say

import tracefork
from tracefork.core.tape import Tape
from tracefork.core.values import Pending
from tracefork.errors import OverBudget
from tracefork.runs.api import cut


def recorded(agent):
    with tracefork.record() as run:
        agent(run)
    return run.tape


def sequential(texts, world=None, client=None):
    def agent(run):
        c = (world or World()).client(run)
        return [say(c, t) for t in texts]

    return agent


def text(s):
    return tracefork.Response(200, (), (s.encode(),))


def timed(run, agent, error=tracefork.Divergence):
    began = time.perf_counter()
    with pytest.raises(error) as caught, run:
        agent(run)
    return caught.value, time.perf_counter() - began


def at_once(start, agent, *given):
    """What the run that `start` gives ends by, and the run; it does so within 50 ms.

    That is the quickest of five: other programs use the processor too.
    """
    times = []
    for _ in range(5):
        run = start(*given)
        found, took = timed(run, agent)
        times.append(took)
    assert min(times) < 0.05
    return found, run


# -- drift -------------------------------------------------------------------------


def test_drift_before_the_pivot_diverges_and_buys_nothing():
    tape = recorded(sequential(["a", "b", "c", "d"]))
    world = World()

    found, run = at_once(tracefork.fork, sequential(["a", "B", "c", "d"], world), tape, 2, text("other"))

    assert found.nearest.body == b"b"
    assert (run.forwarded, world.calls) == (0, 0)


def test_drift_before_the_pivot_of_a_parallel_agent_buys_nothing():
    async def names(client, names):
        first = await asay(client, "plan")
        parts = await asyncio.gather(*(asay(client, n) for n in names))
        return await asay(client, first + "".join(parts))

    tape = recorded(asynchronous(lambda c: names(c, "abcd")))
    pivot = max(range(1, 5), key=lambda i: tape[i].span.headed)
    run = tracefork.fork(tape, pivot, text("other"), patience=1)

    timed(run, asynchronous(lambda c: names(c, "abXd")))

    assert run.forwarded == 0


def test_drift_while_resuming_buys_nothing():
    tape = recorded(sequential(["a", "b", "c"]))
    world = World()

    at_once(tracefork.resume, sequential(["a", "b at 12:01", "c", "d"], world), tape)

    assert world.calls == 0


def test_resuming_follows_the_tape_then_goes_live():
    tape = recorded(sequential(["a", "b", "c"]))
    world = World()
    with tracefork.resume(tape) as run:
        sequential(["a", "b", "c", "d"], world)(run)

    assert world.calls == 1
    assert run.tape.steps[:3] == tape.steps


def crashed(tape, at):
    """`tape` as the journal would have it, had the process died just after tick `at`."""
    done = tuple(s for s in tape.steps if s.span.ended <= at)
    left = tuple(
        Pending(s.asked, s.lane, s.span.began, s.span.headed if s.span.headed <= at else None)
        for s in tape.steps
        if s.span.began <= at < s.span.ended
    )
    return Tape(done, left)


@pytest.mark.parametrize("at", range(0, 72, 3))
def test_resuming_a_crash_at_any_tick_of_six_chains(at):
    agent = asynchronous(lambda c: asyncio.gather(*(achain(c, f"c{i}") for i in range(6))))
    died = crashed(recorded(agent), at)
    with tracefork.resume(died, patience=3) as run:
        agent(run)

    if not any(p.headed for p in died.pending):
        assert run.forwarded == 24 - len(died.exchanges)
        assert {s.asked.body for s in died.steps} <= {s.asked.body for s in run.tape.steps}
    assert len(run.tape) == 24


@pytest.mark.parametrize("at", range(18))
def test_resuming_a_crash_at_any_tick_of_a_stream_with_tools(at):
    died = crashed(recorded(tools_inside), at)
    with tracefork.resume(died, patience=3) as run:
        tools_inside(run)

    assert len(run.tape) == 6


# -- skipping ------------------------------------------------------------------------


def test_a_skipped_step_diverges_at_once():
    tape = recorded(sequential("abcd"))

    found, _ = at_once(tracefork.replay, sequential("acd"), tape)

    assert found.nearest.body == b"b"


def test_a_skipped_step_diverges_at_once_in_a_thread():
    def threaded(texts):
        def agent(run):
            caught = []

            def work():
                try:
                    sequential(texts)(run)
                except tracefork.Divergence as exc:
                    caught.append(exc)

            t = threading.Thread(target=work)
            t.start()
            t.join()
            if caught:
                raise caught[0]

        return agent

    tape = recorded(threaded("abcd"))
    found, _ = at_once(tracefork.replay, threaded("acd"), tape)
    assert found.nearest.body == b"b"


def test_a_skipped_step_diverges_at_once_where_each_call_has_a_task_of_its_own():
    async def each(client, texts):
        for t in texts:
            await asyncio.wait_for(asay(client, t), 5)

    tape = recorded(asynchronous(lambda c: each(c, "abcd")))
    found, _ = at_once(tracefork.replay, asynchronous(lambda c: each(c, "acd")), tape)
    assert found.nearest.body == b"b"


def test_a_skipped_step_beside_living_siblings_stalls_and_is_named():
    async def body(client, skip):
        async def one(i):
            said = f"c{i}"
            for n in range(3):
                if (i, n) != skip:
                    said = await asay(client, f"{i}.{n}")

        await asyncio.gather(*(one(i) for i in range(4)))

    tape = recorded(asynchronous(lambda c: body(c, None)))
    run = tracefork.replay(tape, patience=0.3)
    found, took = timed(run, asynchronous(lambda c: body(c, (2, 1))))
    assert took < 2
    assert found.nearest.body == b"2.1"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_stall_says_what_never_came():
    def agent(left):
        def body(run):
            client = World().client(run)
            threads = [threading.Thread(target=chain, args=(client, n, 2)) for n in left]
            for t in threads:
                t.start()
            try:
                chain(client, "main", 3)
            finally:
                for t in threads:
                    t.join()

        return body

    tape = recorded(agent("ab"))
    run = tracefork.replay(tape, patience=0.3)
    found, took = timed(run, agent("a"))
    assert 0.25 < took < 0.8


def test_a_swallowed_divergence_is_sticky():
    tape = recorded(sequential("abc"))

    def stubborn(run):
        client, seen = World().client(run), []
        say(client, "a")
        for t in ["X", "b", "c", "b", "c"]:
            try:
                say(client, t)
            except tracefork.Divergence as exc:
                seen.append((exc.asked.body, exc.nearest.body))
        return seen

    run = tracefork.fork(tape, 2, text("other"))
    with pytest.raises(tracefork.Divergence), run:
        assert stubborn(run) == [(b"X", b"b")] * 5
    assert run.forwarded == 0


# -- forks ---------------------------------------------------------------------------


def test_a_fork_of_a_tool_call_inside_a_stream():
    tape = recorded(tools_inside)
    with tracefork.fork(tape, 3, text("changed"), patience=3) as branch:
        got = tools_inside(branch)

    assert got[5] == "changed"
    assert branch.forwarded == 2  # the later tools; the stream itself is served
    assert branch.tape[0].answer == tape[0].answer
    with tracefork.replay(branch.tape, patience=3) as again:
        assert tools_inside(again) == got
    assert branch.tape.digest() == again.tape.digest()


async def plan_tools_answer(client):
    first = await asay(client, "plan")

    async def tool(name):
        await asyncio.sleep(jitter())
        seen = await asay(client, name)
        return await asay(client, seen + "?")

    parts = await asyncio.gather(*map(tool, "abcd"))
    return await asay(client, first + "".join(parts))


@pytest.mark.parametrize("answer", [text("changed"), None], ids=["changed", "again"])
def test_a_fork_at_each_step_of_a_parallel_agent(answer):
    agent = asynchronous(plan_tools_answer)
    for _ in range(3):
        tape = recorded(agent)
        for at, pivot in enumerate(tape.exchanges):
            kept = [s for s in tape.exchanges if s.span.began < pivot.span.headed]
            with tracefork.fork(tape, at, answer, patience=3) as branch:
                agent(branch)
            assert len(branch.tape) == 10
            assert branch.forwarded == 10 - len(kept) + (answer is None)
            again = tracefork.replay(branch.tape, patience=3)
            with again:
                agent(again)
            assert branch.tape.digest() == again.tape.digest()


def test_a_fork_that_changes_nothing_is_a_replay_up_to_its_pivot():
    agent = asynchronous(plan_tools_answer)
    tape = recorded(agent)
    for at, pivot in enumerate(tape.exchanges):
        with tracefork.fork(tape, at, pivot.answer, patience=3) as branch:
            agent(branch)
        begun = lambda t: [s for s in t.steps if s.span.headed <= pivot.span.headed]
        assert [(s.asked, s.answer) for s in begun(tape)] == [(s.asked, s.answer) for s in begun(branch.tape)]


@pytest.mark.parametrize("threads", [False, True])
def test_cuts_are_nested_and_serve_exactly_the_first_i(threads):
    if threads:

        def agent(run):
            client = World().client(run)
            ts = [threading.Thread(target=chain, args=(client, n, 3)) for n in "abc"]
            for t in ts:
                t.start()
            for t in ts:
                t.join()
    else:
        agent = asynchronous(plan_tools_answer)
    tape = recorded(agent)
    by_head = sorted(tape.exchanges, key=lambda s: s.span.headed)
    for upto in range(len(tape) + 1):
        for _ in range(2):
            with cut(tape, upto, patience=3) as run:
                agent(run)
            assert run.forwarded == len(tape) - upto
            served = sorted(run.tape.exchanges, key=lambda s: s.span.headed)[:upto]
            assert [(s.asked, s.answer) for s in served] == [(s.asked, s.answer) for s in by_head[:upto]]
            with tracefork.replay(run.tape, patience=3) as again:
                agent(again)
            assert run.tape.digest() == again.tape.digest()


@pytest.mark.parametrize("at", range(9))
def test_a_cut_with_an_answer_serves_that_after_its_prefix(at):
    agent = asynchronous(plan_tools_answer)
    tape = recorded(agent)
    changed = tape.by_head[at]
    with cut(tape, at, text("another"), patience=3) as run:
        agent(run)
    answers = {x.request.body: x.response.body for x in run.tape.by_head[: at + 1]}

    assert answers.pop(changed.request.body) == b"another"
    assert answers == {x.request.body: x.response.body for x in tape.by_head[:at]}
    assert run.forwarded == len(run.tape) - at - 1


@pytest.mark.parametrize(("upto", "answer"), [(-1, None), (4, None), (3, text("x"))])
def test_a_cut_beyond_the_tape_is_refused(upto, answer):
    with pytest.raises(IndexError, match="the tape has 3 exchanges"):
        cut(recorded(sequential("abc")), upto, answer)


def test_a_gate_is_shown_what_is_about_to_leave_and_can_end_the_run():
    tape, seen, world = recorded(sequential("abcd")), [], World()

    def gate(request):
        seen.append(request.body)
        if len(seen) == 2:
            raise OverBudget(2, 1, "calls")

    with pytest.raises(OverBudget, match="1 are left"), cut(tape, 1, gate=gate) as run:
        with pytest.raises(OverBudget):
            sequential("abcd", world)(run)
        with pytest.raises(OverBudget):  # an agent that goes on gets no further
            sequential("abcd", world)(run)

    assert (seen, world.calls) == ([b"b", b"c"], 1)


def test_identical_polls_of_two_workers_keep_their_own_answers_in_a_fork():
    def agent(run):
        world, out = World(), {}
        client = world.client(run)

        def poll(i):
            time.sleep(jitter())
            out[i] = [say(client, "poll") for _ in range(4)]

        ts = [threading.Thread(target=poll, args=(i,)) for i in range(4)]
        for t in ts:
            t.start()
        for t in ts:
            t.join()
        return out

    tape = recorded(agent)
    of = {s.lane: [] for s in tape.steps}
    for s in tape.exchanges:
        of[s.lane].append(s)
    for at in range(16):
        with tracefork.fork(tape, at, text("changed"), patience=3) as branch:
            agent(branch)
        for lane, mine in of.items():
            kept = [s for s in mine if s.span.began < tape[at].span.headed]
            got = [s for s in branch.tape.exchanges if s.lane == lane][: len(kept)]
            want = [text("changed").body if s is tape[at] else s.answer.body for s in kept]
            assert [s.answer.body for s in got] == want
