"""Views of a run, as functions from data to text. The caller owns files and browsers.

`html` makes one self-contained page, `markdown` and `text` the same in words;
`view` gives what they show as plain values, to build a page of your own from.
"""

from __future__ import annotations

from .model.gather import view_of as view
from .model.view import View
from .page.embedded_tape import tape_in
from .page.page import html
from .text.summary import markdown, text

__all__ = ["View", "html", "markdown", "tape_in", "text", "view"]
