"""The demo's model: a script that reads the conversation and says what comes next.

It books the flight, which is too dear; a branch in which it takes the train
instead ends well. The third question is answered 529 once, as busy servers do.
"""

from __future__ import annotations

import itertools
import json
from random import Random

from ..core.values import Request
from ..providers import anthropic
from ..testing.scripted import Item, Script, by_rule

CITY = "Lisbon"
PRICES = {"night train": 89, "morning flight": 240}
BY_TRAIN = 0.9
BUSY_AT = 2  # questions answered before the server is busy, once


def model(chance: Random | None = None) -> Script:
    """Return a model that has not been busy yet.

    Where it takes the flight it might have taken the train: with `chance` it does so nine times of ten.
    """
    busy = itertools.count()

    def rule(request: Request) -> Item:
        messages = json.loads(request.body)["messages"]
        turn = sum(message["role"] == "assistant" for message in messages)
        if turn == BUSY_AT and next(busy) == 0:
            return anthropic.error("overloaded_error", "try again in a moment", retry_after=0.05)
        return _answer(turn, messages, chance)

    return by_rule(rule)


def _answer(turn: int, messages: list[dict[str, object]], chance: Random | None) -> Item:
    chosen = next(
        (option for option in PRICES if f"I take the {option}." in json.dumps(messages)), "morning flight"
    )
    spent = PRICES[chosen] + 120
    match turn:
        case 0:
            return anthropic.tool_use("search_trains", {"city": CITY}, text="Let me look at trains first.")
        case 1:
            return anthropic.tool_use("search_flights", {"city": CITY}, text="And at flights.")
        case 2:
            return anthropic.tool_use("weather", {"city": CITY})
        case 3:
            option = "night train" if chance and chance.random() < BY_TRAIN else "morning flight"
            return anthropic.tool_use("hold_seat", {"option": option}, text=f"I take the {option}.")
        case 4:
            return anthropic.tool_use("find_hotel", {"city": CITY}, text="Now a bed.")
        case 5:
            return anthropic.tool_use("museum_hours", {"city": CITY})
        case 6:
            return anthropic.tool_use(
                "add_up", {"prices": [PRICES[chosen], 120]}, text="What does it come to?"
            )
        case 7:
            return anthropic.tool_use("check_budget", {"total": spent})
        case 8:
            fits = "It fits." if spent <= 300 else "It does not fit."  # noqa: PLR2004
            signed = " Yours, the agent." if "Sign it." in json.dumps(messages[-1]) else ""
            text = f"{CITY} by {chosen}: {spent} euros. {fits}{signed}"
            return anthropic.tool_use("send_mail", {"text": text})
    if spent <= 300:  # noqa: PLR2004
        return anthropic.text(f"Booked: {CITY} by {chosen} for {spent} euros.")
    return anthropic.text(f"I could not stay within 300 euros: the {chosen} brings it to {spent}.")
