"""Says why a test failed in one sentence: step, place, both texts, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from sysconfig import get_path
from types import TracebackType
from typing import Any

import pytest
from _pytest._code.code import ExceptionChainRepr, ReprEntryNative, ReprFileLocation, ReprTraceback

from ...core.advice import in_test
from ...core.tape import Tape
from ...errors import Divergence, Stalled, TraceforkError, Unfinished
from ...storage.tape_file import write
from ..on_tape.keeping import shorten
from ..on_tape.run import TestRun, name_question
from ..on_tape.warned import OldTape, StaleCassette
from .places import FIXTURE, make_plain

_TEXT = 100  # characters of a recorded or an asked value
_DAY = 86_400
_PLACES = 20  # places where two tapes differ that are listed
_OURS = Path(__file__).parents[2]
_STDLIB = Path(get_path("stdlib"))
_INTERRUPTS = (KeyboardInterrupt, GeneratorExit, pytest.exit.Exception)
_LET_GO = (pytest.skip.Exception, pytest.xfail.Exception)


def explain(
    run: TestRun, raised: BaseException, judge_phase: Callable[[BaseException], TraceforkError | None]
) -> None:
    """Raise what made the test fail, where the run knows it: no SDK's error that wraps it hides it."""
    if isinstance(raised, _INTERRUPTS):
        run.interrupted = True
        return
    if isinstance(raised, _LET_GO):
        run.failed = run.is_let_go = True  # what it left unasked is no failure
        return
    failure = judge_phase(raised)
    if failure is None or failure is raised:
        return
    is_wrapped = TraceforkError.find(raised) is not None
    raise failure.with_traceback(raised.__traceback__) from (None if is_wrapped else raised)


def let_pass(run: TestRun, raised: BaseException) -> bool:
    """True of what is raised as a test is torn down only since its run has failed: that has been told."""
    if isinstance(raised, BaseExceptionGroup):
        return all(let_pass(run, one) for one in raised.exceptions)
    failure = run.session.failure
    return run.failed and failure is not None and type(failure).find(raised) is not None


def cut_short(run: TestRun, item: Any) -> None:
    """End a run amid the teardown of its test: it is to take in no other test, and to change no file."""
    run.failed = run.interrupted = True
    with suppress(TraceforkError):
        run.end()
    begun = item._request._fixture_defs.get(FIXTURE)  # noqa: SLF001  pytest has no other word for it
    if begun is not None:
        begun.finish(item._request)  # noqa: SLF001  or the next test would be taken to have begun


def complete(
    report: Any, item: pytest.Item, call: pytest.CallInfo[None], run: TestRun, news: list[Any]
) -> None:
    """Let the report of a phase say why it failed, if the run knows; in the end, what became of the tape."""
    run.is_let_go = run.is_let_go or hasattr(report, "wasxfail")
    if report.failed and call.excinfo is not None:
        raised = call.excinfo.value
        is_another = run.is_reported and report.when == "teardown" and TraceforkError.find(raised) is None
        failure = None if is_another else run.find_failure(raised)
        if failure is not None:
            run.is_reported = True
            report.longrepr = represent(failure, call.excinfo, item, run.settings.command)
        run.failed = True  # a unittest.TestCase raises nothing that a hook would see
    if report.when == "teardown":
        news += [one.tell() for one in run.news]
        if run.failed and (folder := item.config.getoption("--tracefork-report")):
            news.append({"test": item.nodeid, "page": _try_to_write_page(Path(folder), run, report)})


def warn(run: TestRun, item: pytest.Item) -> None:
    """Warn of a tape that is old."""
    for news in run.news:
        if news.age is not None:
            item.warn(
                OldTape(
                    f"{shorten(news.place, run.settings.start)} was recorded {news.age / _DAY:.0f} days ago"
                )
            )


def warn_of_stale(run: TestRun, item: pytest.Item) -> None:
    """Warn of what a cassette has answered that was another question.

    Raises:
        StaleCassette: warnings of that kind are errors: the test has failed.
    """
    cassette, found = run.settings.cassette, run.look_for_stale()
    if found and cassette is not None:
        failed, run.failed = run.failed, True  # unless it returns
        for stale in found:
            name = shorten(cassette.paths[0], run.settings.start)
            item.warn(StaleCassette(f"{item.nodeid} is answered by {name}, {stale}"))
        run.failed = failed


def represent(
    failure: BaseException, excinfo: pytest.ExceptionInfo[BaseException], item: pytest.Item, command: str
) -> Any:
    """What pytest prints of a failure: the test's own lines, and the sentence in its summary, too."""
    if failure is not excinfo.value:
        failure.__suppress_context__ = True
    own = _keep_of_user(excinfo.value.__traceback__)
    with in_test(command):
        cure = f"; {failure.cure}" if isinstance(failure, Divergence | Unfinished) else ""
        message = f"{type(failure).__name__}: {summarize(failure)}{cure}"
        if (
            own is None
        ):  # nothing of the test was on the way: it had gone on, or a fixture's run could not be kept
            return _show_alone(failure, message, item)
        text = item.repr_failure(pytest.ExceptionInfo.from_exception(failure.with_traceback(own)))
    crash = getattr(text, "reprcrash", None)
    if crash is not None:
        crash.message = message
    return text


def summarize(failure: BaseException) -> str:
    """A failure in one line: the step, the place and both texts before all else."""
    match failure:
        case Stalled(step=step, patience=patience, nearest=nearest):
            return f"step {step}: waited {patience:.3g} s for {name_question(nearest)}, which was never asked"
        case Divergence(step=step, difference=found) if found is not None:
            recorded, asked = _abridge(found.recorded), _abridge(found.asked)
            return f"step {step}, {found.path}: the tape has {recorded}, the test asks {asked}"
        case Divergence(step=step, asked=asked, nearest=None):
            return f"step {step}: the tape ends, and the test asks {name_question(asked)}"
        case Divergence(step=step, asked=asked, nearest=nearest):
            return f"step {step}: the tape has {name_question(nearest)}, the test asks {name_question(asked)}"
        case Unfinished(step=step, unasked=left):
            count = "a recorded question was" if len(left) == 1 else f"{len(left)} recorded questions were"
            return f"step {step}: {count} not asked, first {name_question(left[0])}"
        case _:
            return str(failure).partition("\n")[0]


def compare(op: str, left: object, right: object) -> list[str] | None:
    """What pytest prints of a comparison that failed: the verdict's words, or where two tapes differ."""
    from ...report.diff.tapes import diff  # noqa: PLC0415  most tests hold
    from ...runs.verify import Verdict  # noqa: PLC0415

    verdicts = [side for side in (left, right) if isinstance(side, Verdict)]
    if verdicts:
        return [f"{left!r} {op} {right!r}", *str(verdicts[0]).splitlines()]
    if op == "==" and isinstance(left, Tape) and isinstance(right, Tape):
        found = diff(left, right) or diff(left, right, exact=True)
        places = found.every[:_PLACES] if found else ()
        return [f"tape {left.run_id} == tape {right.run_id}", *map(str, places)]
    return None


def _show_alone(failure: BaseException, message: str, item: pytest.Item) -> object:
    """What pytest prints of a failure that no line of the test raised."""
    path, line, _ = item.reportinfo()
    lines = [f"E   {text}" for text in str(failure).splitlines()]
    place = ReprFileLocation(shorten(path, item.config.invocation_params.dir), (line or 0) + 1, message)
    entry = ReprEntryNative(
        ["\n".join(lines), f"\n\n{place.path}:{place.lineno}: {type(failure).__name__}\n"]
    )
    return ExceptionChainRepr([(ReprTraceback([entry], None, "native"), place, None)])


def _keep_of_user(traceback: TracebackType | None) -> TracebackType | None:
    """`traceback` without the frames of libraries and of this one; None if nothing is left."""
    entries = [entry for entry in _walk(traceback) if _is_of_user(Path(entry.tb_frame.f_code.co_filename))]
    kept = None
    for entry in reversed(entries):
        kept = TracebackType(kept, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return kept


def _walk(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _is_of_user(path: Path) -> bool:
    return not (path.is_relative_to(_OURS) or "site-packages" in path.parts or _STDLIB in path.parents)


def _try_to_write_page(folder: Path, run: TestRun, report: Any) -> str:
    """The file of the page that was written, which `report` has as a property then; or why there is none."""
    try:
        page = str(_write_page(folder, run))
    except (OSError, TraceforkError) as exc:  # the other tests are to run all the same
        return f"no page: {exc}"
    report.user_properties.append(("tracefork_report", page))
    return page


def _write_page(folder: Path, run: TestRun) -> Path:
    """Write the page of a run that failed; return its file."""
    from ... import report as reports  # noqa: PLC0415  most tests hold
    from ...runs.agents import Ending  # noqa: PLC0415
    from ...runs.verify import judge  # noqa: PLC0415

    verdict, tape = None, run.session.tape
    if run.recorded is not None and run.replays:
        tape = run.recorded
        verdict = judge(tape, run.session, Ending(run.session.failure))
    page = folder / f"{make_plain(run.settings.title.replace('/', '_').replace('::', '_'))}.html"
    folder.mkdir(parents=True, exist_ok=True)
    write(reports.html(tape, verified=verdict).encode(), page)
    return page.resolve()


def _abridge(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[: _TEXT - 3]}..."
