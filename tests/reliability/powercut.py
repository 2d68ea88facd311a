"""
Power cuts, simulated: a story is told to a real backend on a file system that is watched; from every
change to a file, images are made of what the disk may hold if the power went just then, and the real
backend opens each.

    python -m tests.reliability.powercut --images 100000

What is assumed of the disk stands in `disk`. The claims:

* durability "power": what was acknowledged is there, whatever a cut at whatever moment leaves.
* "process": a suffix may be missing (SQLite: of the whole history; directory: of each log), never
  what a log was sealed with.
* Nothing is corrupt, and what is found can be appended to.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tracefork.backends import DirectoryBackend, SQLiteBackend
from tracefork.errors import TraceforkError

from .disk import ORDERED, ORDERLESS, Disk
from .os_shim import logged
from .sqlite_shim import through_apsw
from .stories import SEALED, Ledger, look, look_past_damage, perform, story

MARK = "mark"


def scratch():
    """A folder in memory, if the system has one: images are many and nobody keeps them."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


def sqlite_log(acts, durability, *, checkpoint=1_000, make=SQLiteBackend, before=None):
    """Every change that the acts make to the files of a store, and marks where they began and ended."""
    log, inodes = [], {name: number for number, name in enumerate(before or {})}

    def watch(call, file, *, new=False, data=b"", offset=0, size=0, names=False, sync=False):
        if call == "open" and new:
            create(file)
        elif call == "write":
            log.append(("write", inodes[file], offset, data))
        elif call == "truncate":
            log.append(("truncate", inodes[file], size))
        elif call == "sync":
            log.append(("sync", inodes[file]))
            if names:
                log.append(("sync_names",))
        elif call == "delete":
            log.append(("unlink", file))
            if sync:
                log.append(("sync_names",))

    def create(file):
        inodes[file] = len(log) + len(before or {})
        log.append(("create", file, inodes[file]))

    with scratch() as folder, through_apsw(watch, checkpoint=checkpoint):
        lay(Path(folder), before or {})
        if not before:
            create("store.db")  # by the backend itself, before SQLite is asked
        _tell(lambda: make(Path(folder) / "store.db", durability=durability), acts, log)
    return log


def directory_log(acts, durability, *, make=DirectoryBackend, before=None):
    """As `sqlite_log`, for a directory store; its folder is there."""
    log = []
    with scratch() as folder:
        root = Path(folder) / "store"
        root.mkdir(mode=0o700)
        lay(root, before or {})
        with logged(root, log, before or {}):
            _tell(lambda: make(root, durability=durability), acts, log)
    return log


def _tell(opened, acts, log):
    with closing(opened()) as backend:
        for number, act in enumerate(acts):
            log.append((MARK, "begin", number))
            perform(backend, act)
            log.append((MARK, "acknowledge", number))


def cuts(log, ledger, *, each, order, chance, before=None):
    """The images of each moment; the ledger stands as it stood when the power went."""
    disk = Disk(before)
    for entry in log:
        if entry[0] == MARK:
            getattr(ledger, entry[1])(entry[2])
        else:
            disk.do(*entry)
            yield from disk.images(chance, each, order)


def lay(folder, image):
    for name, data in image.items():
        (folder / name).write_bytes(data)


def check_sqlite(ledger, image, folder, *, power, order=ORDERLESS):
    """Open the image with the real backend and the standard library's SQLite; assert the claims."""
    lay(folder, image)
    with closing(_opened(SQLiteBackend, folder / "store.db")) as backend:
        found = _look(backend)
        ledger.accept(found, power=power, whole=True)
        (sound,) = backend._connection.execute("PRAGMA quick_check").fetchone()
        assert sound == "ok", sound
        _go_on(backend, found)
    return found


def check_directory(ledger, image, folder, *, power, order=ORDERED):
    """As `check_sqlite`; with neither order nor "power" a log may say that it is damaged after a prefix."""
    lay(folder, image)
    with closing(_opened(DirectoryBackend, folder)) as backend:
        if order == ORDERLESS and not power:
            found = look_past_damage(backend)
            ledger.accept_prefixes(found)
        else:
            found = _look(backend)
            ledger.accept(found, power=power, whole=False)
            _go_on(backend, found)
    return found


def _opened(make, path):
    try:
        return make(path)
    except TraceforkError as error:
        raise AssertionError(f"corrupt: {error}") from error


def _look(backend):
    try:
        return look(backend)
    except TraceforkError as error:
        raise AssertionError(f"corrupt: {error}") from error


def _go_on(backend, found):
    """What is found can be worked with: each log that is not sealed takes a chunk."""
    for name, chunks in found.items():
        if not chunks[0].startswith(SEALED):
            backend.append(name, len(chunks), b"after the cut")
            assert tuple(backend.chunks(name)) == (*chunks, b"after the cut")
    backend.append("another", 0, b"after the cut")
    assert list(backend.chunks("another")) == [b"after the cut"]


KINDS = {"sqlite": (sqlite_log, check_sqlite), "directory": (directory_log, check_directory)}


def survive(kind, durability, *, images, seed=0, order=None, each=3, length=40, **how):
    """Cut the power at every change of story after story until there were so many images; their number.

    Every second story is told to what an image of the one before has left: a store that was cut off
    twice. `how` goes to `sqlite_log` or `directory_log`.

    Raises:
        AssertionError: a claim is broken.
    """
    record, check = KINDS[kind]
    order = order or (ORDERLESS if kind == "sqlite" else ORDERED)
    clean = kind == "sqlite" or durability == "power" or order == ORDERED
    chance, done, left = random.Random(seed), 0, None
    with scratch() as root:
        while done < images:
            before, start = left or ({}, {})
            acts = story(length, seed + done, start=start)
            ledger, left = Ledger(acts, start), None
            log = record(acts, durability, before=before, **how)
            for image in cuts(log, ledger, each=each, order=order, chance=chance, before=before):
                folder = Path(root) / f"{done}"
                folder.mkdir(mode=0o700)
                try:
                    found = check(ledger, image, folder, power=durability == "power", order=order)
                except AssertionError as broken:
                    raise AssertionError(f"{kind}, {durability}, {order}, image {done}: {broken}") from broken
                shutil.rmtree(folder)
                done += 1
                if clean and not before and ledger.begun > length // 2 and chance.random() < 0.02:
                    left = image, found
    return done


def main():
    parser = argparse.ArgumentParser(description="Cut the power, many times.")
    parser.add_argument("--images", type=int, default=10_000, help="for each kind, durability and order")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for kind, durability, how in CASES:
        started = time.monotonic()
        done = survive(kind, durability, images=options.images, seed=options.seed, **how)
        words = ", ".join(f"{key} {value}" for key, value in how.items())
        print(
            f"{kind}, {durability}, {words}: {done} images, nothing corrupt, "
            f"nothing lost that may not be, {time.monotonic() - started:.0f} s",
            flush=True,
        )


CASES = [
    *(
        ("sqlite", durability, {"checkpoint": pages})
        for durability in ("power", "process")
        for pages in (4, 1_000)
    ),
    *(
        ("directory", durability, {"order": order})
        for durability in ("power", "process")
        for order in (ORDERED, ORDERLESS)
    ),
]

if __name__ == "__main__":
    sys.exit(main())
