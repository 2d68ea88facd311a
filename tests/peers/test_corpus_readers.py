"""What our readers make of each of 893 real exchanges is what its vendor's SDK makes of it."""

from __future__ import annotations

import json
from collections import Counter

import httpx2
import pytest
from attrs import evolve

from tracefork import Exchange, Request
from tracefork.providers import anthropic, gemini, messages, openai, paths, read
from tracefork.providers.messages import Text, Thinking, Usage, texts

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

ASK = [{"role": "user", "content": "What it was does not matter: the answer is there."}]


def exchange(row):
    return Exchange(Request(row.method, row.url, row.headers, row.body), row.answer)


# -- what an SDK says --------------------------------------------------------------------
# A fact: the choices as (text, thoughts, calls, stop reason), and the usage.


def transport(row):
    headers = [(n, v) for n, v in row.answer.headers if n.lower() != "transfer-encoding"]

    def answer(_):
        return httpx2.Response(row.answer.status, headers=headers, content=row.answer.body)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def anthropic_says(sdk, row):
    with sdk.Anthropic(api_key="not-a-real-key", http_client=transport(row), max_retries=0) as client:
        asked = {"model": "m", "max_tokens": 9, "messages": ASK, "timeout": 30}
        if row.streamed:
            with client.messages.stream(**asked) as events:
                message = events.get_final_message()
        else:
            message = client.messages.create(**asked)
    text = "".join(b.text for b in message.content if b.type == "text")
    thoughts = "".join(b.thinking for b in message.content if b.type == "thinking")
    calls = [(b.id, b.name, b.input) for b in message.content if b.type in ("tool_use", "server_tool_use")]
    count = message.usage
    cached, stored = count.cache_read_input_tokens, count.cache_creation_input_tokens
    whole = count.input_tokens + (cached or 0) + (stored or 0)
    thinking = count.output_tokens_details and count.output_tokens_details.thinking_tokens
    hour = count.cache_creation and count.cache_creation.ephemeral_1h_input_tokens
    usage = Usage(whole, count.output_tokens, cached, stored, thinking, written_hour=hour)
    return message.id, message.model, [(text, thoughts, calls, message.stop_reason)], usage


def openai_says(sdk, row):
    with sdk.OpenAI(api_key="not-a-real-key", http_client=transport(row), max_retries=0) as client:
        match row.path.split("/")[2:]:
            case ["chat", "completions"]:
                return chat_says(client, row)
            case ["completions"]:
                return bare_says(client, row)
            case ["responses"]:
                return responses_say(client, row)
    raise LookupError(row.path)


def chat_says(client, row):
    if row.streamed:
        with client.chat.completions.stream(model="m", messages=ASK) as events:
            completion = events.get_final_completion()
    else:
        completion = client.chat.completions.create(model="m", messages=ASK)
    choices = [
        (
            choice.message.content or "",
            "",
            [
                *((c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls or ()),
                *(("", c.name, c.arguments) for c in [choice.message.function_call] if c),
            ],
            choice.finish_reason,
        )
        for choice in completion.choices
    ]
    return completion.id, completion.model, choices, openai_usage(completion.usage, "prompt", "completion")


def bare_says(client, row):
    said = client.completions.create(model="m", prompt="", stream=row.streamed)
    if not row.streamed:
        usage = openai_usage(said.usage, "prompt", "completion")
        return said.id, said.model, [(c.text, "", [], c.finish_reason) for c in said.choices], usage
    chunks = list(said)
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert {choice.index for chunk in chunks for choice in chunk.choices} == {0}
    return chunks[0].id, chunks[0].model, [(text, "", [], chunks[-1].choices[0].finish_reason)], None


def responses_say(client, row):
    if row.streamed:
        with client.responses.stream(model="m", input=ASK) as events:
            response = events.get_final_response()
    else:
        response = client.responses.create(model="m", input=ASK)
    calls = [(i.call_id, i.name, i.arguments) for i in response.output if i.type == "function_call"]
    thoughts = "".join(s.text for i in response.output if i.type == "reasoning" for s in i.summary)
    reason = response.incomplete_details.reason if response.incomplete_details else response.status
    usage = openai_usage(response.usage, "input", "output")
    return response.id, response.model, [(response.output_text, thoughts, calls, reason)], usage


def openai_usage(count, asked, generated):
    if count is None:
        return None
    said = count.model_dump()
    into, out = said[f"{asked}_tokens_details"] or {}, said[f"{generated}_tokens_details"] or {}
    return Usage(
        said[f"{asked}_tokens"],
        said[f"{generated}_tokens"],
        into.get("cached_tokens"),
        into.get("cache_write_tokens"),
        out.get("reasoning_tokens"),
        heard=into.get("audio_tokens"),
        spoken=out.get("audio_tokens"),
    )


def google_says(sdk, row):
    client = sdk.Client(api_key="not-a-real-key", http_options={"httpx_client": transport(row)})
    with client:
        if row.streamed:
            chunks = list(client.models.generate_content_stream(model="m", contents="?"))
        else:
            chunks = [client.models.generate_content(model="m", contents="?")]
    parts = [part for c in chunks if c.candidates for part in (c.candidates[0].content.parts or ())]
    text = "".join(p.text for p in parts if p.text and not p.thought)
    thoughts = "".join(p.text for p in parts if p.text and p.thought)
    calls = [
        (p.function_call.id or "", p.function_call.name, p.function_call.args)
        for p in parts
        if p.function_call
    ]
    reasons = [
        c.candidates[0].finish_reason for c in chunks if c.candidates and c.candidates[0].finish_reason
    ]
    counts = [c.usage_metadata for c in chunks if c.usage_metadata]
    usage = google_usage(counts[-1]) if counts else None
    return (
        chunks[-1].response_id or "",
        chunks[-1].model_version or "",
        [(text, thoughts, calls, reasons[-1].value if reasons else "")],
        usage,
    )


def google_usage(count):
    asked = count.prompt_token_count  # one answer has none
    asked = asked and asked + (count.tool_use_prompt_token_count or 0)
    said = (count.candidates_token_count or 0) + (count.thoughts_token_count or 0)
    return Usage(asked, said, count.cached_content_token_count, None, count.thoughts_token_count)


# -- what we read --------------------------------------------------------------------------


def ours(completion, *, parsed):
    """The same facts of a completion; `parsed` where the SDK gives arguments as objects."""
    choices = [
        (
            choice.message.text,
            "".join(part.text for part in choice.message.parts if isinstance(part, Thinking)),
            [
                (call.id, call.name, json.loads(call.arguments) if parsed else call.arguments)
                for call in choice.message.calls
            ],
            choice.stop_reason,
        )
        for choice in completion.choices
    ]
    return completion.id, completion.model, choices, completion.usage


VENDORS = {
    "anthropic": ("anthropic", anthropic_says, {False: 72, True: 44}),
    "openai": ("openai", openai_says, {False: 389 + 50 + 70, True: 114 + 18 + 39}),
    "google-gemini": ("google.genai", google_says, {False: 38, True: 9}),
}
UNREAD = {"openai": 3}
"""Answers whose body the cassette lacks."""


def is_of_threads(row):
    """True of the API of assistants and their threads, which `test_beside_sdks.py` tells of."""
    return "/threads" in row.path


@pytest.mark.slow
@pytest.mark.parametrize("vendor", VENDORS)
def test_each_answer_is_read_as_its_sdk_reads_it(vendor, rows):
    module, says, counts = VENDORS[vendor]
    sdk = pytest.importorskip(module)
    mine = [row for row in rows if row.vendor == vendor]
    good = [row for row in mine if row.answer.status == 200 and not is_of_threads(row)]
    answered = [row for row in good if read.completion(exchange(row))]

    for row in answered:
        completion = read.completion(exchange(row))
        assert ours(completion, parsed=vendor != "openai") == says(sdk, row), row.number
        assert completion.complete
        assert completion.failure is None

    assert Counter(row.streamed for row in answered) == counts
    assert len(good) - len(answered) == UNREAD.get(vendor, 0)


def test_each_error_is_read_as_its_sdk_reads_it(rows):
    sdk = pytest.importorskip("openai")
    refused = [row for row in rows if row.answer.status != 200]

    for row in refused:
        completion = read.completion(exchange(row))
        with pytest.raises(sdk.APIStatusError) as raised:
            openai_says(sdk, row)
        told = raised.value.body
        assert completion.failure == messages.Failure(told["type"], told["message"])
        assert completion.choices == ()

    assert len(refused) == 14


def test_a_stream_that_broke_off_anywhere_is_read_as_far_as_it_came(rows):
    streams = [row for row in rows if row.streamed and not encoded(row)]

    parts = 0
    for row in streams:
        whole = read.completion(exchange(row))
        body = row.answer.body
        for cut in range(0, len(body) * 9 // 10, max(1, len(body) // 7)):
            part = read.completion(Exchange(exchange(row).request, row.answer.with_body(body[:cut])))
            if part and part.choices:
                assert whole.text.startswith(part.text)
                assert part.api == whole.api
                assert not part.complete or part.text == whole.text
                parts += 0 < len(part.text) < len(whole.text)

    assert len(streams) > 100
    assert parts == 823


def encoded(row):
    return any(name.lower() == "content-encoding" for name, _ in row.answer.headers)


EDITS = {paths.ANTHROPIC: anthropic, paths.CHAT: openai, paths.RESPONSES: openai, paths.GEMINI: gemini}


def test_every_answer_with_another_text_is_read_back_with_all_else_as_it_was(rows):
    edited = Counter()
    for row in rows:
        recorded = exchange(row)
        old = read.completion(recorded)
        if old is None or old.failure or old.api not in EDITS:
            continue
        response = EDITS[old.api].with_text("Another, 🚆.")(recorded)
        new = read.completion(Exchange(recorded.request, response))
        assert {choice.message.text for choice in new.choices} == {"Another, 🚆."}, row.number
        assert evolve(new, choices=()) == evolve(old, choices=())
        for was, now in zip(old.choices, new.choices, strict=True):
            assert was.stop_reason == now.stop_reason
            assert silent(was) == silent(now)
        edited[old.api] += 1

    assert edited == {paths.ANTHROPIC: 116, paths.CHAT: 503, paths.RESPONSES: 109, paths.GEMINI: 47}


def silent(choice):
    thoughts = "".join(p.text for p in choice.message.parts if isinstance(p, Thinking))
    return thoughts, [p for p in choice.message.parts if not isinstance(p, Thinking | Text)]


# -- questions -----------------------------------------------------------------------------

SAID = {"text", "content", "input", "instructions", "system", "prompt", "output", "refusal"}
"""Keys under which the vendors have what is said, where that is a text."""
SILENT = {"tools", "functions", "arguments", "args", "generationConfig", "text_format", "metadata", "source"}


def spoken(value):
    """Every text in a question, found without knowing its form."""
    if isinstance(value, list):
        for entry in value:
            yield from [entry] if isinstance(entry, str) else spoken(entry)
    elif isinstance(value, dict):
        for key, entry in value.items():
            if isinstance(entry, str) and entry and key in SAID:
                yield entry
            elif key in SILENT or (key == "input" and value.get("type") == "tool_use") or key == "response":
                continue
            else:
                yield from spoken(entry)


def test_every_text_of_every_question_is_found_in_its_prompt(rows):
    asked = [row for row in rows if not is_of_threads(row) and read.api(exchange(row).request)]
    lists = ("system", "instructions", "messages", "input", "prompt", "systemInstruction", "contents")

    found = Counter()
    for row in asked:
        body = json.loads(row.body)
        prompt = read.prompt(exchange(row).request)
        wanted = Counter(spoken({key: body[key] for key in lists if key in body}))
        parts = [part for message in prompt.messages for part in message.parts]
        refused = [json.loads(p.json).get("refusal") for p in parts if isinstance(p, messages.Other)]
        assert wanted <= Counter([*texts(tuple(parts)), *refused]), row.number
        assert prompt.model == body.get("model", row.path.partition("/models/")[2].partition(":")[0])
        assert prompt.stream is (body.get("stream") is True or "streamGenerate" in row.url)
        found[prompt.api] += wanted.total()

    assert len(asked) == 893 - 33
    assert found == {
        paths.ANTHROPIC: 170,
        paths.CHAT: 799,
        paths.COMPLETIONS: 68,
        paths.RESPONSES: 214,
        paths.GEMINI: 94,
    }


SCHEMAS = ("input_schema", "parameters", "parametersJsonSchema", "parameters_json_schema")


def test_every_tool_of_every_question_is_found_in_its_prompt(rows):
    told = 0
    for row in rows:
        request = exchange(row).request
        if is_of_threads(row) or not read.api(request):
            continue
        body = json.loads(row.body)
        tools = [*body.get("tools", ()), *body.get("functions", ())]
        functions = [tool.get("function", tool) for tool in tools]
        functions = [f for one in functions for f in one.get("functionDeclarations", [one])]
        known = {(t.name, t.description): t.schema for t in read.prompt(request).tools}
        for function in functions:
            if "name" in function:
                schema = next(
                    (function[k] for k in SCHEMAS if k in function),
                    None,
                )
                kept = known[function["name"], function.get("description") or ""]
                assert (json.loads(kept) if kept else None) == schema
                told += 1

    assert told == 289
