"""Header lists as JSON: a list or a pair that came before is written as its number. Pure.

Both sides count lists and pairs from 0 as they first appear; those of a parent's
steps are known from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...core.values import Headers
from ...errors import CorruptTape
from ..limits import check_count
from ..strict_json import expect_list, expect_natural


class HeaderWriter:
    """Gives lists their numbers."""

    def __init__(self, known: Iterable[Headers] = ()) -> None:
        self._pairs: dict[tuple[str, str], int] = {}
        self._lists: dict[Headers, int] = {}
        for headers in known:
            self.write(headers)

    def write(self, headers: Headers) -> object:
        """Return the number of an earlier list, or its pairs: the number of an earlier one, or both texts."""
        if headers in self._lists:
            return self._lists[headers]
        self._lists[headers] = len(self._lists)
        pairs = list[object]()
        for pair in headers:
            known = self._pairs.get(pair)
            if known is None:
                self._pairs[pair] = len(self._pairs)
            pairs.append([*pair] if known is None else known)
        return pairs


class HeaderReader:
    """Gives back the lists; `most` is how many pairs one may have."""

    def __init__(self, known: Iterable[Headers], most: int) -> None:
        self._most = most
        self._lists = list(dict.fromkeys(known))
        pairs = dict.fromkeys(pair for headers in self._lists for pair in headers)
        self._pairs = dict(enumerate(pairs))  # no list: in one, numbers may count from the end

    def read(self, row: object) -> Headers:
        """Return the list that `HeaderWriter.write` made `row` of, within `strict_json.damage`.

        Raises:
            TooLarge: it has too many pairs.
            CorruptTape: it is none, or refers to none.
        """
        if type(row) is int:
            return self._lists[expect_natural(row)]
        pairs = expect_list(row)
        check_count("headers in one message", len(pairs), self._most)
        known = self._pairs
        made = tuple([known[pair] if type(pair) is int else self._new(pair) for pair in pairs])
        self._lists.append(made)
        return made

    def _new(self, texts: object) -> tuple[str, str]:
        name, value = expect_list(texts)
        if type(name) is not str or type(value) is not str:
            raise CorruptTape("a header is no text")
        if not (name.isascii() and value.isascii()):
            (name + value).encode("latin-1")  # what no wire carries is refused
        pair = name, value
        self._pairs[len(self._pairs)] = pair
        return pair
