"""What is refused and is no connection says why, and what to do: not which address to allow."""

import os

import httpx
import pytest

import tracefork
from tracefork.errors import Refused
from tracefork.testing.scripted import by_rule, transport

client = httpx.Client(transport=transport(by_rule(lambda _: tracefork.Response(200, (), (b"x",))), httpx))


@pytest.fixture(scope="module")
def tape():
    with tracefork.record() as run:
        client.get("http://h/")
    return run.tape


def test_what_is_asked_after_a_replay_is_told_to_be_waited_for(tape):
    from tracefork.core.values import Request

    with tracefork.replay(tape) as run:
        client.get("http://h/")
    with pytest.raises(Refused) as caught:
        run.port.ask(Request("GET", "http://h/late"))

    assert "the replay is over" in str(caught.value) and "wait for it within the run" in str(caught.value)
    assert "allow=" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_a_forked_process_asks_is_told_how_it_joins(tape):
    reading, writing = os.pipe()
    with tracefork.replay(tape):
        client.get("http://h/")
        if (child := os.fork()) == 0:
            try:
                client.get("http://h/")
            except BaseException as exc:
                os.write(writing, str(Refused.find(exc)).encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        told = file.read().decode()

    assert 'processes="join"' in told and "allow=" not in told, told
