"""A question, an answer and a stream of each API beyond those of `payloads`, as vendors document them."""

# ruff: noqa: E501 - it is data, and is read across

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable

from attrs import frozen

from tracefork import Exchange, Request, Response
from tracefork.providers import sse

PNG = "iVBORw0KGgo="  # eight bytes
FUNCTION = {"name": "weather", "description": "Tells.", "parameters": {"type": "object"}}
TOOL = {"type": "function", "function": FUNCTION}
CALL = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Faro"}'}}

OPENAI = "https://api.openai.com/v1"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model"
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nNames: Faro.\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
    b"Content-Type: audio/wav\r\n\r\nRIFF1234\r\n--x--\r\n"
)


def write_json(value: object) -> bytes:
    return json.dumps(value).encode()


@frozen
class Case:
    """One API. `asked` and `heard` are what the readers make of the question and the answer, in short."""

    name: str
    url: str
    question: object
    answer: object
    asked: list[str]
    heard: list[str]
    tokens: tuple[int | None, int | None] | None = None
    model: str = ""
    stop: str = ""
    kind: str = "answer"
    events: tuple[object, ...] = ()
    framing: str = "sse"
    method: str = "POST"
    tools: int = 0
    complete: bool = True

    def __str__(self) -> str:
        return f"{self.name} {self.url.rpartition('/')[2][:40]}"

    @property
    def request(self) -> Request:
        if isinstance(self.question, bytes):
            kind = (("content-type", "multipart/form-data; boundary=x"),)
            return Request(self.method, self.url, kind if self.question[:2] == b"--" else (), self.question)
        body = b"" if self.question is None else json.dumps(self.question).encode()
        return Request(self.method, self.url, (), body)

    def answer_with(self, *values: object) -> Exchange:
        """The exchange, with a whole answer, or a stream of several in the framing of its API."""
        return Exchange(self.request, respond(values, self.framing if len(values) > 1 else "whole"))


def respond(
    values: tuple[object, ...], framing: str, write: Callable[[object], bytes] = write_json
) -> Response:
    """An answer of several values in the framing of an API, each by `write`."""
    match framing:
        case "whole" if isinstance(values[0], bytes):
            return Response(200, (("content-type", "audio/mpeg"),), (values[0],))
        case "whole":
            return Response(200, (("content-type", "application/json"),), (write(values[0]),))
        case "lines":
            body = b"".join(write(one) + b"\n" for one in values)
            return Response(200, (("content-type", "application/x-ndjson"),), (body,))
        case "frames":
            packed = [{"bytes": base64.b64encode(write(one)).decode()} for one in values]
            return Response(
                200,
                (("content-type", "application/vnd.amazon.eventstream"),),
                (b"".join(map(frame, packed)),),
            )
        case "socket":
            return Response(200, (), tuple(write(one) for one in values))
        case _:
            body = b"".join(sse.encode("", write(one).decode()) for one in values)
            return Response(200, (("content-type", "text/event-stream"),), (body,))


def frame(event: object) -> bytes:
    """A message of an event stream of Amazon's; its checksums are not looked at."""
    payload = json.dumps(event).encode()
    return struct.pack(">III", 16 + len(payload), 0, 0) + payload + bytes(4)


METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 5, "outputTokenCount": 6}}
EMBEDDED = {
    "object": "list",
    "model": "e",
    "data": [{"index": 0, "embedding": [0.1, 0.2, 0.3]}, {"index": 1, "embedding": [1, 2, 3]}],
    "usage": {"prompt_tokens": 7, "total_tokens": 7},
}
MESSAGE = {
    "id": "msg_1",
    "object": "thread.message",
    "role": "assistant",
    "content": [{"type": "text", "text": {"value": "It rains.", "annotations": []}}],
}
RUN = {
    "id": "run_1",
    "object": "thread.run",
    "status": "requires_action",
    "model": "gpt-4o",
    "required_action": {"submit_tool_outputs": {"tool_calls": [CALL]}},
    "usage": {"prompt_tokens": 5, "completion_tokens": 6},
}
PREDICTION = {"id": "p", "model": "meta/llama", "input": {"prompt": "Hi."}, "urls": {}, "error": None}

CASES = (
    Case(
        "anthropic.complete", "https://api.anthropic.com/v1/complete",
        {"model": "claude-2.1", "prompt": "Human: Hi.", "max_tokens_to_sample": 9},
        {"id": "c", "completion": " It rains.", "stop_reason": "stop_sequence", "model": "claude-2.1"},
        ["prompt: Human: Hi."], ["completion:  It rains."], model="claude-2.1", stop="stop_sequence",
        events=({"completion": " It", "stop_reason": None, "model": "claude-2.1", "id": "c"}, {"completion": " rains."}, {"completion": "", "stop_reason": "stop_sequence"}),
    ),
    Case(
        "tokens", "https://api.anthropic.com/v1/messages/count_tokens",
        {"model": "m", "system": "Be brief.", "messages": [{"role": "user", "content": "Hi."}]}, {"input_tokens": 9},
        ["system: Be brief.", "user: Hi."], ['tokens: tokens {"input_tokens":9}'], kind="measure",
    ),
    Case(
        "tokens", f"{GOOGLE}/models/g:countTokens", {"contents": [{"role": "user", "parts": [{"text": "Hi."}]}]}, {"totalTokens": 3},
        ["user: Hi."], ['tokens: tokens {"totalTokens":3}'], kind="measure",
    ),
    Case(
        "anthropic.batches", "https://api.anthropic.com/v1/messages/batches",
        {"requests": [{"custom_id": "1", "params": {"system": "Be brief.", "messages": [{"role": "user", "content": "Hi."}]}}]},
        {"id": "b", "type": "message_batch", "processing_status": "in_progress"},
        ["system: Be brief.", "user: Hi."], ['message_batch: message_batch {"id":"b","type":"message_batch","processing_status":"in_progress"}'], kind="record",
    ),
    Case(
        "anthropic.batches", "https://api.anthropic.com/v1/messages/batches/b/results", None,
        {"custom_id": "1", "result": {"type": "succeeded", "message": {"role": "assistant", "content": [{"type": "text", "text": "It rains."}], "stop_reason": "end_turn"}}},
        [], ["assistant: It rains."], kind="record", method="GET", stop="end_turn",
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/amazon.titan-text-express-v1/invoke", {"inputText": "Hi."},
        {"inputTextTokenCount": 5, "results": [{"tokenCount": 6, "outputText": "It rains.", "completionReason": "FINISH"}]},
        ["prompt: Hi."], ["completion: It rains."], (5, 6), "amazon.titan-text-express-v1", "FINISH",
        events=({"outputText": "It ", "index": 0, "inputTextTokenCount": 5}, {"outputText": "rains.", "completionReason": "FINISH", "totalOutputTextTokenCount": 6}), framing="frames",
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/meta.llama3/invoke", {"prompt": "Hi."},
        {"generation": "It rains.", "prompt_token_count": 5, "generation_token_count": 6, "stop_reason": "stop"},
        ["prompt: Hi."], ["completion: It rains."], (5, 6), "meta.llama3", "stop",
        events=({"generation": "It ", "prompt_token_count": 5}, {"generation": "rains.", "generation_token_count": 6, "stop_reason": "stop"}), framing="frames",
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/mistral.mistral-7b-instruct-v0%3A2/invoke", {"prompt": "Hi."},
        {"outputs": [{"text": "It rains.", "stop_reason": "stop"}], **METRICS},
        ["prompt: Hi."], ["completion: It rains."], (5, 6), "mistral.mistral-7b-instruct-v0:2", "stop",
        events=({"outputs": [{"text": "It "}]}, {"outputs": [{"text": "rains.", "stop_reason": "stop"}], **METRICS}), framing="frames",
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/cohere.command-text-v14/invoke", {"prompt": "Hi."},
        {"id": "g", "generations": [{"id": "1", "text": "It rains.", "finish_reason": "COMPLETE"}]},
        ["prompt: Hi."], ["completion: It rains."], None, "cohere.command-text-v14", "COMPLETE",
        events=({"text": "It ", "is_finished": False}, {"text": "rains.", "is_finished": False}, {"is_finished": True, "finish_reason": "COMPLETE", "response": {"id": "g"}}), framing="frames",
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/cohere.command-r-v1%3A0/invoke",
        {"message": "And now?", "preamble": "Be brief.", "chat_history": [{"role": "USER", "message": "Hi."}]},
        {"response_id": "r", "text": "It rains.", "finish_reason": "COMPLETE"},
        ["system: Be brief.", "user: Hi.", "user: And now?"], ["assistant: It rains."], None, "cohere.command-r-v1:0", "COMPLETE",
        events=({"event_type": "text-generation", "text": "It "}, {"event_type": "text-generation", "text": "rains."}, {"event_type": "stream-end", "response": {"response_id": "r", "text": "It rains.", "finish_reason": "COMPLETE"}}), framing="frames",
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/ai21.j2-mid-v1/invoke", {"prompt": "Hi."},
        {"id": 1, "prompt": {"tokens": [{}, {}]}, "completions": [{"data": {"text": "It rains.", "tokens": [{}, {}, {}]}, "finishReason": {"reason": "endoftext"}}]},
        ["prompt: Hi."], ["completion: It rains."], (2, 3), "ai21.j2-mid-v1", "endoftext",
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/ai21.jamba-1-5-mini-v1%3A0/invoke", {"messages": [{"role": "user", "content": "Hi."}], "tools": [TOOL]},
        {"id": "j", "choices": [{"index": 0, "message": {"role": "assistant", "content": "It rains.", "tool_calls": [CALL]}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 5, "completion_tokens": 6}},
        ["user: Hi."], ["assistant: It rains.", 'assistant: calls weather {"city":"Faro"}'], (5, 6), "ai21.jamba-1-5-mini-v1:0", "stop", tools=1,
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/us.amazon.nova-lite-v1%3A0/invoke",
        {"schemaVersion": "messages-v1", "system": [{"text": "Be brief."}], "messages": [{"role": "user", "content": [{"text": "Hi."}]}]},
        {"output": {"message": {"role": "assistant", "content": [{"text": "It rains."}]}}, "stopReason": "end_turn", "usage": {"inputTokens": 4, "outputTokens": 6, "cacheReadInputTokenCount": 1}},
        ["system: Be brief.", "user: Hi."], ["assistant: It rains."], (5, 6), "us.amazon.nova-lite-v1:0", "end_turn",
        events=({"messageStart": {"role": "assistant"}}, {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "It "}}}, {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "rains."}}}, {"contentBlockStop": {"contentBlockIndex": 0}}, {"messageStop": {"stopReason": "end_turn"}}, {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 6}}, **METRICS}), framing="frames",
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/anthropic.claude-v2/invoke", {"prompt": "Human: Hi.", "max_tokens_to_sample": 9},
        {"completion": " It rains.", "stop_reason": "stop_sequence"},
        ["prompt: Human: Hi."], ["completion:  It rains."], None, "anthropic.claude-v2", "stop_sequence",
        events=({"completion": " It"}, {"completion": " rains.", "stop_reason": "stop_sequence"}), framing="frames",
    ),
    Case(
        "anthropic.messages", f"{BEDROCK}/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fp/invoke",
        {"anthropic_version": "bedrock-2023-05-31", "messages": [{"role": "user", "content": "Hi."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It rains."}], "stop_reason": "end_turn", "usage": {"input_tokens": 5, "output_tokens": 6}},
        ["user: Hi."], ["assistant: It rains."], (5, 6), "arn:aws:bedrock:us-east-1:1:application-inference-profile/p", "end_turn",
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/amazon.titan-embed-text-v2%3A0/invoke", {"inputText": "Hi."},
        {"embedding": [0.1, 0.2], "inputTextTokenCount": 3},
        ["prompt: Hi."], ["embedding: 1 embedding of 2 numbers"], (3, 0), "amazon.titan-embed-text-v2:0", kind="measure",
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/cohere.embed-english-v3/invoke", {"texts": ["a", "b"], "input_type": "search_query"},
        {"id": "e", "embeddings": [[0.1, 0.2], [1, 2]]},
        ["input: a", "input: b"], ["embedding: 2 embeddings of 2 numbers"], None, "cohere.embed-english-v3", kind="measure",
    ),
    Case(
        "bedrock.invoke", f"{BEDROCK}/amazon.nova-canvas-v1%3A0/invoke", {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cat"}},
        {"images": [PNG]}, ["prompt: a cat"], ["assistant: image 8"], None, "amazon.nova-canvas-v1:0",
    ),
    Case(
        "cohere.chat.1", "https://api.cohere.com/v1/chat",
        {"model": "command", "message": "And?", "preamble": "Be brief.", "chat_history": [{"role": "CHATBOT", "message": "Hi."}], "tools": [{"name": "weather", "description": "Tells.", "parameter_definitions": {}}]},
        {"response_id": "r", "text": "It rains.", "finish_reason": "COMPLETE", "tool_calls": [{"name": "weather", "parameters": {"city": "Faro"}}], "meta": {"tokens": {"input_tokens": 70, "output_tokens": 6}, "billed_units": {"input_tokens": 5, "output_tokens": 6}}},
        ["system: Be brief.", "assistant: Hi.", "user: And?"], ["assistant: It rains.", 'assistant: calls weather {"city":"Faro"}'], (70, 6), "command", "COMPLETE", tools=1,
        events=({"event_type": "stream-start"}, {"event_type": "text-generation", "text": "It "}, {"event_type": "stream-end", "response": {"response_id": "r", "text": "It rains.", "finish_reason": "COMPLETE", "tool_calls": [{"name": "weather", "parameters": {"city": "Faro"}}], "meta": {"tokens": {"input_tokens": 70, "output_tokens": 6}, "billed_units": {"input_tokens": 5, "output_tokens": 6}}}}), framing="lines",
    ),
    Case(
        "cohere.generate", "https://api.cohere.com/v1/generate", {"model": "command", "prompt": "Hi."},
        {"id": "g", "generations": [{"id": "1", "text": "It rains.", "finish_reason": "COMPLETE"}], "meta": {"billed_units": {"input_tokens": 5, "output_tokens": 6}}},
        ["prompt: Hi."], ["completion: It rains."], (5, 6), "command", "COMPLETE",
        events=({"text": "It ", "is_finished": False}, {"is_finished": True, "finish_reason": "COMPLETE", "response": {"id": "g", "generations": [{"id": "1", "text": "It rains.", "finish_reason": "COMPLETE"}], "meta": {"billed_units": {"input_tokens": 5, "output_tokens": 6}}}}), framing="lines",
    ),
    Case(
        "cohere.embed", "https://api.cohere.com/v2/embed", {"model": "embed", "texts": ["a", "b"]},
        {"id": "e", "embeddings": {"float": [[0.1, 0.2], [1, 2]]}, "meta": {"billed_units": {"input_tokens": 5}}},
        ["input: a", "input: b"], ["embedding: 2 embeddings of 2 numbers"], (5, 0), "embed", kind="measure",
    ),
    Case(
        "rerank", "https://api.cohere.com/v2/rerank", {"model": "r", "query": "Where?", "documents": ["a", {"text": "b"}]},
        {"id": "x", "results": [{"index": 1, "relevance_score": 0.50, "document": {"text": "b"}}]},
        ["query: Where?", "input: a", 'input:  {"text":"b"}'], ['ranking: ranking [{"index":1,"relevance_score":0.5}]'], None, "r", kind="measure",
    ),
    Case(
        "writer.chat", "https://api.writer.com/v1/chat", {"model": "palmyra-x4", "messages": [{"role": "user", "content": "Hi."}], "tools": [TOOL]},
        {"id": "w", "model": "palmyra-x4", "choices": [{"index": 0, "message": {"role": "assistant", "content": "It rains."}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 5, "completion_tokens": 6}},
        ["user: Hi."], ["assistant: It rains."], (5, 6), "palmyra-x4", "stop", tools=1,
        events=({"id": "w", "model": "palmyra-x4", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "It "}}]}, {"choices": [{"index": 0, "delta": {"content": "rains."}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 5, "completion_tokens": 6}}),
    ),
    Case(
        "openai.completions", "https://api.writer.com/v1/completions", {"model": "palmyra-x4", "prompt": "Hi."},
        {"model": "palmyra-x4", "choices": [{"text": "It rains."}]}, ["prompt: Hi."], ["completion: It rains."], None, "palmyra-x4",
    ),
    Case(
        "huggingface.generate", "https://x.endpoints.huggingface.cloud/", {"inputs": "Hi.", "parameters": {"max_new_tokens": 9}},
        {"generated_text": "It rains.", "details": {"finish_reason": "eos_token", "generated_tokens": 6}},
        ["prompt: Hi."], ["completion: It rains."], (None, 6), stop="eos_token",
        events=({"token": {"text": "It "}}, {"token": {"text": "rains."}, "generated_text": "It rains.", "details": {"finish_reason": "eos_token", "generated_tokens": 6}}),
    ),
    Case(
        "ollama.generate", "http://127.0.0.1:11434/api/generate", {"model": "llama3", "system": "Be brief.", "prompt": "Hi.", "images": [PNG]},
        {"model": "llama3", "response": "It rains.", "thinking": "So.", "done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 6},
        ["system: Be brief.", "prompt: Hi.", "prompt: image 8"], ["completion: thinks So.", "completion: It rains."], (5, 6), "llama3", "stop",
        events=({"model": "llama3", "response": "", "thinking": "So.", "done": False}, {"response": "It ", "done": False}, {"response": "rains.", "done": False}, {"response": "", "done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 6}), framing="lines",
    ),
    Case(
        "ollama.embed", "http://127.0.0.1:11434/api/embed", {"model": "e", "input": ["a", "b"]}, {"model": "e", "embeddings": [[1, 2], [3, 4]], "prompt_eval_count": 5},
        ["input: a", "input: b"], ["embedding: 2 embeddings of 2 numbers"], (5, 0), "e", kind="measure",
    ),
    Case(
        "ollama.embed", "http://127.0.0.1:11434/api/embeddings", {"model": "e", "prompt": "a"}, {"embedding": [1, 2]},
        ["input: a"], ["embedding: 1 embedding of 2 numbers"], None, "e", kind="measure",
    ),
    Case(
        "openai.embeddings", f"{OPENAI}/embeddings", {"model": "e", "input": ["a", "b", [1, 2]]}, EMBEDDED,
        ["input: a", "input: b", "input: tokens [1,2]"], ["embedding: 2 embeddings of 3 numbers"], (7, 0), "e", kind="measure",
    ),
    Case(
        "openai.embeddings", "https://x.openai.azure.com/openai/deployments/mine/embeddings?api-version=1", {"input": "a"},
        {**EMBEDDED, "model": "", "data": [{"embedding": "AACAPwAAAEAAAEBA"}]}, ["input: a"], ["embedding: 1 embedding of 3 numbers"], (7, 0), "mine", kind="measure",
    ),
    Case(
        "openai.images", f"{OPENAI}/images/generations", {"model": "gpt-image-1", "prompt": "a cat"},
        {"data": [{"b64_json": PNG, "revised_prompt": "A cat."}, {"url": "https://x.example/a.png"}], "output_format": "png", "usage": {"input_tokens": 5, "output_tokens": 6}},
        ["user: a cat"], ["assistant: A cat.", "assistant: image 8", "assistant: image https://x.example/a.png"], (5, 6), "gpt-image-1",
    ),
    Case(
        "openai.speech", f"{OPENAI}/audio/speech", {"model": "tts-1", "input": "It rains.", "instructions": "Softly."}, b"ID3-----",
        ["system: Softly.", "user: It rains."], ["assistant: audio 8"], None, "tts-1",
        events=({"type": "speech.audio.delta", "audio": PNG}, {"type": "speech.audio.done", "usage": {"input_tokens": 5, "output_tokens": 6}}),
    ),
    Case(
        "openai.transcriptions", f"{OPENAI}/audio/transcriptions", FORM, {"text": "It rains.", "usage": {"type": "tokens", "input_tokens": 5, "output_tokens": 6}},
        ["system: Names: Faro.", "user: audio 8"], ["assistant: It rains."], (5, 6), "whisper-1",
        events=({"type": "transcript.text.delta", "delta": "It "}, {"type": "transcript.text.done", "text": "It rains.", "usage": {"input_tokens": 5, "output_tokens": 6}}),
    ),
    Case(
        "openai.moderations", f"{OPENAI}/moderations", {"model": "omni", "input": ["a", {"type": "text", "text": "b"}]},
        {"id": "m", "model": "omni", "results": [{"flagged": False}, {"flagged": True}]},
        ["input: a", "input: b"], ['moderation: moderation {"flagged":false}', 'moderation: moderation {"flagged":true}'], None, "omni", kind="measure",
    ),
    Case(
        "openai.threads", f"{OPENAI}/assistants", {"model": "gpt-4o", "instructions": "Be brief.", "tools": [TOOL]},
        {"id": "asst_1", "object": "assistant", "model": "gpt-4o"},
        ["system: Be brief."], ['assistant: assistant {"id":"asst_1","object":"assistant","model":"gpt-4o"}'], None, "gpt-4o", kind="record", tools=1,
    ),
    Case(
        "openai.threads", f"{OPENAI}/threads/thread_1/messages", {"role": "user", "content": "Hi."}, {**MESSAGE, "role": "user"},
        ["user: Hi."], ["user: It rains."], kind="record",
    ),
    Case(
        "openai.threads", f"{OPENAI}/threads/thread_1/messages?limit=2", None, {"object": "list", "data": [MESSAGE, {**MESSAGE, "role": "user"}]},
        [], ["assistant: It rains.", "user: It rains."], kind="record", method="GET",
    ),
    Case(
        "openai.runs", f"{OPENAI}/threads/thread_1/runs", {"assistant_id": "asst_1", "instructions": "Be brief.", "additional_messages": [{"role": "user", "content": "Hi."}]}, RUN,
        ["system: Be brief.", "user: Hi."], ['assistant: calls weather {"city":"Faro"}'], (5, 6), "gpt-4o", "requires_action",
    ),
    Case(
        "openai.runs", f"{OPENAI}/threads/runs", {"assistant_id": "asst_1", "stream": True, "thread": {"messages": [{"role": "user", "content": "Hi."}]}}, {**RUN, "status": "completed", "required_action": None},
        ["user: Hi."], [], (5, 6), "gpt-4o", "completed",
    ),
    Case(
        "openai.runs", f"{OPENAI}/threads/thread_1/runs/run_1", None, {**RUN, "status": "in_progress", "usage": None, "required_action": None},
        [], [], None, "gpt-4o", "in_progress", method="GET", complete=False,
    ),
    Case(
        "openai.runs", f"{OPENAI}/threads/thread_1/runs/run_1/submit_tool_outputs", {"tool_outputs": [{"tool_call_id": "c", "output": "rain"}]}, {**RUN, "status": "queued", "usage": None, "required_action": None},
        ["tool: result c"], [], None, "gpt-4o", "queued", complete=False,
    ),
    Case(
        "openai.files", f"{OPENAI}/batches", {"input_file_id": "file-1", "endpoint": "/v1/chat/completions"}, {"id": "batch_1", "object": "batch", "status": "validating"},
        ["user: document file-1"], ['batch: batch {"id":"batch_1","object":"batch","status":"validating"}'], kind="record",
    ),
    Case(
        "openai.files", f"{OPENAI}/files", FORM, {"id": "file-1", "object": "file"}, ["user: audio 8"], ['file: file {"id":"file-1","object":"file"}'], kind="record",
    ),
    Case(
        "openai.files", f"{OPENAI}/files/file-2/content", None,
        {"custom_id": "1", "response": {"body": {"choices": [{"index": 0, "message": {"role": "assistant", "content": "It rains."}, "finish_reason": "stop"}]}}},
        [], ["assistant: It rains."], kind="record", method="GET", stop="stop",
    ),
    Case(
        "openai.responses", f"{OPENAI}/responses/resp_1", None,
        {"id": "resp_1", "status": "completed", "model": "gpt-5", "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It rains."}]}], "usage": {"input_tokens": 5, "output_tokens": 6}},
        [], ["assistant: It rains."], (5, 6), "gpt-5", "completed", method="GET",
    ),
    Case(
        "openai.responses", f"{OPENAI}/responses/compact", {"model": "gpt-5", "input": "Hi."},
        {"id": "resp_1", "object": "response.compaction", "output": [{"type": "compaction", "encrypted_content": "x"}], "usage": {"input_tokens": 5, "output_tokens": 6}},
        ["user: Hi."], ['assistant: compaction {"type":"compaction","encrypted_content":"x"}'], (5, 6), "gpt-5",
    ),
    Case(
        "openai.chat", f"{OPENAI}/chat/completions/chatcmpl-1", None, {"id": "chatcmpl-1", "model": "m", "choices": [{"message": {"role": "assistant", "content": "It rains."}}]},
        [], ["assistant: It rains."], None, "m", method="GET",
    ),
    Case(
        "openai.chat", "https://x-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/mistralai/models/codestral:rawPredict",
        {"model": "codestral", "messages": [{"role": "user", "content": "Hi."}]}, {"choices": [{"message": {"role": "assistant", "content": "It rains."}}]},
        ["user: Hi."], ["assistant: It rains."], None, "codestral",
    ),
    Case(
        "gemini.embed", f"{GOOGLE}/models/gemini-embedding-001:embedContent", {"content": {"parts": [{"text": "a"}]}}, {"embedding": {"values": [1, 2]}},
        ["input: a"], ["embedding: 1 embedding of 2 numbers"], None, "gemini-embedding-001", kind="measure",
    ),
    Case(
        "gemini.embed", f"{GOOGLE}/models/g:batchEmbedContents", {"requests": [{"content": {"parts": [{"text": "a"}]}}, {"content": {"parts": [{"text": "b"}]}}]},
        {"embeddings": [{"values": [1, 2]}, {"values": [3, 4]}], "usageMetadata": {"promptTokenCount": 5}},
        ["input: a", "input: b"], ["embedding: 2 embeddings of 2 numbers"], (5, 0), "g", kind="measure",
    ),
    Case(
        "gemini.predict", "https://x-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/text-embedding-005:predict", {"instances": [{"content": "a"}]},
        {"predictions": [{"embeddings": {"values": [1, 2], "statistics": {"token_count": 3}}}]},
        ["input: a"], ["embedding: 1 embedding of 2 numbers"], (3, 0), "text-embedding-005", kind="measure",
    ),
    Case(
        "gemini.interactions", f"{GOOGLE}/interactions",
        {"model": "gemini-3", "system_instruction": "Be brief.", "tools": [{"type": "function", **FUNCTION}], "input": [{"type": "user_input", "content": [{"type": "text", "text": "Hi."}]}, {"type": "function_result", "call_id": "c", "name": "weather", "result": "rain"}]},
        {"id": "i", "status": "requires_action", "model": "gemini-3", "steps": [{"type": "thought", "summary": [{"type": "text", "text": "So."}]}, {"type": "model_output", "content": [{"type": "text", "text": "It rains."}]}, {"type": "function_call", "id": "c", "name": "weather", "arguments": {"city": "Faro"}}], "usage": {"total_input_tokens": 5, "total_output_tokens": 4, "total_thought_tokens": 2}},
        ["system: Be brief.", "user: Hi.", "user: result c"], ["model: thinks So.", "model: It rains.", 'model: calls weather {"city":"Faro"}'], (5, 6), "gemini-3", "requires_action", tools=1,
        events=(
            {"event_type": "interaction.created", "interaction": {"id": "i", "model": "gemini-3", "status": "in_progress"}},
            {"event_type": "step.start", "index": 0, "step": {"type": "thought"}}, {"event_type": "step.delta", "index": 0, "delta": {"type": "thought_summary", "content": {"type": "text", "text": "So."}}},
            {"event_type": "step.start", "index": 1, "step": {"type": "model_output"}}, {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "It "}}, {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "rains."}},
            {"event_type": "step.start", "index": 2, "step": {"type": "function_call", "id": "c", "name": "weather", "arguments": {}}}, {"event_type": "step.delta", "index": 2, "delta": {"type": "arguments_delta", "arguments": '{"city":"Faro"}'}},
            {"event_type": "interaction.completed", "interaction": {"id": "i", "model": "gemini-3", "status": "requires_action", "usage": {"total_input_tokens": 5, "total_output_tokens": 4, "total_thought_tokens": 2}}},
        ),
    ),
    Case(
        "mistral.conversations", "https://api.mistral.ai/v1/conversations", {"model": "m", "instructions": "Be brief.", "inputs": [{"role": "user", "content": "Hi."}, {"type": "function.result", "tool_call_id": "c", "result": "rain"}]},
        {"conversation_id": "conv", "outputs": [{"type": "message.output", "role": "assistant", "model": "m", "content": "It rains."}, {"type": "function.call", "tool_call_id": "c", "name": "weather", "arguments": '{"city":"Faro"}'}], "usage": {"prompt_tokens": 5, "completion_tokens": 6}},
        ["system: Be brief.", "user: Hi.", "tool: result c"], ["assistant: It rains.", 'assistant: calls weather {"city":"Faro"}'], (5, 6), "m",
        events=({"type": "conversation.response.started", "conversation_id": "conv"}, {"type": "message.output.delta", "output_index": 0, "role": "assistant", "model": "m", "content": "It "}, {"type": "message.output.delta", "output_index": 0, "content": "rains."}, {"type": "function.call.delta", "output_index": 1, "tool_call_id": "c", "name": "weather", "arguments": '{"city":"Faro"}'}, {"type": "conversation.response.done", "usage": {"prompt_tokens": 5, "completion_tokens": 6}}),
    ),
    Case(
        "mistral.ocr", "https://api.mistral.ai/v1/ocr", {"model": "mistral-ocr-latest", "document": {"type": "document_url", "document_url": "https://x.example/a.pdf"}},
        {"model": "mistral-ocr-2505", "pages": [{"index": 0, "markdown": "# Faro"}], "usage_info": {"pages_processed": 1}},
        ["user: document https://x.example/a.pdf"], ["assistant: # Faro"], None, "mistral-ocr-2505",
    ),
    Case(
        "replicate.predictions", "https://api.replicate.com/v1/models/meta/llama/predictions", {"input": {"prompt": "Hi.", "system_prompt": "Be brief."}},
        {**PREDICTION, "status": "succeeded", "output": ["It ", "rains."], "metrics": {"input_token_count": 5, "output_token_count": 6}},
        ["system: Be brief.", "user: Hi."], ["assistant: It rains."], (5, 6), "meta/llama", "succeeded",
    ),
    Case(
        "replicate.predictions", "https://api.replicate.com/v1/predictions/p", None, {**PREDICTION, "status": "processing"},
        [], [], None, "meta/llama", "processing", method="GET", complete=False,
    ),
    Case(
        "openai.realtime", "wss://api.openai.com/v1/realtime?model=gpt-realtime", {"type": "session.update", "session": {"instructions": "Be brief.", "tools": [{"type": "function", **FUNCTION}]}},
        {"type": "session.updated", "session": {"id": "s"}},
        ["system: Be brief."], ['server: session.updated {"type":"session.updated","session":{"id":"s"}}'], None, "gpt-realtime", kind="record", method="SEND", tools=1, framing="socket",
    ),
    Case(
        "openai.realtime", "wss://api.openai.com/v1/realtime?model=gpt-realtime", {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi."}]}},
        {"type": "response.done", "response": {"id": "r", "status": "completed", "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "It rains."}]}], "usage": {"input_tokens": 5, "output_tokens": 6}}},
        ["user: Hi."], ["assistant: It rains."], (5, 6), "gpt-realtime", "completed", method="SEND", framing="socket",
        events=({"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}}, {"type": "response.output_audio_transcript.delta", "response_id": "r", "output_index": 0, "delta": "It "}, {"type": "response.output_audio.delta", "response_id": "r", "delta": "AAAA"}, {"type": "response.done", "response": {"id": "r", "status": "completed", "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_audio", "transcript": "It rains."}]}], "usage": {"input_tokens": 5, "output_tokens": 6}}}),
    ),
    Case(
        "gemini.live", "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=k",
        {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "Hi."}]}], "turnComplete": True}},
        {"serverContent": {"modelTurn": {"parts": [{"text": "It rains."}]}, "turnComplete": True}, "usageMetadata": {"promptTokenCount": 5, "responseTokenCount": 6}},
        ["user: Hi."], ["model: It rains."], (5, 6), "", "turnComplete", method="SEND", framing="socket",
        events=({"serverContent": {"modelTurn": {"parts": [{"text": "It "}]}}}, {"serverContent": {"modelTurn": {"parts": [{"text": "rains."}]}}}, {"serverContent": {"turnComplete": True}, "usageMetadata": {"promptTokenCount": 5, "responseTokenCount": 6}}),
    ),
)  # fmt: skip
