"""The process that the demo kills: `python -m tracefork.demo.child URL STORE RUN_ID`."""

from __future__ import annotations

import sys

from ..runs.api import record
from .agent import travel_agent

if __name__ == "__main__":
    url, path, run_id = sys.argv[1:]
    with record(path, run_id=run_id, agent_name="travel"):
        travel_agent(url)
