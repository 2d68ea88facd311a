"""What an adapter costs: a call of 16 kB, answered with 16 kB after 3 ms, bare, recorded and replayed.

python -m benchmarks.transports                  # every client
python -m benchmarks.transports requests urllib3 # some of them

The time is the agent's, by the clock; and what its thread computes. What is kept of a run is written
meanwhile, by a thread of the run's own.
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from statistics import median
from typing import Any, TypeAlias

from attrs import frozen

import tracefork

SIZE, CALLS, ROUNDS, DELAY = 16_384, 50, 15, 0.003
BODY = b'{"prompt":"' + b"x" * (SIZE - 13) + b'"}'

Ask: TypeAlias = Callable[[], Any]

SERVER = """
import socket, threading, time
def serve(sock):
    file = sock.makefile("rb")
    while file.readline():
        length = 0
        while (line := file.readline().lower()) not in (b"", b"\\r\\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        file.read(length)
        time.sleep(DELAY)
        sock.sendall(ANSWER)
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    while True:
        sock = listener.accept()[0]
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()
"""


@frozen
class Cost:
    """Microseconds of one call: medians of interleaved rounds."""

    bare: float
    recorded: float
    replayed: float

    @property
    def ratios(self) -> tuple[float, float]:
        """What recording and replaying take, by what the bare call takes."""
        return self.recorded / self.bare, self.replayed / self.bare


@contextmanager
def _requests(port: int) -> Iterator[Ask]:
    import requests

    with requests.Session() as session:
        session.trust_env = False
        yield lambda: session.post(f"http://127.0.0.1:{port}/", data=BODY).content


@contextmanager
def _urllib3(port: int) -> Iterator[Ask]:
    import urllib3

    with urllib3.PoolManager() as pool:
        yield lambda: pool.request("POST", f"http://127.0.0.1:{port}/", body=BODY).data


@contextmanager
def _http_client(port: int) -> Iterator[Ask]:
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:

        def ask() -> bytes:
            if type(connection.sock) is not socket.socket:  # of a replay, which leads nowhere
                connection.close()
            connection.request("POST", "/", BODY)
            return connection.getresponse().read()

        yield ask


@contextmanager
def _botocore(port: int) -> Iterator[Ask]:
    import boto3

    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    url = f"http://127.0.0.1:{port}"
    with closing(
        boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, **keys)
    ) as client:

        def ask() -> bytes:
            return client.invoke_model(modelId="m", body=BODY)["body"].read()

        yield ask


@contextmanager
def _httpx(port: int) -> Iterator[Ask]:
    import httpx

    with httpx.Client(trust_env=False) as client:
        yield lambda: client.post(f"http://127.0.0.1:{port}/", content=BODY).content


@contextmanager
def _aiohttp(port: int) -> Iterator[Ask]:
    import aiohttp

    with asyncio.Runner() as runner:

        async def post() -> bytes:
            async with session.post(f"http://127.0.0.1:{port}/", data=BODY) as answer:
                return await answer.read()

        async def begin() -> aiohttp.ClientSession:
            return aiohttp.ClientSession()

        session = runner.run(begin())
        yield lambda: runner.run(post())
        runner.run(session.close())


ECHO = """
import time
from websockets.sync.server import serve
def echo(sock):
    for message in sock:
        time.sleep(DELAY)
        sock.send(message)
with serve(echo, "127.0.0.1", 0, compression=None) as server:
    print(server.socket.getsockname()[1], flush=True)
    server.serve_forever()
"""


@contextmanager
def _websockets(_: int) -> Iterator[Ask]:
    """A message of the same size over a socket that is open, against a server of its own."""
    from websockets.sync.client import connect

    code = f"DELAY = {DELAY}\n{ECHO}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"ws://127.0.0.1:{int(server.stdout.readline())}/"
        try:
            text, opened = BODY.decode(), {}

            def ask() -> str:
                run = tracefork.current()
                if opened.get("run") is not run or "socket" not in opened:  # a socket is of one run
                    if "socket" in opened:
                        opened["socket"].close()
                    opened.update(run=run, socket=connect(url, compression=None))
                opened["socket"].send(text)
                return opened["socket"].recv()

            yield ask
        finally:
            server.kill()


CLIENTS: dict[str, Callable[[int], Any]] = {
    "httpx": _httpx,
    "requests": _requests,
    "urllib3": _urllib3,
    "http.client": _http_client,
    "botocore": _botocore,
    "aiohttp": _aiohttp,
    "websockets": _websockets,
}
"""By the name of a library: a block that gives a function which asks once."""


@contextmanager
def serving(delay: float = DELAY) -> Iterator[int]:
    """A server in a process of its own, which answers after `delay` seconds; gives its port."""
    answer = (
        f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    )
    code = f"ANSWER, DELAY = {answer + BODY!r}, {delay}\n{SERVER}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.kill()


def cost(name: str, rounds: int = ROUNDS, calls: int = CALLS) -> tuple[Cost, Cost]:
    """What one call of the client `name` takes, by the clock, and of the CPU for the agent's thread."""
    spent: dict[str, list[tuple[float, float]]] = {"bare": [], "recorded": [], "replayed": []}
    with serving() as port, CLIENTS[name](port) as ask:
        for _ in range(rounds + 1):
            spent["bare"].append(_timed(ask, calls))
            with tracefork.record() as run:
                spent["recorded"].append(_timed(ask, calls))
            with tracefork.replay(run.tape):
                spent["replayed"].append(_timed(ask, calls))
            assert len(run.tape) in (calls, calls + 1)  # and a handshake
    wall, cpu = (
        Cost(*(median(one[which] for one in times[1:]) / calls * 1e6 for times in spent.values()))
        for which in (0, 1)
    )
    return wall, cpu


def _timed(ask: Ask, calls: int) -> tuple[float, float]:
    gc.collect()
    began, used = time.perf_counter(), time.thread_time()
    for _ in range(calls):
        ask()
    return time.perf_counter() - began, time.thread_time() - used


def main(names: list[str]) -> None:
    print("| client | by the clock, us: bare | recorded | replayed | CPU, us: bare | recorded | replayed |")
    print("|---|---|---|---|---|---|---|")
    for name in names or CLIENTS:
        cells = [cell for found in cost(name) for cell in _cells(found)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _cells(found: Cost) -> tuple[str, str, str]:
    recorded, replayed = found.ratios
    return (
        f"{found.bare:,.0f}",
        f"{found.recorded:,.0f}, {recorded:.2f}x",
        f"{found.replayed:,.0f}, {replayed:.2f}x",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
