"""A folder with agents, a model that they ask, the command line, and pytest without other plugins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import tracefork
from tracefork.providers import anthropic
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

BOOK = """
import os, sys, httpx, tracefork
from wording import wish

@tracefork.tool
def book(city):
    with open("booked.txt", "a") as file:
        file.write(city + "\\n")
    return f"a seat to {city}"

def main():
    asked = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": wish(sys.argv[1])}]}
    with httpx.Client(base_url=os.environ["MODEL_URL"]) as client:
        content = client.post("/v1/messages", json=asked).json()["content"]
        call = content[-1]
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": book(**call["input"])}
        asked["messages"].append({"role": "assistant", "content": content})
        asked["messages"].append({"role": "user", "content": [result]})
        print(client.post("/v1/messages", json=asked).json()["content"][0]["text"])
    # here more may follow

main()
"""

WORDING = """
def wish(city):
    return f"Book a seat to {city}."
"""

TRAVEL = """
import asyncio, os
import httpx

def ask(text):
    asked = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": text}]}
    with httpx.Client(base_url=os.environ["MODEL_URL"]) as client:
        return client.post("/v1/messages", json=asked).json()["content"][0]["text"]

def travel():
    return {"said": ask("Say something.")}

async def fly():
    asked = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Sing."}]}
    async with httpx.AsyncClient(base_url=os.environ["MODEL_URL"]) as client:
        async with client.stream("POST", "/v1/messages", json=asked) as answer:
            return [line async for line in answer.aiter_lines()]

def fail():
    raise ValueError("no seat: " + ask("Fail."))

def is_long(result, tape):
    return len(result["said"]) > 3 and len(tape) == 1
"""


def answer(request):
    said = json.loads(request.body)["messages"]
    last = said[-1]["content"]
    if len(said) == 1 and "Book" in last:
        city = "Oslo" if "train" in last else last.rstrip(".").split()[-1]
        return anthropic.tool_use("book", {"city": city})(request)
    return anthropic.text(f"Done: {last if isinstance(last, str) else last[0]['content']}")(request)


class Desk:
    def __init__(self, folder, command_line, url):
        self.folder, self._run = folder, command_line
        ours = str(Path(tracefork.__file__).parents[1])
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
        self.env = {**kept, "MODEL_URL": url, "PYTHONPATH": ours}

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def edit(self, name, old, new):
        text = (self.folder / name).read_text()
        assert old in text
        (self.folder / name).write_text(text.replace(old, new))

    def tracefork(self, *words, code=0, cwd=None, **env):
        done = self._run(words, cwd or self.folder, {**self.env, **env})
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def pytest(self, *words, code=0, cwd=None, apart=False, **env):
        """What pytest prints, with no plugin but its own; in a fresh interpreter, if it is to be `apart`."""
        asked = ["-p", "no:cacheprovider", "-q", *map(str, words)]
        alone = {**self.env, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "400", "CI": "1", **env}
        if apart:
            fresh = [sys.executable, "-P", "-m", "pytest", *asked]
            done = subprocess.run(
                fresh, cwd=cwd or self.folder, env=alone, capture_output=True, text=True, check=False
            )
        else:
            done = self._run(asked, cwd or self.folder, alone, program="pytest")
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def read(self, name):
        return (self.folder / name).read_text()

    def files(self):
        """The files beside those of the agents and of the store."""
        found = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
        passed_over = ("runs.db", "agents", ".said", "travel.py")
        return sorted(f for f in found if "__pycache__" not in f and not f.startswith(passed_over))

    @property
    def booked(self):
        path = self.folder / "booked.txt"
        return path.read_text().split() if path.exists() else []


@contextmanager
def desk_at(folder, command_line):
    with LoopbackServer(by_rule(answer)) as server:
        desk = Desk(folder, command_line, server.url)
        desk.server = server
        desk.write("agents/book.py", BOOK)
        desk.write("agents/wording.py", WORDING)
        desk.write("travel.py", TRAVEL)
        yield desk
