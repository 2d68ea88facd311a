"""A run as text that is made to be compared line by line: what was asked, answered and called.

It has no times, ids, digests or sizes of the run, and strands stand in an order of their own, so that two
recordings of one agent give one text. What was recorded is indented: no line of ours can be forged.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from attrs import frozen

from ...core.tape import Tape
from ...core.values import Call, Draw, Effect, Exchange, Fault, Lane, Pending, Request, Step
from ...core.visible import visible
from ...providers import read
from ...providers.messages import Completion
from ..model.threads import Question, Questions, list_lanes
from .spelling import Lines, spell_json, spell_text, spell_url, spell_value
from .thread import Thread, show
from .turns import spell_answer, spell_question, spell_request

_TOKEN = re.compile(r"(?=[\w-]*\d)[\w-]{8,}")
"""What may be an id: nobody chooses such a word."""

_Numbered: TypeAlias = "tuple[Step | Pending, int]"
"""A step, and how many exchanges are before it."""

_ADDRESS = re.compile(r"(?<= at )0x[0-9a-f]{6,}", re.IGNORECASE)
"""Where an object lay in memory, as Python writes one that has no words of its own."""


def conversation(tape: Tape) -> str:
    """Return the conversation of a run, one fact a line: for `git diff`, and for a look at a tape.

    Of each question stands there what it adds to the one that it goes on from; instructions and tools once.
    Ids that link things are `<id 1>`, in the order in which they are met. Two recordings of an agent that
    says and hears the same give the same text, whatever their names, times and ids, whether answers are
    streamed or not, and in whichever order its strands take turns.
    """
    tape = tape.masked
    reading = _Reading.of(tape)
    text = "\n".join([*_spell_head(tape), *_spell_lanes(tape, reading)])
    return visible(_hide_ids(text, _find_ids(tape, reading))) + "\n"


@frozen
class _Reading:
    """The questions and the answers of a run's exchanges, None where no model is asked or answers."""

    questions: tuple[Question | None, ...]
    completions: tuple[Completion | None, ...]

    @classmethod
    def of(cls, tape: Tape) -> _Reading:
        questions = Questions()
        asked = tuple(questions.follow(exchange, number) for number, exchange in enumerate(tape))
        return cls(asked, tuple(map(read.completion, tape)))

    def find_answering(self, number: int) -> str:
        """The model that is to answer: the one that did so before, if it is the same that is asked."""
        question = self.questions[number]
        if question is None:
            return ""
        before = None if question.base is None else self.questions[question.base]
        if before is None or question.base is None or before.model != question.model:
            return question.model
        completion = self.completions[question.base]
        return (completion.model if completion else "") or question.model


def _spell_head(tape: Tape) -> Lines:
    yield f"agent: {show(tape.agent_name) or 'without a name'}"
    yield f"ended: {_hide_addresses(show(str(tape.outcome)))}"
    yield f"exchanges: {len(tape)}"


# -- strands -------------------------------------------------------------------------


def _spell_lanes(tape: Tape, reading: _Reading) -> Lines:
    """The steps strand by strand, each behind the one that it goes on from."""
    steps = _list_steps(tape)
    lanes = list(list_lanes(list(steps), tape.exchanges, reading.questions))
    is_headed = any(not goes_on for _, goes_on in lanes[1:])
    threads, known = dict[Lane, Thread](), set[object]()
    for lane, goes_on in lanes:
        if is_headed and not goes_on:
            yield from ("", f"---- {_name_lane(lane)}")
        threads[lane] = _begin_thread(steps[lane], tape, reading, threads)
        for step, number in steps[lane]:
            yield ""
            yield from _spell_step(step, number, tape, reading, threads[lane], known)


def _list_steps(tape: Tape) -> dict[Lane, list[_Numbered]]:
    """What is told of each strand: its steps in their order, each with the number of exchanges before it."""
    found, number = defaultdict[Lane, list[_Numbered]](list), 0
    for step in tape.steps:
        if not isinstance(step, Draw) or step.source.kind == "env":
            found[step.lane].append((step, number))
        number += isinstance(step, Exchange)
    for left in tape.pending:
        found[left.lane].append((left, number))
    return dict(found)


def _begin_thread(
    steps: Sequence[_Numbered], tape: Tape, reading: _Reading, threads: Mapping[Lane, Thread]
) -> Thread:
    """What a strand knows when it begins: what that one does which its first question goes on from."""
    for step, number in steps:
        if isinstance(step, Exchange):
            question = reading.questions[number]
            base = None if question is None else question.base
            above = None if base is None else threads.get(tape[base].lane)
            return above.branch() if above else Thread()
    return Thread()


def _name_lane(lane: Lane) -> str:
    return f"lane {show(lane)}" if lane else "main lane"


def _spell_step(
    step: Step | Pending, number: int, tape: Tape, reading: _Reading, thread: Thread, known: set[object]
) -> Lines:
    match step:
        case Exchange():
            question, completion = reading.questions[number], reading.completions[number]
            if question is None:
                yield from spell_request(step)
            else:
                before = None if question.base is None else tape[question.base]
                yield from spell_question(question, step, before, thread, known)
            thread.learn(completion)
            yield from spell_answer(step, completion, thread, reading.find_answering(number))
        case Effect():
            yield from _spell_call(step.call)
            yield from _spell_reply(step)
        case Draw():
            value = step.reading.text
            yield from spell_value(value[1:] if value else None, "", f"env {show(step.source.name)}: ")
        case Pending(asked):
            yield from [f"== {spell_url(asked)}"] if isinstance(asked, Request) else _spell_call(asked)
            yield "in flight when the recording ended"


# -- tools ---------------------------------------------------------------------------


def _spell_call(call: Call) -> Lines:
    """What was called, and with what: the arguments by name, where there are no others."""
    yield f"== {'agent' if call.inside else 'tool'} {show(call.name)}"
    try:
        value = json.loads(call.arguments)
    except (ValueError, RecursionError):
        yield from spell_text(call.arguments)
        return
    match value:
        case {"args": [], "kwargs": named}:
            yield from spell_value(named) if named else ()
        case {"args": given, "kwargs": {}} if not value["kwargs"]:
            yield from spell_value(given)
        case _:
            yield from spell_value(value)


def _spell_reply(effect: Effect) -> Lines:
    reply = effect.reply
    if isinstance(reply, Fault):
        yield "given up" if reply.kind == "cancelled" else f"failed: {show(reply.kind)}"
        yield from spell_text(reply.message) if reply.message else ()
        return
    yield f"{reply.kind}{f' {show(reply.type)}' if reply.type else ''}:"
    lines: Iterator[str] = spell_json(_plain(reply.value))
    yield from map(_hide_addresses, lines) if reply.kind == "opaque" else lines


def _hide_addresses(text: str) -> str:
    return _ADDRESS.sub("0x...", text)


def _plain(text: str) -> str:
    """The text that JSON is, if it is one; JSON as it stands."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str) and "\n" in value else text


# -- ids -----------------------------------------------------------------------------


def _find_ids(tape: Tape, reading: _Reading) -> set[str]:
    """What chance gave to the agent, and vendors to their answers and calls."""
    found = {draw.reading.text for draw in tape.draws if draw.source.kind != "env"}
    for completion in filter(None, reading.completions):
        found.add(completion.id)
        found.update(call.id for choice in completion.choices for call in choice.message.calls)
    return {text for text in found if _TOKEN.fullmatch(text)}


def _hide_ids(text: str, ids: set[str]) -> str:
    """`text` with a number for each of `ids`, in the order in which they stand there."""
    numbers = dict[str, int]()

    def name(found: re.Match[str]) -> str:
        if found[0] not in ids:
            return found[0]
        return f"<id {numbers.setdefault(found[0], len(numbers) + 1)}>"

    return _TOKEN.sub(name, text) if ids else text
