"""A conversation that grows is looked at only where it is new: what is found is what a fresh look finds."""

from __future__ import annotations

import base64
import json
from random import Random

import pytest
from attrs import evolve

from tracefork import Request
from tracefork.redact import redactor
from tracefork.redact.surrogates.vault import Vault

ISSUED = "ghp_aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5"
NAMED = "q8Zk2LwP0mXr7TvB4nYc"
WORDS = "plain words, nothing else "
MARKS = 'ab "\\\n:,{}[]'


def keeping():
    return evolve(redactor({}), vault=Vault(bytes(32)))


def asked(redact, messages):
    body = json.dumps({"messages": messages, "tools": [{"name": "look"}]}).encode()
    return redact.question(Request("POST", "http://m/", (), body)).body


def in_pieces(chance):
    cut = chance.randrange(4, len(ISSUED) - 4)
    return [{"type": "text", "text": part} for part in (ISSUED[:cut], f"{ISSUED[cut:]} is it.")]


def unmarked(body):
    """The body without the mark of base64: a secret that was met in it has none where it is known."""
    return body.replace(b".base64]", b"]")


SAYINGS = {
    "whole": lambda chance: f"it is {ISSUED}.",
    "in pieces": in_pieces,
    "in base64": lambda chance: base64.b64encode(f"it is {ISSUED}, {WORDS}".encode()).decode(),
    "late in long base64": lambda chance: base64.b64encode(f"{WORDS * 900} {ISSUED}".encode()).decode(),
    "by its name": lambda chance: [{"input": {"access_token": NAMED}}],
    "in a URL": lambda chance: f"https://a.example/?access_token={NAMED}&n=1",
    "in JSON in a string": lambda chance: json.dumps({"said": {"access_token": NAMED}}),
}


@pytest.mark.parametrize("say", SAYINGS.values(), ids=list(SAYINGS))
def test_a_conversation_that_grows_is_masked_as_one_that_is_seen_for_the_first_time(say):
    for seed in range(20):
        chance = Random(seed)
        messages = [{"role": "user", "content": WORDS * chance.randrange(700, 2000)}]
        redact = keeping()
        for turn in range(5):
            marked = "".join(chance.choices(MARKS, k=chance.randrange(3000)))
            messages.append({"role": "user", "content": marked})
            if turn in (1, 3):
                messages.append({"role": "assistant", "content": say(chance)})
            grown = asked(redact, messages)

            assert unmarked(grown) == unmarked(asked(keeping(), messages)), (seed, turn)
        assert grown.count(b"[secret:") >= 2


@pytest.mark.parametrize("say", SAYINGS.values(), ids=list(SAYINGS))
def test_what_a_conversation_meets_late_is_counted_and_known_from_then_on(say):
    chance, redact = Random(1), keeping()
    messages = [{"role": "user", "content": WORDS * 2000}]
    asked(redact, messages)
    asked(redact, [*messages, {"role": "assistant", "content": say(chance)}])

    assert sum(redact.vault.counts().values()) == 1
    if NAMED in json.dumps(say(chance)):
        assert NAMED.encode() not in asked(redact, [{"role": "user", "content": f"again: {NAMED}"}])
