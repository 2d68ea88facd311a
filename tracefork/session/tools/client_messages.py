"""Converts requests and responses of HTTP clients, as exceptions hold them, to plain data and back. Pure.

`raise_for_status()` raises an exception that holds the whole response. Its status, headers, body, request
and redirects are kept; its connections, streams and hooks are not. The values of cookies, and of headers
whose names suggest a secret, are kept as `[secret:NAME]`.

They are rebuilt by the client's own classes, from strings alone, and only if the client is imported already.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any, NamedTuple

from ...errors import Unrecordable

TELLING = re.compile(r"key|token(?!s\b|-count)|secret|auth|session|cookie|password|credential")
"""Found in the lower-case names of headers that hold secrets."""

LIVE = tuple(
    f"{package}."
    for package in """
        urllib3 requests httpcore httpcore2 httpx httpx2 aiohttp http.client ssl _ssl socket _socket
        sqlite3 psycopg psycopg2 psycopg_c psycopg_binary asyncpg pymysql sqlalchemy redis pymongo
        """.split()
)
"""Packages of HTTP and database clients, whose instances are connections or parts of them."""


class Gone:
    """Replaces, in a recorded exception, a connection that it held.

    Each use of it raises `Unrecordable`.
    """

    def __init__(self, kind: str) -> None:
        object.__setattr__(self, "_kind", kind)

    def __repr__(self) -> str:
        return f"<a {object.__getattribute__(self, '_kind')} that no tape could keep>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # looked up by Python itself
            raise AttributeError(name)
        raise Unrecordable("what a recorded exception held", object.__getattribute__(self, "_kind"))

    def __setattr__(self, name: str, value: object) -> None:
        self.__getattr__("set")

    def _refuse(self, *_: object) -> Any:
        self.__getattr__("used")

    __str__ = __bool__ = __call__ = __iter__ = __len__ = __getitem__ = __enter__ = __exit__ = _refuse


class Form(NamedTuple):
    """How a class is converted: `write` gives an instance's plain data, `make` an instance of that data."""

    write: Callable[[Any], object]
    make: Callable[[Any, Any], object]


def find_form(name: str) -> Form | None:
    """Return the form of the class called `name` (`module:path`), or None."""
    return _FORMS.get(name)


def make(kind: Any, content: object) -> Any:
    """Return an instance of `kind` made from `content`, the data that its form wrote.

    Raises:
        ValueError: the class does not accept `content`.
    """
    form = _FORMS[f"{kind.__module__}:{kind.__qualname__}"]
    with _slips(kind):
        return form.make(kind, content)


def leave_out(held: object) -> object:
    """Return `held`, or a `Gone` in its place if its class is one of a client (LIVE)."""
    name = f"{type(held).__module__}.{type(held).__qualname__}"
    return Gone(name) if name.startswith(LIVE) else held


@contextmanager
def _slips(kind: type) -> Any:
    try:
        yield
    except Unrecordable:
        raise
    except Exception as exc:  # clients raise errors of their own classes
        raise ValueError(f"{kind.__name__} takes no such thing: {exc}") from exc


def _write_headers(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [
        [name, f"[secret:{name.lower()}]" if TELLING.search(name.lower()) else value] for name, value in pairs
    ]


def _write_body(body: Any) -> object:
    """`body` as str if it is UTF-8, since secrets are searched for in strings; otherwise as it is."""
    if not isinstance(body, bytes):
        return body
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _read_body(form: object) -> bytes:
    if not isinstance(form, str | bytes):
        raise TypeError(f"a body is bytes, not a {type(form).__name__}")
    return form.encode() if isinstance(form, str) else form


def _read_headers(form: Any) -> list[tuple[str, str]]:
    pairs = [(name, value) for name, value in form]
    if not all(type(text) is str for pair in pairs for text in pair):
        raise TypeError("headers are texts")
    return pairs


# -- httpx, and httpx2 --------------------------------------------------------------


def _write_request(request: Any) -> object:
    form = {"method": request.method, "url": str(request.url)}
    form |= {"headers": _write_headers(_decode(request.headers.raw))}
    return form | ({"body": _write_body(request.content)} if "_content" in vars(request) else {})


def _make_request(kind: Any, form: Any) -> object:
    body = _read_body(form.get("body", b""))
    client = sys.modules[kind.__module__]
    made = kind(
        form["method"], form["url"], headers=_read_headers(form["headers"]), stream=client.ByteStream(body)
    )
    if "body" in form:
        made._content = body  # noqa: SLF001  the property would read the stream again, with the same result
    return made


def _write_response(response: Any) -> object:
    held = vars(response)
    if not ("_content" in held or response.is_closed):
        raise Unrecordable("a value", f"{type(response).__module__}.Response whose body was not read")
    if not isinstance(response.default_encoding, str):
        raise Unrecordable("a value", f"{type(response).__module__}.Response whose encoding a function finds")
    form = {
        "status": response.status_code,
        "reason": response.reason_phrase,
        "version": response.http_version,
        "headers": _write_headers(_decode(response.headers.raw)),
        "encodings": [response.default_encoding, held.get("_encoding")],
        "elapsed": _read_elapsed(response),
        "consumed": response.is_stream_consumed,
        "received": response.num_bytes_downloaded,
        "request": held.get("_request"),
        "next": response.next_request,
        "history": response.history,
    }
    return form | ({"body": _write_body(held["_content"])} if "_content" in held else {})


def _make_response(kind: Any, form: Any) -> object:
    client = sys.modules[kind.__module__]
    default, encoding = form["encodings"]
    extensions = {"http_version": form["version"].encode(), "reason_phrase": form["reason"].encode()}
    made = kind(
        form["status"],
        headers=_read_headers(form["headers"]),
        stream=client.ByteStream(b""),  # given `content`, it would decode the decoded body again
        request=form["request"],
        history=form["history"],
        extensions=extensions,
        default_encoding=default,
    )
    made.is_closed, made.is_stream_consumed, made.next_request = True, form["consumed"], form["next"]
    made._num_bytes_downloaded = form["received"]  # noqa: SLF001  no argument sets these
    more = {"_encoding": encoding, "_elapsed": form["elapsed"]}
    vars(made).update({key: value for key, value in more.items() if value is not None})
    if "body" in form:
        made._content = _read_body(form["body"])  # noqa: SLF001
    return made


def _read_elapsed(response: Any) -> object:
    try:
        return response.elapsed
    except RuntimeError:  # the response was made by hand, so no time was measured
        return None


def _decode(raw: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]


# -- requests -----------------------------------------------------------------------


def _write_prepared(request: Any) -> object:
    headers = [(_to_text(name), _to_text(value)) for name, value in (request.headers or {}).items()]
    form = {"method": request.method, "url": request.url, "headers": _write_headers(headers)}
    return form | {"body": _write_body(request.body), "text": isinstance(request.body, str)}


def _make_prepared(kind: Any, form: Any) -> object:
    made = kind()
    made.method, made.url = form["method"], form["url"]
    made.headers = _find("requests.structures").CaseInsensitiveDict(_read_headers(form["headers"]))
    body = form["body"]
    made.body = body if body is None or form["text"] else _read_body(body)
    return made


def _write_answer(response: Any) -> object:
    if not response._content_consumed:  # noqa: SLF001  there is no public name for it
        raise Unrecordable("a value", "requests.models.Response whose body was not read")
    kept = response._content  # noqa: SLF001
    return {
        "status": response.status_code,
        "reason": response.reason,
        "url": response.url,
        "headers": _write_headers(response.headers.items()),
        "cookies": [[one.name, one.domain, one.path] for one in response.cookies],
        "encoding": response.encoding,
        "elapsed": response.elapsed,
        "request": response.request,
        "next": response.next,
        "history": response.history,
        "body": _write_body(kept if isinstance(kept, bytes) else b""),
    }


def _make_answer(kind: Any, form: Any) -> object:
    made = kind()
    made.status_code, made.reason, made.url = form["status"], form["reason"], form["url"]
    made.headers = _find("requests.structures").CaseInsensitiveDict(_read_headers(form["headers"]))
    for name, domain, path in form["cookies"]:
        made.cookies.set(name, f"[secret:{name}]", domain=domain, path=path)
    made.encoding, made.elapsed, made.request = form["encoding"], form["elapsed"], form["request"]
    made.history = form["history"]
    made._next, made._content_consumed = form["next"], True  # noqa: SLF001  as its own `__setstate__` does
    made._content = _read_body(form["body"])  # noqa: SLF001
    return made


def _to_text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _find(module: str) -> Any:
    return sys.modules[module]  # imported with the class that is being made


# -- what aiohttp's exceptions hold ----------------------------------------------------


def _make_url(kind: Any, form: Any) -> object:
    return kind(form, encoded=True)


def _write_pairs(pairs: Any) -> object:
    return _write_headers((str.__str__(name), value) for name, value in pairs.items())


def _make_pairs(kind: Any, form: Any) -> object:
    return kind(_read_headers(form))


def _make_proxy(kind: Any, form: Any) -> object:
    return kind(_find("multidict").CIMultiDict(_read_headers(form)))


# -- urllib ------------------------------------------------------------------------------


def _write_http_error(error: Any) -> object:
    pairs = [(name, str(value)) for name, value in error.headers.items()] if error.headers else None
    form = {"url": error.filename, "status": error.code, "reason": error.msg}
    form |= {"headers": pairs if pairs is None else _write_headers(pairs)}
    return form | {"body": None if error.fp is None else _write_body(_read_ahead(error))}


def _read_ahead(error: Any) -> bytes:
    """The unread rest of the body of `error`; it can still be read from `error` afterwards."""
    if type(error.fp) is not BytesIO:
        try:
            rest = BytesIO(error.fp.read())
        except Exception as exc:
            raise Unrecordable("a value", f"urllib.error.HTTPError whose body breaks off: {exc}") from exc
        held = vars(error)
        for name in [name for name, value in held.items() if callable(value)]:
            del held[name]  # bound methods, such as `read`, of the old file
        held["fp"] = held["file"] = rest
    at = error.fp.tell()
    body: bytes = error.fp.read()
    error.fp.seek(at)
    return body


def _make_http_error(kind: Any, form: Any) -> object:
    headers = None
    if form["headers"] is not None:
        headers = _find("http.client").HTTPMessage()
        for name, value in _read_headers(form["headers"]):
            headers[name] = value
    body = None if form["body"] is None else BytesIO(_read_body(form["body"]))
    return kind(form["url"], form["status"], form["reason"], headers, body)


# -- pydantic's URLs ---------------------------------------------------------------------


def _parse_url(kind: Any, form: Any) -> object:
    return kind(form)


_FORMS: Mapping[str, Form] = {
    "httpx:Request": Form(_write_request, _make_request),
    "httpx:Response": Form(_write_response, _make_response),
    "httpx2:Request": Form(_write_request, _make_request),
    "httpx2:Response": Form(_write_response, _make_response),
    "requests.models:PreparedRequest": Form(_write_prepared, _make_prepared),
    "requests.models:Response": Form(_write_answer, _make_answer),
    "urllib.error:HTTPError": Form(_write_http_error, _make_http_error),
    "pydantic_core._pydantic_core:Url": Form(str, _parse_url),
    "pydantic_core._pydantic_core:MultiHostUrl": Form(str, _parse_url),
    "yarl:URL": Form(str, _make_url),
    "yarl._url:URL": Form(str, _make_url),
    "multidict:CIMultiDict": Form(_write_pairs, _make_pairs),
    "multidict._multidict:CIMultiDict": Form(_write_pairs, _make_pairs),
    "multidict:CIMultiDictProxy": Form(_write_pairs, _make_proxy),
    "multidict._multidict:CIMultiDictProxy": Form(_write_pairs, _make_proxy),
}
