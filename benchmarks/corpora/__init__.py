"""Runs like those of real agents, seeded: the same on every machine with the same Python.

A grows only; B has a time stamp at the top, cache markers that move, a history that
is compacted, and all of these; C is five agents at once; D has images; E is a run
that was forked many times. `recorded` reads runs that were not made up.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeAlias

from attrs import evolve, frozen

from tracefork import Branch, Exchange, Tape
from tracefork.core.values import RETURNED, Span

from .agents import BEGINNING, Conversation, Habits, Turn, in_a_row, thinking, turn, turns
from .openai import OpenAI
from .text import piece, prose, shown
from .vendors import Opening, tools

Json: TypeAlias = dict[str, Any]

SHAPES: dict[str, tuple[int, Habits]] = {
    "A": (1, Habits()),
    "A-openai": (2, Habits(OpenAI())),
    "B-stamp": (3, Habits(OpenAI(), stamped=True)),
    "B-markers": (4, Habits(marked=True)),
    "B-compacted": (5, Habits(compacts=60)),
    "B-all": (6, Habits(marked=True, stamped=True, compacts=90, clears=25)),
    "D": (8, Habits(images=8)),
}
"""The seed and the habits of each agent that works alone."""


@frozen
class Fork:
    """What a fork did on its own, from exchange `step` of its parent on."""

    step: int
    tail: tuple[Exchange, ...]


def alone(shape: str, count: int) -> Iterator[Exchange]:
    """The exchanges of one agent, made one by one: those of a longer run begin with those of a shorter."""
    seed, habits = SHAPES[shape]
    chance = random.Random(seed)
    return in_a_row(turns(Conversation.begun(chance, habits), chance, count))


def crew(count: int, agents: int = 5, seed: int = 7) -> Iterator[Exchange]:
    """C: agents that work at the same time with the same tools; now and then one leaves and another comes."""
    chance = random.Random(seed)
    defined = tools(chance, 15_000)

    def fresh() -> Conversation:
        return Conversation.begun(chance, Habits(), Opening(prose(chance, 6000), defined))

    due = [(BEGINNING + chance.random(), lane, fresh()) for lane in range(agents)]
    heapq.heapify(due)
    made, others = list[tuple[Turn, int]](), agents
    for _ in range(count):
        at, lane, now = heapq.heappop(due)
        if now.turn and chance.random() < 0.03:
            others, lane, now = others + 1, others, fresh()
        one, now = turn(now, chance, at)
        made.append((one, lane))
        heapq.heappush(due, (one.ended + thinking(chance), lane, now))
    return _side_by_side(made)


def forks(count: int, steps: int = 50, seed: int = 9) -> tuple[Tape, Iterator[Fork]]:
    """E: a run, and `count` forks of it, each with another result of the tool before its step."""
    chance = random.Random(seed)
    now, at = Conversation.begun(chance, Habits()), BEGINNING
    before, made = list[Conversation](), list[Turn]()
    for _ in range(steps):
        before.append(now)
        one, now = turn(now, chance, at)
        made.append(one)
        at = one.ended + thinking(chance)
    parent = tape(in_a_row(iter(made)), "parent")
    return parent, (_fork(before, random.Random(1000 + n)) for n in range(count))


def branch(parent: Tape, fork: Fork, run_id: str) -> Tape:
    """The whole tape of a fork."""
    whole = (*parent.exchanges[: fork.step], *fork.tail)
    return evolve(tape(whole, run_id), parent=Branch(parent.run_id, fork.step))


def tape(exchanges: Iterable[Exchange], run_id: str) -> Tape:
    """The tape of a run that returned."""
    steps = tuple(exchanges)
    return Tape(steps, run_id=run_id, agent_name="agent", created_at=BEGINNING, outcome=RETURNED)


def growth(count: int, seed: int = 7) -> Iterator[tuple[Json, Json]]:
    """A conversation that only grows: for each turn its question and its answer, as Anthropic's payloads.

    At 50 turns a question holds 150 kB on average.
    """
    chance = random.Random(seed)
    defined = [
        {"name": f"tool_{n}", "description": piece(chance, 400, 900), "input_schema": {}} for n in range(12)
    ]
    opening = {"model": "claude", "max_tokens": 4096, "system": piece(chance, 6000, 9000), "tools": defined}
    messages: list[Json] = []
    for number in range(count):
        messages = [*messages, _said("user", piece(chance))]
        content = _said("assistant", piece(chance, 200, 1500))
        yield (
            {**opening, "messages": messages},
            {
                "id": f"msg_{number}",
                "type": "message",
                "model": "claude",
                **content,
                "usage": {"output_tokens": number},
            },
        )
        messages = [*messages, content]


CORPORA: dict[str, Callable[[int], Iterator[Exchange]]] = {
    **{shape: partial(alone, shape) for shape in SHAPES},
    "C": crew,
}
"""Every run that can be made one exchange at a time, by its name and the number of its turns."""


def _said(role: str, words: str) -> Json:
    return {"role": role, "content": [{"type": "text", "text": words}]}


def _side_by_side(made: list[tuple[Turn, int]]) -> Iterator[Exchange]:
    """Exchanges with ticks in the order of their times; each agent is a lane."""
    moments = [
        (at, n, part)
        for n, (one, _) in enumerate(made)
        for part, at in enumerate((one.timing.began, one.timing.began + one.timing.headed, one.ended))
    ]
    ticks = {moment[1:]: tick for tick, moment in enumerate(sorted(moments))}
    for n, (one, lane) in enumerate(made):
        yield one.exchange(Span(ticks[n, 0], ticks[n, 1], ticks[n, 2]), f"agent.{lane}")


def _fork(before: list[Conversation], chance: random.Random) -> Fork:
    step = chance.randrange(1, len(before))
    now = before[step]
    assert now.called is not None  # no fork is at the first step
    edited = now.habits.vendor.result(now.called, shown(chance))
    now = evolve(now, messages=(*now.messages[:-1], edited))
    at = BEGINNING + 86_400 + chance.random() * 86_400
    return Fork(step, tuple(in_a_row(turns(now, chance, chance.randrange(1, 9), at), step)))
