"""The ledger of a study: a file with the probe, grade and cost of each fork, appended as they end.

JSON lines. The first says what is studied; each other one is a fork. A line is
durable before the next forks are planned, so that a study that was killed goes on with all it had
paid for; a last line that was torn is dropped. State is never stored: it is what the lines fold to.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from cattrs.preconf.json import make_converter

from ...errors import Conflict, CorruptTape
from ..forks.jobs import Begun, Line

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # Windows: two studies in one file are the caller's to avoid
    flock = None  # type: ignore[assignment]

FORMAT = "tracefork blame 1"
ANEW = "restore it from a copy, or name another file to begin anew"

_CONVERTER = make_converter(forbid_extra_keys=True)
_CONVERTER.register_unstructure_hook(Decimal, str)
_CONVERTER.register_structure_hook(Decimal, lambda text, _: Decimal(text))


class Ledger:
    """The lines of a study in the file at `path`; made or continued by `open`. One process writes."""

    def __init__(self, file: IO[bytes], lines: tuple[Any, ...]) -> None:
        self._file = file
        self.lines = lines
        """What was there when it was opened."""

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        study: Mapping[str, Any],
        *,
        format: str = FORMAT,  # noqa: A002  the word in the file
        kinds: tuple[type[Any], type[Any]] = (Begun, Line),
    ) -> Self:
        """Begin a ledger of `study`, a JSON object, or go on with the one that is there.

        `kinds` are the values that its lines hold, of what began and of what is over; `format` names them.

        Raises:
            Conflict: the file is another study's, or another process writes it.
            CorruptTape: a line that is not the last is damaged.
        """
        where = Path(path)
        file = os.fdopen(os.open(where, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+b")
        try:
            _lock(file, where)
            file.seek(0)
            text = file.read()
            whole, _, torn = text.rpartition(b"\n")
            if torn:
                file.truncate(len(text) - len(torn))
            lines = whole.split(b"\n") if whole else []
            if not lines:
                _write(file, {"format": format, "study": dict(study)})
                return cls(file, ())
            head, *rest = (_parse(line, where, i) for i, line in enumerate(lines))
            _check_same(head, study, where, format)
            return cls(file, tuple(_read_line(fields, where, i, kinds) for i, fields in enumerate(rest, 1)))
        except BaseException:
            file.close()
            raise

    def add(self, line: object) -> None:
        """Keep `line`; it is durable on return."""
        _write(self._file, _CONVERTER.unstructure(line))

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()


def _lock(file: IO[bytes], where: Path) -> None:
    if flock is not None:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except OSError:
            raise Conflict(
                f"{where} is being written by another study; wait for it, or name another file"
            ) from None


def _write(file: IO[bytes], line: object) -> None:
    file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _parse(line: bytes, where: Path, at: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as exc:
        raise CorruptTape(str(exc), f"{where}, line {at + 1}", ANEW) from exc


def _read_line(fields: Any, where: Path, at: int, kinds: tuple[type[Any], type[Any]]) -> Any:
    try:
        return _CONVERTER.structure(fields, kinds["begun" not in fields])
    except Exception as exc:
        raise CorruptTape("this is no line of a study", f"{where}, line {at + 1}", ANEW) from exc


def _check_same(head: Any, study: Mapping[str, Any], where: Path, form: str) -> None:
    if not isinstance(head, dict) or head.get("format") != form:
        raise Conflict(f"{where} is no ledger of this version; name another file")
    before, now = head.get("study", {}), json.loads(json.dumps(dict(study)))
    changed = sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k))
    if changed:
        raise Conflict(f"{where} is of another study: {', '.join(changed)} differ; name another file")
