"""What commands that run agents many times share: how a good run is told, and who makes the runs."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor

from ..attribution.oracles import JsonPath, Oracle, Regex
from ..attribution.study.checks import Check, ExitedWell


def make_oracle(
    path: str, success: str, failure: str, json_path: str, check: str, *, exits: bool
) -> Oracle | str:
    """Return the oracle that these options of a shell name.

    Raises:
        ValueError: none or several are given.
    """
    given = [one for one in (path, success, failure, json_path, check, exits) if one]
    if len(given) != 1:
        raise ValueError(
            "say how to tell a good run: one of --oracle, --success, --failure, --json-path, --check "
            "and --exit-code"
        )
    if path:
        return path
    if check or exits:
        return Check(check) if check else ExitedWell()
    if success or failure:
        return Regex(success or failure, absent=bool(failure))
    where, _, value = json_path.partition("=")
    return JsonPath(where, json.loads(value) if value else True)


@contextlib.contextmanager
def open_executor(workers: int) -> Iterator[Executor | None]:
    """Give so many processes; None for one worker, which is this process."""
    if workers == 1:
        yield None
        return
    with ProcessPoolExecutor(workers) as pool:
        yield pool


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """A script that runs a hundred times prints a hundred times: none of it is shown."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
