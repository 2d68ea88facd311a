"""The pytest plugin: a test that is marked asks models once, and is answered from its tape from then on.

Nothing else of tracefork is imported until a test has such a mark, or an option asks for it. What is here
are pytest's hooks; `options` says what can be told, `on_tape.run` what becomes of a test.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from ..on_tape.mode import set_mode
from .options import add_options, find_default_mode, find_max_age, find_mode, find_other
from .places import FIXTURE, name_fixture
from .reporter import Reporter, looks_for_unused

if TYPE_CHECKING:
    from ...core.tape import Tape
    from ...session.session import Session
    from ..on_tape.run import TestRun

MARKS = frozenset({"tracefork", "vcr", "block_network"})
"""What a test is marked with that is to have a run."""

RUN = pytest.StashKey["TestRun"]()
SHARED = pytest.StashKey[set[int]]()
REPORTER = pytest.StashKey[Reporter]()
NEWS = pytest.StashKey[list[Any]]()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    add_options(parser, pluginmanager)


def pytest_configure(config: pytest.Config) -> None:
    find_default_mode(config), find_max_age(config)
    if mode := find_mode(config):
        set_mode(mode)
        config.add_cleanup(lambda: set_mode("none"))
    config.addinivalue_line(
        "markers",
        "tracefork(tape=, mode=, policy=, enabled=True, **options): answer what the test asks from its tape",
    )
    config.stash[SHARED], config.stash[NEWS] = set(), []
    config.pluginmanager.register(config.stash.setdefault(REPORTER, Reporter(config)), "tracefork_reporter")
    if not find_other(config.pluginmanager):
        from . import vcr_fixtures  # noqa: PLC0415

        config.pluginmanager.register(vcr_fixtures, "tracefork_vcr")
        config.addinivalue_line("markers", "vcr(*cassettes, **options): answer the test from a cassette")
        config.addinivalue_line("markers", "block_network(allowed_hosts=()): let the test connect nowhere")
        config.addinivalue_line("markers", "default_cassette(name): the file of the test's cassette")


# -- which tests have runs ---------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    collected = list(items)
    try:
        return (yield)
    finally:
        is_for_all = config.getini("tracefork") or config.getoption("--block-network", default=False)
        if is_for_all or looks_for_unused(config) or any(map(_has_mark, collected)):
            from .collecting import give_runs  # noqa: PLC0415

            give_runs(collected, config.stash[REPORTER], config.stash[SHARED])


def _has_mark(item: pytest.Item) -> bool:
    names = {mark.name for mark in item.iter_markers()}
    return bool(names & MARKS)


@pytest.fixture(scope="session")
def tracefork_config() -> Mapping[str, Any]:
    """Options of `@pytest.mark.tracefork` for all tests that see this fixture: a dict, to be overridden."""
    return {}


@pytest.fixture
def tracefork_run(request: pytest.FixtureRequest) -> Session:
    """The test's run in progress: for `run.call`, `run.now()` and the like."""
    return _find_run(request).session


@pytest.fixture
def tape(request: pytest.FixtureRequest) -> Tape:
    """The tape that the test is answered from; where it is recorded, what has happened so far."""
    return _find_run(request).tape


@pytest.fixture(name=FIXTURE)
def _begin(request: pytest.FixtureRequest) -> None:
    from .settings import find_settings, is_vcrs  # noqa: PLC0415

    if is_vcrs(request.node):
        from .vcr import find_vcr_settings  # noqa: PLC0415

        settings = find_vcr_settings(request)
    else:
        settings = find_settings(request.node, request.getfixturevalue("tracefork_config"))
    if settings is None:
        return
    from ..on_tape.run import TestRun  # noqa: PLC0415

    run = request.node.stash[RUN] = TestRun(settings)
    request.addfinalizer(lambda: _end(request.node, run))  # noqa: PT021  no frame of ours is to be paused in a run
    run.begin()


def _end(item: pytest.Item, run: TestRun) -> None:
    from .failures import warn, warn_of_stale  # noqa: PLC0415

    warn_of_stale(run, item)  # of what fixtures asked behind the test
    run.end()
    warn(run, item)


def _find_run(request: pytest.FixtureRequest) -> TestRun:
    run: TestRun | None = request.node.stash.get(RUN, None)
    if run is None:
        raise pytest.UsageError(f"{request.node.nodeid} has no run: mark it with @pytest.mark.tracefork")
    return run


# -- what becomes of them ------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Iterator[None]:
    run = request._pyfuncitem.stash.get(RUN, None)  # noqa: SLF001
    if fixturedef.scope == "function" or (
        run is None and id(fixturedef) not in request.config.stash.get(SHARED, ())
    ):
        return (yield)
    from .collecting import asks  # noqa: PLC0415

    if not asks(fixturedef):
        return (yield)
    from .shared import setting_up  # noqa: PLC0415

    request.config.stash[REPORTER].fixtures.add(name_fixture(fixturedef.argname))
    with setting_up(fixturedef, request, run, request.config.stash[NEWS]):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    except BaseException as exc:
        run = item.stash.get(RUN, None)
        if run is not None:
            from .failures import explain  # noqa: PLC0415

            explain(run, exc, run.judge_setup)
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    run = item.stash.get(RUN, None)
    if run is None:
        return (yield)
    from .failures import explain, warn_of_stale  # noqa: PLC0415

    try:
        found = yield
    except BaseException as exc:
        explain(run, exc, run.judge_call)
        raise
    failure = run.judge_call(None)
    if failure is not None:
        raise failure
    warn_of_stale(run, item)
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    try:
        return (yield)
    except Exception as exc:
        run = item.stash.get(RUN, None)
        if run is None:
            raise
        from .failures import let_pass  # noqa: PLC0415

        if not let_pass(run, exc):
            raise
    except BaseException:  # after which pytest calls no finalizer: ours is among them
        run = item.stash.get(RUN, None)
        if run is not None:
            from .failures import cut_short  # noqa: PLC0415

            cut_short(run, item)
        raise
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    run = item.stash.get(RUN, None)
    if run is not None:
        from .failures import complete  # noqa: PLC0415

        complete(report, item, call, run, item.config.stash[NEWS])
    elif report.failed and call.excinfo and type(call.excinfo.value).__module__.startswith("tracefork"):
        from .failures import represent  # noqa: PLC0415
        from .settings import write_command  # noqa: PLC0415

        report.longrepr = represent(call.excinfo.value, call.excinfo, item, write_command(item))
    if report.when == "teardown" and (news := item.config.stash[NEWS]):
        report.tracefork = [*news]  # type: ignore[attr-defined]  # which pytest-xdist carries to who prints
        news.clear()
    if report.when == "teardown" and run is not None:
        del item.stash[RUN]  # a session of pytest keeps all items
    return report


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    if not any(type(side).__module__.startswith("tracefork.") for side in (left, right)):
        return None
    from .failures import compare  # noqa: PLC0415

    return compare(op, left, right)
