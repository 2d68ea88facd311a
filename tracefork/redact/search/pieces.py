"""Where a secret ends that stands in several pieces: whether the next piece goes on with it. Pure.

Pieces of one text look as the texts of a list do: `["sk-ant-...", "hello"]` may be two texts, or a token and
more of it. So what is a secret by itself already goes on only in what looks as if it had been drawn.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

from ..by_form.issuers import KINDS
from ..by_name.names import is_drawn
from ..texts.decoded import View

_SHORT = 3  # letters of a piece that say nothing
_WORD = re.compile(rb"[A-Z]?[a-z]{4,}")
_EVENT = re.compile(rb"\n\r?\n|\r\r|[}\]]\r?\n\s{0,64}[{\[]|[\r\n]data:|\0")
"""What stands between two events, lines of JSON or messages, and not within one."""


def find_end(view: View, body: bytes, low: int, high: int, is_whole: Callable[[bytes], bool]) -> int:
    """Return where what was met in `view` from `low` to `high` ends: there, or where a piece ends before.

    Args:
        view: texts of a body that were put together.
        body: the body, which the view was made of.
        low: where the secret begins in the view.
        high: where it ends, if all pieces belong to it.
        is_whole: whether a text is a secret by itself.
    """
    begins, last = [low], _find_place(view, low)[1]
    for at in range(low + 1, high):
        start, stop = _find_place(view, at)
        if start != last:
            begins.append(at)
        last = stop
    for at, then in pairwise([*begins[1:], high]):
        if is_whole(view.data[low:at]):
            if _EVENT.search(body, _find_place(view, at - 1)[1], _find_place(view, at)[0]):
                goes_on = not _WORD.fullmatch(view.data, at, then)  # models' events are short
            else:
                goes_on = _is_drawn(view.data[at : then if then - at > _SHORT else high])
            if not goes_on:
                return at
    return high


def _find_place(view: View, at: int) -> tuple[int, int]:
    """Where the byte at this place of a view was made of."""
    parts = view.parts(at, at + 1)
    return (parts[0][0], parts[-1][1]) if parts else (-1, -1)


def _is_drawn(text: bytes) -> bool:
    """True if `text`, the rest of what may be a secret or a piece of that, looks as if it had been drawn."""
    if any(len(kind.prefix) > _SHORT and text.startswith(kind.prefix) for kind in KINDS):
        return False  # another one
    if len(text) <= _SHORT:
        return text != text.lower() or not text.isalpha()
    return is_drawn(text.decode("utf-8", "replace"))
