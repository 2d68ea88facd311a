"""Places that cannot be written: what is there is read, what would be written is a typed error."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest

import tracefork
from tracefork import TapeStore
from tracefork.errors import StoreError

client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, text="ok")))


def ask():
    client.post("https://m.example/", content="1")


SHELL = """
set -e
mount -t tmpfs tmpfs "$1"
"$2" -c "$3" "$1"
mount -o remount,ro "$1"
exec "$2" -c "$4" "$1"
"""
BEGIN = """
import sys, httpx, tracefork
from tracefork import TapeStore
from tracefork.errors import StoreError
here = sys.argv[1]
client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200, text="ok")))
def record(where, run_id):
    with tracefork.record(where, run_id=run_id) as run:
        client.post("https://m.example/", content="1")
    return run.tape
"""
FILL = """
for name in ("old.db", "old"):
    tape = record(f"{here}/{name}", "r")
tracefork.save(tape, f"{here}/old.tape")
"""
LOOK = """
def refused(what, words="ead-only"):
    try: what()
    except StoreError as error: assert words in str(error) and here in str(error), error
    else: raise AssertionError(what)
for name in ("old.db", "old"):
    with TapeStore.open(f"{here}/{name}") as store:
        assert len(store.load("r")) == 1
        assert [info.run_id for info in store.runs()] == ["r"]
        assert not list(store.check())
        tape = store.load("r")
        refused(lambda: store.delete("r"), "")
        refused(lambda: store.save(tape, "copy"), "")
    refused(lambda: record(f"{here}/{name}", "n"), "")
    refused(lambda: record(f"{here}/new-{name}", "n"))
refused(lambda: tracefork.save(tape, f"{here}/new.tape"))
refused(lambda: tracefork.save(tape, f"{here}/old.tape"))
assert len(tracefork.load(f"{here}/old.tape")) == 1
print("held")
"""


@pytest.mark.slow
def test_a_file_system_that_cannot_be_written_is_read(tmp_path):
    words = [
        "unshare",
        "-m",
        "sh",
        "-c",
        SHELL,
        "sh",
        str(tmp_path),
        sys.executable,
        BEGIN + FILL,
        BEGIN + LOOK,
    ]
    try:
        able = subprocess.run(
            ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", tmp_path], check=False, timeout=20
        )
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if able.returncode:
        pytest.skip("this user may not mount")

    done = subprocess.run(
        words,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (done.returncode, done.stdout) == (0, "held\n"), done.stderr


@pytest.fixture
def frozen():
    """Make files and folders that even root cannot change."""
    made = []

    def freeze(path):
        try:
            done = subprocess.run(["chattr", "+i", path], check=False, capture_output=True, timeout=20)
        except FileNotFoundError:
            pytest.skip("there is no chattr")
        if done.returncode:
            pytest.skip("this file system, or this user, freezes no files")
        made.append(path)

    yield freeze
    for path in reversed(made):
        subprocess.run(["chattr", "-i", path], check=True, timeout=20)


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize("name", ["old.db", "old"])
def test_a_store_that_cannot_be_written_is_read(tmp_path, frozen, name, what):
    where = tmp_path / name
    with tracefork.record(where, run_id="r") as run:
        ask()
    frozen(where if what == "file" else where.parent)

    with TapeStore.open(where) as store:
        assert store.load("r") == run.tape
        if name.endswith(".db") or what == "file":
            with pytest.raises(StoreError):
                store.save(run.tape, "copy")
    if name.endswith(".db") or what == "file":
        with pytest.raises(StoreError), tracefork.record(where, run_id="n"):
            ask()


def test_a_store_whose_journal_cannot_be_read_in_is_said_so(tmp_path, frozen):
    where = tmp_path / "in" / "old.db"
    where.parent.mkdir()
    program = textwrap.dedent(
        """
        import os, sys, httpx, tracefork
        client = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
        with tracefork.record(sys.argv[1], run_id="r"):
            client.get("https://m.example/")
            os._exit(0)
        """
    )
    subprocess.run(
        [sys.executable, "-c", program, where], check=True, timeout=60, cwd=Path(__file__).parents[2]
    )
    Path(f"{where}-shm").unlink()
    for path in (where, Path(f"{where}-wal"), where.parent):
        frozen(path)

    with pytest.raises(StoreError, match="copy both"):
        TapeStore.open(where)


@pytest.mark.skipif(sys.platform != "linux", reason="these are Linux's")
@pytest.mark.parametrize(
    "where", ["/proc/x.db", "/proc/x", "/sys/x.db", "/sys/x", "/dev/null/x.db", "/dev/null/x"]
)
def test_places_that_hold_no_files_are_a_store_error(where):
    with pytest.raises(StoreError, match=where.rpartition("/")[0]), tracefork.record(where):
        ask()


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to a folder"])
def test_a_tape_is_put_in_the_place_of_files_alone(tmp_path, kind):
    with tracefork.record() as run:
        ask()
    target = tmp_path / "x.tape"
    if kind == "pipe":
        os.mkfifo(target)
    else:
        (tmp_path / "folder").mkdir()
        target = tmp_path / "folder" if kind == "folder" else target
        if kind != "folder":
            target.symlink_to(tmp_path / "folder")

    with pytest.raises(StoreError, match="no regular file"):
        tracefork.save(run.tape, target)
    assert not target.is_file()
