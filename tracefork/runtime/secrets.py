"""Takes secrets out of what a run matches and keeps, and puts them back into what leaves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from ..core import machine
from ..core.machine import State
from ..core.script import NEVER, Script
from ..core.surrogates import NONE
from ..core.values import Answer, Lane, Question, Request, Response
from ..errors import RedactedSecret, TraceforkError
from ..redact import Redactor
from .flight import Flight
from .halts import find_giver

T = TypeVar("T")


class Secrets:
    """Applies a run's redactor to what is matched, kept and sent, as its script requires.

    Args:
        script: the script that the run follows.
        redactor: returns the redactor that knows the secrets of this moment.
    """

    def __init__(self, script: Script, redactor: Callable[[], Redactor]) -> None:
        self._script, self._redactor = script, redactor
        self.keeps_clean = not script.lines and script.opens != NEVER
        """True if all is live: nothing is matched, and the keeper alone redacts questions."""

    def match(self, question: Question, state: State, lane: Lane) -> Question:
        """Return `question` as it is matched: redacted if there is a script; else the keeper redacts it.

        A body equal to the one that the script expects next in this lane is not searched again.
        """
        if self.keeps_clean:
            return question
        if isinstance(question, Request):
            expected = machine.find_expected(state, lane)
            if isinstance(expected, Request) and expected.kept == question.kept:
                return self._redactor().question(question, expected.kept)
        return self._redactor().question(question)

    def keep(self, flight: Flight, answer: Answer, state: State) -> Answer:
        """Return `answer` as the machine gets it: unchanged if the run goes live, when the keeper redacts.

        In a replay, and in a rerun until the agent parts, it is the recorded answer if the agent took all
        of that, whatever is a secret by now; else `answer`, redacted.
        """
        if self._script.opens != NEVER or state.live or flight.served is None:
            return answer
        served = flight.served
        return served if _is_all_of(served, answer) else self._redactor().answer(answer)

    def restore(self, request: Request) -> Request:
        """Return `request` as it must be sent: with the secrets that the script's answers had hidden.

        Raises:
            RedactedSecret: one of them is not known to this process.
        """
        try:
            return self._redactor().refill(request) if self._script.lines else request
        except TraceforkError as exc:
            raise self._name_giver(exc) from None

    def restore_arguments(self, arguments: T, tool: str) -> T:
        """Return `arguments` as a tool needs them: with the secrets that the script's answers had hidden.

        Raises:
            RedactedSecret: one of them is not known to this process.
        """
        if not self._script.lines:
            return arguments
        try:
            return cast("T", self._redactor().refill_value(arguments, tool))
        except TraceforkError as exc:
            raise self._name_giver(exc) from None

    def replacements(self) -> Mapping[bytes, bytes]:
        """Return the replacement of each known secret in a body, by each of the secret's forms."""
        return self._redactor().replacements

    def _name_giver(self, exc: TraceforkError) -> TraceforkError:
        """Return `exc`; a RedactedSecret with the step whose answer gave the agent the surrogate."""
        if isinstance(exc, RedactedSecret) and exc.step is None:
            vault, text = self._redactor().vault, exc.surrogate or exc.placeholder
            known = vault.before if vault is not None else NONE
            exc.step = find_giver(self._script, known, text, exc.placeholder)
        return exc


def _is_all_of(served: Answer, answer: Answer) -> bool:
    """True if `answer`, what the agent took, is all of `served`: of responses, by end and lengths."""
    if isinstance(served, Response) and isinstance(answer, Response):
        return served.end == answer.end and served.lengths == answer.lengths
    return served == answer
