"""Parallel streams over real sockets: connecting makes tasks and threads that exist only while recording."""

from __future__ import annotations

import asyncio
import itertools

import anyio
import httpx
import httpx2
import pytest
from worlds import TIMES, proves

from tracefork import Response
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer
from tracefork.transports import httpx as for_httpx
from tracefork.transports import httpx2 as for_httpx2


@pytest.fixture
def url():
    count = itertools.count()

    def answer(_):
        n = next(count)
        chunks = tuple(b"data: %d.%d\n\n" % (n, i) for i in range(4))
        return Response(200, (("content-type", "text/event-stream"),), chunks)

    with LoopbackServer(by_rule(answer), delay=0.002) as server:
        yield server.url.replace("127.0.0.1", "localhost")  # a name: resolving it takes a thread


@pytest.mark.parametrize(("lib", "seam"), [(httpx, for_httpx), (httpx2, for_httpx2)], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("groups", ["asyncio", "anyio"])
def test_parallel_streams(lib, seam, groups, url):
    def agent(run):
        heard = {}

        async def read(client, name):
            for i in range(3):
                async with client.stream("POST", url, json={"n": [name, i]}) as response:
                    heard[name, i] = [line async for line in response.aiter_lines()]

        async def main():
            async with lib.AsyncClient(transport=seam.AsyncTransport(run)) as client:
                if groups == "asyncio":
                    await asyncio.gather(*(read(client, "same") for _ in range(2)))
                    await asyncio.gather(*(read(client, name) for name in "abcd"))
                    return
                for _ in range(2):
                    async with anyio.create_task_group() as group:
                        for name in "aabc":
                            group.start_soon(read, client, name)

        asyncio.run(main())
        return heard

    proves(agent, times=TIMES)
