"""One tape, one self-contained file. Every byte is verified before a tape is returned."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path
from secrets import token_hex

from ..codec.limits import DEFAULT, Limits
from ..codec.mending import Salvaged
from ..codec.pack import pack_verified, unpack
from ..codec.pack import salvage as unsealed
from ..codec.strict_json import damage
from ..core.tape import Tape
from ..errors import StoreError, TooLarge

if sys.platform == "darwin":
    import fcntl


def dumps(tape: Tape) -> bytes:
    """Return `tape` as bytes that are proven to give it back; equal tapes give equal bytes with one zstd.

    Raises:
        CorruptTape: it does not survive packing: a value in it is not of the type that its class says.
        ValueError: its meta is too large.
    """
    return pack_verified(tape)[0]


def loads(data: bytes | bytearray | memoryview, *, limits: Limits = DEFAULT) -> Tape:
    """Return the tape that `dumps` made `data` of.

    Raises:
        CorruptTape: the bytes are damaged, stop early, or are too large or too new.
        TypeError: `data` are not bytes.
    """
    return unpack(bytes(memoryview(data)), limits=limits)


def save(tape: Tape, path: str | os.PathLike[str]) -> None:
    """Write `dumps(tape)` to `path`: whole, or not at all; it survives a power cut on return.

    Replaces what is there, keeping its permissions; a symbolic link stays and
    the file it leads to is replaced. A new file can be read by its owner alone.

    Raises:
        StoreError: the file system refused; what was there is untouched.
        CorruptTape, ValueError: as `dumps`.
    """
    write(dumps(tape), path)


def write(data: bytes, path: str | os.PathLike[str]) -> None:
    """Write `data` to `path` as `save` does: whole, or not at all.

    Raises:
        StoreError: the file system refused; what was there is untouched.
    """
    try:
        target = Path(path).resolve()
        mode = _mode(target)
        new = target.with_name(f".tmp-{os.getpid()}-{token_hex(6)}")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                if mode is not None:
                    new.chmod(mode)
                file.write(data)
                file.flush()
                _sync(file.fileno())
            new.replace(target)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)
    except (OSError, RuntimeError, ValueError) as exc:  # a loop of links, and what no file can be called
        raise StoreError(f"cannot write {os.fspath(path)}: {_reason(exc)}") from exc


def load(path: str | os.PathLike[str], *, limits: Limits = DEFAULT) -> Tape:
    """Return the tape in the file at `path`.

    Raises:
        StoreError: there is no such file, it is no regular file, or it cannot be read.
        CorruptTape: it holds no whole tape; the error names the file.
    """
    data = _bytes(path, limits)
    with damage(os.fspath(path)):
        return loads(data, limits=limits)


def salvage(path: str | os.PathLike[str], *, limits: Limits = DEFAULT) -> Salvaged:
    """Return what is left of the damaged tape file at `path`, and a sentence on what is not.

    Raises:
        StoreError: as `load`.
        CorruptTape: nothing of it can be vouched for.
    """
    data = _bytes(path, limits)
    with damage(os.fspath(path)):
        return unsealed(data, limits=limits)


def _bytes(path: str | os.PathLike[str], limits: Limits) -> bytes:
    name = os.fspath(path)
    try:
        # a pipe would be waited for, and a device read without end
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise StoreError(f"cannot read {name}: it is no regular file")
        is_large = Path(path).stat().st_size > limits.total
        data = b"" if is_large else Path(path).read_bytes()
    except (OSError, ValueError) as exc:
        raise StoreError(f"cannot read {name}: {_reason(exc)}") from exc
    if is_large:
        raise TooLarge(f"the file is larger than the {limits.total:,} bytes that are allowed", name)
    return data


def _mode(target: Path) -> int | None:
    """The permissions of what is to be replaced; None where there is nothing.

    Raises:
        OSError: it is a folder, a device or a pipe, in whose place no file is put.
    """
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file")
    return stat.S_IMODE(mode)


def _reason(exc: Exception) -> str:
    return (exc.strerror if isinstance(exc, OSError) else "") or str(exc)


def _sync(handle: int) -> None:
    if sys.platform == "darwin":  # fsync there leaves the data in the disk's cache
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    else:
        os.fsync(handle)


def _sync_directory(path: Path) -> None:
    if os.name != "posix":
        return  # Windows cannot sync a directory
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
