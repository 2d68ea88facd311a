"""Changes the model, the system prompt, the temperature and the tools of a question, in its API's own form.

A question that is no API's, or has no such thing, gives None. What is not changed stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from attrs import evolve, frozen

from ..core.json_paths import EVERY, Path, Place
from ..core.json_text import Document
from . import paths

ToolChange: TypeAlias = "str | Mapping[str, object] | None"
"""What becomes of a tool: another description, other fields in its vendor's form, or None to take it out."""

SYSTEM_ROLES = ("system", "developer")


@frozen
class Asking:
    """A question to a model: its URL and the JSON of its body."""

    url: str
    body: Document


@frozen
class Form:
    """Where the questions of one API have their settings.

    `tool` leads from an element of the list of tools to what has its name; `names` are other spellings of
    keys, by those that are written here.
    """

    change_system: Callable[[Document, str], Document | None]
    temperature: Place = ("temperature",)
    tools: Path = ("tools",)
    tool: Path = ()
    names: Mapping[str, str] = {}


def change_model(asking: Asking, model: str) -> Asking | None:
    """Return the question, put to another `model`, which its URL or its body names."""
    if not find_form(asking):
        return None
    url, body = paths.replace_model(asking.url, model), asking.body
    if body.kind(("model",)) == '"':
        body = body.put(("model",), model)
    elif not paths.find_model(asking.url):
        return None
    return evolve(asking, url=url, body=body)


def change_system(asking: Asking, text: str) -> Asking | None:
    """Return the question with `text` as its system prompt, the only one."""
    form = FORMS.get(find_form(asking))
    body = None if form is None else form.change_system(asking.body, text)
    return None if body is None else evolve(asking, body=body)


def change_temperature(asking: Asking, value: float | None) -> Asking | None:
    """Return the question at another temperature; None leaves it to the vendor."""
    form = FORMS.get(find_form(asking))
    if form is None:
        return None
    place = _spell(asking.body, form.temperature, form)
    if value is None:
        return evolve(asking, body=asking.body.drop(place))
    return evolve(asking, body=_put(asking.body, place, value))


def replace_tools(asking: Asking, tools: Sequence[Mapping[str, object]]) -> Asking | None:
    """Return the question with other `tools`, as its vendor writes them."""
    form = FORMS.get(find_form(asking))
    if form is None or not form.tools:
        return None
    place = _spell(asking.body, tuple(part for part in form.tools if isinstance(part, str)), form)
    return evolve(asking, body=_put(asking.body, place, list(tools)))


def change_tools(asking: Asking, changes: Mapping[str, ToolChange]) -> tuple[Asking, frozenset[str]]:
    """Return the question with its tools changed by their names, and the names that it has."""
    form = FORMS.get(find_form(asking))
    found = [] if form is None else list(_find_tools(asking.body, form))
    body, met = asking.body, set[str]()
    for element, place in reversed(found):  # from the last on: what is taken out moves those after it
        name = body.value((*place, "name"))
        if not isinstance(name, str) or name not in changes:
            continue
        met.add(name)
        match changes[name]:
            case None:
                body = body.drop(place if element == place else element)
                if not body.keys(element[:-1]):
                    body = body.drop(element[:-1])
            case str(description):
                body = body.put((*place, "description"), description)
            case fields:
                for key, value in fields.items():
                    body = body.put((*place, key), value)
    return evolve(asking, body=body), frozenset(met)


def find_form(asking: Asking) -> str:
    """Return the API in whose form the question is; "" if it is unknown.

    What Bedrock invokes may have any form: Anthropic's names its version.
    """
    api = paths.find_form(asking.url) if asking.body.kind(()) == "{" else ""
    is_anthropic = api == paths.INVOKE and asking.body.kind(("anthropic_version",)) == '"'
    return paths.ANTHROPIC if is_anthropic else api


# -- system prompts ----------------------------------------------------------------------


def _change_anthropic(body: Document, text: str) -> Document:
    blocks = body.value(("system",))
    if not isinstance(blocks, list):
        return body.put(("system",), text)
    block: dict[str, object] = {"type": "text", "text": text}
    cached = [one["cache_control"] for one in blocks if isinstance(one, dict) and "cache_control" in one]
    return body.put(("system",), [block | {"cache_control": cached[-1]} if cached else block])


def _change_messages(body: Document, text: str, key: str, kind: str) -> Document | None:
    """The list under `key`, whose first messages may be system prompts, with one that says `text`."""
    if body.kind((key,)) != "[":
        return None
    count = 0
    while body.value((key, count, "role")) in SYSTEM_ROLES:
        count += 1
    if not count:
        return body.insert((key, 0), {"role": "system", "content": text})
    for place in [(key, n) for n in range(count - 1, 0, -1)]:
        body = body.drop(place)
    first = (key, 0, "content")
    return body.put(first, [{"type": kind, "text": text}] if body.kind(first) == "[" else text)


def _change_chat(body: Document, text: str) -> Document | None:
    return _change_messages(body, text, "messages", "text")


def _change_responses(body: Document, text: str) -> Document | None:
    has_message = body.value(("input", 0, "role")) in SYSTEM_ROLES
    if has_message and not body.value(("instructions",)):
        return _change_messages(body, text, "input", "input_text")
    body = body.put(("instructions",), text)
    while body.value(("input", 0, "role")) in SYSTEM_ROLES:
        body = body.drop(("input", 0))
    return body


def _change_gemini(body: Document, text: str) -> Document:
    key = "system_instruction" if body.kind(("system_instruction",)) else "systemInstruction"
    if body.kind((key,)) == "{":
        return body.put((key, "parts"), [{"text": text}])
    return body.put((key,), {"parts": [{"text": text}]})


def _change_converse(body: Document, text: str) -> Document:
    blocks = body.value(("system",))
    others = [one for one in blocks if "text" not in one] if isinstance(blocks, list) else []
    return body.put(("system",), [{"text": text}, *others])


def _have_none(_: Document, __: str) -> None:
    """Give None: such a question has no system prompt."""


FORMS: dict[str, Form] = {
    paths.ANTHROPIC: Form(_change_anthropic),
    paths.CHAT: Form(_change_chat, tool=("function",)),
    paths.RESPONSES: Form(_change_responses),
    paths.COMPLETIONS: Form(_have_none, tools=()),
    paths.GEMINI: Form(
        _change_gemini,
        temperature=("generationConfig", "temperature"),
        tool=("functionDeclarations", EVERY),
        names={"generationConfig": "generation_config", "functionDeclarations": "function_declarations"},
    ),
    paths.COHERE: Form(_change_chat, tool=("function",)),
    paths.OLLAMA: Form(_change_chat, temperature=("options", "temperature"), tool=("function",)),
    paths.CONVERSE: Form(
        _change_converse,
        temperature=("inferenceConfig", "temperature"),
        tools=("toolConfig", "tools"),
        tool=("toolSpec",),
    ),
}


# -- below ---------------------------------------------------------------------------------


def _find_tools(body: Document, form: Form) -> list[tuple[Place, Place]]:
    """The place of each element that goes with a tool, and of what has the tool's name."""
    found = []
    for element in [node.place for node in body.find((*form.tools, EVERY))] if form.tools else ():
        tool = tuple(
            form.names[part]
            if isinstance(part, str) and part in form.names and not body.kind((*element, part))
            else part
            for part in form.tool
        )
        places = [node.place for node in body.find((*element, *tool))]
        found += [(place if EVERY in tool else element, place) for place in places]
    return found


def _spell(body: Document, place: Place, form: Form) -> Place:
    """`place`, its first key in the other spelling if the body has that."""
    first = form.names.get(str(place[0]), "")
    return (first, *place[1:]) if first and body.kind((first,)) else place


def _put(body: Document, place: Place, value: object) -> Document:
    """`body` with `value` at `place`, and the objects on the way there."""
    for n in range(1, len(place)):
        if body.kind(place[:n]) not in ("{", ""):
            return body.put(place[:n], {place[n]: value})
        if not body.kind(place[:n]):
            for key in reversed(place[n:]):
                value = {key: value}
            return body.put(place[:n], value)
    return body.put(place, value)
