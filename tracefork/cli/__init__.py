"""The command line: parse and call, print. Needs `tracefork[cli]`.

Commands are grouped by what they do: `running` an agent, `blaming` its steps, `reading` runs, `showing` them,
`keeping` a store.
"""

from __future__ import annotations

from . import running, blaming, reading, showing, keeping  # isort: skip  the order in which help shows them
from .app import app, main

__all__ = ["app", "blaming", "keeping", "main", "reading", "running", "showing"]
