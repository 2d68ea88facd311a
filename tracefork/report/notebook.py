"""Runs, verdicts, blame and comparisons as a notebook shows them: a page without a script, or Markdown.

A frame runs nothing, and styles nothing around it. Where Jinja2 is not installed there is no page, and the
notebook shows the Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeGuard

from ..core.diff import Parting
from ..core.tape import Tape
from ..errors import MissingPart
from .model.blame import Blame, BlameLike
from .model.gather import view_of
from .page.notice import Notice, Place, render_notice
from .page.page import render
from .page.sidebar import make_blame_table
from .text.markdown import escape, write_markdown

STEPS = 200
"""Steps of a run that a notebook lists: it keeps what it shows."""

PLACES = 100
"""Places of a comparison that are listed."""

_HIGH, _LOW, _LINE = 560, 120, 26  # pixels of a frame
_ATTRIBUTE = str.maketrans({"&": "&amp;", '"': "&quot;"})


class _Judges(Protocol):
    """What a verdict on a replay has."""

    @property
    def ok(self) -> bool: ...
    @property
    def summary(self) -> str: ...
    @property
    def recorded(self) -> str: ...
    @property
    def replayed(self) -> str: ...
    @property
    def divergence(self) -> object: ...
    @property
    def error(self) -> object: ...
    def notes(self) -> Iterator[str]: ...


def draw_html(value: object) -> str | None:
    """Return `value` as a page in a frame, for a notebook; None without Jinja2.

    It is a tape, or what has one as its `.tape`, a verdict, a report of blame, or a parting of two tapes.
    """
    try:
        tape = _find_tape(value)
        if tape is not None:
            return _frame(render(view_of(tape), tape, "static", most=STEPS), _HIGH)
        notice = _describe(value)
        lines = len(notice.lines) + len(notice.places) + (len(notice.blame.marks) if notice.blame else 0)
        return _frame(render_notice(notice), min(_HIGH, _LOW + _LINE * lines))
    except MissingPart:
        return None


def draw_markdown(value: object) -> str:
    """Return `value` as Markdown, for a notebook; it is one of those that `draw_html` takes."""
    tape = _find_tape(value)
    if tape is not None:
        return write_markdown(view_of(tape))
    notice = _describe(value)
    parts = [f"**{escape(notice.title)}**", *(escape(line) for line in notice.lines)]
    parts += [escape(text) for text in notice.text.splitlines() if text]
    if notice.blame:
        rows = [
            f"| {row.step}{escape(row.title)} | {row.value} | {'decided' * row.decided} |"
            for row in notice.blame.marks
        ]
        parts.append("\n".join([f"| step | {notice.blame.estimand} | |", "| ---: | ---: | --- |", *rows]))
    if notice.places:
        rows = [
            f"| {place.step} | {escape(place.path)} | {escape(place.before)} | {escape(place.after)} |"
            for place in notice.places
        ]
        parts.append("\n".join(["| step | | | |", "| ---: | --- | --- | --- |", *rows]))
    return "\n\n".join(parts) + "\n"


# -- below ---------------------------------------------------------------------------


def _find_tape(value: object) -> Tape | None:
    if isinstance(value, Tape):
        return value
    found = getattr(value, "tape", None)
    return found if isinstance(found, Tape) else None


def _describe(value: object) -> Notice:
    if isinstance(value, Parting):
        return _describe_parting(value)
    if _is_blame(value):
        return _describe_blame(value)
    if _is_verdict(value):
        return _describe_verdict(value)
    raise TypeError(f"no run, verdict, report of blame or comparison: {value!r:.100}")


def _is_blame(value: object) -> TypeGuard[BlameLike]:
    return hasattr(value, "ranking") and hasattr(value, "verdict")


def _is_verdict(value: object) -> TypeGuard[_Judges]:
    return all(hasattr(value, name) for name in ("ok", "summary", "recorded", "replayed", "notes"))


def _describe_verdict(verdict: _Judges) -> Notice:
    lines = [*verdict.notes()]
    if verdict.recorded:
        same = verdict.recorded == verdict.replayed
        lines.append(f"digest {verdict.recorded}" + ("" if same else f", of the replay {verdict.replayed}"))
    trouble = [str(one) for one in (verdict.divergence, verdict.error) if one is not None]
    title = "replays bit-exact" if verdict.ok else verdict.summary
    return Notice("good" if verdict.ok else "bad", title, tuple(lines), "\n".join(trouble))


def _describe_blame(report: BlameLike) -> Notice:
    found = Blame.of(report)
    table = make_blame_table(found)
    decided = any(mark.decided for mark in found.marks)
    return Notice("warn" if decided else "plain", table.verdict, (table.summary,), blame=table)


def _describe_parting(parting: Parting) -> Notice:
    every = parting.every
    more = len(every) - PLACES
    lines = (f"and {more:,} places more",) if more > 0 else ()
    count = "differ in one place" if len(every) == 1 else f"differ in {len(every):,} places"
    places = tuple(
        Place(place.step, place.path, place.difference.recorded, place.difference.asked)
        for place in every[:PLACES]
    )
    return Notice("plain", f"The runs {count}", lines, places=places)


def _frame(page: str, height: int) -> str:
    """Return `page` in a frame that runs nothing of it."""
    return (
        f'<iframe sandbox srcdoc="{page.translate(_ATTRIBUTE)}" width="100%" height="{height}" '
        'frameborder="0" title="tracefork"></iframe>'
    )
