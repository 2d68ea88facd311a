"""Writes the tapes of tests: whole or not at all, once for all the workers that share a fixture."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

from attrs import evolve

from ...core.tape import Tape
from ...errors import Conflict, StoreError
from ...storage.tape_file import save


def find_claims(session: str) -> Path:
    """The folder in which the workers of a session of pytest-xdist say which tapes they wrote."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Path(tempfile.gettempdir()) / f"tracefork-{user}-{session}"


def keep(tape: Tape, place: Path) -> None:
    """Write `tape` to the file `place`, making its folder.

    Raises:
        StoreError: the file system refused.
        Conflict: another worker of this test session wrote a tape that differs.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"cannot write {place}: {exc.strerror}: {exc.filename}") from exc
    claim = _find_claim(place)
    if claim is not None and not _claim(claim, tape, place):
        return
    try:
        save(tape, place)
    except BaseException:
        if claim is not None:
            claim.unlink(missing_ok=True)  # another worker may be luckier
        raise


def shorten(place: str | os.PathLike[str], start: str | os.PathLike[str] = os.curdir) -> str:
    """`place` as it is named from the folder `start`; whole where it is on another drive."""
    try:
        return os.path.relpath(place, start)
    except ValueError:
        return os.fspath(place)


def detach(tape: Tape) -> Tape:
    """`tape` as one that went on from no other: what it was served is its own."""
    return evolve(tape, steps=tuple(evolve(step, origin=None) for step in tape.steps), parent=None)


def _find_claim(place: Path) -> Path | None:
    """The file that says which worker of pytest-xdist writes `place`; None where there are no workers."""
    session, worker = os.environ.get("PYTEST_XDIST_TESTRUNUID"), os.environ.get("PYTEST_XDIST_WORKER")
    if not session or not worker:
        return None
    return find_claims(session) / sha256(os.fsencode(place.resolve())).hexdigest()


def _claim(claim: Path, tape: Tape, place: Path) -> bool:
    """True if this worker is to write `tape` to `place`; False if another one has, and an equal one.

    Raises:
        Conflict: it wrote another one.
    """
    worker, folder = os.environ["PYTEST_XDIST_WORKER"], claim.parent
    folder.mkdir(mode=0o700, exist_ok=True)
    new = folder / f".tmp-{token_hex(8)}"
    new.write_text(json.dumps({"worker": worker, "digest": tape.digest()}), "utf-8")
    try:
        os.link(new, claim)  # whole, and only if there is none yet
    except FileExistsError:
        first = json.loads(claim.read_text("utf-8"))
    else:
        return True
    finally:
        with suppress(OSError):
            new.unlink()
    if first["worker"] == worker:
        return True
    if first["digest"] != tape.digest():
        name = shorten(place)
        raise Conflict(
            f"{first['worker']} and {worker} both recorded {name}, and not the same: the fixture asks, or is "
            "answered, otherwise in each; give it the scope of a test, or run the recording with -n 0"
        )
    return False
