"""Who asks without knowing the run: served or refused by a replay, never let out; counted by a recording."""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import socket
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from pathlib import Path
from queue import SimpleQueue

import httpx
import pytest
from plain import Plain

import tracefork
from tracefork import Response
from tracefork.errors import Refused
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer


class Counted:
    """A client that knows how often it was live."""

    def __init__(self):
        self.live = 0
        self.client = httpx.Client(transport=httpx.MockTransport(self._serve))

    def _serve(self, request):
        self.live += 1
        return httpx.Response(200, text=f"answer {self.live}")

    def ask(self, question="q"):
        return self.client.post("https://m.example/pay", content=question).text


@pytest.fixture
def model():
    return Counted()


class Worker:
    """A thread that is older than any run, and does what it is given."""

    def __init__(self):
        self._jobs, self._results = SimpleQueue(), SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self):
        while job := self._jobs.get():
            try:
                self._results.put((job(), None))
            except BaseException as exc:
                self._results.put((None, exc))

    def do(self, job):
        self._jobs.put(job)
        result, raised = self._results.get(timeout=10)
        if raised:
            raise raised
        return result


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made._jobs.put(None)


@pytest.fixture
def server():
    with LoopbackServer(by_rule(lambda _: Response(200, (), (b"ok",)))) as server:
        yield server


def in_an_empty_context(ask):
    return contextvars.Context().run(ask)


def in_a_raw_thread(ask):
    over, said = threading.Event(), []

    def job():
        try:
            said.append(ask())
        finally:
            over.set()

    _thread.start_new_thread(job, ())
    assert over.wait(10)
    return said[0]


def submitted_from_an_empty_context(ask):
    with ThreadPoolExecutor(1) as pool:
        return contextvars.Context().run(pool.submit, ask).result()


def in_a_thread_started_from_an_empty_context(ask):
    said = []
    thread = threading.Thread(target=lambda: said.append(ask()))
    contextvars.Context().run(thread.start)
    thread.join()
    return said[0]


def in_a_pool_of_threads(ask):
    with ThreadPool(1) as pool:
        return pool.apply(ask)


def in_a_task_of_an_empty_context(ask):
    async def main():
        async def asked():
            return ask()

        return await asyncio.get_running_loop().create_task(asked(), context=contextvars.Context())

    return asyncio.run(main())


WAYS = [
    in_an_empty_context,
    in_a_raw_thread,
    submitted_from_an_empty_context,
    in_a_thread_started_from_an_empty_context,
    in_a_pool_of_threads,
    in_a_task_of_an_empty_context,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_whoever_the_run_began_is_recorded_and_replayed_whatever_its_context(way, model):
    with tracefork.record() as run:
        said = way(model.ask)
    live = model.live
    with tracefork.replay(run.tape):
        again = way(model.ask)

    assert len(run.tape) == 1 and run.tape.escaped == ()
    assert said == again and model.live == live == 1


def test_an_older_worker_is_served_where_the_tape_has_its_question(model, worker):
    with tracefork.record() as run:
        model.ask()
    with tracefork.replay(run.tape):
        assert worker.do(model.ask) == "answer 1"
    assert model.live == 1


def test_an_older_worker_is_refused_where_the_tape_has_not_and_the_replay_goes_on(model, worker):
    with tracefork.record() as run:
        model.ask("a")

    def agent():
        with pytest.raises(Refused, match=r"^the replay refused a thread .* start the thread within the run"):
            worker.do(lambda: model.ask("b"))
        model.ask("a")

    verdict = tracefork.verify(run.tape, agent)
    assert model.live == 1
    assert verdict.ok and [one.kind for one in verdict.refused] == ["thread"]
    assert "refused in the replay" in str(verdict)


def test_with_a_recording_beside_a_replay_nobody_can_say_whose_it_is_and_it_is_refused(model, worker):
    tape = tracefork.Tape()
    with tracefork.record(), tracefork.replay(tape) as replayed:
        with pytest.raises(Refused):
            worker.do(model.ask)
    assert model.live == 0 and len(replayed.refused) == 1


def test_a_connection_of_an_older_worker_is_refused_in_a_replay_and_counted_in_a_recording(worker, server):
    def ask():
        return urllib.request.urlopen(server.url).read()

    with tracefork.record() as run:
        worker.do(ask)
    with tracefork.replay(tracefork.Tape()) as replayed, pytest.raises(OSError):
        worker.do(ask)

    assert [one.kind for one in run.tape.escaped] == ["thread"]
    assert len(replayed.refused) == 1 and len(server.requests) == 1


def test_so_is_a_connection_that_was_open_before(worker, server):
    host = server.url.removeprefix("http://")
    connection = Plain(host)

    def ask():
        return connection.ask()

    worker.do(ask)
    with tracefork.record() as run:
        worker.do(ask)
        worker.do(ask)
    with tracefork.replay(tracefork.Tape()) as replayed, pytest.raises(OSError):
        worker.do(ask)
    connection.close()

    assert [(one.kind, one.target, one.count) for one in run.tape.escaped] == [("thread", host, 1)]
    assert len(replayed.refused) == 1 and len(server.requests) == 3


def test_an_own_connection_that_was_open_before_is_counted_once_and_refused_where_it_is_strict(server):
    host = server.url.removeprefix("http://")
    connection = Plain(host)

    def ask():
        return connection.ask()

    ask()
    with tracefork.record() as run:
        ask()
        ask()
    with pytest.raises(Refused), tracefork.record(strict=True):
        ask()
    connection.close()

    assert [(one.kind, one.target, one.count) for one in run.tape.escaped] == [("connection", host, 1)]
    assert len(server.requests) == 3


def test_a_stranger_on_a_loop_is_counted_and_not_refused_by_a_strict_run():
    """An endpoint of a server: whose request it serves, nobody knows."""

    async def main():
        begun, over = asyncio.Event(), asyncio.Event()

        async def one_user():
            with tracefork.record(strict=True) as run:
                begun.set()
                await over.wait()
            return run.tape

        async def another():
            await begun.wait()
            transport = httpx.MockTransport(lambda _: httpx.Response(200))
            async with httpx.AsyncClient(transport=transport) as client:
                response = await client.get("https://m.example/")
            over.set()
            return response.status_code

        return await asyncio.gather(one_user(), another())

    tape, status = asyncio.run(main())
    assert status == 200
    assert [one.kind for one in tape.escaped] == ["thread"] and len(tape) == 0


def test_a_cell_of_a_notebook_whose_context_was_lost_is_served(model):
    with tracefork.record() as run:
        model.ask()
    cells = [contextvars.Context(), contextvars.Context(), contextvars.Context()]
    session = tracefork.replay(run.tape)
    cells[0].run(session.__enter__)
    said = cells[1].run(model.ask)
    cells[2].run(session.__exit__, None, None, None)

    assert said == "answer 1" and model.live == 1


# -- other ways to look up and to send ------------------------------------------------------


def by_gethostbyname():
    socket.gethostbyname("m.example")


def by_gethostbyname_ex():
    socket.gethostbyname_ex("m.example")


def by_gethostbyaddr():
    socket.gethostbyaddr("m.example")


def by_getnameinfo():
    socket.getnameinfo(("192.0.2.1", 80), 0)


def by_getaddrinfo_of_bytes():
    socket.getaddrinfo(b"m.example", 80)


LOOK_UPS = [by_gethostbyname, by_gethostbyname_ex, by_gethostbyaddr, by_getnameinfo, by_getaddrinfo_of_bytes]


@pytest.mark.parametrize("look_up", LOOK_UPS, ids=lambda look_up: look_up.__name__)
def test_a_replay_asks_no_name_server(look_up):
    with tracefork.replay(tracefork.Tape()) as run, pytest.raises(Refused):
        look_up()
    assert len(run.refused) == 1


def test_names_of_this_machine_and_addresses_may_be_looked_up():
    with tracefork.replay(tracefork.Tape()) as run:
        assert socket.gethostbyname("localhost")
        assert socket.getaddrinfo("127.0.0.1", 80)
        assert socket.getaddrinfo("::1", 80)
    assert run.refused == ()


class Port:
    def __init__(self, number):
        self.number = number

    def __index__(self):
        return self.number


def test_a_host_of_bytes_and_a_port_that_is_an_index_are_refused(server):
    host, _, port = server.url.removeprefix("http://").partition(":")
    with tracefork.replay(tracefork.Tape()) as run:
        for address in (
            (host.encode(), int(port)),
            (bytearray(host.encode()), int(port)),
            (host, Port(int(port))),
        ):
            with socket.socket() as raw, pytest.raises(Refused, match=f"{host}:{port}"):
                raw.connect(address)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw, pytest.raises(Refused):
            raw.sendto(b"x", (host.encode(), Port(int(port))))
    assert sum(one.count for one in run.refused) == 4


def by_write(raw, os):
    os.write(raw.fileno(), b"x")


def by_writev(raw, os):
    os.writev(raw.fileno(), [b"x"])


def by_sendfile(raw, os):
    with Path(__file__).open("rb") as file:
        raw.sendfile(file)


def by_os_sendfile(raw, os):
    with Path(__file__).open("rb") as file:
        os.sendfile(raw.fileno(), file.fileno(), 0, 10)


@pytest.mark.parametrize(
    "send", [by_write, by_writev, by_sendfile, by_os_sendfile], ids=lambda send: send.__name__
)
def test_what_writes_to_a_socket_that_was_open_before_is_refused(send):
    import os

    listening = socket.create_server(("127.0.0.1", 0))
    theirs = socket.create_connection(listening.getsockname())
    ours = socket.socket(fileno=theirs.detach())  # as another library's, of which nothing is known
    peer, _ = listening.accept()
    listening.close()
    with tracefork.replay(tracefork.Tape()) as run, pytest.raises(Refused):
        send(ours, os)
    ours.close()
    assert peer.recv(10) == b"" and len(run.refused) == 1
    peer.close()


def test_files_and_pipes_are_written_as_ever(tmp_path):
    import os

    with tracefork.replay(tracefork.Tape()):
        reading, writing = os.pipe()
        os.write(writing, b"x")
        assert os.read(reading, 1) == b"x"
        os.close(reading)
        os.close(writing)
        (tmp_path / "file").write_bytes(b"x")


# -- tools that are called by whoever knows no run ------------------------------------------


class Till:
    """A tool of each kind, and how often it ran."""

    def __init__(self):
        self.ran = 0

        def book(seat):
            self.ran += 1
            return seat

        async def abook(seat):
            return book(seat)

        def books(seat):
            yield book(seat)

        self.plain = tracefork.tool(book)
        coroutine, generator = tracefork.tool(abook), tracefork.tool(books)
        self.ways = {
            "plain": self.plain,
            "coroutine": lambda seat: asyncio.run(coroutine(seat)),
            "generator": lambda seat: next(iter(generator(seat))),
        }


def wrapped_book(seat):
    SOLD.append(seat)
    return seat


SOLD = []


@pytest.mark.parametrize("kind", ["plain", "coroutine", "generator"])
def test_a_tool_that_an_older_worker_calls_in_a_replay_gives_what_it_gave(kind, worker):
    till = Till()
    book = till.ways[kind]
    with tracefork.record() as run:
        book(1)
    with tracefork.replay(run.tape):
        assert worker.do(lambda: book(1)) == 1
    assert till.ran == 1


@pytest.mark.parametrize("kind", ["plain", "coroutine", "generator"])
def test_one_that_the_tape_has_not_is_refused_and_the_replay_goes_on(kind, worker):
    till = Till()
    with tracefork.record() as run:
        till.plain(1)

    def agent():
        with pytest.raises(Refused):
            worker.do(lambda: till.ways[kind](2))
        till.plain(1)

    verdict = tracefork.verify(run.tape, agent)
    assert till.ran == 1 and verdict.ok
    assert [one.kind for one in verdict.refused] == ["thread"] and "tool" in verdict.refused[0].target


def test_with_a_recording_beside_a_replay_nobodys_tool_runs(worker):
    till = Till()
    with tracefork.record() as run:
        till.plain(1)
    with tracefork.record(), tracefork.replay(tracefork.Tape()), pytest.raises(Refused):
        worker.do(lambda: till.plain(1))
    assert till.ran == 1 and len(run.tape.effects) == 1


def test_a_recording_counts_a_tool_that_an_older_worker_calls_and_a_strict_one_refuses_it(worker):
    till = Till()
    with tracefork.record() as run:
        worker.do(lambda: till.plain(1))
    with pytest.raises(Refused), tracefork.record(strict=True):
        worker.do(lambda: till.plain(2))

    assert till.ran == 1
    assert [(one.kind, one.target) for one in run.tape.escaped] == [("thread", "tool book")]


def test_a_function_that_the_replay_wraps_is_a_tool_to_an_older_worker_too(worker):
    SOLD.clear()
    with tracefork.record(wrap=[wrapped_book]) as run:
        wrapped_book(1)
    with tracefork.replay(run.tape):
        assert worker.do(lambda: wrapped_book(1)) == 1
        with pytest.raises(Refused):
            worker.do(lambda: wrapped_book(2))
    with tracefork.replay(tracefork.Tape()):  # which knows nothing of it
        worker.do(lambda: wrapped_book(3))
    assert SOLD == [1, 3]


def test_telemetry_of_an_older_worker_meets_nobody_in_a_replay(model, worker):
    with tracefork.replay(tracefork.Tape()) as run, pytest.raises(httpx.ConnectError):
        worker.do(lambda: model.client.post("https://us.posthog.com/batch/", content="x"))
    assert model.live == 0 and run.refused == ()


# -- workers that outlive the run which started them ----------------------------------------------


def test_a_worker_that_a_recording_started_gets_out_of_no_later_replay(model):
    with tracefork.record() as run:
        model.ask("a")
        worker = Worker()
        worker.do(lambda: model.ask("b"))
    live = model.live
    with tracefork.replay(run.tape) as replayed:
        assert worker.do(lambda: model.ask("a")) == "answer 1"
        assert worker.do(lambda: model.ask("b")) == "answer 2"
        with pytest.raises(Refused):
            worker.do(lambda: model.ask("c"))
    worker._jobs.put(None)

    assert model.live == live == 2 and len(replayed.refused) == 1


def test_one_that_a_replay_started_is_served_by_the_next(model):
    with tracefork.record() as run:
        model.ask("a")
    with tracefork.replay(run.tape):
        model.ask("a")
        worker = Worker()
    with tracefork.replay(run.tape):
        assert worker.do(lambda: model.ask("a")) == "answer 1"
    worker._jobs.put(None)
    assert model.live == 1


def test_one_that_a_recording_started_is_counted_by_the_next_and_taken_in_by_a_whole_process(model):
    with tracefork.record():
        worker = Worker()
    with tracefork.record() as counting:
        worker.do(lambda: model.ask("a"))
    with tracefork.record(scope="process") as taking:
        worker.do(lambda: model.ask("b"))
    worker._jobs.put(None)

    assert len(counting.tape) == 0 and [one.kind for one in counting.tape.escaped] == ["thread"]
    assert len(taking.tape) == 1 and taking.tape.escaped == ()


def test_its_tools_and_connections_are_held_likewise(worker, server):
    till = Till()
    with tracefork.record():
        outlives = Worker()
    with tracefork.replay(tracefork.Tape()) as replayed:
        for job in (lambda: till.plain(1), lambda: urllib.request.urlopen(server.url)):
            with pytest.raises(OSError):
                outlives.do(job)
    outlives._jobs.put(None)
    assert till.ran == 0 and not server.requests and len(replayed.refused) == 2


def test_nor_does_one_that_was_started_within_a_tool_of_the_recording(model, server):
    till, made = Till(), []
    with tracefork.record() as run:
        model.ask("a")
        run.call("begin", lambda: made.append(Worker()))
    live = model.live
    with tracefork.replay(run.tape) as replayed:
        assert made[0].do(lambda: model.ask("a")) == "answer 1"
        for job in (
            lambda: model.ask("b"),
            lambda: till.plain(1),
            lambda: urllib.request.urlopen(server.url),
        ):
            with pytest.raises(OSError):
                made[0].do(job)
        replayed.call("begin", lambda: None)
    made[0]._jobs.put(None)

    assert model.live == live and till.ran == 0 and not server.requests


def test_the_client_of_tornado_is_held_though_its_loop_is_machinery(worker, server):
    httpclient = pytest.importorskip("tornado.httpclient")

    async def main():
        return await httpclient.AsyncHTTPClient(force_instance=True).fetch(server.url)

    with tracefork.replay(tracefork.Tape()) as replayed, pytest.raises(OSError):
        worker.do(lambda: asyncio.run(main()))
    assert len(replayed.refused) == 1 and not server.requests
