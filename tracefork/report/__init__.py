"""Views of a run, as functions from data to text. The caller owns files and browsers.

`html` makes one self-contained page, `markdown` and `text` the same in words;
`view` gives what they show as plain values, to build a page of your own from.
"""

from __future__ import annotations

from .embedded import tape_in
from .gathering import gathered as view  # before the module `view`, whose name it takes here
from .page import html
from .plain import markdown, text
from .view import View

__all__ = ["View", "html", "markdown", "tape_in", "text", "view"]
