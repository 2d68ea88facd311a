"""`python -m tracefork` and the `tracefork` command."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from . import __version__


def main() -> None:
    """Run the command line, or say what it needs."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{__version__}\n")
        return
    if _converts(sys.argv[1:]):
        from .cli.blobs import convert  # noqa: PLC0415  only with what it needs

        sys.stdout.buffer.write(convert(Path(sys.argv[2])))
        return
    missing = [name for name in ("typer", "rich") if find_spec(name) is None]
    if missing:
        sys.exit(f"the command line needs {' and '.join(missing)}: pip install 'tracefork[cli]'")
    from .cli import main as run  # noqa: PLC0415  only with what it needs

    run()


def _converts(words: list[str]) -> bool:
    """Whether it is `textconv FILE` and no more, which git calls twice for each tape: that is to be quick."""
    match words:
        case ["textconv", file]:
            return Path(file).is_file() and "TRACEFORK_NO_LIMITS" not in os.environ
        case _:
            return False


if __name__ == "__main__":
    main()
