"""An agent's conversation, turn by turn: what it asks, what it hears, and when."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator

from attrs import evolve, field, frozen

from tracefork.core.values import Exchange, Request, Response, Span, Timing

from . import text
from .anthropic import Anthropic
from .vendors import Message, Opening, ToolCall, Vendor, tools

BEGINNING = 1_760_000_000.0


@frozen
class Habits:
    """What an agent does with its context.

    `stamped`: the time of day stands before the system prompt, and `tools` and
    `system` before the messages. `marked`: cache markers that move with the last
    messages. `compacts`, `clears`, `images`: every so many turns the history is
    summarised, old results are cleared, a result is an image; 0 is never.
    """

    vendor: Vendor = field(factory=Anthropic)
    stamped: bool = False
    marked: bool = False
    compacts: int = 0
    clears: int = 0
    images: int = 0


@frozen
class Conversation:
    """Where an agent stands before its next question; `called` is the tool whose result came last."""

    habits: Habits
    opening: Opening
    messages: tuple[Message, ...]
    turn: int = 0
    called: ToolCall | None = None

    @classmethod
    def begun(cls, chance: random.Random, habits: Habits, opening: Opening | None = None) -> Conversation:
        opening = opening or Opening(text.prose(chance, 6000), tools(chance, 8000))
        first = habits.vendor.user("Please do this task: " + text.prose(chance, 400))
        return cls(habits, opening, (first,))


@frozen
class Turn:
    """One question and its answer; `timing` is absolute in `began` alone, and not rounded."""

    request: Request
    response: Response
    timing: Timing

    @property
    def ended(self) -> float:
        return self.timing.began + self.timing.ended

    def exchange(self, span: Span, lane: str = "") -> Exchange:
        """The exchange as it is recorded: microseconds of the epoch, milliseconds after it."""
        timing = Timing(
            round(self.timing.began, 6),
            round(self.timing.headed, 3),
            round(self.timing.ended, 3),
            tuple(round(at, 3) for at in self.timing.chunks),
        )
        return Exchange(self.request, self.response, lane, span, timing)


def turn(now: Conversation, chance: random.Random, at: float) -> tuple[Turn, Conversation]:
    """The next question of the conversation, asked at `at`, its answer, and what comes of both."""
    vendor = now.habits.vendor
    body = _body(now, chance, at)
    request = Request("POST", vendor.url, vendor.asked(len(body)), body)
    words = text.prose(chance, int(chance.expovariate(1 / 350)) + 40)
    arguments = {
        "path": f"/src/{text.name(chance, '', 6)}.py",
        "command": text.prose(chance, chance.randrange(10, 120)),
    }
    called = ToolCall(
        text.name(chance, vendor.calls), chance.choice(["read_file", "bash", "grep", "edit"]), arguments
    )
    chunks = tuple(_chunks(chance, vendor.events(chance, at, words, called)))
    headed = chance.uniform(0.3, 2)
    gaps = (chance.expovariate(1 / 0.06) for _ in chunks)
    times = tuple(itertools.accumulate(gaps, initial=headed))[1:]
    response = Response(200, vendor.headed(chance, at + headed), chunks, reason="OK")
    made = Turn(request, response, Timing(at, headed, times[-1] + 0.0004, times))
    return made, _heard(now, chance, words, called)


def turns(now: Conversation, chance: random.Random, count: int, at: float = BEGINNING) -> Iterator[Turn]:
    """`count` turns, one after the other."""
    for _ in range(count):
        made, now = turn(now, chance, at)
        yield made
        at = made.ended + thinking(chance)


def thinking(chance: random.Random) -> float:
    """Seconds from an answer to the next question, for the tool that is called meanwhile."""
    return chance.expovariate(1 / 1.5) + 0.002


def in_a_row(made: Iterator[Turn], first: int = 0) -> Iterator[Exchange]:
    """Turns of one strand as exchanges; `first` is the number of exchanges before them."""
    for number, one in enumerate(made, first):
        yield one.exchange(Span(3 * number, 3 * number + 1, 3 * number + 2))


def _body(now: Conversation, chance: random.Random, at: float) -> bytes:
    habits, opening, last = now.habits, now.opening, len(now.messages) - 1
    if habits.stamped:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
        opening = evolve(opening, stamp=f"Current time: {seconds}.{chance.randrange(10**6):06d}Z\n")
    marked = {last, last - 2} if habits.marked else set[int]()
    marker = habits.vendor.marker
    messages = b",".join(
        message.before + (marker if n in marked else b"") + message.after
        for n, message in enumerate(now.messages)
    )
    fields = habits.vendor.fields(opening, messages, marked=habits.marked)
    if habits.stamped:
        fields = {name: fields.pop(name) for name in ("model", "tools", "system") if name in fields} | fields
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in fields.items()) + b"}"


def _chunks(chance: random.Random, events: Iterator[bytes]) -> Iterator[bytes]:
    """Events as the network hands them on: mostly one at a time."""
    while part := b"".join(itertools.islice(events, chance.choice([1, 1, 1, 1, 2, 3]))):
        yield part


def _heard(now: Conversation, chance: random.Random, words: str, called: ToolCall) -> Conversation:
    """The conversation after an answer and the tool that it called."""
    habits, vendor, number = now.habits, now.habits.vendor, now.turn + 1
    image = habits.images and number % habits.images == 0
    shown = chance.randbytes(chance.randrange(60_000, 220_000)) if image else text.shown(chance)
    messages = (*now.messages, vendor.assistant(words, called), vendor.result(called, shown))
    if habits.compacts and number % habits.compacts == 0:
        summary = vendor.user("Summary of the conversation so far: " + text.prose(chance, 3000))
        messages = (messages[0], summary, *messages[-4:])
    if habits.clears and number % habits.clears == 0:
        messages = (*(message.cleared for message in messages[:-12]), *messages[-12:])
    return evolve(now, messages=messages, turn=number, called=called)
