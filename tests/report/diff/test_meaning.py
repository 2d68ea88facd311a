"""Each value of a question and of an answer is changed, API by API: what means something is a difference."""

import base64
import copy
import gzip
import json

import pytest
from attrs import evolve
from providers import payloads
from providers.payloads import ANTHROPIC, CHAT, EVENTS, GEMINI, PNG, RESPONSES

import tracefork
from tracefork import Draw, Effect, Exchange, Fault, Request, Response, Tape
from tracefork.core.values import Call, Reading, Reply, Source, Span
from tracefork.providers import sse

COHERE = "https://api.cohere.com/v2/chat"
OLLAMA = "http://127.0.0.1:11434/api/chat"
CONVERSE = "https://bedrock-runtime.r.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse"
JSON = (("content-type", "application/json"),)
STREAM = (("content-type", "text/event-stream"),)

SCHEMA = {"type": "object", "properties": {"date": {"type": "string", "description": "When."}}}
FUNCTION = {"type": "function", "function": {"name": "fly", "description": "Flies.", "parameters": SCHEMA}}
CALLED = {"id": "call_1", "type": "function", "function": {"name": "fly", "arguments": '{"date": "today"}'}}
MORE_QUESTIONS = {
    COHERE: {
        "model": "command",
        "temperature": 0.5,
        "documents": [{"id": "doc", "data": {"title": "Flights", "date": "2026-11-24"}}],
        "tools": [FUNCTION],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "tool_plan": "I look.", "tool_calls": [CALLED]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        ],
    },
    OLLAMA: {
        "model": "llama3.2",
        "options": {"temperature": 0.5},
        "tools": [FUNCTION],
        "messages": [
            {"role": "user", "content": "Hi.", "images": [PNG]},
            {
                "role": "assistant",
                "tool_calls": [{"function": {"name": "fly", "arguments": {"date": "today"}}}],
            },
            {"role": "tool", "tool_name": "fly", "content": "rain"},
        ],
    },
    CONVERSE: {
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"temperature": 0.5},
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "fly", "description": "F.", "inputSchema": {"json": SCHEMA}}}]
        },
        "messages": [
            {
                "role": "user",
                "content": [{"text": "Hi."}, {"image": {"format": "png", "source": {"bytes": PNG}}}],
            },
            {
                "role": "assistant",
                "content": [{"toolUse": {"toolUseId": "t-1", "name": "fly", "input": {"id": "x"}}}],
            },
            {
                "role": "user",
                "content": [{"toolResult": {"toolUseId": "t-1", "content": [{"json": {"date": "today"}}]}}],
            },
        ],
    },
}
MORE_ANSWERS = {
    COHERE: {
        "id": "c-1",
        "finish_reason": "TOOL_CALL",
        "message": {"role": "assistant", "tool_plan": "I look.", "tool_calls": [CALLED]},
        "usage": {"billed_units": {"input_tokens": 5}, "tokens": {"input_tokens": 70, "output_tokens": 6}},
    },
    OLLAMA: {
        "model": "llama3.2",
        "created_at": "2026-11-24T09:41:00Z",
        "message": {
            "role": "assistant",
            "content": "Yes.",
            "thinking": "So.",
            "tool_calls": [{"function": {"name": "fly", "arguments": {"date": "today"}}}],
        },
        "done": True,
        "done_reason": "stop",
        "total_duration": 9,
        "load_duration": 8,
        "prompt_eval_count": 5,
        "prompt_eval_duration": 4,
        "eval_count": 6,
        "eval_duration": 3,
    },
    CONVERSE: {
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "So."}}},
                    {"text": "Yes."},
                    {"toolUse": {"toolUseId": "t-1", "name": "fly", "input": {"timestamp": "today"}}},
                ],
            }
        },
        "stopReason": "tool_use",
        "usage": {"inputTokens": 5, "outputTokens": 6},
        "metrics": {"latencyMs": 431},
    },
}
QUESTIONS = {**payloads.QUESTIONS, **MORE_QUESTIONS}
ANSWERS = {**payloads.ANSWERS, **MORE_ANSWERS}

FREE = {"id", "call_id", "toolUseId", "stream", "signature", "thoughtSignature", "encrypted_content"}
"""Names, signatures, and how an answer is to come: of a question."""

LINKS = {"tool_use_id", "tool_call_id", "call_id", "toolUseId", "id"}
"""Names of what was called, where a result refers to it."""

NOISE = {
    "toolUseId",
    "id",
    "usage",
    "usageMetadata",
    "responseId",
    "metrics",
    "object",
    "created_at",
    "type",
    "index",
    "status",
    "done",
}
NOISE |= {key for key in MORE_ANSWERS[OLLAMA] if key.endswith(("_duration", "_count"))}
"""Names, times, counts and the names of the forms: of an answer."""


def tape(*steps):
    return Tape(tuple(evolve(one, span=Span(3 * n, 3 * n + 1, 3 * n + 2)) for n, one in enumerate(steps)))


def exchange(url, question, answer, headers=JSON, status=200):
    body = question if isinstance(question, bytes) else json.dumps(question).encode()
    chunk = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return Exchange(Request("POST", url, JSON, body), Response(status, headers, (chunk,)))


def every(left, right):
    found = tracefork.diff(left, right)
    return [place.path for place in found.every] if found else []


def leaves(value, path=()):
    match value:
        case dict():
            for key in value:
                yield from leaves(value[key], (*path, key))
        case list():
            for place, one in enumerate(value):
                yield from leaves(one, (*path, place))
        case _:
            yield path


def change(value, path):
    """`value` with something else at `path`; data in base64 keep their length."""
    value = copy.deepcopy(value)
    *way, last = path
    owner = value
    for key in way:
        owner = owner[key]
    match owner[last]:
        case bool() as old:
            owner[last] = not old
        case int() | float() as old:
            owner[last] = old + 1
        case str() as old if PNG in old:
            owner[last] = old.replace(PNG, base64.b64encode(b"\x89PNG\r\n\x1a\x0b").decode())
        case str() as old:
            owner[last] = f"{old} or so"
        case _:
            owner[last] = "new"
    return value


@pytest.mark.parametrize("url", QUESTIONS)
def test_whatever_a_question_says_counts(url):
    whole = tape(exchange(url, QUESTIONS[url], ANSWERS[url]))
    silent = [
        path
        for path in leaves(QUESTIONS[url])
        if not every(whole, tape(exchange(url, change(QUESTIONS[url], path), ANSWERS[url])))
    ]

    assert [path for path in silent if path[-1] not in FREE] == []


@pytest.mark.parametrize("url", ANSWERS)
def test_whatever_an_answer_says_counts(url):
    whole = tape(exchange(url, QUESTIONS[url], ANSWERS[url]))
    silent = [
        path
        for path in leaves(ANSWERS[url])
        if not every(whole, tape(exchange(url, QUESTIONS[url], change(ANSWERS[url], path))))
    ]

    assert [path for path in silent if not NOISE & set(path) and path[-2:] != (3, "role")] == []


@pytest.mark.parametrize("url", ANSWERS)
def test_names_times_and_counts_of_an_answer_do_not(url):
    whole = tape(exchange(url, QUESTIONS[url], ANSWERS[url]))
    noisy = [path for path in leaves(ANSWERS[url]) if NOISE & set(path) - {"type", "index", "status", "done"}]
    for path in noisy:
        assert every(whole, tape(exchange(url, QUESTIONS[url], change(ANSWERS[url], path)))) == []


@pytest.mark.parametrize("url", ANSWERS)
def test_noise_is_not_told_beside_what_counts(url):
    noisy = ANSWERS[url]
    for path in leaves(ANSWERS[url]):
        if NOISE & set(path) - {"type", "index", "status", "done", "object"}:
            noisy = change(noisy, path)
    words = next(
        p
        for p in leaves(ANSWERS[url])
        if p[-1] in ("text", "content", "tool_plan") and "reasoning" not in str(p)
    )
    found = every(
        tape(exchange(url, QUESTIONS[url], ANSWERS[url])),
        tape(exchange(url, QUESTIONS[url], change(noisy, words))),
    )

    assert len(found) == 1


SPOKEN = ("text", "thinking", "content", "arguments", "name", "partial_json", "delta")


@pytest.mark.parametrize("url", EVENTS)
def test_a_word_in_any_event_of_a_stream_counts(url):
    def stream(events):
        end = sse.encode("", "[DONE]") if "openai" in url else b""
        body = b"".join(sse.encode("", json.dumps(event)) for event in events) + end
        return tape(exchange(url, QUESTIONS[url], body, STREAM))

    left, paths = stream(EVENTS[url]), [path for path in leaves(EVENTS[url]) if path[-1] in SPOKEN]
    silent = [path for path in paths if not every(left, stream(change(EVENTS[url], path)))]

    assert paths
    assert silent == []


NAMED = (ANTHROPIC, CHAT, RESPONSES, GEMINI, COHERE, CONVERSE)


@pytest.mark.parametrize("url", NAMED)
def test_ids_may_all_be_others_and_have_to_go_together(url):
    """Every id of one run has another in its place; then one result is of a call that nobody made."""
    question = QUESTIONS[url]
    links = [path for path in leaves(question) if path[-1] in LINKS]
    links = [path for path in links if path[0] != "documents" and path[-2] != "input"]
    ids = [_at(question, path) for path in links]
    others = json.dumps(question)
    for number, one in enumerate(set(ids)):
        others = others.replace(f'"{one}"', f'"other_{number}"')
    left = tape(exchange(url, question, ANSWERS[url]))
    results = [path for n, path in enumerate(links) if ids[n] in ids[:n]]
    wrong = [tape(exchange(url, change(question, path), ANSWERS[url])) for path in results]

    assert every(left, tape(exchange(url, others.encode(), ANSWERS[url]))) == []
    assert wrong
    assert all(every(left, one) for one in wrong)


def _at(value, path):
    for key in path:
        value = value[key]
    return value


# -- what JSON says -------------------------------------------------------------------------


@pytest.mark.parametrize("one", ['{"sure": true}', '[{"sure": true}]'])
def test_a_flag_in_arguments_is_no_number(one):
    """Python takes true for 1."""

    def asked(arguments):
        call = {"id": "c", "type": "function", "function": {"name": "pay", "arguments": arguments}}
        return tape(
            exchange(CHAT, {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}, {})
        )

    assert every(asked(one), asked(one.replace("true", "1"))) != []
    assert every(asked(one), asked(one.replace(": ", ":"))) == []


def test_keys_of_json_within_text_may_stand_in_another_order():
    def asked(text):
        return tape(exchange(CHAT, {"messages": [{"role": "tool", "content": text}]}, {}))

    assert every(asked('[{"a": 1, "b": 2}]'), asked('[{"b": 2, "a": 1}]')) == []
    assert every(asked('[{"a": 1, "b": 2}]'), asked('[{"b": 2, "a": 3}]')) != []


@pytest.mark.parametrize("key", ["date", "expires_at", "timestamp", "created", "updated_at"])
def test_when_a_flight_goes_is_no_time_of_an_answer(key):
    """Servers that are no models are asked about days, and tell of them."""

    def asked(day):
        return tape(exchange("https://air.example/book", {"flight": {key: day}}, {"flights": [{key: day}]}))

    assert every(asked("2026-11-24"), asked("2026-11-25")) == [
        f"$.flight.{key}",
        f"response.flights[0].{key}",
    ]


def test_an_image_in_an_answer_counts_whole_and_streamed():
    def drawn(data):
        item = {"type": "image_generation_call", "id": "ig_1", "result": data, "output_format": "png"}
        response = {"id": "r", "status": "completed", "output": [item]}
        done = sse.encode("", json.dumps({"type": "response.completed", "response": response}))
        return [
            tape(exchange(RESPONSES, {"input": "Draw."}, response)),
            tape(exchange(RESPONSES, {"input": "Draw."}, done, STREAM)),
        ]

    one, other = (drawn(base64.b64encode(data).decode()) for data in (b"12345678", b"12345679"))

    assert [every(left, right) != [] for left, right in zip(one, other, strict=True)] == [True, True]
    assert every(one[0], one[1]) == []


def test_a_compressed_answer_says_the_same():
    packed = (*JSON, ("content-encoding", "gzip"))
    left = exchange(CHAT, QUESTIONS[CHAT], ANSWERS[CHAT])
    right = exchange(CHAT, QUESTIONS[CHAT], gzip.compress(json.dumps(ANSWERS[CHAT]).encode()), packed)

    assert every(tape(left), tape(right)) == []


def test_a_variable_that_is_empty_is_not_one_that_is_missing():
    left, right = (tape(Draw(Source("env", "DEBUG"), Reading(text))) for text in ("=", ""))
    found = tracefork.diff(left, right)

    assert (found.path, found.difference.recorded, found.difference.asked) == ("env.DEBUG", '""', "nothing")


# -- which steps stand beside each other -------------------------------------------------------


def asks(*texts):
    turns = [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(texts)]
    return {"model": "m", "messages": turns}


def says(text):
    return {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]
    }


def talk(*words, retry=None):
    """A conversation of as many turns; the answer of turn `retry` is first refused."""
    texts, steps = [], []
    for n, word in enumerate(words):
        texts.append(f"q{n}")
        if n == retry:
            steps.append(exchange(CHAT, asks(*texts), {"error": {"message": "busy"}}, status=429))
        steps.append(exchange(CHAT, asks(*texts), says(word)))
        texts.append(word)
    return steps


def test_a_retry_is_one_step_more_and_no_other_difference():
    assert every(tape(*talk(*"abcdef")), tape(*talk(*"abcdef", retry=2))) == ["steps"]


def test_a_question_more_is_one_step_more_and_no_other_difference():
    other = exchange(CHAT, asks("Something else."), says("Fine."))
    steps = talk(*"abcdef")

    assert every(tape(*steps), tape(*steps[:3], other, *steps[3:])) == ["steps"]
    assert every(tape(*steps), tape(other, *steps)) == ["steps"]


def test_a_retry_beside_another_word_is_told_beside_it():
    found = every(tape(*talk(*"abcdef")), tape(*talk(*"abcdeX", retry=2)))

    assert found == ["steps", "response.choices[0].message.content"]


def test_strands_are_compared_each_with_its_own_however_they_took_turns():
    def strand(lane, *words):
        return [evolve(one, lane=lane) for one in talk(*words)]

    one, other = strand("a.0", *"abc"), strand("b.0", *"xyz")
    left, right = tape(*one, *other), tape(other[0], one[0], one[1], other[1], other[2], one[2])

    assert every(left, right) == []
    assert every(left, tape(*strand("a.0", *"abX"), *other)) == ["response.choices[0].message.content"]


def test_what_strands_draw_is_paired_each_with_its_own():
    def strand(lane, drawn):
        return [
            Draw(Source("uuid"), Reading(drawn), lane),
            evolve(exchange(CHAT, asks(f"I am {drawn}."), says("Hello.")), lane=lane),
        ]

    left = [*strand("a.0", "0f0f-1111"), *strand("b.0", "9a9a-2222")]
    (a, asked_a), (b, asked_b) = strand("a.0", "0f0f-3333"), strand("b.0", "9a9a-4444")

    assert every(tape(*left), tape(b, a, asked_a, asked_b)) == []


def test_the_number_of_a_call_by_json_rpc_is_its_name_and_another_number_is_not():
    def asked(**body):
        return tape(exchange("https://x.example/mcp", body, {}))

    assert every(asked(jsonrpc="2.0", id=1, method="m"), asked(jsonrpc="2.0", id=2, method="m")) == []
    assert every(asked(id="PAY-4127"), asked(id="PAY-4128")) == ["$.id"]
    assert every(asked(ticket={"id": "PAY-4127"}), asked(ticket={"id": "PAY-4128"})) == ["$.ticket.id"]


def test_a_stored_prompt_is_known_by_its_id():
    def asked(name):
        return tape(exchange(RESPONSES, {"input": "Hi.", "prompt": {"id": name}}, {"output": []}))

    assert every(asked("pmpt_00000001"), asked("pmpt_00000002")) == ["$.prompt.id"]


def test_tools_in_another_order_are_compared_each_with_its_own():
    calls = [Effect(Call(name, "{}"), Reply("returned", f'"{name}"'), f"{name}.0") for name in "ab"]

    assert every(tape(*calls), tape(*reversed(calls))) == []


def test_what_failed_on_the_way_counts():
    fine = exchange(CHAT, asks("q"), says("a"))
    cut = evolve(fine, answer=evolve(fine.response, end=Fault("ReadError", "cut")))

    assert every(tape(fine), tape(cut)) == ["response.end"]
    assert every(tape(fine), tape(evolve(fine, answer=Fault("ConnectError", "no")))) == ["answer"]
