"""What can be said on pytest's command line and in its ini file. Of tracefork it imports the modes alone."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from ..on_tape.mode import ALIASES, MODES

OTHERS = {"recording": "pytest_recording", "vcr": "pytest_vcr", "cassetter": "cassetter"}
"""Plugins that have `@pytest.mark.vcr` and its options for themselves, and the modules that they are in."""

_MODE = """\
none: answer from the tape, and let nothing connect; once: record where there is no tape; new: answer what is
asked as before, and record what is new; all: record again; rewrite: record again, and replace the tape if
the test passes. By default none.
"""


def add_options(parser: pytest.Parser, plugins: pytest.PytestPluginManager) -> None:
    """Declare the options and the ini file's lines."""
    group = parser.getgroup("tracefork", "tapes of what tests ask models")
    group.addoption("--tracefork-mode", choices=MODES, help=_MODE)
    group.addoption("--tracefork-unused", action="store_true", help="List the tapes that no test here uses.")
    group.addoption(
        "--tracefork-fail-unused", action="store_true", help="List them, and fail if there are any."
    )
    group.addoption("--tracefork-max-age", metavar="30d", help="Warn of tapes that are older: 12h, 30d, 8w.")
    group.addoption("--tracefork-report", metavar="DIR", help="Write the page of each failing test's run.")
    if not find_other(plugins):
        group.addoption(
            "--record-mode", choices=tuple(ALIASES), help="--tracefork-mode, as pytest-recording names it."
        )
        group.addoption("--block-network", action="store_true", help="Let no test connect anywhere.")
        group.addoption("--allowed-hosts", metavar="HOSTS", help="Those that may be, with commas between.")
        group.addoption("--disable-recording", action="store_true", help="Run marked tests as if unmarked.")
    parser.addini("tracefork", "Run every test on a tape, as if it were marked.", type="bool", default=False)
    parser.addini("tracefork_mode", _MODE, default="none")


def find_other(plugins: pytest.PytestPluginManager) -> str:
    """The name of an installed plugin to which `@pytest.mark.vcr` belongs, or ""."""
    for name, module in OTHERS.items():
        if not plugins.is_blocked(name) and find_spec(module) is not None:
            return name
    return ""


def find_mode(config: pytest.Config) -> str | None:
    """The mode that the command line asks for, or None.

    Raises:
        UsageError: two options ask for different ones.
    """
    mode: str | None = config.getoption("--tracefork-mode")
    alias = ALIASES.get(config.getoption("--record-mode", default=None) or "")
    if mode and alias and mode != alias:
        raise pytest.UsageError(f"--tracefork-mode={mode} and --record-mode={alias} differ: give one")
    return mode or alias


def find_default_mode(config: pytest.Config) -> str:
    """The mode that the ini file asks for; "none" where it says nothing.

    Raises:
        UsageError: it is no mode.
    """
    mode: str = config.getini("tracefork_mode") or "none"
    return check_mode(mode, "the ini file: tracefork_mode")


def check_mode(mode: object, where: str) -> str:
    """Return the name of the mode that `mode` asks for.

    Raises:
        UsageError: it is no mode; `where` says who asked.
    """
    if not isinstance(mode, str) or mode not in ALIASES:
        raise pytest.UsageError(f"{where}: a mode is one of {', '.join(MODES)}, not {mode!r}")
    return ALIASES[mode]


def find_max_age(config: pytest.Config) -> float | None:
    """The seconds after which a tape is old, or None.

    Raises:
        UsageError: it is no time.
    """
    given: str | None = config.getoption("--tracefork-max-age")
    if given is None:
        return None
    seconds = {"h": 3_600, "d": 86_400, "w": 604_800}
    if given[-1:] not in seconds or not given[:-1].isdecimal():
        raise pytest.UsageError(f"--tracefork-max-age is a number of h, d or w, such as 30d, not {given!r}")
    return int(given[:-1]) * float(seconds[given[-1]])
