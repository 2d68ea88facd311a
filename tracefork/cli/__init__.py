"""The command line: parse and call, print. Needs `tracefork[cli]`.

Commands are grouped by what they do: `running` an agent, `blaming` its steps, `listing`, `reading` and
`showing` runs, `keeping` a store. `app` knows them all by name.
"""

from __future__ import annotations


def main() -> None:
    """Run the command line; what tracefork raises on purpose is printed, not traced."""
    from .app import main as run  # noqa: PLC0415  `blobs` needs none of it

    run()
