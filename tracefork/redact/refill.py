"""Puts the true secrets back for placeholders and surrogates in what is about to be sent. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from operator import is_
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from attrs import evolve

from ..core.values import Request
from ..errors import RedactedSecret
from .by_name import headers, urls
from .by_name.names import SHORTEST
from .search.search import Search, make_needles
from .search.spans import PLACEHOLDER, Span, sort_hits
from .texts.encoded import Unwritable

if TYPE_CHECKING:
    from .redactor import Redactor


_OF_PROXIES = re.compile(
    r"__cf_bm|_cfuvid|cf_clearance|__cflb|__cfruid|AWSALB.*|AWSELB.*|GCLB|ARRAffinity.*|ak_bmsc|bm_.*|incap_ses_.*"
    r"|visid_incap_.*|nlbi_.*|BIGip.*|TS0.*|__utm.*|_ga.*|datadome|INGRESSCOOKIE|_dd_s|route|JSESSIONIDSSO|SERVERID"
)
"""Cookies of proxies and balancers, which are nothing of the agent's."""


class Refill:
    """Puts true secrets where placeholders and surrogates stand, in what goes to `where`."""

    def __init__(self, redact: Redactor, where: str) -> None:
        self._redact, self._where = redact, where
        rows = redact.vault.before.rows if redact.vault is not None else ()
        self._names = {row.value: row.name for row in rows}
        known = tuple((row.name, row.value) for row in rows if not row.place)
        self._placed = {row.value: row.name for row in rows if row.place and len(row.value) >= SHORTEST}
        self._search = Search((make_needles(known),), ()) if known else None

    def request(self, request: Request) -> Request:
        """Return `request` as it must leave."""
        filled = [(name, self._header(name, value)) for name, value in request.headers]
        pairs = tuple((name, value) for name, value in filled if value or name.lower() != "cookie")
        url = self._raw(request.url.encode("utf-8", "surrogatepass"))
        body = self._raw(request.body, body=True)
        for _, (low, high) in urls.find_named(url) if self._placed else ():
            self._refuse(unquote_plus(url[low:high].decode("utf-8", "replace")))
        return evolve(request, url=url.decode("utf-8", "surrogatepass"), headers=pairs, body=body)

    def value(self, value: Any) -> Any:
        """Return `value` with the true secrets in its texts; what holds none stays the same object.

        A tool may change its arguments in place.
        """
        match value:
            case str():
                return self.text(value)
            case list() if type(value) is list:
                items = [self.value(item) for item in value]
                return value if all(map(is_, items, value)) else items
            case tuple() if type(value) is tuple:
                items = [self.value(item) for item in value]
                return value if all(map(is_, items, value)) else tuple(items)
            case dict() if type(value) is dict:
                pairs = [(self.value(key), self.value(item)) for key, item in value.items()]
                same = all(k is key and v is value[key] for (k, v), key in zip(pairs, value, strict=True))
                return value if same else dict(pairs)
        return value

    def text(self, text: str) -> str:
        """Return `text` likewise; the same if it holds none."""
        if "[secret:" not in text and self._search is None:
            return text
        raw = text.encode("utf-8", "surrogatepass")
        filled = self._raw(raw)
        return text if filled == raw else filled.decode("utf-8", "surrogatepass")

    def _cookies(self, value: str) -> str:
        """The value of a cookie header; what proxies set, and set again for whoever has none, is left out."""
        crumbs = []
        for crumb in value.split(";"):
            name, _, sent = crumb.strip().partition("=")
            sent = sent.strip('"')
            kind = self._names.get(sent)
            if kind is None or self._redact.true_value(kind) is not None or not _OF_PROXIES.fullmatch(name):
                crumbs.append(crumb.strip())
        return "; ".join(crumbs)

    def _header(self, name: str, value: str) -> str:
        if name.lower() == "cookie" and self._names:
            value = self._cookies(value)
        raw = value.encode("latin-1", "replace")
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == "basic" and self._search is not None:
            try:
                plain = base64.b64decode(rest, validate=True)
            except (ValueError, binascii.Error):
                plain = b""
            if (filled := self._raw(plain)) != plain:
                return f"{scheme} {base64.b64encode(filled).decode()}"
        for start, stop in headers.find_parts(name.lower(), value) if headers.is_secret(name.lower()) else ():
            self._refuse(value[start:stop])
        filled = self._raw(raw)
        return filled.decode("latin-1") if filled != raw else value

    def _refuse(self, text: str) -> None:
        """Raise RedactedSecret if `text` stands for a secret that is known by its place alone."""
        if name := self._placed.get(text):
            raise RedactedSecret(f"[secret:{name}]", self._where, text)

    def _raw(self, data: bytes, *, body: bool = False) -> bytes:
        if b"[secret:" in data:
            data = PLACEHOLDER.sub(lambda found: self._placeholder(found).encode(), data)
        if self._search is None:
            return data
        spans = self._search.in_body(data, names=False) if body else self._search.spans(data)
        if not spans:
            return data
        text, later = bytearray(data), list[tuple[Span, bytes]]()
        for span in sort_hits(spans):
            assert span.hit is not None
            surrogate = span.hit.secret.decode("utf-8", "surrogatepass")
            mark = f"[secret:{self._names[surrogate]}]"
            true = self._true(self._names[surrogate], mark, surrogate)
            try:
                span.hit.write(true.encode("utf-8", "surrogatepass"), text)
            except Unwritable:  # of another length
                form = span.hit.form
                if form is None or form.before is not None or span.cut or span.hit.view is not None:
                    raise RedactedSecret(mark, self._where, surrogate) from None
                later.append((span, form.written(true.encode("utf-8", "surrogatepass"))))
        return _splice(bytes(text), later)

    def _placeholder(self, found: re.Match[bytes]) -> str:
        name = found[1].decode("utf-8", "replace")
        return self._true(name, found[0].decode("utf-8", "replace"))

    def _true(self, name: str, mark: str, surrogate: str = "") -> str:
        value = self._redact.true_value(name)
        if value is None:
            raise RedactedSecret(mark, self._where, surrogate)
        return value


def _splice(text: bytes, later: Iterable[tuple[Span, bytes]]) -> bytes:
    for span, new in sorted(later, key=lambda one: one[0].start, reverse=True):
        text = text[: span.start] + new + text[span.stop :]
    return text
