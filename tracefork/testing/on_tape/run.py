"""The run of one test, or of one fixture that tests share: begun by its mode, judged, and kept as a tape."""

from __future__ import annotations

import json
import time
from typing import Any

from attrs import asdict, evolve, frozen

from ...core.machine import list_unasked
from ...core.tape import Tape
from ...core.values import Exchange, Request
from ...errors import Divergence, MissingTape, NetworkBlocked, Refused, TraceforkError, Unfinished
from ...runs.api import record, replay, rerun
from ...session.session import Session
from ...storage.tape_file import load
from .keeping import detach, keep, shorten
from .served import Stale, go_on, list_stale, read_all, serve
from .settings import Settings

NOTE = "pytest"
"""The key under which a tape's `meta` says which test it is of, and where the test itself was over."""


@frozen
class News:
    """What a run did to its tape, for the summary.

    `kept` is "recorded", "renewed", "taken away" where nothing is asked any more, "left" where the tape stays
    as it was though something else was asked, or "" where there was nothing to keep; `failed` says whether
    the test did. `served` answers are of the old tape, `asked` are new; `dropped` are the questions of the
    old one that nobody asked any more. `age` is in seconds, of a tape that is old; `stale` says where the
    test asks something else than the cassette that answers it.
    """

    place: str
    test: str
    kept: str = ""
    served: int = 0
    asked: int = 0
    dropped: tuple[str, ...] = ()
    age: float | None = None
    stale: tuple[str, ...] = ()
    failed: bool = False

    def tell(self) -> dict[str, Any]:
        """These as plain values, which pytest-xdist can carry."""
        return asdict(self)


class TestRun:
    """The run of a test. `begin`, let it ask, `judge_call` when the test itself is over, and `end`.

    `failed` says whether the test has failed already: then what it left unasked is no second failure.
    """

    __test__ = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.failed = False
        self.interrupted = False
        self.is_let_go = False
        """Whether the test was skipped, or failed as it was expected to."""
        self.is_reported = False
        """Whether the run's own failure has been reported, as that of a subtest may be."""
        self.news: tuple[News, ...] = ()
        self.stale: tuple[Stale, ...] = ()
        """What the test asked otherwise than its cassette has it, though it was answered from there."""
        self._over_at: int | None = None  # the tick at which the test itself was over
        self.recorded: Tape | None = None
        """The tape that was there before."""
        self._cassette: Tape | None = None
        self._looked_at = 0  # exchanges
        self._missing = False
        self._raised: BaseException | None = None
        self._ended = False
        self.session = self._make_session()

    @property
    def tape(self) -> Tape:
        """The tape that the run is answered from; where it is recorded, what has happened so far."""
        return self.recorded if self.recorded is not None and self.replays else self.session.tape

    @property
    def replays(self) -> bool:
        """Whether every answer is on the tape: nothing connects then."""
        mode = self.settings.mode
        return mode == "none" or (mode == "once" and self.recorded is not None)

    def begin(self) -> None:
        """Let what is asked from here on be asked of the run."""
        self.session.__enter__()

    def judge_call(self, raised: BaseException | None) -> TraceforkError | None:
        """The reason for which the test failed, if it is the run's; None if it is not, or it did not fail.

        Args:
            raised: what the test raised.
        """
        self._over_at = self.session.state.clock
        self._raised = raised
        if self.is_reported and raised is None:
            return None
        found = self.find_failure(raised)
        if found is None and raised is None and self.replays:
            found = self._find_left()
        self.failed = self.failed or raised is not None or found is not None
        if not self.failed and self.settings.policy is not None:
            self.failed = True  # unless it returns
            self.settings.policy.hold(self.session)
            self.failed = False
        return found

    def judge_setup(self, raised: BaseException) -> TraceforkError | None:
        """The reason for which a fixture failed, if it is the run's."""
        self.failed, self._raised = True, raised
        return self.find_failure(raised)

    def find_failure(self, raised: BaseException | None) -> TraceforkError | None:
        """The error of the run that `raised` comes of, or that it hides; None if there is none."""
        failure = self.session.failure or Refused.find(raised)
        if failure is None and isinstance(raised, TraceforkError):
            failure = raised
        return None if failure is None else self._translate(failure)

    def look_for_stale(self) -> tuple[Stale, ...]:
        """What was asked since the last look otherwise than its cassette has it; all of it is in `stale`."""
        cassette, again = self.settings.cassette, self.session.tape
        if self._cassette is None or cassette is None or len(again) == self._looked_at:
            return ()
        self._looked_at, known = len(again), len(self.stale)
        self.stale = tuple(list_stale(self._cassette, again, cassette.habits))
        return self.stale[known:]

    def end(self) -> None:
        """End the run, and keep its tape if the mode wants it.

        Raises:
            TraceforkError: the run has failed, and nobody has said so.
            StoreError: the tape cannot be written.
        """
        if self._ended:
            return
        self._ended = True
        try:
            self.session.__exit__(type(self._raised) if self._raised else None, self._raised, None)
        except TraceforkError as exc:
            owes_nothing = self._cassette is not None and isinstance(exc, Unfinished)
            if not self.failed and not owes_nothing:
                self.failed = True
                raise self._translate(exc) from exc.__cause__
        finally:
            self.look_for_stale()
            self.news = (self._keep(),)

    # -- below -------------------------------------------------------------------------

    def _make_session(self) -> Session:
        settings, cassette = self.settings, self.settings.cassette
        if settings.mode not in ("all", "rewrite") and not settings.offline:
            if settings.place.exists():
                self.recorded = load(settings.place)
            elif cassette is not None:
                self.recorded = self._cassette = read_all(cassette.paths)
        if self.replays:
            self._missing = self.recorded is None and not settings.offline
            if cassette is not None and self._cassette is not None:
                return serve(self._cassette, cassette.habits, **settings.of_replay())
            return replay(self.recorded or Tape(), **settings.of_replay())
        if cassette is not None and self._cassette is not None:
            return go_on(self._cassette, cassette.habits, **settings.of_rerun())
        if self.recorded is not None:
            return rerun(self.recorded, reuse="all", name="new", **settings.of_rerun())
        return record(agent_name=settings.title.rpartition("::")[2], **settings.of_recording())

    def _find_left(self) -> TraceforkError | None:
        """What the test itself left unasked; what its fixtures asked behind it is not due yet."""
        until = _read_end(self.recorded)  # of a cassette nobody knows
        state = self.session.state
        lines = state.script.lines
        left = [n for n in list_unasked(state) if until is not None and (lines[n].began or 0) < until]
        if not left:
            return None
        return Unfinished(tuple(lines[n].asked for n in left), state.script.exchanges[left[0]])

    def _translate(self, failure: TraceforkError) -> TraceforkError:
        if self.settings.offline and isinstance(failure, Divergence):
            return NetworkBlocked(failure.asked)
        if self._missing and isinstance(failure, Divergence):
            cassette = self.settings.cassette
            place = cassette.paths[0] if cassette is not None else self.settings.place
            return MissingTape(shorten(place, self.settings.start), failure.asked, self.settings.command)
        return failure

    def _keep(self) -> News:
        settings, place = self.settings, str(self.settings.place)
        if self.replays:
            age = None if self.recorded is None else time.time() - self.recorded.created_at
            is_old = age is not None and settings.max_age is not None and age > settings.max_age
            stale = tuple(map(str, self.stale))
            return News(place, settings.title, age=age if is_old else None, stale=stale)
        tape, before = self.session.tape, self.recorded
        if not tape.steps:
            is_useless = settings.place.exists() and not (self.failed or self.interrupted)
            if is_useless:
                settings.place.unlink()  # the next replay would miss what it has
            return News(place, settings.title, kept="taken away" if is_useless else "")
        origins = {step.origin for step in tape.steps}
        left = [s for s in before.exchanges if s.span.began not in origins] if before is not None else []
        served = sum(step.origin is not None for step in tape.exchanges)
        news = News(place, settings.title, "", served, len(tape) - served, tuple(map(_name, left)))
        if self.interrupted or (self.failed and (settings.mode == "rewrite" or left)):
            return evolve(news, kept="left")
        if before is not None and not left and not news.asked and tape.digest() == before.digest():
            return news
        keep(self._make_whole(tape), settings.place)
        return evolve(
            news, kept="recorded" if before is None else "renewed", failed=self.failed and not self.is_let_go
        )

    def _make_whole(self, tape: Tape) -> Tape:
        """`tape` as one that went on from no other, with a note of its test."""
        over = self.session.state.clock if self._over_at is None else self._over_at
        note = json.dumps({"test": self.session.redactor().text(self.settings.title), "over": over})
        return evolve(detach(tape), meta={**tape.meta, NOTE: note})


def _read_end(tape: Tape | None) -> int | None:
    """The tick at which the test of a tape was over; None if the tape does not say so."""
    try:
        found = json.loads(tape.meta[NOTE])["over"] if tape is not None else None
    except (KeyError, TypeError, ValueError):
        return None
    return found if isinstance(found, int) else None


def _name(step: Exchange) -> str:
    return name_question(step.request)


def name_question(question: object) -> str:
    """A question as a line of a summary has it: method and URL of a request."""
    return f"{question.method} {question.url}" if isinstance(question, Request) else repr(question)
