"""The seam for transports, used by hand: what is kept where a block is left, and what is no use of it."""

from __future__ import annotations

import asyncio

import pytest

import tracefork
from tracefork import Fault, Request, Response
from tracefork.errors import Divergence
from tracefork.runtime.port import Port

ASKED = Request("POST", "https://a.example/", (), b"hello")
PIECES = (b"one", b"two", b"three")
LIVE = Response(200, (("a", "b"),))


def ask(run, take=len(PIECES), pieces=PIECES):
    """What the agent has of an answer of which it reads so many pieces."""
    with run.asking(ASKED) as call:
        call.head(LIVE if call.served is None else None)
        heard = []
        if take:
            for piece in call.through(pieces if call.served is None else None):
                heard.append(piece)
                if len(heard) == take:
                    break
        return heard


@pytest.mark.parametrize("take", [0, 1, 2])
def test_what_is_left_early_is_closed_there_and_again(take):
    with tracefork.record() as run:
        assert ask(run, take) == list(PIECES[:take])
    with tracefork.replay(run.tape) as again:
        assert ask(again, take) == list(PIECES[:take])
    with pytest.raises(Divergence), tracefork.replay(run.tape) as further:
        ask(further, take + 1)

    assert run.tape[0].response.end == "closed"
    assert again.tape.digest() == run.tape.digest()


def test_a_body_by_hand_ends_where_it_is_said_to():
    def by_hand(run):
        with run.asking(ASKED) as call:
            call.head(LIVE if call.served is None else None)
            for piece in PIECES if call.served is None else call.chunks():
                call.chunk(piece)
            call.finish()

    with tracefork.record() as run:
        by_hand(run)

    assert (run.tape[0].response.chunks, run.tape[0].response.end) == (PIECES, "eof")
    assert tracefork.verify(run.tape, by_hand).ok


def test_a_served_body_that_broke_breaks_for_whoever_reads_on():
    with tracefork.record() as run, pytest.raises(ConnectionResetError), run.asking(ASKED) as call:
        call.head(LIVE)
        call.chunk(b"one")
        raise ConnectionResetError("gone")
    with (
        tracefork.replay(run.tape) as again,
        pytest.raises(ConnectionResetError),
        again.asking(ASKED) as call,
    ):
        call.head()
        with pytest.raises(ConnectionResetError, match="gone"):
            list(call.through())
        list(call.through())

    assert isinstance(run.tape[0].response.end, Fault)
    assert again.tape.digest() == run.tape.digest()


@pytest.mark.parametrize("given_up", [KeyboardInterrupt, asyncio.CancelledError])
def test_a_call_that_is_given_up_before_the_turn_of_its_head_has_none(monkeypatch, given_up):
    def interrupted(self, flight, taken):
        raise given_up

    monkeypatch.setattr(Port, "head", interrupted)
    with tracefork.record() as run, pytest.raises(given_up):
        ask(run)

    assert run.tape[0].answer == Fault("cancelled", "")


def test_a_gate_is_shown_what_leaves_and_nothing_that_is_served():
    shown = []
    with tracefork.record() as run:
        ask(run)
    with tracefork.fork(run.tape, 0, run.tape[0].response, gate=shown.append) as branch:
        ask(branch)
        with branch.asking(Request("POST", "https://a.example/", (), b"more")) as call:
            assert call.outgoing.body == b"more"
            call.head(LIVE)
            list(call.through(()))

    assert [request.body for request in shown] == [b"more"]


def test_what_is_no_use_of_a_call_is_an_error():
    with tracefork.record() as run:
        with pytest.raises(RuntimeError, match="enter the block first"):
            run.asking(ASKED).head(LIVE)
        with pytest.raises(RuntimeError, match="a head before its body"), run.asking(ASKED) as call:
            list(call.through(PIECES))
        with pytest.raises(RuntimeError, match="no answer"), run.asking(ASKED) as call:
            call.head()
        with pytest.raises(RuntimeError, match="has had the head"), run.asking(ASKED) as call:
            call.head(LIVE)
            call.head(LIVE)
        with run.asking(ASKED) as call:
            call.head(LIVE)
        with pytest.raises(RuntimeError, match="asked once"), call:
            pass
