"""The text of a cassette as plain documents: JSON, YAML or TOML, by its name and how it begins."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from ...codec.limits import Limits, check_count, check_nesting
from . import yaml_text
from .shapes import Misfit

_BOM = b"\xef\xbb\xbf"


def documents(data: bytes, name: str, limits: Limits) -> Iterator[object]:
    """Give the documents in `data`, of which `name` is the file's name; only YAML has more than one.

    Raises:
        Misfit: it is neither JSON nor YAML nor TOML.
        TooLarge: it is more than the limits allow.
        MissingPart: it is YAML, and PyYAML is not installed.
    """
    check_count("bytes", len(data), limits.total)
    text, suffix = data.removeprefix(_BOM), PurePath(name).suffix.lower()
    if suffix == ".toml":
        yield _parse_toml(text, limits)
        return
    if suffix in (".json", ".har") or text.lstrip()[:1] in (b"{", b"["):
        try:
            yield _parse_json(text, limits)
        except Misfit:
            if suffix in (".json", ".har"):
                raise
        else:
            return
    yield from yaml_text.documents(text, limits)


def _parse_json(text: bytes, limits: Limits) -> object:
    check_nesting(text, limits)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Misfit(f"it is no JSON: {error.msg}", error.lineno) from None
    except (ValueError, RecursionError) as error:  # no text, or a number with too many digits
        raise Misfit(f"it is no JSON: {error}") from None


def _parse_toml(text: bytes, limits: Limits) -> object:
    try:
        found: object = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise Misfit(f"it is no TOML: {error}") from None
    level, depth = [found], 0
    while level:
        check_count("levels of nested TOML", depth, limits.json_depth)
        level, depth = [inner for value in level for inner in _list_inner(value)], depth + 1
    return found


def _list_inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
