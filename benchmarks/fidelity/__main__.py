"""`python -m benchmarks.fidelity`: ask every recorder everything, keep what they said, write the page.

    python -m benchmarks.fidelity               # all, each in an environment made for it
    python -m benchmarks.fidelity tracefork     # one of them, the others as they were kept
    python -m benchmarks.fidelity --page        # the page anew, from what is kept

Environments are made with `pip`, under `--envs` (by default a temporary folder).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.progress import Progress

from benchmarks import fidelity


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("recorders", nargs="*", metavar="RECORDER", help=", ".join(fidelity.COLUMNS))
    options.add_argument("--envs", type=Path)
    options.add_argument("--page", action="store_true", help="only write the page")
    chosen = options.parse_args()
    if not chosen.page:
        with tempfile.TemporaryDirectory() as temporary:
            ask(chosen.recorders or list(fidelity.COLUMNS), chosen.envs or Path(temporary))
    fidelity.PAGE.write_text(fidelity.page(fidelity.kept()))


def ask(recorders: list[str], envs: Path) -> None:
    found = fidelity.kept()
    with Progress() as progress:
        for name in recorders:
            column = fidelity.COLUMNS[name]
            python = environment(name, column, envs)
            versions = fidelity.versions(python, column.package)
            for lib in column.libraries:
                bar = progress.add_task(f"{name}, {lib}", total=len(fidelity.probes()))
                said = {}
                for title, answer in fidelity.asked(python, name, lib):
                    said[title] = answer
                    progress.advance(bar)
                found[f"{name} / {lib}"] = fidelity.Column(versions, said)
                fidelity.keep(found)


def environment(name: str, column: fidelity.Peer, envs: Path) -> str:
    """The interpreter of an environment that holds the recorder and all libraries; ours for us."""
    if name == "tracefork":
        return sys.executable
    folder = (envs / name.replace(" ", "-")).resolve()
    if not folder.exists():
        base = shutil.which(column.python) or column.python
        subprocess.run([base, "-m", "venv", folder], check=True)
        pip = [folder / "bin" / "pip", "install", "-q", column.requirement, *fidelity.LIBRARIES]
        subprocess.run(pip, check=True)
    return str(folder / "bin" / "python")


main()
