"""The transports' contract as a test class. An adapter of yours proves itself in a few lines:

    class TestMine(TransportTests):
        abilities = frozenset({"sync", "streams", "faults"})

        @contextmanager
        def opened(self, run, url, body):
            with my_client(run).post(url, data=body) as response:
                yield response.status, response.iter_content()

What a client cannot do, its adapter need not: tests are chosen by the abilities that the class declares.
Real sockets are used, on 127.0.0.1 alone. Needs pytest (`tracefork[testing]`).
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tracefork.core.values import Fault, Request, Response
from tracefork.edits import Set
from tracefork.errors import Divergence
from tracefork.runs.api import fork, record, resume
from tracefork.runs.verify import verify
from tracefork.session.session import Session
from tracefork.storage.store import TapeStore

from .asking import Ask, Asking, answer, breaking, change, fail_thrice, refuse_to_run, serving

PIECES = (b"first, ", b"second, ", b"third")
TOKEN = "ghp_aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5"  # noqa: S105  made up
WAIT = 10.0


class TransportTests(Asking):
    """What every transport adapter must do. Subclass it, declare `abilities`, and say how to ask.

    The abilities are those of `Asking`; `opened` and `aopened` ask.
    """

    # -- questions and answers ----------------------------------------------------------------

    @pytest.mark.parametrize("status", [200, 404, 429, 503])
    def test_an_answer_is_recorded_and_served_with_the_server_gone(self, status: int) -> None:
        for ask in self.ways():
            with serving(lambda _: answer(*PIECES, status=status)) as server:
                with self.record() as run:
                    live = ask(run, server.url, b"a question")
            with self.replay(run.tape) as again:
                served = ask(again, server.url, b"a question")

            assert live[0] == served[0] == status
            assert b"".join(live[1]) == b"".join(served[1]) == b"".join(PIECES)
            assert (run.tape[0].request.method, run.tape[0].request.body) == ("POST", b"a question")
            assert run.tape[0].response.end == "eof"
            assert again.tape.digest() == run.tape.digest()

    def test_an_empty_answer_is_one(self) -> None:
        for ask in self.ways():
            with serving(lambda _: Response(200, (("content-length", "0"),))) as server:
                with self.record() as run:
                    assert ask(run, server.url, b"") == (200, [])
                assert server.requests[0].method == run.tape[0].request.method == "POST"
            with self.replay(run.tape) as again:
                assert ask(again, server.url, b"") == (200, [])

    def test_what_the_client_asks_is_on_the_tape(self) -> None:
        for ask in self.ways():
            with serving(lambda _: answer(b"ok")) as server, record() as run:
                ask(run, server.url + "/a%2Fb?c=d%20e", bytes(range(256)))
            [sent] = server.requests

            assert run.tape[0].request.method == sent.method == "POST"
            assert run.tape[0].request.body == sent.body == bytes(range(256))
            assert run.tape[0].request.url == sent.url
            assert not run.tape.escaped, "the live call is to be made within `call.aside()`"

    def test_another_question_diverges_and_is_not_asked(self) -> None:
        for ask in self.ways():
            with serving(lambda _: answer(b"ok")) as server:
                with self.record() as run:
                    ask(run, server.url, b"a question")
                with pytest.raises(Divergence), self.replay(run.tape, patience=1) as again:
                    ask(again, server.url, b"another question")

            assert len(server.requests) == 1

    def test_a_long_body_is_known_by_its_hash(self) -> None:
        for ask in self.ways():
            with serving(lambda _: answer(b"ok")) as server:
                with self.record(max_body=100) as run:
                    ask(run, server.url, b"x" * 1000)
            with self.replay(run.tape) as again:
                ask(again, server.url, b"x" * 1000)

            assert server.requests[0].body == b"x" * 1000
            assert run.tape[0].request.omitted and again.tape.digest() == run.tape.digest()

    def test_in_a_tool_nothing_is_recorded(self) -> None:
        for ask in self.ways():
            with serving(lambda _: answer(b"ok")) as server, self.record() as run:
                run.call("tool", lambda run=run, ask=ask: ask(run, server.url, b"in a tool")[0])
            with self.replay(run.tape) as again:
                assert again.call("tool", refuse_to_run) == 200

            assert len(run.tape) == 0 and len(server.requests) == 1

    # -- streams ---------------------------------------------------------------------------------

    def test_each_chunk_reaches_the_agent_before_the_next_is_sent(self) -> None:
        self.needs("sync", "streams")
        with serving(lambda _: answer(*PIECES), lockstep=True) as server, self.record() as run:
            with self.opened(run, server.url, b"") as (_, chunks):
                heard = b""
                for chunk in chunks:
                    heard += chunk
                    server.consumed()

        assert heard == b"".join(PIECES) and run.tape[0].response.chunks == PIECES

    def test_chunks_have_their_boundaries_again(self) -> None:
        self.needs("sync", "streams")
        with serving(lambda _: answer(*PIECES), lockstep=True) as server, self.record() as run:
            with self.opened(run, server.url, b"") as (_, chunks):
                for _ in chunks:
                    server.consumed()
        with self.replay(run.tape) as again:
            _, served = self._ask(again, server.url, b"")

        assert served == list(PIECES) and again.tape.digest() == run.tape.digest()

    def test_a_stream_that_the_agent_leaves_is_left_again(self) -> None:
        self.needs("sync", "streams")

        def leave(run: Session) -> bytes:
            with self.opened(run, server.url, b"") as (_, chunks):
                return next(chunk for chunk in chunks if chunk)

        with serving(lambda _: answer(*PIECES), lockstep=True) as server:
            with self.record() as run:
                assert leave(run) == PIECES[0]
        with self.replay(run.tape) as again:
            assert leave(again) == PIECES[0]
        with pytest.raises(Divergence), self.replay(run.tape) as further:
            self._ask(further, server.url, b"")

        assert run.tape[0].response.end == "closed" and run.tape[0].response.chunks == PIECES[:1]
        assert again.tape.digest() == run.tape.digest()

    def test_a_stream_that_a_task_leaves_is_left_again(self) -> None:
        self.needs("async", "streams")

        async def leave(run: Session) -> bytes:
            async with self.aopened(run, server.url, b"") as (_, chunks):
                async for chunk in chunks:
                    if chunk:
                        return chunk
            return b""

        with serving(lambda _: answer(*PIECES), lockstep=True) as server:
            with self.record() as run:
                assert asyncio.run(leave(run)) == PIECES[0]
        with self.replay(run.tape) as again:
            assert asyncio.run(leave(again)) == PIECES[0]

        assert run.tape[0].response.end == "closed"
        assert run.tape[0].response.chunks == PIECES[:1]
        assert again.tape.digest() == run.tape.digest()

    def test_each_chunk_reaches_a_task_before_the_next_is_sent(self) -> None:
        self.needs("async", "streams")

        async def agent(run: Session) -> bytes:
            async with self.aopened(run, server.url, b"") as (_, chunks):
                heard = b""
                async for chunk in chunks:
                    heard += chunk
                    server.consumed()
                return heard

        with serving(lambda _: answer(*PIECES), lockstep=True) as server, self.record() as run:
            assert asyncio.run(agent(run)) == b"".join(PIECES)
        with self.replay(run.tape) as again:
            assert asyncio.run(self._aask(again, server.url, b"")) == (200, list(PIECES))

        assert run.tape[0].response.chunks == PIECES

    # -- faults ----------------------------------------------------------------------------------

    def test_a_connection_that_is_refused_raises_what_the_client_raises(self) -> None:
        self.needs("faults")
        for ask in self.ways():
            with serving(lambda _: answer(b"ok")) as server:
                gone = server.url
            raised, run = fail_thrice(ask, gone, intercept=self.intercepts)

            assert isinstance(run.tape[0].answer, Fault), raised

    @pytest.mark.parametrize("kind", ["RemoteProtocolError", "ReadError"])
    def test_a_connection_that_breaks_before_an_answer(self, kind: str) -> None:
        self.needs("faults")
        for ask in self.ways():
            with serving(breaking(kind)) as server:
                raised, run = fail_thrice(ask, server.url, intercept=self.intercepts)

            assert isinstance(run.tape[0].answer, Fault), raised

    @pytest.mark.parametrize("kind", ["RemoteProtocolError", "ReadError"])
    def test_a_body_that_breaks_breaks_again_after_the_same_bytes(self, kind: str) -> None:
        self.needs("faults", "streams")
        for ask in self.ways():
            with serving(breaking(kind, *PIECES)) as server:
                raised, run = fail_thrice(ask, server.url, intercept=self.intercepts)

            given = run.tape[0].response
            assert isinstance(given.end, Fault), raised
            assert b"".join(PIECES).startswith(given.body)

    # -- giving up ---------------------------------------------------------------------------------

    def test_a_task_that_is_cancelled_while_it_reads_is_cancelled_again(self) -> None:
        self.needs("async", "streams", "cancellation")

        async def agent(run: Session) -> list[bytes]:
            heard: list[bytes] = []
            came = asyncio.Event()

            async def read() -> None:
                async with self.aopened(run, server.url, b"") as (_, chunks):
                    async for chunk in chunks:
                        heard.append(chunk)
                        came.set()

            reading = asyncio.create_task(read())
            await asyncio.wait_for(came.wait(), WAIT)
            await asyncio.sleep(0.01)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            return heard

        with serving(lambda _: answer(*PIECES), lockstep=True) as server:
            with self.record() as run:
                live = asyncio.run(agent(run))
        with self.replay(run.tape) as again:
            assert asyncio.run(agent(again)) == live == [PIECES[0]]

        assert run.tape[0].response.end == "cancelled"
        assert again.tape.digest() == run.tape.digest()

    def test_a_task_that_is_cancelled_while_it_waits_is_cancelled_again(self) -> None:
        self.needs("async", "cancellation")

        async def agent(run: Session) -> None:
            waiting = asyncio.create_task(self._aask(run, server.url, b""))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(waiting, 0.3)

        with serving(lambda _: Fault("ReadTimeout", "")) as server, self.record() as run:
            asyncio.run(agent(run))
        with self.replay(run.tape) as again:
            asyncio.run(agent(again))

        assert again.tape.digest() == run.tape.digest()

    # -- order ---------------------------------------------------------------------------------------

    def test_threads_side_by_side_are_answered_in_their_recorded_order(self) -> None:
        """What threads do after their answers is theirs: the order of the answers is the tape's."""
        self.needs("sync")
        second = threading.Event()

        def rule(asked: Request) -> Response:
            if asked.body == b"a":
                second.wait(WAIT)  # though it was asked first
            return answer(asked.body)

        def agent(run: Session) -> None:
            def strand(name: bytes) -> None:
                self._ask(run, server.url, name)
                second.set()

            with ThreadPoolExecutor(2) as pool:
                list(pool.map(strand, [b"a", b"b"]))
            self._ask(run, server.url, b"then")

        with serving(rule) as server, self.record() as run:
            agent(run)
        for _ in range(3):
            with self.replay(run.tape) as again:
                agent(again)

            assert again.tape.digest() == run.tape.digest()
        ended = sorted(run.tape, key=lambda step: step.span.ended)
        assert [step.request.body for step in ended] == [b"b", b"a", b"then"]

    def test_tasks_side_by_side_are_answered_in_their_recorded_order(self) -> None:
        self.needs("async")
        second = threading.Event()

        def rule(asked: Request) -> Response:
            if asked.body == b"a":
                second.wait(WAIT)
            return answer(asked.body)

        async def agent(run: Session) -> bytes:
            order: list[bytes] = []

            async def strand(name: bytes) -> None:
                await self._aask(run, server.url, name)
                order.append(name)
                second.set()

            await asyncio.gather(strand(b"a"), strand(b"b"))
            await self._aask(run, server.url, b"then " + b"".join(order))
            return b"".join(order)

        with serving(rule) as server, self.record() as run:
            assert asyncio.run(agent(run)) == b"ba"
        for _ in range(3):
            with self.replay(run.tape) as again:
                assert asyncio.run(agent(again)) == b"ba"

            assert again.tape.digest() == run.tape.digest()

    # -- forks, resumption, secrets --------------------------------------------------------------------

    def test_a_fork_serves_what_was_before_it_and_asks_what_comes_after(self) -> None:
        for ask in self.ways():

            def agent(run: Session, ask: Ask = ask) -> bytes:
                first = b"".join(ask(run, server.url, b"one")[1])
                return b"".join(ask(run, server.url, b"two after " + first)[1])

            with serving(lambda asked: answer(asked.body.upper())) as server:
                with self.record() as run:
                    assert agent(run) == b"TWO AFTER ONE"
                with fork(run.tape, 0, change, intercept=self.intercepts) as branch:
                    assert agent(branch) == b"TWO AFTER UNO"
                assert len(server.requests) == 3
            assert verify(branch.tape, agent, intercept=self.intercepts).ok

    def test_an_interrupted_run_is_finished(self) -> None:
        for ask in self.ways():
            with serving(lambda asked: answer(asked.body)) as server:
                with self.record() as run:
                    ask(run, server.url, b"one")
                with resume(run.tape, intercept=self.intercepts) as finished:
                    ask(finished, server.url, b"one")
                    ask(finished, server.url, b"two")

            assert [sent.body for sent in server.requests] == [b"one", b"two"]
            assert [step.request.body for step in finished.tape] == [b"one", b"two"]

    def test_a_secret_leaves_a_fork_as_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.needs("secrets")
        monkeypatch.setenv("SHOP_TOKEN", TOKEN)
        for ask in self.ways():

            def agent(run: Session, ask: Ask = ask) -> None:
                given = b"".join(ask(run, server.url, b"log in")[1])
                ask(run, server.url, b"hello")
                ask(run, f"{server.url}/{given.decode()}/a", b"with " + given)

            def rule(asked: Request) -> Response:
                return answer(TOKEN.encode() if asked.body == b"log in" else b"ok")

            with serving(rule) as server:
                with self.record() as run:
                    agent(run)
                with fork(run.tape, 1, change, intercept=self.intercepts) as branch:
                    agent(branch)

            assert TOKEN.encode() not in run.tape[0].response.body
            assert server.requests[-1].body == b"with " + TOKEN.encode()
            assert f"/{TOKEN}/a" in server.requests[-1].url

    def test_an_edited_question_is_what_is_sent_and_kept(self) -> None:
        self.needs("secrets")
        for ask in self.ways():
            with serving(lambda asked: answer(asked.body)) as server:
                with self.record(edits=Set("$.a", "longer")) as run:
                    ask(run, server.url, b'{"a":1}')
            assert server.requests[0].body == run.tape[0].request.body == b'{"a":"longer"}'

    def test_a_run_in_a_store_is_there_when_it_is_killed(self, tmp_path: object) -> None:
        for number, ask in enumerate(self.ways()):
            with (
                serving(lambda _: answer(b"ok")) as server,
                TapeStore.open(f"{tmp_path}/{number}.db") as store,
            ):
                with self.record(store, run_id="r") as run:
                    ask(run, server.url, b"kept")
                    run.flush()
                    assert len(store.load("r")) == 1
