"""Changes of a recorded body that its test, or its recorder, may have made since; pure functions of JSON."""

from __future__ import annotations

import json
import re

WORD = "tangerine"
NUMBER = 0.125
_TEXTS = ("content", "text", "prompt", "input", "message", "query", "inputText")


def change_word(body):
    """Another word in the last text that is said; None if nothing is."""
    found = list(_list_texts(body))
    if not found:
        return None
    holder, key = found[-1]
    holder[key] = re.sub(r"[^\W\d_]{3,}", WORD, holder[key], count=1)
    return body


def change_parameter(body):
    """Another temperature; None if there is none to be set."""
    knobs = body
    if "contents" in body:  # Gemini
        knobs = body.setdefault("generationConfig", {})
    elif "options" in body:  # Ollama
        knobs = body["options"]
    elif "messages" in body and not {"model", "anthropic_version"} & body.keys():  # Bedrock
        knobs = body.setdefault("inferenceConfig", {})
    elif "documents" in body or _is_of_texts(body.get("input")):  # to be ranked, or embedded
        return None
    knobs["temperature"] = NUMBER
    return body


def change_tool(body):
    """Another word in what the first tool is described by; None if there is none."""
    for described in _list_described(body.get("tools") or body.get("toolConfig") or []):
        described["description"] = f"{WORD} {described['description']}"
        return body
    return None


def change_order(body):
    """The same in another order."""
    if isinstance(body, dict):
        return {key: change_order(body[key]) for key in reversed(body)}
    return [change_order(one) for one in body] if isinstance(body, list) else body


ASKED = {"word": change_word, "parameter": change_parameter, "tool": change_tool}
"""What a test may ask otherwise."""

WRITTEN = {
    "order": lambda body: json.dumps(change_order(body)),
    "space": lambda body: json.dumps(body, indent=3, ensure_ascii=False),
}
"""How the same may have been written by another version of an SDK."""


def find_differences(left, right, path="$"):
    """The places where two values differ, and both."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in left.keys() | right.keys():
            yield from find_differences(left.get(key, ...), right.get(key, ...), f"{path}.{key}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for n, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from find_differences(one, other, f"{path}[{n}]")
    elif left != right:
        yield path, left, right


def _list_texts(tree, key=""):
    if key in ("tools", "toolConfig", "functions", "response_format", "text_format"):
        return
    for name, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(value, dict | list):
            yield from _list_texts(value, name)
        elif (
            isinstance(value, str) and (name in _TEXTS or key in _TEXTS) and re.search(r"[^\W\d_]{3,}", value)
        ):
            yield tree, name


def _is_of_texts(value):
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _list_described(tree):
    if isinstance(tree, dict) and isinstance(tree.get("description"), str):
        yield tree
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _list_described(value)
