"""Runs that are still going on: their records written to a store one after the other."""

from __future__ import annotations

import sys
import time

from attrs import evolve
from report import stories

from tracefork import Tape, TapeStore
from tracefork.codec import journal
from tracefork.codec.records import Closed, Ended, Header, list_records
from tracefork.core.notes import PROCESS
from tracefork.core.values import RETURNED
from tracefork.providers import anthropic


class Growing:
    """The run of `tape` in `store`, as it is recorded: `step` lets one more of its exchanges end."""

    def __init__(self, store, tape):
        self._tape = tape
        self._left = list(list_records(tape))
        self.log = store.begin(Header.of(tape))

    def step(self, count=1):
        """Write up to and with the end of `count` more exchanges."""
        for _ in range(count):
            while self._left:
                record = self._left.pop(0)
                if isinstance(record, Closed):
                    return
                self.log.write([record])
                if isinstance(record, Ended):
                    break

    def close(self):
        """Write what is left."""
        for record in self._left:
            self.log.write([record])
        self._left.clear()

    def seal(self):
        self.log.seal(self._tape)


def elsewhere(store, run_id, process="0123456789abcdef 1 1"):
    """Let the log of a run say that another machine records it, or nobody that is known."""
    chunks = list(store.backend.chunks(run_id))
    head = journal.decode_header(chunks[0])
    store.backend.delete(run_id)
    head = evolve(head, meta={PROCESS: process} if process else {})
    for number, chunk in enumerate([journal.encode_header(head), *chunks[1:]]):
        store.backend.append(run_id, number, chunk)


def story(count, *, run_id="growing"):
    """A run of `count` steps whose history starts anew now and then."""
    return evolve(stories.repeated(count), run_id=run_id)


def uncut(count, size=400):
    """A run of `count` steps, each asked with all that was said before, `size` characters a message."""
    messages, steps = [{"role": "user", "content": "Begin."}], []
    for number in range(count):
        asked = stories.question(messages, stream=number % 2 == 1)
        steps.append(stories.exchange(asked, anthropic.text(f"Part {number}.")(asked), number))
        messages = [
            *messages,
            {"role": "assistant", "content": f"Part {number}."},
            {"role": "user", "content": f"{number} " * (size // len(f"{number} "))},
        ]
    return Tape(tuple(steps), run_id="growing", agent_name="counter", created_at=1.0, outcome=RETURNED)


def write(where, count, pause, lingers):
    """Record a run of `count` steps, one each `pause` seconds; print when each was on its way to the disk.

    Between the last step and the end are `lingers` seconds, in which a page can be asked what it shows.
    """
    with TapeStore.open(where) as store:
        grown = Growing(store, story(count))
        for number in range(count):
            due = time.time()
            grown.step()
            print(number, time.time(), flush=True)
            time.sleep(max(0.0, pause - (time.time() - due)))
        time.sleep(lingers)
        grown.close()
        grown.seal()
        print("over", time.time(), flush=True)


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
