"""Write the golden tapes of this format; run once for each version of it, and never over what is there.

They are what `tests/codec/test_golden.py` opens, for ever. A new version gets files, and a test, of its own.

    python tests/golden/write.py 5
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from attrs import evolve
from conversations import anthropic_events, grown, openai_events
from logs import chunks_of

from tracefork.codec import journal as journal_of
from tracefork.codec import pack
from tracefork.codec.records import Header, Parent, Parted, Shares, list_records
from tracefork.core.surrogates import BODY, TEXT, Surrogate, Surrogates, make_key
from tracefork.core.tape import Tape
from tracefork.core.values import (
    RETURNED,
    Branch,
    Call,
    Departure,
    Draw,
    Effect,
    Exchange,
    Fault,
    Omitted,
    Outcome,
    Pending,
    Reading,
    Reply,
    Request,
    Response,
    Source,
    Span,
    Timing,
)
from tracefork.storage.parent_hash import identity

JSON = (("content-type", "application/json"), ("x-latin", "\xff\xe9"), ("x-twice", "1"), ("x-twice", "2"))
SSE = (("Content-Type", "text/event-stream"),)

EVERY_KIND = Tape(
    steps=(
        Draw(Source("clock"), Reading("1700000000.5"), span=Span(0, 0, 0)),
        Draw(Source("env", "HOME"), Reading("=/home/\udcff"), "crew.0", Span(1, 1, 1)),
        Exchange(
            Request("POST", "https://api.test/v1/é", JSON, b'{"q": 1}' * 60),
            Response(200, JSON, (b"\x00\xff", b"", b"two"), Fault("ReadError", "cut"), "OK", "HTTP/2"),
            "crew.0",
            Span(2, 4, 9),
            Timing(1_700_000_000.123456, 0.5, 1.25, (0.5, 0.1 + 0.2), 3, None),
        ),
        Exchange(Request("GET", "https://api.test/2"), Fault("ConnectError", "refused"), "", Span(3, 5, 5)),
        Effect(Call("book", '{"args":[1],"kwargs":{}}'), Reply("returned", "[1]"), "", Span(6, 7, 7)),
        Effect(Call("pay", "{}"), Reply("raised", '["no"]', "shop.Refused"), "crew.1", Span(8, 10, 10)),
        Effect(Call("look", "{}"), Reply("opaque", '"<socket>"', "socket.socket"), "", Span(11, 12, 12)),
        Effect(Call("wait", "{}"), Fault("cancelled"), "", Span(13, 14, 14)),
        Exchange(
            Request("PUT", "https://api.test/big", (), b"", Omitted(1 << 33, "ab" * 32)),
            Response(201, (), (), "closed", omitted=Omitted(1 << 34, "cd" * 32)),
            "",
            Span(15, 16, 17),
        ),
        Exchange(
            Request("POST", "https://api.test/v1/é", JSON, b'{"q": 1}' * 60 + b', {"then": 2}'),
            Response(500, JSON[:1], (b"{}",), "cancelled"),
            "crew.0",
            Span(18, 19, 20),
            Timing(0.1, 5e-324, 1e300, (), None, 7),
        ),
    ),
    pending=(
        Pending(Request("GET", "https://api.test/poll"), "crew.1", 21, 22),
        Pending(Call("ship", "{}"), "", 23),
    ),
    run_id="every kind",
    agent_name="booking \U0001f600",
    boundary="http",
    created_at=1_699_999_999.75,
    meta={"who": "we", "why": "\n\x00\u2028"},
    parent=Branch("mother", 3, "polite", "why not"),
    outcome=Outcome("raised", "ValueError", "no " * 300),
)

STREAMS = Tape(
    steps=tuple(
        Exchange(
            Request("POST", "https://api.test/v1/messages", (), b'{"stream": true, "n": %d}' % n),
            Response(200, SSE, chunks),
            "",
            Span(3 * n, 3 * n + 1, 3 * n + 2),
        )
        for n, chunks in enumerate(
            (
                tuple(anthropic_events('Say "it" in one or two words, then stop', "msg_1")),
                tuple(openai_events("and say it again in other words", "chatcmpl-1")),
                tuple(
                    e.replace(b"\n", b"\r\n")
                    for e in anthropic_events("lines may end otherwise too", "msg_2")
                ),
                (
                    b"".join(openai_events("in one piece, and cut within an event", "c2"))[:500],
                    b"data: ",
                    b"[DONE]",
                ),
            )
        )
    ),
    run_id="streams",
    outcome=RETURNED,
)

COOKIE, SAID = "session=qzxwvu123; Path=/", b'{"token": "ghp_kd82", "again": "ghp_kd82"}'
SECRETS = Tape(
    steps=(
        Exchange(
            Request("POST", "https://api.test/login?key=[secret:key]", JSON[:1], b"{}"),
            Response(200, (("set-cookie", COOKIE),), (SAID[:14], SAID[14:])),
            "",
            Span(0, 1, 2),
        ),
        Effect(Call("find", "{}"), Reply("returned", '"ghp_kd82"'), "", Span(3, 4, 4)),
    ),
    run_id="secrets",
    outcome=RETURNED,
    surrogates=Surrogates(
        (Surrogate("github", "ghp_kd82"), Surrogate("set-cookie", "qzxwvu123", "cookie")),
        {
            make_key(COOKIE.encode(), "set-cookie"): ((8, 17, "[secret:set-cookie]"),),
            make_key(SAID, BODY): ((11, 19, "[secret:github]"), (32, 40, "[secret:github]")),
            make_key(b'"ghp_kd82"', TEXT): ((1, 9, "[secret:github]"),),
        },
    ),
)

AGENTS = Tape(
    steps=(
        Effect(
            Call("research", '{"args":["bees"],"kwargs":{}}', inside="research.0"),
            Reply("returned", '"they dance"'),
            "crew.0",
            Span(0, 7, 7),
        ),
        Exchange(
            Request("POST", "https://api.test/v1/ask", JSON[:1], b"{}"),
            Response(200, JSON[:1], (b'"look"',)),
            "crew.0/research.0",
            Span(1, 2, 3),
        ),
        Effect(
            Call("look", '{"args":[],"kwargs":{}}', "ast:9f86d081884c7d65 cpython-311:60303ae22b998861"),
            Reply("returned", '"bees"'),
            "crew.0/research.0",
            Span(4, 5, 5),
        ),
    ),
    pending=(Pending(Call("research", "{}", inside="research.1"), "crew.0", 8),),
    run_id="agents",
    outcome=RETURNED,
)

PARTED = Departure(1, "differs", "$.messages[2].content", "'a flight'", "'a train\u2028'", "crew.0")
RERUN = Tape(
    steps=(
        Exchange(
            Request("POST", "https://api.test/v1/ask", JSON[:1], b"{}"),
            Response(200, JSON[:1], (b'"first"',)),
            "crew.0",
            Span(0, 1, 2),
            origin=4,
        ),
        Exchange(
            Request("POST", "https://api.test/v1/ask", JSON[:1], b'{"new": 1}'),
            Response(200, JSON[:1], (b'"second"',)),
            "crew.0",
            Span(20, 21, 22),
        ),
        Effect(Call("look", "{}", repeatable=True), Reply("returned", "1"), "", Span(23, 24, 24), origin=7),
    ),
    run_id="rerun",
    parent=Branch("mother", 1, "rerun", "a train", PARTED),
    outcome=RETURNED,
)

SITES = Tape(
    steps=(
        Effect(
            Call("plan", "{}", inside="plan.0"),
            Reply("returned", "1"),
            "",
            Span(0, 7, 7),
            site="crew.py:9 in main",
        ),
        Exchange(
            Request("POST", "https://api.test/v1/ask", JSON[:1], b"{}"),
            Response(200, JSON[:1], (b'"look"',)),
            "plan.0",
            Span(1, 2, 3),
            site="crew/\U0001f600.py:31 in plan",
        ),
        Exchange(
            Request("POST", "https://api.test/v1/ask", JSON[:1], b'{"n": 2}'),
            Response(200, JSON[:1], (b'"again"',)),
            "plan.0",
            Span(4, 5, 6),
            site="crew/\U0001f600.py:31 in plan",
        ),
        Exchange(Request("GET", "https://api.test/2"), Fault("ConnectError", "refused"), "", Span(8, 9, 9)),
    ),
    pending=(Pending(Call("ship", "{}"), "", 10, site="crew.py:9 in main"),),
    run_id="sites",
    outcome=Outcome("raised", "ValueError", "no", "Traceback ...\n  crew.py\nValueError: no\n"),
)

PARENT = grown(6, 11, "mother", low=150, high=400)


def branch_of(parent):
    """Three exchanges of the parent, the third answered otherwise, and one more."""
    asked = evolve(parent[2].request, body=parent[2].request.body[:-2] + b', {"role": "user"}]}')
    return Tape(
        (
            *parent.steps[:2],
            evolve(parent[2], answer=Response(200, SSE, (b'data: "otherwise"\n\n',))),
            Exchange(asked, Response(200, (), (b"so",)), "", Span(9, 10, 11)),
        ),
        run_id="daughter",
        parent=Branch("mother", 2, "otherwise"),
        outcome=RETURNED,
    )


def main(version):
    parent = pack.pack(PARENT)
    back = pack.unpack(parent)
    shared = Parent(back.steps, Shares(identity(back.steps)))
    journal = (len(chunk).to_bytes(4, "big") + chunk for chunk in chunks_of(EVERY_KIND, 3))
    parts = (len(chunk).to_bytes(4, "big") + chunk for chunk in chunks_of(SECRETS, 1))
    head = evolve(Header.of(RERUN), parent=Branch("mother", None, "rerun", "a train"))
    encoder = journal_of.Encoder(RERUN.run_id)
    begun, *rest = list_records(RERUN)
    told = [
        journal_of.encode_header(head),
        encoder.chunk([begun])[0],
        encoder.chunk([Parted(PARTED), *rest])[0],
    ]
    made = {
        "rerun.tape": pack.pack(RERUN),
        "rerun.journal": b"".join(len(c).to_bytes(4, "big") + c for c in told),
        "secrets.tape": pack.pack(SECRETS),
        "secrets.journal": b"".join(parts),
        "every-kind.tape": pack.pack(EVERY_KIND),
        "every-kind.journal": b"".join(journal),
        "sites.tape": pack.pack(SITES),
        "sites.journal": b"".join(len(c).to_bytes(4, "big") + c for c in chunks_of(SITES, 1)),
        "agents.tape": pack.pack(AGENTS),
        "agents.journal": b"".join(len(c).to_bytes(4, "big") + c for c in chunks_of(AGENTS, 1)),
        "streams.tape": pack.pack(STREAMS),
        "parent.tape": parent,
        "branch.tape": pack.pack(branch_of(PARENT), shared),
    }
    for name, data in made.items():
        path = Path(__file__).parent / f"v{version}-{name}"
        if not path.exists():  # never again
            path.write_bytes(data)


if __name__ == "__main__":
    main(int(sys.argv[1]))
