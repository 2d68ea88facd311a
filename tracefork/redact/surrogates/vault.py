"""The secrets of one run and their surrogates: what was met, what stands for it, and where.

It is the one state that redaction has, and grows while the run is recorded. What it knew before, of the tape
that the run follows, stays; one secret has one surrogate, and a surrogate that is met again is left as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from ...core.surrogates import NONE, Place, Surrogate, Surrogates, list_keys, make_key
from ...core.values import Answer
from ..by_name.names import ENOUGH, count_bits
from ..texts.encoded import Unwritable
from . import draw

MOST_TAUGHT = 1024
"""Secrets of answers that a run knows from then on. More are there only where each answer has its
own, and these are known in their places."""

LEAST_STRENGTH = 20.0
"""Bits of chance that a surrogate has at least which is known wherever it stands."""

VARIABLE = "variable"
"""The place of what a variable of the process is: that is known already, if it is to be known anywhere."""

_LINES = re.compile(r"[\r\n\\]+")  # also as JSON within JSON writes them


class Vault:
    """What a run has met of secrets. Callable from any thread: whoever goes over a dict goes over a copy.

    Args:
        chance: 16 to 64 bytes of which surrogates are drawn, and which are kept nowhere.
        before: the surrogates of the tape that the run follows.
    """

    def __init__(self, chance: bytes, before: Surrogates = NONE) -> None:
        self._chance = chance
        self.before = before
        self._rows = dict.fromkeys(before.rows)
        self._where = dict[str, tuple[Place, ...]](before.where)
        self._new_rows = list(before.rows)
        self._lengths = {int(at.partition(":")[0]) for at in before.where}
        self._written = set[str]()
        self._values = {row.value: row for row in before.rows}
        self._of = dict[str, Surrogate]()
        self._met = dict[tuple[str, str], None]()
        self.taught = dict[str, str]()
        """Secrets that were met by their place or form, and their names: they are known from then on."""

    @property
    def surrogates(self) -> Surrogates:
        """All surrogates so far, and where they stand."""
        return Surrogates(tuple(self._rows), dict(self._where))

    @property
    def known(self) -> tuple[tuple[str, str], ...]:
        """Names and values of the surrogates that the run began with, where they are known anywhere."""
        return tuple((row.name, row.value) for row in self.before.rows if not row.place)

    def take(self, answer: Answer) -> Surrogates:
        """Return the rows and texts that a journal needs before `answer` and has not; NONE if it has all."""
        if not self._lengths:
            return NONE
        texts = {at: self._where[at] for at in list_keys(answer, self._lengths) if at in self._where}
        new = {at: places for at, places in texts.items() if at not in self._written}
        if not new:
            return NONE
        self._written.update(new)
        rows, self._new_rows = self._new_rows, []
        return Surrogates(tuple(rows), new)

    def stand_in(self, name: str, secret: bytes, place: str = "") -> bytes:
        """Return what stands for `secret`; a surrogate stands for itself.

        Where it stands in a `place` that says that it is one (see `Surrogate`), it is known from now on:
        wherever it stands, or in that place alone if it may stand anywhere by chance.

        Raises:
            Unwritable: there is nothing else of its shape.
        """
        whole = secret.decode("utf-8", "surrogateescape")
        text = _make_canonical(whole)
        self.meet(name, text)
        if text in self._values:
            return secret
        row = self._of.get(text)
        if row is None:
            row = self._drawn(name, text, place)
        if row.place and not place:  # it stands where it is known by no place: so it must be known anywhere
            row = Surrogate(row.name, row.value)
        self._of[text] = row
        if row not in self._rows:
            self._rows[row] = None
            self._new_rows.append(row)
        self._values[row.value] = row
        if place and place != VARIABLE and not row.place:
            self.teach(name, secret)
        return _lay_out(row.value, whole).encode("utf-8", "surrogateescape")

    def teach(self, name: str, secret: bytes) -> None:
        """Know `secret` from now on wherever it stands, if it does not stand anywhere by chance."""
        try:
            text = _make_canonical(secret.decode())
        except UnicodeDecodeError:
            return  # no text, and so no secret
        if text not in self._values and len(self.taught) < MOST_TAUGHT and _is_strong(text):
            self.taught.setdefault(text, name)

    def meet(self, name: str, secret: str) -> None:
        """Count `secret`, if it was not counted yet."""
        secret = _make_canonical(secret)
        row = self._values.get(secret)
        self._met.setdefault((row.name, row.value) if row else (name, secret))

    def keep(self, raw: bytes, kind: str, places: tuple[Place, ...]) -> None:
        """Keep where the surrogates stand in a text that is kept."""
        at = make_key(raw, kind)
        if at not in self._where:
            self._where[at] = places
            self._lengths.add(len(raw))

    def holds(self, raw: bytes, kind: str) -> bool:
        """True if this text was kept before, and has surrogates in it: their secrets count as met."""
        places = self._where.get(make_key(raw, kind)) if len(raw) in self._lengths else None
        for start, stop, _ in places or ():
            value = raw[start:stop].decode("utf-8", "surrogateescape")
            if row := self._values.get(value):
                self._met.setdefault((row.name, row.value))
        return places is not None

    def stands_for(self, name: str, value: str) -> bool:
        """True if `value` is what stands for the secret of this name: a surrogate, or a placeholder."""
        row = self._values.get(_make_canonical(value))
        return value == f"[secret:{name}]" or (row is not None and row.name == name)

    def counts(self) -> Mapping[str, int]:
        """How many different secrets of each name were met."""
        return Counter(name for name, _ in list(self._met))

    def _drawn(self, name: str, secret: str, place: str) -> Surrogate:
        made = draw.make_surrogate(secret, self._chance, self._values)
        if made is None:
            raise Unwritable
        stays = not _is_strong(secret) or (len(self.taught) >= MOST_TAUGHT and secret not in self.taught)
        return Surrogate(name, made, place if stays else "")


def _is_strong(secret: str) -> bool:
    """True if neither this nor what stands for it stands anywhere by chance."""
    return count_bits(secret) >= ENOUGH and draw.measure_strength(secret) >= LEAST_STRENGTH


def _make_canonical(secret: str) -> str:
    """`secret`; of one in lines that without empty ones, as which an escaped end of a line may be read."""
    return "\n".join(filter(None, _LINES.split(secret))) if "\n" in secret else secret


def _lay_out(text: str, like: str) -> str:
    """`text` with the ends of lines of `like`, which is as long but for these."""
    if "\n" not in like:
        return text
    letters = iter(text.replace("\n", ""))
    return "".join(char if char in "\r\n\\" else next(letters, "") for char in like)
