"""Prices of models, by name and host: spellings that differ in a date, a version or a vendor are one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from attrs import field, frozen

_PREFIX = re.compile(r"(openai|anthropic|google|models|publishers/(google|anthropic)/models)/")
_VERSION = re.compile(r"([-@]\d{8}|-\d{4}-\d\d-\d\d|-0\d\d|-latest|-v\d+:\d+)+")
_BREAK = re.compile(r"[-@]")
_ARN = re.compile(r"arn:[^:]*:bedrock:.*/")


@frozen
class Price:
    """USD for a million tokens: of the prompt, of the answer, and of what a cache gives and is given.

    `cached` and `written` are None where the vendor names no price, and so are `written_hour`, of what a
    cache keeps for an hour, and `heard` and `spoken`, of sound. Where a longer prompt costs more, `upto` is
    the most tokens of a prompt for which the price holds, and `above` the price of a longer one, if known.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    written: Decimal | None = None
    upto: int | None = None
    written_hour: Decimal | None = None
    heard: Decimal | None = None
    spoken: Decimal | None = None
    above: Price | None = None

    def at(self, tokens: int) -> Price | None:
        """The price for a prompt of so many tokens; None if none is known for one so long."""
        price: Price | None = self
        while price is not None and price.upto is not None and tokens > price.upto:
            price = price.above
        return price


@frozen
class Host:
    """The prices of one host. `urls` are patterns of host and path; it charges as `others` do, by name."""

    urls: tuple[str, ...]
    table: Mapping[str, Price]
    others: tuple[str, ...] = ()


@frozen
class Prices:
    """A table of prices by model, as they were on the day `as_of`.

    `hosts` have tables of their own: where an answer came from one of them, that alone decides.
    """

    as_of: date
    table: Mapping[str, Price]
    hosts: Mapping[str, Host] = field(factory=dict)
    _found: dict[tuple[str, str], Price | None] = field(factory=dict, init=False, eq=False, repr=False)
    _host_of: dict[str, str] = field(factory=dict, init=False, eq=False, repr=False)

    def of(self, model: str, url: str = "") -> Price | None:
        """The price of `model`, at the host of `url` if one is known; or None.

        A date or version at its end is left out where the table has none that is as
        long, and so is the vendor before a slash: `openai/gpt-4o-2024-08-06` is
        `gpt-4o`. `gpt-4o-mini` is not.
        """
        name = self._find_host(url) if url and self.hosts else ""
        if (name, model) not in self._found:
            tables = map(_table_of, self._list_hosts(name)) if name else iter([self.table])
            found = (price for table in tables if (price := _find(table, model)) is not None)
            if len(self._found) > _MOST:
                self._found.clear()
            self._found[name, model] = next(found, None)
        return self._found[name, model]

    def _find_host(self, url: str) -> str:
        if url not in self._host_of:
            if len(self._host_of) > _MOST_URLS:
                self._host_of.clear()
            self._host_of[url] = self._look_for_host(url)
        return self._host_of[url]

    def _look_for_host(self, url: str) -> str:
        try:
            parts = urlsplit(url)
            place = f"{parts.hostname or ''}{parts.path}"
        except ValueError:  # no URL at all
            return ""
        for name, host in self.hosts.items():
            if any(fnmatchcase(place, f"{pattern}/*") for pattern in host.urls):
                return name
        return ""

    def _list_hosts(self, name: str) -> Iterator[Host]:
        host = self.hosts[name]
        yield host
        yield from (self.hosts[other] for other in host.others if other in self.hosts)


_MOST = 4096  # names that are remembered; a run has a handful
_MOST_URLS = 256


def _table_of(host: Host) -> Mapping[str, Price]:
    return host.table


def is_version(model: str, key: str) -> bool:
    """Whether `key` names `model`, but for a date or version at its end and a vendor before a slash."""
    name = _strip(model)
    rest = name.removeprefix(key)
    return key in {model, name} or (rest != name and _VERSION.fullmatch(rest) is not None)


def _find(table: Mapping[str, Price], model: str) -> Price | None:
    """The price under the longest key that names `model`; `is_version` says which do."""
    name = _strip(model)
    for key in (model, name):
        if key in table:
            return table[key]
    for cut in reversed([found.start() for found in _BREAK.finditer(name)]):
        if not _VERSION.fullmatch(name, cut):
            continue
        if (price := table.get(name[:cut])) is not None:
            return price
    return None


def _strip(model: str) -> str:
    """The name without the vendor before a slash; of Amazon's resources, the model or profile."""
    prefix = _ARN.match(model) or _PREFIX.match(model)
    return model[prefix.end() :] if prefix else model
