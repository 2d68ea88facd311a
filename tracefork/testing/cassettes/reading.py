"""A cassette as a tape: its interactions one after the other, and a note on what it does not say."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

from attrs import evolve, frozen

from ...codec.limits import DEFAULT, Limits, check_count
from ...core.notes import Cassette, note_cassette
from ...core.tape import Tape
from ...core.values import Exchange, Fault, Span, Timing
from ...errors import BadCassette, StoreError, TooLarge
from . import plain_text
from .har import read_entry
from .interaction import Interaction, find_date
from .shapes import Misfit, count_items, find_line, list_items
from .vcr import is_typed, read_interaction

_NEVER = ("chunks", "timing", "faults", "headers that were filtered")
_LOST = {
    "vcrpy": (*_NEVER, "requests' headers that came twice"),
    "betamax": (*_NEVER, "requests' headers that came twice"),
    "Ruby VCR": _NEVER,
    "cassetter": (*_NEVER, "reason phrases", "the case of headers' names"),
    "HAR": ("chunks", "headers that were filtered"),
}


@frozen
class _Found:
    """What one document of a cassette holds: its format and that format's version, and its interactions."""

    format: str
    version: str
    items: list[object]
    read: Callable[[object], Interaction]
    others: tuple[tuple[str, int], ...] = ()


def read(path: str | os.PathLike[str], *, limits: Limits = DEFAULT) -> Tape:
    """Return the tape of the cassette at `path`: see `reads`.

    Raises:
        StoreError: there is no such file, or it cannot be read.
        BadCassette, TooLarge, MissingPart: as `reads`.
    """
    name = os.fspath(path)
    try:
        if not Path(name).is_file():
            raise StoreError(f"cannot read {name}: it is no regular file")
        is_large = Path(name).stat().st_size > limits.total
        data = b"" if is_large else Path(name).read_bytes()
    except (OSError, ValueError) as exc:
        raise StoreError(f"cannot read {name}: {exc}") from exc
    if is_large:
        raise TooLarge(f"the file is larger than the {limits.total:,} bytes that are allowed", name)
    return reads(data, name, limits=limits)


def reads(data: bytes, name: str, *, limits: Limits = DEFAULT) -> Tape:
    """Return the tape of a cassette; `name` is its file's, of which the run_id is made.

    Its exchanges follow one another in the order of the file; where each says when it was, in that order.
    An answer that was kept decoded has no content-encoding, and the content-length that it has now.
    `tape.cassette` says what of the run the format does not keep. Secrets stay as
    they are: see `redact.scrubbed`.

    Raises:
        BadCassette: it is damaged, of no known format, or asks for Python objects.
        TooLarge: it is more than `limits` allow.
        MissingPart: it is YAML, and PyYAML is not installed.
    """
    found = list[_Found]()
    made = list[Interaction]()
    where = _Where()
    try:
        for number, document in enumerate(plain_text.documents(data, name, limits)):
            where.document = number
            part = _look(document)
            if part is None:
                continue
            found.append(part)
            check_count("interactions", len(made) + len(part.items), limits.steps)
            for where.interaction, item in enumerate(part.items):
                where.line = find_line(item)
                interaction = part.read(item)
                _check_sizes(interaction, limits)
                made.append(interaction)
            where = _Where(number)
        if not found:
            raise Misfit("it is empty")
    except Misfit as error:
        raise BadCassette(error.problem, name, where.say(error.line)) from None
    except TooLarge as error:
        raise TooLarge(error.problem, ", ".join(filter(None, (name, where.say(0))))) from None
    return _make_tape(found, _order(made), PurePath(name).stem)


class _Where:
    """Which document and interaction is being read, from 0, and the line on which it begins."""

    def __init__(self, document: int = 0) -> None:
        self.document, self.interaction, self.line = document, -1, 0

    def say(self, line: int) -> str:
        parts = [
            f"document {self.document}" * (self.document > 0),
            f"interaction {self.interaction}" * (self.interaction >= 0),
            f"line {line or self.line}" * bool(line or self.line),
        ]
        return ", ".join(filter(None, parts))


def _look(document: object) -> _Found | None:
    """What a document holds; None of an empty one."""
    match document:
        case None:
            return None
        case list():
            if document and not (isinstance(document[0], dict) and "request" in document[0]):
                raise Misfit("it is a list, and not of interactions")
            return _Found("vcrpy", "before 1.0", document, read_interaction)
        case dict() if "interactions" in document:
            items = document["interactions"]
            return _look_further(document, list_items(items, "interactions"))
        case {"http_interactions": items, **others}:
            written_by = str(others.get("recorded_with") or "Ruby VCR").replace("VCR ", "Ruby VCR ")
            format_, _, version = written_by.replace("/", " ").rpartition(" ")
            known = format_ if format_ in _LOST else "betamax" if "betamax" in written_by else "Ruby VCR"
            rows = list_items(items, "http_interactions")
            return _Found(known, version if format_ == known else "", rows, read_interaction)
        case {"log": {"entries": entries, **log}}:
            return _Found("HAR", str(log.get("version") or "1.2"), list_items(entries, "entries"), read_entry)
    raise Misfit("it has no interactions: no recorder that is known writes such a file")


def _look_further(document: dict[str, object], items: list[object]) -> _Found:
    """What a document of vcrpy's or cassetter's holds."""
    is_theirs = any(isinstance(item, dict) and is_typed(item) for item in items[:1])
    others = (
        ("web sockets", count_items(document.get("ws_interactions"))),
        ("gRPC calls", count_items(document.get("grpc_interactions"))),
        ("requests that a test's own server saw", count_items(document.get("observed_requests"))),
    )
    is_theirs = is_theirs or any(count for _, count in others)
    version = document.get("version")
    return _Found(
        "cassetter" if is_theirs else "vcrpy",
        "" if version is None else str(version)[:20],
        items,
        read_interaction,
        others if is_theirs else (),
    )


def _check_sizes(interaction: Interaction, limits: Limits) -> None:
    check_count("headers", len(interaction.request.headers), limits.headers)
    check_count("bytes in a body", len(interaction.request.body), limits.blob)
    if not isinstance(interaction.answer, Fault):
        check_count("headers", len(interaction.answer.headers), limits.headers)
        check_count("bytes in a body", interaction.answer.size, limits.blob)


def _order(made: list[Interaction]) -> list[Interaction]:
    """The interactions as they happened, if each says when it was; some recorders sort them by their URLs."""
    if any(interaction.at is None for interaction in made):
        return made
    return sorted(made, key=lambda interaction: interaction.at or 0.0)


def _make_tape(found: list[_Found], made: list[Interaction], run_id: str) -> Tape:
    steps, clock = [], 0
    for interaction in made:
        is_fault = isinstance(interaction.answer, Fault)
        span = Span(clock, clock + 1, clock + 1 if is_fault else clock + 2)
        timing = _find_timing(interaction)
        steps.append(Exchange(interaction.request, interaction.answer, "", span, timing))
        clock = span.ended + 1
    began = (step.timing.began for step in steps if step.timing.began)
    first = found[0]
    cassette = Cassette(first.format, first.version, tuple(_list_lost(found, made)))
    return Tape(tuple(steps), run_id=run_id, created_at=min(began, default=0.0), meta=note_cassette(cassette))


def _find_timing(interaction: Interaction) -> Timing:
    if interaction.timing.began:
        return interaction.timing
    at = interaction.at if interaction.at is not None else find_date(interaction.answer)
    return evolve(interaction.timing, began=at or 0.0)


def _list_lost(found: list[_Found], made: list[Interaction]) -> Iterator[str]:
    """What is not on the tape, as it was not in the cassette."""
    yield from dict.fromkeys(lost for part in found for lost in _LOST[part.format])
    counts = [
        ("the content-encoding of bodies", sum(one.undone for one in made)),
        ("the very bytes of bodies that were parsed or decoded", sum(one.inexact for one in made)),
        ("bodies", sum(one.missing for one in made)),
        *(other for part in found for other in part.others),
    ]
    yield from (f"{what} ({count:,})" for what, count in counts if count)
