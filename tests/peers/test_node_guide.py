"""docs/guides/an-agent-in-node.md does what it shows: its agent and its shell lines are run, in their order.

A block of `sh` is run where a block of `text` follows it, which is what it prints; `...` stands for anything.
It is run in a network namespace of loopback alone, with a scripted model that is there for what asks live,
and only then. Of the other lines every option has to exist.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker

import pytest
from peers.agents import HERE, KEYS, MODULES, PORT, ROOT, kill_all_of, wait_until
from peers.namespaces import open_namespace

PAGE = ROOT / "docs" / "guides" / "an-agent-in-node.md"
AGENT = re.compile(r"^```js\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"^```sh\n(.*?)^```\n(?:\n^```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)
LIVE = ("run", "fork", "rerun", "resume")


def list_blocks():
    """What is to be run, and what that prints; None of what is only shown."""
    return [(found[1].strip(), found[2]) for found in SHELL.finditer(PAGE.read_text())]


class Reader:
    """Somebody who does what the page says, in a fresh folder."""

    def __init__(self, namespace, folder):
        self.namespace, self.folder = namespace, folder
        tools = folder / "bin"
        tools.mkdir()
        (tools / "tracefork").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tracefork "$@"\n')
        (tools / "tracefork").chmod(0o755)
        self.work = folder / "work"
        self.work.mkdir()
        (self.work / "node_modules").symlink_to(MODULES)
        (self.work / "agent.mjs").write_text(AGENT.search(PAGE.read_text())[1])
        self.env = {
            "PATH": os.pathsep.join([str(tools), os.environ["PATH"]]),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "200",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
            "OPENAI_API_KEY": KEYS["OPENAI_API_KEY"],
            "OPENAI_BASE_URL": f"http://127.0.0.1:{PORT}/v1",
        }

    def start(self, *words, **how):
        """A process in the namespace, with what it prints in one pipe."""
        return subprocess.Popen(
            [*self.namespace.enter, *map(str, words)],
            cwd=self.work,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **how,
        )

    def serve(self):
        """The model, once it listens."""
        process = self.start(sys.executable, HERE / "planner.py", PORT, self.folder)
        assert process.stdout.readline().startswith("http")
        return process

    def carry_out(self, line):
        """What the line prints, on both ways out, in a shell."""
        verb = shlex.split(line)[1]
        if verb == "resume":
            self.be_interrupted()
        model = self.serve() if verb in LIVE else None
        try:
            process = self.start("bash", "-c", line, stderr=subprocess.STDOUT)
            if verb == "gateway":
                return self.read_addresses(process)
            printed = process.communicate(timeout=60)[0]
            assert process.returncode == 0, printed
            return printed
        finally:
            if model is not None:
                kill_all_of(model)

    def be_interrupted(self):
        """Record a run that is killed, and its agent too, before its last answer."""
        (self.folder / "asked").unlink()
        (self.folder / "hold").touch()
        model = self.serve()
        process = self.start("tracefork", "run", "--gateway", "--", "node", "agent.mjs")
        wait_until(lambda: (self.folder / "asked").exists() and self.count_asked() == 3)
        kill_all_of(process)
        kill_all_of(model)
        (self.folder / "hold").unlink()

    def count_asked(self):
        return len((self.folder / "asked").read_text().splitlines())

    def read_addresses(self, process):
        """What a gateway prints once it listens; then it is interrupted."""
        printed = "".join(process.stdout.readline() for _ in range(4))
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode == 0
        return printed


@pytest.fixture
def reader(tmp_path):
    if not (MODULES / "ai").is_dir() or shutil.which("node") is None:
        pytest.skip("there is no ai, or no node: npm install --prefix tests/peers")
    with open_namespace() as namespace:
        if namespace is None:
            pytest.skip("no network namespace can be made here")
        yield Reader(namespace, tmp_path)


@pytest.mark.peers
@pytest.mark.slow
def test_the_page_does_what_it_shows(reader):
    run = [(line, promised) for line, promised in list_blocks() if promised is not None]

    assert [shlex.split(line)[1] for line, _ in run] == "run show verify fork rerun resume gateway".split()
    for line, promised in run:
        printed = reader.carry_out(line)
        same = OutputChecker().check_output(promised, printed, ELLIPSIS | NORMALIZE_WHITESPACE)
        assert same, f"$ {line}\n{printed}"


@pytest.mark.slow
def test_what_the_page_only_shows_has_options_that_exist():
    shown = [line for block, promised in list_blocks() for line in block.splitlines() if promised is None]
    ours = [shlex.split(line.partition(" -- ")[0]) for line in shown if line.startswith("tracefork ")]

    assert len(ours) >= 5
    for _, verb, *words in ours:
        command = [sys.executable, "-m", "tracefork", verb, "--help"]
        wide = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
        told = subprocess.run(command, env=wide, capture_output=True, text=True, check=True).stdout
        for option in (word for word in words if word.startswith("--")):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", told), f"{verb} has no {option}"


def test_no_line_of_code_on_the_page_is_too_long():
    inside, lengths = False, []
    for line in PAGE.read_text().splitlines():
        inside ^= line.startswith("```")
        lengths.append(len(line) if inside else 0)

    assert max(lengths) <= 88
