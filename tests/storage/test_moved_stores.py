"""A store that is moved, deleted or replaced under a run is an error at the next step, and never silence."""

import asyncio
import os
import shutil
import subprocess
import sys

import httpx
import pytest

import tracefork
from tracefork import TapeStore
from tracefork.errors import StoreError

client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, text="ok")))


def ask(text):
    client.post("https://m.example/", content=text)


def renamed(path):
    path.rename(path.with_name("old"))


def removed(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def replaced_by_nothing(path):
    removed(path)
    if path.suffix:
        path.touch()
    else:
        path.mkdir()


def replaced_by_another_store(path):
    other = path.with_name("other" + path.suffix)
    with TapeStore.open(other) as store, tracefork.record(store, run_id="r"):
        ask("1")
    if path.is_dir():
        removed(path)
    other.replace(path)


def folder_renamed(path):
    path.parent.rename(path.parent.with_name("away"))


def folder_removed(path):
    shutil.rmtree(path.parent)


def journal_removed(path):
    path.with_name(path.name + "-wal").unlink()


def index_removed(path):
    path.with_name(path.name + "-shm").unlink()


ANY = [renamed, removed, replaced_by_nothing, replaced_by_another_store, folder_renamed, folder_removed]
CASES = [("a.db", how) for how in [*ANY, journal_removed, index_removed]] + [("runs", how) for how in ANY]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.mark.parametrize(("name", "how"), CASES, ids=lambda x: getattr(x, "__name__", x))
def test_what_happens_to_a_store_is_an_error_at_the_next_step(place, name, how):
    reached = []
    with pytest.raises(StoreError) as caught, tracefork.record(place / name, run_id="r"):
        ask("1")
        how(place / name)
        ask("2")
        reached.append("the step after")

    assert not reached
    assert name in str(caught.value)
    assert "open the store anew" in str(caught.value)


@pytest.mark.parametrize("name", ["a.db", "runs"])
def test_a_store_that_is_gone_at_the_end_is_an_error_too(place, name):
    with pytest.raises(StoreError, match="was moved or deleted"), tracefork.record(place / name, run_id="r"):
        ask("1")
        renamed(place / name)


@pytest.mark.parametrize("name", ["a.db", "runs"])
def test_what_was_written_before_is_in_what_was_moved(place, name):
    with pytest.raises(StoreError), tracefork.record(place / name, run_id="r"):
        ask("1")
        folder_renamed(place / name)
        ask("2")

    with TapeStore.open(place.with_name("away") / name) as store:
        assert [exchange.request.body for exchange in store.load("r")] == [b"1"]
    assert not place.exists()


@pytest.mark.parametrize("name", ["a.db", "runs"])
def test_a_store_that_is_put_back_in_time_is_as_it_was(place, name):
    with tracefork.record(place / name, run_id="r") as run:
        ask("1")
        place.rename(place.with_name("away"))
        place.with_name("away").rename(place)
        ask("2")

    with TapeStore.open(place / name) as store:
        assert store.load("r") == run.tape
        assert not list(store.check())


@pytest.mark.parametrize("name", ["a.db", "runs"])
def test_whoever_reads_a_replaced_store_is_told(place, name):
    with TapeStore.open(place / name) as store:
        with tracefork.record(store, run_id="r"):
            ask("1")
        replaced_by_another_store(place / name)

        with pytest.raises(StoreError, match="was replaced"):
            list(store.runs())
        with pytest.raises(StoreError, match="was replaced"):
            store.load("r")


def test_a_log_that_is_replaced_by_one_of_its_name_is_not_appended_to(place):
    with pytest.raises(StoreError, match="was replaced"), tracefork.record(place / "runs", run_id="r"):
        ask("1")
        with TapeStore.open(place / "runs") as store:
            store.delete("r")
            head = tracefork.TapeStore.open(":memory:")
            with pytest.raises(ZeroDivisionError), tracefork.record(head, run_id="r"):
                ask("1")
                for seq, chunk in enumerate(head.backend.chunks("r")):
                    store.backend.append("r", seq, chunk)
                raise ZeroDivisionError
        ask("2")


LOST = """
import os, sys, httpx, tracefork
from tracefork.errors import StoreError, TraceforkError
client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, text="ok")))
ask = lambda text: client.post("https://m.example/", content=text)
os.mkdir("lost"); home = os.getcwd()
stores = [tracefork.TapeStore.open("kept.db"), tracefork.TapeStore.open("kept")]
os.chdir("lost"); os.rmdir(os.path.join(home, "lost"))
with tracefork.record() as run:
    ask("1")
    run.call("tool", lambda: 1)
assert len(run.tape) == 1
for store in stores:
    with tracefork.record(store, run_id="r"):
        ask("1")
    assert len(store.load("r")) == 1
assert tracefork.verify(run.tape, lambda run: (ask("1"), run.call("tool", lambda: 1))).ok
verdict = tracefork.verify(run.tape, lambda: ask("2"))
assert "step 0" in str(verdict)
import socket
def connects(): socket.create_connection(("127.0.0.1", 9))
refused = tracefork.verify(run.tape, connects)
assert "<string>" in str(refused.error), refused
with tracefork.record(os.path.join(home, "whole.db")) as run:
    ask("1")
for name in ("new.db", "new"):
    try: tracefork.record(name).__enter__()
    except StoreError as error: assert "working folder" in str(error), error
    else: raise AssertionError
try: tracefork.save(run.tape, "x.tape")
except StoreError as error: assert "x.tape" in str(error)
else: raise AssertionError
try: tracefork.load("x.tape")
except StoreError: pass
else: raise AssertionError
print("held")
"""


def test_a_lost_working_folder_breaks_nothing_but_relative_paths(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LOST],
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, map(os.path.abspath, sys.path)))},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (done.stdout, done.returncode) == ("held\n", 0), done.stderr


@pytest.mark.parametrize("name", ["a.db", "runs"])
def test_in_an_event_loop_it_is_an_error_at_the_next_step_too(place, name):
    asked = []

    async def agent():
        def serve(request):
            asked.append(request.content)
            return httpx.Response(200)

        async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as model:
            async with tracefork.record(place / name, run_id="r"):
                await model.post("https://m.example/", content="1")
                folder_renamed(place / name)
                for text in "234":
                    await model.post("https://m.example/", content=text)
                    await asyncio.sleep(0.05)

    with pytest.raises(StoreError, match="was moved or deleted"):
        asyncio.run(agent())
    assert asked == [b"1"]


@pytest.mark.parametrize("name", ["a.db", "runs"])
def test_no_tool_runs_whose_call_could_not_be_written(place, name):
    ran = []
    with pytest.raises(StoreError), tracefork.record(place / name, run_id="r") as run:
        ask("1")
        renamed(place / name)
        run.call("pay", ran.append, 1)

    assert not ran
