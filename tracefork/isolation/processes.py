"""Processes that an agent starts: counted, or refused; in a replay they can ask nobody.

What another process does is not looked at. In a replay it gets an environment whose proxies and
base URLs lead nowhere, so that a client that heeds them fails at once instead of asking, and paying,
anew. `os.fork` is counted; in the child the run is left.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import dropwhile
from pathlib import PurePath
from types import FrameType
from typing import Any

from ..host.imports import find_loaded
from ..host.patching import Patches, Target
from ..runtime import lanes
from ..session import strangers
from ..session.current import current
from ..session.plan import Environment

MACHINERY = frozenset(
    {"subprocess", "os", "asyncio", "anyio", "trio", "concurrent", "multiprocessing", "tracefork"}
)
"""Packages through which others start processes."""

ASKING = frozenset({"platform", "distro", "uuid", "ctypes"})
"""Packages whose processes only ask about this machine."""

FORK = "a fork of this process"

NOWHERE = "http://127.0.0.1:9"
"""Where nobody listens: the port that discards what it is sent."""

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
BASE_URLS = tuple(
    """
    ANTHROPIC_API_URL ANTHROPIC_BASE_URL ANTHROPIC_BEDROCK_BASE_URL ANTHROPIC_VERTEX_BASE_URL
    AWS_ENDPOINT_URL AWS_ENDPOINT_URL_BEDROCK_RUNTIME AZURE_OPENAI_ENDPOINT COHERE_BASE_URL CO_API_URL
    DEEPSEEK_BASE_URL GEMINI_BASE_URL GOOGLE_GEMINI_BASE_URL GOOGLE_VERTEX_BASE_URL GROQ_BASE_URL
    LITELLM_PROXY_API_BASE MISTRAL_BASE_URL MISTRAL_SERVER_URL OLLAMA_HOST OPENAI_API_BASE
    OPENAI_BASE_URL OPENROUTER_BASE_URL TOGETHER_BASE_URL XAI_BASE_URL
    """.split()
)
"""Variables by which vendors' clients are told whom to ask."""

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_ENV = 5  # the place of the environment among the arguments of `_posixsubprocess.fork_exec`


def hold(run: object) -> None:
    """Start looking at processes, for `run`; doing it twice is harmless."""
    _patches.hold(run)


def release(run: object) -> None:
    """Stop looking for `run`; the last one leaves no trace."""
    _patches.release(run)


def _targets() -> Iterator[Target]:
    yield subprocess.Popen, "__init__", _popen
    if hasattr(os, "system"):
        yield os, "system", _system
    for name in ("posix_spawn", "posix_spawnp"):
        if hasattr(os, name):
            yield os, name, _spawn
    for name in ("fork", "forkpty"):
        if hasattr(os, name):
            yield os, name, _fork
    yield os, "execv", _execv
    yield os, "execve", _execve
    if uvloop := find_loaded("uvloop"):  # it starts processes by itself
        yield uvloop.Loop, "subprocess_exec", _by_loop
        yield uvloop.Loop, "subprocess_shell", _by_loop
    try:  # what `multiprocessing` starts its processes by, whenever it is imported
        import _posixsubprocess  # noqa: PLC0415  not on Windows
    except ImportError:
        return
    yield _posixsubprocess, "fork_exec", _fork_exec


_patches = Patches(_targets, late=frozenset({"uvloop"}))


def nowhere(env: Mapping[str, str] | None, allowed: Sequence[str] = ()) -> dict[str, str]:
    """Return `env`, or this process's environment, with proxies and base URLs that lead nowhere.

    What is `allowed` is asked without a proxy.
    """
    made = dict(os.environ if env is None else env)
    made.update(dict.fromkeys((*PROXIES, *BASE_URLS), NOWHERE))
    made.update(dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(one for one in allowed if "/" not in one)))
    return made


# -- ways to start one ---------------------------------------------------------------------


def _popen(original: Any, process: Any, args: Any, *rest: Any, **kwargs: Any) -> Any:
    if not isinstance(args, str | bytes | os.PathLike | Sequence):
        args = list(args)  # it can be read once
    if redirect := _find_redirect(args):
        place = 9  # of env among the arguments behind args
        if len(rest) > place:
            rest = (*rest[:place], redirect(rest[place]), *rest[place + 1 :])
        else:
            kwargs["env"] = redirect(kwargs.get("env"))
    return original(process, args, *rest, **kwargs)


def _system(original: Any, command: Any) -> Any:
    redirect = _find_redirect(command)
    if redirect is None or os.name != "posix":
        return original(command)
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in redirect({}).items())
    return original(os.fsencode(f"export {settings}; ") + os.fsencode(command))


def _spawn(original: Any, path: Any, argv: Any, env: Any, **kwargs: Any) -> Any:
    if not _is_subprocess(sys._getframe(2)) and (redirect := _find_redirect(path)):  # noqa: SLF001  else it was counted
        env = redirect(_decode(env))
    return original(path, argv, env, **kwargs)


def _fork_exec(original: Any, args: Any, *rest: Any) -> Any:
    """How `multiprocessing` starts a process; its tracker of resources is none of the agent's."""
    is_tracker = any(b"resource_tracker" in os.fsencode(word) for word in args)
    if not is_tracker and (redirect := _find_redirect(args)):
        settings = redirect(None)
        env = [os.fsencode(name) + b"=" + os.fsencode(value) for name, value in settings.items()]
        rest = (*rest[: _ENV - 1], env, *rest[_ENV:])
    return original(args, *rest)


def _fork(original: Any) -> Any:
    _find_redirect(FORK)
    return original()


_exec_with: Any = os.execve  # as it was before anybody replaced it


def _execv(original: Any, path: Any, argv: Any) -> Any:
    """What `os.spawnv`, `pty.spawn` and forked children become; so does this process itself."""
    redirect = _find_redirect(path)
    return original(path, argv) if redirect is None else _exec_with(path, argv, redirect(None))


def _execve(original: Any, path: Any, argv: Any, env: Any) -> Any:
    redirect = _find_redirect(argv if isinstance(path, int) else path)
    return original(path, argv, env if redirect is None else redirect(_decode(env)))


async def _by_loop(original: Any, loop: Any, factory: Any, command: Any, *args: Any, **kwargs: Any) -> Any:
    if redirect := _find_redirect(command if not args else [command, *args]):
        kwargs["env"] = redirect(kwargs.get("env"))
    return await original(loop, factory, command, *args, **kwargs)


def _is_subprocess(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__") == "subprocess"


def _decode(env: Mapping[Any, Any]) -> dict[str, str]:
    return {os.fsdecode(name): os.fsdecode(value) for name, value in env.items()}


# -- counting ------------------------------------------------------------------------------


def _find_redirect(command: Any) -> Environment | None:
    """Count a process, unless it joins its run; return what changes its environment, None if nothing does.

    In a replay it must ask nobody; one that joins asks through the run's gateway.

    Raises:
        Refused: the run is strict, or refuses processes.
    """
    if _starter() in ASKING:
        return None
    strand = lanes.current()
    if strand is None:
        replays, recordings = strangers.list_replays(), strangers.list_recordings()
        runs, certain = [*replays, *recordings], len(replays) + len(recordings) == 1
    else:
        run = None if strand.aside else current()
        runs, certain = [] if run is None else [run], True
    program = _program(command)
    if len(runs) == 1 and strand is not None and program != FORK:
        joined = runs[0].adopt(strand, program)
        if joined is not None:
            return joined
    for run in runs:
        if run.processes == "refuse" and certain:
            raise run.port.fail(run.refuse(program, "process"))
        run.escape("process", program, certain=certain)
    replay = next((run for run in runs if not run.live), None)
    return None if replay is None else partial(nowhere, allowed=replay.allowed)


def _starter() -> str:
    """The package whose code starts a process."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in MACHINERY:
            return package
        frame = frame.f_back
    return ""


def _program(command: Any) -> str:
    """The program of a command; what it is told may be secret, and so may what is set for it."""
    if not isinstance(command, bytes | str | os.PathLike):
        words = list(command)
        return PurePath(os.fsdecode(words[0])).name if words else ""
    text = os.fsdecode(command)
    if text == FORK:
        return text
    try:
        words = shlex.split(text)
    except ValueError:
        return "a shell command"
    programs = dropwhile(_ASSIGNMENT.match, words)
    return PurePath(next(programs, "")).name
