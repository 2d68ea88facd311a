"""What tokens cost, by a table of list prices that has a date and can be replaced.

A cost that is not known is None, never zero and never a guess: a model that is not in
the table, an answer that does not say how many tokens it took or broke off, cached
tokens where the table has no price for them. Prices change: look at `Prices.as_of`,
and give a table of your own where the sum matters. The vendors' discounts and
surcharges (batches, tiers of service, regions, caches of one hour, sound and
images, fees for tools of theirs) are not in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path

from attrs import frozen

from ..errors import BadPrices
from .messages import Completion, Usage

_PREFIX = re.compile(r"(openai|anthropic|google|models|publishers/(google|anthropic)/models)/")
_VERSION = re.compile(r"([-@]\d{8}|-\d{4}-\d\d-\d\d|-0\d\d|-latest)+")
_KEYS = frozenset({"input", "output", "cached", "written", "upto"})


@frozen
class Price:
    """USD for a million tokens: of the prompt, of the answer, and of what a cache gives and is given.

    `cached` and `written` are None where the vendor names no price. Where a longer prompt
    costs more, `upto` is the most tokens of a prompt for which the price holds.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    written: Decimal | None = None
    upto: int | None = None


@frozen
class Prices:
    """A table of prices by model, as they were on the day `as_of`."""

    as_of: date
    table: Mapping[str, Price]

    def of(self, model: str) -> Price | None:
        """The price of `model`, or None.

        A date or version at its end is left out where the table has none that is as
        long, and so is the vendor before a slash: `openai/gpt-4o-2024-08-06` is
        `gpt-4o`. `gpt-4o-mini` is not.
        """
        longest_first = sorted(self.table, key=len, reverse=True)
        return next((self.table[key] for key in longest_first if is_version(model, key)), None)


def is_version(model: str, key: str) -> bool:
    """Whether `key` names `model`, but for a date or version at its end and a vendor before a slash."""
    prefix = _PREFIX.match(model)
    name = model[prefix.end() :] if prefix else model
    rest = name.removeprefix(key)
    return key in {model, name} or (rest != name and _VERSION.fullmatch(rest) is not None)


def cost(answer: Completion | Usage, model: str = "", *, prices: Prices | None = None) -> Decimal | None:
    """What an answer cost, in USD, or None where that is not known.

    `model` is by default the one that the answer names; `prices` are by default those
    of `listed()`.
    """
    if isinstance(answer, Completion):
        usage, model = answer.usage if answer.complete else None, model or answer.model
    else:
        usage = answer
    price = (prices or listed()).of(model)
    if usage is None or price is None or usage.input is None or usage.output is None:
        return None
    cached, written = usage.cached or 0, usage.written or 0
    fresh = usage.input - cached - written
    if fresh < 0 or (price.upto is not None and usage.input > price.upto):
        return None
    counts = fresh, cached, written, usage.output
    total = Decimal(0)
    for tokens, each in zip(counts, (price.input, price.cached, price.written, price.output), strict=True):
        if tokens and each is None:
            return None
        total += tokens * (each or 0)
    return total.scaleb(-6)


@cache
def listed() -> Prices:
    """The table that comes with tracefork."""
    return loads(files(__package__).joinpath("prices.json").read_bytes(), where="prices.json")


def load(path: str | Path) -> Prices:
    """A table of your own, from a file of the form of `loads`.

    Raises:
        BadPrices: it holds no such table.
        OSError: it cannot be read.
    """
    return loads(Path(path).read_bytes(), where=str(path))


def loads(text: str | bytes, *, where: str = "") -> Prices:
    """A table from JSON: `{"as_of": "2026-11-25", "models": {"m": {"input": 3, "output": 15}}}`.

    A model may have `cached`, `written` and `upto` too. `where` is for the error.

    Raises:
        BadPrices: it holds no such table.
    """
    try:
        table = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as exc:
        raise BadPrices(f"is no JSON: {exc}", where) from exc
    models = table.get("models") if isinstance(table, dict) else None
    if not isinstance(models, dict):
        raise BadPrices('has no "models"', where)
    return Prices(
        _day(table.get("as_of"), where), {name: _price(name, of, where) for name, of in models.items()}
    )


def _day(value: object, where: str) -> date:
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise BadPrices(f'"as_of" is {value!r}, not a day such as "2026-11-25"', where) from None


def _price(name: str, value: object, where: str) -> Price:
    if not isinstance(value, dict) or not {"input", "output"} <= value.keys() <= _KEYS:
        raise BadPrices(f"{name} needs input and output, and may have cached, written and upto", where)
    upto = value.get("upto")
    if upto is not None and (type(upto) is not int or upto < 0):
        raise BadPrices(f"{name}: upto is {upto!r}, not a number of tokens", where)
    prices = {key: _amount(name, key, value[key], where) for key in value if key != "upto"}
    return Price(prices["input"], prices["output"], prices.get("cached"), prices.get("written"), upto)


def _amount(name: str, key: str, value: object, where: str) -> Decimal:
    if isinstance(value, Decimal | int) and not isinstance(value, bool) and value >= 0:
        return Decimal(value)
    raise BadPrices(f"{name}: {key} is {value!r}, not an amount of USD", where)
