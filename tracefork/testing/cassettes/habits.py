"""What vcrpy is told of a cassette, as far as it is data: which questions are the same, and what is left out.

The names and defaults are vcrpy's, so that a `vcr_config` says the same here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from attrs import evolve, field, frozen

from ...core.diff import Difference
from ...core.framing import Digest, encode, hash_parts
from ...core.matching import Matcher, exact, normalise
from ...core.trees import find_places, quote_both, show_both
from ...core.values import Headers, Question, Request

DEFAULT = ("method", "scheme", "host", "port", "path", "query")
"""What vcrpy compares if it is told nothing: no body."""

_PORTS = {"http": 80, "https": 443}
_ALIKE = {"url": "uri"}
_LEFT_ALONE = frozenset(
    """allowed_hosts before_record_response cassette_dir cassette_library_dir custom_patches
    decode_compressed_response drop_unused_requests filter_nested_post_data_parameters func_path_generator
    inject_cassette max_age on_expiry on_unplayed path_transformer record_mode record_on_exception serializer
    skip_patchers""".split()
)
"""What has no say in which answer a question is given."""


@frozen
class Habits:
    """How questions are compared with a cassette's.

    `match_on` are names of `PARTS`. Headers, query parameters and fields of bodies that are filtered were not
    kept, and are left out of what is asked, or have what stands in their place. Hosts that are ignored are
    asked for real. `repeats` says that an answer is given as often as it is asked for.
    """

    match_on: tuple[str, ...] = DEFAULT
    filter_headers: Mapping[str, str | None] = field(factory=dict)
    filter_query: Mapping[str, str | None] = field(factory=dict)
    filter_body: Mapping[str, str | None] = field(factory=dict)
    ignored_hosts: tuple[str, ...] = ()
    repeats: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Habits:
        """The habits that vcrpy's options, by their names, ask for.

        Raises:
            ValueError: an option is code, or a name that code stands for: what it does is not known here.
        """
        options = dict(given)
        match_on = tuple(_ALIKE.get(name, name) for name in options.pop("match_on", None) or DEFAULT)
        match_on += tuple(options.pop("additional_matchers", None) or ())
        if unknown := sorted(set(match_on) - PARTS.keys()):
            raise ValueError(
                f"match_on={unknown[0]!r} is none of {', '.join(sorted(PARTS))}: matchers that are code are "
                "not known here; give matcher= to @pytest.mark.tracefork instead"
            )
        hosts = tuple(options.pop("ignore_hosts", None) or ())
        if options.pop("ignore_localhost", False):
            hosts += ("localhost", "127.0.0.1", "0.0.0.0", "::1")  # noqa: S104  names, nothing is bound
        made = cls(
            match_on,
            _read_filter(options.pop("filter_headers", ()), "filter_headers"),
            _read_filter(options.pop("filter_query_parameters", ()), "filter_query_parameters"),
            _read_filter(options.pop("filter_post_data_parameters", ()), "filter_post_data_parameters"),
            hosts,
            bool(options.pop("allow_playback_repeats", False)),
        )
        for name, value in options.items():
            if name not in _LEFT_ALONE and value:
                raise ValueError(
                    f"{name}= is not known here: it is code, or of another recorder. What is data is read: "
                    "match_on, filter_headers, filter_query_parameters, filter_post_data_parameters, "
                    "ignore_hosts, ignore_localhost, allow_playback_repeats"
                )
        return made

    @property
    def matcher(self) -> Matcher:
        """The matcher by which questions that vcrpy takes for the same have one key."""
        parts = [PARTS[name] for name in dict.fromkeys(self.match_on)]
        counted = set(self.match_on)

        def match(question: Question) -> Digest:
            if not isinstance(question, Request):
                return exact(question)
            kept = self.filter(question)
            return hash_parts([encode(json.dumps(part(kept), sort_keys=True)) for part in parts]).hex()

        def blank(question: Request) -> Request:
            kept = self.filter(question)
            url = urlsplit(kept.url)
            query = urlencode(sorted(parse_qsl(url.query))) if counted & {"query", "uri"} else ""
            return Request(
                kept.method if "method" in counted else "",
                urlunsplit(url._replace(path=url.path or "/", query=query)),
                kept.headers if "headers" in counted else (),
                _normalise_body(kept) if counted & {"body", "raw_body"} else b"",
            )

        match.blank = blank  # type: ignore[attr-defined]  # see `core.matching.blank_out`
        return match

    def filter(self, request: Request) -> Request:
        """`request` as vcrpy would have kept it."""
        headers, url, body = request.headers, request.url, request.body
        if self.filter_headers:
            kept = [(name, _put(self.filter_headers, name.lower(), value)) for name, value in headers]
            headers = tuple((name, value) for name, value in kept if value is not None)
        if self.filter_query:
            parts = urlsplit(url)
            pairs = [
                (k, _put(self.filter_query, k.lower(), v))
                for k, v in parse_qsl(parts.query, keep_blank_values=True)
            ]
            url = urlunsplit(parts._replace(query=urlencode([(k, v) for k, v in pairs if v is not None])))
        if self.filter_body and body:
            body = self._filter_body(body)
        return request if (headers, url, body) == (request.headers, request.url, request.body) else evolve(
            request, headers=headers, url=url, body=body
        )  # fmt: skip

    def _filter_body(self, body: bytes) -> bytes:
        tree = _parse(body)
        if isinstance(tree, dict):
            pairs = {k: _put(self.filter_body, k.lower(), v) for k, v in tree.items()}
            return json.dumps({k: v for k, v in pairs.items() if v is not None}).encode()
        return body


def find_stale(recorded: Request, asked: Request, habits: Habits = Habits()) -> Difference | None:
    """Where the body that is asked is another than the one that was recorded; None if they say the same.

    White space and the order of keys of JSON say nothing, nor does a boundary of parts, nor what is filtered.
    """
    one, other = normalise(habits.filter(recorded)).body, normalise(habits.filter(asked)).body
    if one == other:
        return None
    left, right = _parse(one), _parse(other)
    if left is None or right is None:
        return Difference("body", *quote_both(_decode(one), _decode(other)))
    place = next(find_places(left, right, "$"), None)
    return Difference(place.path, *show_both(place.left, place.right)) if place is not None else None


# -- what is compared ----------------------------------------------------------------------


def _read_uri(request: Request) -> object:
    parts = urlsplit(request.url)
    return urlunsplit(parts._replace(path=parts.path or "/"))


def _read_port(request: Request) -> object:
    parts = urlsplit(request.url)
    return parts.port or _PORTS.get(parts.scheme)


def _read_headers(request: Request) -> object:
    return sorted({name.lower(): value for name, value in request.headers}.items())


def _read_body(request: Request) -> object:
    kind = _find_header(request.headers, "content-type")
    try:
        if "application/x-www-form-urlencoded" in kind:
            return parse_qs(request.body.decode("ascii"))
        if "application/json" in kind and request.body:
            return json.loads(request.body)
    except (ValueError, RecursionError):
        pass  # a body that is not what its headers say is compared as it stands
    return _decode(request.body)


def _normalise_body(request: Request) -> bytes:
    """The body with its JSON, if it is any, written in one way."""
    tree = _parse(request.body)
    return request.body if tree is None else json.dumps(tree, sort_keys=True, ensure_ascii=False).encode()


PARTS: Mapping[str, Callable[[Request], object]] = {
    "method": lambda request: request.method,
    "uri": _read_uri,
    "scheme": lambda request: urlsplit(request.url).scheme,
    "host": lambda request: urlsplit(request.url).hostname,
    "port": _read_port,
    "path": lambda request: urlsplit(request.url).path or "/",
    "query": lambda request: sorted(parse_qsl(urlsplit(request.url).query)),
    "headers": _read_headers,
    "raw_body": lambda request: _decode(request.body),
    "body": _read_body,
}
"""What two questions may be compared by, and how each is read of one."""


def _read_filter(given: object, name: str) -> Mapping[str, str | None]:
    """What is left out, in lower case, and what stands in its place.

    Raises:
        ValueError: that is code.
    """
    read = dict[str, str | None]()
    for one in cast("Iterable[object]", given or ()):
        key, value = one if isinstance(one, tuple | list) else (one, None)
        if callable(value) or not isinstance(key, str):
            raise ValueError(  # noqa: TRY004  of a configuration, as the others
                f"{name}: what stands in the place of {key!r} is code, which is not known here: give a text"
            )
        read[key.lower()] = None if value is None else str(value)
    return read


def _put(filters: Mapping[str, str | None], name: str, value: Any) -> Any:
    return filters.get(name, value) if name in filters else value


def _find_header(headers: Headers, name: str) -> str:
    return next((value.lower() for key, value in headers if key.lower() == name), "")


def _parse(body: bytes) -> object:
    try:
        return cast("object", json.loads(body))
    except (ValueError, RecursionError):
        return None


def _decode(body: bytes) -> str:
    return body.decode("utf-8", "surrogateescape")
