"""Two runs beside each other: what was said counts, and not under which ids, when, or in how many chunks."""

import json

import pytest
from attrs import evolve

import tracefork
from tracefork import Draw, Effect, Exchange, Fault, Request, Response, Tape
from tracefork.core.values import Call, Reading, Reply, Source, Span
from tracefork.providers import anthropic, gemini, openai, sse

ANTHROPIC = "https://api.anthropic.com/v1/messages"
CHAT = "https://api.openai.com/v1/chat/completions"
RESPONSES = "https://api.openai.com/v1/responses"
GEMINI = "https://g.example/v1beta/models/m:generateContent"
OTHER = "https://api.example/v1/things"
JSON = (("content-type", "application/json"),)


def step(url, asked, said, *, headers=JSON, status=200, at=0, lane=""):
    body = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    if not isinstance(said, Response | Fault):
        said = Response(status, headers, (said if isinstance(said, bytes) else json.dumps(said).encode(),))
    return Exchange(Request("POST", url, JSON, body), said, lane, Span(at, at + 1, at + 2))


def tape(*steps):
    return Tape(tuple(evolve(one, span=Span(3 * n, 3 * n + 1, 3 * n + 2)) for n, one in enumerate(steps)))


def every(left, right, **options):
    found = tracefork.diff(left, right, **options)
    return [(place.step, place.path) for place in found.every] if found else []


def message(text, number=0, **more):
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": number, "output_tokens": 1},
    } | more


def chat(message, number=0, **more):
    return {
        "id": f"chatcmpl-{number}",
        "created": 1_700_000_000 + number,
        "system_fingerprint": f"fp_{number}",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}],
    } | more


def calls(call_id, arguments='{"city": "Rome"}'):
    return {"content": None, "tool_calls": [_call(call_id, arguments)]}


def _call(call_id, arguments='{"city": "Rome"}'):
    return {"id": call_id, "type": "function", "function": {"name": "book", "arguments": arguments}}


def asks(*messages, **more):
    return {"model": "m", "messages": list(messages)} | more


def conversation(call_id, *, number=0, refers="", arguments='{"city": "Rome"}', said="Booked."):
    """A tool is called, and its result sent back."""
    user = {"role": "user", "content": "Book."}
    history = {"role": "assistant", **calls(call_id, arguments)}
    result = {"role": "tool", "tool_call_id": refers or call_id, "content": "done"}
    return tape(
        step(CHAT, asks(user), chat(calls(call_id, arguments), number)),
        step(CHAT, asks(user, history, result), chat({"content": said}, number + 1)),
    )


# -- what does not count ------------------------------------------------------------------


@pytest.mark.parametrize("url", [ANTHROPIC, OTHER])
def test_ids_times_and_counts_are_apart(url):
    one, other = (tape(step(url, asks(), message("Good day", n, created=n))) for n in (1, 2))
    if url == OTHER:  # what is not known to be a count is not taken for one
        other = tape(
            step(
                url, asks(), message("Good day", 2, created=2, usage={"input_tokens": 1, "output_tokens": 1})
            )
        )

    assert tracefork.diff(one, other) is None
    assert "response.id" in [path for _, path in every(one, other, exact=True)]


def test_ids_of_tool_calls_that_correspond_are_no_difference():
    assert tracefork.diff(conversation("call_a"), conversation("call_b", number=5)) is None


def test_an_id_that_refers_to_another_call_is_one():
    def two(first, second, refers):
        called = [_call(first), _call(second)]
        history = {"role": "assistant", "content": None, "tool_calls": called}
        result = {"role": "tool", "tool_call_id": refers, "content": "done"}
        return tape(
            step(CHAT, asks(), chat({"content": None, "tool_calls": called})),
            step(CHAT, asks(history, result), chat({"content": "So."})),
        )

    assert every(two("a", "b", "a"), two("c", "d", "c")) == []
    assert every(two("a", "b", "a"), two("c", "d", "d")) == [(1, "$.messages[1].tool_call_id")]


def test_the_id_of_an_earlier_answer_is_followed_into_questions_and_urls():
    def threads(name):
        return tape(
            step("https://x.example/threads", {}, {"id": name}),
            step(f"https://x.example/threads/{name}/runs", {"note": f"see {name}."}, {"ok": True}),
            step(RESPONSES, {"input": "Go on.", "previous_response_id": name}, {"output": []}),
        )

    assert tracefork.diff(threads("thread_a1"), threads("thread_b2")) is None


BUILT = [(ANTHROPIC, anthropic.text), (CHAT, openai.text), (RESPONSES, openai.text)]


@pytest.mark.parametrize(("url", "text"), BUILT)
def test_a_stream_says_the_same_as_one_whole_answer(url, text):
    asked = {"model": "m", "messages": [], "input": "Hm?"}
    requests = [
        Request("POST", url, JSON, json.dumps(asked | more).encode()) for more in ({}, {"stream": True})
    ]
    whole, stream = (tape(Exchange(request, text("Good day, all.")(request))) for request in requests)
    other = tape(Exchange(requests[1], text("Good night.")(requests[1])))

    assert len(stream[0].response.chunks) > 1
    assert tracefork.diff(whole, stream) is None
    assert every(whole, other)[0][1].endswith(".text")


def test_gemini_streams_by_its_path():
    urls = GEMINI, GEMINI.replace(":generate", ":streamGenerate") + "?alt=sse"
    requests = [Request("POST", url, JSON, b'{"contents": []}') for url in urls]
    one, other = (tape(Exchange(request, gemini.text("Good day, all.")(request))) for request in requests)

    assert tracefork.diff(one, other) is None


def test_how_json_is_spelled_is_no_difference():
    one = tape(
        step(CHAT, b'{"model": "m", "temperature": 0, "messages": []}', chat(calls("a", '{"a":1,"b":2}')))
    )
    other = tape(
        step(CHAT, b'{"messages":[],"temperature":0.0,"model":"m"}', chat(calls("a", '{"b": 2, "a": 1}')))
    )

    assert tracefork.diff(one, other) is None
    assert tracefork.diff(one, other, exact=True).path == "$.temperature"


def test_chance_is_apart_and_followed():
    def drawn(uuid, clock):
        return tape(
            Draw(Source("uuid"), Reading(uuid)),
            Draw(Source("clock"), Reading(clock)),
            step(CHAT, asks({"role": "user", "content": f"I am {uuid}."}), chat({"content": "Hello."})),
        )

    one, other = drawn("0f0f-1", "1.5"), drawn("9a9a-2", "2.5")

    assert tracefork.diff(one, other) is None
    assert every(one, other, exact=True)[0] == (0, "reading")


def test_a_port_of_this_machine_is_apart_and_a_host_is_not():
    def at(base):
        return tape(step(f"{base}/v1/messages", asks(), message("Hi")))

    assert tracefork.diff(at("http://127.0.0.1:4001"), at("http://127.0.0.1:4002")) is None
    assert every(at("http://a.example"), at("http://b.example")) == [(0, "url")]


# -- what counts ----------------------------------------------------------------------------

MEANT = {
    "words": (message("Good night"), {}, "response.content[0].text"),
    "the model that answered": (message("Good day", model="n"), {}, "response.model"),
    "why it stopped": (message("Good day", stop_reason="max_tokens"), {}, "response.stop_reason"),
    "the model": (None, {"model": "n"}, "$.model"),
    "a parameter": (None, {"temperature": 1}, "$.temperature"),
    "a message": (None, {"messages": [{"role": "user", "content": "x"}]}, "$.messages[0]"),
    "a tool": (None, {"tools": [{"name": "t", "input_schema": {"id": "x"}}]}, "$.tools"),
}


@pytest.mark.parametrize("what", MEANT)
def test_what_was_said_counts(what):
    said, asked, path = MEANT[what]

    left = tape(step(ANTHROPIC, asks(), message("Good day")))
    right = tape(step(ANTHROPIC, asks(**asked), said or message("Good day")))

    assert every(left, right) == [(0, path)]


def test_status_and_faults_count():
    fine = tape(step(ANTHROPIC, asks(), message("Good day")))

    assert (0, "response.status") in every(
        fine, tape(step(ANTHROPIC, asks(), message("Good day"), status=500))
    )
    assert every(fine, tape(step(ANTHROPIC, asks(), Fault("ReadTimeout", "late")))) == [(0, "answer")]


def test_arguments_count_to_the_letter():
    def used(**arguments):
        content = [{"type": "tool_use", "id": "t", "name": "f", "input": arguments}]
        return tape(step(ANTHROPIC, asks(), message("", content=content)))

    assert every(used(id="order_1234", created=1), used(id="order_5678", created=2)) == [
        (0, "response.content[0].input.id"),
        (0, "response.content[0].input.created"),
    ]


def test_all_differences_are_told_and_one_in_a_history_once():
    left = conversation("a", arguments='{"city": "Rome"}', said="Booked.")
    right = conversation("b", arguments='{"city": "Oslo"}', said="Refused.")
    found = tracefork.diff(left, right)

    arguments = "response.choices[0].message.tool_calls[0].function.arguments"
    told = [(0, arguments), (1, f"$.messages[1].{arguments.partition('message.')[2]}")]
    assert every(left, right) == [*told, (1, "response.choices[0].message.content")]
    longer = [tape(*side.steps, *side.steps[1:]) for side in (left, right)]
    assert every(*longer) == [*every(left, right), (2, "response.choices[0].message.content")]
    assert (found.step, found.path, found.left, found.right) == (0, arguments, left[0], right[0])
    assert "Rome" in found.difference.recorded
    assert "Oslo" in str(found)


def test_tools_are_compared_by_what_they_were_given_and_gave():
    def ran(city, result):
        return tape(Effect(Call("book", json.dumps({"city": city})), Reply("returned", json.dumps(result))))

    assert tracefork.diff(ran("Rome", {"a": 1}), ran("Rome", {"a": 1})) is None
    assert every(ran("Rome", {"a": 1, "b": 2}), ran("Oslo", {"a": 3, "b": 4})) == [
        (0, "$.city"),
        (0, "reply.a"),
        (0, "reply.b"),
    ]


def test_a_step_that_one_run_has_alone_is_told_as_such():
    a, b = (step(CHAT, asks(), chat({"content": text})) for text in "ab")
    tool = Effect(Call("book"), Reply("returned", "1"))

    assert every(tape(a, b), tape(a)) == [(1, "steps")]
    assert every(tape(a, tool, b), tape(a, b)) == [(1, "steps")]


def test_strands_that_began_in_another_order_said_the_same():
    def crew(*names):
        return tape(
            *(step(CHAT, asks({"role": "user", "content": n}), chat({"content": n}), lane=n) for n in names)
        )

    assert tracefork.diff(crew("a", "b"), crew("b", "a")) is None
    assert tracefork.diff(crew("a", "b"), crew("b", "a"), exact=True) is not None


def test_payloads_of_nobody_we_know_are_compared_as_json():
    def things(number, name):
        said = {"id": f"req-{number}", "timestamp": number, "things": [{"id": number, "name": name}]}
        return tape(step(OTHER, {"request_id": f"r-{number}", "q": 1}, said))

    assert every(things(1, "x"), things(1, "y")) == [(0, "response.things[0].name")]
    assert every(things(1, "x"), things(2, "x")) == [(0, "response.things[0].id")]
    assert every(tape(step(OTHER, b"abc", b"x")), tape(step(OTHER, b"abd", b"x"))) == [(0, "body[2]")]


def test_strange_streams_are_compared_event_by_event():
    def stream(number, word):
        events = [sse.encode("", json.dumps({"created": number, "word": word})), sse.encode("", "[END]")]
        return tape(step(OTHER, {}, Response(200, (("content-type", "text/event-stream"),), tuple(events))))

    assert tracefork.diff(stream(1, "a"), stream(2, "a")) is None
    assert every(stream(1, "a"), stream(2, "b")) == [(0, "response[0][1].word")]


def test_an_exact_comparison_lists_all_of_it():
    one, other = (tape(step(ANTHROPIC, asks(temperature=n), message("Good day", n))) for n in (1, 2))

    assert every(one, other, exact=True) == [
        (0, "$.temperature"),
        (0, "response.id"),
        (0, "response.usage.input_tokens"),
    ]


def test_nothing_that_cannot_be_printed_comes_out():
    one, other = (
        tape(step(CHAT, asks(), chat({"content": f"\x1b]0;x\x07{c}\u202e"}))) for c in ("\ud83d", "\x9b")
    )
    told = str(tracefork.diff(one, other))

    assert told.encode()
    assert told.isprintable()


def test_an_id_that_one_run_does_not_have_refers_to_nothing():
    without, gemini_like = conversation(None), conversation("")

    assert tracefork.diff(conversation("call_a"), without) is None
    assert tracefork.diff(gemini_like, conversation("call_b")) is None


def test_the_id_of_a_streamed_answer_is_followed_too():
    def went_on(number, *, stream):
        response = {"id": f"resp_{number}", "output": [], "status": "completed"}
        said = {"type": "response.completed", "response": response}
        events = Response(200, (("content-type", "text/event-stream"),), (sse.encode("", json.dumps(said)),))
        answer = events if stream else response
        return tape(
            step(RESPONSES, {"input": "a"}, answer),
            step(RESPONSES, {"previous_response_id": f"resp_{number}"}, answer),
        )

    assert tracefork.diff(went_on(1, stream=False), went_on(2, stream=True)) is None
    assert every(
        went_on(1, stream=False),
        tape(
            *went_on(1, stream=False).steps[:1],
            step(RESPONSES, {"previous_response_id": "resp_9"}, {"output": []}),
        ),
    )


def test_an_exact_comparison_of_streams_lists_event_by_event():
    def stream(number):
        chunks = [sse.encode("", json.dumps({"id": number, "n": n})) for n in range(2)]
        return tape(step(OTHER, {}, Response(200, (("content-type", "text/event-stream"),), tuple(chunks))))

    paths = [path for _, path in every(stream(1), stream(2), exact=True)]
    assert paths[1:] == ["response[0][1].id", "response[1][1].id"]


def test_a_number_that_is_an_id_is_a_number_in_a_text():
    def thing(number):
        said = chat({"content": f"There are {number} of them."}) | {"id": str(number)}
        return tape(step(CHAT, asks(), said), step(CHAT, asks(), said))

    path = "response.choices[0].message.content"
    assert every(thing(1), thing(2)) == [(0, path), (1, path)]


def test_an_exact_comparison_lists_arguments_and_replies():
    def ran(**more):
        return tape(Effect(Call("book", json.dumps(more)), Reply("returned", json.dumps(more))))

    paths = [path for _, path in every(ran(a=1, b=2, c=0), ran(a=3, b=4, c=0), exact=True)]
    assert paths == ["$.a", "$.b", "reply.a", "reply.b"]
