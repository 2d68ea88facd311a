"""Each of 893 real exchanges, through both libraries: the same again with the server gone."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter

import httpx
import httpx2
import pytest
from peers import corpus

import tracefork
from tracefork.redact import redactor
from tracefork.redact.by_form import patterns
from tracefork.redact.texts.across_events import join_texts

COUNT = 893
STREAMS = 224
AT_ONCE = 8


def answered(row, response, raw, decoded):
    return row.number, response.status_code, response.headers.multi_items(), raw, decoded


def ask(client, row, url):
    """What a client sees of `row`: once as raw chunks, once decoded."""
    how = {"headers": row.asked, "content": row.body}
    with client.stream(row.method, url + row.path, **how) as response:
        raw = list(response.iter_raw())
    with client.stream(row.method, url + row.path, **how) as response:
        return answered(row, response, raw, list(response.iter_bytes()))


async def aask(client, row, url):
    how = {"headers": row.asked, "content": row.body}
    async with client.stream(row.method, url + row.path, **how) as response:
        raw = [chunk async for chunk in response.aiter_raw()]
    async with client.stream(row.method, url + row.path, **how) as response:
        return answered(row, response, raw, [chunk async for chunk in response.aiter_bytes()])


def in_turn(lib, rows, url):
    with lib.Client() as client:
        return [ask(client, row, url) for row in rows]


def side_by_side(lib, rows, url):
    """The cassettes as tasks, some at once, each in its order."""

    async def main():
        room = asyncio.Semaphore(AT_ONCE)

        async def played(cassette):
            async with room:
                return [await aask(client, row, url) for row in cassette]

        async with lib.AsyncClient() as client:
            jobs = [played(cassette) for cassette in corpus.cassettes(rows)]
            return [one for many in await asyncio.gather(*jobs) for one in many]

    return asyncio.run(main())


@pytest.mark.slow
@pytest.mark.parametrize(
    "lib", [pytest.param(httpx, id="httpx"), pytest.param(httpx2, id="httpx2", marks=pytest.mark.nightly)]
)
@pytest.mark.parametrize(
    "agent",
    [
        pytest.param(in_turn, id="in turn"),
        pytest.param(side_by_side, id="side by side", marks=pytest.mark.nightly),
    ],
)
def test_every_exchange_is_the_same_with_the_server_gone(agent, lib, rows):
    with corpus.serve(rows) as server:
        with tracefork.record() as run:
            live = agent(lib, rows, server.url)
        assert server.errors == ()
    replayed = []
    verdict = tracefork.verify(
        tracefork.loads(tracefork.dumps(run.tape)), lambda: replayed.extend(agent(lib, rows, server.url))
    )

    assert len(rows) == COUNT
    assert sum(row.streamed for row in rows) == STREAMS
    assert [row.number for row in rows] == [number for number, *_ in live]
    for row, seen in zip(rows, live, strict=True):
        was_sent(row, *seen[1:])
    assert [shaped(seen) for seen in replayed] == [shaped(seen) for seen in live]
    assert verdict.ok, verdict
    assert verdict.recorded == verdict.replayed == run.tape.digest()
    assert verdict.matched == verdict.total == 2 * COUNT


def was_sent(row, status, headers, raw, decoded):
    """The live client got what the server sent, which is what the vendor sent."""
    sent = row.answer
    assert status == sent.status
    assert headers == [(n.lower(), v) for n, v in sent.headers]
    assert b"".join(raw) == sent.body
    zipped = ("content-encoding", "gzip") in headers
    assert b"".join(decoded) == (gzip.decompress(sent.body) if zipped and sent.body else sent.body)


def shaped(seen):
    """What was seen, without the surrogates that a replay has in the place of cookies."""
    number, status, headers, *bodies = seen
    return number, status, [(name, corpus.shaped(name, value)) for name, value in headers], *bodies


def test_of_all_headers_only_cookies_and_keys_are_taken_out(rows):
    redact, taken, total = redactor({}), Counter(), 0
    for row in rows:
        asked = redact.question(tracefork.Request(row.method, row.url, row.headers, b"")).headers
        heard = redact.answer(tracefork.Response(200, row.answer.headers)).headers
        for (name, value), (_, kept) in zip(
            (*row.headers, *row.answer.headers), (*asked, *heard), strict=True
        ):
            total += 1
            taken[name.lower()] += kept != value

    assert total > 27_000
    assert {name for name, count in taken.items() if count} <= {
        "authorization",
        "cookie",
        "set-cookie",
        "x-api-key",
        "x-goog-api-key",
    }


def test_nothing_in_nine_megabytes_of_it_is_taken_for_a_secret(rows):
    bodies = [body for row in rows for body in (row.body, b"".join(row.answer.chunks))]

    assert sum(map(len, bodies)) > 9_000_000
    assert [span for body in bodies for span in patterns.found(body)] == []
    assert [seen for body in bodies for view in join_texts(body) for seen in patterns.find_across(view)] == []
