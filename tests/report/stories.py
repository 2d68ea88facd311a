"""Runs to make pages of: a release that goes wrong, with branches and blame; and runs of other sizes."""

from __future__ import annotations

import json

from attrs import evolve, frozen

from tracefork import Branch, Draw, Effect, Exchange, Fault, Request, Response, Tape
from tracefork.core.values import RETURNED, Call, Outcome, Reading, Reply, Source, Span, Timing
from tracefork.providers import anthropic

URL = "https://api.anthropic.com/v1/messages"
BEGAN = 1_790_000_000.0
SYSTEM = "You are the release assistant of the payments service. Stop and report when a check fails."
TASK = "Ship PAY-4127 if it is safe. Post the result to #payments-release."
TOOLS = [
    {
        "name": name,
        "description": about,
        "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}},
    }
    for name, about in (
        ("get_ticket", "Read a ticket."),
        ("run_tests", "Run a suite of tests."),
        ("query_metrics", "Ask the metrics of the service."),
        ("deploy", "Roll out a build."),
    )
]

STORY = [
    (
        "I'll read the ticket first.",
        ("get_ticket", {"id": "PAY-4127"}),
        "Round half-even in invoice totals. Needs green suites.",
    ),
    ("The unit suite, then.", ("run_tests", {"suite": "unit"}), "1842 passed, 3 skipped in 41.20s"),
    (
        "Green. Now the contract suite.",
        ("run_tests", {"suite": "contract"}),
        "211 passed, 1 failed: 10.02 != 10.03",
    ),
    ("A cent is surely a stale fixture. I go on.", ("query_metrics", {"q": "error_budget"}), "0.34"),
    (None, None, None),
    (
        "The budget allows it: 5% of traffic.",
        ("deploy", {"build": "v8.4.0-rc2", "percent": 5}),
        "on 2 of 40 hosts",
    ),
    ("Flat. Now half of it.", ("deploy", {"build": "v8.4.0-rc2", "percent": 50}), "on 20 of 40 hosts"),
    ("Does the ledger agree?", ("query_metrics", {"q": "ledger_mismatch_total"}), "1893"),
    (
        "It does not: 1,893 mismatches. I roll back.",
        ("deploy", {"build": "v8.3.0", "percent": 100}),
        "rolled back on 40 of 40 hosts",
    ),
    ("Rolled back. The contract test had said so before the deploy, and I set it aside wrongly.", None, None),
]
"""What the model says, the tool that it calls, and what that gives; the blank one is a busy server."""


@frozen
class Blamed:
    step: int
    flip_rate: float
    low: float
    high: float
    flips: int
    trials: int


@frozen
class Report:
    ranking: tuple[Blamed, ...]
    verdict: str = "STEP"
    method: str = "flip"
    summary: str = "Step 3 decided the outcome."
    alpha: float = 0.05


BLAME = Report(
    tuple(
        Blamed(step, rate, low, high, round(40 * rate), 40)
        for step, rate, low, high in (
            (3, 0.925, 0.80, 0.97),
            (2, 0.65, 0.49, 0.78),
            (5, 0.425, 0.29, 0.58),
            (6, 0.175, 0.09, 0.32),
            (0, 0.025, 0.0, 0.13),
        )
    )
)


@frozen
class Verdict:
    ok: bool
    matched: int
    total: int


VERDICT = Verdict(True, 10, 10)


def question(messages, *, stream=True, url=URL, **more):
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 2048,
        "stream": stream,
        "system": SYSTEM,
        "tools": TOOLS,
    }
    headers = (
        ("host", "api.anthropic.com"),
        ("content-type", "application/json"),
        ("anthropic-version", "2023-06-01"),
        ("x-api-key", "[secret:ANTHROPIC_API_KEY]"),
    )
    return Request("POST", url, headers, json.dumps({**body, "messages": messages, **more}).encode())


def exchange(asked, answer, number, *, lane="", took=1.7, first=0.6):
    """One exchange that began two seconds after the one before it."""
    began = BEGAN + 2.0 * number
    chunks = answer.chunks if isinstance(answer, Response) else ()
    times = tuple(round(first + (took - first) * n / len(chunks), 3) for n in range(len(chunks)))
    span = Span(3 * number, 3 * number + 1, 3 * number + (2 if isinstance(answer, Response) else 1))
    return Exchange(asked, answer, lane, span, Timing(began, first, took, times))


def release(story=STORY, *, run_id="20261124-094100-5f3a9c01", parent=None, at=0):
    """The run of a release. A branch of it has the exchanges of the parent before `at`."""
    messages, steps = [{"role": "user", "content": TASK}], []
    for number, (said, call, result) in enumerate(story):
        asked = question(messages, stream=number % 3 != 2)
        if said is None:
            steps.append(
                exchange(
                    asked,
                    anthropic.error("overloaded_error", "Overloaded")(asked),
                    number,
                    took=0.3,
                    first=0.3,
                )
            )
            continue
        called = call and anthropic.tool_use(*call, id=f"toolu_{number:02}", text=said)
        build = called or anthropic.text(said)
        answer = build(asked)
        steps.append(exchange(asked, answer, number))
        whole = anthropic.text(said) if call is None else build
        content = json.loads(whole(question(messages, stream=False)).body)["content"]
        messages = [*messages, {"role": "assistant", "content": content}]
        if call is not None:
            block = {"type": "tool_result", "tool_use_id": content[-1]["id"], "content": result}
            messages = [*messages, {"role": "user", "content": [block]}]
    return Tape(
        tuple(steps),
        run_id=run_id,
        agent_name="payments-release",
        created_at=BEGAN,
        outcome=RETURNED,
        parent=parent,
    )


def branches():
    """Three branches of the release, and one of the first of them."""
    held = [*STORY[:3], ("The contract suite failed. I stop here: not shipped, no incident.", None, None)]
    passed = [
        *STORY[:2],
        ("Green.", ("run_tests", {"suite": "contract"}), "212 passed"),
        *STORY[3:4],
        *STORY[5:7],
        ("Shipped.", None, None),
    ]
    slow = [
        *STORY[:6],
        ("I stay at 5% overnight.", ("query_metrics", {"q": "ledger_mismatch_total"}), "93"),
        ("93 mismatches. Rolled back at 5%.", None, None),
    ]
    again = [*passed[:5], ("I wait an hour first.", None, None)]
    trunk = release().run_id
    return (
        release(
            held, run_id="b-held", parent=Branch(trunk, 3, "stops on the failed test", "answer replaced")
        ),
        release(
            passed, run_id="b-passed", parent=Branch(trunk, 2, "the test passes", "tool result replaced")
        ),
        release(slow, run_id="b-slow", parent=Branch(trunk, 6, "stays at 5%")),
        release(again, run_id="b-again", parent=Branch("b-passed", 5, "waits an hour")),
    )


def of_every_kind():
    """A run with draws, tool calls, faults, cut streams, bytes that are no text, and other servers."""
    plain = Request("GET", "https://example.com/a?b=c&d=<e>", (("accept", "*/*"),), b"")
    blob = bytes(range(256)) * 8
    asked = question([{"role": "user", "content": "Hi."}])
    answers = [
        (asked, anthropic.text("Hello.")(asked)),
        (
            plain,
            Response(200, (("content-type", "text/html"),), (b"<!doctype html><b>", b"bold</b>\r\n\r\n")),
        ),
        (
            plain,
            Response(
                200, (("content-type", "application/octet-stream"),), (blob[:700], blob[700:]), "closed"
            ),
        ),
        (Request("POST", "https://example.com/up", (), blob), Response(204)),
        (asked, Fault("ReadTimeout", "nothing came for 30 s")),
        (asked, evolve(anthropic.text("Half of it.")(asked), end=Fault("ReadError", "reset"))),
        (
            Request("POST", URL, (), b'{"messages": [{"role": "user", "content": "not closed'),
            Response(400, (), (b"{}",)),
        ),
        (Request("POST", URL, (), b""), Response(500)),
    ]
    exchanges = [
        exchange(asked, answer, n, lane="main.0/fetch.1" if n % 2 else "")
        for n, (asked, answer) in enumerate(answers)
    ]
    others = [
        Draw(Source("clock"), Reading("1790000000.5"), "", Span(50, 50, 50)),
        Effect(
            Call("send_mail", '{"args":["a@example.com"],"kwargs":{}}'),
            Reply("returned", '"sent"'),
            "",
            Span(51, 52, 52),
        ),
        Effect(Call("rm", "{}"), Reply("raised", '["no"]', "OSError"), "", Span(53, 54, 54)),
    ]
    steps = [exchanges[0], *others[:2], *exchanges[1:5], others[2], *exchanges[5:]]
    return Tape(
        tuple(steps), run_id="every/kind", agent_name="all", created_at=BEGAN, meta={"k": "v"},
        outcome=Outcome("raised", "RuntimeError", "it broke"),
    )  # fmt: skip


def repeated(count):
    """A run of `count` steps whose history starts anew every 28 of them."""
    messages, steps = [], []
    for number in range(count):
        if number % 28 == 0:
            messages = [
                {"role": "user", "content": f"Task {number // 28}: look at part {number // 28} of the code."}
            ]
        asked = question(messages, stream=number % 2 == 1)
        answer = anthropic.tool_use("get_ticket", {"id": number}, text=f"I look at number {number}.")(asked)
        steps.append(exchange(asked, answer, number))
        said = [{"type": "text", "text": f"I look at number {number}."}]
        messages = [
            *messages,
            {"role": "assistant", "content": said},
            {"role": "user", "content": f"It is {number * number}."},
        ]
    return Tape(tuple(steps), run_id=f"r-{count}", agent_name="counter", created_at=BEGAN, outcome=RETURNED)
