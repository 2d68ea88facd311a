"""Edits that know the forms of vendors: `Model`, `SystemPrompt`, `Temperature`, `Tools`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, cast

from attrs import Attribute, evolve, field, frozen
from attrs.validators import instance_of, optional

from ..core.json_text import Document
from ..core.trees import abridge
from ..core.values import Request
from ..providers import paths, settings
from ..providers.settings import Asking, ToolChange
from .base import WHOLE, Attempt, Edit
from .places import copy_json, edit_json


@frozen
class _OfModels(Edit):
    """What edits of questions to a model share: they meet those whose API is known."""

    missing: ClassVar[str] = "no question to a model was of a form that is known here"

    def attempt(self, request: Request) -> Attempt:
        met, url = frozenset[str](), request.url
        if not paths.find_form(url):
            return Attempt(request)

        def change(document: Document) -> Document:
            nonlocal met, url
            asking, met = self._change(Asking(request.url, document))
            url = asking.url
            return asking.body

        edited = edit_json(self, request, change)
        return Attempt(edited if url == edited.url else evolve(edited, url=url), met)

    def change(self, request: Request) -> Request:
        return self.attempt(request).request

    def _change(self, asking: Asking) -> tuple[Asking, frozenset[str]]:
        changed = self._choose()(asking)
        return (asking, frozenset()) if changed is None else (changed, WHOLE)

    def _choose(self) -> Callable[[Asking], Asking | None]:
        raise NotImplementedError


@frozen
class Model(_OfModels):
    """Another model, or deployment, is asked: `name`, as its vendor writes it. The vendor stays."""

    name: str = field(validator=instance_of(str))

    def _choose(self) -> Callable[[Asking], Asking | None]:
        return lambda asking: settings.change_model(asking, self.name)

    def __str__(self) -> str:
        return f"the model is {self.name}"


@frozen
class SystemPrompt(_OfModels):
    """The system prompt is `text` alone, where the question has one or can have one."""

    text: str = field(validator=instance_of(str))

    def _choose(self) -> Callable[[Asking], Asking | None]:
        return lambda asking: settings.change_system(asking, self.text)

    def __str__(self) -> str:
        return f"the system prompt is {abridge(self.text)}"


def _check_number(_: Edit, __: Attribute[float | None], value: object) -> None:
    if isinstance(value, bool):
        raise TypeError(f"a temperature is a number, or None, not {value!r}")
    copy_json(value)


@frozen
class Temperature(_OfModels):
    """The temperature is `value`; None takes it out, so that the vendor chooses."""

    value: float | None = field(validator=[optional(instance_of((int, float))), _check_number])

    def _choose(self) -> Callable[[Asking], Asking | None]:
        return lambda asking: settings.change_temperature(asking, self.value)

    def __str__(self) -> str:
        return f"the temperature is {'left to the vendor' if self.value is None else self.value}"


def _copy_tools(given: object) -> object:
    if isinstance(given, Mapping):
        given = dict(given)
        wrong = [value for value in given.values() if not isinstance(value, str | Mapping | None)]
    else:
        given = list(cast("list[object]", given))
        wrong = [value for value in given if not isinstance(value, Mapping)]
    if wrong:
        raise TypeError(f"a tool is described by a text or by its fields, not by {wrong[0]!r}")
    return copy_json(given)


@frozen
class Tools(_OfModels):
    """The tools that a model is told of.

    `given` is a dict from the name of a tool to its description, to fields that are to be changed, or to
    None, which takes it out; or the whole list of tools. Fields and tools are written as the vendor's API
    has them: `input_schema` of Anthropic's, `parameters` of OpenAI's.
    """

    given: Mapping[str, ToolChange] | list[Mapping[str, object]] = field(converter=_copy_tools)

    missing: ClassVar[str] = "no question to a model told it of that tool"

    @property
    def targets(self) -> frozenset[str]:
        return frozenset(self.given) if isinstance(self.given, Mapping) else WHOLE

    def _change(self, asking: Asking) -> tuple[Asking, frozenset[str]]:
        if isinstance(self.given, Mapping):
            return settings.change_tools(asking, self.given)
        changed = settings.replace_tools(asking, self.given)
        return (asking, frozenset()) if changed is None else (changed, WHOLE)

    def __str__(self) -> str:
        if not isinstance(self.given, Mapping):
            names = ", ".join(str(tool.get("name", "one")) for tool in self.given)
            return f"the tools are {names or 'none'}"
        return "; ".join(map(_describe, self.given.items()))


def _describe(change: tuple[str, ToolChange]) -> str:
    match change:
        case name, None:
            return f"the tool {name} is taken out"
        case name, str(text):
            return f"the tool {name} is described as {abridge(text)}"
        case name, fields:
            return f"of the tool {name}, {', '.join(fields or ())} is changed"
