"""What tokens cost, by a table of list prices that has a date and can be replaced.

A cost that is not known is None, never zero and never a guess: a model that is not in
the table, an answer that does not say how many tokens it took or broke off, cached
tokens or sound where the table has no price for them. Prices change: look at `Prices.as_of`,
and give a table of your own where the sum matters. The vendors' discounts and
surcharges (batches, tiers of service, images, fees for tools of theirs) are not in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from importlib.resources import files
from pathlib import Path

from . import paths
from ._price_file import read_prices
from ._price_lookup import Host, Price, Prices, is_version
from .messages import Completion, Usage

__all__ = ["Host", "Price", "Prices", "cache_saving", "cost", "is_version", "listed", "load", "loads"]

_DEPLOYED = re.compile(r"/deployments/")
"""Where the URL names no model, but what somebody calls one."""


def cost(
    answer: Completion | Usage, model: str = "", *, prices: Prices | None = None, url: str = ""
) -> Decimal | None:
    """What an answer cost, in USD, or None where that is not known.

    `model` is by default the one that the answer names; `prices` are by default those
    of `listed()`. Where hosts differ, that of `url` decides. What a router says that it charged is the cost.
    """
    usage = _find_usage(answer)
    if usage is not None and usage.cost is not None:
        return usage.cost
    price = _find_price(answer, usage, model, prices, url)
    if usage is None or price is None or usage.input is None or usage.output is None:
        return None
    if usage.billed_input is not None and usage.billed_output is not None:
        return _add(((usage.billed_input, price.input), (usage.billed_output, price.output)))
    cached, written, hour = usage.cached or 0, usage.written or 0, usage.written_hour or 0
    heard, spoken = usage.heard or 0, usage.spoken or 0
    fresh = usage.input - cached - written - heard
    if min(fresh, written - hour, usage.output - spoken) < 0 or (heard and (cached or written)):
        return None  # which of the sound came from the cache is not said
    heaps = (
        (fresh, price.input),
        (cached, price.cached),
        (written - hour, price.written),
        (hour, price.written_hour),
        (heard, price.heard),
        (usage.output - spoken, price.output),
        (spoken, price.spoken),
    )
    if any(tokens and each is None for tokens, each in heaps):
        return None
    return _add(heaps)


def cache_saving(
    answer: Completion | Usage, model: str = "", *, prices: Prices | None = None, url: str = ""
) -> Decimal | None:
    """What the vendor's cache saved of an answer's cost, in USD, or None where that is not known.

    It is less than nothing where more was paid to fill the cache than it gave. Arguments are as for `cost`.
    """
    usage = _find_usage(answer)
    price = _find_price(answer, usage, model, prices, url)
    if usage is None or price is None or usage.input is None:
        return None
    cached, written, hour = usage.cached or 0, usage.written or 0, usage.written_hour or 0
    if written < hour or usage.input < cached + written or (usage.heard and (cached or written)):
        return None
    heaps = (cached, price.cached), (written - hour, price.written), (hour, price.written_hour)
    if any(tokens and each is None for tokens, each in heaps):
        return None
    return sum((tokens * (price.input - (each or 0)) for tokens, each in heaps), Decimal(0)).scaleb(-6)


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

    A model may have `cached`, `written`, `written_hour`, `heard`, `spoken`, `upto` and `above` too; a table
    may have `hosts`: `{"name": {"urls": ["api.example.com"], "models": {...}}}`. `where` is for the error.

    Raises:
        BadPrices: it holds no such table.
    """
    return read_prices(text, where)


def _add(heaps: Iterable[tuple[int, Decimal | None]]) -> Decimal:
    return sum((tokens * (each or Decimal(0)) for tokens, each in heaps), Decimal(0)).scaleb(-6)


def _find_usage(answer: Completion | Usage) -> Usage | None:
    if isinstance(answer, Usage):
        return answer
    return answer.usage if answer.complete else None


def _find_price(
    answer: Completion | Usage, usage: Usage | None, model: str, prices: Prices | None, url: str
) -> Price | None:
    """The price of a prompt as long as this one; by the model in the URL, where the answer's has none."""
    named, table = model or (answer.model if isinstance(answer, Completion) else ""), prices or listed()
    price = table.of(named, url)
    if price is None and url and not _DEPLOYED.search(url):
        price = table.of(paths.find_model(url), url)
    return price.at(usage.input or 0) if price is not None and usage is not None else None
