"""Scripted models of all vendors: each wants two tool calls, then says what the last one gave.

Run as a process: `python provider.py PORT FOLDER`. What it is asked is in FOLDER/asked, a line each: how many
results of tools the question has, its headers and its body. While there is FOLDER/hold, questions with all
results wait.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import frozen

from tracefork import Request, Response
from tracefork.providers import anthropic, base, gemini, openai, read
from tracefork.providers.messages import Text, ToolResult
from tracefork.providers.openai.responses import number
from tracefork.testing import LoopbackServer, by_rule

WRITE = "echo forty-two > answer.txt; cat answer.txt"
COUNT = "wc -c answer.txt"
WANTED = (WRITE, COUNT)
CALLS = {
    "Bash": ({"command": WRITE, "description": "write"}, {"command": COUNT, "description": "count"}),
    "run_shell_command": ({"command": WRITE}, {"command": COUNT}),
    "weather": ({"city": "Paris"}, {"city": "Rome"}),
}
"""What is wanted of the tools that are known, by their names."""

INPUT, OUTPUT = 1_234, 56
"""The tokens of each answer, as the report is to have them."""


@frozen
class CustomCall:
    """A call of codex's tool, which takes JavaScript and no JSON, as a stream of the Responses API."""

    command: str

    def __call__(self, request: Request) -> Response:
        return base.stream(number(self._events(base.ident("ctc_", request.body))))

    def _events(self, item_id: str) -> Iterator[base.Payload]:
        code = f"const r = await tools.exec_command({{cmd: {json.dumps(self.command)}}}); text(r.output);"
        item = {"type": "custom_tool_call", "id": item_id, "call_id": f"call_{item_id}", "name": "exec"}
        whole = {**item, "input": code, "status": "completed"}
        frame = {
            "id": f"resp_{item_id}",
            "object": "response",
            "created_at": 0,
            "model": "gpt-5",
            "output": [],
        }
        usage = {"input_tokens": INPUT, "output_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}
        place = {"output_index": 0, "item_id": item_id}
        yield {"type": "response.created", "response": {**frame, "status": "in_progress"}}
        yield {"type": "response.output_item.added", "output_index": 0, "item": {**item, "input": ""}}
        yield {"type": "response.custom_tool_call_input.delta", **place, "delta": code}
        yield {"type": "response.custom_tool_call_input.done", **place, "input": code}
        yield {"type": "response.output_item.done", "output_index": 0, "item": whole}
        done = {**frame, "status": "completed", "output": [whole], "usage": usage}
        yield {"type": "response.completed", "response": done}


def answer(asked: Request) -> Response:
    """What the models say; 404 to whatever is no question to one."""
    vendor = find_vendor(asked.url)
    if vendor is None or asked.method != "POST":
        return Response(404, (("content-type", "application/json"),), (b'{"error": {"message": "none"}}',))
    return choose(asked, vendor)(asked)


def find_vendor(url: str):
    path = url.partition("?")[0]
    if path.endswith("/messages"):
        return anthropic
    if path.endswith(("/responses", "/chat/completions")):
        return openai
    return gemini if path.endswith("enerateContent") else None


def choose(asked: Request, vendor):
    """The builder of the answer to a question."""
    said = read.prompt(asked)
    results, names = list_results(asked), {tool.name for tool in said.tools} if said else set()
    name = next((name for name in CALLS if name in names), "")
    tokens = {"input_tokens": INPUT, "output_tokens": OUTPUT}
    if b'"application/json"' in asked.body:  # gemini-cli asks which model is to answer
        return vendor.text(json.dumps({"complexity_reasoning": "short", "complexity_score": 1}), **tokens)
    if len(results) < len(WANTED) and name:
        call = vendor.tool_call if vendor is openai else vendor.tool_use
        return call(name, CALLS[name][len(results)], **tokens)
    if len(results) < len(WANTED) and b"exec_command" in asked.body:
        return CustomCall(WANTED[len(results)])
    return vendor.text(f"done: {' '.join(results[-1:])}".strip(), **tokens)


def list_results(asked: Request) -> list[str]:
    """What tools gave so far, each as one text."""
    said = read.prompt(asked)
    parts = [part for message in said.messages for part in message.parts] if said else []
    return [
        "".join(one.text if isinstance(one, Text) else one.json for one in part.parts)
        for part in parts
        if isinstance(part, ToolResult)
    ]


def serve(answer: Callable[[Request], Response], port: int, folder: Path) -> None:
    """Serve until the process is killed."""
    lock = threading.Lock()

    def rule(asked: Request) -> Response:
        results = len(list_results(asked))
        with lock, (folder / "asked").open("a") as file:
            file.write(json.dumps([results, asked.headers, asked.body.decode()]) + "\n")
        while (folder / "hold").exists() and results >= len(WANTED):
            time.sleep(0.02)
        return answer(asked)

    with LoopbackServer(by_rule(rule), port=port) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    serve(answer, int(sys.argv[1]), Path(sys.argv[2]))
