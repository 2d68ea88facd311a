"""A loopback server with answers of every form, asked through each client while another recorder records.

As a script it writes the files in `files`, in an environment that has the recorder and its clients:

    python -m venv E && E/bin/pip install cassetter==0.16.1 httpx requests aiohttp tomli
    E/bin/python tests/testing/cassettes/recording.py cassetter
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import threading
import zlib
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which

FILES = Path(__file__).parent / "files"
BINARY = bytes(range(256))
WORDS = b"hello text" * 20
JSON = [("Content-Type", "application/json")]
TEXT = [("Content-Type", "text/plain")]
TWICE = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2")]
EVENTS = (b'data: {"n": 1}\n\n', "data: 🚆\n\n".encode(), b"data: [DONE]\n\n")

ANSWERS = {
    "/json": (200, [*JSON, *TWICE], '{"b": 1, "a": "été", "f": 1.0}'.encode()),
    "/spaced": (200, JSON, b'{\n  "spaced":   true\n}\n'),
    "/gzip": (200, [*JSON, ("Content-Encoding", "gzip")], gzip.compress(b'{"zipped": true}', mtime=0)),
    "/deflate": (200, [*TEXT, ("Content-Encoding", "deflate")], zlib.compress(WORDS)),
    "/binary": (200, [("Content-Type", "application/octet-stream")], BINARY),
    "/latin": (200, [("Content-Type", "text/plain; charset=latin-1")], "café".encode("latin-1")),
    "/lines": (200, TEXT, b" lead\n\ttab\r\nand more \n\n\n"),
    "/words": (200, TEXT, b"null"),
    "/empty": (204, [], b""),
    "/error": (429, JSON, b'{"error": "slow down"}'),
    "/stream": (200, [("Content-Type", "text/event-stream")], b"".join(EVENTS)),
}
"""Path -> status, headers, and body as it is sent."""

PLAIN = {
    **{path: body for path, (_, _, body) in ANSWERS.items()},
    "/gzip": b'{"zipped": true}',
    "/deflate": WORDS,
}
"""Path -> body as a client has it."""

PART = b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + BINARY[200:] + b"\r\n--x--\r\n"
ASKED = [
    ("POST", "/json", "application/json", '{"q":"é","n":[1,2.5]}'.encode()),
    ("POST", "/spaced", "application/json", b'{"q": "\\u00e9"}'),
    *[("GET", path, "", b"") for path in ANSWERS if path not in ("/json", "/spaced")],
    ("POST", "/json", "application/octet-stream", BINARY),
    ("POST", "/json", "multipart/form-data; boundary=x", PART),
    ("POST", "/json", "application/x-www-form-urlencoded", b"k=v+w&l=%C3%A9"),
    ("POST", "/json", "text/plain", b"123"),
]
"""What is asked, in order: method, path, content type and body."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return "Sat, 04 Jul 2026 10:20:30 GMT"

    def version_string(self):
        return "loopback"

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        status, headers, body = ANSWERS[self.path.partition("?")[0]]
        self.send_response(status, "Slow Down" if status == 429 else None)
        for name, value in headers:
            self.send_header(name, value)
        if self.path == "/stream":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in EVENTS:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
            return
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.do_GET()


@contextmanager
def serving():
    """Gives the URL of a server that gives ANSWERS."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _headers(kind):
    return {"Authorization": "Bearer not-a-real-key", **({"Content-Type": kind} if kind else {})}


def ask_requests(url):
    import requests

    with requests.Session() as session:
        for method, path, kind, body in ASKED:
            session.request(method, url + path, headers=_headers(kind), data=body or None)


def ask_httpx(url):
    import httpx

    with httpx.Client() as client:
        for method, path, kind, body in ASKED:
            with suppress(UnicodeDecodeError):  # vcrpy before 7 keeps no body of httpx's that is no text
                client.request(method, url + path, headers=_headers(kind), content=body or None)


def ask_aiohttp(url):
    import aiohttp

    async def main():
        async with aiohttp.ClientSession() as session:
            for method, path, kind, body in ASKED:
                how = {"headers": _headers(kind), "data": body or None}
                async with session.request(method, url + path, **how) as response:
                    await response.read()

    asyncio.run(main())


CLIENTS = {"requests": ask_requests, "httpx": ask_httpx, "aiohttp": ask_aiohttp}


def _record_cassetter(url):
    import cassetter

    for client, ask in CLIENTS.items():
        with cassetter.use_cassette(FILES / f"cassetter-{client}.yaml", record_mode="all"):
            ask(url)
    with cassetter.use_cassette(FILES / "cassetter-httpx.toml", record_mode="all"):
        ask_httpx(url)


def _record_betamax(url):
    import betamax
    import requests

    for name, exact in (("betamax-text", False), ("betamax-bytes", True)):
        (FILES / f"{name}.json").unlink(missing_ok=True)
        session = requests.Session()
        recorder = betamax.Betamax(session, cassette_library_dir=str(FILES))
        with recorder.use_cassette(name, record="all", preserve_exact_body_bytes=exact):
            _ask_what_betamax_can(session, url, exact=exact)


def _ask_what_betamax_can(session, url, *, exact):
    for method, path, kind, body in ASKED:
        if exact or (body + ANSWERS[path][2]).isascii():  # what is no text, it damages
            session.request(method, url + path, headers=_headers(kind), data=body or None)


def _record_vcrpy(url):
    import importlib.metadata

    import vcr

    version = importlib.metadata.version("vcrpy")
    for client, ask in CLIENTS.items():
        for decode in (False, True):
            name = f"vcrpy-{version}-{client}{'-decoded' if decode else ''}.yaml"
            (FILES / name).unlink(missing_ok=True)
            try:
                with vcr.use_cassette(str(FILES / name), decode_compressed_response=decode):
                    ask(url)
            except ImportError:
                continue


def _record_chromium(url):
    from playwright.sync_api import sync_playwright

    file = FILES / "chromium.har"
    script = """async ([url, asked]) => { for (const [method, path, kind, body] of asked) {
        const given = {method, headers: kind ? {'Content-Type': kind} : {}};
        if (method === 'POST') given.body = Uint8Array.from(body);
        await (await fetch(url + path, given)).arrayBuffer(); } }"""
    asked = [(method, path, kind, list(body)) for method, path, kind, body in ASKED]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"))
        context = browser.new_context(record_har_path=str(file), record_har_content="embed")
        page = context.new_page()
        page.goto(url + "/words")
        page.evaluate(script, [url, asked])
        context.close()
        browser.close()


RECORDERS = {
    "betamax": _record_betamax,
    "cassetter": _record_cassetter,
    "chromium": _record_chromium,
    "vcrpy": _record_vcrpy,
}

if __name__ == "__main__":
    FILES.mkdir(exist_ok=True)
    with serving() as url:
        RECORDERS[sys.argv[1]](url)
    print(json.dumps(sorted(file.name for file in FILES.iterdir())))
