"""Runs for catalogues, and a great many of them quickly."""

from __future__ import annotations

from attrs import evolve
from report import stories

from tracefork.backends._records import name_bytes
from tracefork.backends.sqlite import _ADD_CHUNK, _ADD_LOG, SQLiteBackend, _columns
from tracefork.codec import pack
from tracefork.core.values import RETURNED, Outcome


def run(run_id, words="Rain.", **more):
    """A run of one step, in which the model says `words`."""
    return evolve(stories.release([(words, None, None)], run_id=run_id), **more)


def many(count):
    """`count` runs of one to ten steps, a minute apart, a third of which failed."""
    whole = stories.release()
    for number in range(count):
        failed = Outcome("raised", "ValueError", f"number {number} failed")
        yield evolve(
            whole,
            run_id=f"run-{number:05}",
            agent_name=f"agent-{number % 17}",
            created_at=stories.BEGAN + 60 * number,
            steps=whole.steps[: 1 + number % 10],
            outcome=RETURNED if number % 3 else failed,
        )


def put(path, tapes):
    """Write tapes into a new SQLite store in one transaction: an fsync for each would take minutes."""
    backend = SQLiteBackend(path)
    with backend._writing("all") as db:
        for tape in tapes:
            key, data = name_bytes(tape.run_id), pack.pack(tape)
            log = db.execute(_ADD_LOG, (key,)).lastrowid
            db.execute(_ADD_CHUNK, (log, 0, *_columns(key, 0, data)))
            db.execute("UPDATE logs SET sealed = 1 WHERE id = ?", (log,))
    backend.close()


def files_of(catalogue):
    """All bytes that a catalogue has on the disk."""
    return b"".join(
        file.read_bytes() for file in sorted(catalogue.path.parent.glob(f"{catalogue.path.name}*"))
    )
