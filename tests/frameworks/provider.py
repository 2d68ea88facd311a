"""The models: each wants the weather of Faro, then of Lagos, and then says what the tools said. Pure.

An answer is a function of its question, in the form of whichever API is asked, streamed where that is asked.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from tracefork import Request, Response
from tracefork.providers import anthropic, base, gemini, openai, read

CITIES = ("Faro", "Lagos")
TOKENS = {"input_tokens": 1234, "output_tokens": 56}
"""What each answer says that it took."""
GLAD = "Be glad."
"""Asked for by a system prompt, each last answer ends in another word."""

_HAS = re.compile(r"([A-Z][a-z]+ has \d+ degrees)")
_FIELD = "[[ ## {} ## ]]\n{}\n\n"


def answer(asked: Request) -> Response:
    """What the model says; 404 to whatever is no question to one."""
    path = urlsplit(asked.url).path
    for ending, render in _RENDERERS.items():
        if ending in path:
            return render(asked)
    return Response(404, (("content-type", "application/json"),), (b'{"error": {"message": "none"}}',))


def list_results(asked: Request) -> list[str]:
    """What the tools gave so far, each once."""
    return list(dict.fromkeys(_HAS.findall(asked.body.decode())))


def find_city(asked: Request) -> str | None:
    """The city that the model wants to know of next."""
    count = len(list_results(asked))
    return CITIES[count] if count < len(CITIES) else None


def find_tool(asked: Request) -> str:
    """The tool of the weather, as the program calls it."""
    said = read.prompt(asked)
    names = [tool.name for tool in said.tools if tool.name.endswith("weather")] if said else []
    return names[0] if names else "weather"


def write_text(asked: Request) -> str:
    """The last answer."""
    return "; ".join(list_results(asked)) + ("!" if GLAD in asked.body.decode() else ".")


# -- the forms ----------------------------------------------------------------------------


def _anthropic(asked: Request) -> Response:
    city = find_city(asked)
    if city is not None:
        return anthropic.tool_use(find_tool(asked), {"city": city}, **TOKENS)(asked)
    if b'"final_answer"' in asked.body:
        return anthropic.tool_use("final_answer", {"answer": write_text(asked)}, **TOKENS)(asked)
    return anthropic.text(write_text(asked), **TOKENS)(asked)


def _openai(asked: Request) -> Response:
    """Of chat completions and of Responses; where no tool is offered, the fields that a prompt asks for."""
    city, body = find_city(asked), asked.body.decode()
    if "[[ ## next_tool_name ## ]]" in body:
        return _fields(asked, city)
    if "[[ ## answer ## ]]" in body:
        return _say(asked, reasoning="I know.", answer=write_text(asked))
    if city is not None:
        return openai.tool_call(find_tool(asked), {"city": city}, **TOKENS)(asked)
    if '"final_answer"' in body:
        return openai.tool_call("final_answer", {"answer": write_text(asked)}, **TOKENS)(asked)
    return openai.text(write_text(asked), **TOKENS)(asked)


def _fields(asked: Request, city: str | None) -> Response:
    tool, arguments = ("finish", {}) if city is None else ("weather", {"city": city})
    return _say(asked, next_thought="So.", next_tool_name=tool, next_tool_args=json.dumps(arguments))


def _say(asked: Request, **fields: str) -> Response:
    said = "".join(_FIELD.format(name, value) for name, value in fields.items())
    return openai.text(said + "[[ ## completed ## ]]", **TOKENS)(asked)


def _gemini(asked: Request) -> Response:
    city = find_city(asked)
    if city is None:
        return gemini.text(write_text(asked), **TOKENS)(asked)
    return gemini.tool_use(find_tool(asked), {"city": city}, id="", **TOKENS)(asked)


def _cohere(asked: Request) -> Response:
    calls = _functions(asked)
    content = [] if calls else [{"type": "text", "text": write_text(asked)}]
    usage = {
        "billed_units": {"input_tokens": 5, "output_tokens": 6},
        "tokens": dict(TOKENS),
    }
    message = {"role": "assistant", "content": content}
    return _json(
        {
            "id": base.ident("", asked.body),
            "finish_reason": "TOOL_CALL" if calls else "COMPLETE",
            "message": {**message, "tool_plan": "I look.", "tool_calls": calls} if calls else message,
            "usage": usage,
        }
    )


def _functions(asked: Request) -> list[dict[str, Any]]:
    city = find_city(asked)
    function = {"name": "weather", "arguments": json.dumps({"city": city})}
    return [{"id": base.ident("call_", asked.body), "type": "function", "function": function}] if city else []


def _ollama(asked: Request) -> Response:
    """A line of JSON; as a stream one for each word."""
    city, streams = find_city(asked), base.payload(asked.body).get("stream") is not False
    head = {"model": base.model_of(asked), "created_at": "2026-11-01T00:00:00Z"}
    last = {
        "done": True,
        "done_reason": "stop",
        "total_duration": 5,
        "prompt_eval_count": TOKENS["input_tokens"],
        "eval_count": TOKENS["output_tokens"],
    }
    call = {"role": "assistant", "content": "", "tool_calls": [_ollama_call(city)]}
    words = re.findall(r"\S+\s*", write_text(asked)) if city is None else []
    if not streams:
        message = {"role": "assistant", "content": "".join(words)} if city is None else call
        return _json({**head, "message": message, **last})
    parts = [{"role": "assistant", "content": word} for word in words] or [call]
    lines = [{**head, "message": part, "done": False} for part in parts]
    lines.append({**head, "message": {"role": "assistant", "content": ""}, **last})
    chunks = tuple(json.dumps(line).encode() + b"\n" for line in lines)
    return Response(200, (("content-type", "application/x-ndjson"),), chunks)


def _ollama_call(city: str | None) -> dict[str, Any]:
    return {"function": {"name": "weather", "arguments": {"city": city}}}


def _converse(asked: Request) -> Response:
    city = find_city(asked)
    use = {"toolUseId": base.ident("tool_", asked.body), "name": "weather", "input": {"city": city}}
    content = [{"text": write_text(asked)}] if city is None else [{"toolUse": use}]
    total = sum(TOKENS.values())
    return _json(
        {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": "end_turn" if city is None else "tool_use",
            "usage": {"inputTokens": 1234, "outputTokens": 56, "totalTokens": total},
            "metrics": {"latencyMs": 1},
        }
    )


def _json(tree: Any) -> Response:
    body = json.dumps(tree).encode()
    headers = (("content-type", "application/json"), ("content-length", str(len(body))))
    return Response(200, headers, (body,))


_RENDERERS = {
    "/v1/messages": _anthropic,
    "/chat/completions": _openai,
    "/responses": _openai,
    "enerateContent": _gemini,
    "/v2/chat": _cohere,
    "/api/chat": _ollama,
    "/converse": _converse,
}
"""By a part of the path; the first that fits."""
