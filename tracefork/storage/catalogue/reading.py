"""Reads the steps of a run, one after the other, for what a catalogue keeps of it: sums, and texts to
search. Pure.

Of the texts of a run each message is taken once, however often it was sent again. Steps are given masked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from hashlib import blake2b
from typing import Final

from ...core.content_encoding import is_encoded
from ...core.tape import Tape
from ...core.values import Effect, Exchange, Fault, Request, Step
from ...providers import base, paths, read
from ...providers.first_task import find_task
from ...providers.messages import Completion, Part, Text, Thinking, ToolCall, ToolResult
from ...providers.prices import Prices, cost
from ...providers.spending import Answers, should_cost
from .facts import Read
from .rows import NAME, shorten

ROOM = 200_000
"""Characters of a run that are searched, its prompts and its answers together; what comes behind is not."""

TASK = 300
"""Characters of a task."""

MOST: Final = 10**15
"""Tokens that a run may have had, and escapes: an answer may claim any number, a table holds 63 bits."""

MOST_COST: Final = Decimal(10**12)
"""USD that a run may have cost."""

_LISTS = ("messages", "contents", "input")
"""Where a question repeats what was said before."""
_FAR = 1e12
_BLANKS = re.compile(r"\s+")
_NO_TEXT = re.compile("[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f]")


class Reading:
    """Gathers what a catalogue keeps of one run; steps come in any order, each once."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._models = dict[str, None]()
        self._seen = set[bytes]()
        self._asked = list[str]()
        self._answered = list[str]()
        self._room = ROOM
        self._cut = False
        self._task = ""
        self._task_at = math.inf
        self._answers = Answers()
        self._calls = self._costing = self._priced = 0
        self._input: int | None = None
        self._output: int | None = None
        self._cost: Decimal | None = None
        self._first, self._last = math.inf, -math.inf

    @property
    def asked(self) -> str:
        """The texts of the prompts, each message once."""
        return "\n".join(self._asked)

    @property
    def answered(self) -> str:
        """The texts of the answers, and the names and arguments of the tools that they call."""
        return "\n".join(self._answered)

    def add(self, step: Step) -> None:
        """Take in a step."""
        began = _clamp(step.timing.began)
        if began > 0:  # else nobody has looked at a clock
            self._first = min(self._first, began)
            self._last = max(self._last, began + max(0.0, _clamp(step.timing.ended)))
        match step:
            case Exchange():
                self._calls += 1
                with suppress(ValueError, RecursionError):  # an API's body that is none
                    self._take(step)
            case Effect():
                self._say(self._answered, f"{step.call.name} {step.call.arguments}")
            case _:
                pass

    def say(self, text: str) -> None:
        """Take in a text of the run's own: how it ended."""
        self._say(self._answered, text)

    def read(self, *, created_at: float = 0.0, escapes: int = 0) -> Read:
        """Return what was gathered so far."""
        some = self._last >= self._first
        return Read(
            task=self._task,
            models=tuple(self._models),
            calls=self._calls,
            asked=self._costing,
            input=_bound(self._input),
            output=_bound(self._output),
            cost=None if self._cost is None else min(self._cost, MOST_COST),
            priced=self._priced,
            duration=self._last - self._first if some else 0.0,
            last=max(_clamp(created_at), self._last) if some else _clamp(created_at),
            escapes=max(0, min(escapes, MOST)),
            cut=self._cut,
        )

    def _take(self, step: Exchange) -> None:
        if read.api(step.request) is None:
            return
        completion = read.completion(step)
        named = self._read_prompt(step)
        model = (completion.model if completion else "") or named or paths.find_model(step.request.url)
        if completion is not None:
            self._count(step, completion, model)
            for choice in completion.choices:
                for text in _list_texts(choice.message.parts):
                    self._say(self._answered, text)
            if completion.failure:
                self._say(self._answered, f"{completion.failure.type} {completion.failure.message}")
        elif isinstance(step.answer, Fault):
            self._say(self._answered, step.answer.message)
        if model:
            self._models.setdefault(shorten(model, NAME))

    def _count(self, step: Exchange, completion: Completion, model: str) -> None:
        """Take in what an answer took, unless it was counted when it was fetched before."""
        novelty = self._answers.take(step, completion)
        if novelty == "again":
            return
        if usage := completion.usage:
            self._input = _plus(self._input, usage.input)
            self._output = _plus(self._output, usage.output)
        price = cost(completion, model, prices=self._prices, url=step.request.url)
        if price is not None:
            self._priced += 1
            self._cost = price + (self._cost or 0)
        if novelty == "new":
            self._costing += should_cost(completion, price)

    def _read_prompt(self, step: Exchange) -> str:
        """Take in what is new in a question; return the model that it names."""
        began = step.span.began
        prompt = read.prompt(self._leave_out_known(step.request))
        if prompt is None:
            return ""
        if began < self._task_at:
            whole = read.prompt(step.request) if self._task else prompt  # else what is known is no task
            if task := _flatten(find_task(whole.messages if whole else ())):
                self._task, self._task_at = task, began
        for message in prompt.messages:
            for text in _list_texts(message.parts):
                self._say(self._asked, text)
        return prompt.model

    def _leave_out_known(self, request: Request) -> Request:
        """The question without the messages that were in an earlier one: to read these again takes long."""
        if is_encoded(request.headers):
            return request
        body = base.payload(request.body)
        for key in _LISTS:
            if isinstance(listed := body.get(key), list):
                body[key] = [one for one in listed if self._is_new(json.dumps(one))]
        if not body:
            return request
        return Request(request.method, request.url, request.headers, json.dumps(body).encode())

    def _say(self, texts: list[str], text: str) -> None:
        """Keep a text that is new, as far as there is room."""
        flat = _NO_TEXT.sub("\ufffd", text).strip()
        if not flat or not self._is_new(flat):
            return
        if len(flat) > self._room:
            self._cut = True
            flat = flat[: self._room]
        if flat:
            self._room -= len(flat)
            texts.append(flat)

    def _is_new(self, text: str) -> bool:
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


def read_tape(tape: Tape, prices: Prices) -> Reading:
    """Return what was gathered from all of a tape."""
    reading = Reading(prices)
    add_all(reading, tape.masked.steps)
    if tape.outcome.kind == "raised":
        reading.say(f"{tape.outcome.type} {tape.outcome.message}")
    return reading


def add_all(reading: Reading, steps: Iterable[Step]) -> None:
    """Take in steps, in the order in which they began: what was said first is kept first."""
    for step in sorted(steps, key=lambda step: step.span.began):
        reading.add(step)


def _list_texts(parts: Iterable[Part]) -> Iterator[str]:
    """The texts of a message: words, thoughts, calls with their arguments, and what tools gave."""
    for part in parts:
        match part:
            case Text(text) | Thinking(text):
                yield text
            case ToolCall(name=name, arguments=arguments):
                yield f"{name} {arguments}"
            case ToolResult(parts=inner):
                yield from _list_texts(inner)
            case _:
                pass


def _flatten(text: str) -> str:
    """The beginning of a text, in one line."""
    flat = _BLANKS.sub(" ", _NO_TEXT.sub("\ufffd", text[: 4 * TASK])).strip()
    return flat if len(flat) <= TASK else f"{flat[: TASK - 1].rstrip()}…"


def _plus(sum_: int | None, count: int | None) -> int | None:
    return sum_ if count is None else (sum_ or 0) + count


def _bound(count: int | None) -> int | None:
    return None if count is None else min(count, MOST)


def _clamp(seconds: float) -> float:
    """A time that is finite, whatever was recorded."""
    return 0.0 if math.isnan(seconds) else min(_FAR, max(-_FAR, seconds))
