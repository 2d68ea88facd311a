"""Of 893 real exchanges: which may be served again, when they were whole, and what another call leaves."""

from __future__ import annotations

import re
from collections import Counter

from attrs import evolve
from peers.test_corpus_readers import exchange

from tracefork import Tape
from tracefork.providers import base, read
from tracefork.providers.messages import ToolCall
from tracefork.providers.reusable import choose_reuse, find_retried, is_reusable_request, is_whole
from tracefork.providers.turns import Turn, find_turn, read_turn, replace_turn

NUMBERS = '{"a":1.50,"b":[1e400]}'


def ending(row, **changes):
    """The exchange of a row whose answer does not say how long it is, as if the agent had ended it so."""
    recorded = exchange(row)
    headers = tuple(h for h in recorded.answer.headers if h[0].lower() != "content-length")
    return evolve(recorded, answer=evolve(recorded.answer, headers=headers, **changes))


def test_every_question_to_a_model_is_reusable_but_those_that_name_what_they_do_not_carry(rows):
    found = Counter((row.path.split("?")[0].split("/")[-1].split(":")[-1], verdict(row)) for row in rows)

    assert {key: n for key, n in found.items() if not key[1]} == {
        ("messages", False): 33,  # of threads
        ("responses", False): 6,  # three go on from a response, three search the web
        ("completions", False): 11,  # pictures at a URL, as in the next two
        ("generateContent", False): 1,
        ("streamGenerateContent", False): 1,
    }
    assert found["messages", True] == 116
    assert found["completions", True] == 519 + 68 - 11
    assert found["responses", True] == 110 - 6


def verdict(row):
    return is_reusable_request(exchange(row).request)


def test_an_answer_is_whole_when_it_was_read_or_closed_at_its_end_and_at_no_other_byte(rows):
    whole = Counter()
    for row in rows:
        recorded = exchange(row)
        fine = row.answer.status == 200
        assert is_whole(recorded) is fine, row.number
        closed = is_whole(ending(row, end="closed"))
        assert closed is (fine and bool(row.answer.body)), row.number
        assert not is_whole(ending(row, end="cancelled"))
        whole[row.streamed] += closed
        body = row.answer.body
        for upto in sorted({0, 1, len(body) // 3, len(body) // 2, len(body) * 4 // 5}):
            assert not is_whole(ending(row, end="closed", chunks=(body[:upto],))), (row.number, upto)

    assert whole == {True: 224, False: 893 - 224 - 14 - 3}, "three say nothing at all"


def test_no_stream_is_whole_before_its_last_event(rows):
    tried = 0
    for row in rows:
        body = row.answer.body.replace(b"\r\n", b"\n")
        if row.streamed and b"\n\n" in body:
            events = [event + b"\n\n" for event in body.split(b"\n\n") if event.strip()]
            for upto in {len(events) - 1, len(events) - 2, len(events) // 2}:
                cut = ending(row, end="closed", chunks=tuple(events[:upto]))
                assert not is_whole(cut), (row.number, upto)
            tried += 1

    assert tried > 200


def test_what_may_be_served_is_a_question_to_a_model_whose_answer_was_whole(rows):
    choose = choose_reuse("models")

    assert sum(choose(exchange(row)) for row in rows) == sum(
        verdict(row) and row.answer.status == 200 for row in rows
    )


def test_none_of_their_errors_is_an_outage(rows):
    assert find_retried(Tape(tuple(map(exchange, rows)))) == frozenset()


def test_every_answer_with_other_calls_is_read_back_with_all_else_as_it_was(rows):
    changed = Counter()
    for row in rows:
        recorded = exchange(row)
        turn = find_turn(recorded)
        if turn is None:
            continue
        assert replace_turn(recorded, turn) is recorded.answer
        is_older = re.search(rb'"function_call"\s*:\s*\{', base.decode_body(row.answer))
        more = () if is_older else (ToolCall("", "more", "{}"),)
        calls = tuple(ToolCall(call.id, "other", NUMBERS) for call in turn.calls)
        response = replace_turn(recorded, Turn(turn.text, (*calls, *more)))
        again = evolve(recorded, answer=response)
        old, new = read.completion(recorded), read.completion(again)
        found = read_turn(again)
        assert found.text == turn.text, row.number
        assert [(c.name, c.arguments) for c in found.calls] == [
            *[("other", NUMBERS)] * len(turn.calls),
            *((c.name, c.arguments) for c in more),
        ]
        assert [c.id for c in found.calls][: len(turn.calls)] == [c.id for c in turn.calls]
        assert (new.id, new.model, new.usage, new.complete) == (old.id, old.model, old.usage, old.complete)
        changed[old.api, row.streamed] += 1

    assert changed.total() == 893 - 33 - 14 - 68 - 3
