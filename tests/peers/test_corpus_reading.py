"""Of a corpus of 1,839 real exchanges, what is read as messages, and what is known to have cost what.

The set is both files of the corpus that TRACEFORK_CORPUS names: `exchanges.jsonl.zst` (893, of OpenAI,
Anthropic and Gemini) and `vendors.jsonl.zst` (946, of other vendors and APIs). `pytest -s` prints the tables.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import zstandard
from attrs import frozen
from peers.corpus import FOLDER

from tracefork import Exchange, Request, Response
from tracefork.core.content_encoding import decode_body
from tracefork.providers import base, read
from tracefork.providers.messages import Completion
from tracefork.providers.prices import cost

pytestmark = pytest.mark.slow

FILES = {"exchanges.jsonl.zst": 893, "vendors.jsonl.zst": 946}
READ = 0.98
PRICED = 0.97
MEASURED, COMPARED = 37, 943
"""Answers that hold what was measured, and texts of answers that are looked for in their bodies."""

NOT_A_MODELS = {
    "telemetry": r"/v1/traces/ingest$",
    "a document that is parsed": r"/api/parsing/",
    "what a model is, in a catalogue": r"api\.replicate\.com/v1/models/[^/]+/[^/]+(?:/versions/[^/]+)?$",
}
"""Exchanges at these hosts that ask no model and hold nothing that one said, by their addresses."""


@frozen
class Read:
    """One exchange, and what the readers make of it."""

    row: dict
    exchange: Exchange
    is_asked: bool
    completion: Completion | None

    @property
    def place(self) -> str:
        path = re.sub(r"(?<=/)(?:[a-z]+_)?[A-Za-z0-9]{20,}(?=/|$)", "ID", urlsplit(self.row["url"]).path)
        path = re.sub(r"(/models?|/deployments|/projects|/locations)/[^/:]+", r"\1/X", path)
        return f"{self.row['provider']} {self.row['method'].upper()} {path}"

    @property
    def apart(self) -> str:
        """Why it is no exchange with a model; "" if it is one."""
        parts = urlsplit(self.row["url"])
        address = f"{parts.hostname}{parts.path}"
        return next((why for why, form in NOT_A_MODELS.items() if re.search(form, address)), "")

    @property
    def is_read(self) -> bool:
        """Whether a question is read where there is one, and an answer where there is one."""
        has_question = self.exchange.request.body not in (b"", b"{}")
        has_answer = bool(self.exchange.response.body)
        return (self.is_asked or not has_question) and (self.completion is not None or not has_answer)


@pytest.fixture(scope="module")
def corpus() -> list[Read]:
    if not FOLDER:
        pytest.skip("there is no corpus: set TRACEFORK_CORPUS")
    return [found for name, count in FILES.items() for found in list_exchanges(Path(FOLDER, name), count)]


def list_exchanges(file: Path, count: int) -> list[Read]:
    with file.open("rb") as opened:
        packed = zstandard.ZstdDecompressor().stream_reader(opened).read()
    rows = [json.loads(line) for line in packed.splitlines()]
    assert len(rows) == count
    return list(map(read_row, rows))


def read_row(row: dict) -> Read:
    body = base64.b64decode(row["resp_body_b64"] or "")
    is_packed = body[:2] == b"\x1f\x8b"  # else the cassette's recorder has decoded it
    headers = tuple((n, v) for n, v in row["resp_headers"] if is_packed or n.lower() != "content-encoding")
    asked = base64.b64decode(row["req_body_b64"] or "")
    request = Request(row["method"], row["url"], tuple(map(tuple, row["req_headers"])), asked)
    exchange = Exchange(request, Response(row["status"], headers, (body,)))
    return Read(row, exchange, read.prompt(request) is not None, read.completion(exchange))


def test_what_was_asked_and_answered_is_read(corpus):
    asked = [one for one in corpus if not one.apart]
    unread = Counter(one.place for one in asked if not one.is_read)
    share = 1 - unread.total() / len(asked)

    print(f"\n{len(corpus)} exchanges, {len(asked)} with models; {share:.2%} of these are read")
    for why, count in Counter(one.apart for one in corpus if one.apart).most_common():
        print(f"{count:5} apart: {why}")
    for place, count in unread.most_common():
        print(f"{count:5} not read: {place}")
    for kind, count in Counter(one.completion.kind for one in asked if one.completion).most_common():
        print(f"{count:5} of the kind {kind}")
    for api, count in Counter(one.completion.api for one in asked if one.completion).most_common():
        print(f"{count:5} {api}")
    assert share >= READ


def test_what_tokens_cost_is_known(corpus):
    counted = [one for one in corpus if one.completion and one.completion.usage and one.completion.complete]
    unknown = Counter(f"{one.row['provider']} {name_model(one)}" for one in counted if price(one) is None)
    share = 1 - unknown.total() / len(counted)

    print(f"\n{len(counted)} answers say their tokens; of {share:.2%} the cost is known")
    for name, count in unknown.most_common():
        print(f"{count:5} not known: {name}")
    assert share >= PRICED


def name_model(one: Read) -> str:
    prompt = read.prompt(one.exchange.request)
    asked = prompt.model if prompt else base.model_of(one.exchange.request)
    return one.completion.model or asked


def price(one: Read):
    return cost(one.completion, name_model(one), url=one.row["url"])


def test_no_answer_holds_data_that_it_only_counts(corpus):
    measured = [one for one in corpus if one.completion and one.completion.kind == "measure"]

    assert len(measured) >= MEASURED
    for one in measured:
        assert len(repr(one.completion)) < 3000, one.place


def test_a_body_that_was_read_is_the_one_that_was_kept(corpus):
    """What is said stands in the body: every text of an answer that is no stream is found there."""
    compared = 0
    for one in corpus:
        answer = one.exchange.response
        body = b"".join(decode_body(answer.headers, answer.chunks) or ())
        if one.completion is None or not body.lstrip().startswith(b"{") or one.row["stream"]:
            continue
        texts = set(list_texts(json.loads(body))) if is_json(body) else None
        for choice in one.completion.choices:
            if texts is not None and choice.message.text and len(choice.message.parts) == 1:
                assert choice.message.text in texts, one.place
                compared += 1

    assert compared >= COMPARED


def is_json(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def list_texts(value):
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from list_texts(inner)
        case list():
            for inner in value:
                yield from list_texts(inner)
