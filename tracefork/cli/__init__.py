"""The command line: parse and call, print. Needs `tracefork[cli]`.

Commands are grouped by what they do: `running` an agent, `blaming` its steps, `listing`, `reading` and
`showing` runs, `keeping` a store. `app` knows them all by name.
"""

from __future__ import annotations

from .app import COMMANDS, app, main

__all__ = ["COMMANDS", "app", "main"]
