"""Agents that ask a real model, which says what it likes, token by token: the same from the tape."""

from __future__ import annotations

import pytest
from peers import sdks
from peers.proof import met, proved

pytestmark = [pytest.mark.peers, pytest.mark.sdk, pytest.mark.nightly]

AGENTS = (
    sdks.anthropic_create,
    sdks.anthropic_stream_async,
    sdks.chat_stream,
    sdks.chat_create_async,
    sdks.legacy_stream_async,
)


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.__name__)
def test_an_agent_gets_the_same_from_the_tape(agent, llama):
    (how, said), tape = proved(agent, sdks.Maker(llama))

    print(f"{agent.__name__}: {[answer[0] for answer in said]}")
    assert how == "returned"
    assert all(answer[0] for answer in said)
    assert met(tape) == [200, 200]
    if "stream" in agent.__name__:
        assert all(len(exchange.response.chunks) > 3 for exchange in tape)
