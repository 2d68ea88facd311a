"""What a redactor knows at one moment, and what it has found by that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from .growing import Growing
from .search import Search

Plain: TypeAlias = "dict[tuple[str, str, int], None]"


class Known:
    """All that is known at a moment, what looks for it, and what was found by that so far.

    It is made anew as a whole when an answer taught more: who holds one goes on with that.
    """

    def __init__(self, search: Search, longest: int, taught: int, plain: Plain) -> None:
        self.search = search
        self.growing = Growing(search, longest)
        self.taught = taught
        """How many secrets answers had taught."""
        self.shown = dict[tuple[str, str, int], str]()
        """Headers as they are shown, for most come again and again."""
        self.plain = plain
        """Short texts in which nothing stands, by their kind: shared with all who look for the same."""
        self.clean = dict[tuple[str, str], None]()
        """Headers of answers that tell nothing."""
        self.replacements: Mapping[bytes, bytes] | None = None
        """The placeholder for each form of each secret, once it was asked for."""
