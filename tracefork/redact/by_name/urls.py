"""What a URL must not say: its user and password, and parameters that are named as secrets are. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import log2
from typing import TypeAlias
from urllib.parse import unquote_plus

PARAMETERS = frozenset(
    """
    key api_key apikey api-key x-api-key subscription-key token access_token id_token refresh_token
    auth auth_token authorization secret client_secret password passwd pwd sig signature jwt credential
    x-amz-signature x-amz-credential x-amz-security-token x-goog-credential
    ocp-apim-subscription-key functions-key passphrase passcode hmac code_verifier samlresponse
    """.split()
)
"""Parameters of a URL, in lower case, whose values are taken out; so are those that are named alike."""

_ALIKE = re.compile(r".*(?:signature|token|secret|password|assertion)|(?:.*[^a-z0-9])?sig")
"""Names that end so tell a secret, whatever their value is."""

_TURNING = re.compile(
    r".*(?:page|pagination|paging|next|prev|previous|continuation|cursor|scroll|sync|start|after|before|marker|batch"
    r"|offset|resume|skip)[_.-]?token"
)
"""Tokens that only say how to go on in a list."""

_PERHAPS = re.compile(r"(?:.*(?:api|access|auth|secret)[_.-]?)?(?:code|key|session)")
"""Names that tell one where the value is long enough for it."""

_ENOUGH = 28.0  # bits, if each letter of a value were drawn from its alphabet

_USERINFO = re.compile(rb"://([^/?#@\s\"'<>\\]+)@")
_NAMED = rb"""([\w.%\[\]~\x80-\xff-]{1,100})=([^&#\s"'<>\\]+)"""
_PARAMETER = re.compile(rb"[?&#;]" + _NAMED)  # begins with a sign: a text is scanned fast for that
_ESCAPED = re.compile(rb"\\u0026" + _NAMED)
_FIRST = re.compile(_NAMED)
_PLACEHOLDER = re.compile(rb"\[secret:[^\[\]\s\"\\]{1,100}\]")
_SEMICOLON = ord(";")
_ADDRESS = re.compile(rb"0x[0-9a-fA-F]{40}")  # of a contract, which all may know
_UNNAMED = re.compile(r"[^\w.-]")

Place: TypeAlias = "tuple[int, int]"


def find_users(text: bytes, start: int = 0) -> Iterator[Place]:
    """Where `user:password` stands in the URLs of a text, from `start` on."""
    for found in _USERINFO.finditer(text, start) if b"@" in text else ():
        if not _PLACEHOLDER.fullmatch(found[1]):
            yield found.span(1)


def find_named(text: bytes, start: int = 0) -> Iterator[tuple[str, Place]]:
    """The parameters in a text, from `start` on, that are named as secrets: name, and where the value is."""
    if b"=" not in text:
        return
    seen = [
        found
        for found in _PARAMETER.finditer(text, start)
        if text[found.start()] != _SEMICOLON or text.endswith(b"&amp", 0, found.start())
    ]
    if b"\\u0026" in text:
        seen += _ESCAPED.finditer(text, start)
    if not start and (first := _FIRST.match(text)):
        seen.append(first)
    for found in seen:
        if name := _find_secret_name(found):
            yield name, found.span(2)


def list_parameters(text: str) -> Iterator[tuple[str, str]]:
    """The names and values, as they are written, of such parameters in `text`."""
    raw = text.encode("utf-8", "surrogatepass")
    for name, (low, high) in find_named(raw):
        yield name, raw[low:high].decode("utf-8", "replace")


def list_passwords(text: str) -> Iterator[str]:
    """The passwords in URLs, as they are written."""
    raw = text.encode("utf-8", "surrogatepass")
    for low, high in find_users(raw):
        if password := raw[low:high].partition(b":")[2]:
            yield password.decode("utf-8", "replace")


def _find_secret_name(found: re.Match[bytes]) -> str:
    """The name of a parameter that tells a secret, "" of another."""
    name = found[1].decode("utf-8", "replace").lower()
    name = unquote_plus(name).lower() if "%" in name else name
    if _PLACEHOLDER.fullmatch(found[2]) or _ADDRESS.fullmatch(found[2]):
        return ""
    if _PERHAPS.fullmatch(name):
        tells = _count_drawn(unquote_plus(found[2].decode("utf-8", "replace"))) >= _ENOUGH
    else:
        tells = name in PARAMETERS or (bool(_ALIKE.fullmatch(name)) and not _TURNING.fullmatch(name))
    return _UNNAMED.sub("", name) if tells else ""


def _count_drawn(value: str) -> float:
    """The bits of `value`, if each of its letters were drawn from the alphabet that they are of."""
    size = 10 * any(c.isdigit() for c in value)
    size += 26 * any(c.islower() for c in value) + 26 * any(c.isupper() for c in value)
    size += 32 * any(not c.isalnum() for c in value)
    return len(value) * log2(max(size, 2))
