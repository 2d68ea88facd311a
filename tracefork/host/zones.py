"""The zone of this process's local time, as a rule that any machine understands; or another for a while.

A rule is POSIX's, as `CET-1CEST,M3.5.0,M10.5.0/3`: names, offsets and when they change, complete in itself,
so that a machine needs no list of zones to go by it. It is what is said last in the file of a zone,
and says what is the case in these years; for other decades it may be wrong.

Local time is one for a whole process. So is what `enter` changes: what asks for local time meanwhile, on
whatever thread, and processes that are started, have it in that zone.
"""

from __future__ import annotations

import os
import re
import threading
import time
from functools import lru_cache, partial
from pathlib import Path

from .uninterrupted import run_apart

_NAME = r"(?:<[A-Za-z0-9+-]{3,16}>|[A-Za-z]{3,16})"
_OFFSET = r"[+-]?\d{1,3}(?::\d\d){0,2}"
_DATE = rf"(?:J\d{{1,3}}|\d{{1,3}}|M\d{{1,2}}\.[1-5]\.[0-6])(?:/{_OFFSET})?"
_RULE = re.compile(rf"({_NAME})({_OFFSET})(?:({_NAME})({_OFFSET})?(?:,{_DATE},{_DATE})?)?", re.ASCII)

_LOCAL = "/etc/localtime"
_localtime = partial(time.localtime)  # a partial is none of the functions that freezers look for


def find() -> str:
    """The rule of this process's local time."""
    return _find(os.environ.get("TZ"), time.tzname, time.timezone, time.altzone)


@lru_cache(32)
def _find(variable: str | None, names: tuple[str, str], offset: int, summer: int) -> str:
    for rule in _list_candidates(variable):
        if _agrees(rule, names, {offset, summer}):
            return rule
    now = _localtime()  # a zone that has no rule, or a variable that came too late: as it is just now
    west = -(now.tm_gmtoff or 0)
    hours, seconds = divmod(abs(west), 3_600)
    distance = f"{'-' if west < 0 else ''}{hours}" + (f":{seconds // 60:02}" if seconds else "")
    name = now.tm_zone or ""
    name = (
        name
        if re.fullmatch(r"[A-Za-z]{3,16}", name, re.ASCII)
        else f"<{'+' if west <= 0 else '-'}{hours:02}>"
    )
    return f"{name}{distance}"


def _list_candidates(variable: str | None) -> list[str]:
    if variable == "":
        return ["UTC0"]
    from zoneinfo import TZPATH  # noqa: PLC0415  it takes longer than all else that a run imports late

    name = _LOCAL if variable is None else variable.removeprefix(":")
    files = [Path(name)] if name.startswith("/") else [Path(folder, name) for folder in TZPATH]
    return [*filter(None, map(_read_footer, files)), name]


def _read_footer(file: Path) -> str:
    """The rule that stands in the last line of the file of a zone; nothing if it is none."""
    try:
        data = file.read_bytes()
    except OSError:
        return ""
    return data[:-1].rpartition(b"\n")[2].decode("ascii", "replace") if data[:4] == b"TZif" else ""


def _agrees(rule: str, names: tuple[str, str], offsets: set[int]) -> bool:
    """True if `rule` is one, and has the names and offsets that this process goes by."""
    if (found := _RULE.fullmatch(rule)) is None:
        return False
    name, west, summer, west_in_summer = found.groups()
    known = {_read_offset(west)}
    if summer:
        known.add(_read_offset(west_in_summer) if west_in_summer else _read_offset(west) - 3_600)
    return known == offsets and {name.strip("<>"), (summer or name).strip("<>")} == set(names)


def _read_offset(text: str) -> int:
    hours, minutes, seconds = [*map(int, text.lstrip("+-").split(":")), 0, 0][:3]
    return (-1 if text.startswith("-") else 1) * (hours * 3_600 + minutes * 60 + seconds)


class _Away:
    """Who needs which zone, and what the process had before."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.holders: dict[int, object] = {}
        self.rule = ""
        self.before: str | None = None


_away = _Away()


def enter(holder: object, rule: str) -> None:
    """Make the process's local time that of `rule`, until all who entered it have released it.

    Nothing happens where it is that already, where others are in another zone meanwhile, and on machines
    whose Python cannot change it.

    Raises:
        ValueError: it is no such rule.
    """
    if id(holder) in _away.holders or (not _away.holders and rule == find()):
        return
    if _RULE.fullmatch(rule) is None:
        raise ValueError(f"{rule!r} is no rule of a zone")
    if hasattr(time, "tzset"):
        run_apart(partial(_enter, holder, rule))


def release(holder: object) -> None:
    """Note that `holder` needs no zone any more; the last one to do so puts back what the process had."""
    with _away.lock:
        was_last = _away.holders.pop(id(holder), None) is not None and not _away.holders
        if was_last and os.environ.get("TZ") == _away.rule:  # else the agent has chosen for itself
            _set(_away.before)


def _enter(holder: object, rule: str) -> None:
    with _away.lock:
        if not _away.holders:
            _away.before, _away.rule = os.environ.get("TZ"), rule
            _set(rule)
        if rule == _away.rule:
            _away.holders[id(holder)] = holder


def _set(variable: str | None) -> None:
    if variable is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = variable
    time.tzset()


def _unlock() -> None:
    _away.lock = threading.Lock()  # in a child that was forked the thread that held it is not there


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)
