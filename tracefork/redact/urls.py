"""What a URL must not say: its user and password, and parameters that are named as secrets are. Pure."""

from __future__ import annotations

import re

PARAMETERS = frozenset(
    """
    key api_key apikey api-key x-api-key subscription-key token access_token id_token refresh_token
    auth auth_token authorization secret client_secret password passwd pwd sig signature jwt credential
    x-amz-signature x-amz-credential x-amz-security-token
    """.split()
)
"""Parameters of a URL, in lower case, whose values are taken out."""

_USERINFO = re.compile(r"(?<=://)[^/?#@\s\"'<>\\]+@")

_PARAMETER = re.compile(r"(?<=[?&])([\w-]+)=([^&#\s\"'<>\\]+)")

_PLACEHOLDER = re.compile(r"\[secret:[^\[\]\s\"\\]{1,100}\]")


def without_user(text: str) -> str:
    """Return `text` without `user:password@` in its URLs."""
    return _USERINFO.sub("[secret:userinfo]@", text) if "@" in text else text


def without_parameters(text: str) -> str:
    """Return `text` without the values of PARAMETERS in its URLs."""
    return _PARAMETER.sub(_without_value, text) if "=" in text else text


def _without_value(found: re.Match[str]) -> str:
    """A parameter of a URL as it may be kept."""
    name = found[1].lower()
    if name not in PARAMETERS or _PLACEHOLDER.fullmatch(found[2]):
        return found[0]
    return f"{found[1]}=[secret:{name}]"
