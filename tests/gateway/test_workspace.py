"""The working folder of a command: kept at each step, put back before a fork, and never lost."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracefork
from tracefork import Response
from tracefork.errors import StoreError, WorkspaceChanged, WorkspaceUnknown
from tracefork.runs.command import CommandAgent
from tracefork.runs.snapshots import Entry, Scanner, Snapshot, apply_change, restore, write_change
from tracefork.runs.workspace import find_snapshot, list_snapshots, put_back
from tracefork.testing import LoopbackServer, by_rule

PROGRAM = """
import os, pathlib, urllib.request

def ask(text):
    url = os.environ["OPENAI_BASE_URL"] + "/chat"
    with urllib.request.urlopen(urllib.request.Request(url, text.encode())) as answer:
        return answer.read().decode()

notes = pathlib.Path("notes.txt")
said = ask(notes.read_text())
notes.write_text(said)
pathlib.Path("data.bin").write_bytes(bytes(range(256)))
pathlib.Path("secret.log").write_text("ignored")
ask("then " + notes.read_text())
pathlib.Path("old.txt").unlink()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "notes.txt").write_text("first")
    (folder / "old.txt").write_text("old")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("notes.txt")
    (folder / ".gitignore").write_text("*.log\n")
    subprocess.run(["git", "init", "-q"], check=True)
    return folder


@pytest.fixture
def server():
    with LoopbackServer(by_rule(lambda asked: Response(200, (), (asked.body.upper(),)))) as server:
        yield server


@pytest.fixture
def recorded(folder, server):
    agent = CommandAgent.parse([sys.executable, "-c", PROGRAM], {"OPENAI_BASE_URL": f"{server.url}/v1"})
    agent = CommandAgent(agent.argv, agent.origins, keeps_folder=True)
    with tracefork.record(order="answers", meta=agent.meta()) as run:
        agent(run)
    return run.tape


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_each_step_has_the_files_that_it_was_asked_over(recorded, folder):
    names = ["before", "first", "second", "after"]
    found = dict(zip(names, [snapshot for _, snapshot in list_snapshots(recorded)], strict=True))

    assert [asked for asked, _ in list_snapshots(recorded)] == [0, 1, 2, 2]
    assert found["before"] == found["first"]
    assert found["second"].list_changes(found["first"]) == ("data.bin", "notes.txt")
    assert found["after"].list_changes(found["second"]) == ("old.txt",)
    assert "secret.log" not in found["after"].files
    assert find_snapshot(recorded, 1) == found["second"]
    assert tracefork.loads(tracefork.dumps(recorded)).digest() == recorded.digest()


@pytest.mark.slow
def test_a_replay_over_the_same_files_says_nothing_and_over_others_names_them(recorded, folder):
    put_back(recorded, folder)
    same = tracefork.verify(recorded, CommandAgent.of(recorded.meta))
    put_back(recorded, folder)
    (folder / "more.txt").write_text("new")
    other = tracefork.verify(recorded, CommandAgent.of(recorded.meta))

    assert same.ok and not same.remarks
    assert other.ok and any("more.txt" in remark for remark in other.remarks)


@pytest.mark.slow
def test_a_fork_begins_with_the_files_as_they_were(recorded, folder, server):
    assert (folder / "notes.txt").read_text() == "FIRST"

    changed = put_back(recorded, folder)

    assert set(changed) == {"notes.txt", "data.bin", "old.txt"}
    assert (folder / "notes.txt").read_text() == "first" and not (folder / "data.bin").exists()
    agent = CommandAgent.of(recorded.meta)
    with tracefork.fork(recorded, 1, lambda step: step.response.with_body(b"x")) as branch:
        agent(branch)
    assert [step.request.body for step in branch.tape] == [b"first", b"then FIRST"]
    assert find_snapshot(branch.tape, 1).files == find_snapshot(recorded, 1).files


@pytest.mark.slow
def test_a_file_that_the_run_does_not_know_is_not_lost(recorded, folder):
    (folder / "notes.txt").write_text("mine, and nobody else has it")
    before = read(folder)

    with pytest.raises(WorkspaceChanged, match=r"notes\.txt"):
        put_back(recorded, folder)

    assert read(folder) == before


def test_a_run_without_a_folder_says_so(server):
    with tracefork.record() as run:
        pass
    with pytest.raises(WorkspaceUnknown, match="--workspace"):
        find_snapshot(run.tape)


@pytest.mark.parametrize(
    "path", ["../outside", "/tmp/outside", ".git/config", "sub/.git/hooks/x", "a/../../b"]
)
def test_a_path_of_anybodys_tape_leads_nowhere_else(tmp_path, path):
    content = b"hostile"
    name = sha256(content).hexdigest()
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)

    assert list(restore(Snapshot({path: Entry(name)}, {name: content}), folder)) == []
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_folder_behind_a_link_is_not_written_through(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    (folder / "way").symlink_to(outside)
    name = sha256(b"x").hexdigest()

    list(restore(Snapshot({"way/file": Entry(name)}, {name: b"x"}), folder))

    assert list(outside.iterdir()) == []


@pytest.mark.slow
def test_the_shell_keeps_lists_writes_and_puts_back(folder, server):
    env = {**os.environ, "OPENAI_BASE_URL": f"{server.url}/v1"}

    def shell(*words):
        command = [sys.executable, "-m", "tracefork", *words, "--store", "../runs.db"]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    words = ["run", "--gateway", "--workspace", "--run-id", "r", "--store", "../runs.db", "--"]
    command = [sys.executable, "-m", "tracefork", *words, sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "data.bin" in shell("workspace", "r", "--at", "1").stdout.splitlines()
    assert shell("workspace", "r", "--to", "../before").returncode == 0
    assert (folder.parent / "before" / "notes.txt").read_text() == "first"
    assert (folder.parent / "before" / "run.sh").stat().st_mode & 0o100
    assert (folder.parent / "before" / "link").readlink() == Path("notes.txt")
    again = shell("verify", "r", "--workspace")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "3 files put back" in again.stderr


KEY = "sk-ant-api03-" + "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5hJ7kL9" * 2 + "-AAAAAAAA"


def keep(folder, server, program, **options):
    agent = CommandAgent.parse([sys.executable, "-c", program], {"OPENAI_BASE_URL": f"{server.url}/v1"})
    agent = CommandAgent(agent.argv, agent.origins, keeps_folder=True)
    with tracefork.record(order="answers", meta=agent.meta(), **options) as run:
        agent(run)
    return run.tape


@pytest.mark.slow
def test_a_file_with_a_secret_has_no_content_on_the_tape_and_stays_where_it_is(folder, server, monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", "a-value-that-nobody-else-has-0123456789")
    (folder / "found.txt").write_text(f"key = {KEY}")
    (folder / "known.bin").write_bytes(b"\xff\xfe" + os.environ["SHOP_API_KEY"].encode())
    tape = keep(folder, server, PROGRAM)
    dumped = "".join(draw.reading.text for draw in tape.draws)

    first = find_snapshot(tape)
    assert KEY not in dumped and {"found.txt", "known.bin"} <= first.files.keys()
    assert not {first.files[name].sha256 for name in ("found.txt", "known.bin")} & first.contents.keys()
    put_back(tape, folder)
    assert KEY in (folder / "found.txt").read_text()


@pytest.mark.slow
def test_what_is_too_long_to_be_kept_is_not_removed(folder, server):
    tape = keep(folder, server, "open('big', 'wb').write(bytes(9 * 2**20))")

    with pytest.raises(WorkspaceChanged, match="big"):
        put_back(tape, folder)
    assert (folder / "big").stat().st_size == 9 * 2**20


@pytest.mark.slow
def test_git_which_lists_the_files_is_no_process_of_the_commands(folder, server):
    assert keep(folder, server, "", strict=True, processes="refuse").escaped == ()


@pytest.mark.slow
def test_of_questions_side_by_side_each_has_a_folder(folder, server):
    here = str(Path(__file__).parent)
    program = f"import sys; sys.path.insert(0, {here!r}); import asking; asking.crowd('4', *'abcd')"
    tape = keep(folder, server, program)

    assert all(find_snapshot(tape, at).files for at in range(4))


def test_what_is_neither_file_nor_link_is_passed_over(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("x")

    assert set(Scanner(tmp_path).scan().files) == {"file"}


def test_a_folder_that_git_will_not_list_is_not_taken_whole(folder, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    with pytest.raises(StoreError, match="git cannot list"):
        Scanner(folder).scan()


def test_a_file_stands_again_where_a_folder_was(tmp_path):
    scanner = Scanner(tmp_path)
    (tmp_path / "a").write_text("file")
    before = scanner.scan()
    (tmp_path / "a").unlink()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("deeper")

    assert set(restore(before, tmp_path)) == {"a", "a/b"}
    assert (tmp_path / "a").read_text() == "file"


def test_a_content_that_is_not_what_its_name_says_is_not_written(tmp_path):
    name = sha256(b"x").hexdigest()

    assert list(restore(Snapshot({"a": Entry(name)}, {name: b"other"}), tmp_path)) == []


trees = st.dictionaries(
    st.sampled_from(["a", "b", "c/d", "c/e", "ü"]), st.binary(max_size=40) | st.text(max_size=9), max_size=4
)


@given(st.lists(trees, max_size=4))
def test_what_is_written_of_changes_is_read_back(tmp_path_factory, states):
    folder = tmp_path_factory.mktemp("folder")
    scanner, written, last = Scanner(folder), Snapshot(), Snapshot()
    for state in states:
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            path.unlink()
        for name, content in state.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(
                content if isinstance(content, bytes) else content.encode("utf-8", "replace")
            )
        found = scanner.scan()
        written = apply_change(written, write_change(last, found))
        last = Snapshot(found.files, {**last.contents, **found.contents})

        assert written.files == found.files
        assert all(entry.sha256 in written.contents for entry in found.files.values())
    target = tmp_path_factory.mktemp("target")
    list(restore(written, target))
    assert Scanner(target).scan().files == written.files
