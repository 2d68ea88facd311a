"""The folders of a directory store; the examples are in `test_upkeep`."""

from __future__ import annotations

import os
import stat

from .os_shim import REAL, intercepted


def folders_last(kind, root):
    """Assert that the name of every folder that is made is on the disk before anything is put into it."""
    made, lasting = [], set()

    def step(name, real, args, kwargs):
        done = real(*args, **kwargs)
        if name == "mkdir":
            made.append(REAL["stat"](args[0]).st_ino)
            parent = REAL["stat"](os.path.dirname(args[0])).st_ino  # noqa: PTH120 - pathlib is watched
            assert parent in lasting or parent not in made, "its parent may be lost"
        elif name == "fsync" and stat.S_ISDIR(REAL["fstat"](args[0]).st_mode):
            lasting.update(entry.inode() for entry in REAL["scandir"](args[0]))
        return done

    with intercepted(step):
        kind(root).close()
    assert made
    assert set(made) <= lasting
