"""A server that sends what it is told, byte by byte; what an agent sees of it bare, recorded and replayed."""

from __future__ import annotations

import gc
import re
import socket
import struct
import threading
import warnings

import tracefork

RESET, HOLD, CLOSE = object(), object(), object()
"""What may follow bytes: a reset, silence until the client leaves, an orderly end."""


class Hostile:
    """Answers each request with what `rule(line, body)` gives: bytes, RESET, HOLD, CLOSE or functions."""

    def __init__(self, rule, context=None):
        self._rule, self._context = rule, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address, self.url = f"127.0.0.1:{self.port}", f"http://127.0.0.1:{self.port}"
        self.lines, self.bodies, self.heads, self.connections = [], [], [], 0
        self._open = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._open):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            with self._context.wrap_socket(sock, server_side=True) if self._context else sock as secure:
                file = secure.makefile("rb")
                while self._answer(secure, file):
                    pass
        except OSError:
            pass

    def _answer(self, sock, file):
        line = file.readline().decode().strip()
        if not line:
            return False
        head = {}
        while header := file.readline().strip():
            name, _, value = header.decode("latin-1").partition(":")
            head[name.lower()] = value.strip()
        body = file.read(int(head.get("content-length", 0)))
        if "chunked" in head.get("transfer-encoding", ""):
            while size := int(file.readline(), 16):
                body += file.read(size)
                file.readline()
            file.readline()
        self.lines.append(line)
        self.heads.append(head)
        self.bodies.append(body)
        for part in self._rule(line, body):
            if part is CLOSE:
                return False
            if part is HOLD:
                sock.recv(1)
                return False
            if part is RESET:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                threading.Event().wait(0.05)  # what was sent is to be read first
                return False
            if callable(part):
                part(sock)
            else:
                sock.sendall(part)
        return True


def plain(body, *headers, status="200 OK", version="HTTP/1.1"):
    """An answer with a content-length."""
    lines = [f"{version} {status}", *headers, f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def chunked(*pieces, end=b"0\r\n\r\n", headers=()):
    """An answer in chunks, which ends as `end` says."""
    lines = ["HTTP/1.1 200 OK", *headers, "Transfer-Encoding: chunked"]
    return (
        ("\r\n".join(lines) + "\r\n\r\n").encode()
        + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces)
        + end
    )


def see(agent):
    """What `agent` comes to: its result, or its exception with all that caused it to be so called."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            seen = agent()
        except Exception as exc:
            seen = describe(exc)
            exc.__traceback__ = None
        gc.collect()
    return seen, sorted({str(one.category) for one in caught if "ResourceWarning" not in str(one.category)})


def forget_names(monkeypatch):
    """Let nobody know "nowhere.invalid", without a name server being asked."""

    def look_up(host, *args, **kwargs):
        if host == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return known(host, *args, **kwargs)

    known = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def describe(exc):
    return type(exc), repr(exc), str(exc)


def without_addresses(seen):
    return re.sub(r"0x[0-9a-f]+", "0x", repr(seen))


def see_thrice(agent, rule, **options):
    """Show that `agent(server)` comes to the same bare, recorded, and replayed with the server gone.

    Returns what it came to, the run and the server.
    """
    with Hostile(rule) as server:
        bare = see(lambda: agent(server))
        lines, connections = len(server.lines), server.connections
        with tracefork.record(**options) as run:
            live = see(lambda: agent(server))
        assert without_addresses(live) == without_addresses(bare)
        assert len(server.lines) == 2 * lines and server.connections == 2 * connections
    with tracefork.replay(run.tape) as again:
        served = see(lambda: agent(server))

    assert repr(served) == repr(live)
    assert again.tape.digest() == run.tape.digest()
    assert run.tape.escaped == () and again.refused == ()
    return live[0], run, server
