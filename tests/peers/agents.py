"""Agents in other languages: how each is run, what it calls, and the stage on which the tests run it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from peers.namespaces import Namespace
from peers.provider import CustomCall

import tracefork
from tracefork.providers import read

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MODULES = HERE / "node_modules"
PORT = 8000
"""In a namespace of its own every port is free."""

PROMPT, OTHER_PROMPT = "Find out the answer, please", "Work out the answer, please"
KEYS = {
    "ANTHROPIC_API_KEY": "sk-ant-api03-n0treal0N0treal0n0treal0N0treal0n0treal0N0treal0n0treal0-AAAAAAAA",
    "OPENAI_API_KEY": "sk-proj-n0treal1N0treal1n0treal1N0treal1n0treal1N0treal1n0treal1",
    "GEMINI_API_KEY": "AIzaSyn0treal2N0treal2n0treal2N0treal2n",
}
PATIENCE = 60
"""Seconds that a command may take."""


@frozen
class Agent:
    """A program: its packages, the words of its command, its tool, and what a fork has it call instead.

    `said` is what it prints in the end, `says_then` after the fork; `escapes` are servers that it asks past
    its base URL.
    """

    name: str
    packages: tuple[str, ...]
    words: tuple[str, ...]
    model: str
    tool: str
    said: str = "sun"
    instead: dict[str, str] | None = None
    says_then: str = "fog"
    version_in_url: bool = False
    escapes: frozenset[str] = frozenset()

    @property
    def version(self) -> str:
        """The packages and the versions that are installed."""
        files = [MODULES / package / "package.json" for package in self.packages]
        about = [json.loads(file.read_text()) for file in files]
        return ", ".join(f"{one['name']} {one['version']}" for one in about)

    @property
    def is_there(self) -> bool:
        return all((MODULES / one).is_dir() for one in self.packages) and shutil.which("node") is not None


OTHERWISE = "echo seven > answer.txt; cat answer.txt"


def _own(name: str, packages: tuple[str, ...], file: str, model: str, **more) -> Agent:
    """One of the small agents in `node/`, on a framework."""
    words = ("node", str(HERE / "node" / file), PROMPT)
    return Agent(name, packages, words, model, "weather", instead={"city": "Oslo"}, **more)


AGENTS = (
    Agent(
        "Claude Code",
        ("@anthropic-ai/claude-code",),
        ("claude", "-p", PROMPT, "--dangerously-skip-permissions"),
        "claude-opus",
        "Bash",
        "answer.txt",
        {"command": OTHERWISE, "description": "write"},
        "seven",
        escapes=frozenset({"api.anthropic.com:443"}),
    ),
    Agent(
        "Codex",
        ("@openai/codex",),
        (
            "codex",
            "exec",
            "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox",
            PROMPT,
        ),
        "gpt-",
        "exec",
        "answer.txt",
        None,
        "seven",
        escapes=frozenset({"chatgpt.com:443", "github.com:443"}),
    ),
    Agent(
        "Gemini CLI",
        ("@google/gemini-cli",),
        ("gemini", "--yolo", "-p", PROMPT),
        "gemini-",
        "run_shell_command",
        "answer.txt",
        {"command": OTHERWISE},
        "seven",
        escapes=frozenset({"play.googleapis.com:443"}),
    ),
    _own(
        "LangGraph JS with Anthropic",
        ("@langchain/langgraph", "@langchain/anthropic"),
        "langgraph.mjs",
        "claude-sonnet-5",
    ),
    _own("OpenAI Agents SDK, in Node", ("@openai/agents",), "openai_agents.mjs", "gpt-5"),
    _own("Vercel AI SDK with OpenAI, streamed", ("ai", "@ai-sdk/openai"), "vercel.mjs", "gpt-5"),
    _own(
        "Vercel AI SDK with Anthropic",
        ("ai", "@ai-sdk/anthropic"),
        "vercel_anthropic.mjs",
        "claude-sonnet-5",
        version_in_url=True,
    ),
)


class Stage:
    """Where one agent is run: a namespace, a folder, a home, a store, and a provider that may go."""

    def __init__(self, agent: Agent, namespace: Namespace, folder: Path) -> None:
        self.agent, self.namespace, self.folder = agent, namespace, folder
        self.work, self.store = folder / "work", folder / "runs.db"
        self.work.mkdir()
        self.env = self.make_environment(self.make_home("home"))

    def make_home(self, name: str) -> Path:
        """A new home, in which the programs have what they need."""
        home = self.folder / name
        (home / ".codex").mkdir(parents=True)
        (home / ".gemini").mkdir()
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "skills": {"enabled": False},  # it lists them in the order in which their files happen to be read
        }
        (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
        return home

    def make_environment(self, home: Path) -> dict[str, str]:
        base = f"http://127.0.0.1:{PORT}"
        path = os.pathsep.join([str(find_claude().parent), str(MODULES / ".bin"), os.environ["PATH"]])
        return {
            **KEYS,
            "CODEX_API_KEY": KEYS["OPENAI_API_KEY"],
            "PATH": path,
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "OPENAI_BASE_URL": f"{base}/v1",
            "ANTHROPIC_BASE_URL": f"{base}/v1" if self.agent.version_in_url else base,
            "GOOGLE_GEMINI_BASE_URL": base,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
            "IS_SANDBOX": "1",  # claude lets root skip permissions in one
        }

    @contextmanager
    def serving(self):
        """The provider, until the block is left; then nobody is there."""
        command = [*self.namespace.enter, sys.executable, str(HERE / "provider.py"), str(PORT), self.folder]
        with subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout.readline().startswith("http"), "the provider does not serve"
                yield
            finally:
                process.kill()

    def asked(self) -> list[tuple[int, list, str]]:
        """What the provider was asked so far: results of tools in it, headers, body."""
        file = self.folder / "asked"
        whole = file.read_text().rpartition("\n")[0] if file.exists() else ""  # the last may be half written
        return [tuple(json.loads(line)) for line in whole.splitlines()]

    def start(self, *words: str, env=None) -> subprocess.Popen[str]:
        """`tracefork` with these words, in the namespace and a folder that is empty."""
        for file in self.work.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        return subprocess.Popen(
            [*self.namespace.enter, sys.executable, "-m", "tracefork", *words],
            cwd=self.work,
            env=env or self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def shell(self, *words: str, env=None) -> subprocess.CompletedProcess[str]:
        """What `tracefork` with these words printed, and its exit code."""
        process = self.start(*words, "--store", str(self.store), env=env)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            kill_all_of(process)
            raise TimeoutError(f"{words[0]} took more than {PATIENCE} s") from None
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def load(self, run_id: str) -> tracefork.Tape:
        with tracefork.TapeStore.open(self.store) as store:
            return store.load(store.resolve(run_id))

    def newest(self) -> tracefork.Tape:
        with tracefork.TapeStore.open(self.store) as store:
            return store.load(max(store.runs(), key=lambda info: info.created_at).run_id)


def list_calls(tape: tracefork.Tape) -> list[tuple[int, str]]:
    """The exchanges whose answers call tools, and the first of these."""
    found = [(number, read.completion(step)) for number, step in enumerate(tape)]
    return [
        (number, said.choices[0].message.calls[0].name)
        for number, said in found
        if said and said.choices and said.choices[0].message.calls
    ]


def answer_otherwise(agent: Agent, tape: tracefork.Tape, at: int, file: Path) -> list[str]:
    """The options of a fork whose answer calls the tool with something else."""
    if agent.instead is not None:
        return ["--tool", agent.tool, json.dumps(agent.instead)]
    file.write_bytes(b"".join(CustomCall(OTHERWISE)(tape[at].request).chunks))
    return ["--body", str(file)]


def find_claude() -> Path:
    """The binary, which the package's own script would put in its place where npm runs no scripts."""
    found = sorted(MODULES.glob("@anthropic-ai/claude-code-*/claude"))
    return found[0] if found else MODULES / ".bin" / "claude"


def kill_all_of(process: subprocess.Popen[str]) -> None:
    """Kill a process and what it has started, as a machine that loses its power does."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_until(holds, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("it did not come to that")
        time.sleep(0.02)
