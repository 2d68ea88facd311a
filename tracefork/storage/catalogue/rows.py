"""Runs as rows of a catalogue and back. Texts in columns can be encoded; what is exact stands in JSON."""

from __future__ import annotations

import json
import math
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final, cast

import attrs

from ...core.notes import PROCESS
from ...core.outcomes import Departure
from ...core.values import Branch, Outcome
from ...host.process import is_alive
from ..info import RunInfo
from ..reports import name_report
from .facts import Read, RunRow, Word
from .file import Unreadable

OPEN = "open"
"""The word in the table of a run without an end: whether it goes on is judged when it is asked."""

WHY = "the oracle that judged it for the blame says so"
"""The error of a run that did not raise, and of which a saved report of blame says that it failed."""

QUIET = 900.0
"""Seconds without a sign of life after which a run that another machine records is taken for dead."""

PICO = Decimal("1e-12")
"""USD, in which costs below one are counted."""

LONGEST = 2_000
"""Characters of an error, or of another text that the head of a run tells."""

NAME = 200
"""Characters of the name of an agent or a model."""

_WRONG = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    zlib.error,
)  # in what is decoded
_CJK = re.compile("([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])")
_NO_TEXT = re.compile("[\ud800-\udfff\x00]")
UNFIT: Final = (
    *(ArithmeticError, LookupError, MemoryError, RecursionError, TypeError, ValueError),
    *(sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError),
)
"""What is raised where a run holds something that no table takes."""

_HEAD = "head info created agent parent probe word process last digest".split()
_FACTS = """
    chunks last facts task models calls asked input output usd pico priced duration escapes cut info word
""".split()
_SET = ", ".join(f"{name} = excluded.{name}" for name in _HEAD if name != "last")
_PUT = f"""INSERT INTO runs (name, report, chunks, {", ".join(_HEAD)}) VALUES (?, ?, 0{", ?" * len(_HEAD)})
    ON CONFLICT (name) DO UPDATE SET {_SET}, last = max(last, excluded.last), read = 0"""  # noqa: S608  constants
_READ = f"UPDATE runs SET read = 1, {', '.join(f'{n} = ?' for n in _FACTS)} WHERE name = ? AND head = ?"  # noqa: S608


def name_key(run_id: str) -> bytes:
    return run_id.encode("utf-8", "surrogatepass")


def put_heads(db: sqlite3.Connection, infos: Iterable[tuple[RunInfo, bytes]]) -> None:
    """Put in, or replace, what the heads of runs tell, each with the hash of its head."""
    for info, head in infos:
        try:
            db.execute(_PUT, _head_columns(info, head))
        except UNFIT as exc:
            why = f"what its head tells has no place in a list: {type(exc).__name__}: {exc}"
            db.execute(_PUT, _head_columns(RunInfo(info.run_id, damage=why), head))


def put_read(
    db: sqlite3.Connection, info: RunInfo, head: bytes, read: Read, texts: tuple[str, str], chunks: int
) -> None:
    """Put in what was read of a run that is there with this head; of one that is not there, nothing."""
    name = name_key(info.run_id)
    facts = _dump(attrs.asdict(read))
    columns = (
        *(chunks, read.last, facts, fold(read.task), fold("\x1f".join(read.models)), read.calls, read.asked),
        *(read.input, read.output, *split_cost(read.cost), read.priced, _finite(read.duration)),
        *(read.escapes, int(read.cut), _write_info(info), _find_word(info)),
    )
    if db.execute(_READ, (*columns, name, head)).rowcount != 1:
        return
    [[number]] = db.execute("SELECT id FROM runs WHERE name = ?", (name,)).fetchall()
    _drop_texts(db, number)
    clean = [_NO_TEXT.sub("\ufffd", text) for text in texts]
    db.execute("INSERT INTO words (rowid, asked, answered) VALUES (?, ?, ?)", (number, *map(split, clean)))
    db.execute("INSERT INTO texts (id, asked, answered) VALUES (?, ?, ?)", (number, *map(_pack, clean)))


def put_failed(db: sqlite3.Connection, failed: Mapping[str, str]) -> None:
    """Put in which reports say that the run of which digest failed, in the place of those that were there."""
    db.execute("DELETE FROM judged")
    db.executemany("INSERT INTO judged (report, digest) VALUES (?, ?)", failed.items())


def drop(db: sqlite3.Connection, names: Iterable[bytes]) -> int:
    """Take runs out, with all their texts; return how many were there."""
    count = 0
    for name in names:
        for (number,) in db.execute("SELECT id FROM runs WHERE name = ?", (name,)).fetchall():
            _drop_texts(db, number)
            db.execute("DELETE FROM runs WHERE id = ?", (number,))
            count += 1
    return count


def split_cost(cost: Decimal | None) -> tuple[int | None, int | None]:
    """Whole USD, and the rest in `PICO`: so that sums are exact, and fit. Two None of a cost not known."""
    return (None, None) if cost is None else (int(cost), int(cost % 1 / PICO))


@contextmanager
def decoding() -> Iterator[None]:
    """Raise Unreadable for whatever is wrong with what is decoded meanwhile."""
    try:
        yield
    except _WRONG as exc:
        raise Unreadable(f"a row cannot be read: {type(exc).__name__}: {exc}") from exc


@decoding()
def read_texts(db: sqlite3.Connection, number: int) -> tuple[str, str]:
    """The texts of run `number` of the table, as they were put in."""
    row = db.execute("SELECT asked, answered FROM texts WHERE id = ?", (number,)).fetchone()
    return (_unpack(row[0]), _unpack(row[1])) if row else ("", "")


@decoding()
def make_row(info: bytes, facts: bytes | None, outcome: str, branches: int, probe: int) -> RunRow:
    """Return a run of the table."""
    kept = load(info)
    ended = Outcome(**kept["outcome"]) if kept["outcome"] else None
    raised = str(ended).removeprefix("raised ") if ended and ended.kind == "raised" else ""
    return RunRow(
        run_id=kept["run_id"],
        agent=kept["agent"],
        created_at=_finite(kept["created"]),
        outcome=cast("Word", outcome),
        error=kept["damage"] or raised or (WHY if outcome == "failed" else ""),
        branches=branches,
        lineage=_read_branch(kept["parent"]),
        exchanges=kept["exchanges"],
        ended=ended,
        digest=kept["digest"],
        sealed=kept["sealed"],
        damage=kept["damage"],
        is_probe=bool(probe),
        read=_read_facts(facts) if facts else None,
    )


def load(data: bytes) -> Any:
    """What `info` and `facts` hold. Halves of surrogate pairs stay halves."""
    return json.loads(data.decode("utf-8", "surrogatepass"))


def judge(process: str, last: float, now: float) -> Word:
    """Whether a run without an end goes on: its process lives; or, of one elsewhere, it moved of late."""
    lives = is_alive(process)
    if lives is None:
        lives = now - last <= QUIET
    return "going on" if lives else "cut short"


def shorten(text: str, most: int) -> str:
    """The beginning of a text that is longer, with a sign that it goes on."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def fold(text: str) -> str:
    """A text as it is compared: small letters, and such that it can be encoded."""
    return _NO_TEXT.sub("\ufffd", text).casefold()


def split(text: str) -> str:
    """A text with blanks between the signs of languages that write none between words."""
    return _CJK.sub(r" \1 ", text)


# -- below ---------------------------------------------------------------------------


def _head_columns(info: RunInfo, head: bytes) -> tuple[object, ...]:
    return (
        *(name_key(info.run_id), name_report(info.run_id)),
        *(head, _write_info(info), _finite(info.created_at), fold(shorten(info.agent_name, NAME))),
        name_key(info.parent.parent) if info.parent else None,
        *(int(info.is_probe), _find_word(info), _NO_TEXT.sub("", info.meta.get(PROCESS, ""))),
        *(_finite(info.created_at), _NO_TEXT.sub("", info.digest or "")),
    )


def _dump(value: object) -> bytes:
    return json.dumps(value, default=str, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _find_word(info: RunInfo) -> str:
    if info.damage:
        return "damaged"
    return info.outcome.word if info.outcome else OPEN


def _write_info(info: RunInfo) -> bytes:
    return _dump(
        {
            "run_id": info.run_id,
            "agent": shorten(info.agent_name, NAME),
            "created": info.created_at,
            "parent": _write_branch(info.parent) if info.parent else None,
            "outcome": _shorten_all(attrs.asdict(info.outcome)) if info.outcome else None,
            "exchanges": info.exchanges,
            "digest": info.digest,
            "sealed": info.sealed,
            "damage": shorten(info.damage, LONGEST),
        }
    )


def _write_branch(branch: Branch) -> dict[str, Any]:
    """The fields of a branch; whatever the names of runs are, they are whole."""
    fields = attrs.asdict(branch)
    return _shorten_all(fields) | {"parent": branch.parent}


def _shorten_all(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with no text longer than `LONGEST`."""
    return {
        name: shorten(value, LONGEST)
        if isinstance(value, str)
        else _shorten_all(value)
        if isinstance(value, dict)
        else value
        for name, value in fields.items()
    }


def _read_branch(kept: dict[str, object] | None) -> Branch | None:
    if kept is None:
        return None
    fields = dict(kept)
    departure = fields.pop("departure", None)
    left = Departure(**departure) if isinstance(departure, dict) else None
    return Branch(**fields, departure=left)  # type: ignore[arg-type]  # as they were written


def _read_facts(text: bytes) -> Read:
    kept = load(text)
    kept["models"] = tuple(kept["models"])
    kept["cost"] = None if kept["cost"] is None else Decimal(kept["cost"])
    return Read(**kept)


def _drop_texts(db: sqlite3.Connection, number: int) -> None:
    """Take out what can be searched of a run: the index is told the very words that it was given."""
    if db.execute("SELECT 1 FROM texts WHERE id = ?", (number,)).fetchone() is None:
        return
    texts = map(split, read_texts(db, number))
    db.execute(
        "INSERT INTO words (words, rowid, asked, answered) VALUES ('delete', ?, ?, ?)", (number, *texts)
    )
    db.execute("DELETE FROM texts WHERE id = ?", (number,))


def _pack(text: str) -> bytes:
    return zlib.compress(text.encode(), 1)


def _unpack(data: bytes) -> str:
    return zlib.decompress(data).decode()


def _finite(number: float) -> float:
    return number if math.isfinite(number) else 0.0
