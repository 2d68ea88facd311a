"""A process that records says who it is; another one can tell whether it lives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork.host.process import is_alive, mark

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody tells which process is which")


def mark_of_another(*, ends=True):
    code = "import sys; from tracefork.host.process import mark; print(mark(), flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True)
    said = process.stdout.readline().strip()
    if ends:
        process.communicate("")
    return process, said


@LINUX
def test_this_process_lives_and_its_text_tells_no_name():
    machine, pid, started = mark().split(" ")

    assert is_alive(mark()) is True
    assert int(pid) == os.getpid()
    assert len(machine) == 16
    assert os.uname().nodename not in mark()


@LINUX
def test_a_process_lives_until_it_ends_and_one_that_nobody_has_reaped_is_over():
    process, said = mark_of_another(ends=False)
    assert is_alive(said) is True
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert is_alive(said) is False
    process.communicate()
    assert is_alive(said) is False


@LINUX
def test_another_process_with_the_same_number_is_another():
    machine, pid, started = mark().split(" ")

    assert is_alive(f"{machine} {pid} {int(started) - 1}") is False
    assert is_alive(f"{machine} {pid} -") is True


@LINUX
def test_a_fork_is_another_process_than_its_parent():
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, mark().encode())
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(read, 1000).decode()

    assert said.split(" ")[1] == str(child)
    assert is_alive(said) is False


def test_of_another_machine_nothing_is_known():
    _, pid, started = mark().split(" ")

    assert is_alive(f"0123456789abcdef {pid} {started}") is None
    assert is_alive("- 1 -") is None


@given(st.text() | st.lists(st.text(max_size=5), min_size=3, max_size=3).map(" ".join))
def test_what_is_no_text_of_a_process_is_of_none(said):
    assert is_alive(said) in (None, False)
    assert is_alive(f"{mark().split(' ')[0]} {said}") in (None, False)
