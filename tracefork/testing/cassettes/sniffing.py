"""Tells a cassette from other files by how it begins."""

from __future__ import annotations

import os
import re
from pathlib import Path

HEAD = 1 << 16
"""Bytes that are looked at."""

_IN_YAML = re.compile(rb"^(?:(?:http_)?interactions:|- request:)", re.MULTILINE)
_IN_TOML = re.compile(rb"^\[\[interactions\]\]", re.MULTILINE)
_IN_JSON = re.compile(
    rb'"(?:http_)?interactions"\s*:\s*\[|\A\s*\{\s*"log"\s*:\s*\{|\A\s*\[\s*\{\s*"request"\s*:'
)
_BOM = b"\xef\xbb\xbf"


def is_cassette(path_or_head: str | os.PathLike[str] | bytes) -> bool:
    """True if the file at this path, or one that begins with these bytes, looks like a cassette.

    It may be damaged all the same. False of a path at which nothing can be read.
    """
    if isinstance(path_or_head, bytes):
        return _is_cassette(path_or_head[:HEAD])
    path = Path(path_or_head)
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return _is_cassette(file.read(HEAD))
    except (OSError, ValueError):
        return False


def _is_cassette(head: bytes) -> bool:
    text = head.removeprefix(_BOM)
    if text.lstrip()[:1] in (b"{", b"["):
        return _IN_JSON.search(text) is not None
    return _IN_YAML.search(text) is not None or _IN_TOML.search(text) is not None
