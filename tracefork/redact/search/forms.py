"""The ways in which a known secret may stand in a text. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

from attrs import frozen

SHORTEST_ENCODED = 8
"""Values of fewer bytes are not looked for in base64."""


@frozen(eq=False)
class Form:
    """A way in which a secret may stand in a text: what writes it so.

    In base64 it stands behind `before` other bytes, and is looked for from the `first` character on
    that has bits of nothing else.
    """

    write: Callable[[str], str] = str
    before: int | None = None
    first: int = 0

    def written(self, secret: bytes) -> bytes:
        """Return `secret` as it stands in a text; of base64, as it stood before that."""
        return self.write(secret.decode("utf-8", "surrogatepass")).encode("utf-8", "surrogatepass")


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]


def _in_short_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _twice(write: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: _in_json(write(value))  # JSON within JSON


def _with_slashes(write: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: write(value).replace("/", "\\/")


def _in_url(value: str, safe: str = "") -> str:
    return quote(value.encode("utf-8", "surrogatepass"), safe=safe)


def _in_path(value: str) -> str:
    return _in_url(value, "/")


def _in_query(value: str) -> str:
    return quote_plus(value.encode("utf-8", "surrogatepass"))


WRITTEN = (
    Form(),
    Form(_in_json),
    Form(_in_short_json),
    Form(_twice(_in_json)),
    Form(_twice(_in_short_json)),
    Form(_with_slashes(_in_json)),
    Form(_with_slashes(_in_short_json)),
    Form(_with_slashes(_twice(_in_json))),
    Form(_with_slashes(_twice(_in_short_json))),
    Form(_in_url),
    Form(_in_path),
    Form(_in_query),
)
"""As it is, in JSON, and in a URL."""

CODED = tuple(Form(before=before, first=-(-8 * before // 6)) for before in range(3))
"""In base64, for each place at which it may begin."""


@lru_cache(maxsize=256)
def list_forms(value: str) -> tuple[str, ...]:
    """The ways in which `value` stands in text: as it is, in JSON, and in a URL."""
    return tuple(dict.fromkeys(form.write(value) for form in WRITTEN))


def list_ways(value: str) -> Iterator[tuple[bytes, Form]]:
    """Every way in which `value` is looked for, and its form: as text, and in base64."""
    for form in WRITTEN:
        yield form.write(value).encode("utf-8", "surrogatepass"), form
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) < SHORTEST_ENCODED:
        return
    for form in CODED:
        before = form.before or 0
        shown = base64.b64encode(b"\0" * before + raw)
        sure = shown[form.first : 8 * (before + len(raw)) // 6]  # what has bits of nothing else
        yield from ((sure.translate(table), form) for table in (None, _URLSAFE, _MODIFIED))


def list_written(value: str) -> Iterator[bytes]:
    """Every way in which `value` is looked for: as text, and in base64."""
    yield from (way for way, _ in list_ways(value))


_URLSAFE = bytes.maketrans(b"+/", b"-_")
_MODIFIED = bytes.maketrans(b"/", b",")  # that of mail: RFC 3501
