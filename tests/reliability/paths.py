"""Names that want out, links that are planted between a look and an opening: nothing leaves the folder."""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import stat
from contextlib import closing, suppress

from tracefork.errors import TraceforkError

from .os_shim import intercepted
from .stories import look

_BEFORE = [
    "",
    "../",
    "../../../../",
    "/",
    "//",
    "..\\",
    "\\\\server\\share\\",
    "\\\\?\\C:\\",
    "C:",
    "file:///",
    "~/",
]
_CORE = [
    "victim",
    "VICTIM",
    "CON",
    "nul.txt",
    "COM1",
    "etc/passwd",
    ".",
    "..",
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    "cafe\N{COMBINING ACUTE ACCENT}",
    "stra\N{LATIN SMALL LETTER SHARP S}e",
    "-rf",
    "$(id)",
    "%2e%2e%2fvictim",
]
_AFTER = ["", ".", " ", "\0.log", "/"]
ATTACKS = sorted(
    {"".join(parts) for parts in itertools.product(_BEFORE, _CORE, _AFTER)}
    | {
        "x" * 255,
        "x" * 256,
        "\N{SNOWMAN}" * 85,
        "\N{SNOWMAN}" * 86,
        "x" * 512,
        "\0",
        "\ud800",
        "a\nb",
        ".tmp-1-2",
    }
)
_OURS = re.compile(r"[0-9a-f]{64}\.log|\.tmp-[0-9]+-[0-9a-f]{16}")
_ENOUGH = 1_000  # calls
VICTIM = b"dear"  # too short for a log file, so that a store might take it for one that was torn


def name_stays_inside(backend, name):
    """Assert that a name is one like any other: all five acts work."""
    backend.append(name, 0, b"a")
    assert dict(backend.heads()) == {name: b"a"}
    backend.append(name, 1, b"b")
    assert list(backend.chunks(name)) == [b"a", b"b"]
    backend.seal(name, b"ab")
    assert list(backend.chunks(name)) == [b"ab"]
    backend.delete(name)
    assert list(backend.heads()) == []


def names_stay_inside(opened, root, outside, names):
    """Try all names; assert that nothing of them is seen by the system, and nothing `outside` changes."""
    before, seen = tree(outside), set()
    with closing(opened()) as backend, intercepted(_note_paths(seen)):
        for name in names:
            name_stays_inside(backend, name)
        for name in names:
            backend.append(name, 0, name.encode("utf-8", "surrogatepass"))
        held = {name: chunks[0].decode("utf-8", "surrogatepass") for name, chunks in look(backend).items()}
    assert held == {name: name for name in names}, "two names are taken for one"
    assert tree(outside) == before, "something outside was changed"
    strangers = {
        path for path in seen if not _OURS.fullmatch(path) and path not in (str(root), str(root.parent))
    }
    assert not strangers, f"paths that we did not make: {strangers}"


def _note_paths(seen):
    def step(call, real, args, kwargs):
        seen.update(os.fspath(arg) for arg in args if isinstance(arg, str | os.PathLike))
        return real(*args, **kwargs)

    return step


def plant_file(root, outside, file):
    """The log's file becomes a link to a file outside, which is none of ours."""
    with suppress(FileNotFoundError):
        (root / file).unlink()
    (root / file).symlink_to(outside / "victim")


def plant_log(root, outside, file):
    """The log's file becomes a link to a log of that name in another store."""
    with suppress(FileNotFoundError):
        (root / file).unlink()
    (root / file).symlink_to(outside / file)


def plant_nothing(root, outside, file):
    """The log's file becomes a link to where nothing is yet."""
    with suppress(FileNotFoundError):
        (root / file).unlink()
    (root / file).symlink_to(outside / "not there")


def plant_folder(root, outside, file):
    """The store's folder becomes a link to a folder outside."""
    root.rename(root.with_name("moved"))
    root.symlink_to(outside)


def plant_no_folder(root, outside, file):
    root.rename(root.with_name("moved"))
    root.symlink_to(outside / "not there")


PLANTS = [plant_file, plant_log, plant_nothing, plant_folder, plant_no_folder]


def links_are_not_followed(opened, root, outside, file, act, plant):
    """Plant a link before each call that the act makes; nothing outside may change or be told. How many.

    `act(backend)` is tried on what `opened()` gives; with None, the opening itself is attacked.
    `file` is the name of the file that the act is about.
    """
    at = -1
    done = False
    while not done:
        at += 1
        _clear(root, outside)
        with closing(opened()) as backend:
            backend.append("log", 0, b"first")
            shutil.copy(root / file, outside / file)
            backend.append("log", 1, b"second")
            before, told = tree(outside), None
            step = _Planting(at, lambda: plant(root, outside, file))
            with intercepted(step), suppress(TraceforkError):
                told = act(backend) if act else opened().close()
            assert tree(outside) == before, f"{plant.__name__} before call {at} changed something outside"
            assert told in (None, 0, [b"first", b"second"], [("log", b"first")], []), "told what is outside"
        done = step.calls <= at
    return at


class _Planting:
    def __init__(self, at, plant):
        self.at, self.plant, self.calls = at, plant, 0

    def __call__(self, name, real, args, kwargs):
        if self.calls == self.at:
            self.plant()
        if self.calls > _ENOUGH:
            raise OSError(errno.EIO, "it goes on and on")
        self.calls += 1
        return real(*args, **kwargs)


def is_private(opened, folder):
    """Assert that nobody else may read what a store makes in `folder`, whatever the umask."""
    old = os.umask(0)
    try:
        with closing(opened()) as backend:
            backend.append("log", 0, b"x")
            backend.append("log", 1, b"x")
            backend.seal("sealed", b"x")
            modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}
            folders = {path for path in modes if path.is_dir()}
    finally:
        os.umask(old)
    assert len(modes) > 2
    assert {path: mode for path, mode in modes.items() if mode != (0o700 if path in folders else 0o600)} == {}


def tree(folder):
    """Every file below, with kind, mode and content."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def _clear(root, outside):
    for folder in (root, root.with_name("moved"), outside):
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
    outside.mkdir()
    (outside / "victim").write_bytes(VICTIM)
