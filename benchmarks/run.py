"""Print every number, as Markdown.

python -m benchmarks.run                        # all of it
python -m benchmarks.run compression hashing    # some parts
python -m benchmarks.run large --longest 400    # with a shorter longest run, where memory is scarce
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import version

import zstandard

from benchmarks import tables


def main(arguments: list[str]) -> None:
    names = list(dict.fromkeys(part.name for part in tables.PARTS))
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("parts", nargs="*", metavar="part", help=", ".join(names))
    options.add_argument("--longest", type=int, default=tables.LARGE, help="turns of the longest run")
    asked = options.parse_args(arguments)
    if wrong := set(asked.parts) - set(names):
        options.error(f"no such part: {', '.join(sorted(wrong))}")
    print(_machine())
    for part in tables.PARTS:
        if not asked.parts or part.name in asked.parts:
            print(f"\n### {part.heading}\n\n`{part.command}`\n")
            _table(part.columns, part.rows(asked.longest))


def _machine() -> str:
    names = ("httpx", "attrs", "cattrs", "zstandard")
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    zstd = ".".join(map(str, zstandard.ZSTD_VERSION))
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"CPython {platform.python_version()}, {system}; {libraries} (zstd {zstd})."


def _table(columns: tuple[str, ...], rows: Iterable[tables.Row]) -> None:
    for row in (columns, ("---",) * len(columns)):
        print(f"| {' | '.join(row)} |")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
