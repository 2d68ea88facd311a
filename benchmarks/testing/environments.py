"""An environment for each recorder: pytest, the SDK and itself. Made with `pip`, under `.benchmarks/`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".benchmarks" / "testing"
COMMON = ("pytest==9.2.0", "anthropic==2.14.0", "httpx2==2.16.2", "pydantic==2.14.4")
RECORDERS = {
    "stub": (),
    "tracefork": (),
    "pytest-recording": ("pytest-recording==0.14.1", "vcrpy==9.4.2"),
    "cassetter": ("cassetter==0.16.1",),
}
"""What else is installed, besides ours, by recorder."""


def prepare(names: tuple[str, ...] = tuple(RECORDERS)) -> dict[str, str]:
    """The interpreters of the environments, made where they are not; ours has this checkout as it is now.

    Raises:
        CalledProcessError: pip failed; it has said why.
    """
    return {name: _prepare(name) for name in names}


def versions(python: str) -> dict[str, str]:
    """The versions of all that is installed for this interpreter."""
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    )
    return {one["name"]: one["version"] for one in json.loads(listed.stdout)}


def _prepare(name: str) -> str:
    folder = ENVIRONMENTS / name
    python, ready = str(folder / "bin" / "python"), folder / "ready"
    wanted = " ".join((*COMMON, *RECORDERS[name]))
    if not ready.exists() or ready.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        _install(python, *wanted.split(), *((str(ROOT),) if name == "tracefork" else ()))
        ready.write_text(wanted)
    elif name == "tracefork":
        _install(python, "--no-deps", "--force-reinstall", str(ROOT))
    return python


def _install(python: str, *what: str) -> None:
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *what], check=True)
