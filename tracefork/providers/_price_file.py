"""Reads a table of prices from JSON, and says what is wrong with one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from ..errors import BadPrices
from ._price_lookup import Host, Price, Prices

_AMOUNTS = ("input", "output", "cached", "written", "written_hour", "heard", "spoken")
_KEYS = frozenset({*_AMOUNTS, "upto", "above"})
_TIERS = 8  # prices of one model, by the length of its prompt


def read_prices(text: str | bytes, where: str) -> Prices:
    try:
        table = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as exc:
        raise BadPrices(f"is no JSON: {exc}", where) from exc
    if not isinstance(table, dict) or not isinstance(table.get("models"), dict):
        raise BadPrices('has no "models"', where)
    kept = table.get("prices", [])
    if not isinstance(kept, list):
        raise BadPrices('"prices" is no list', where)
    as_of = _day(table.get("as_of"), where)
    prices = [_read_price(f"prices[{n}]", one, where) for n, one in enumerate(kept)]
    models = _read_models(table["models"], prices, where)
    hosts = table.get("hosts", {})
    if not isinstance(hosts, dict):
        raise BadPrices('"hosts" is no object', where)
    return Prices(as_of, models, {name: _read_host(name, one, prices, where) for name, one in hosts.items()})


def _read_host(name: str, value: object, prices: list[Price], where: str) -> Host:
    match value:
        case {"urls": list(urls), "models": dict(models), **rest}:
            others = rest.get("others", [])
            if isinstance(others, list) and all(isinstance(one, str) for one in (*urls, *others)):
                return Host(tuple(urls), _read_models(models, prices, where), tuple(others))
    raise BadPrices(f'the host {name} needs "urls" and "models", and may have "others"', where)


def _read_models(models: Mapping[str, object], prices: list[Price], where: str) -> dict[str, Price]:
    """The prices by their models; a number stands for one of those that are kept once."""
    count = len(prices)
    return {
        name: prices[of] if type(of) is int and 0 <= of < count else _read_price(name, of, where)
        for name, of in models.items()
    }


def _day(value: object, where: str) -> date:
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise BadPrices(f'"as_of" is {value!r}, not a day such as "2026-11-25"', where) from None


def _read_price(name: str, value: object, where: str, depth: int = 0) -> Price:
    if not isinstance(value, dict) or not {"input", "output"} <= value.keys() <= _KEYS:
        raise BadPrices(
            f"{name} needs input and output, and may have cached, written, written_hour, heard, spoken, "
            "upto and above",
            where,
        )
    upto = value.get("upto")
    if upto is not None and (type(upto) is not int or upto < 0):
        raise BadPrices(f"{name}: upto is {upto!r}, not a number of tokens", where)
    above = None
    if "above" in value:
        if upto is None or depth == _TIERS:
            raise BadPrices(f"{name}: above is the price of prompts longer than upto", where)
        above = _read_price(name, value["above"], where, depth + 1)
        if above.upto is not None and above.upto <= upto:
            raise BadPrices(f"{name}: upto of a longer prompt is more than {upto}", where)
    amounts = {key: _amount(name, key, value[key], where) for key in _AMOUNTS if key in value}
    return Price(**amounts, upto=upto, above=above)


def _amount(name: str, key: str, value: object, where: str) -> Decimal:
    if isinstance(value, Decimal | int) and not isinstance(value, bool) and value >= 0:
        return Decimal(value)
    raise BadPrices(f"{name}: {key} is {value!r}, not an amount of USD", where)
