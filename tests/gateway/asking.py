"""A program without tracefork that asks over HTTP: what the tests of the gateway run as a command."""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError

BASE = os.environ.get("OPENAI_BASE_URL", "")


def ask(text, path="/chat", **headers):
    asked = urllib.request.Request(f"{BASE}{path}", text.encode(), headers)
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.read().decode()
    except HTTPError as error:
        return f"{error.code} {error.read().decode()}"


def say(*words):
    """Ask for each word in turn; each question holds the answer before it."""
    said = ""
    for word in words:
        said = ask(f"{word} {said}".strip())
    print(said)


def crowd(room, *words):
    """Ask for all words at once, with `room` connections, in the order that is given."""
    with ThreadPoolExecutor(int(room)) as pool:
        print(sorted(pool.map(ask, words)))


def status(word):
    print(ask(word))


def leave(word):
    """Read the first bytes of an answer, and go."""
    with urllib.request.urlopen(urllib.request.Request(f"{BASE}/chat", word.encode())) as answer:
        print(answer.read(5).decode())
        answer.fp.raw._sock.shutdown(socket.SHUT_RDWR)
    print(ask("then"))


def fail(word):
    try:
        print(ask(word))
    except Exception as error:
        print(type(error).__name__)


def past(url):
    """Ask past the base URL, as by a proxy."""
    try:
        with urllib.request.urlopen(url) as answer:
            print(answer.read().decode())
    except Exception as error:
        print(type(error).__name__, error)


def environment(*names):
    print(json.dumps({name: os.environ.get(name) for name in names}))


def key(word):
    print(ask(word, authorization=f"Bearer {os.environ['SHOP_KEY']}"))


def code(number):
    ask("before the end")
    sys.exit(int(number))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
