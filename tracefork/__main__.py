"""`python -m tracefork` and the `tracefork` command."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from . import __version__


def main() -> None:
    """Run the command line, or say what it needs."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{__version__}\n")
        return
    missing = [name for name in ("typer", "rich") if find_spec(name) is None]
    if missing:
        sys.exit(f"the command line needs {' and '.join(missing)}: pip install 'tracefork[cli]'")
    from .cli import main as run  # noqa: PLC0415  only with what it needs

    run()


if __name__ == "__main__":
    main()
