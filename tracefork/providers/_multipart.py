"""Reads forms of several parts, as files are sent in them. Pure; what is no such form is an empty one."""

from __future__ import annotations

import re
from hashlib import sha256

from . import _json, base
from .messages import Media

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_PARAMETER = re.compile(r'\b(name|filename)="((?:[^"\\]|\\.)*)"')
_MOST = 10_000  # parts


def read_form(content_type: str, body: bytes) -> base.Payload:
    """The fields of a form: texts, and files as `{"file": Media}`; of one name, all in a list."""
    found = _BOUNDARY.search(content_type) if "multipart/" in content_type.lower() else None
    if found is None:
        return {}
    fields: base.Payload = {}
    for part in body.split(b"--" + found[1].strip().encode("utf-8", "replace"), _MOST)[1:]:
        head, separator, data = part.partition(b"\r\n\r\n")
        if not separator:
            continue
        headers = head.decode("utf-8", "replace")
        names = dict(_PARAMETER.findall(headers))
        name, value = (
            names.get("name", "").removesuffix("[]"),
            _read(headers, names, data.removesuffix(b"\r\n")),
        )
        old = fields.get(name)
        fields[name] = value if name not in fields else [*(old if isinstance(old, list) else [old]), value]
    return fields


def _read(headers: str, names: dict[str, str], data: bytes) -> object:
    if "filename" not in names:
        return _json.clean(data.decode("utf-8", "replace"))
    return {"file": describe(_find_type(headers), data, names["filename"])}


def describe(media_type: str, data: bytes, name: str = "") -> Media:
    """Data as a part of a message: never the data themselves."""
    kind = media_type.partition("/")[0]
    kind = kind if kind in {"image", "audio", "video"} else "document"
    return Media(kind, media_type, len(data), _json.clean(name), sha256(data).hexdigest())


def _find_type(headers: str) -> str:
    found = re.search(r"^content-type:[ \t]*([^\r\n;]+)", headers, re.IGNORECASE | re.MULTILINE)
    return found[1].strip() if found else ""
