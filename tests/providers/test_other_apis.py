"""Every other API that a recorded run may have, as the readers give it: whole, streamed, cut and hostile."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from providers.other_payloads import CASES, respond
from providers.test_hostile import anything, dumped, mutated, strings

from tracefork import Exchange, Request, Response, Tape, report
from tracefork.providers import prices, read
from tracefork.providers.last_answers import find_answer, find_last_text, is_fetched
from tracefork.providers.messages import Embeddings, Media, Text, Thinking, ToolCall, ToolResult
from tracefork.providers.wholeness import is_whole
from tracefork.report.model.gather import view_of
from tracefork.report.page.messages import cards
from tracefork.report.page.pieces_json import spell as spell_piece

FEW = settings(max_examples=max(10, settings().max_examples // 10))
"""There are sixty APIs, which share most of their code."""

EACH = pytest.mark.parametrize("case", CASES, ids=str)


def spell(messages):
    """Messages in short: a line for each part."""
    return [f"{message.role}: {spell_part(part)}" for message in messages for part in message.parts]


def spell_part(part):
    match part:
        case Text(text):
            return text
        case Thinking(text):
            return f"thinks {text}"
        case ToolCall(_, name, arguments):
            return f"calls {name} {arguments}"
        case ToolResult(id=name):
            return f"result {name}"
        case Media(kind, size=None):
            return f"{kind} {part.url}"
        case Media(kind, size=size):
            return f"{kind} {size}"
        case Embeddings():
            return str(part)
        case _:
            return f"{part.type} {part.json}"


def check(case, completion):
    assert completion is not None
    assert (completion.api, completion.kind, completion.complete) == (case.name, case.kind, case.complete)
    assert completion.failure is None
    assert spell(choice.message for choice in completion.choices) == case.heard
    assert completion.stop_reason == case.stop
    usage = completion.usage
    assert (None if usage is None else (usage.input, usage.output)) == case.tokens
    assert completion.model in ("", case.model)


@EACH
def test_a_question_is_read(case):
    assert read.api(case.request).name == case.name
    asked = read.prompt(case.request)

    assert (spell(asked.messages) if asked else []) == case.asked
    assert (len(asked.tools) if asked else 0) == case.tools


@EACH
def test_a_whole_answer_is_read(case):
    exchange = case.answer_with(case.answer)
    if case.framing == "socket":
        exchange = evolve(exchange, answer=respond((case.answer,), "socket"))

    check(case, read.completion(exchange))


@pytest.mark.parametrize("case", [case for case in CASES if case.events], ids=str)
def test_a_stream_is_put_together_and_one_that_broke_off_says_so(case):
    whole = read.completion(case.answer_with(*case.events))
    if case.name == "openai.speech":
        assert (spell(c.message for c in whole.choices), whole.usage.output) == (["assistant: audio 8"], 6)
    else:
        check(case, whole)

    cut = read.completion(
        evolve(case.answer_with(*case.events), answer=respond(case.events[:1], case.framing))
    )
    assert cut is None or cut.kind == "record" or not cut.complete


@EACH
def test_a_refusal_of_the_host_is_a_failure_and_no_answer(case):
    for body, message in (
        ({"error": {"type": "t", "message": "No."}}, "No."),
        ({"message": "No."}, "No."),
        ({"detail": [{"msg": "No."}]}, '[{"msg":"No."}]'),
    ):
        answer = Response(400, (("content-type", "application/json"),), (json.dumps(body).encode(),))
        if case.method == "SEND":
            continue
        completion = read.completion(Exchange(case.request, answer))
        assert completion.failure.message == message
        assert not completion.choices


@EACH
@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b"[]", b"null", b'{"data": 3}', b"\xff\xfe", b"data: {}\n\n"]
)
def test_what_makes_no_sense_is_none(case, body):
    headers = (("content-type", "application/json"),)

    completion = read.completion(Exchange(case.request, Response(200, headers, (body,))))
    assert completion is None or not completion.text


# -- hostile ---------------------------------------------------------------------------------


def look(case, question, response):
    """Everything that a reader can be asked; each string of it is encoded."""
    request = evolve(case.request, body=question)
    found = read.prompt(request), read.completion(Exchange(request, response))
    assert all(text.encode() is not None for text in strings(found))
    completion = found[1]
    if completion:
        assert (completion.text, completion.calls, completion.stop_reason) is not None
        for choice in completion.choices:
            assert spell([choice.message]) is not None


def packed(values, framing):
    return respond(tuple(values) or ({},), framing, dumped)


@EACH
@FEW
@given(data=st.data())
def test_a_real_payload_with_anything_in_any_place_is_read(case, data):
    question = data.draw(mutated(case.question)) if isinstance(case.question, dict) else data.draw(anything)
    answer = data.draw(mutated(case.answer)) if isinstance(case.answer, dict) else data.draw(anything)
    events = data.draw(
        mutated(list(case.events or [case.answer] if not isinstance(case.answer, bytes) else []))
    )

    look(case, dumped(question), packed([answer], "whole"))
    look(case, dumped(question), packed([answer], "socket"))
    look(case, b"", packed(events if isinstance(events, list) else [events], case.framing))


@EACH
@FEW
@given(data=st.data(), shuffled=st.randoms(use_true_random=False))
def test_events_that_are_lost_doubled_and_out_of_order_are_read(case, data, shuffled):
    pool = case.events or ((case.answer,) if isinstance(case.answer, dict) else ({},))
    events = data.draw(st.lists(st.sampled_from(pool), min_size=1))
    shuffled.shuffle(events)

    whole = respond(tuple(events), case.framing)
    look(case, b"", whole)
    body = whole.body[: data.draw(st.integers(0, len(whole.body)))]
    look(case, b"", evolve(whole, chunks=(body,)))


@EACH
@FEW
@given(question=st.binary(), answer=st.binary(), kind=st.sampled_from(["", "application/json", "audio/mpeg"]))
def test_any_bytes_are_read(case, question, answer, kind):
    headers = (("content-type", kind),) if kind else ()

    look(case, question, Response(200, headers, (answer,)))
    look(case, b"--x" + question, Response(500, headers, (answer,)))


@EACH
@pytest.mark.parametrize("depth", [900, 20_000])
def test_what_is_nested_beyond_reason_is_read(case, depth):
    keys = [*read.api(case.request).lists, *(case.answer if isinstance(case.answer, dict) else ())]
    for key in keys:
        for nested in (b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth + b"]" * depth):
            body = b'{"%s": %s}' % (key.encode(), nested)
            look(case, body, Response(200, (), (body,)))
            look(case, body, Response(200, (), (b'{"%s": [%s]}' % (key.encode(), nested),)))


# -- what is no answer of a model -----------------------------------------------------------------


def test_what_a_server_keeps_is_no_answer_and_the_last_word_is_a_models():
    by_name = {str(case): case.answer_with(case.answer) for case in CASES if case.framing == "sse"}
    chat = next(exchange for name, exchange in by_name.items() if name.startswith("writer.chat"))
    embedded = by_name["openai.embeddings embeddings"]
    kept = by_name["openai.files files"]
    thread = by_name["openai.threads messages?limit=2"]
    strange = Exchange(Request("GET", "https://example.org/"), Response(200, (), (b"page",)))

    assert find_answer(kept) is None
    assert find_answer(embedded) is not None
    assert find_last_text(Tape((chat, embedded, kept))) == "It rains."
    assert find_last_text(Tape((strange, thread, kept))) == "It rains."
    assert find_last_text(Tape((embedded, strange, kept))) == "page"
    assert find_last_text(Tape((embedded, kept))) == ""


@pytest.mark.parametrize(
    ("method", "url", "expected"),
    [
        ("GET", "https://api.openai.com/v1/responses/resp_1", True),
        ("GET", "https://api.openai.com/v1/threads/t/runs/run_1", True),
        ("GET", "https://api.replicate.com/v1/predictions/p", True),
        ("POST", "https://api.openai.com/v1/responses", False),
        ("POST", "https://api.openai.com/v1/threads/t/runs", False),
        ("GET", "https://api.openai.com/v1/files/f", False),
        ("GET", "http://[", False),
    ],
)
def test_what_is_fetched_later_is_known(method, url, expected):
    assert is_fetched(Exchange(Request(method, url), Response(200))) is expected


def test_a_frame_of_googles_is_read_though_it_is_binary():
    case = next(case for case in CASES if case.name == "gemini.live")
    request = evolve(case.request, body=b"\xff" + case.request.body)
    answer = Response(200, (), (b"\xff" + json.dumps(case.answer).encode(),))

    assert spell(read.prompt(request).messages) == case.asked
    check(case, read.completion(Exchange(request, answer)))


def test_pages_of_numbers_are_counted_and_never_kept():
    case = next(case for case in CASES if case.name == "openai.embeddings")
    body = {"data": [{"embedding": [0.123456789] * 1536}] * 200, "model": "e"}

    (part,) = read.completion(case.answer_with(body)).choices[0].message.parts
    assert part == Embeddings(200, 1536)
    body["data"] = [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}, {"embedding": 5}, 7]
    (part,) = read.completion(case.answer_with(body)).choices[0].message.parts
    assert part == Embeddings(3, None)


@pytest.mark.parametrize("kind", ["list", "else", "", None, 3])
def test_a_list_by_any_name_is_one(kind):
    case = next(case for case in CASES if case.name == "openai.threads" and case.method == "GET")
    body = {**case.answer, "object": kind, "data": [*case.answer["data"], 3]}

    assert len(read.completion(case.answer_with(body)).choices) == 2


def test_a_key_that_has_no_utf_8_is_replaced():
    case = next(case for case in CASES if "nova-lite" in case.url)
    body = b'{"output": {"message": {"role": "assistant", "content": [{"\\ud83d": 1}]}}}'
    answer = Response(200, (("content-type", "application/json"),), (body,))

    assert read.completion(Exchange(case.request, answer)).choices[0].message.parts[0].type == "\ufffd"


# -- what shows them ---------------------------------------------------------------------------


def test_reports_and_texts_show_how_many_embeddings_there_are_and_none_of_their_numbers():
    case = next(case for case in CASES if case.name == "openai.embeddings")
    body = {"model": "e", "data": [{"embedding": [0.123456789] * 1536}]}
    tape = Tape((case.answer_with(body), case.answer_with(body)), created_at=1.0)
    text = report.conversation(tape)
    view = view_of(tape)

    assert "1 embedding of 1536 numbers" in text
    assert "0.123456789" not in text
    assert [part for card in cards(view, view.steps[0]) for part in card.parts if card.kind == "answer"] == [
        ("other", "embeddings", "1 embedding of 1536 numbers")
    ]
    shown = spell_piece(view.pieces[view.steps[0].response])
    assert shown["choices"][0]["parts"] == [["other", "embeddings", "1 embedding of 1536 numbers"]]
    assert view.steps[0].title.preview == "1 embedding of 1536 numbers"
    assert len(report.html(tape)) > 0
    assert not any(step.restarts for step in view.steps)


def test_a_thread_that_is_polled_is_counted_once():
    url = "https://api.openai.com/v1/responses"
    body = {"id": "resp_1", "status": "completed", "model": "gpt-5", "output": []}
    body["usage"] = {"input_tokens": 1000, "output_tokens": 0}
    fetched = Exchange(Request("GET", f"{url}/resp_1"), respond((body,), "whole"))
    view = view_of(Tape((fetched, fetched), created_at=1.0))

    assert view.totals.input == 1000
    assert view.totals.cost == prices.cost(read.completion(fetched))


def test_the_state_of_what_goes_on_may_be_served_again_where_anything_may():
    run = next(case for case in CASES if case.name == "openai.runs" and not case.complete)

    assert is_whole(run.answer_with(run.answer))
