"""Import every module of the installed package; name those that need an extra and nothing else."""

from __future__ import annotations

import sys
from fnmatch import fnmatch
from importlib import import_module
from pkgutil import walk_packages

import tracefork
from tracefork.errors import MissingPart

NEEDS = {
    "tracefork.cli*": {"typer", "rich"},
    "tracefork.server": {"starlette", "uvicorn"},
    "tracefork.transports.*botocore*": {"botocore", "urllib3"},
    "tracefork.transports._aws_credentials": {"botocore"},
    "tracefork.transports.*aiohttp*": {"aiohttp"},
    "tracefork.transports.*websockets*": {"websockets"},
    "tracefork.transports.urllib3": {"urllib3"},
    "tracefork.transports.httpx2": {"httpx2"},
    "tracefork.testing.strategies": {"hypothesis"},
    "tracefork.testing.backends*": {"hypothesis", "pytest"},
    "tracefork.testing.plugin*": {"pytest"},
    "tracefork.testing.transports*": {"pytest"},
}
"""Modules that may ask for what only an extra installs, and what that is."""


def main() -> str | None:
    imported, refused = [], []
    # a package that is refused below is not walked into
    for found in walk_packages(tracefork.__path__, "tracefork.", onerror=lambda _: None):
        needs = {need for name, of in NEEDS.items() if fnmatch(found.name, name) for need in of}
        try:
            import_module(found.name)
        except (ModuleNotFoundError, MissingPart) as exc:
            name = exc.needs if isinstance(exc, MissingPart) else exc.name
            if name not in needs:
                return f"{found.name} needs {name}, which is not installed without extras"
            refused.append(f"{found.name} ({name})")
        else:
            imported.append(found.name)
    print(f"    {len(imported)} modules import; with an extra only: {', '.join(refused)}")
    if "site-packages" not in tracefork.__file__:
        return f"this is not the installed package but {tracefork.__file__}"
    return None


if __name__ == "__main__":
    sys.exit(main())
