"""A block that is left again, entered again, or used after its end: nothing is changed, or it is said."""

import asyncio
import threading

import httpx
import pytest

import tracefork
from tracefork import TapeStore
from tracefork.errors import Unfinished

client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, text="ok")))


def ask(text="1"):
    client.post("https://m.example/", content=text)


def leave(run, exc=None):
    return run.__exit__(type(exc) if exc else None, exc, None)


@pytest.fixture(params=["a.db", "runs", None])
def run(tmp_path, request):
    return tracefork.record(request.param and tmp_path / request.param, run_id="r")


def test_a_block_that_is_left_again_is_as_it_was(run):
    run.__enter__()
    ask()
    leave(run)
    tape = run.tape

    assert leave(run) is None
    assert leave(run, ValueError("late")) is None
    asyncio.run(run.__aexit__(None, None, None))
    assert run.tape == tape
    with tracefork.record() as other:
        ask()
    assert (len(other.tape), len(run.tape)) == (1, 1)


def test_a_block_is_left_once_however_many_leave_it(run):
    failures = []

    def go():
        try:
            leave(run)
        except BaseException as error:
            failures.append(error)

    run.__enter__()
    ask()
    threads = [threading.Thread(target=go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    assert len(run.tape) == 1
    assert run.over


def test_a_block_that_was_entered_and_left_in_two_ways_is_one(run):
    run.__enter__()
    ask()
    asyncio.run(run.__aexit__(None, None, None))
    leave(run)

    assert len(run.tape) == 1


def test_a_block_is_entered_once(run):
    run.__enter__()
    with pytest.raises(RuntimeError, match="entered once"):
        run.__enter__()
    ask()
    leave(run)
    with pytest.raises(RuntimeError, match="entered once"):
        run.__enter__()

    assert len(run.tape) == 1


def test_a_block_that_was_never_entered_cannot_be_left():
    run = tracefork.record()
    with pytest.raises(RuntimeError, match="has not begun"):
        leave(run)
    with pytest.raises(RuntimeError, match="has not begun"):
        asyncio.run(run.__aexit__(None, None, None))


def test_a_replay_says_once_what_is_left():
    with tracefork.record() as run:
        ask()
    again = tracefork.replay(run.tape)
    again.__enter__()

    with pytest.raises(Unfinished):
        leave(again)
    assert leave(again) is None


def test_a_run_that_is_over_takes_nothing_more(run):
    with run:
        ask()
    for use in (run.now, run.uuid4, run.random, lambda: run.env("HOME"), lambda: run.call("t", int)):
        with pytest.raises(RuntimeError, match="the run is over"):
            use()
    ask()

    assert len(run.tape.steps) == 1


@pytest.mark.parametrize("where", ["a.db", "runs"])
def test_a_store_that_is_closed_amid_a_run_is_an_error_at_the_next_step(tmp_path, where):
    store = TapeStore.open(tmp_path / where)
    with pytest.raises(tracefork.errors.StoreError, match="closed"), tracefork.record(store, run_id="r"):
        ask()
        store.close()
        ask()
    with TapeStore.open(tmp_path / where) as kept:
        assert len(kept.load("r")) == 1
