"""What a URL must not say: its user and password, and parameters that are named as secrets are. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import log2
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

_TURNING = re.compile(r".*(?:page|next|prev|previous|continuation|cursor|sync|start|resume|skip)[_.-]?token")
"""Tokens that only say how to go on in a list."""

_PERHAPS = re.compile(r"(?:.*(?:api|access|auth|secret)[_.-]?)?(?:code|key|session)")
"""Names that tell one where the value is long enough for it."""

_ENOUGH = 28.0  # bits, if each letter of a value were drawn from its alphabet

_USERINFO = re.compile(r"(?<=://)[^/?#@\s\"'<>\\]+@")
_PARAMETER = re.compile(r"(?:(?<=[?&#])|(?<=&amp;)|(?<=\\u0026))([\w.%\[\]~-]{1,100})=([^&#\s\"'<>\\]+)")
_PLACEHOLDER = re.compile(r"\[secret:[^\[\]\s\"\\]{1,100}\]")
_UNNAMED = re.compile(r"[^\w.-]")


def without_user(text: str) -> str:
    """Return `text` without `user:password@` in its URLs."""
    return _USERINFO.sub("[secret:userinfo]@", text) if "@" in text else text


def without_parameters(text: str) -> str:
    """Return `text` without the values of parameters in its URLs that are named as secrets."""
    return _PARAMETER.sub(_without_value, text) if "=" in text else text


def parameters(text: str) -> Iterator[tuple[str, str]]:
    """The names and values, as they are written, of such parameters in `text`."""
    for found in _PARAMETER.finditer(text) if "=" in text else ():
        if name := _secret_name(found):
            yield name, found[2]


def passwords(text: str) -> Iterator[str]:
    """The passwords in URLs, as they are written."""
    for found in _USERINFO.finditer(text) if "@" in text else ():
        if password := found[0][:-1].partition(":")[2]:
            yield password


def _without_value(found: re.Match[str]) -> str:
    """A parameter of a URL as it may be kept."""
    name = _secret_name(found)
    return f"{found[1]}=[secret:{name}]" if name else found[0]


def _secret_name(found: re.Match[str]) -> str:
    """The name of a parameter that tells a secret, "" of another."""
    name = unquote_plus(found[1]).lower() if "%" in found[1] else found[1].lower()
    if _PLACEHOLDER.fullmatch(found[2]):
        return ""
    if _PERHAPS.fullmatch(name):
        tells = _drawn(unquote_plus(found[2])) >= _ENOUGH
    else:
        tells = name in PARAMETERS or (bool(_ALIKE.fullmatch(name)) and not _TURNING.fullmatch(name))
    return _UNNAMED.sub("", name) if tells else ""


def _drawn(value: str) -> float:
    """The bits of `value`, if each of its letters were drawn from the alphabet that they are of."""
    size = 10 * any(c.isdigit() for c in value)
    size += 26 * any(c.islower() for c in value) + 26 * any(c.isupper() for c in value)
    size += 32 * any(not c.isalnum() for c in value)
    return len(value) * log2(max(size, 2))
