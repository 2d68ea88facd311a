"""Looks for runs in a catalogue: filters as a statement of SQL, and what it gives as values."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import cast

from attrs import evolve, frozen

from .facts import Found, RunRow, Sums, Word
from .filters import Filters
from .rows import OPEN, PICO, decoding, fold, judge, load, make_row, name_key, read_texts, split, split_cost

AROUND = 60
"""Characters on each side of what was found, as they are shown."""

_BRANCHES = "(SELECT COUNT(*) FROM runs AS b WHERE b.parent = r.name AND b.probe = 0)"
_EVERY = f"""SELECT r.*, CASE WHEN r.word = '{OPEN}' THEN judge(r.process, r.last) WHEN r.word IN ('finished',
    'cut short') AND EXISTS (SELECT 1 FROM judged AS j WHERE j.report = r.report AND j.digest = r.digest)
    THEN 'failed' ELSE r.word END AS outcome FROM runs AS r"""  # noqa: S608  a constant
_SUMS = """SELECT outcome, COUNT(*), total(calls), total(input), total(output), total(usd), total(pico),
    total(priced), total(asked), total(duration), SUM(read = 0 AND outcome != 'damaged') FROM (%s)
    GROUP BY outcome"""
_ORDER = {
    "created": "created DESC",
    "agent": "agent ASC",
    "task": "task ASC",
    "outcome": "outcome ASC",
    "calls": "calls DESC",
    "tokens": "coalesce(input, 0) + coalesce(output, 0) DESC",
    "cost": "usd DESC, pico DESC",
    "duration": "duration DESC",
    "escapes": "escapes DESC",
    "branches": f"{_BRANCHES} DESC",
}
_UNKNOWN = {
    **{name: f"({name} IS NULL)" for name in ("calls", "duration", "escapes")},
    "cost": "(usd IS NULL)",
    "agent": "(agent = '')",
    "task": "(coalesce(task, '') = '')",
    "tokens": "(input IS NULL AND output IS NULL)",
}
_TURNED = {"ASC": "DESC", "DESC": "ASC"}
_WAY = re.compile(r"\b(?:ASC|DESC)\b")
_TERM = re.compile(r'"([^"]*)"?|(\S+)')


@frozen
class _Asked:
    """A statement's conditions and the values in it."""

    where: str
    values: tuple[object, ...]


def search(db: sqlite3.Connection, filters: Filters, now: float) -> Found:
    """Return what the catalogue has of the runs that `filters` ask for, at the time `now`."""
    known = dict[tuple[str, float], Word]()

    def decide(process: str, last: float) -> Word:
        key = (process, last)
        if key not in known:
            known[key] = judge(process, last, now)
        return known[key]

    db.create_function("judge", 2, decide)
    asked = _ask(filters)
    chosen = f"SELECT * FROM ({_EVERY}) AS r WHERE {asked.where}"  # noqa: S608  texts are values
    sums = _sum(db.execute(_SUMS % chosen, asked.values).fetchall())
    limit = -1 if filters.limit is None else filters.limit
    some = (
        f"SELECT id, info, facts, outcome, {_BRANCHES}, probe FROM ({_EVERY}) AS r WHERE {asked.where} "  # noqa: S608
        f"ORDER BY {_order(filters.sort)} LIMIT ? OFFSET ?"
    )
    rows = db.execute(some, (*asked.values, limit, filters.offset)).fetchall()
    show = _make_finder(filters.grep)
    runs = tuple(_show(db, number, make_row(*columns), show) for number, *columns in rows)
    [[hidden]] = db.execute("SELECT COUNT(*) FROM runs WHERE probe = 1").fetchall()
    [[cut]] = db.execute("SELECT COUNT(*) FROM runs WHERE cut = 1").fetchall()
    return Found(runs, sums, filters.offset, 0 if filters.probes else hidden, cut)


def list_agents(db: sqlite3.Connection, most: int = 200) -> tuple[str, ...]:
    """The names of the agents, the most frequent first."""
    statement = (
        "SELECT info, COUNT(*) AS n FROM runs WHERE agent != '' GROUP BY agent ORDER BY n DESC, agent LIMIT ?"
    )
    rows = db.execute(statement, (most,)).fetchall()
    with decoding():
        return tuple(str(load(info)["agent"]) for info, _ in rows)


def list_models(db: sqlite3.Connection, most: int = 200) -> tuple[str, ...]:
    """The names of the models, the most frequent first."""
    counts = Counter[str]()
    statement = "SELECT facts, COUNT(*) FROM runs WHERE read = 1 AND models != '' GROUP BY models"
    for facts, count in db.execute(statement).fetchall():
        with decoding():
            counts.update(dict.fromkeys(load(facts)["models"], count))
    return tuple(name for name, _ in sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:most])


# -- below ---------------------------------------------------------------------------


def _ask(filters: Filters) -> _Asked:
    parts, values = ["1"], list[object]()

    def ask(part: str, *more: object) -> None:
        parts.append(part)
        values.extend(more)

    if not filters.probes:
        ask("probe = 0")
    if filters.outcomes:
        ask(f"outcome IN ({', '.join('?' * len(filters.outcomes))})", *filters.outcomes)
    if filters.agent:
        ask("instr(agent, ?) > 0", fold(filters.agent))
    if filters.model:
        ask("instr(models, ?) > 0", fold(filters.model))
    if filters.since is not None:
        ask("created >= ?", filters.since)
    if filters.until is not None:
        ask("created < ?", filters.until)
    if filters.cost_above is not None:
        ask("(usd, pico) > (?, ?)", *split_cost(filters.cost_above))
    if filters.parent is not None:
        ask("parent = ?", name_key(filters.parent))
    if filters.grep:
        ask("id IN (SELECT rowid FROM words WHERE words MATCH ?)", _match(filters.grep))
    return _Asked(" AND ".join(parts), tuple(values))


def _terms(grep: str) -> list[str]:
    found = (quoted or word for quoted, word in _TERM.findall(grep))
    return [term for term in found if re.search(r"\w", term)]


def _match(grep: str) -> str:
    """The words as the index is asked: all of them, each the beginning of a word."""
    terms = (fold(split(term)).replace('"', " ") for term in _terms(grep))
    return " AND ".join(f'"{term.strip()}"*' for term in terms)


def _order(sort: str) -> str:
    name = sort.removeprefix("-")
    order = _ORDER[name]
    if sort.startswith("-"):
        order = _WAY.sub(lambda way: _TURNED[way[0]], order)
    unknown = _UNKNOWN.get(name)
    return ", ".join(filter(None, [unknown, order, "created DESC", "name"]))


def _sum(rows: list[tuple[object, ...]]) -> Sums:
    """The sums of all, from those of the runs that ended alike; SQLite's `total` never overflows."""
    sums = Sums()
    for word, runs, *numbers in rows:
        calls, input_, output, usd, pico, priced, asked, duration, unread = cast("list[float]", numbers)
        count = cast("int", runs)
        sums = Sums(
            sums.runs + count,
            sums.calls + int(calls),
            sums.input + int(input_),
            sums.output + int(output),
            sums.cost + Decimal(int(usd)) + Decimal(int(pico)) * PICO,
            sums.priced + int(priced),
            sums.asked + int(asked),
            sums.duration + duration,
            sums.unread + int(unread),
            (*sums.words, (cast("Word", word), count)),
        )
    return sums


def _show(db: sqlite3.Connection, number: int, row: RunRow, find: Callable[[str], str] | None) -> RunRow:
    if find is None:
        return row
    asked, answered = read_texts(db, number)
    return evolve(row, found=find(answered) or find(asked))


def _make_finder(grep: str) -> Callable[[str], str] | None:
    """A function that gives the place in a text where the longest of the words stands; None without words."""
    terms = sorted(_terms(grep), key=len, reverse=True)
    if not terms:
        return None
    looks = [
        re.compile(r"\W+".join(map(re.escape, re.findall(r"\w+", term))), re.IGNORECASE) for term in terms
    ]

    def find(text: str) -> str:
        for look in looks:
            if place := look.search(text):
                low, high = max(0, place.start() - AROUND), place.end() + AROUND
                flat = " ".join(text[low:high].split())
                return f"{'…' if low else ''}{flat}{'…' if high < len(text) else ''}"
        return ""

    return find
