"""What an error advises is in the words of whoever reads it: of a program, or of a shell."""

import re

import httpx
import pytest

import tracefork
from tracefork import Request, TapeStore
from tracefork.core.advice import advise, in_shell
from tracefork.core.values import Call, Omitted
from tracefork.errors import BodyOmitted, InDoubt, Refused, RunExists, TooLarge, ToolRefused

CALL = Call("book", "{}")
ERRORS = [
    InDoubt(CALL),
    ToolRefused(CALL),
    Refused("127.0.0.1:5432", "agent.py:3"),
    Refused("/run/my x.sock", "agent.py:3"),
    Refused("127.0.0.1:5432", "agent.py:3", "connection"),
    Refused("ask", "agent.py:3", "thread"),
    BodyOmitted(Request("GET", "https://x/"), Omitted("0" * 64, 9)),
    RunExists("r"),
    TooLarge("large"),
]
PYTHON = re.compile(r"\b(allow|strict|tools|limits|on_doubt|max_body|passthrough|scope|rebase)=")


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_advice_in_a_shell_names_no_argument_of_a_function(error):
    plain = str(error)
    with in_shell():
        told = str(error)

    assert not PYTHON.search(told.removeprefix("strict=True refused"))  # what did it, and no advice
    assert str(error) == plain


def test_the_words_are_those_of_the_command():
    with in_shell():
        assert "tracefork resume last --on-doubt rerun" in str(InDoubt(CALL))
        assert "--tools live" in str(ToolRefused(CALL))
        assert "--allow '/run/my x.sock'" in str(Refused("/run/my x.sock", "agent.py:3"))
        assert "without --strict" in str(Refused("python", "agent.py:3", "process", strict=True))
        assert "strict" not in str(Refused("python", "agent.py:3", "process"))  # processes="refuse" did it
        assert advise("a", "b") == "b"
    assert 'on_doubt="rerun"' in str(InDoubt(CALL))
    assert advise("a", "b") == "a"


def test_a_run_with_branches_is_not_deleted_and_says_how_it_would_be():
    client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    store = TapeStore.open(":memory:")
    with tracefork.record(store, run_id="r") as run:
        client.get("https://m.example/")
    with tracefork.fork(run.tape, 0, run.tape[0].response, store=store):
        client.get("https://m.example/")

    with pytest.raises(tracefork.errors.StoreError, match="pass rebase=True"):
        store.delete("r")
    with in_shell(), pytest.raises(tracefork.errors.StoreError, match="pass --rebase"):
        store.delete("r")
