"""Tries all programs, or those that are named, each in an environment of its own, and keeps what comes of it.

    cd tests && python -m frameworks [--environments FOLDER] [NAME ...]

writes results.json beside this file; then `python docs/frameworks.py` draws the page. The environments take
some gigabytes, by default below the system's folder for temporary files, and are used again.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .environments import Environments, NotMade
from .listing import list_programs
from .rows import keep, make_row, try_program

FOLDER = Path(tempfile.gettempdir()) / "tracefork-frameworks"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m frameworks", description="The table of frameworks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="files of programs/, without .py")
    parser.add_argument("--environments", type=Path, default=FOLDER, metavar="FOLDER")
    options = parser.parse_args()
    environments = Environments.open(options.environments)
    for program in list_programs():
        if options.names and program.name not in options.names:
            continue
        began = time.monotonic()
        try:
            row = try_program(program, environments.make(program))
        except NotMade as problem:
            row = make_row(program, "", f"cannot be installed: {problem}")
        keep(row)
        reasons = [f"{column}: {said}" for column, said in row["cells"].items() if said is not True]
        print(f"{time.monotonic() - began:4.0f} s  {row['agent']}", *reasons, sep="\n        ", flush=True)


if __name__ == "__main__":
    sys.exit(main())
