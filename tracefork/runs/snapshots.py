"""Snapshots of a folder as text: what changed since the one before, and the contents that are new.

A file is known by the sha-256 of its content, so that each content is kept once, however often it comes
back. What git ignores is left out; a folder that git does not know is taken whole.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ..errors import StoreError

LONGEST = 8 * 2**20
"""Bytes of a file whose content is kept; of a longer one only the hash is."""

_LEFT_OUT = {".git", ".hg", ".svn"}
_EXECUTABLE = stat.S_IXUSR


@frozen
class Entry:
    """A file: the `sha256` of its content, which of a `link` is where it leads."""

    sha256: str
    executable: bool = False
    link: bool = False


@frozen
class Snapshot:
    """The files of a folder by their paths below it, with slashes, and contents by their hash."""

    files: Mapping[str, Entry] = field(factory=dict)
    contents: Mapping[str, bytes] = field(factory=dict, repr=False)

    def list_changes(self, other: Snapshot) -> tuple[str, ...]:
        """Return the paths whose files are not the same in both, sorted."""
        paths = self.files.keys() | other.files.keys()
        return tuple(sorted(path for path in paths if self.files.get(path) != other.files.get(path)))


class Scanner:
    """Takes snapshots of `folder`; a file whose size and times are as before is not read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = dict[str, tuple[tuple[int, ...], Entry]]()

    def scan(self) -> Snapshot:
        """Return the folder as it is now, with the contents that were read for it."""
        files, contents = dict[str, Entry](), dict[str, bytes]()
        for path in _list_paths(self._folder):
            with suppress(OSError):  # it went meanwhile
                here = self._folder / path
                found = here.lstat()
                if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
                    continue
                mark = found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode
                if path not in self._seen or self._seen[path][0] != mark:
                    content = _read(here)
                    entry = Entry(
                        sha256(content).hexdigest(),
                        executable=bool(found.st_mode & _EXECUTABLE) and not here.is_symlink(),
                        link=here.is_symlink(),
                    )
                    self._seen[path] = mark, entry
                    if len(content) <= LONGEST:
                        contents[entry.sha256] = content
                files[path] = self._seen[path][1]
        return Snapshot(files, contents)


def write_change(before: Snapshot, after: Snapshot) -> str:
    """Return as JSON text what makes `after` of `before`, whose contents need not be said again."""
    changed = {path: entry for path, entry in after.files.items() if before.files.get(path) != entry}
    new = {entry.sha256 for entry in changed.values()} - before.contents.keys()
    return json.dumps(
        {
            "files": {path: _write_entry(entry) for path, entry in sorted(changed.items())},
            "removed": sorted(before.files.keys() - after.files.keys()),
            "contents": {
                name: _write_content(after.contents[name]) for name in sorted(new & after.contents.keys())
            },
        },
        sort_keys=True,
        ensure_ascii=False,
    )


def apply_change(before: Snapshot, text: str) -> Snapshot:
    """Return the snapshot that `write_change` made `text` for, given the one before it.

    Raises:
        ValueError: the text is none.
    """
    try:
        change = json.loads(text)
        files = {path: entry for path, entry in before.files.items() if path not in set(change["removed"])}
        files.update({path: Entry(*entry) for path, entry in change["files"].items()})
        contents = {name: _read_content(content) for name, content in change["contents"].items()}
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError(f"no change of a folder: {exc!r}") from exc
    return Snapshot(files, {**before.contents, **contents})


def restore(snapshot: Snapshot, folder: Path) -> Iterator[str]:
    """Make the files of `folder` those of `snapshot`, but for what git ignores; give the changed paths.

    A file whose content is not kept is left as it is, or missing. Folders that are empty then are removed.
    """
    paths = [path for path in Scanner(folder).scan().list_changes(snapshot) if _is_restored(path, snapshot)]
    for path in sorted(paths, reverse=True):  # what is deeper first: a file may stand where a folder was
        here = folder / path
        if _is_below(path, folder) and (here.is_symlink() or here.is_file()):
            here.unlink()
            _remove_empty(here.parent, folder)
    for path in paths:
        if (entry := snapshot.files.get(path)) is not None and _is_below(path, folder):
            _make(folder / path, entry, snapshot.contents[entry.sha256])
        yield path


def _is_restored(path: str, snapshot: Snapshot) -> bool:
    """True of a file that is to go, or whose content is there, and is what its name says.

    None is whose path leads out of the folder: a tape may be anybody's.
    """
    parts = Path(path).parts
    if not parts or Path(path).is_absolute() or {"..", *_LEFT_OUT} & set(parts):
        return False
    entry = snapshot.files.get(path)
    content = None if entry is None else snapshot.contents.get(entry.sha256)
    return entry is None or (content is not None and sha256(content).hexdigest() == entry.sha256)


def _remove_empty(here: Path, folder: Path) -> None:
    while here != folder and not any(here.iterdir()):
        here.rmdir()
        here = here.parent


def _make(here: Path, entry: Entry, content: bytes) -> None:
    here.parent.mkdir(parents=True, exist_ok=True)
    if entry.link:
        here.symlink_to(os.fsdecode(content))
        return
    here.write_bytes(content)
    if entry.executable:
        here.chmod(here.stat().st_mode | _EXECUTABLE)


def _is_below(path: str, folder: Path) -> bool:
    """True for a path that no link leads out of the folder."""
    return (folder / path).parent.resolve().is_relative_to(folder.resolve())


def _list_paths(folder: Path) -> Iterable[str]:
    """The paths of the files in `folder` that git does not ignore; of all where git does not know it.

    Raises:
        StoreError: git knows it, and cannot list them.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if not any((above / ".git").exists() for above in (folder, *folder.resolve().parents)):
        return _walk(folder)
    try:
        found = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout  # noqa: S603
    except OSError as exc:
        raise StoreError(f"git, which says what to keep of {folder}, cannot be run: {exc}") from exc
    except subprocess.CalledProcessError as exc:
        reason = exc.stderr.decode("utf-8", "replace").strip()
        raise StoreError(f"git cannot list the files of {folder}: {reason}") from exc
    return [os.fsdecode(path) for path in dict.fromkeys(found.split(b"\0")) if path]


def _walk(folder: Path) -> Iterator[str]:
    for at, folders, names in os.walk(folder):
        links = [name for name in folders if (Path(at) / name).is_symlink()]
        folders[:] = sorted(set(folders) - _LEFT_OUT)  # os.walk does not follow links
        for name in sorted([*names, *links]):
            yield (Path(at) / name).relative_to(folder).as_posix()


def _read(here: Path) -> bytes:
    return os.fsencode(here.readlink()) if here.is_symlink() else here.read_bytes()


def _write_entry(entry: Entry) -> list[Any]:
    return [entry.sha256, entry.executable, entry.link]


def _write_content(content: bytes) -> str | list[str]:
    """Text as it is; other bytes in a list, as base64."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return [base64.b64encode(content).decode()]


def _read_content(content: str | list[str]) -> bytes:
    return content.encode() if isinstance(content, str) else base64.b64decode(content[0])
