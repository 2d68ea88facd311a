"""Addresses: a run_id, which may be any text, is one segment of a path; its slashes are written `%2F`.

A path is read as it was sent: once decoded, `a%2Flive` and `a/live` could not be told apart.
"""

from __future__ import annotations

from urllib.parse import quote, unquote_to_bytes

from starlette.types import Scope

_DOTS = (".", "..")  # a browser walks these, however they are written: so a comma stands behind them


def segment(run_id: str) -> str:
    """A run_id as a segment of a path, in ASCII."""
    return f"{run_id}," if run_id in _DOTS else quote(run_id.encode("utf-8", "surrogatepass"), safe="")


def root(scope: Scope) -> str:
    """The path below which the application is mounted, "" or without a slash at its end."""
    return str(scope.get("root_path", "")).rstrip("/")


def sent(scope: Scope) -> str:
    """The path as it was sent, in ASCII."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw.partition(b"?")[0].decode("ascii", "replace")


def segments(scope: Scope) -> list[str]:
    """The path below the root of the application, segment by segment; none where it is no text."""
    above = root(scope).count("/") if scope["path"].startswith(root(scope)) else 0
    try:
        return [read_segment(part) for part in sent(scope).split("/")[1 + above :]]
    except UnicodeDecodeError:
        return []


def read_segment(part: str) -> str:
    """The run_id that is this segment of a path: what `segment` made it of."""
    text = unquote_to_bytes(part).decode("utf-8", "surrogatepass")
    return text[:-1] if part.endswith(",") and text[:-1] in _DOTS else text
