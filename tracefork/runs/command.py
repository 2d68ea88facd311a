"""A command in any language as an agent: its environment has the gateway's addresses."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from attrs import field, frozen

from ..core.notes import COMMAND, ORIGINS, TLS, WORKSPACE, read_command, read_origins
from ..errors import Refused
from ..host import clocks
from ..host.descendants import list_descendants, list_names
from ..isolation.processes import nowhere
from ..runtime import lanes
from ..session.session import Session
from ..transports.gateway.addresses import find_origins, point_at
from ..transports.gateway.app import Caller, Place
from ..transports.gateway.mitm import Mitm, open_mitm
from ..transports.gateway.serving import open_gateway
from ..transports.gateway.tunnel import Tunnel
from .known import add_arguments
from .workspace import Workspace

_LOOK = 0.05  # seconds between two looks at whether the run still goes on
_GRACE = 3.0  # seconds in which a command may end by itself, before it is told to, and once it was
_GLANCE = 0.02  # seconds between two looks at what a command has started
KEY = 9  # bytes of a key


@frozen
class CommandAgent:
    """The command `argv`, whose environment's `origins` the gateway stands for.

    With `keeps_folder` the working folder is kept with the run: see `workspace`. With `reads_tls` all that it
    asks is met by mitmproxy, whatever its base URLs are.

    Called with a run it returns once the command has exited with 0. Its tools are its own: they run for
    real, in a replay too.
    """

    argv: tuple[str, ...]
    origins: Mapping[str, str] = field(repr=False)
    keeps_folder: bool = False
    reads_tls: bool = False

    @classmethod
    def parse(cls, words: Sequence[str], env: Mapping[str, str]) -> Self:
        """Return the agent that `words` are, with whom the variables of `env` stand for.

        Raises:
            ValueError: there are none.
        """
        if not words:
            raise ValueError("say which command to run: -- COMMAND [ARGS...]")
        return cls(tuple(words), find_origins(env))

    @classmethod
    def of(cls, meta: Mapping[str, str]) -> Self | None:
        """Return the command of a run through the gateway, by its meta; None if it was none.

        Of an agent that was started elsewhere no words are known.
        """
        if COMMAND not in meta:
            return None
        return cls(read_command(meta), recall_origins(meta), WORKSPACE in meta, TLS in meta)

    def meta(self) -> dict[str, str]:
        """Return what a run keeps of its command."""
        set_ones = [*[WORKSPACE] * self.keeps_folder, *[TLS] * self.reads_tls]
        return {COMMAND: json.dumps(self.argv), **note_origins(self.origins), **dict.fromkeys(set_ones, "on")}

    def check(self) -> None:
        """Look before a run is begun.

        Raises:
            ValueError: the run was not made by a command.
            FileNotFoundError: there is no such command.
        """
        if not self.argv:
            raise ValueError("this run's agent was started elsewhere: say which command to run, after --")
        if shutil.which(self.argv[0]) is None:
            raise FileNotFoundError(f"there is no command {self.argv[0]!r}")

    def __call__(self, run: Session) -> None:
        """Run it to its end, with what it asks put to `run`; once the run has failed, it is ended.

        Raises:
            SystemExit: it exited with another code than 0; of a signal it is 128 and its number.
        """
        key = secrets.token_urlsafe(KEY)
        workspace = Workspace(run, Path.cwd()) if self.keeps_folder else None
        place = Place(run, look=None if workspace is None else workspace.look_in_loop)

        def find_place(caller: Caller) -> Place:
            check_key(caller.key == key)
            return place

        def tunnel(base: str) -> Tunnel:
            return Tunnel(run, f"{base}/{key}", Path(self.argv[0]).name)

        with open_gateway(find_place, tunnel=tunnel) as opened, lanes.aside(), ExitStack() as more:
            base = f"{opened.base}/{key}"
            mitm = more.enter_context(open_mitm(base)) if self.reads_tls else None
            self._look(workspace, run)
            env = self.make_environment(base, opened.proxy, run, mitm)
            argv = add_arguments(self.argv, env)
            process = subprocess.Popen(argv, env=env, stdout=_find_stdout())  # noqa: S603  it is the user's
            watch = _Watch(process)
            try:
                with _ending_when_told(), watch:
                    code = _wait(process, run, watch)
            finally:
                for name in watch.seen.values():
                    run.escape("process", name, certain=False, site=Path(self.argv[0]).name)
            self._look(workspace, run)
        if code:
            raise SystemExit(code if code > 0 else 128 - code)

    def _look(self, workspace: Workspace | None, run: Session) -> None:
        if workspace is not None and not run.failure:
            with lanes.within(lanes.Strand(run, foreign=True)):
                workspace.look()

    def make_environment(self, base: str, proxy: str, run: Session, mitm: Mitm | None) -> dict[str, str]:
        """Return the environment for the command: the same in a replay, but for other ways out of it."""
        env = dict(os.environ) if run.live else _lead_nowhere(run)
        if mitm is not None:
            return mitm.trust(point_at(base, mitm.proxy, self.origins, env, overrule=True))
        return point_at(base, proxy, self.origins, env, overrule=not run.live)


def _lead_nowhere(run: Session) -> dict[str, str]:
    """Our own environment, with every way out that it names leading nowhere; none is added to it."""
    kept = {*os.environ, "NO_PROXY", "no_proxy"}
    return {name: value for name, value in nowhere(os.environ, run.allowed).items() if name in kept}


def check_key(is_known: bool) -> None:  # noqa: FBT001  it is one
    """Let nobody in who was not told the key.

    Raises:
        Refused: he was not.
    """
    if not is_known:
        why = "its address has not the key of this run: take the base URL that the run gives"
        raise Refused("a request", "the gateway", why=why)


def _find_stdout() -> Any:
    """Where the command prints: to what stands for our own standard output; nowhere if that is no file."""
    try:
        return sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return subprocess.DEVNULL


def note_origins(origins: Mapping[str, str]) -> dict[str, str]:
    """Return what a run through the gateway keeps of whom its variables stood for: no user, no password."""
    return {ORIGINS: json.dumps({name: _drop_user(url) for name, url in origins.items()})}


def recall_origins(meta: Mapping[str, str]) -> dict[str, str]:
    """Return whom the variables stood for, with the user and password that our environment has for them."""
    now = find_origins(os.environ)
    kept = read_origins(meta)
    return {name: now[name] if _drop_user(now.get(name, "")) == url else url for name, url in kept.items()}


def _drop_user(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


class _Watch:
    """Looks which processes a command starts, in a thread of its own; one that ends at once may be missed."""

    def __init__(self, process: subprocess.Popen[Any]) -> None:
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="tracefork-descendants", daemon=True)
        self.seen = dict[int, str]()
        """Their pids, and the names that they had last."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(_GLANCE):
            self.seen.update(list_descendants(self._process.pid))

    def end(self) -> int:
        """Ask the process to end, and all that it started; then make them; return its exit code."""
        below = list_descendants(self._process.pid)
        for sent in (signal.SIGTERM, signal.SIGKILL):
            own = [self._process.pid] if self._process.poll() is None else []
            for pid in (*own, *below):
                with suppress(OSError):
                    os.kill(pid, sent)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
            below = {pid: name for pid, name in list_names(below).items() if name == below[pid]}
        return self._process.wait()


@contextmanager
def _ending_when_told() -> Iterator[None]:
    """A block in which SIGTERM is a SystemExit, so that the command ends with us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait(process: subprocess.Popen[Any], run: Session, watch: _Watch) -> int:
    """Wait until the process ends; end it where the run has failed, and with whoever is interrupted here."""
    failed = None
    try:
        while True:
            try:
                return process.wait(_LOOK)
            except subprocess.TimeoutExpired:
                failed = failed or (clocks.monotonic() if run.failure else None)
                if failed and clocks.monotonic() - failed > _GRACE:
                    return watch.end()
    except BaseException:
        watch.end()
        raise
