"""Makes a test of a run: its tape, and a test file that holds the agent to it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen

from ...core.tape import Tape
from ...errors import PinRefused
from ...redact import redactor
from ...runs.agents import Agent
from ...runs.naming import resolve
from ...runs.program import COMMAND
from ...storage.tape_file import dumps
from ..policies.policy import Policy
from .agents import CommandLine, ScriptAgent, command, script
from .checks import Check, parse_check
from .places import Places, check_imports, choose_places
from .source import is_path
from .text import Planned, Starting, write_test
from .trial import try_out
from .writing import write_files


@frozen
class Pin:
    """What was written: the files of the tape and of its test, and why the test `fails`, or ""."""

    tape: Path
    test: Path
    fails: str = ""


def pin(
    tape: Tape,
    file: str | os.PathLike[str],
    *,
    agent: Agent | str | None = None,
    check: str = "",
    policy: Policy | None = None,
    prices: str | os.PathLike[str] | None = None,
    only_policy: bool = False,
    failing: bool = False,
    test: str | os.PathLike[str] | None = None,
    force: bool = False,
) -> Pin:
    """Write `tape` to `file`, and a test of it beside that, which passes as it stands.

    The agent is replayed once, offline, to see that it does. The test runs under plain `pytest`, and fails
    where the agent asks something else than it did. Both files are written, or neither is.

    Args:
        tape: a run that has ended.
        file: the tape's file, such as `tests/tapes/booking.tape`.
        agent: a function, or its path `package.module:function`; `script(...)` or `command(...)`. By default
            what `tracefork run` has started.
        check: what has to hold of the result, as text: a lambda, `lambda result: "Rome" in result`, or the
            path of a function. The result is what the agent returned, or else the last text of a model.
        policy: rules that the run has to keep, too. They are written into the test, so none is a function.
        prices: the file of the policy's own table of prices.
        only_policy: the test looks at the tape alone: it holds it to the policy, and runs no agent.
        failing: the run failed, by the check, by the policy, or because it raised: the test fails until the
            agent is mended.
        test: the test's file, by default `test_NAME.py` beside the tape.
        force: replace what is there.

    Raises:
        PinRefused: the test would not pass, not be collected or not find its agent; or, with `failing`,
            would not fail. A file is there. Nothing is written.
        BadCheck: `check` is nothing that a test could make.
        StoreError: the file system refused.
    """
    places = choose_places(file, test, force=force)
    if tape.outcome.kind == "unfinished":
        raise PinRefused("this run never came to an end: resume it first, and pin what comes of that")
    if only_policy and (policy is None or check):
        raise PinRefused("a test of the policy alone needs a policy, and has no result to check")
    if policy is not None and policy.prices is not None and prices is None:
        raise PinRefused("a test reads the policy's table of prices from a file: name it, by prices=")
    starting = None if only_policy else _find_starting(tape, agent)
    parsed = parse_check(check) if check else None
    _check_found(starting, parsed, places)
    table = None if prices is None else Path(prices).absolute()
    planned = Planned(places, starting, parsed, policy, table, failing, _find_own(Path.cwd()))
    try:
        source = write_test(planned)
    except ValueError as exc:
        raise PinRefused(f"the policy has a rule that cannot be written into a test: {exc}") from exc
    if redactor(os.environ).text(source) != source:
        raise PinRefused(
            "a secret stands in what the test would say: leave it out of the check and the words"
        )
    fails = try_out(tape, None if starting is None else _make_agent(starting), parsed, policy)
    if failing and not fails:
        raise PinRefused(
            "nothing fails: the test would pass as it stands; leave failing=True (--failing) out"
        )
    if fails and not failing:
        raise PinRefused(
            f"{fails}; failing=True (--failing) pins it so that the test fails until it is mended"
        )
    write_files({places.tape: dumps(tape), places.test: source.encode()})
    return Pin(places.tape, places.test, fails)


def _find_starting(tape: Tape, agent: Agent | str | None) -> Starting:
    here = Path.cwd()
    match agent:
        case None:
            return _find_recorded(tape, here)
        case ScriptAgent(words, cwd):
            return Starting("script", _relate(words, cwd), cwd.resolve())
        case CommandLine(words, cwd):
            return Starting("command", tuple(map(redactor(os.environ).text, words)), cwd.resolve())
        case str():
            if not is_path(agent):
                raise PinRefused(f"{agent!r} is no import path such as package.module:function")
            return Starting("function", (agent,), here)
    return Starting("function", (_find_path(agent),), here)


def _find_recorded(tape: Tape, here: Path) -> Starting:
    """How the run was started, as it says itself; secrets among the words are `[secret:NAME]` there."""
    if tape.command:
        return Starting("command", tape.command, here)
    if words := _read_words(tape.meta.get(COMMAND, "[]")):
        return Starting("script", _relate(words, here), here)
    raise PinRefused(
        "this run was not made by `tracefork run`: say what its agent is, agent= (in a shell --agent "
        "package.module:function, or a script behind --)"
    )


def _read_words(text: str) -> tuple[str, ...]:
    """The words of a recorded script; none, if the text is no list of words."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    is_one = isinstance(found, list) and all(isinstance(word, str) for word in found)
    return tuple(found) if is_one else ()


def _relate(words: tuple[str, ...], cwd: Path) -> tuple[str, ...]:
    """The words of a script, its path from the folder it runs in, and no secrets among them."""
    shown = tuple(map(redactor(os.environ).text, words))
    path = Path(shown[0])
    if path.is_absolute():
        try:
            return (Path(os.path.relpath(path.resolve(), cwd.resolve())).as_posix(), *shown[1:])
        except ValueError:  # on another drive
            return shown
    return (path.as_posix(), *shown[1:]) if os.sep != "/" else shown


def _find_path(agent: Agent) -> str:
    """The import path of a function."""
    module, inner = getattr(agent, "__module__", ""), getattr(agent, "__qualname__", "")
    path = f"{module}:{inner}"
    if not is_path(path) or module == "__main__" or resolve(path) is not agent:
        raise PinRefused(
            f"a test cannot import {agent!r:.80}: let it be a function of a module, under its name"
        )
    return path


def _check_found(starting: Starting | None, check: Check | None, places: Places) -> None:
    """See that a test finds the functions that it imports."""
    modules = [check.function.module] if check is not None and check.function is not None else []
    if starting is not None and starting.kind == "function":
        modules.append(starting.words[0].partition(":")[0])
    for module in modules:
        check_imports(module, places.test, Path.cwd())


def _find_own(here: Path) -> frozenset[str]:
    """The modules and packages in this folder, and in its `src`."""
    paths = [path for folder in (here, here / "src") if folder.is_dir() for path in folder.iterdir()]
    return frozenset(path.stem for path in paths if path.is_dir() or path.suffix == ".py")


def _make_agent(starting: Starting) -> Callable[..., Any]:
    match starting.kind:
        case "script":
            return script(*starting.words, cwd=starting.cwd)
        case "command":
            return command(*starting.words, cwd=starting.cwd)
    found: Callable[..., Any] = resolve(starting.words[0])
    return found
