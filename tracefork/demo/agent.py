"""A travel agent with tools, as somebody would write it who has never heard of tracefork.

It asks the Messages API, over the vendor's SDK where that is installed and over
plain httpx where it is not, streams every other answer, and calls the tools that
the model asks for. The one line that knows of recording is `@tracefork.tool`: it
keeps a replay from running a tool again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeAlias

import tracefork

TASK = "Plan a weekend in Lisbon for under 300 euros and mail me the result."
MAIL = "Now write the mail."
"""What the agent says once it knows what the weekend comes to."""

Block: TypeAlias = "dict[str, Any]"
Model: TypeAlias = Callable[[list[Block], bool], list[Block]]
"""From the conversation, and whether to stream, to the blocks of the answer."""

SENT: list[str] = []
"""The mails that were really sent by this process."""


@tracefork.tool
def search_trains(city: str) -> dict[str, object]:
    return {"option": "night train", "city": city, "price": 89}


@tracefork.tool
def search_flights(city: str) -> dict[str, object]:
    return {"option": "morning flight", "city": city, "price": 240}


@tracefork.tool
def weather(city: str) -> str:
    return f"sunny in {city}, 24 degrees"


@tracefork.tool
def hold_seat(option: str) -> dict[str, object]:
    return {"held": option, "price": {"night train": 89, "morning flight": 240}[option]}


@tracefork.tool
def find_hotel(city: str) -> dict[str, object]:
    return {"hotel": f"Pensao {city}", "price": 120}


@tracefork.tool
def museum_hours(city: str) -> str:
    return f"most museums of {city} open at ten and close on Mondays"


@tracefork.tool
def add_up(prices: list[int]) -> int:
    return sum(prices)


@tracefork.tool
def check_budget(total: int) -> str:
    return "within the budget" if total <= 300 else f"over the budget by {total - 300} euros"  # noqa: PLR2004


@tracefork.tool
def send_mail(text: str) -> str:
    SENT.append(text)
    return "sent"


TOOLS = {
    tool.__name__: tool
    for tool in (
        search_trains,
        search_flights,
        weather,
        hold_seat,
        find_hotel,
        museum_hours,
        add_up,
        check_budget,
        send_mail,
    )
}


def travel_agent(base_url: str, mail: str = MAIL) -> str:
    """Run the agent against the model at `base_url`; return what it answers in the end.

    `mail` is its last prompt.
    """
    ask = _ask_by_sdk(base_url) if find_spec("anthropic") else _ask_plainly(base_url)
    messages: list[Block] = [{"role": "user", "content": TASK}]
    while True:
        blocks = ask(messages, len(messages) % 4 == 1)
        calls = [block for block in blocks if block["type"] == "tool_use"]
        if not calls:
            return "".join(block.get("text", "") for block in blocks)
        messages.append({"role": "assistant", "content": blocks})
        results = [_make_result(call["id"], TOOLS[call["name"]](**call["input"])) for call in calls]
        if any(call["name"] == "check_budget" for call in calls):
            results.append({"type": "text", "text": mail})
        messages.append({"role": "user", "content": results})


def _make_result(call_id: str, result: object) -> Block:
    return {"type": "tool_result", "tool_use_id": call_id, "content": json.dumps(result)}


def _ask_by_sdk(base_url: str) -> Model:
    import anthropic  # noqa: PLC0415  used where it is installed, never required

    client = anthropic.Anthropic(api_key="no-key-is-needed-offline", base_url=base_url)

    def ask(messages: list[Block], stream: bool) -> list[Block]:  # noqa: FBT001
        asked: Any = {"model": "demo", "max_tokens": 1000, "messages": messages}
        if stream:
            with client.messages.stream(**asked) as events:
                message = events.get_final_message()
        else:
            message = client.messages.create(**asked)
        return [
            block.model_dump(include={"type", "text", "id", "name", "input"}) for block in message.content
        ]

    return ask


def _ask_plainly(base_url: str) -> Model:
    """What the SDK does, as far as this agent needs it: retry once, read the answer."""
    import httpx  # noqa: PLC0415

    from ..providers import anthropic, sse  # noqa: PLC0415

    client = httpx.Client(base_url=base_url)

    def ask(messages: list[Block], stream: bool) -> list[Block]:  # noqa: FBT001
        asked = {"model": "demo", "max_tokens": 1000, "messages": messages, "stream": stream}
        answer = client.post("/v1/messages", json=asked)
        if answer.status_code == anthropic.STATUS["overloaded_error"]:
            time.sleep(float(answer.headers.get("retry-after", 0.1)))
            answer = client.post("/v1/messages", json=asked)
        answer.raise_for_status()
        return _read_stream(sse.events(answer.content)) if stream else answer.json()["content"]

    return ask


def _read_stream(events: Any) -> list[Block]:
    blocks: list[Block] = []
    for event in events:
        part = json.loads(event.data)
        match part["type"]:
            case "content_block_start":
                blocks.append({**part["content_block"], "json": ""})
            case "content_block_delta" if part["delta"]["type"] == "text_delta":
                blocks[-1]["text"] += part["delta"]["text"]
            case "content_block_delta":
                blocks[-1]["json"] += part["delta"]["partial_json"]
            case "content_block_stop":
                spelled = blocks[-1].pop("json")
                if blocks[-1]["type"] == "tool_use":
                    blocks[-1]["input"] = json.loads(spelled or "{}")
    return blocks
