"""Views of a run, as functions from data to text. The caller owns files and browsers.

`html` makes one self-contained page, `markdown` and `text` the same in words; `conversation` is what was
asked and answered, made to be compared line by line; `view` gives what they show as plain values, to build a
page of your own from. Each is imported when it is first named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model.gather import view_of as view
    from .model.view import View
    from .page.embedded_tape import tape_in
    from .page.page import html
    from .text.conversation import conversation
    from .text.markdown import markdown
    from .text.summary import text

__all__ = ["View", "conversation", "html", "markdown", "tape_in", "text", "view"]

_HOMES = {
    "View": ("model.view", "View"),
    "conversation": ("text.conversation", "conversation"),
    "html": ("page.page", "html"),
    "markdown": ("text.markdown", "markdown"),
    "tape_in": ("page.embedded_tape", "tape_in"),
    "text": ("text.summary", "text"),
    "view": ("model.gather", "view_of"),
}
"""The module of each public name, and what it is called there."""

import_module(f"{__name__}.text")
del globals()["text"]  # the package of this name, which is not what `report.text` is


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, own = _HOMES[name]
    found = getattr(import_module(f".{module}", __name__), own)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
