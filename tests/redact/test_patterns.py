"""Secrets that nobody named, of every kind that we know, in every place where one may stand."""

import base64
import binascii
import json
import string
import time
from random import Random

import pytest
from tokens import drawn

import tracefork
from tracefork import redact
from tracefork.core.values import Call, Departure, Fault, Reply, Request, Response, Span
from tracefork.redact.by_form.patterns import KINDS, PRIVATE_KEY, found

CLEAN = redact.redactor({})
PLACES = ("url", "query", "header", "json", "nested", "stream", "base64", "error")
TRIES = 4
GLUED = b"+%s ", b"QUJD/%s ", b"-%s ", b" %s+", b" %s=", b" %sa", b" %s-", b"QUJDREVG/%s/QUJD"


def kept(place, secret):
    """What is kept of a question or answer that holds `secret` in this place."""
    escaped = json.dumps(secret)[1:-1]
    match place:
        case "url":
            return [CLEAN.question(Request("GET", f"https://a.example/{secret}/more")).url]
        case "query":
            return [CLEAN.question(Request("GET", f"https://a.example/?q={secret}&n=1")).url]
        case "header":
            asked = Request("GET", "https://a.example/", (("x-own", f"Bearer {secret}"), ("accept", secret)))
            return [value for _, value in CLEAN.question(asked).headers]
        case "json":
            body = json.dumps({"messages": [{"role": "user", "content": f"it is\n{secret}\nthere"}]})
            return [CLEAN.question(Request("POST", "https://a.example/", (), body.encode())).body.decode()]
        case "nested":
            body = json.dumps({"arguments": json.dumps({"said": f"\t{secret} "})})
            return [CLEAN.question(Request("POST", "https://a.example/", (), body.encode())).body.decode()]
        case "stream":
            out = []
            for cut in range(1, len(escaped), max(1, len(escaped) // 12)):
                if escaped[cut - 1] == "\\":
                    continue
                events = [
                    f'data: {{"delta": {{"text": "{part}"}}}}\n\n' for part in (escaped[:cut], escaped[cut:])
                ]
                answer = CLEAN.answer(Response(200, (), tuple(e.encode() for e in events)))
                out.append(
                    "".join(
                        json.loads(e[6:])["delta"]["text"] for e in answer.body.decode().split("\n\n") if e
                    )
                )
            return out
        case "base64":
            text = base64.b64encode(f"user:{secret}".encode()).decode()
            said = CLEAN.answer(Response(200, (), (json.dumps({"data": text}).encode(),))).body.decode()
            data = json.loads(said)["data"]
            try:
                return [data, base64.b64decode(data, validate=True).decode("utf-8", "replace")]
            except binascii.Error:
                return [data]
        case "error":
            return [CLEAN.answer(Fault("ReadError", f"no answer for {secret}: closed")).message]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.prefix.decode())
def test_a_secret_of_every_kind_is_taken_out_of_every_place(kind):
    draw = Random(kind.prefix)
    for _ in range(TRIES):
        secret = drawn(kind, draw)
        if kind.at(secret.encode(), 0) is None:
            continue  # of letters alone, by chance: one in hundreds
        for place in PLACES:
            for text in kept(place, secret):
                assert secret not in text, place
                assert json.dumps(secret)[1:-1] not in text, place
            if place != "stream":
                assert "[secret:" in kept(place, secret)[0], place


def test_there_are_kinds_of_many_issuers():
    assert len({kind.name for kind in KINDS}) >= 75


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.prefix.decode())
def test_a_token_with_a_letter_of_its_own_beside_it_is_none(kind):
    if kind is PRIVATE_KEY:
        return  # has lines
    draw = Random(kind.prefix)
    for _ in range(TRIES):
        token = drawn(kind, draw).encode()
        whole = (1, 1 + len(token), kind.mark)
        for before in b"a7":
            assert whole not in found(b"%c%s " % (before, token))
        if kind.weak:
            for around in GLUED:
                glued = around % token
                at = glued.index(token)
                assert (at, at + len(token), kind.mark) not in found(glued), around


@pytest.mark.slow
@pytest.mark.parametrize("signs", [b"+/", b"-_"])
@pytest.mark.parametrize(("least", "most"), [(15, 90), (400, 6000)], ids=["ids", "images"])
def test_in_25_megabytes_of_base64_nothing_is_taken_for_a_secret(signs, least, most):
    draw, runs, size = Random(5), list[bytes](), 0
    while size < 25_000_000:
        runs.append(base64.b64encode(draw.randbytes(draw.randint(least, most)), signs))
        size += len(runs[-1])

    assert list(found(b'", "'.join(runs))) == []


@pytest.mark.parametrize(
    "text",
    [
        "sk-fading-circle-with-a-long-name-of-css",
        "the skeleton task-list-of-the-day-for-everybody",
        "AKIA is a prefix, AKIAnot-a-key",
        "ghp_short",
        "a_risk-proj-abcdefghijklmnopqrstuvwxyz1",
        "eyJhbGciOiJIUzI1NiJ9 alone is no token",
        "it begins with -----BEGIN RSA PRIVATE KEY----- and then come lines; the rest another day",
        "sk_test_YourTestKeyComesHere and sk-ant-the-name-of-a-class-of-css",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "https://example.com/?page_token=abc&max_tokens=5&keyword=x",
        "c2tlbGV0b24gdGFza3MgYXJlIG5vdCBzZWNyZXRzIGF0IGFsbA==",
        "[secret:anthropic] and [secret:jwt]",
    ],
)
def test_what_only_resembles_one_stays(text):
    assert CLEAN.text(text) == text


@pytest.mark.parametrize("name", ["key", "api_key", "X-Amz-Signature", "access_token", "sig"])
def test_parameters_that_are_named_as_secrets_lose_their_values(name):
    url = CLEAN.question(Request("GET", f"https://a.example/v1?alt=sse&{name}=s3cr3t#x")).url

    assert url == f"https://a.example/v1?alt=sse&{name}=[secret:{name.lower()}]#x"
    assert CLEAN.question(Request("GET", url)).url == url


def test_they_lose_them_in_errors_and_in_headers_too():
    error = CLEAN.answer(Fault("ReadError", "GET 'https://a.example/?key=s3cr3t' failed: ?key=unlike"))
    heads = CLEAN.answer(Response(302, (("location", "https://b.example/?token=s3cr3t&next=1"),))).headers

    assert error.message == "GET 'https://a.example/?key=[secret:key]' failed: ?key=[secret:key]"
    assert dict(heads)["location"] == "https://b.example/?token=[secret:token]&next=1"


@pytest.mark.slow
def test_a_secret_that_stands_everywhere_takes_no_time_to_speak_of():
    known = [
        ("A_TOKEN", "aaaaaa"),
        ("B_TOKEN", "abababab"),
    ]  # named by the caller: of a variable they tell too little
    own = redact.redactor({}, known=known, finders=[redact.emails])
    began = time.process_time()
    kept = own.question(Request("POST", "https://a.example/", (), b"a" * 600_000 + b"ab" * 300_000)).body

    assert kept.count(b"[secret:A_TOKEN]") == 100_000
    assert kept.count(b"[secret:B_TOKEN]") == 75_000
    assert time.process_time() - began < 5


@pytest.mark.parametrize("before", range(4))
def test_a_known_value_is_found_in_base64_wherever_it_begins(before):
    value = "correct horse battery"
    own = redact.redactor({"MY_TOKEN": value})
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(b"?" * before + value.encode() + b">>~~").decode()
        clean = own.text(json.dumps(text))

        assert "[secret:MY_TOKEN.base64]" in clean
        before_it = clean.partition("[")[0].strip('"')
        assert b"cor" not in base64.b64decode(before_it[: len(before_it) // 4 * 4], b"-_")


def test_a_growing_body_is_looked_at_where_it_is_new_and_cleaned_as_if_all_of_it_were():
    chance = Random(7)
    secret = "sk-ant-api03-" + "".join(chance.choices(string.ascii_letters + string.digits, k=90))
    grown, said = redact.redactor({"A_TOKEN": "hunter2-hunter2"}, finders=[found]), ""
    for turn in range(40):
        said += (
            "word " * 900 + (secret if turn % 7 == 3 else "") + ("hunter2-hunter2" if turn % 5 == 2 else "")
        )
        body = json.dumps({"messages": [said], "turn": turn}).encode()
        anew = redact.redactor({"A_TOKEN": "hunter2-hunter2"}, finders=[found])

        kept = grown.question(Request("POST", "https://a.example/", (), body)).body
        assert kept == anew.question(Request("POST", "https://a.example/", (), body)).body
        assert secret.encode() not in kept
        assert b"hunter2" not in kept


def test_redacting_twice_is_redacting_once():
    text = "AKIA" + "ABCDEFGH23456723" + " and ghp_" + "a1" * 18
    once = CLEAN.text(text)

    assert once != text
    assert CLEAN.text(once) == once


def test_personal_data_is_taken_out_where_it_is_asked_for():
    text = "write to jane.doe@mail.example.org, +44 20 7946 0958, 4111 1111 1111 1111, 4111 1111 1111 1112"
    own = redact.redactor({}, finders=[redact.emails, redact.phones, redact.cards])

    assert CLEAN.text(text) == text
    assert own.text(text) == "write to [secret:email], [secret:phone], [secret:card], 4111 1111 1111 1112"


def test_an_analyzer_of_ones_own_is_asked():
    class Found:
        def __init__(self, start, end):
            self.start, self.end, self.entity_type = start, end, "PERSON"

    class Engine:
        def analyze(self, text, language):
            at = text.find("Zoë")
            return [Found(at, at + 3)] if at >= 0 else []

    own = redact.redactor({}, finders=[redact.presidio(Engine())])

    assert own.text("it is Zoë, again") == "it is [secret:person], again"


def test_a_tape_is_scrubbed_of_what_was_kept_before():
    secret = "gsk_" + "a1B2" * 13
    steps = (
        tracefork.Exchange(
            Request("POST", "https://a.example/?key=abcdef", (), secret.encode()), Response(200, (), (b"ok",))
        ),
        tracefork.Effect(
            Call("send", json.dumps([secret])), Reply("returned", json.dumps(secret)), "", Span(2, 3, 3)
        ),
    )
    tape = tracefork.Tape(steps, run_id="old", agent_name=f"agent {secret}", meta={"command": secret})
    clean = redact.scrubbed(tape, CLEAN, "new")

    assert secret.encode() not in tracefork.dumps(clean)
    assert secret not in repr([clean.agent_name, dict(clean.meta), clean.steps[1]])
    assert (clean.run_id, len(clean)) == ("new", 1)
    assert clean.digest() != tape.digest()


def test_where_a_rerun_left_its_tape_is_scrubbed_too():
    secret = "gsk_" + "a1B2" * 13
    left = Departure(1, "differs", f"$.{secret}", f"'{secret}'", f"'{secret}, please'")
    tape = tracefork.Tape(run_id="again", parent=tracefork.Branch("old", 1, secret, secret, departure=left))
    clean = redact.scrubbed(tape, CLEAN)

    assert secret not in str(clean.parent.departure)
    assert secret.encode() not in tracefork.dumps(clean)
    assert (clean.parent.step, clean.parent.departure.reason) == (1, "differs")


def test_ordinary_traffic_holds_hardly_anything_that_looks_like_a_secret():
    words = "".join(
        Random(1).choices(string.ascii_letters + string.digits + "-_.:/ \n", k=2_000_000)
    ).encode()

    assert len(list(found(words))) == 0
