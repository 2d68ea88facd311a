"""Draws the layers and packages of tracefork for docs/concepts/architecture.md, from contract and code.

`python docs/layers.py` writes them into the page, between its two comments; a test holds them equal.
"""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import tracefork

PACKAGE = Path(tracefork.__file__).parent
ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "concepts" / "architecture.md"
BEGIN, END = "<!-- drawn by docs/layers.py -->\n", "<!-- end of what is drawn -->\n"


def layers() -> list[list[str]]:
    """The packages of each layer, the highest first, as the contract in pyproject.toml has them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [contract] = [c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def describe(package: Path) -> str:
    """The first sentence of what a package, or a module, says of itself."""
    file = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text())) or ""
    return " ".join(text.partition("\n\n")[0].split())


def drawn() -> str:
    """The layers, and a line for each package and each package within one."""
    rows = []
    for layer in layers():
        for name in sorted(layer):
            top = PACKAGE / name
            rows.append(f"| **`{name}`** | {describe(top)} |")
            inner = sorted(p.parent for p in top.glob("*/**/__init__.py")) if top.is_dir() else []
            rows += [f"| `{'/'.join(p.relative_to(top.parent).parts)}` | {describe(p)} |" for p in inner]
    drawing = "\n".join(
        f"{n:2}  {'  '.join(sorted(layer))}" for n, layer in reversed([*enumerate(reversed(layers()), 1)])
    )
    table = "\n".join(["| | |", "|---|---|", *rows])
    return f"{BEGIN}```text\n{drawing}\n```\n\n## Packages\n\n{table}\n\n{END}"


def page() -> str:
    """The page, with what is drawn in its place."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return before + drawn() + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page())
