"""Which runs are looked for: the filters, their values from texts, and their refusals. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, TypedDict, Unpack, cast, get_args

from attrs import frozen

from ...errors import BadFilter
from .facts import WORDS, Word

SORTS: Final[tuple[str, ...]] = (
    *("created", "agent", "task", "outcome", "calls", "tokens", "cost", "duration", "escapes", "branches"),
)
"""What runs are sorted by: `created` is newest first, texts are in the order of the alphabet, and of
numbers the largest is first. A `-` in front turns it round; what is not known is last either way."""

_AGO = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|min|m|h|d|w)")
_SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WORD = re.compile(r"\w")
_TIME = "a time ago, as 2h, 3d or 1w, or a day or moment, as 2026-11-24 or 2026-11-24T09:30"
_MOST = 1_000_000_000
_LONGEST = 1_000


@frozen
class Filters:
    """What is asked of runs; all of it has to be true of one that is found.

    `outcomes` are words of `facts.WORDS`, any of which will do. `agent` and `model` stand somewhere in the
    names, small letters or capitals. `since` and `until` are in seconds since the epoch. `grep` has words
    that all stand in what the run asked or was answered, each as the beginning of a word; quotes hold a
    phrase together. `cost_above` is in USD: a cost that is not known is not above. `probes` are the forks of
    blame.
    """

    outcomes: tuple[Word, ...] = ()
    agent: str = ""
    model: str = ""
    since: float | None = None
    until: float | None = None
    grep: str = ""
    cost_above: Decimal | None = None
    parent: str | None = None
    probes: bool = False
    sort: str = "created"
    limit: int | None = None
    offset: int = 0


class Asked(TypedDict, total=False):
    """What is asked of runs, as a program, a shell or an address says it: the one list of filters.

    `failed` asks for those that raised, or that the oracle of a saved blame failed: the same as the outcome
    "failed". The others are as in `Filters`, or texts of these: times as `"2h"` ago, `"3d"`, a day
    `"2026-11-24"` or a moment, in UTC if no zone is said; an amount of USD as `"0.5"`.
    """

    grep: str | None
    outcome: str | None
    failed: bool
    agent: str | None
    model: str | None
    since: float | datetime | str | None
    until: float | datetime | str | None
    cost_above: float | Decimal | str | None
    parent: str | None
    probes: bool
    sort: str
    limit: int | None
    offset: int


NAMES: Final = tuple(Asked.__annotations__)
"""The names of all filters: keywords of `search`, parameters of an address, and options in a shell."""

_FLAGS = "failed", "probes"
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no")


def make_filters(*, now: float, **asked: Unpack[Asked]) -> Filters:
    """Return the filters that are asked for; `now` is what times ago are counted from.

    Raises:
        BadFilter: a value is none of its filter.
        TypeError: there is no such filter.
    """
    if unknown := sorted(asked.keys() - set(NAMES)):
        raise TypeError(f"there is no filter {unknown[0]!r}: there are {', '.join(NAMES)}")
    outcome, failed = asked.get("outcome"), asked.get("failed", False)
    since, until, cost_above = asked.get("since"), asked.get("until"), asked.get("cost_above")
    limit = asked.get("limit")
    if failed and outcome not in (None, "", "failed"):
        raise BadFilter("outcome", outcome, "runs that failed are asked for, too: give one of both")
    words = ["failed"] if failed else [outcome] if outcome else []
    return Filters(
        outcomes=tuple(map(_read_outcome, words)),
        agent=_read_text("agent", asked.get("agent")),
        model=_read_text("model", asked.get("model")),
        since=None if since in (None, "") else _read_time("since", since, now),
        until=None if until in (None, "") else _read_time("until", until, now),
        grep=_read_words(asked.get("grep")),
        cost_above=None if cost_above in (None, "") else _read_amount(cost_above),
        parent=_check_text("parent", asked.get("parent")) or None,
        probes=asked.get("probes", False),
        sort=_read_sort(asked.get("sort", "created")),
        limit=None if limit is None else _read_count("limit", limit),
        offset=_read_count("offset", asked.get("offset", 0)),
    )


def parse_query(query: Mapping[str, str], *, now: float, limit: int, most: int) -> Filters:
    """Return the filters of a query of an address; `limit` is that of one without, `most` the largest.

    Names are those of `Asked`; others are passed over.

    Raises:
        BadFilter: a value is none of its filter.
    """
    count = _parse_count("limit", query.get("limit"), limit)
    if count > most:
        raise BadFilter("limit", str(count), f"at most {most} runs are given at once: use offset")
    values: dict[str, object] = {name: query[name] for name in NAMES if query.get(name)}
    values |= {name: _parse_flag(name, query.get(name)) for name in _FLAGS}
    values |= {"limit": count, "offset": _parse_count("offset", query.get("offset"), 0)}
    return make_filters(now=now, **cast("Asked", values))


def shorten_query(query: Mapping[str, str]) -> dict[str, str]:
    """Return the part of an address' query that asks for runs, one word for one thing: `failed=1` is
    `outcome=failed`, and what says nothing is left out.
    """
    kept = {name: query[name] for name in NAMES if query.get(name)}
    for name in _FLAGS:
        if kept.get(name) in _FALSE:
            del kept[name]
    if kept.get("failed") in _TRUE and kept.get("outcome") in (None, "failed"):
        del kept["failed"]
        kept["outcome"] = "failed"
    if (word := kept.get("outcome", "").replace("-", " ")) in WORDS:
        kept["outcome"] = word
    return kept


# -- below ---------------------------------------------------------------------------


def _read_outcome(word: object) -> Word:
    for known in get_args(Word):
        if word in (known, known.replace(" ", "-")):
            return known  # type: ignore[no-any-return]  # get_args has no type
    raise BadFilter("outcome", str(word)[:_LONGEST], f"a run is {', '.join(WORDS[:-1])} or {WORDS[-1]}")


def _read_text(name: str, text: object) -> str:
    given = _check_text(name, text)
    if len(given) > _LONGEST:
        raise BadFilter(name, f"{given[:40]}...", f"it has more than {_LONGEST:,} characters")
    return given.strip()


def _check_text(name: str, text: object) -> str:
    if not isinstance(text, str | None):
        raise BadFilter(name, repr(text)[:_LONGEST], "give a text")
    return text or ""


def _read_words(grep: object) -> str:
    words = _read_text("grep", grep)
    if words and not _WORD.search(words):
        raise BadFilter("grep", words, "there is no word in it: words are looked for, not signs")
    return words


def _read_time(name: str, value: object, now: float) -> float:
    match value:
        case datetime():
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            return moment.timestamp()
        case bool():
            raise BadFilter(name, str(value), f"give {_TIME}")
        case int() | float():
            with suppress(OverflowError):
                if math.isfinite(value):
                    return float(value)
            raise BadFilter(name, str(value), f"give {_TIME}")
        case str():
            return _parse_time(name, value.strip(), now)
    raise BadFilter(name, repr(value)[:_LONGEST], f"give {_TIME}")


def _parse_time(name: str, text: str, now: float) -> float:
    try:
        if ago := _AGO.fullmatch(text):
            seconds = timedelta(seconds=float(ago[1]) * _SECONDS[ago[2]]).total_seconds()
            return now - seconds
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise BadFilter(name, text[:_LONGEST], f"give {_TIME}") from None


def _read_amount(value: object) -> Decimal:
    advice = "give an amount of USD, as 0.5"
    if not isinstance(value, Decimal | int | float | str) or isinstance(value, bool):
        raise BadFilter("cost_above", repr(value)[:_LONGEST], advice)
    try:
        amount = Decimal(str(value).strip().removeprefix("$")[:_LONGEST])
    except InvalidOperation:
        raise BadFilter("cost_above", str(value)[:_LONGEST], advice) from None
    if not amount.is_finite() or not 0 <= amount <= _MOST:
        raise BadFilter("cost_above", str(value)[:_LONGEST], advice)
    return amount


def _read_sort(sort: object) -> str:
    if not isinstance(sort, str) or sort.removeprefix("-") not in SORTS:
        raise BadFilter(
            "sort", str(sort)[:_LONGEST], f"runs are sorted by {', '.join(SORTS)}; -cost turns it round"
        )
    return sort


def _read_count(name: str, number: object) -> int:
    if type(number) is not int or not 0 <= number <= _MOST:
        raise BadFilter(name, repr(number)[:_LONGEST], "give a number of runs, 0 or more")
    return number


def _parse_count(name: str, text: str | None, default: int) -> int:
    if text in (None, ""):
        return default
    if not (text and text.isascii() and text.isdigit() and len(text) < len(str(_MOST))):
        raise BadFilter(name, str(text)[:_LONGEST], "give a number of runs, 0 or more")
    return int(text)


def _parse_flag(name: str, text: str | None) -> bool:
    if text is None or text in _FALSE:
        return False
    if text in _TRUE:
        return True
    raise BadFilter(name, str(text)[:_LONGEST], "give 1 or 0")
