"""The agent that test_crash kills, and the process it runs in: `python crashing.py URL STORE RUN_ID MAIL`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import httpx

import tracefork

STEPS = 8


def agent(run, url, mail, done=lambda n: None):
    """Ask `STEPS` questions, each made of the answer before, and send a mail after every second one."""
    said = "go"
    with httpx.Client() as client:
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


if __name__ == "__main__":
    url, store, run_id, mail = sys.argv[1:]
    httpx.Client().close()  # what a first client loads is loaded
    with tracefork.record(store, run_id=run_id) as run:
        print("ready", flush=True)
        agent(run, url, mail, lambda n: print(n, flush=True))
