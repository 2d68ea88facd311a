"""The gateway keeps the transports' contract, for whatever client asks through it."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tracefork.runtime import lanes
from tracefork.testing import TransportTests
from tracefork.transports.gateway.addresses import MARK
from tracefork.transports.gateway.app import Place
from tracefork.transports.gateway.serving import open_gateway


@pytest.mark.slow
class TestGateway(TransportTests):
    """Asked by the standard library's client, as by a program in any language.

    A connection that is refused, or breaks, is one that the gateway closes: the exception need not be
    that which is raised without. Two tests are of agents in this process: a tool of theirs is unknown to
    the gateway, and a client that leaves a stream is one that gives it up (see `test_commands`).
    """

    abilities = frozenset({"sync", "streams", "secrets"})
    test_in_a_tool_nothing_is_recorded = None
    test_a_stream_that_the_agent_leaves_is_left_again = None

    @contextmanager
    def opened(self, run, url, body):
        if run is None:
            with self.asked(urlsplit(url).netloc, url, body) as answered:
                yield answered
            return
        with open_gateway(lambda _: Place(run)) as gateway:
            scheme, _, rest = url.partition("://")
            address = f"{gateway.base}/{MARK}/{scheme}/{rest}"
            with self.asked(urlsplit(gateway.base).netloc, address, body) as answered:
                yield answered

    @contextmanager
    def asked(self, host, url, body):
        connection = HTTPConnection(host, timeout=20)
        try:
            parts = urlsplit(url)
            with lanes.aside():  # it stands for a client in another process
                connection.request(
                    "POST", f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}", body
                )
                answer = connection.getresponse()
            yield answer.status, iter(partial(answer.read1, 2**16), b"")
        finally:
            connection.close()
