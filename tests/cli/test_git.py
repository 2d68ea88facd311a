"""Tapes in a real git: what a pull request shows of them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve

import tracefork
from tracefork import Exchange, Request, Tape
from tracefork.cli.blobs import convert
from tracefork.cli.textconv import ATTRIBUTES
from tracefork.core.values import RETURNED, Span
from tracefork.providers import anthropic
from tracefork.report import conversation, html

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")

URL = "https://api.anthropic.com/v1/messages"
ROOT = Path(tracefork.__file__).parents[1]


def tape(system="Be brief.", text="Rain, rain.", run_id="one"):
    """A poet of two turns."""
    asked = {
        "model": "a-model",
        "max_tokens": 99,
        "system": f"You are a poet.\nYou rhyme.\nYou sing.\n{system}\nWrite in English.",
    }
    turns = [{"role": "user", "content": "Write a title."}]
    steps = []
    for at, (answer, wish) in enumerate(((text, "Write a poem."), ("Go away.", ""))):
        body = json.dumps({**asked, "messages": turns}).encode()
        request = Request("POST", URL, (("content-type", "application/json"),), body)
        steps.append(
            Exchange(request, anthropic.text(answer)(request), "", Span(3 * at, 3 * at + 1, 3 * at + 2))
        )
        turns = [*turns, {"role": "assistant", "content": answer}, {"role": "user", "content": wish}]
    return Tape(tuple(steps), run_id=run_id, agent_name="poet", outcome=RETURNED)


class Repository:
    """A repository in a folder, and a shell in which `tracefork` is not to be found by its name."""

    def __init__(self, folder):
        self.folder = folder
        self.environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
            "HOME": str(folder.parent),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
            "LC_ALL": "C", "PYTHONIOENCODING": "latin-1",
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def run(self, *words, code=0, cwd=None):
        done = subprocess.run(
            words,
            cwd=cwd or self.folder,
            env=self.environ,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, done.stderr.decode()
        return done.stdout.decode()

    def git(self, *words, code=0):
        return self.run("git", *words, code=code)

    def tracefork(self, *words, code=0, cwd=None):
        return self.run(sys.executable, "-m", "tracefork", *words, code=code, cwd=cwd)

    def commit(self, what="a change"):
        self.git("add", "-A")
        self.git("commit", "-qm", what)

    def save(self, kept, name="poet.tape"):
        tracefork.save(kept, self.folder / name)


@pytest.fixture
def repository(tmp_path):
    made = Repository(tmp_path / "a repository")
    (made.folder / ".gitattributes").write_text(f"{ATTRIBUTES}\n")
    made.git("config", "diff.tracefork.textconv", f"'{sys.executable}' -m tracefork textconv")
    made.save(tape())
    made.commit("first")
    return made


def changed(diff):
    """The lines that were added and taken away."""
    return [
        line for line in diff.splitlines() if line.startswith(("+", "-")) and line[:4] not in ("+++ ", "--- ")
    ]


WORD = ["-  Be brief.", "+  Be silly."]


@pytest.mark.slow
def test_a_word_of_a_prompt_is_a_line_in_diff_log_and_show(repository):
    repository.save(tape("Be silly.", run_id="two"))
    diff = repository.git("diff")

    assert changed(diff) == WORD
    assert "@@ system:" in diff  # what the line stands in, and nothing was set up for it

    repository.commit("second")

    assert changed(repository.git("show")) == WORD
    assert changed(repository.git("log", "-p", "-1")) == WORD
    assert changed(repository.git("diff", "HEAD~1", "--", "poet.tape")) == WORD
    assert "Be {+silly.+}" in repository.git("show", "--word-diff").replace("[-brief.-]", "")


def test_another_recording_of_the_same_has_no_line(repository):
    repository.save(evolve(tape(run_id="two"), created_at=9.0))

    assert repository.git("status", "--porcelain") == " M poet.tape\n"
    assert changed(repository.git("diff")) == []


def test_a_tape_that_comes_or_goes_is_shown_whole(repository):
    repository.save(tape("Sei brief, ä€.".replace("brief", "kurz")), "two poets.tape")
    repository.commit()

    assert "+  Sei kurz, ä€." in changed(repository.git("show"))

    (repository.folder / "two poets.tape").unlink()

    assert "-  Sei kurz, ä€." in changed(repository.git("diff"))


def test_folders_and_names_with_blanks(repository):
    folder = repository.folder / "tapes of mine" / "a'b $HOME"
    folder.mkdir(parents=True)
    for text in ("Be brief.", "Be silly."):
        tracefork.save(tape(text), folder / "it's one.tape")
        repository.git("add", "-A")
        diff = repository.git("diff", "--cached")
        repository.git("commit", "-qm", text)

    assert changed(diff) == WORD


def test_line_ends_are_left_alone(repository):
    repository.git("config", "core.autocrlf", "true")
    repository.git("config", "core.safecrlf", "false")
    kept = tape("a\r\nb\n" * 9)
    repository.save(kept)
    repository.commit()
    (repository.folder / "poet.tape").unlink()
    repository.git("checkout", "--", "poet.tape")

    assert tracefork.load(repository.folder / "poet.tape") == kept


@pytest.mark.slow
def test_a_conflict_leaves_a_whole_tape_and_shows_both_sides(repository):
    repository.git("checkout", "-qb", "other")
    repository.save(tape("Be silly."))
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.save(tape("Be merry."))
    repository.commit()
    repository.git("merge", "other", code=1)

    assert tracefork.load(repository.folder / "poet.tape") == tape("Be merry.")
    assert changed(repository.git("diff", "--ours")) == []
    assert changed(repository.git("diff", "--theirs")) == ["-  Be silly.", "+  Be merry."]
    assert "Be merry." in repository.git("diff", ":2:poet.tape", ":3:poet.tape")
    assert "diff --cc poet.tape" in repository.git("diff")


BAD = {
    "damaged": lambda whole: whole[: len(whole) // 2],
    "foreign": lambda whole: b"\x00\x01 no tape\n",
    "text": lambda whole: b"hello\n",
    "empty": lambda whole: b"",
    "conflict": lambda whole: b"<<<<<<< HEAD\n" + whole + b"=======\n" + whole + b">>>>>>> other\n",
    "pointer": lambda whole: (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 12345\n"
    ),
}


@pytest.mark.slow
def test_a_file_that_is_no_tape_is_a_line_and_the_others_are_shown(repository):
    """A command that fails makes git give up: `fatal: unable to read files to diff`."""
    for name in (*BAD, "zebra"):
        repository.save(tape(), f"{name}.tape")
    repository.commit()
    for name, spoil in BAD.items():
        file = repository.folder / f"{name}.tape"
        file.write_bytes(spoil(file.read_bytes()))
    repository.save(tape("Be silly."), "zebra.tape")
    added = [line for line in changed(repository.git("diff")) if line.startswith("+")]

    assert added[-1] == WORD[1]
    assert [line.partition(":")[0] for line in added[:-1]] == [
        "+Not shown", "+Not shown", "+An empty file, no tape.",
        "+Not shown", "+A Git LFS pointer, no tape", "+Not shown",
    ]  # fmt: skip
    assert [line.split()[2].rstrip(":,") for line in added if "Not shown" in line] == [
        f"{name}.tape" for name in ("conflict", "damaged", "foreign", "text")
    ]


def test_git_gives_up_where_the_command_fails(repository):
    """Why ours does not: this is about git, and shows that the tests above can fail."""
    repository.git("config", "diff.tracefork.textconv", "false")
    repository.save(tape("Be silly."))

    assert (
        "unable to read files to diff"
        in subprocess.run(
            ["git", "diff"],
            cwd=repository.folder,
            env=repository.environ,
            capture_output=True,
            text=True,
            check=False,
        ).stderr
    )


def test_a_pointer_of_git_lfs_says_so(tmp_path):
    file = tmp_path / "p.tape"
    file.write_bytes(BAD["pointer"](b""))

    assert convert(file).decode() == (
        f"A Git LFS pointer, no tape: 12,345 bytes, sha256 {'ab' * 32}; `git lfs pull` gets them.\n"
    )


def test_a_report_has_its_conversation_too(repository):
    (repository.folder / "poet.html").write_text(html(tape()), "utf-8")

    assert repository.tracefork("textconv", "poet.html") == conversation(tape())


def test_what_is_not_there_is_an_error_of_whoever_asks(repository):
    repository.tracefork("textconv", "no.tape", code=2)


def test_what_it_prints_is_what_it_writes(repository):
    printed = repository.tracefork("git").splitlines()

    assert ATTRIBUTES in printed
    assert 'git config diff.tracefork.textconv "tracefork textconv"' in printed
    assert (repository.folder / ".gitattributes").read_text() == f"{ATTRIBUTES}\n"

    other = Repository(repository.folder.parent / "other")
    (other.folder / ".gitattributes").write_text("\n".join(printed) + "\n")  # all of it, as somebody may
    other.save(tape())
    other.git("add", "-A")

    assert "diff: tracefork" in other.git("check-attr", "diff", "poet.tape")
    assert "text: unset" in other.git("check-attr", "text", "poet.tape")
    assert "merge: binary" in other.git("check-attr", "merge", "poet.tape")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_writing_keeps_what_is_there_and_writes_once(tmp_path, end, last):
    made = Repository(tmp_path / "r")
    before = end.join(["# ours", "*.png binary", "*.tape -diff"]) + end * last
    (made.folder / ".gitattributes").write_bytes(before.encode())
    (made.folder / "sub").mkdir()
    for _ in range(2):
        made.tracefork("git", "--write", cwd=made.folder / "sub")
    expected = before.removesuffix(end) + end + ATTRIBUTES + end

    assert (made.folder / ".gitattributes").read_bytes() == expected.encode()
    assert made.git("config", "--get-all", "diff.tracefork.textconv").count("\n") == 1


def test_a_command_that_can_be_run_stays_and_another_does_not(repository):
    for there, kept in (("cat", True), ("/no/such/python -m tracefork textconv", False)):
        repository.git("config", "diff.tracefork.textconv", there)
        repository.tracefork("git", "--write")

        assert (repository.git("config", "diff.tracefork.textconv").strip() == there) is kept


def test_outside_of_a_repository_it_says_so(tmp_path):
    made = Repository(tmp_path / "r")
    shutil.rmtree(made.folder / ".git")
    made.tracefork("git")
    made.tracefork("git", "--write", code=2)
