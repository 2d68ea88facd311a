"""The agent that test_crash kills, in processes that are forked from one that has imported everything.

    python crashing.py  < requests

A request is a line of JSON: the arguments of `recorded`. The answer is the number of its process.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import time
from pathlib import Path

import httpx

import tracefork
import tracefork.backends.directory
import tracefork.backends.sqlite

STEPS = 8
TLS = ssl.create_default_context()  # making one takes as long as a run


def agent(run, url, mail, done=lambda n: None):
    """Ask `STEPS` questions, each made of the answer before, and send a mail after every second one."""
    said = "go"
    with httpx.Client(verify=TLS) as client:
        for n in range(STEPS):
            said = client.post(url, content=f"{n} after {said}").text
            done(n)
            if n % 2:
                run.call("mail", send, str(mail), f"{n}: {said}")
    return said


def send(mail, text):
    with Path(mail).open("a") as file:
        file.write(text + "\n")
    time.sleep(0.005)  # so that some are killed between the mail and its result


def recorded(acks, url, store, run_id, mail):
    """Record the agent; tell in the file `acks` that it begins, and each question that it saw answered."""
    with Path(acks).open("w") as tell, tracefork.record(store, run_id=run_id) as run:
        print("ready", file=tell, flush=True)
        agent(run, url, mail, lambda n: print(n, file=tell, flush=True))


def main():
    with tracefork.record(":memory:"), httpx.Client(verify=TLS):
        pass  # what a first run loads is loaded
    child = None
    for line in sys.stdin:
        if child is not None:
            os.waitpid(child, 0)  # not before: its number is its own until then
        child = os.fork()
        if child == 0:
            recorded(*json.loads(line))
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
