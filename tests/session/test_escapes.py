"""What leaves a run unrecorded is counted and named, and refused where the run is strict."""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import httpx
import pytest
from plain import ask

import tracefork
from tracefork import Response
from tracefork.core.notes import MOST, ROOM
from tracefork.core.values import Escape
from tracefork.errors import Refused
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

TRUE = [sys.executable, "-c", ""]
PYTHON = Path(sys.executable).name


@pytest.fixture
def server():
    with LoopbackServer(by_rule(lambda _: Response(200, (), (b"ok",)))) as server:
        yield server


def address(server):
    return server.url.removeprefix("http://")


def by_hand(server):
    ask(address(server))


def by_socket(server):
    host, _, port = address(server).partition(":")
    with socket.socket() as raw:
        raw.connect_ex((host, int(port)))


def by_asyncio(server):
    host, _, port = address(server).partition(":")

    async def main():
        _, writer = await asyncio.open_connection(host, int(port))
        writer.close()
        await writer.wait_closed()

    asyncio.run(main())


CLIENTS = [by_socket, by_asyncio]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_client_that_is_not_recorded_is_counted_and_named(client, server):
    with tracefork.record() as run:
        client(server)
        client(server)

    (escape,) = run.tape.escaped
    assert (escape.kind, escape.target, escape.count) == ("connection", address(server), 2)
    assert escape.site.startswith("session/test_escapes.py:"), "no path of this machine is kept"
    assert tracefork.loads(tracefork.dumps(run.tape)).escaped == (escape,)


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_strict_run_refuses_it_and_fails(client, server):
    before = len(server.requests)
    with (
        pytest.raises(Refused, match="strict=True refused a connection") as caught,
        tracefork.record(strict=True),
    ):
        client(server)

    assert len(server.requests) == before and caught.value.target == address(server)


def test_a_host_is_called_by_its_name(server):
    port = address(server).rpartition(":")[2]
    with tracefork.record() as run:
        ask(f"localhost:{port}")

    assert [escape.target for escape in run.tape.escaped] == [f"localhost:{port}"]


def test_what_is_recorded_is_no_escape(server):
    async def main():
        async with httpx.AsyncClient() as client:
            await client.get(server.url)

    with tracefork.record(strict=True) as run:
        httpx.get(server.url)
        asyncio.run(main())
        with ThreadPoolExecutor() as pool:
            pool.submit(httpx.get, server.url).result()

    assert run.tape.escaped == () and len(run.tape) == 3


def test_what_is_allowed_or_passed_through_is_no_escape(server):
    host = address(server).partition(":")[0]
    with tracefork.record(strict=True, allow=(address(server),)) as run:
        by_hand(server)
    with tracefork.record(strict=True, passthrough=(f"{host}/*",)) as other:
        httpx.get(server.url + "/traces")

    assert run.tape.escaped == other.tape.escaped == () and len(other.tape) == 0


def test_tools_and_live_calls_may_connect_and_start_processes(server):
    @tracefork.tool
    def tool():
        by_hand(server)
        subprocess.run(TRUE, check=True)

    with tracefork.record(strict=True) as run:
        tool()

    assert run.tape.escaped == ()


def test_unix_sockets_are_no_escape(tmp_path):
    async def main():
        async def served(_, writer):
            writer.close()
            await writer.wait_closed()

        listening = await asyncio.start_unix_server(served, str(tmp_path / "s"))
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        await reader.read()
        writer.close()
        await writer.wait_closed()
        listening.close()
        await listening.wait_closed()

    with tracefork.record(strict=True) as run:
        asyncio.run(main())
    assert run.tape.escaped == ()


# -- threads that know no run -----------------------------------------------------------


jobs, results = SimpleQueue(), SimpleQueue()


@pytest.fixture(scope="module")
def worker():
    """A thread that was there before any run."""

    def work():
        for fn, *args in iter(jobs.get, None):
            try:
                results.put((fn(*args), None))
            except BaseException as exc:
                results.put((None, exc))

    thread = threading.Thread(target=work)
    thread.start()
    yield
    jobs.put(None)
    thread.join()


@pytest.fixture
def stranger(worker):
    """Has that thread do something, in a way that no run sees."""

    def done(*job):
        jobs.put(job)
        result, raised = results.get(timeout=10)
        if raised:
            raise raised
        return result

    return done


def test_a_call_from_a_thread_without_the_run_is_counted_once(stranger, server):
    with tracefork.record() as run:
        assert stranger(httpx.get, server.url + "/v1").text == "ok"

    (escape,) = run.tape.escaped
    assert (escape.kind, escape.target, escape.count) == (
        "thread",
        address(server).partition(":")[0] + "/v1",
        1,
    )
    assert len(run.tape) == 0


def test_so_is_a_connection(stranger, server):
    with tracefork.record() as run:
        stranger(by_hand, server)

    assert [(e.kind, e.target) for e in run.tape.escaped] == [("thread", address(server))]


def test_a_strict_run_refuses_it(stranger, server):
    with pytest.raises(Refused, match='scope="process"') as caught, tracefork.record(strict=True):
        with pytest.raises(Refused):
            stranger(httpx.get, server.url)
    assert caught.value.kind == "thread" and server.requests == ()


def test_with_two_runs_nobody_knows_whose_it_is_and_both_say_so(stranger, server):
    with tracefork.record() as one, tracefork.record() as other:
        stranger(httpx.get, server.url)

    assert [e.kind for e in one.tape.escaped] == [e.kind for e in other.tape.escaped] == ["thread"]


def test_with_two_runs_none_refuses_what_may_be_the_others(stranger, server):
    with tracefork.record(strict=True), tracefork.record(strict=True):
        assert stranger(httpx.get, server.url).text == "ok"


def test_the_scope_of_a_process_has_no_such_threads(stranger, server):
    with tracefork.record(scope="process") as run:
        stranger(httpx.get, server.url)

    assert run.tape.escaped == () and len(run.tape) == 1


# -- processes -----------------------------------------------------------------------------


def by_run():
    subprocess.run(TRUE, check=True)


def by_system():
    os.system("true")


def by_spawn():
    os.waitpid(os.posix_spawn(sys.executable, TRUE, os.environ), 0)


def by_asyncio_exec():
    async def main():
        process = await asyncio.create_subprocess_exec(*TRUE)
        await process.wait()

    asyncio.run(main())


@pytest.mark.parametrize(
    "start", [by_run, by_system, by_spawn, by_asyncio_exec], ids=lambda start: start.__name__
)
def test_a_process_is_counted_by_its_program(start):
    with tracefork.record() as run:
        start()

    (escape,) = run.tape.escaped
    assert (escape.kind, escape.target) == ("process", "true" if start is by_system else PYTHON)
    assert "test_escapes.py" in escape.site


def test_a_strict_run_starts_no_process(tmp_path):
    told = tmp_path / "told"
    with pytest.raises(Refused, match="refused a process"), tracefork.record(strict=True):
        subprocess.run([sys.executable, "-c", f"open({str(told)!r}, 'w')"], check=True)
    assert not told.exists()


def test_what_a_program_is_told_is_not_kept():
    with tracefork.record() as run:
        subprocess.run([*TRUE, "--password", "hunter22"], check=True)
        os.system("true hunter22")

    assert "hunter22" not in repr(run.tape.meta)


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("PGPASSWORD=hunter22 true", "true"),
        ("A=1 B='hunter22 x' true --key hunter22", "true"),
        ("A=hunter22/abc", ""),
        ("true 'unclosed hunter22", "a shell command"),
    ],
)
def test_what_is_set_for_a_program_is_not_its_name(command, named):
    with tracefork.record() as run:
        os.system(command)

    assert [e.target for e in run.tape.escaped] == [named]
    assert "hunter22" not in repr(run.tape.meta)


def test_arguments_are_passed_on_as_they_were():
    with tracefork.record() as run:
        assert subprocess.Popen(iter(TRUE)).wait() == 0
        assert subprocess.Popen(args=tuple(TRUE)).wait() == 0
        assert os.system(command="true") == 0
        assert subprocess.Popen(TRUE, close_fds=False).wait() == 0
    assert sum(e.count for e in run.tape.escaped) == 4


def test_forks_of_this_process_are_counted():
    with tracefork.record() as run:
        if (child := os.fork()) == 0:
            os._exit(0)
        os.waitpid(child, 0)
    with pytest.raises(Refused), tracefork.record(strict=True):
        if os.fork() == 0:
            os._exit(0)

    assert [(e.kind, e.target) for e in run.tape.escaped] == [("process", "a fork of this process")]


def test_to_listen_is_not_to_connect():
    async def main():
        server = await asyncio.start_server(lambda *_: None, "localhost", 0)
        server.close()
        await server.wait_closed()

    with tracefork.record(strict=True) as run:
        asyncio.run(main())
    with tracefork.replay(tracefork.Tape()):
        asyncio.run(main())
    assert run.tape.escaped == ()


def test_what_is_sent_on_a_broken_connection_is_in_no_error():
    listening = socket.create_server(("127.0.0.1", 0))
    with listening, socket.create_connection(listening.getsockname()) as ours:
        theirs, _ = listening.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        time.sleep(0.05)
        with tracefork.replay(tracefork.Tape()), pytest.raises(OSError) as caught:
            for _ in range(3):
                ours.sendall(b"Authorization: Bearer hunter22")
    assert "hunter22" not in str(caught.value)


def test_what_python_asks_about_the_machine_is_none():
    with tracefork.record(strict=True) as run:
        platform._Processor.from_subprocess()
        platform.libc_ver()
    assert run.tape.escaped == ()


# -- where it is shown ----------------------------------------------------------------------


def test_a_replay_counts_processes_too_and_the_verdict_says_so():
    def agent(run):
        run.call("tool", len, "a")
        by_run()

    with tracefork.record() as run:
        agent(run)
    verdict = tracefork.verify(run.tape, agent)

    assert verdict.ok and verdict.escaped == verdict.processes == run.tape.escaped
    assert f"ran again in the replay: process {PYTHON}" in str(verdict)


def test_there_is_room_for_so_many_and_the_rest_is_counted():
    with tracefork.record() as run:
        for n in range(MOST + 7):
            run.escape("connection", f"10.0.0.1:{n}")

    assert len(run.tape.escaped) == MOST + 1
    assert run.tape.escaped[-1] == Escape("others", "", "", 7)


def test_a_large_meta_leaves_no_room_for_notes(tmp_path):
    meta = {"notes": "x" * (ROOM + 10)}
    with tracefork.record(tmp_path / "runs.db", meta=meta, run_id="r") as run:
        by_run()

    with tracefork.TapeStore.open(tmp_path / "runs.db") as store:
        assert store.load("r").meta == meta
    assert run.escaped


def test_a_branch_does_not_inherit_what_escaped_its_parent(server):
    with tracefork.record() as run:
        httpx.get(server.url)
        by_hand(server)
    with tracefork.fork(run.tape, 0) as branch:
        httpx.get(server.url)

    assert run.tape.escaped and not branch.tape.escaped


@pytest.mark.parametrize("text", ["nonsense", "[1, [2]]", '[["a", 1, "b", 2]]', '{"a": 1}', "[" * 10_000])
def test_a_note_that_is_damaged_says_nothing(text):
    tape = tracefork.Tape(meta={"run.escaped": text, "run.redacted": text})

    assert tape.escaped == () and not [n for n in tape.redacted.values() if not isinstance(n, int)]


def test_the_process_is_left_as_it_was_found():
    def state():
        return [
            subprocess.Popen.__init__,
            os.system,
            os.posix_spawn,
            socket.socket.connect,
            socket.socket.send,
            socket.getaddrinfo,
        ]

    before = state()
    with tracefork.record(), tracefork.record(strict=True):
        assert state() != before
    assert state() == before
