"""What scalars and tags of YAML stand for, as plain data: no object of any program is made.

Numbers and truth values are what the writers of recorders leave without quotes, be they of YAML 1.1 or 1.2;
dates stay text. Of Python's own tags those are read with which vcrpy wrote plain data, as plain data.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping

from .shapes import Misfit, Pieces, expect_table

_STANDARD = "tag:yaml.org,2002:"
_PYTHON = f"{_STANDARD}python/"
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_WORDS: Mapping[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
FIRST = frozenset("~nNtTfF+-.0123456789")
"""What a scalar begins with that may be something else than text, if it is not empty."""


def resolve(text: str) -> object:
    """What a scalar without quotes stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        try:
            return int(text)
        except ValueError:  # it has more digits than Python converts
            return text
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def read_tagged(tag: str, text: str, line: int) -> object:
    """What a scalar with a tag stands for."""
    if tag in _TEXTS:
        return text
    if tag in _BINARIES:
        try:
            return base64.b64decode(text.encode("ascii"))
        except (binascii.Error, UnicodeEncodeError) as error:
            raise Misfit(f"what is said to be binary is no base64: {error}", line) from None
    if tag in _RESOLVED:
        return resolve(text)
    raise _refuse(tag, line)


def make_tagged(tag: str, value: object, line: int) -> object:
    """What a list or table with a tag stands for."""
    if tag in _CONTAINERS:
        return value
    make = _PLAIN_OBJECTS.get(tag.removeprefix(_PYTHON))
    if make is None:
        raise _refuse(tag, line)
    return make(value)


def _refuse(tag: str, line: int) -> Misfit:
    if "python" in tag or "ruby" in tag:
        return Misfit(f"it asks for an object, {tag.removeprefix(_STANDARD)}: none is made", line)
    return Misfit(f"it has a tag that is not of plain data, {tag.removeprefix(_STANDARD)}", line)


def _read_buffer(value: object) -> object:
    """The bytes of a pickled `io.BytesIO`."""
    state = expect_table(value, "a file").get("state")
    return state[0] if isinstance(state, list) and state else b""


def _read_iterator(value: object) -> object:
    """The pieces of a pickled iterator."""
    args = expect_table(value, "an iterator").get("args")
    first = args[0] if isinstance(args, list) and args else []
    return Pieces(first) if isinstance(first, list) else first


def _read_first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else value


def _read_same(value: object) -> object:
    return value


_TEXTS = frozenset(
    ["!", f"{_STANDARD}str", f"{_STANDARD}timestamp", f"{_PYTHON}str", f"{_PYTHON}unicode"],
)
_BINARIES = frozenset([f"{_STANDARD}binary", "!binary", f"{_PYTHON}bytes"])
_RESOLVED = frozenset(f"{_STANDARD}{name}" for name in ("null", "bool", "int", "float"))
_CONTAINERS = frozenset(["!", f"{_STANDARD}seq", f"{_STANDARD}map"])
_PLAIN_OBJECTS: Mapping[str, Callable[[object], object]] = {
    "tuple": _read_same,
    "object/new:_io.BytesIO": _read_buffer,
    "object/apply:builtins.iter": _read_iterator,
    "object:vcr.request.Request": _read_same,
    "object/apply:__builtin__.frozenset": _read_first,
    "object/apply:builtins.frozenset": _read_first,
    "object/apply:multidict._multidict.istr": _read_first,
    "object/new:multidict._multidict.istr": _read_first,
}
"""What vcrpy wrote for plain data, by its tag, and the plain data that it is."""
