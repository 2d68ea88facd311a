"""mitmproxy before the gateway, for programs that cannot be told another base URL.

It reads what a program encrypts, for the certificates that it makes on the spot the program is told to
trust, and asks the gateway. It runs in a process, and an environment, of its own.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

from ...errors import MissingPart, StoreError
from ...host import clocks
from . import mitm_addon

_READY = 30.0  # seconds until one that does not listen has failed
_GRACE = 5.0  # seconds in which it ends
_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO")


@frozen
class Mitm:
    """One that runs: its `proxy` URL, the certificate `authority`, and a `bundle` of that and all others."""

    proxy: str
    authority: Path
    bundle: Path

    def trust(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return `env` for a program that is to trust it; Node's own fetch is told to heed proxies."""
        return {
            **env,
            **dict.fromkeys(_BUNDLES, str(self.bundle)),
            "NODE_EXTRA_CA_CERTS": str(self.authority),
            "NODE_USE_ENV_PROXY": "1",
        }


@contextmanager
def open_mitm(base: str) -> Iterator[Mitm]:
    """Run mitmdump while the block runs, in front of the gateway at `base`, which ends with the key.

    Raises:
        MissingPart: there is no mitmdump beside this Python, nor on the PATH.
        StoreError: it did not start.
    """
    command = shutil.which(
        "mitmdump", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    )
    if command is None:
        raise MissingPart("reading what a command encrypts (--tls)", "mitmproxy", "mitm")
    with TemporaryDirectory(prefix="tracefork-mitm-") as folder:
        port = _find_port()
        words = [command, "--quiet", "--listen-host", "127.0.0.1", "--listen-port", str(port)]
        words += [
            "--set",
            f"confdir={folder}",
            "--set",
            "connection_strategy=lazy",
            "--set",
            "upstream_cert=false",
        ]
        words += ["--scripts", str(mitm_addon.__file__)]
        env = {**os.environ, "TRACEFORK_GATEWAY": base}
        process = subprocess.Popen(  # noqa: S603  found above
            words, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            authority = Path(folder) / "mitmproxy-ca-cert.pem"
            _wait_until_ready(process, port, authority)
            yield Mitm(f"http://127.0.0.1:{port}", authority, _write_bundle(authority))
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
            process.kill()
            process.wait()


def _find_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, authority: Path) -> None:
    deadline = clocks.monotonic() + _READY
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            if authority.exists():
                return
        if process.poll() is not None or clocks.monotonic() > deadline:
            raise StoreError("mitmdump did not start: run it by hand to see why")
        clocks.sleep(0.05)


def _write_bundle(authority: Path) -> Path:
    """All certificates that are trusted here, and the new one, in one file."""
    usual = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    others = Path(usual).read_text("utf-8") if usual and Path(usual).exists() else ""
    bundle = authority.with_name("bundle.pem")
    bundle.write_text(f"{others}\n{authority.read_text('utf-8')}", "utf-8")
    return bundle
