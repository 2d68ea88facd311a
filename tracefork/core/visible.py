"""Makes foreign text safe to show: what steers a terminal, or turns text around, is spelled out. Pure.
Text of others, made fit to be shown: what steers a terminal, or turns text around, is spelled instead. Pure.

Recorded text, names, URLs and file names come from anywhere. Whatever prints them, or puts
them into a message, does so through `visible`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

_STEERING = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but for tabs and new lines, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u2028\u2029\ufff9-\ufffb\ufeff\U000e0000-\U000e007f"  # other lines, annotations, tags that nobody sees
    "\ud800-\udfff"  # half surrogate pairs, which cannot be written at all
)
_UNSEEN = re.compile(f"[{_STEERING}]")
_UNSEEN_IN_A_LINE = re.compile(f"[\t\n{_STEERING}]")


def visible(text: str, *, one_line: bool = False) -> str:
    """`text` with each control character, and half of a surrogate pair, spelled as in a Python string.

    New lines and tabs stay, unless it is to be `one_line`.
    """
    if text.isprintable():
        return text
    pattern = _UNSEEN_IN_A_LINE if one_line else _UNSEEN
    return pattern.sub(lambda found: repr(found[0])[1:-1], text.replace("\r\n", "\n"))


def visible_json(text: str) -> str:
    """JSON text that says the same, with such characters spelled as JSON spells them."""
    if text.isprintable():
        return text
    return _UNSEEN.sub(lambda found: _in_json(found[0]), text)


def _in_json(character: str) -> str:
    code = ord(character)
    if code > 0xFFFF:  # noqa: PLR2004  two halves, then
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


def align(cells: Sequence[Sequence[str]], *, right: AbstractSet[int] = frozenset()) -> Iterator[str]:
    """Rows of equally many cells as lines, in columns; those in `right` are set right."""
    shown = [[visible(cell, one_line=True) for cell in row] for row in cells]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        columns = enumerate(zip(row, widths, strict=True))
        yield "  ".join(c.rjust(w) if n in right else c.ljust(w) for n, (c, w) in columns).rstrip()
