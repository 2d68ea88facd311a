"""What an MCP server is called that is started by a command: by its program, whatever that is told.

    npx -y @modelcontextprotocol/server-filesystem@1.2 /srv   server-filesystem
    uvx --from git+https://... mcp-server-git                 mcp-server-git
    python -m weather.server                                  weather.server
    /usr/bin/python3.12 /home/me/shop.py --db /tmp/x          shop
    docker run -i --rm -e KEY mcp/fetch:latest                fetch

Folders, versions and arguments are left out: they differ between machines, and a tape is for more than one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath

BY_HAND = "mcp"
"""What `mcp.recorded` calls a server that it is told no name of."""

_WITH_VALUE = {
    **dict.fromkeys(
        ("docker", "podman"),
        """-e -v -p -w -u -l -h --env --env-file --volume --mount --name --network --publish --user
        --workdir --platform --entrypoint --label --hostname --add-host --memory --cpus""",
    ),
    **dict.fromkeys(("py", "python"), "-W -X"),
    **dict.fromkeys(("bun", "node", "tsx"), "-r --require --import --env-file --loader --cwd"),
    **dict.fromkeys(("npx", "bunx", "npm", "pnpm", "yarn"), "-p --package --prefix --cwd -w --workspace"),
    **dict.fromkeys(
        ("uv", "uvx", "pipx"),
        """-p --python --directory --project --with --with-requirements --with-editable --from --spec
        --env-file --index --index-url --default-index --extra-index-url --extra --group --cache-dir
        --config-file""",
    ),
    **dict.fromkeys(("cmd", "deno", "env", "java", "php", "ruby"), "-cp --config -u --unset -C --chdir"),
}
"""The programs that start others, and those of their options that have a value behind them."""

_ORDERS = frozenset("container dlx exec run tool x /c".split())
_ENDING = re.compile(r"\.(py|pyz|js|mjs|cjs|ts|mts|jar|exe|cmd|bat|sh|php|rb)$")
_UNFIT = re.compile(r"[^\w.-]+")


def name_program(command: str, args: Sequence[str]) -> str:
    """Return the name of the program that a command starts."""
    launcher = _cut(command)
    options = _WITH_VALUE.get(re.sub(r"[\d.]+$", "", launcher))
    if options is None:
        return launcher or BY_HAND
    rest = iter(args)
    for arg in rest:
        if arg == "-m":
            return _UNFIT.sub("-", next(rest, "")).strip("-.") or launcher
        if arg == "-c":
            return launcher
        if arg in options.split():
            next(rest, None)
        elif not (arg.startswith("-") or arg in _ORDERS or "=" in arg):
            return _cut(arg) or launcher
    return launcher or BY_HAND


def _cut(text: str) -> str:
    """The last part of a path, of a package or of an image, without its version and its ending."""
    last = PureWindowsPath(PurePosixPath(text).name).name
    name = last.partition("@")[0].partition(":")[0]
    return _UNFIT.sub("-", _ENDING.sub("", name, count=1)).strip("-.")
