"""The scripted model of docs/guides/an-agent-in-node.md: asks for the weather, and says where there is sun.

Run as a process, as `provider.py` is.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from peers.provider import list_results, serve

from tracefork import Request, Response
from tracefork.providers import openai


def plan(asked: Request) -> Response:
    """Ask for the weather of each city that the prompt names, then name the first that has sun."""
    cities = re.search(rb"go, (\w+) or (\w+)", asked.body)
    names, known = [name.decode() for name in cities.groups()], list_results(asked)
    if len(known) < len(names):
        return openai.tool_call("weather", {"city": names[len(known)]})(asked)
    sunny = [name for name, weather in zip(names, known, strict=True) if weather == "sun"]
    return openai.text(f"Go to {sunny[0]}: there is sun." if sunny else "Stay at home.")(asked)


if __name__ == "__main__":
    serve(plan, int(sys.argv[1]), Path(sys.argv[2]))
