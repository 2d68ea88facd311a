"""The exceptions of aiohttp as faults, and made again with what their texts are made of."""

from __future__ import annotations

import re
import socket
import ssl
from ast import literal_eval
from types import SimpleNamespace
from typing import Any, cast

import aiohttp as lib
from aiohttp.http_exceptions import HttpProcessingError

from ..core.values import Fault
from ..session.faults import DOTTED
from ..session.tools.effects import class_name, message_of

LATE: type[Exception] = getattr(lib, "ConnectionTimeoutError", lib.ServerTimeoutError)
"""What aiohttp makes of a connection that takes too long."""

_ERRNO = re.compile(r"(?s)\[Errno (-?\d+)\] (.*)")
_TARGET = re.compile(r"(?s)Cannot connect to (?:host (.*?):(\w+)|unix socket (.*?)) ssl:.*? \[(.*)\]")
_RESPONSE = re.compile(r"(?s)(\d+), message=(.*), url=.*")
_CERTIFICATE = re.compile(r"(?s)(\w+): (.*)")

CONNECTING = (lib.ClientConnectorError, lib.ClientHttpProxyError, lib.ServerFingerprintMismatch)
"""What is raised before anything is sent; a certificate that nobody vouches for among it."""


class Faults:
    """The exceptions that `request`, of aiohttp, may end with."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self.connecting = True
        """Whether there is no connection yet: then a timeout is told as aiohttp tells it."""

    def of(self, exc: Exception) -> Fault:
        if self.connecting and isinstance(exc, TimeoutError) and not isinstance(exc, lib.ClientOSError):
            return Fault(_path(LATE), f"Connection timeout to host {self._request.url}")
        match exc:
            case HttpProcessingError():
                return Fault(class_name(exc), f"{exc.code}, {exc.message}")
            case lib.ClientConnectorError(errno=int(errno)):
                return Fault(class_name(exc), f"[Errno {errno}] {message_of(exc)}")
        return DOTTED.of(exc)

    def make(self, fault: Fault) -> Exception:
        kind = _find(fault.kind)
        if kind is None:
            return DOTTED.make(fault)
        try:
            return self._make(kind, fault.message) or DOTTED.make(fault)
        except (
            ValueError,
            SyntaxError,
            AttributeError,
            TypeError,
        ):  # it was edited, or is of another version
            return DOTTED.make(fault)

    def is_connecting(self, fault: object) -> bool:
        """True for the fault of a request of which nothing was sent."""
        kind = _find(fault.kind) if isinstance(fault, Fault) else None
        return kind is not None and issubclass(kind, (*CONNECTING, lib.ClientSSLError))

    def _make(self, kind: type[Any], message: str) -> Exception | None:
        made: Exception | None = None
        if issubclass(kind, HttpProcessingError):
            code, _, text = message.partition(", ")
            made = HttpProcessingError(code=int(code), message=text)
        elif issubclass(kind, lib.ClientConnectorError | lib.ClientConnectorCertificateError):
            made = self._make_refused(kind, message)
        elif issubclass(kind, lib.ServerDisconnectedError):
            made = kind(message)
        elif issubclass(kind, lib.ServerFingerprintMismatch):
            made = kind(*literal_eval(message))
        elif issubclass(kind, lib.ClientResponseError) and (found := _RESPONSE.fullmatch(message)):
            status, text = int(found[1]), literal_eval(found[2])
            made = kind(self._request.request_info, (), status=status, message=text)
        elif issubclass(kind, OSError) and (found := _ERRNO.fullmatch(message)):
            made = kind(int(found[1]), found[2])
        return made

    def _make_refused(self, kind: type[Any], message: str) -> Exception | None:
        """A connection that could not be made, of `kind`."""
        coded = _ERRNO.fullmatch(message)
        errno, text = (int(coded[1]), coded[2]) if coded else (None, message)
        if (found := _TARGET.fullmatch(text)) is None:
            return None
        host, port, path, why = found.groups()
        key = self._request.connection_key
        if path is None and (key.host, str(key.port)) != (host, port):  # a proxy, or a port of another day
            key = SimpleNamespace(host=host, port=int(port), ssl=True, is_ssl=key.is_ssl)
        if issubclass(kind, lib.ClientConnectorCertificateError):
            certificate = _CERTIFICATE.fullmatch(why)
            error = getattr(ssl, certificate[1]) if certificate else ssl.SSLCertVerificationError
            problem = error(*literal_eval(certificate[2]) if certificate else (why,))
            return cast("Exception", kind(key, problem))
        cause = OSError(errno, why)
        if issubclass(kind, ssl.SSLError):
            cause = ssl.SSLError(errno, why)
        elif issubclass(kind, getattr(lib, "ClientConnectorDNSError", ())):
            cause = socket.gaierror(errno, why)
        return cast("Exception", kind(key, cause) if path is None else kind(path, key, cause))


def _find(path: str) -> type[Exception] | None:
    """The exception of aiohttp that a fault's kind names, or None."""
    module, _, name = path.rpartition(".")
    if module == HttpProcessingError.__module__:
        return HttpProcessingError
    kind = getattr(lib, name, None) if module.partition(".")[0] == lib.__name__ else None
    return kind if isinstance(kind, type) and issubclass(kind, Exception) else None


def _path(kind: type[Exception]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
