"""What the readers make of recorded answers is what the vendors' own SDKs make of them, to the word."""

from __future__ import annotations

import json

import pytest
from peers.test_corpus_reading import corpus  # noqa: F401 - a fixture

from tracefork.core.content_encoding import decode_body
from tracefork.providers import _json, bedrock
from tracefork.providers.messages import Embeddings

pytestmark = pytest.mark.slow

OK = 200


def load(name):
    module, _, kind = name.rpartition(".")
    return getattr(pytest.importorskip(module), kind)


def list_answers(found, api, vendor="", *, is_stream=False):
    """The answers by `api` that came: what the readers have, and the JSON of each, or its raw bytes."""
    for one in found:
        completion, answer = one.completion, one.exchange.response
        if completion is None or completion.api != api or answer.status != OK:
            continue
        if one.row["stream"] is not is_stream or (vendor and one.row["provider"] != vendor):
            continue
        body = b"".join(decode_body(answer.headers, answer.chunks) or ())
        if is_stream or (body.startswith(b"{") and b"}\n{" not in body):  # else it comes a line a piece
            yield completion, body if is_stream else json.loads(body)


def check(pairs, least):
    """Compare each pair; there are as many as there were, so that none is left out unseen."""
    count = 0
    for ours, theirs in pairs:
        assert ours == theirs
        count += 1
    assert count >= least


def count(usage):
    return None if usage is None else (usage.input, usage.output)


@pytest.mark.parametrize(
    ("vendor", "kind", "least"),
    [
        ("openai", "openai.types.CreateEmbeddingResponse", 10),
        ("azure-openai", "openai.types.CreateEmbeddingResponse", 1),
        ("mistral", "mistralai.client.models.EmbeddingResponse", 4),
    ],
)
def test_embeddings(corpus, vendor, kind, least):  # noqa: F811
    model = load(kind)

    def pairs():
        for completion, body in list_answers(corpus, "openai.embeddings", vendor):
            for one in body["data"]:
                if isinstance(one["embedding"], str):  # base64, which OpenAI's client decodes elsewhere
                    one["embedding"] = [0.0] * (len(one["embedding"]) * 3 // 4 // 4)
            theirs = model.model_validate(body)
            vectors = Embeddings(len(theirs.data), len(theirs.data[0].embedding))
            (choice,) = completion.choices
            yield (
                (choice.message.parts, completion.model, completion.usage.input),
                ((vectors,), theirs.model, theirs.usage.prompt_tokens),
            )

    check(pairs(), least)


def test_messages_of_threads(corpus):  # noqa: F811
    model = load("openai.types.beta.threads.Message")

    def pairs():
        for completion, body in list_answers(corpus, "openai.threads"):
            kept = body["data"] if body["object"] == "list" else [body]
            if not kept or kept[0]["object"] != "thread.message":
                continue
            theirs = [model.construct(**one) for one in kept]
            yield (
                [(one.message.role, one.message.text) for one in completion.choices],
                [(m.role, "".join(p.text.value for p in m.content if p.type == "text")) for m in theirs],
            )

    check(pairs(), 40)


def test_runs_of_assistants(corpus):  # noqa: F811
    model = load("openai.types.beta.threads.Run")

    def pairs():
        for completion, body in list_answers(corpus, "openai.runs"):
            theirs = model.model_validate(body)
            wanted = theirs.required_action.submit_tool_outputs.tool_calls if theirs.required_action else []
            usage = theirs.usage and (theirs.usage.prompt_tokens, theirs.usage.completion_tokens)
            yield (
                (
                    completion.id,
                    completion.model,
                    completion.stop_reason,
                    [(c.id, c.name, c.arguments) for c in completion.calls],
                    count(completion.usage),
                    completion.complete,
                ),
                (
                    theirs.id,
                    theirs.model,
                    theirs.status,
                    [(c.id, c.function.name, c.function.arguments) for c in wanted],
                    usage,
                    theirs.status not in ("queued", "in_progress", "cancelling"),
                ),
            )

    check(pairs(), 20)


@pytest.mark.parametrize(
    ("api", "vendor", "kind", "least"),
    [
        ("openai.chat", "groq", "groq.types.chat.ChatCompletion", 5),
        ("openai.chat", "mistral", "mistralai.client.models.ChatCompletionResponse", 4),
        ("openai.chat", "together", "openai.types.chat.ChatCompletion", 1),
        ("openai.completions", "openai", "openai.types.Completion", 20),
        ("writer.chat", "writer", "openai.types.chat.ChatCompletion", 2),
    ],
)
def test_chats_and_texts(corpus, api, vendor, kind, least):  # noqa: F811
    model = load(kind)

    def pairs():
        for completion, body in list_answers(corpus, api, vendor):
            theirs = model.model_validate(body) if vendor == "mistral" else model.construct(**body)
            usage = theirs.usage and (theirs.usage.prompt_tokens, theirs.usage.completion_tokens)
            texts = [
                one.text if api == "openai.completions" else one.message.content or ""
                for one in theirs.choices
            ]
            yield (
                (completion.id, [one.message.text for one in completion.choices], count(completion.usage)),
                (theirs.id, [text if isinstance(text, str) else "" for text in texts], usage),
            )

    check(pairs(), least)


def test_cohere(corpus):  # noqa: F811
    model = load("cohere.NonStreamedChatResponse")

    def pairs():
        for completion, body in list_answers(corpus, "cohere.chat.1"):
            theirs = model.model_validate(body)
            usage = completion.usage
            tokens, billed = theirs.meta.tokens, theirs.meta.billed_units
            yield (
                (
                    completion.text,
                    completion.stop_reason,
                    count(completion.usage),
                    completion.usage.billed_input,
                ),
                (
                    theirs.text,
                    theirs.finish_reason,
                    (tokens.input_tokens, tokens.output_tokens),
                    billed.input_tokens,
                ),
            )

    check(pairs(), 5)


def test_ollama(corpus):  # noqa: F811
    model = load("ollama.GenerateResponse")

    def pairs():
        for completion, body in list_answers(corpus, "ollama.generate"):
            theirs = model.model_validate(body)
            counts = theirs.prompt_eval_count, theirs.eval_count
            yield (
                (completion.text, completion.model, count(completion.usage)),
                (
                    theirs.response,
                    theirs.model,
                    counts,
                ),
            )

    check(pairs(), 2)


def test_images(corpus):  # noqa: F811
    model = load("openai.types.ImagesResponse")

    def pairs():
        for completion, body in list_answers(corpus, "openai.images"):
            theirs = model.model_validate(body)
            yield (
                [part.url for one in completion.choices for part in one.message.parts],
                [one.url for one in theirs.data],
            )

    check(pairs(), 1)


def test_the_frames_of_amazon(corpus):  # noqa: F811
    """botocore looks at the checksums, too."""
    eventstream = pytest.importorskip("botocore.eventstream")

    def pairs():
        for api in ("bedrock.invoke", "bedrock.converse", "anthropic.messages"):
            for _, body in list_answers(corpus, api, "aws-bedrock", is_stream=True):
                buffer = eventstream.EventStreamBuffer()
                buffer.add_data(body)
                theirs = [bedrock._open(_json.parse(message.payload)) for message in buffer]
                yield list(map(_json.write, bedrock.payloads(body))), list(map(_json.write, theirs))

    check(pairs(), 30)
