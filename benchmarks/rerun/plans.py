"""An agent as a value, and a hundred edits of it: prompts, code, tools, models, the order, how often.

The agent has five errands, each a conversation of some rounds with tools at hand, and sums them up in the
end. Two errands are equal: their questions are two samples of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import TypeAlias

from attrs import evolve, field, frozen

TOOLS = ("look", "price")


@frozen
class Errand:
    """One conversation: how it begins, how often and with which words it goes on, and what it may use."""

    topic: str
    rounds: int = 1
    follow: str = "And then?"
    model: str = "large"
    tools: tuple[str, ...] = TOOLS


@frozen
class Plan:
    """An agent.

    `code` are changes of its own code by name, `versions` and `described` tools that are not as they were.
    Unless `stamps` is "", prompts hold the time and an id, drawn once for the "run" or for each "errand".
    """

    system: str = "You plan journeys."
    errands: tuple[Errand, ...] = ()
    closing: str = "Sum up"
    closing_model: str = "large"
    code: frozenset[str] = frozenset()
    versions: Mapping[str, str] = field(factory=dict)
    described: frozenset[str] = frozenset()
    stamps: str = "run"


BASE = Plan(
    errands=(
        Errand("rain in Lisbon", 2),
        Errand("trains to Faro"),
        Errand("a hotel by the sea", 3),
        Errand("trains to Faro"),
        Errand("a song", 2, tools=()),
    )
)

Change: TypeAlias = Callable[[Plan], Plan]


@frozen
class Edit:
    """What is done to an agent between its recording and its rerun."""

    kind: str
    name: str
    change: Change = field(repr=False)
    mends: bool = False  # the code of a tool


def _errand(n: int, **changes: object) -> Change:
    def change(plan: Plan) -> Plan:
        errands = list(plan.errands)
        errands[n] = evolve(errands[n], **changes)  # type: ignore[misc]
        return evolve(plan, errands=tuple(errands))

    return change


def _plan(**changes: object) -> Change:
    return lambda plan: evolve(plan, **changes)  # type: ignore[misc]


def _reorder(*order: int) -> Change:
    return lambda plan: evolve(plan, errands=tuple(plan.errands[n] for n in order))


def _both(*changes: Change) -> Change:
    def change(plan: Plan) -> Plan:
        for one in changes:
            plan = one(plan)
        return plan

    return change


def _rounds(n: int, more: int) -> Change:
    return lambda plan: _errand(n, rounds=plan.errands[n].rounds + more)(plan)


COUNT = len(BASE.errands)
CODE = (
    "brief",  # hands on the first word of each answer
    "loud",  # hands answers on in capitals
    "silent",  # does not sum up
    "twice",  # sums up twice
    "checks",  # asks whether each errand is done, apart from its conversation
    "plans",  # asks for a plan before everything
    "forgets",  # each round is a conversation of its own
    "quotes",  # each further round quotes the answer before
    "curious",  # asks once more where an answer is a single word
    "hasty",  # ends a conversation whose answer is a single word
    "votes",  # asks the first errand's question three times over
    "last only",  # sums up the last errand
    "sorts",  # hands answers on sorted
    "counts",  # says how many answers there are
)


def edits() -> list[Edit]:
    """A hundred, the same for each agent."""
    return [
        *(
            Edit("prompt", f"the topic of errand {n}", _errand(n, topic=f"snow, not {n}"))
            for n in range(COUNT)
        ),
        *(Edit("prompt", f"how errand {n} goes on", _errand(n, follow="Go on.")) for n in range(COUNT)),
        Edit("prompt", "one space in a topic", _errand(2, topic="a hotel by  the sea")),
        Edit("prompt", "the system prompt", _plan(system="You plan journeys by train.")),
        Edit("prompt", "no system prompt but a letter", _plan(system=".")),
        Edit("prompt", "the last question", _plan(closing="Sum up in a word")),
        Edit("prompt", "a topic and the last question", _both(_errand(1, topic="x"), _plan(closing="And?"))),
        Edit("prompt", "a topic that another has", _errand(0, topic="trains to Faro")),
        Edit("prompt", "a topic in Chinese", _errand(3, topic="雨")),
        Edit("prompt", "every topic", _both(*(_errand(n, topic=f"all new {n}") for n in range(COUNT)))),
        *(Edit("code", name, _plan(code=frozenset({name}))) for name in CODE),
        *(
            Edit("code", " and ".join(pair), _plan(code=frozenset(pair)))
            for pair in [("plans", "checks"), ("quotes", "brief"), ("votes", "hasty")]
        ),
        *(
            Edit("tool", f"{tool} {version}", _plan(versions={tool: version}), mends=True)
            for tool in TOOLS
            for version in ("mended", "tidied")
        ),
        Edit("tool", "both mended", _plan(versions=dict.fromkeys(TOOLS, "mended")), mends=True),
        Edit("tool", "both tidied", _plan(versions=dict.fromkeys(TOOLS, "tidied")), mends=True),
        *(Edit("tool", f"{tool} described", _plan(described=frozenset({tool}))) for tool in TOOLS),
        *(Edit("tool", f"errand {n} without tools", _errand(n, tools=())) for n in range(COUNT - 1)),
        Edit("tool", "errand 4 with tools", _errand(4, tools=TOOLS)),
        Edit("tool", "errand 0 with one tool", _errand(0, tools=TOOLS[:1])),
        Edit("tool", "errand 2 with tools in another order", _errand(2, tools=TOOLS[::-1])),
        Edit("tool", "a third tool", _errand(1, tools=(*TOOLS, "book"))),
        *(Edit("model", f"of errand {n}", _errand(n, model="small")) for n in range(COUNT)),
        Edit("model", "of the last question", _plan(closing_model="small")),
        Edit(
            "model",
            "of all",
            _both(*(_errand(n, model="small") for n in range(COUNT)), _plan(closing_model="small")),
        ),
        *(
            Edit(
                "model", f"of errands {a} and {b}", _both(_errand(a, model="small"), _errand(b, model="tiny"))
            )
            for a, b in combinations(range(COUNT), 2)
        ),
        *(
            Edit("order", f"errands {a} and {b} changed places", _reorder(*_swapped(a, b)))
            for a, b in combinations(range(COUNT), 2)
            if (a, b) not in ((0, 4), (1, 3))  # the first is "backwards", and 1 and 3 are equal
        ),
        Edit("order", "all in another place", _reorder(2, 0, 4, 1, 3)),
        Edit("order", "backwards", _reorder(*range(COUNT)[::-1])),
        Edit("order", "the first last", _reorder(*range(1, COUNT), 0)),
        Edit("order", "the last first", _reorder(COUNT - 1, *range(COUNT - 1))),
        Edit("order", "backwards, one changed", _both(_reorder(*range(COUNT)[::-1]), _errand(2, topic="y"))),
        *(Edit("loop", f"errand {n} a round more", _rounds(n, 1)) for n in range(COUNT)),
        *(Edit("loop", f"errand {n} a round less", _rounds(n, -1)) for n in (0, 2, 4)),
        *(
            Edit("loop", f"without errand {n}", _reorder(*(m for m in range(COUNT) if m != n)))
            for n in range(COUNT)
        ),
        Edit("loop", "errand 1 once more", _reorder(*range(COUNT), 1)),
        Edit("loop", "errand 0 at once once more", _reorder(0, *range(COUNT))),
        Edit("loop", "every errand a round more", _both(*(_rounds(n, 1) for n in range(COUNT)))),
        Edit("loop", "no errand", _plan(errands=())),
        Edit("loop", "errands 1 and 3 only", _reorder(1, 3)),
        Edit("loop", "everything once more", _reorder(*range(COUNT), *range(COUNT))),
    ]


def _swapped(a: int, b: int) -> list[int]:
    order = list(range(COUNT))
    order[a], order[b] = b, a
    return order
