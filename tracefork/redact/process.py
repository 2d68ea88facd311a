"""The redactor of a process; and that of a run, which learns from what is set and from what is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import evolve

from ..core.surrogates import RULES
from ..core.values import Request, Response
from .by_form import patterns
from .by_form.finders import Finder
from .by_name.names import ENOUGH, SHORTEST, count_bits, find_secrets
from .by_name.sent import list_sent
from .redactor import Redactor
from .search.search import Guard
from .surrogates.vault import Vault

MOST_LEARNED = 1024
"""Secrets that one run learns from what it sends: more are there only where each question has its own."""


def redactor(
    environ: Mapping[str, str],
    *,
    known: Iterable[tuple[str, str]] = (),
    finders: Iterable[Finder] = (),
    headers: Iterable[str] = (),
    issuers: bool = True,
) -> Redactor:
    """Return the default redactor for a process with the variables `environ`.

    Args:
        environ: where the values of variables that are named as secrets (`is_secret`) are looked up.
        known: further secrets as (name, value); they add to those found.
        finders: further ways to find secrets: `emails`, `cards`, `phones`, `presidio(analyzer)` or
            one of your own.
        headers: names of further headers whose values are secrets.
        issuers: look for what looks as the keys of well-known issuers do (`patterns.found`).
    """
    given, found, also = dict(known), dict[str, str](), list[tuple[str, str]]()
    for name, value in find_secrets(environ):
        if name in found:
            also.append((name, value))
        else:
            found[name] = value
    weak = {name for name, value in found.items() if count_bits(value) < ENOUGH and name not in given}
    found |= given
    mine = {name: value for name, value in found.items() if _is_long(value)}
    more = tuple((name, value) for name, value in also if _is_long(value) and count_bits(value) >= ENOUGH)
    return Redactor(
        mine,
        finders=(*[patterns.found] * issuers, *finders),
        also=more,
        weak=frozenset(weak & mine.keys()),
        secret_headers=frozenset(name.lower() for name in headers),
        learns=True,
    )


def _is_long(value: str) -> bool:
    return len(value) >= SHORTEST and value not in "[secret:"


class Ambient:
    """Gives the redactor of a run as it is when called. What was known once is known until the run ends.

    A variable that is set within the run, by an agent that reads a file of them, is a secret
    from then on, also when it is gone again; and so is what was sent as a key, a
    password or a cookie.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        made: Redactor | None = None,
        guard: Callable[[Callable[[str], None]], Guard] | None = None,
        vault: Vault | None = None,
        rules: int = RULES,
    ) -> None:
        self.vault = vault
        """What the run met so far, and the surrogates for it; None where there are to be none."""
        self._rules = rules
        self._environ = environ
        self._fixed = made
        self._say: Callable[[str], None] | None = None
        self._unsaid: list[str] = []
        self._guard = guard(self._remark) if guard else None
        self._raw = getattr(
            environ, "_data", environ
        )  # os.environ decodes each value anew; this is asked often
        self._seen: Mapping[str, str] | None = None
        self._found: tuple[tuple[str, str], ...] | None = None
        self._learned: dict[str, str] = {}
        self._heard: dict[tuple[str, str], None] = {}
        self._counted = 0
        self._made = made or Redactor()
        self._look()

    def __call__(self) -> Redactor:
        if (self._fixed is None and self._seen != self._raw) or self._counted != len(self._learned):
            self._look()
        return self._made

    def _is_as_seen(self) -> bool:
        """True if no variable changed that may hold a secret: pytest sets one of its own at each step."""
        found = tuple(find_secrets(self._environ))
        is_same, self._found = found == self._found, found
        return is_same

    def tell(self, say: Callable[[str], None]) -> None:
        """From now on `say` what whoever looks at the run should know, and what there is to say already."""
        self._say = say
        while self._unsaid:
            say(self._unsaid.pop(0))

    def _remark(self, text: str) -> None:
        if self._say:
            self._say(text)
        else:
            self._unsaid.append(text)

    def hear(self, message: Request | Response) -> None:
        """Learn the secrets that are sent with a request, and the cookies that come with a response."""
        if isinstance(message, Request):
            pairs = (*message.headers, ("", message.url))
        else:
            pairs = tuple(pair for pair in message.headers if pair[0].lower() == "set-cookie")
        for pair in pairs:
            if pair not in self._heard:
                if len(self._heard) >= MOST_LEARNED:
                    self._heard.clear()
                self._heard[pair] = None
                self._learn(*pair)

    def _learn(self, header: str, sent: str) -> None:
        for name, value in list_sent(header, sent):
            if len(self._learned) < MOST_LEARNED and _is_long(value) and count_bits(value) >= ENOUGH:
                raw = value.encode("utf-8", "surrogatepass")
                if not any((low, high) == (0, len(raw)) for low, high, _ in patterns.found(raw)):
                    self._learned.setdefault(value, name)  # else it has a name already, wherever it stands

    def _look(self) -> None:
        learned = dict(self._learned)
        if self._fixed is None and self._seen != self._raw:
            self._seen = dict(self._raw)
            if self._is_as_seen() and self._counted == len(learned):
                return
            self._made = _merge(redactor(self._environ), self._made)
        made, known = self._made, {*self._made.known.values(), *(value for _, value in self._made.also)}
        if self.vault is not None:
            known |= {value for _, value in self.vault.known}
        for name in sorted(made.weak):
            self._remark(_WEAK.format(name))
        self._made = evolve(
            made,
            learned=tuple((name, value) for value, name in learned.items() if value not in known),
            guard=self._guard or made.guard,
            hear=self.hear if made.learns else None,
            vault=self.vault,
            rules=self._rules,
        )
        self._counted = len(learned)


def _merge(now: Redactor, was: Redactor) -> Redactor:
    """`now`, which knows what `was` known too."""
    values = {*now.known.values(), *(value for _, value in now.also)}
    gone = {name: value for name, value in was.known.items() if name not in now.known}
    other = {
        (name, value): None
        for name, value in (*was.known.items(), *was.also)
        if value not in values and name not in gone and name not in was.weak
    }
    weak = now.weak | (was.weak & gone.keys())
    return evolve(now, known={**now.known, **gone}, also=(*now.also, *other), weak=weak)


def ambient(environ: Mapping[str, str]) -> Callable[[], Redactor]:
    """Return a function that gives the redactor for `environ` as it is when called."""
    return Ambient(environ)


_WEAK = "{} has a value that may stand anywhere: it is not looked for in texts"
