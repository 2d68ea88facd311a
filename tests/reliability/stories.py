"""
What a writer does to a store, what the store must hold afterwards, and what of it a cut may take.

A story is a list of acts. `Ledger` keeps which of them were begun and acknowledged, and says whether
a store that was found after a crash is one that could have come of it.
"""

from __future__ import annotations

import random
from contextlib import suppress

from tracefork.errors import CorruptTape, NotFound

APPEND, SEAL, DELETE = "append", "seal", "delete"
SEALED = b"sealed"  # as the packed chunks of stories begin
SIZES = (0, 1, 15, 40, 200, 496, 511, 512, 513, 900, 2_000, 5_000)


def story(length, seed, *, logs=3, start=None):
    """Acts on a few logs: mostly appends; seals, deletes and new beginnings among them.

    `start`: what the logs hold before, as an earlier story has left them.
    """
    chance = random.Random(seed)
    held = {name: (len(chunks), chunks[0].startswith(SEALED)) for name, chunks in (start or {}).items()}
    acts = []
    for number in range(length):
        name = f"log {chance.randrange(logs)}"
        count, sealed = held.get(name, (0, False))
        what = chance.choices((APPEND, SEAL, DELETE), (12, 1, 1 if count else 0))[0]
        if sealed:
            what = DELETE
        data = chance.randbytes(chance.choice(SIZES))
        if what == APPEND:
            acts.append((APPEND, name, count, b"%d:" % number + data))
            held[name] = (count + 1, False)
        elif what == SEAL:
            acts.append((SEAL, name, None, b"%s %d:" % (SEALED, number) + data))
            held[name] = (1, True)
        else:
            acts.append((DELETE, name, None, None))
            held.pop(name)
    return acts


def perform(backend, act):
    what, name, seq, data = act
    if what == APPEND:
        backend.append(name, seq, data)
    elif what == SEAL:
        backend.seal(name, data)
    else:
        backend.delete(name)


def after(logs, act):
    """The logs, a dict of tuples, after one more act."""
    what, name, _, data = act
    logs = dict(logs)
    if what == APPEND:
        logs[name] = (*logs.get(name, ()), data)
    elif what == SEAL:
        logs[name] = (data,)
    else:
        del logs[name]
    return logs


class Ledger:
    """The states that a store has been through; `kept` says from which on it may be found after a crash."""

    def __init__(self, acts, start=None):
        self.acts = acts
        self.states = [start or {}]
        for act in acts:
            self.states.append(after(self.states[-1], act))
        self.begun = self.acknowledged = 0

    def begin(self, number):
        self.begun = number + 1

    def acknowledge(self, number):
        self.acknowledged = number + 1

    def accept(self, found, *, power, whole):
        """Assert that what was found is what a crash at this moment may leave.

        `power`: all that was acknowledged must be there. Otherwise a suffix may be missing: of the
        `whole` history, or else of that of each log; but nothing that was there when a log was sealed.
        """
        if power:
            self._accept(found, self.acknowledged, "what was acknowledged")
        elif whole:
            self._accept(found, self._last_seal(None), "what was sealed")
        else:
            for name in {*found, *self.states[0], *(act[1] for act in self.acts[: self.begun])}:
                self._accept(_only(found, name), self._last_seal(name), f"what was sealed of {name!r}", name)

    def accept_prefixes(self, found):
        """Assert that each log is, as far as it can be read, as it may be found; what was sealed is whole."""
        for name in {*found, *self.states[0], *(act[1] for act in self.acts[: self.begun])}:
            least = self._last_seal(name)
            allowed = [state.get(name, ()) for state in self.states[least : self.begun + 1]]
            chunks = found.get(name, ())
            if not any(chunks == held[: len(chunks)] for held in allowed):
                raise AssertionError(f"{name!r} never was like this: {_brief({name: chunks})}")
            if all(len(held) == 1 and held[0].startswith(SEALED) for held in allowed):
                assert chunks == allowed[0], f"what was sealed of {name!r} is lost"

    def _accept(self, found, least, what, name=None):
        allowed = [_only(s, name) if name else s for s in self.states[least : self.begun + 1]]
        if found in allowed:
            return
        older = [_only(s, name) if name else s for s in self.states[:least]]
        if found in older:
            raise AssertionError(f"{what} is lost: {_brief(found)}, after act {least} {_brief(allowed[0])}")
        raise AssertionError(f"never was like this: {_brief(found)}; at last it was {_brief(allowed[-1])}")

    def _last_seal(self, name):
        """The number of the state after the last acknowledged seal (of log `name`, or of any)."""
        for number in range(self.acknowledged, 0, -1):
            what, of, _, _ = self.acts[number - 1]
            if what == SEAL and name in (None, of):
                return number
        return 0


def look(backend):
    """All logs with all their chunks; the listing and the logs must agree."""
    listed = dict(backend.heads())
    logs = {name: tuple(backend.chunks(name)) for name in listed}
    for name, chunks in logs.items():
        assert chunks[0].startswith(listed[name])
    return logs


def look_past_damage(backend):
    """As `look`, but a log that says that it is damaged counts for the chunks before the damage."""
    logs, heads = {}, iter(backend.heads())
    while True:
        try:
            name, _ = next(heads)
        except StopIteration:
            return logs
        except CorruptTape:
            continue
        logs[name] = ()
        with suppress(CorruptTape):
            for chunk in backend.chunks(name):
                logs[name] += (chunk,)


def held(backend, name):
    try:
        return tuple(backend.chunks(name))
    except NotFound:
        return ()


def _only(logs, name):
    return {name: logs[name]} if name in logs else {}


def _brief(logs):
    return {name: [chunk[:12] for chunk in chunks] for name, chunks in sorted(logs.items())}
