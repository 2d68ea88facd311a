"""Whatever stands in a question or an answer, reading it raises nothing, and each text can be encoded."""

import json

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from providers.payloads import ANSWERS, ANTHROPIC, EVENTS, GEMINI, QUESTIONS, URLS

from tracefork import Exchange, Request, Response
from tracefork.providers import read, sse
from tracefork.providers.messages import Other

SSE = (("content-type", "text/event-stream"),)
AWS = (("content-type", "application/vnd.amazon.eventstream"),)

HUGE = "<a number that Python would not print>"

texts = st.text(st.characters(), max_size=8) | st.just("\ud83d") | st.just("data:image/png;base64,!")
scalars = st.none() | st.booleans() | st.integers() | st.just(HUGE) | st.floats() | texts
"""Halves of surrogate pairs, NaN and infinity are among them."""
words = st.sampled_from(["text", "type", "role", "content", "parts", "id", "name", "index", "input", "error"])
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | texts, inner, max_size=3)
)


def dumped(value):
    return json.dumps(value).replace(json.dumps(HUGE), "9" * 5000).encode()


def places(value, path=()):
    """Where something stands in a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from places(entry, (*path, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from places(entry, (*path, index))


def changed(value, path, new):
    if not path:
        return new
    head, *rest = path
    if isinstance(value, dict):
        return {**value, head: changed(value[head], rest, new)}
    return [*value[:head], changed(value[head], rest, new), *value[head + 1 :]]


@st.composite
def mutated(draw, of):
    value = of
    for _ in range(draw(st.integers(1, 3))):
        value = changed(value, draw(st.sampled_from(list(places(value)))), draw(anything))
    return value


def streamed(events, *, done):
    pieces = [sse.encode("", dumped(event).decode()) for event in events]
    return b"".join([*pieces, sse.encode("", "[DONE]")] if done else pieces)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for entry in value:
            yield from strings(entry)
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from strings(getattr(value, field.name))


def looked_at(url, question, answer, headers=()):
    """Everything that a reader can be asked; each string of it is encoded."""
    request = Request("POST", url, (), question)
    prompt = read.prompt(request)
    completion = read.completion(Exchange(request, Response(200, headers, (answer,))))
    assert all(text.encode() is not None for text in strings((prompt, completion)))
    if completion:
        assert (completion.text, completion.calls, completion.stop_reason) is not None
        usage = completion.usage
        assert usage is None or all(c is None or c >= 0 for c in attrs.astuple(usage))
    return prompt, completion


@pytest.mark.parametrize("url", URLS)
@given(question=anything, answer=anything, events=st.lists(anything, max_size=4), done=st.booleans())
def test_any_json_is_read(url, question, answer, events, done):
    looked_at(url, dumped(question), dumped(answer))
    looked_at(url, dumped(question), streamed(events, done=done), SSE)


@pytest.mark.parametrize("url", URLS)
@given(data=st.data())
def test_a_real_payload_with_anything_in_any_place_is_read(url, data):
    question, answer = data.draw(mutated(QUESTIONS[url])), data.draw(mutated(ANSWERS[url]))
    events, done = data.draw(mutated(EVENTS[url])), data.draw(st.booleans())

    looked_at(url, dumped(question), dumped(answer))
    looked_at(url, b"", streamed(events if isinstance(events, list) else [events], done=done), SSE)
    looked_at(url, b"", dumped(events))


@pytest.mark.parametrize("url", URLS)
@given(data=st.data(), shuffled=st.randoms(use_true_random=False))
def test_events_that_are_lost_doubled_and_out_of_order_are_read(url, data, shuffled):
    events = data.draw(st.lists(st.sampled_from(EVENTS[url])))
    shuffled.shuffle(events)
    body = streamed(events, done=False)

    looked_at(url, b"", body[: data.draw(st.integers(0, len(body)))], SSE)


@pytest.mark.parametrize("url", URLS)
@given(question=st.binary(), answer=st.binary(), headers=st.sampled_from([(), SSE, AWS]))
@example(question=b"\xff\xfe{", answer=b"\xef\xbb\xbf{}", headers=())
@example(question=b"{", answer=b"\x00\x00\x00\x10\xff\xff\xff\xff" + b"\x00" * 20, headers=AWS)
@example(question=b"[", answer=b"\x00\x00\x00\x00" * 9, headers=AWS)
def test_any_bytes_are_read(url, question, answer, headers):
    looked_at(url, question, answer, headers)
    packed = (("content-encoding", "gzip"),)
    looked_at(url, question, answer, (*headers, *packed))


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("depth", [50, 300, 900, 990, 5000, 200_000])
def test_what_is_nested_beyond_reason_is_read(url, depth):
    deep = {
        "tool_result": b'{"type": "tool_result", "content": [' * depth + b"]}" * depth,
        "objects": b'{"a":' * depth + b"1" + b"}" * depth,
        "lists": b"[" * depth + b"]" * depth,
        "open": b"[" * depth,
    }
    for key in (
        "tools",
        "messages",
        "contents",
        "input",
        "content",
        "output",
        "choices",
        "candidates",
        "error",
    ):
        for nested in deep.values():
            looked_at(url, b'{"%s": [%s]}' % (key.encode(), nested), b'{"%s": [%s]}' % (key.encode(), nested))
            said = b'{"role": "user", "content": [%s], "parts": [%s]}' % (nested, nested)
            looked_at(url, b'{"%s": [%s]}' % (key.encode(), said), b'{"%s": %s}' % (key.encode(), nested))
    looked_at(url, deep["open"], deep["open"])


@given(
    url=st.text()
    | st.sampled_from(["http://[", "//", "http://x/v1/messages?a", "http://x:99999999/responses"])
)
def test_any_url_is_looked_at(url):
    looked_at(url, b"{}", b"{}")


@given(key=st.sampled_from(["tools", "messages", "system", "input", "contents", "x"]), value=anything)
def test_any_element_is_read(key, value):
    for url in URLS:
        api = read.api(Request("POST", url))
        found = api.elements(key, value)
        assert api.element(key, value) == (found[0] if len(found) == 1 else None)


# -- and nothing is lost that need not be -----------------------------------------------


def test_half_a_surrogate_pair_is_replaced_and_two_halves_are_joined():
    question = b'{"messages": [{"role": "user", "content": "a\\ud83d"}]}'
    deltas = [{"type": "text_delta", "text": half} for half in "\ud83d\ude86"]
    halves = [
        {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "delta": delta} for delta in deltas),
    ]

    prompt, completion = looked_at(ANTHROPIC, question, streamed(halves, done=False), SSE)

    assert prompt.messages[0].text == "a\ufffd"
    assert completion.text == "🚆"


def test_numbers_keep_their_digits():
    digits = '{"a":1.10,"b":1e400,"c":' + "7" * 5000 + ',"d":-0.0,"e":12345678901234567890123}'
    block = {"content": [{"type": "tool_use", "name": "f", "input": "HERE"}]}
    gemini = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": "HERE"}}]}}]}

    for url, body in ((ANTHROPIC, block), (GEMINI, gemini)):
        _, completion = looked_at(url, b"{}", json.dumps(body).replace('"HERE"', digits).encode())
        assert completion.calls[0].arguments == digits


def test_parts_of_other_shapes_are_kept_as_json():
    content = [{"type": "text", "text": 5}, 7, {"type": "tool_use", "name": None}, {"type": "new", "x": 1.5}]
    question = json.dumps({"messages": [{"role": "user", "content": content}]})

    prompt, _ = looked_at(ANTHROPIC, question.replace("1.5", "1.50").encode(), b"{}")

    assert prompt.messages[0].parts == (
        Other("text", '{"type":"text","text":5}'),
        Other("", "7"),
        Other("tool_use", '{"type":"tool_use","name":null}'),
        Other("new", '{"type":"new","x":1.50}'),
    )


def test_counts_that_cannot_be_true_are_not_said():
    for wrong in ("-1", "1.5", "true", '"7"', "9" * 30, "9" * 5000):
        answer = '{"content": [], "usage": {"input_tokens": WRONG, "output_tokens": 3}}'
        _, completion = looked_at(ANTHROPIC, b"{}", answer.replace("WRONG", wrong).encode())
        assert completion.usage.input is None
        assert completion.usage.output == 3


def test_a_body_that_was_not_kept_or_cannot_be_unpacked_is_not_read():
    for headers in ((("content-encoding", "gzip"),), (("content-encoding", "unheard-of"),)):
        assert looked_at(ANTHROPIC, b"{}", b'{"content": []}', headers)[1] is None
    assert looked_at(ANTHROPIC, b"", b"") == (None, None)
