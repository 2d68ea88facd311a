"""Programs with fixed origins: mitmproxy reads what they encrypt, and asks the gateway."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

import tracefork
from tracefork.errors import MissingPart
from tracefork.runs.command import CommandAgent

MITMDUMP = shutil.which("mitmdump")
needs_mitmdump = pytest.mark.skipif(MITMDUMP is None, reason="there is no mitmdump on the PATH")

PROGRAM = """
import sys, urllib.request
with urllib.request.urlopen(urllib.request.Request(sys.argv[1], b"question")) as answer:
    print(answer.read(5).decode(), answer.read().decode())
"""


@contextmanager
def serve_tls(folder, monkeypatch):
    """An HTTPS server of Python's own at 127.0.0.2, which no list of exceptions from proxies has."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.2").configure_cert(context)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
    asked, ready = [], threading.Event()

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(8)
        asked.append((head.split(b"\r\n")[0], body))
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await writer.drain()
        writer.write(b"6\r\nsecond\r\n0\r\n\r\n")
        await writer.drain()
        writer.close()

    async def main():
        ready.loop, ready.over = asyncio.get_running_loop(), asyncio.Event()
        async with await asyncio.start_server(answer, "127.0.0.2", 0, ssl=context) as server:
            ready.port = server.sockets[0].getsockname()[1]
            ready.set()
            await ready.over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"https://127.0.0.2:{ready.port}", asked
    finally:
        ready.loop.call_soon_threadsafe(ready.over.set)
        thread.join()


@needs_mitmdump
@pytest.mark.slow
@pytest.mark.peers
def test_a_program_with_a_fixed_origin_is_recorded_and_replayed_offline(tmp_path, monkeypatch, capfd):
    with serve_tls(tmp_path, monkeypatch) as (url, asked):
        agent = CommandAgent((sys.executable, "-c", PROGRAM, f"{url}/v1/chat?x=%2F"), {}, reads_tls=True)
        with tracefork.record(order="answers", meta=agent.meta()) as run:
            agent(run)
        assert asked == [(b"POST /v1/chat?x=%2F HTTP/1.1", b"question")]
        verdicts = [tracefork.verify(run.tape, CommandAgent.of(run.tape.meta)) for _ in range(3)]
        assert len(asked) == 1

    assert [step.request.url for step in run.tape] == [f"{url}/v1/chat?x=%2F"]
    assert run.tape[0].request.body == b"question"
    assert all(verdicts), verdicts[0]
    assert capfd.readouterr().out == "first second\n" * 4
    assert not run.tape.escaped


def test_without_mitmproxy_one_is_told_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    agent = CommandAgent((sys.executable, "-c", ""), {}, reads_tls=True)

    with pytest.raises(MissingPart, match=r"tracefork\[mitm\]"), tracefork.record() as run:
        agent(run)


@pytest.mark.slow
def test_tls_without_the_gateway_is_refused(tmp_path):
    command = [sys.executable, "-m", "tracefork", "run", "--tls", "agent.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 2 and "--gateway" in done.stderr
