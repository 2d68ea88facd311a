"""A hypothesis state machine that compares a backend with a dict of lists."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tracefork.backends.base import Backend
from tracefork.errors import Conflict, NotFound

names = st.sampled_from(["a", "A", "..", "/etc/passwd", "nul\0", "é", "e\N{COMBINING ACUTE ACCENT}"])
payloads = st.binary(max_size=40) | st.just(b"\0" * 600)
_examples = count()


def machine(new: Callable[[Path], Backend], root: Path, *, persistent: bool) -> type[RuleBasedStateMachine]:
    """A state machine over `new`; the folders of its examples lie in `root`."""
    held = {"new": staticmethod(new), "root": root, "persistent": persistent}
    return type("BoundBackendMachine", (BackendMachine,), held)


class BackendMachine(RuleBasedStateMachine):
    """Each story is told in a folder of its own."""

    new: ClassVar[Callable[[Path], Backend]]
    root: ClassVar[Path]
    persistent: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        self.folder = self.root / f"example-{next(_examples)}"
        self.folder.mkdir()
        self.backend = type(self).new(self.folder)
        self.model: dict[str, list[bytes]] = {}
        self.sealed: set[str] = set()

    @rule(name=names, chunk=payloads)
    def append(self, name: str, chunk: bytes) -> None:
        if name not in self.sealed:
            self.backend.append(name, len(self.model.get(name, ())), chunk)
            self.model.setdefault(name, []).append(chunk)

    @rule(name=names, off=st.sampled_from([-1, 1, 2]))
    def append_out_of_turn(self, name: str, off: int) -> None:
        if name not in self.sealed:
            with pytest.raises(Conflict):
                self.backend.append(name, len(self.model.get(name, ())) + off, b"late")

    @rule(name=names, packed=payloads)
    def seal(self, name: str, packed: bytes) -> None:
        if name in self.sealed and self.model[name] != [packed]:
            with pytest.raises(Conflict):
                self.backend.seal(name, packed)
        else:
            self.backend.seal(name, packed)
            self.model[name] = [packed]
            self.sealed.add(name)

    @rule(name=names)
    def delete(self, name: str) -> None:
        if name in self.model:
            self.backend.delete(name)
            del self.model[name]
            self.sealed.discard(name)
        else:
            with pytest.raises(NotFound):
                self.backend.delete(name)

    @rule(name=names, start=st.integers(0, 4))
    def read(self, name: str, start: int) -> None:
        if name in self.model:
            assert list(self.backend.chunks(name, start)) == self.model[name][start:]
        else:
            with pytest.raises(NotFound):
                list(self.backend.chunks(name, start))

    @precondition(lambda self: self.persistent and bool(self.model))
    @rule()
    def reopen(self) -> None:
        self.backend.close()
        self.backend = type(self).new(self.folder)

    @invariant()
    def heads_agree(self) -> None:
        listed = list(self.backend.heads())

        assert len(listed) == len(self.model)
        assert dict(listed) == {name: chunks[0] for name, chunks in self.model.items()}

    def teardown(self) -> None:
        self.backend.close()
