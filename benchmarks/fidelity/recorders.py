"""One face for four recorders. Each is used as its own documentation says, with its defaults.

A recorder is imported when it is used: this file runs where only one of them is installed.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any


class Recorder(ABC):
    """What a probe needs. Inside `record` and `replay`, `client` makes clients that are recorded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def record(self) -> Any: ...

    @abstractmethod
    def replay(self) -> Any: ...

    def client(self, lib: Any, **options: Any) -> Any:
        return lib.Client(**options)

    def aclient(self, lib: Any, **options: Any) -> Any:
        return lib.AsyncClient(**options)

    def uuid(self) -> str:
        """A fresh id by the means that the recorder gives an agent; its own where it gives none."""
        return str(import_module("uuid").uuid4())

    @contextmanager
    def after_a_crash(self) -> Iterator[None]:
        """`replay` of what a killed recording left; raises where nothing can be read."""
        with self.replay():
            yield

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


class OfRuns(Recorder):
    """A recorder of whole runs: it has tools, a verification and a store as well."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._lock, self._store_of_all = threading.Lock(), None

    def _shared(self, opened: Callable[[], Any]) -> Any:
        with self._lock:
            self._store_of_all = self._store_of_all or opened()
            return self._store_of_all

    @abstractmethod
    def tool(self, fn: Callable[[str], str]) -> Callable[[str], str]:
        """`fn` as a tool of the run."""

    @abstractmethod
    def verify(self, agent: Callable[[], object]) -> bool:
        """What it says about whether `agent` does what it did."""

    @abstractmethod
    def kept(self, run_id: str, prompts: list[str]) -> list[str]:
        """Put a run of these prompts into the one store of this process; return what it has then."""


class Ours(OfRuns):
    """tracefork, into SQLite."""

    def _store(self) -> str:
        return str(self.folder / "runs.db")

    def record(self) -> Any:
        return import_module("tracefork").record(self._store())

    def replay(self) -> Any:
        return import_module("tracefork").replay(self._tape(), patience=5)

    def _tape(self) -> Any:
        with import_module("tracefork").TapeStore.open(self._store()) as store:
            return store.load(next(iter(store.runs())).run_id)

    def uuid(self) -> str:
        return str(import_module("tracefork").current().uuid4())

    def tool(self, fn: Callable[[str], str]) -> Callable[[str], str]:
        tool: Callable[[str], str] = import_module("tracefork").tool(fn)
        return tool

    def verify(self, agent: Callable[[], object]) -> bool:
        return bool(import_module("tracefork").verify(self._tape(), agent, patience=5))

    def kept(self, run_id: str, prompts: list[str]) -> list[str]:
        its = import_module("tracefork")
        store = self._shared(lambda: its.TapeStore.open(self._store()))
        steps = [
            its.Exchange(
                its.Request("POST", "http://model/", (), prompt.encode()), its.Response(200), span=span
            )
            for n, prompt in enumerate(prompts)
            for span in [import_module("tracefork.core.values").Span(3 * n, 3 * n + 1, 3 * n + 2)]
        ]
        store.save(its.Tape(steps=tuple(steps), run_id=run_id))
        return [exchange.request.body.decode() for exchange in store.load(run_id)]


class Published(OfRuns):
    """The published tracefork 1.0.0: an explicit transport, a tape that is saved at the end."""

    @contextmanager
    def record(self) -> Iterator[None]:
        its = import_module("tracefork")
        self._begin("record", its.Tape())
        self._writer = its.CheckpointWriter(str(self.folder / "checkpoint.db"))
        self._nondet = its.RecordingNondet()
        yield
        self._tape.draws = self._nondet.draws
        self._tape.save(str(self.folder / "tape.db"))

    @contextmanager
    def replay(self) -> Iterator[None]:
        its = import_module("tracefork")
        self._begin("replay", its.Tape.load(str(self.folder / "tape.db")))
        self._nondet = its.ReplayNondet(self._tape.draws)
        yield

    @contextmanager
    def after_a_crash(self) -> Iterator[None]:
        found, _ = import_module("tracefork").recover_checkpoint(str(self.folder / "checkpoint.db"))
        self._begin("replay", found)
        yield

    def _begin(self, mode: str, tape: Any) -> None:
        self._mode, self._tape = mode, tape
        self._transports: dict[str, Any] = {}

    def _transport(self, lib: Any, kind: str) -> Any:
        """One for all clients of a run: it counts how far the run is."""
        if kind not in self._transports:
            options: dict[str, Any] = {"response_cls": lib.Response}
            if self._mode == "record":
                inner = getattr(lib, f"{kind}HTTPTransport")()
                options |= {"inner": inner, "on_exchange": self._writer.append_exchange}
            its = getattr(import_module("tracefork"), f"{kind}TraceforkTransport")
            self._transports[kind] = its(self._mode, self._tape, **options)
        return self._transports[kind]

    def client(self, lib: Any, **options: Any) -> Any:
        return lib.Client(transport=self._transport(lib, ""), **options)

    def aclient(self, lib: Any, **options: Any) -> Any:
        return lib.AsyncClient(transport=self._transport(lib, "Async"), **options)

    def uuid(self) -> str:
        said: str = self._nondet.new_uuid_hex()
        return said

    def tool(self, fn: Callable[[str], str]) -> Callable[[str], str]:
        seam = import_module("tracefork.tools").NativeToolSeam(self._tape, self._mode)
        tool: Callable[[str], str] = seam.tool("tool")(fn)
        return tool

    def verify(self, agent: Callable[[], object]) -> bool:
        """Its ReplayVerifier, which gives the agent an Anthropic client over the replaying transport."""
        its = import_module("tracefork")
        tape = its.Tape.load(str(self.folder / "tape.db"))

        def driven(client: Any) -> object:
            self.client = lambda lib, **_: client._client  # type: ignore[method-assign]  # noqa: ARG005, SLF001
            return agent()

        return bool(its.ReplayVerifier(tape, driven).verify().bit_exact)

    def kept(self, run_id: str, prompts: list[str]) -> list[str]:
        its = import_module("tracefork")
        store = self._shared(lambda: its.TapeStore(str(self.folder / "store.db")))
        store.save_tape(its.Tape(exchanges=[(prompt.encode(), b"said") for prompt in prompts]), run_id=run_id)
        return [asked.decode() for asked, _ in store.load_tape(run_id).exchanges]


class Vcr(Recorder):
    """vcrpy, with its defaults."""

    def record(self) -> Any:
        return import_module("vcr").use_cassette(str(self.folder / "tape.yaml"), record_mode="all")

    def replay(self) -> Any:
        return import_module("vcr").use_cassette(str(self.folder / "tape.yaml"), record_mode="none")


class Cassetter(Recorder):
    """cassetter, with its defaults."""

    def record(self) -> Any:
        return import_module("cassetter").use_cassette(self.folder / "tape.yaml", record_mode="all")

    def replay(self) -> Any:
        return import_module("cassetter").use_cassette(self.folder / "tape.yaml", record_mode="none")


RECORDERS = {"tracefork": Ours, "tracefork 1.0.0": Published, "vcrpy": Vcr, "cassetter": Cassetter}
