"""A library of a version that its adapter does not know breaks no run, and is named."""

import logging

import httpx
import pytest

import tracefork
from tracefork.testing import LoopbackServer, by_rule
from tracefork.transports import intercept

client = pytest.importorskip("websockets.asyncio.client")


def test_its_clients_are_not_recorded_and_all_others_are(monkeypatch, caplog):
    for name in ("create_connection", "open_tcp_connection"):
        monkeypatch.delattr(client.connect, name, raising=False)
    monkeypatch.setattr(intercept, "_unknown", set())

    with (
        caplog.at_level(logging.WARNING, "tracefork"),
        LoopbackServer(by_rule(lambda _: tracefork.Response(200, (), (b"fine",)))) as server,
    ):
        for _ in range(2):
            with tracefork.record() as run:
                assert httpx.get(server.url).text == "fine"

    assert len(run.tape) == 1
    [record] = [one for one in caplog.records if "is not known here" in one.message]
    assert "websockets.asyncio.client" in record.message
