"""Interrupts at random bytecodes: see `interrupts`. And the moments that have hung a process before."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

import tracefork
from tracefork.backends import DirectoryBackend, MemoryBackend, SQLiteBackend
from tracefork.errors import Divergence, StoreError

URL = "https://model.example/"
CLIENT = httpx.Client(transport=httpx.MockTransport(lambda r: httpx.Response(200, content=r.read())))
START = threading.Thread.start


def interrupts(count, *, timeout, seed=0):
    return subprocess.run(
        [sys.executable, "-m", "tests.reliability.interrupts", "--count", str(count), "--seed", str(seed)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.mark.slow
def test_300_interrupts_hang_nothing_leave_nothing_patched_and_lose_nothing():
    done = interrupts(300, timeout=170)

    assert done.returncode == 0, done.stderr
    assert "0 hangs, 0 patches left, 0 acknowledged steps lost" in done.stdout


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
def test_10_000_interrupts_hang_nothing_leave_nothing_patched_and_lose_nothing():
    done = interrupts(10_000, timeout=3_500, seed=1)

    assert done.returncode == 0, done.stderr


def functions():
    """The names of all functions that a recorded step, its block and its store go through, once each."""
    seen = {}

    def tracer(frame, event, arg):
        if "tracefork" in frame.f_code.co_filename and "/tests/" not in frame.f_code.co_filename:
            seen[frame.f_code] = None

    sys.settrace(tracer)
    try:
        recorded(None)
    finally:
        sys.settrace(None)
    return list(seen)


def recorded(store, before=lambda: None):
    before()
    with tracefork.record(store) as run:
        CLIENT.post(URL, content=b"one")
        run.call("pay", lambda: 1)
        run.now()


@pytest.mark.slow
def test_an_interrupt_as_any_function_of_ours_returns_leaves_nothing_behind(monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # some of them are finalizers
    codes = functions()
    hung = []
    for code in codes:

        def tracer(frame, event, arg, code=code):
            if frame.f_code is not code:
                return None

            def at(frame, event, arg):
                if event == "return":
                    sys.settrace(None)
                    raise KeyboardInterrupt
                return at

            return at

        try:
            recorded(None, before=lambda tracer=tracer: sys.settrace(tracer))
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        if threading.Thread.start is not START or tracefork.current() is not None:
            hung.append(code.co_qualname)
    assert len(codes) > 60
    assert hung == []


@pytest.fixture
def no_collector():
    """The collector of cycles stays away: an interrupt in a finalizer that it calls reaches no caller."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("make", [SQLiteBackend, DirectoryBackend, MemoryBackend])
def test_a_backend_that_was_interrupted_anywhere_takes_the_next_call(make, tmp_path):
    path = tmp_path / ("runs.db" if make is SQLiteBackend else "folder")
    backend = make() if make is MemoryBackend else make(path)
    backend.append("log", 0, b"0")

    def tracer_at(at):
        left = at

        def tracer(frame, event, arg):
            nonlocal left
            if "tracefork" not in frame.f_code.co_filename and "contextlib" not in frame.f_code.co_filename:
                return None
            frame.f_trace_opcodes = True

            def step(frame, event, arg):
                nonlocal left
                left -= 1
                if left == 0:
                    sys.settrace(None)
                    raise KeyboardInterrupt
                return step

            return step

        return tracer

    landed = 0
    for at in range(1, 2_000, 7):
        held = list(backend.chunks("log"))
        sys.settrace(tracer_at(at))
        try:
            backend.append("log", len(held), b"%d" % len(held))
            sys.settrace(None)
            break
        except KeyboardInterrupt:  # its frames are still there, and what they hold
            sys.settrace(None)
            landed += 1
            after = list(backend.chunks("log"))
            backend.append("log", len(after), b"%d" % len(after))
    held = list(backend.chunks("log"))
    backend.seal("log", b"all", chunks=len(held))

    assert landed > 10
    assert held == [b"%d" % number for number in range(len(held))]


def test_a_handler_of_a_signal_asks_in_the_middle_of_everything(tmp_path):
    """A timer that strikes half a millisecond after the last time, on the thread that asks."""
    told = []

    def handler(*_):
        run = tracefork.current()
        if run is not None and not run.is_aside() and len(told) < 200:
            told.append(run.call("tick", lambda: 1))
            len(run.tape)
        signal.setitimer(signal.ITIMER_REAL, 0.0005)  # only now: handlers may interrupt each other

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005)
    try:
        with tracefork.record(tmp_path / "runs.db", run_id="r") as run:
            until = time.monotonic() + 20
            asked = 0
            while len(told) < 20 and time.monotonic() < until:
                CLIENT.post(URL, content=b"by the agent")
                asked += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with tracefork.TapeStore.open(tmp_path / "runs.db") as store:
        tape = store.load("r")
        assert list(store.check()) == []

    assert len(told) >= 20
    assert len(tape) == asked and len(tape.effects) == len(told)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_handler_that_asks_what_only_its_own_thread_could_bring_about_is_told_at_once():
    """Python may run the handler within a weak reference's callback, where what it raises goes nowhere:
    then the agent's next question is told instead.
    """
    with tracefork.record() as run:
        CLIENT.post(URL, content=b"one")
        CLIENT.post(URL, content=b"two")

    def handler(*_):
        CLIENT.post(URL, content=b"by a handler")

    signal.signal(signal.SIGALRM, handler)
    started = time.monotonic()
    try:
        with pytest.raises(Divergence), tracefork.fork(run.tape, 1, patience=30):
            signal.setitimer(signal.ITIMER_REAL, 0.0001)
            for _ in range(10_000):
                CLIENT.post(URL, content=b"one")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    assert time.monotonic() - started < 15


def test_a_call_to_a_log_from_within_a_call_to_it_is_refused_and_not_waited_for(tmp_path):
    backend = DirectoryBackend(tmp_path / "folder")
    backend.append("log", 0, b"0")
    refused = []

    def tracer(frame, event, arg):
        if frame.f_code.co_name == "_add":
            sys.settrace(None)
            with pytest.raises(StoreError, match="middle"):
                backend.append("log", 1, b"within")
            refused.append(True)

    sys.settrace(tracer)
    backend.append("log", 1, b"1")
    sys.settrace(None)

    assert refused == [True]
    assert list(backend.chunks("log")) == [b"0", b"1"]
