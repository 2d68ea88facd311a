"""The questions. A program: `python probes.py RECORDER LIBRARY PROBE` prints what came of one.

A probe records, lets a replay answer, and asserts; what the assertion says is the
table's entry. It runs in a process of its own, against a server of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from faces import NotAsked, face
from recorders import RECORDERS, OfRuns, Recorder

HERE = Path(__file__).parent
PROBES: dict[str, Callable[[Place], None]] = {}


class Place:
    """Where a probe takes place: a recorder, a library, a server, a folder."""

    def __init__(self, recorder: str, lib: str, url: str, folder: Path) -> None:
        self.name, self.lib_name, self.url, self.folder = recorder, lib, url, folder
        self.rec: Recorder = RECORDERS[recorder](folder)
        self.lib: Any = face(lib)

    @property
    def other(self) -> Any:
        return import_module({"httpx": "httpx2"}.get(self.lib_name, "httpx"))

    def twice(self, agent: Callable[[], object]) -> None:
        """What `agent` sees while recorded it sees in a replay, and the server is not asked again."""
        with self.rec.record():
            live = agent()
        calls = self.calls()
        with self.rec.replay():
            again = agent()
        assert calls == self.calls(), "goes live"
        assert again == live, "differs"

    def get(self, path: str, **options: Any) -> Any:
        with self.rec.client(self.lib, **options) as client:
            return client.get(self.url + path)

    def say(self, text: str, path: str = "/echo") -> str:
        with self.rec.client(self.lib) as client:
            said: str = client.post(self.url + path, content=text.encode()).text
            return said

    def fault(self, path: str, *, raw: bool = False, **options: Any) -> tuple[list[bytes], str]:
        """The chunks of a stream, as SDKs read them or as on the wire, and the exception that it ends in."""
        chunks = []
        try:
            with (
                self.rec.client(self.lib, **options) as client,
                client.stream("GET", self.url + path) as answer,
            ):
                for chunk in answer.iter_raw() if raw else answer.iter_bytes():
                    chunks.append(chunk)  # noqa: PERF402  what came before the fault counts
        except self.lib.HTTPError as error:
            return chunks, re.sub(r"0x[0-9a-f]+", "0x", f"{type(error).__name__}: {error}")  # an address
        return chunks, "none"

    def calls(self) -> int:
        """How many requests the server has had; asked in a process that no recorder has touched."""
        ask = f"from urllib.request import urlopen as u; print(u('{self.url}/calls').read().decode())"
        command = [sys.executable, "-c", ask]
        return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout)


def probe(title: str) -> Callable[[Callable[[Place], None]], Callable[[Place], None]]:
    def named(fn: Callable[[Place], None]) -> Callable[[Place], None]:
        PROBES[title] = fn
        return fn

    return named


# -- while recording -------------------------------------------------------------------


@probe("While recorded, a sync stream arrives as it is sent")
def while_recorded_a_sync_stream_arrives_as(at: Place) -> None:
    with at.rec.record(), at.rec.client(at.lib) as client:
        client.get(at.url + "/echo")  # a connection and a run that are warm
        began = time.perf_counter()
        with client.stream("GET", at.url + "/stream") as answer:
            _arrives(began, [(time.perf_counter(), c) for c in answer.iter_bytes()])


@probe("While recorded, an async stream arrives as it is sent")
def while_recorded_an_async_stream_arrives_as(at: Place) -> None:
    async def agent() -> None:
        async with at.rec.aclient(at.lib) as client:
            await client.get(at.url + "/echo")
            began = time.perf_counter()
            async with client.stream("GET", at.url + "/stream") as answer:
                _arrives(began, [(time.perf_counter(), c) async for c in answer.aiter_bytes()])

    with at.rec.record():
        asyncio.run(agent())


def _arrives(began: float, chunks: list[tuple[float, bytes]]) -> None:
    assert len(chunks) >= 15, f"{len(chunks)} chunk{'s' * (len(chunks) != 1)} of 20"
    spread = chunks[-1][0] - chunks[0][0]
    assert spread > 0.1, f"all within {spread * 1e3:.0f} ms"
    assert chunks[0][0] - began < 0.1, "first byte held up"


@probe("While recorded, response headers are untouched")
def while_recorded_response_headers_are_untouched(at: Place) -> None:
    with at.rec.record():
        _whole_headers(at.get("/headers"), live=True)


@probe("Replayed response headers keep request id, retry-after, order and duplicates")
def replayed_response_headers_keep_request_id_retryafter(at: Place) -> None:
    with at.rec.record():
        at.get("/headers")
    with at.rec.replay():
        _whole_headers(at.get("/headers"), live=False)


def _whole_headers(answer: Any, *, live: bool) -> None:
    given = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw]
    names = [name.lower() for name, _ in given]
    order = [
        "content-length",
        "connection",
        "x-request-id",
        "retry-after",
        "set-cookie",
        "set-cookie",
        "x-case",
    ]
    assert answer.headers.get("x-request-id", "").startswith("req_"), "request id lost"
    assert answer.headers.get("retry-after") == "7", "retry-after lost"
    assert names.count("set-cookie") == 2, "duplicates merged"
    assert names == order, "order or count changed"
    if live:
        assert "X-CaSe" in [name for name, _ in given], "case changed"


@probe("A header value beyond ASCII replays")
def a_header_value_beyond_ascii_replays(at: Place) -> None:
    def agent() -> list[bytes]:
        values = [value for name, value in at.get("/foreign").headers.raw if name.lower() == b"etag"]
        assert values == [b"caf\xe9"], "lost" if not values else "changed"
        return values

    at.twice(agent)


# -- bodies ----------------------------------------------------------------------------


@probe("A sync stream replays chunk by chunk")
def a_sync_stream_replays_chunk_by_chunk(at: Place) -> None:
    def agent() -> list[bytes]:
        chunks, _ = at.fault("/stream")
        assert len(chunks) >= 15, f"{len(chunks)} chunk{'s' * (len(chunks) != 1)} of 20"
        return chunks

    at.twice(agent)


@probe("An async stream replays chunk by chunk")
def an_async_stream_replays_chunk_by_chunk(at: Place) -> None:
    async def agent() -> list[bytes]:
        async with at.rec.aclient(at.lib) as client, client.stream("GET", at.url + "/stream") as answer:
            chunks = [chunk async for chunk in answer.aiter_bytes()]
        assert len(chunks) >= 15, f"{len(chunks)} chunk{'s' * (len(chunks) != 1)} of 20"
        return chunks

    at.twice(lambda: asyncio.run(agent()))


@probe("A gzip body replays, raw bytes and text")
def a_gzip_body_replays_raw_bytes_and(at: Place) -> None:
    at.twice(lambda: (at.fault("/zipped", raw=True), at.get("/zipped").text))


@probe("A deflate body replays, raw bytes and text")
def a_deflate_body_replays_raw_bytes_and(at: Place) -> None:
    at.twice(lambda: (at.fault("/deflated", raw=True), at.get("/deflated").text))


@probe("Binary bodies replay both ways")
def binary_bodies_replay_both_ways(at: Place) -> None:
    def agent() -> bytes:
        with at.rec.client(at.lib) as client:
            body: bytes = client.post(at.url + "/binary", content=bytes(range(256))).content
            return body

    at.twice(agent)


@probe("A multipart upload matches, whatever its boundary")
def a_multipart_upload_matches_whatever_its_boundary(at: Place) -> None:
    def agent() -> int:
        with at.rec.client(at.lib) as client:
            status: int = client.post(at.url + "/echo", files={"f": ("a.txt", b"hello")}).status_code
            return status

    at.twice(agent)


@probe("Redirects replay, with their history")
def redirects_replay_with_their_history(at: Place) -> None:
    def agent() -> object:
        answer = at.get("/redirect", follow_redirects=True)
        return answer.status_code, answer.text, [r.status_code for r in answer.history]

    at.twice(agent)


# -- faults ----------------------------------------------------------------------------


@probe("A refused connection replays as its own exception")
def a_refused_connection_replays_as_its_own(at: Place) -> None:
    at.url = "http://127.0.0.1:9"

    def agent() -> str:
        try:
            at.get("/")
        except at.lib.HTTPError as error:
            return type(error).__name__
        return "none"

    with at.rec.record():
        live = agent()
    with at.rec.replay():
        assert agent() == live, "differs"


@probe("A connection reset before the head replays")
def a_connection_reset_before_the_head_replays(at: Place) -> None:
    at.twice(lambda: at.fault("/reset"))


@probe("A stream cut midway replays: the chunks, then the exception")
def a_stream_cut_midway_replays_the_chunks(at: Place) -> None:
    at.twice(lambda: at.fault("/cut"))


@probe("A read timeout replays, and at once")
def a_read_timeout_replays_and_at_once(at: Place) -> None:
    with at.rec.record():
        live = at.fault("/hang", timeout=0.5)
    began = time.perf_counter()
    with at.rec.replay():
        assert at.fault("/hang", timeout=0.5)[1].split(":")[0] == live[1].split(":")[0], "differs"
    assert time.perf_counter() - began < 0.4, "sleeps"


@probe("A stream left by `break` replays")
def a_stream_left_by_break_replays(at: Place) -> None:
    def agent() -> list[bytes]:
        chunks = []
        with at.rec.client(at.lib) as client, client.stream("GET", at.url + "/stream") as answer:
            for chunk in answer.iter_bytes():
                chunks.append(chunk)
                if len(chunks) == 3:
                    break
        return chunks

    at.twice(agent)


@probe("429, 429, 200: each attempt replays")
def n429_n429_n200_each_attempt_replays(at: Place) -> None:
    def agent() -> list[int]:
        with at.rec.client(at.lib) as client:
            return [client.get(at.url + "/flaky?name=a").status_code for _ in range(3)]

    at.twice(agent)


@probe("A malformed chunk replays as its own exception")
def a_malformed_chunk_replays_as_its_own_exception(at: Place) -> None:
    at.twice(lambda: at.fault("/malformed"))


@probe("103 Early Hints, then the answer")
def early_hints_then_the_answer(at: Place) -> None:
    at.twice(lambda: (at.get("/hinted").status_code, at.get("/hinted").text))


@probe("401, then the client's own auth flow")
def a_401_then_the_clients_own_auth_flow(at: Place) -> None:
    class Retrying(at.lib.Auth):  # type: ignore[name-defined, misc]
        def auth_flow(self, request: Any) -> Any:
            answer = yield request
            if answer.status_code == 401:
                request.headers["Authorization"] = "Basic dTpw"
                yield request

    at.twice(lambda: [at.get("/guarded", auth=Retrying()).status_code for _ in range(2)])


@probe("A task that is cancelled before the head replays")
def a_task_that_is_cancelled_before_the_head_replays(at: Place) -> None:
    at.twice(lambda: asyncio.run(_given_up(at, "/hang", 0.2)))


@probe("A task that is cancelled in mid-body replays")
def a_task_that_is_cancelled_in_mid_body_replays(at: Place) -> None:
    async def agent() -> object:
        chunks = []

        async def read() -> None:
            async with at.rec.aclient(at.lib) as client, client.stream("GET", at.url + "/stream") as answer:
                async for chunk in answer.aiter_bytes():
                    chunks.append(chunk)
                    if len(chunks) == 3:
                        enough.set()

        enough, reading = asyncio.Event(), asyncio.create_task(read())
        await asyncio.wait({asyncio.create_task(enough.wait()), reading}, return_when="FIRST_COMPLETED")
        reading.cancel()
        return len(chunks) >= 3, await _end(reading)

    at.twice(lambda: asyncio.run(agent()))


async def _given_up(at: Place, path: str, after: float) -> object:
    async def ask() -> object:
        async with at.rec.aclient(at.lib) as client:
            return (await client.get(at.url + path)).status_code

    asking = asyncio.create_task(ask())
    await asyncio.sleep(after)
    asking.cancel()
    return await _end(asking)


async def _end(task: asyncio.Task[Any]) -> type:
    """The class of the exception with which a cancelled task ends, or of its result."""
    [ended] = await asyncio.gather(task, return_exceptions=True)
    if isinstance(ended, NotAsked):
        raise ended
    return type(ended)


# -- matching and order -------------------------------------------------------------------


@probe("A changed prompt is refused, not answered with the old answer")
def a_changed_prompt_is_refused_not_answered(at: Place) -> None:
    with at.rec.record():
        at.say("the old prompt")
    calls = at.calls()
    try:
        with at.rec.replay():
            said = at.say("a new prompt")
    except Exception:  # noqa: BLE001  any refusal will do
        said = ""
    assert at.calls() == calls, "goes live"
    assert not said, "stale answer"


@probe("Eight prompts at once (asyncio) get their own answers")
def eight_prompts_at_once_asyncio_get_their(at: Place) -> None:
    async def agent() -> list[str]:
        async with at.rec.aclient(at.lib) as client:

            async def one(n: int) -> str:
                text: str = (await client.post(at.url + "/echo?ms=30", content=b"prompt %d" % n)).text
                return text

            return await asyncio.gather(*map(one, range(8)))

    at.twice(lambda: asyncio.run(agent()))


@probe("Forty prompts from eight threads get their own answers")
def forty_prompts_from_eight_threads_get_their(at: Place) -> None:
    def agent() -> list[str]:
        with ThreadPoolExecutor(8) as pool, at.rec.client(at.lib) as client:
            return list(
                pool.map(lambda n: client.post(at.url + "/echo?ms=5", content=b"%d" % n).text, range(40))
            )

    at.twice(agent)


@probe("A prompt made of which answer came first (asyncio) replays")
def a_prompt_made_of_which_answer_came(at: Place) -> None:
    async def agent() -> str:
        async with at.rec.aclient(at.lib) as client:

            async def one(n: int) -> str:
                text: str = (await client.post(at.url + "/echo?ms=30", content=b"prompt %d" % n)).text
                return text

            order = [await answer for answer in asyncio.as_completed([one(n) for n in range(5)])]
            text: str = (await client.post(at.url + "/echo", content=" ".join(order).encode())).text
            return f"{order} {text}"

    at.twice(lambda: asyncio.run(agent()))


@probe("The same prompt three times gets its three answers, in order")
def the_same_prompt_three_times_gets_its(at: Place) -> None:
    at.twice(lambda: [at.say("again") for _ in range(3)])


# -- closed doors --------------------------------------------------------------------------


@probe("In a replay a client of the other HTTP library cannot go live")
def in_a_replay_a_client_of_the(at: Place) -> None:
    with at.rec.record():
        at.say("hello")
    calls = at.calls()
    try:
        with at.rec.replay():
            at.other.get(at.url + "/echo")
    except Exception:  # noqa: BLE001
        pass
    assert at.calls() == calls, "goes live"


@probe("In a replay urllib cannot go live")
def in_a_replay_urllib_cannot_go_live(at: Place) -> None:
    with at.rec.record():
        at.say("hello")
    calls = at.calls()
    try:
        with at.rec.replay():
            urlopen(at.url + "/echo", timeout=5).read()
    except Exception:  # noqa: BLE001
        pass
    assert at.calls() == calls, "goes live"


@probe("An agent that asks less than it did is noticed")
def an_agent_that_asks_less_than_it(at: Place) -> None:
    with at.rec.record():
        at.say("one")
        at.say("two")
    if isinstance(at.rec, OfRuns):
        assert not at.rec.verify(lambda: at.say("one")), "passes"
        return
    try:
        with at.rec.replay():
            at.say("one")
    except Exception:  # noqa: BLE001
        return
    raise AssertionError("passes")


@probe("Verification is not fooled by an agent that swallows every exception")
def verification_is_not_fooled_by_an_agent(at: Place) -> None:
    assert isinstance(at.rec, OfRuns), "no verification"
    prompt = "the old prompt"

    def agent() -> str:
        try:
            return at.say(prompt)
        except Exception:  # noqa: BLE001
            return "all is well"

    with at.rec.record():
        agent()
    assert at.rec.verify(agent), "the same agent fails"
    prompt = "a new prompt"
    assert not at.rec.verify(agent), "passes"


# -- what is kept -------------------------------------------------------------------------


@probe("Ten calls, then `kill -9`: all ten are there")
def ten_calls_then_kill_n9_all_ten(at: Place) -> None:
    if os.fork() == 0:
        with at.rec.record():
            for n in range(10):
                at.say(f"call {n}")
            os.kill(os.getpid(), signal.SIGKILL)
    os.wait()
    found = 0
    try:
        with at.rec.after_a_crash():
            for n in range(10):
                at.say(f"call {n}")
                found += 1
    except Exception:  # noqa: BLE001
        pass
    assert found == 10, f"{found} of 10"


@probe("Eight threads keep forty runs in one store: all are there, unchanged")
def eight_threads_keep_forty_runs_in_one_store(at: Place) -> None:
    assert isinstance(at.rec, OfRuns), "no store"

    runs = {f"run-{n}": [f"run {n}, turn {turn}. " * 200 for turn in range(9)] for n in range(40)}
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(runs, pool.map(at.rec.kept, runs, runs.values()), strict=True))
    assert found == runs, "lost or changed"


@probe("200 flipped bits in what was stored: none is served as if nothing were wrong")
def n200_flipped_bits_in_what_was_stored(at: Place) -> None:
    secret = "what was said was this, and nothing else at all"
    with at.rec.record():
        live = at.say(secret)
    kept = {path: path.read_bytes() for path in at.rec.files()}
    path = max(kept, key=lambda p: kept[p].count(secret.encode()) * 10**9 + len(kept[p]))
    chance, silent, where = random.Random(3), 0, kept[path]
    for _ in range(200):
        at_bit = chance.randrange(len(where) * 8)
        broken = bytearray(where)
        broken[at_bit // 8] ^= 1 << at_bit % 8
        for other, data in kept.items():
            other.write_bytes(bytes(broken) if other == path else data)
        for more in set(at.rec.files()) - kept.keys():
            more.unlink()
        try:
            with at.rec.replay():
                said = at.say(secret)
        except Exception:  # noqa: BLE001
            continue
        silent += said != live
    assert not silent, f"{silent} of 200 served"


@probe("A uuid in a prompt replays")
def a_uuid_in_a_prompt_replays(at: Place) -> None:
    def agent() -> tuple[str, str]:
        prompt = f"my id is {at.rec.uuid()}"
        return prompt, at.say(prompt)

    at.twice(agent)


@probe("A tool does not run again in a replay")
def a_tool_does_not_run_again_in(at: Place) -> None:
    assert isinstance(at.rec, OfRuns), "no tools"
    sent = []

    def send(to: str) -> str:
        sent.append(to)
        return f"sent to {to}"

    at.twice(lambda: (at.say("whom?"), at.rec.tool(send)("ann")))
    assert len(sent) == 1, f"ran {len(sent)} times"


@probe("No Authorization header, no key of the environment on disk")
def no_authorization_header_no_key_of_the(at: Place) -> None:
    key = os.environ["PROBE_API_KEY"]
    with at.rec.record(), at.rec.client(at.lib, headers={"Authorization": f"Bearer {key}"}) as client:
        client.post(at.url + "/echo", json={"key": key})
        client.get(at.url + f"/leak?key={key}")
    assert at.rec.files(), "nothing was kept"
    found = [path.name for path in at.rec.files() if key.encode() in _plain(path)]
    assert not found, "on disk"


def _plain(path: Path) -> bytes:
    """The bytes of a file, of a database's columns, and of whatever zstd frames are in either."""
    found = [path.read_bytes()]
    if found[0].startswith(b"SQLite format 3"):
        database = sqlite3.connect(path)
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        cells = (
            cell for name in tables for row in database.execute(f'SELECT * FROM "{name}"') for cell in row
        )
        found += [cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells]
        database.close()
    try:
        zstandard = import_module("zstandard")
    except ImportError:
        return b"".join(found)
    for data in list(found):
        start = data.find(MAGIC)
        while start >= 0:
            with suppress(zstandard.ZstdError):
                found.append(zstandard.ZstdDecompressor().decompressobj().decompress(data[start:]))
            start = data.find(MAGIC, start + 1)
    return b"".join(found)


MAGIC = b"\x28\xb5\x2f\xfd"


# -- the program --------------------------------------------------------------------------


@contextmanager
def served() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, str(HERE / "server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        assert server.stdin
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.stdin.close()


def main(recorder: str, lib: str, title: str) -> None:
    os.environ["PROBE_API_KEY"] = "sk-probe-" + "4f9a1c7e" * 4
    with served() as url, tempfile.TemporaryDirectory() as folder:
        try:
            PROBES[title](Place(recorder, lib, url, Path(folder)))
        except AssertionError as error:
            said = str(error)
        except NotAsked as error:
            said = f"not asked: {error}"
        except Exception as error:  # noqa: BLE001  it is the table's to tell
            said = f"{type(error).__name__}"
        else:
            said = "yes"
    print("\n" + json.dumps(said))


if __name__ == "__main__":
    if len(sys.argv) == 2:
        print(json.dumps(list(PROBES)))
    else:
        main(*sys.argv[1:])
