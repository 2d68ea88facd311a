"""Where the tape of a test lies: a file name that every file system bears. Imports nothing of tracefork."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

FIXTURE = "_tracefork"
"""The fixture that begins a test's run."""

FOLDER = "tapes"
SUFFIX = ".tape"

_SHARED = re.compile(r"(?:.*\.)?(?:class|module|package|session)\.(.+?)(?:\[.*)?(?:\.teardown)?")
_OLD_STYLE = re.compile(r"_(?:xunit|unittest)_(\w+?)_fixture_")
_LIKE_A_VALUE = re.compile(r"None|True|False|nan|-?(?:inf|\d[\d.e+-]*)")
"""A text that says what a value of another type says."""
_LONGEST = 120  # characters of a name; some file systems take 143 bytes
_PLAIN = re.compile(r"[A-Za-z0-9_.\-\[\]=+,]+")
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{n}{i}" for n in ("com", "lpt") for i in range(10))})


def find_place(item: pytest.Item, named: str | os.PathLike[str] | None = None) -> Path:
    """The tape file of a test: `named`, or `tapes/<module>/[<Class>.]<test>.tape`, beside its file."""
    if named is not None:
        return Path(os.path.normpath(item.path.parent / named))
    classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    test = getattr(item, "originalname", None) or item.name
    parameters = getattr(getattr(item, "callspec", None), "id", None)
    name = ".".join([*classes, test])
    owner = getattr(item, "cls", None) or getattr(item, "module", None)
    mixed = test if owner is not None and test in _find_twins(owner) else ""
    return find_folder(item.path) / make_name(name, parameters, mixed=mixed)


def find_fixture_place(fixture: Any, request: Any) -> Path:
    """The tape file of a fixture that tests share: `tapes/[<module>/][<Class>.]<scope>.<fixture>.tape`.

    It is beside the module for the scopes of class and module, else beside the file that has the fixture. In
    its name are its class, or that which has it, and its parameter and those of fixtures that it needs.
    """
    node, scope = request.node, fixture.scope
    name = f"{scope}.{name_fixture(fixture.argname)}"
    file, *owners = fixture.baseid.split("::")
    if scope == "class":
        owners = [n.name for n in node.listchain() if isinstance(n, pytest.Class)]
    name = ".".join([*owners, name])
    if scope in ("class", "module"):
        folder = find_folder(node.path)
    else:
        home = request.config.rootpath / file
        folder = find_folder(home) if home.is_file() else home / FOLDER
    own = [_name_parameter(request.param, request.param_index)] if hasattr(request, "param") else []
    parameters = [*own, *_list_parameters(fixture, request._pyfuncitem)]  # noqa: SLF001  pytest has no other word for it
    return folder / make_name(name, "-".join(parameters) if parameters else None)


def _list_parameters(fixture: Any, item: Any) -> list[str]:
    """The parameters, in the test `item`, of the fixtures that `fixture` needs, and those need."""
    spec = getattr(item, "callspec", None)
    if spec is None:
        return []
    known = item._fixtureinfo.name2fixturedefs  # noqa: SLF001
    names = dict.fromkeys(fixture.argnames)
    todo = [*names]
    while todo:
        needed = [name for one in known.get(todo.pop(), ()) for name in one.argnames if name not in names]
        names |= dict.fromkeys(needed)
        todo += needed
    return [
        _name_parameter(spec.params[name], spec.indices[name])
        for name in names
        if name in spec.params and name != fixture.argname
    ]


def _name_parameter(given: object, index: int) -> str:
    """A parameter of a fixture by its value, if that is a plain one, else by its place among the others."""
    if isinstance(given, str):
        return repr(given) if _LIKE_A_VALUE.fullmatch(given) else given
    return str(given) if given is None or isinstance(given, int | float) else str(index)


def name_fixture(name: str) -> str:
    """A fixture as its author knows it: `setUpClass` and `setup_module` are fixtures to pytest."""
    found = _OLD_STYLE.match(name)
    return found[1] if found else name


def find_unused(places: Iterable[str], fixtures: Container[str], folders: Iterable[str]) -> list[Path]:
    """The tapes in `folders` that are none of `places`, the tests', and of none of `fixtures`; sorted."""
    known = {Path(one) for one in places}
    tapes = {path for folder in folders for path in (Path(folder) / FOLDER).rglob(f"*{SUFFIX}")} - known
    shared = {path: _SHARED.fullmatch(path.stem) for path in tapes}
    return sorted(path for path, match in shared.items() if match is None or match[1] not in fixtures)


def find_folder(module: Path) -> Path:
    """The folder of the tapes of one test file."""
    return module.parent / FOLDER / make_plain(module.stem)


def make_name(name: str, parameters: str | None, *, mixed: str = "") -> str:
    """The file name of a tape; different names and parameters give ones that differ in more than case."""
    if parameters is None:
        return make_plain(name, mixed=bool(mixed)) + SUFFIX
    return make_plain(f"{name}[{parameters}]", mixed=bool(mixed) or parameters != parameters.lower()) + SUFFIX


def make_plain(name: str, *, mixed: bool = False) -> str:
    """`name` where every file system bears it, else what is plain in it and a hash of it; so if `mixed`."""
    is_reserved = name.partition(".")[0].lower() in _RESERVED
    if _PLAIN.fullmatch(name) and not (mixed or is_reserved or len(name) > _LONGEST or name[0] in ".-"):
        return name
    plain = "_".join(_PLAIN.findall(name))[: _LONGEST - 9].strip(".-")
    plain = f"_{plain}" if is_reserved else plain
    return f"{plain or 'test'}-{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


_twins = dict[int, tuple[object, frozenset[str]]]()


def _find_twins(owner: object) -> frozenset[str]:
    """The names in a class or module that are others' but for case."""
    if id(owner) not in _twins:
        by_case = dict[str, list[str]]()
        for name in dir(owner):
            by_case.setdefault(name.casefold(), []).append(name)
        found = frozenset(name for names in by_case.values() if len(names) > 1 for name in names)
        _twins[id(owner)] = owner, found  # kept with it, so that no other has its id
    return _twins[id(owner)][1]
