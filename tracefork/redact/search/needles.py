"""Known secrets, looked for all at once: one expression for every form of every one of them. Pure.

A text is walked once, whatever their number. Each form is met at one of its bytes that is rare in
ordinary text, and what stands before and behind that is compared by the expression itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import field, frozen

from .forms import Form
from .spans import Hit, Span, Spans

_RARE = b"\\`~^|%#&;<>$!?*+@=QZXJKWVYqzUGHBFjPNMORLDICASETkxw98765432_10/(){}[]':.-,vybgfpmhdculsnriota\"e \n"
"""Bytes from the rarest in bodies to the most frequent; what is not among them is rarer."""

_RANK = {code: n for n, code in enumerate(_RARE)}


@frozen(eq=False)
class Known:
    """What stands for a known secret, the secret, and its form."""

    mark: bytes
    secret: bytes
    form: Form


@frozen
class Needles:
    """What is known, by how it is written, wherever it stands; the first in order goes before others."""

    known: Mapping[bytes, Known]
    _made: list[tuple[re.Pattern[bytes], tuple[tuple[int, bytes], ...]]] = field(
        factory=list, init=False, repr=False, eq=False
    )

    def found(self, data: bytes, start: int = 0) -> Spans:
        """Where they stand that begin at `start` or later, in order and apart."""
        if not self.known:
            return []
        if not self._made:
            self._made.append(_compile(self.known))
        pattern, forms = self._made[0]
        met = list[tuple[int, int, bytes]]()
        for hit in pattern.finditer(data, start):
            at, form = forms[(hit.lastindex or 0) - 1]
            if (begin := hit.start() - at) >= start:
                met.append((begin, -len(form), form))
        out, reached, last = Spans(), start, b""
        for begin, size, form in sorted(met):
            stop = begin - size
            if stop <= reached or (begin < reached and form is last):
                continue  # where the same overlaps itself the first is meant
            known = self.known[form]
            seen = Hit(known.secret, begin, None, known.form)
            out.append(Span(max(begin, reached), stop, known.mark, seen, begin < reached))
            reached, last = stop, form
        return out


def _compile(marks: Mapping[bytes, Known]) -> tuple[re.Pattern[bytes], tuple[tuple[int, bytes], ...]]:
    """The expression, and for each of its groups a form and where in it its rare byte stands."""
    by_byte = dict[bytes, list[tuple[int, bytes]]]()
    for form in marks:
        at = min(range(len(form)), key=lambda n: _RANK.get(form[n], -1))
        by_byte.setdefault(form[at : at + 1], []).append((at, form))
    branches = [
        re.escape(byte) + b"(?:%s)" % b"|".join(_around(at, form) for at, form in forms)
        for byte, forms in by_byte.items()
    ]
    return re.compile(b"|".join(branches)), tuple(one for forms in by_byte.values() for one in forms)


def _around(at: int, form: bytes) -> bytes:
    return b"(?=%s)(?<=%s)()" % (re.escape(form[at + 1 :]), re.escape(form[: at + 1]))
