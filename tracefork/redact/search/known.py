"""What a redactor knows at one moment, and what it has found by that."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from ..by_form.finders import Finder
from .growing import Growing
from .search import Search

REMEMBERED = 512
"""Headers whose kept form is remembered, so that it is not made anew for each question; and texts in which
there is nothing to hide, and how many characters these have at most."""

Plain: TypeAlias = "dict[tuple[str, str, int], None]"


@lru_cache(maxsize=16)
def share(
    secrets: tuple[tuple[tuple[str, str], ...], ...],  # noqa: ARG001  who looks for the same finds the same
    finders: tuple[Finder, ...],  # noqa: ARG001
    wide: bool,  # noqa: ARG001, FBT001
    names: frozenset[str],  # noqa: ARG001
) -> Plain:
    """The texts in which nothing stands, for all redactors that look for the same: runs often follow runs."""
    return {}


class Known:
    """All that is known at a moment, what looks for it, and what was found by that so far.

    It is made anew as a whole when an answer taught more: who holds one goes on with that.
    """

    def __init__(self, search: Search, longest: int, taught: int, plain: Plain | None) -> None:
        self.search = search
        self.growing = Growing(search, longest)
        self.taught = taught
        """How many secrets answers had taught."""
        self.shown = dict[tuple[str, str, int], str]()
        """Headers as they are shown, for most come again and again."""
        self.plain = plain
        """Short texts in which nothing stands, by their kind; None where a finder is somebody else's, and may
        find something else the next time."""
        self.clean = dict[tuple[str, str], None]()
        """Headers of answers that tell nothing."""
        self.replacements: Mapping[bytes, bytes] | None = None
        """The placeholder for each form of each secret, once it was asked for."""

    def remember(self, kind: str, text: str, least: int) -> None:
        """Note that nothing stands in `text`, if it is short."""
        if self.plain is not None and len(text) <= REMEMBERED:
            if len(self.plain) >= REMEMBERED:
                self.plain.clear()
            self.plain[kind, text, least] = None
