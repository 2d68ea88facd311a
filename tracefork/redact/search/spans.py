"""Spans: the places of secrets in a text, and what was met there; joined, sorted, replaced. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from attrs import frozen

from ...core.surrogates import Place
from ..by_form.patterns import KINDS
from ..texts.decoded import View, gather, rebase, unescape
from ..texts.encoded import Part, Unwritable, WritableBytes, write_behind
from .forms import Form

PLACES = frozenset({"header", "cookie", "parameter"})
"""What may say of a text that it is a secret."""

ISSUER = "issuer"
"""What says so of a token: the form that its issuer gives all of them."""

PLACEHOLDER = re.compile(rb"\[secret:([^\[\]\s\"\\]{1,100})\]")


@frozen(eq=False)
class Hit:
    """A secret that was met in `view` from `at` on, or in the text itself where that is None.

    `form` says how a known one is written there; None where the bytes are the `secret` itself. `place`
    says that it is one by its place: in a "header", a "cookie" or a "parameter".
    """

    secret: bytes
    at: int
    view: View | None = None
    form: Form | None = None
    place: str = ""

    def within(self, outer: View) -> Hit:
        """This hit, where what it was met in is `outer`, or was made of that."""
        view = rebase(outer, self.view) if self.view is not None else outer
        return Hit(self.secret, self.at, view, self.form, self.place)

    def write(self, made: bytes, text: WritableBytes) -> None:
        """Write `made`, of the shape of the secret, where that stands in `text`.

        Raises:
            Unwritable: the encoding of the text has no room for it.
        """
        target = self.view.writable(text) if self.view is not None else text
        old, new, first = self.secret, made, self.at
        if self.form is not None and self.form.before is not None:
            target, first = write_behind(target, self.at - self.form.first, self.form.before), 0
        elif self.form is not None:
            old, new = self.form.written(old), self.form.written(made)
        if len(old) != len(new):
            raise Unwritable
        for n, (was, code) in enumerate(zip(old, new, strict=True), first):
            if was != code:
                target[n] = code


def make_hit(data: bytes, low: int, high: int, place: str) -> Hit:
    """A secret that is one by its place: what stands there, without what URLs escape in it."""
    secret = data[low:high]
    plain = unescape(secret) if b"%" in secret else None
    if plain is None:
        return Hit(secret, low, place=place)
    return Hit(plain.data, 0, rebase(gather(data, ((low, high),)), plain), place=place)


class Span(NamedTuple):
    """From where to where a text is taken out, what stands for it, and what was met there.

    It is `cut` if another secret has a part of its place.
    """

    start: int
    stop: int
    mark: bytes
    hit: Hit | None = None
    cut: bool = False


Spans = list[Span]


def join(spans: Spans, more: Iterable[Span]) -> Spans:
    """`spans` and what `more` has beside them; both are in order, and so is what comes of it, apart."""
    out, reached, n = Spans(), 0, 0
    for start, stop, mark, hit, cut in more:
        low = max(start, reached)
        while n < len(spans) and spans[n].start < stop:
            begin, end = spans[n][:2]
            if low < begin:
                out.append(Span(low, begin, mark, hit, cut=True))
            low = max(low, end)
            if end > stop:
                break
            n += 1
        if low < stop:
            out.append(Span(low, stop, mark, hit, cut or low > start))
        reached = max(reached, stop)
    return sorted([*spans, *out], key=_place) if out else spans


def complete_groups(spans: Spans, groups: Iterable[Spans], size: int) -> Spans:
    """`spans` and all of each group of which no part is among them yet, in order; `size` is the text's.

    A span that is only the beginning of what a group is all of goes with that: a token may look
    whole where its first piece ends.
    """
    taken, added, gone = bytearray(0), Spans(), set[Span]()
    for group in groups:
        if not taken:
            taken = bytearray(size)
            for span in spans:
                taken[span.start : span.stop] = b"\1" * (span.stop - span.start)
        begun = _select_begun(spans, group)
        for span in begun:
            taken[span.start : span.stop] = bytes(span.stop - span.start)
        free = all(taken.find(1, span.start, span.stop) < 0 for span in group)
        for span in group if free else begun:
            taken[span.start : span.stop] = b"\1" * (span.stop - span.start)
        if free:
            added += group
            gone.update(begun)
    return sorted([*(span for span in spans if span not in gone), *added], key=_place) if added else spans


def _select_begun(spans: Spans, group: Spans) -> Spans:
    """Those of `spans`, which are in order, that are within one part of this group.

    Where there are some in two parts, they are tokens of their own: a list of them, say.
    """
    found = list[Spans]()
    for part in group:
        out = Spans()
        for n in range(bisect_left(spans, part.start, key=_start), len(spans)):
            if spans[n].stop > part.stop:
                break
            if spans[n].mark == group[0].mark or spans[n].mark in _ISSUED:
                out.append(spans[n])
        if out:
            found.append(out)
    return found[0] if len(found) == 1 else Spans()


def make_marked(parts: list[Part], mark: bytes, hit: Hit) -> Spans:
    """The parts of a secret: the first has the mark, and of the others nothing is left."""
    return [Span(low, high, b"" if n else mark, hit) for n, (low, high) in enumerate(parts)]


def name_of(mark: bytes) -> str:
    """The name of the secret that a placeholder stands for."""
    return mark[8:-1].decode("utf-8", "surrogatepass").removesuffix(".base64")


def replace(data: bytes, spans: Iterable[Span]) -> bytes:
    """`data` with its placeholders in the place of `spans`; the same object where there are none."""
    out, at = list[bytes](), 0
    for start, stop, mark, *_ in spans:
        out += [data[at:start], mark]
        at = stop
    return b"".join([*out, data[at:]]) if out else data


def list_places(spans: Iterable[Span]) -> tuple[Place, ...]:
    """`spans` as a tape keeps them."""
    return tuple([(start, stop, mark.decode("utf-8", "surrogatepass")) for start, stop, mark, *_ in spans])


def sort_hits(spans: Iterable[Span]) -> list[Span]:
    """A span for each hit, in the order in which they are to be written: last those that nothing cut."""
    one = {id(span.hit or span): span for span in sorted(spans, key=_cut)}
    return sorted(one.values(), key=_cut, reverse=True)


def _cut(span: Span) -> bool:
    return span.cut


def _place(span: Span) -> tuple[int, int]:
    return span.start, -span.stop


def _start(span: Span) -> int:
    return span.start


_ISSUED = frozenset(kind.mark for kind in KINDS)
