"""Known programs: what they draw for themselves in each run, and how they are told whom to ask. Pure.

What is ignored of a question are ids of the installation, the session and processes, the home, the kernel,
the day, and how long a tool took: each is tried by a test with the program itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from attrs import frozen


@frozen
class Known:
    """A program: what to `ignore` of its questions, and the `arguments` behind its name that say whom to ask.

    In these `{NAME}` stands for the address that the variable of this name has.
    """

    ignore: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


PROGRAMS: Mapping[str, Known] = {
    "claude": Known(
        ignore=(
            "$.metadata.user_id",
            "/Today's date is [0-9-]+/",
            "/The current month is [A-Z][a-z]+ [0-9]+/",
            r"/OS Version: [^\n]+/",
            "/file-based memory at `[^`]*`/",
        )
    ),
    "codex": Known(
        ignore=(
            "$.prompt_cache_key",
            "$.client_metadata",
            "$.input[*].id",
            "$.input[*].internal_chat_message_metadata_passthrough",
            "/<current_date>[^<]*</current_date>/",
            "/- `r[0-9]+` = `[^`]*`/",
            "/Wall time:? [0-9.]+ seconds/",
        ),
        arguments=("-c", 'openai_base_url="{OPENAI_BASE_URL}"'),
    ),
    "gemini": Known(
        ignore=(
            "/Today's date is [^.(]+/",
            r"/temporary directory is: [^\n]+/",
            r"/Memory\*\* \(`[^`]*`\)/",
            "/(Process Group PGID|Background PIDs): [0-9, ]+/",
        )
    ),
}
"""By the name of their command."""

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_ENDINGS = (".exe", ".cmd", ".js", ".mjs", ".cjs")
_RUNNERS = frozenset({"npx", "node", "bunx", "bun", "pnpm", "env", "dlx", "exec", "--yes", "-y"})


def find_known(argv: Sequence[str]) -> Known:
    """Return what is known of the command `argv`, also where it is run by `npx` or `node`; else nothing."""
    return PROGRAMS.get(_name(argv[_find_place(argv)]), Known())


def name_program(argv: Sequence[str]) -> str:
    """Return what to call the command `argv` in lists: the program that `node` or `npx` runs, not these."""
    words = (word for word in argv if _name(word) not in _RUNNERS and not word.startswith("-"))
    return PurePath(_name(next(words, argv[0]))).stem


def add_arguments(argv: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """Return `argv` with the arguments by which a known program is told whom to ask."""
    place = _find_place(argv)
    known = PROGRAMS.get(_name(argv[place]), Known())
    more = [argument.format_map(env) for argument in known.arguments]
    return [*argv[: place + 1], *more, *argv[place + 1 :]]


def _find_place(argv: Sequence[str]) -> int:
    """The place of the program's own name, behind what runs it."""
    for place, word in enumerate(argv):
        if _name(word) not in _RUNNERS and not _ASSIGNMENT.match(word):
            return place if _name(word) in PROGRAMS else 0
    return 0


def _name(word: str) -> str:
    """The name of a command, or of a package: `@openai/codex@1.2` is codex."""
    name = PurePath(word).name.partition("@")[0]
    return next((name.removesuffix(end) for end in _ENDINGS if name.endswith(end)), name)
