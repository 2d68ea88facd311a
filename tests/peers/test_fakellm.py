"""Agents against fakellm, a server of another make, which cuts its chunks otherwise."""

from __future__ import annotations

import pytest
from peers import sdks
from peers.proof import met, proved

pytestmark = [pytest.mark.peers, pytest.mark.sdk, pytest.mark.usefixtures("hurried")]

AGENTS = [a for a in sdks.ALL if a.__name__.startswith(("anthropic", "chat", "legacy"))]
by_name = {"ids": lambda agent: agent.__name__}


@pytest.mark.parametrize("agent", AGENTS, **by_name)
def test_an_agent_gets_the_same_from_the_tape(agent, fakellm):
    (how, said), tape = proved(agent, sdks.Maker(fakellm))

    assert how == "returned"
    assert tuple(answer[0] for answer in said) == sdks.TEXTS
    assert met(tape) == [200, 200]
    if "stream" in agent.__name__:
        assert all(len(exchange.response.chunks) > 3 for exchange in tape)


@pytest.mark.parametrize("agent", [a for a in AGENTS if "create" in a.__name__], **by_name)
def test_a_server_that_stays_busy(agent, fakellm):
    (how, errors), tape = proved(agent, sdks.Maker(fakellm, {"x-test-scenario": "busy"}))

    assert how == "raised"
    assert errors[0][0].__name__ == "RateLimitError"
    assert "Not now." in errors[0][1]
    assert met(tape) == [429] * 3
