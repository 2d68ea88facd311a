"""
Writers are killed, with SIGKILL, at random moments of their stories; what they left is looked at.

    python -m tests.reliability.killing --store sqlite --kills 5000

The claims: what was acknowledged is there, at most the act that was under way besides; nothing is
corrupt; opening the store again takes a second at most. This says nothing about power cuts, which
also take what the operating system holds: see `powercut`.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import struct
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from tracefork.backends import DirectoryBackend, SQLiteBackend

from .stories import Ledger, look, perform, story

OPENERS = {
    "sqlite": lambda root, durability: SQLiteBackend(root / "store.db", durability=durability),
    "directory": lambda root, durability: DirectoryBackend(root / "store", durability=durability),
}
ACKNOWLEDGED = 5  # fewer than so many acts are waited for, however slow the disk is, before a writer dies
LATEST = 0.005  # seconds that it then may live at most
ACTS = 1_000  # more than a writer lives to do
PATIENCE = 1.0  # seconds, for opening
_ACK = struct.Struct("<I")


def kill_writers(opened, kills, seed=0):
    """Kill so many; how many acts were acknowledged, how many were kept besides, the slowest opening.

    Raises:
        AssertionError: a claim is broken.
    """
    chance, held = random.Random(seed), {}
    acknowledged = besides = 0
    slowest = 0.0
    for kill in range(kills):
        acts = story(ACTS, f"{seed} {kill}", start=held)
        count = killed_writer(opened, acts, chance.randrange(ACKNOWLEDGED), chance.uniform(0, LATEST))
        ledger = Ledger(acts[: count + 1], held)
        ledger.begun, ledger.acknowledged = count + 1, count
        started = time.perf_counter()
        backend = opened()
        slowest = max(slowest, time.perf_counter() - started)
        with closing(backend):
            held = look(backend)
        ledger.accept(held, power=True, whole=True)
        acknowledged += count
        besides += held != ledger.states[count]
    assert slowest <= PATIENCE, f"opening took {slowest:.3f} s"
    return acknowledged, besides, slowest


def killed_writer(opened, acts, expected, after):
    """How many acts a writer acknowledged that was killed so many seconds after the `expected` ones."""
    back, forth = os.pipe()
    writer = os.fork()
    if writer == 0:
        os.close(back)
        try:
            _write(opened, acts, forth)
        finally:
            os._exit(1)
    os.close(forth)
    with os.fdopen(back, "rb") as acks:
        told = acks.read(expected * _ACK.size)
        time.sleep(after)
        os.kill(writer, signal.SIGKILL)
        told += acks.read()
    _, status = os.waitpid(writer, 0)
    assert os.WIFSIGNALED(status), "the writer died of itself"
    return len(told) // _ACK.size


def _write(opened, acts, forth):
    backend = opened()
    for number, act in enumerate(acts):
        perform(backend, act)
        os.write(forth, _ACK.pack(number))
    signal.pause()


def main():
    parser = argparse.ArgumentParser(description="Kill writers, many times.")
    parser.add_argument("--store", choices=OPENERS, required=True)
    parser.add_argument("--durability", choices=("process", "power"), default="process")
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        acknowledged, besides, slowest = kill_writers(
            lambda: OPENERS[options.store](Path(folder), options.durability), options.kills, options.seed
        )
    print(
        f"{options.store}, {options.durability}: {options.kills} kills, {acknowledged} acts acknowledged, "
        f"0 lost, {besides} kept that were under way, slowest opening {slowest * 1_000:.0f} ms, "
        f"{time.monotonic() - started:.0f} s"
    )
    assert acknowledged > options.kills, "the writers had no time to write"


if __name__ == "__main__":
    sys.exit(main())
