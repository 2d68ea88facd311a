"""One tape, one self-contained file. Every byte is verified before a tape is returned."""

from __future__ import annotations

import os
from pathlib import Path
from secrets import token_hex

from .codec.limits import DEFAULT, Limits
from .codec.pack import pack, unpack
from .core.tape import Tape
from .errors import StoreError


def dumps(tape: Tape) -> bytes:
    """Return `tape` as bytes; equal tapes give equal bytes with one version of zstd."""
    return pack(tape)


def loads(data: bytes, *, limits: Limits = DEFAULT) -> Tape:
    """Return the tape that `dumps` made `data` of.

    Raises:
        CorruptTape: the bytes are damaged, stop early, or are too large or too new.
    """
    return unpack(data, limits)


def save(tape: Tape, path: str | os.PathLike[str]) -> None:
    """Write `dumps(tape)` to `path`: whole, or not at all; it survives a power cut on return.

    Replaces what is there. A new file can be read by its owner alone.

    Raises:
        StoreError: the file system refused; what was there is untouched.
    """
    target = Path(path)
    data = dumps(tape)
    new = target.with_name(f".tmp-{os.getpid()}-{token_hex(6)}")
    try:
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(target)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)
    except OSError as exc:
        raise StoreError(f"cannot write {target}: {exc.strerror or exc}") from exc


def load(path: str | os.PathLike[str], *, limits: Limits = DEFAULT) -> Tape:
    """Return the tape in the file at `path`.

    Raises:
        StoreError: the file cannot be read.
        CorruptTape: it holds no whole tape.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as exc:
        raise StoreError(f"cannot read {path}: {exc.strerror or exc}") from exc
    return loads(data, limits=limits)


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return  # Windows cannot sync a directory
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
