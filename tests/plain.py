"""A client that no adapter knows: HTTP by hand over a socket."""

from __future__ import annotations

import socket
from http.client import HTTPResponse


class Plain:
    """One connection to `host:port`, kept alive."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.sock = socket.create_connection((host, int(port)), timeout=5)

    def ask(self, path="/"):
        self.sock.sendall(f"GET {path} HTTP/1.1\r\nHost: plain\r\n\r\n".encode())
        response = HTTPResponse(self.sock)
        response.begin()
        return response.read()

    def close(self):
        self.sock.close()


def ask(address):
    """What is at the root of a server that is reached through a connection of its own."""
    plain = Plain(address)
    try:
        return plain.ask()
    finally:
        plain.close()
