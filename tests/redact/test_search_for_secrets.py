"""Where a secret may stand and how it may be written; what is one; and that no body stops the search."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import re._constants as codes
import re._parser as parser
import struct
import sys

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracefork
from tracefork import Request, Response
from tracefork.redact import is_secret, redactor
from tracefork.redact.by_name.names import ENOUGH, count_bits
from tracefork.redact.texts import across_events, decoded
from tracefork.testing.scripted import by_rule, transport

KEY = "qK3/xY9+Zp7&mN2vB5=="
PLAIN = "Zx81-QpLm-7733-aaTT"
ISSUED = "sk-ant-api03-" + "aB3dE6gH9jK2" * 7
ours = redactor({"VAULT_API_KEY": KEY, "SHOP_TOKEN": PLAIN})


def cut(secret, size=5):
    return [secret[n : n + size] for n in range(0, len(secret), size)]


def event(payload):
    """A message of one of Amazon's event streams."""
    start = struct.pack(">II", 16 + len(payload), 0)
    start += struct.pack(">I", binascii.crc32(start))
    return start + payload + struct.pack(">I", binascii.crc32(start + payload))


def choice(part, index):
    return {"choices": [{"delta": {"content": part}, "index": index}]}


def said(parts, end, make):
    """Events with what `make` makes of each part."""
    return b"".join(b"data: " + json.dumps(make(part)).encode() + end for part in parts)


def listed(parts):
    return {"messages": [{"content": [{"text": part} for part in parts]}]}


def packed(part):
    return json.dumps({"bytes": base64.b64encode(json.dumps({"t": part}).encode()).decode()}).encode()


FRAMINGS = {
    "lines": lambda parts: "".join(json.dumps({"m": {"content": p}}) + "\n" for p in parts).encode(),
    "an array": lambda parts: json.dumps([{"text": p} for p in parts]).encode(),
    "parts of a question": lambda parts: json.dumps(listed(parts)).encode(),
    "pings": lambda parts: said(parts, b"\n\n: ping\n\n: ping\n\n", lambda p: choice(p, 0)),
    "carriage returns": lambda parts: said(parts, b"\r\r", lambda p: {"d": p}),
    "both": lambda parts: said(parts, b"\r\n\r\n", lambda p: {"d": p}),
    "lines of data": lambda parts: b"".join(
        b'data: {"d":\ndata: %s}\n\n' % json.dumps(p).encode() for p in parts
    ),
    "plain data": lambda parts: b"".join(b"data: " + p.encode() + b"\n\n" for p in parts),
    "an odd quote": lambda parts: b': it"s\n\n' + FRAMINGS["both"](parts),
    "two choices": lambda parts: b"".join(
        said([part], b"\n\n", lambda p: choice(p, 0)) + said(["on"], b"\n\n", lambda p: choice(p, 1))
        for part in parts
    ),
    "two choices at once": lambda parts: said(
        parts, b"\n\n", lambda p: {"choices": [{"delta": p}, {"delta": "and so on"}]}
    ),
    "Converse": lambda parts: b"".join(event(json.dumps({"delta": {"text": p}}).encode()) for p in parts),
    "Bedrock": lambda parts: b"".join(event(packed(part)) for part in parts),
}  # fmt: skip


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("secret", [PLAIN, ISSUED], ids=["known", "issued"])
@pytest.mark.parametrize("size", [1, 5, 9])
def test_a_secret_in_pieces_is_found_in_every_framing(framing, secret, size):
    body = FRAMINGS[framing](["it is ", *cut(secret, size), " so"])
    kept = ours.answer(Response(200, (), (body[:40], body[40:]))).body

    assert kept != body and b"[secret:" in kept
    left = [part for part in cut(secret, size) if json.dumps(part).encode() in kept]
    assert size == 1 or not left
    assert ours.answer(Response(200, (), (kept,))).body == kept


WRITTEN = {
    "as it is": lambda s: s,
    "JSON": lambda s: json.dumps({"k": s}),
    "slashes": lambda s: s.replace("/", "\\/"),
    "all of it in JSON": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "signs in JSON": lambda s: "".join(c if c.isalnum() else f"\\u{ord(c):04X}" for c in s),
    "JSON in JSON": lambda s: json.dumps({"a": json.dumps({"k": "".join(f"\\u{ord(c):04x}" for c in s)})}),
    "a URL": lambda s: "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in s),
    "a URL in lower case": lambda s: "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in s),
    "a URL in a URL": lambda s: "".join(c if c.isalnum() else f"%25{ord(c):02x}" for c in s),
    "HTML": lambda s: s.replace("&", "&amp;"),
    "numbers": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "hexadecimal numbers": lambda s: "".join(f"&#x{ord(c):x};" for c in s),
    "a form": lambda s: "a=1&k=" + "".join(c if c.isalnum() else f"%{ord(c):02X}" for c in s) + "&b=2",
    "multipart": lambda s: f'--b\r\ncontent-disposition: form-data; name="k"\r\n\r\n{s}\r\n--b--',
}


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("secret", [KEY, PLAIN, ISSUED], ids=["with signs", "plain", "issued"])
def test_a_secret_is_found_however_it_is_written(written, secret):
    said = f"so {WRITTEN[written](secret)} it is".encode()
    for kept in (
        ours.answer(Response(200, (), (said,))).body,
        ours.question(Request("POST", "https://a.example/", (), said)).body,
    ):
        assert b"[secret:" in kept
        assert kept.startswith(b"so ") and kept.endswith(b" it is")


@given(
    st.integers(0, 50), st.sampled_from([b"+/", b"-_", b"+,"]), st.sampled_from([0, 64, 76]), st.booleans()
)
def test_a_known_secret_is_found_in_base64_of_every_alphabet_and_width(before, signs, width, in_json):
    text = base64.b64encode(b"?" * before + KEY.encode() + b">" * 90, signs).decode()
    lines = "\n".join(text[n : n + width] for n in range(0, len(text), width)) if width else text
    said = (json.dumps({"d": lines}) if in_json else lines).encode()
    kept = ours.answer(Response(200, (), (said,))).body

    assert b"[secret:VAULT_API_KEY.base64]" in kept


@pytest.mark.parametrize("glued", ["", "x/", "ab+", "abc-"])
def test_an_issued_secret_is_found_in_base64_wherever_that_begins(glued):
    text = glued + base64.b64encode(f"the key is {ISSUED}, yes".encode()).decode()

    assert b"[secret:anthropic]" in ours.answer(Response(200, (), (text.encode(),))).body


def test_several_members_of_gzip_are_looked_into():
    body = gzip.compress(b"it is ") + gzip.compress(PLAIN.encode())
    kept = ours.answer(Response(200, (("content-encoding", "gzip"),), (body,)))

    assert kept.body == b"it is [secret:SHOP_TOKEN]"


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        ("X-Goog-Signature", "5f3c9aaa0b", True),
        ("Signature", "5f3c9aaa0b", True),
        ("access_key", "77aa88bb99", True),
        ("access%5Ftoken", "5f3c9aaa0b", True),
        ("client_assertion", "5f3c9aaa0b", True),
        ("code_verifier", "5f3c9aaa0b", True),
        ("Ocp-Apim-Subscription-Key", "5f3c9aaa0b", True),
        ("passphrase", "5f3c9aaa0b", True),
        ("signed", "5f3c9aaa0b", False),
        ("code", "5f3c9aaa0b5f", True),
        ("code", "en", False),
        ("sort_key", "created_at_and_more", False),
        ("Key-Pair-Id", "K1", False),
        ("page_token", "5f3c9aaa0b5f", False),
        ("max_tokens", "100000", False),
        ("keyword", "something", False),
        ("session", "main", False),
    ],
)
@pytest.mark.parametrize("before", ["?", "?a=1&", "#"])
def test_parameters_are_secret_by_the_end_of_their_names(name, value, hidden, before):
    url = f"https://f.example/a{before}{name}={value}"

    assert (value not in ours.text(url)) == hidden


@pytest.mark.parametrize(
    "name",
    "KEY TOKEN SECRET PASSWORD API_KEY AWS_SECRET_ACCESS_KEY DB_PASSWORD DB_PASSWD GH_PAT A_CREDENTIALS "
    "A_CREDENTIAL SENTRY_DSN DB_PWD API_KEYS API_KEY_2 API_KEY2 my_token".split(),
)
def test_a_variable_that_is_named_as_a_secret_is_one(name):
    assert is_secret(name)
    assert b"[secret:" in redactor({name: PLAIN}).answer(Response(200, (), (PLAIN.encode(),))).body


@pytest.mark.parametrize(
    "name", "PWD OLDPWD PATH COMPAT MONKEY KEYBOARD MAX_TOKENS TOKENIZER KEY_NAME".split()
)
def test_a_variable_that_is_only_named_alike_is_none(name):
    assert not is_secret(name)


def test_of_several_keys_each_is_known_and_of_a_url_its_password(tmp_path):
    file = tmp_path / "a-file-of-keys-4711"
    file.touch()
    own = redactor({
        "API_KEYS": "Zx81QpLm7733, Yw92RnMk8844;Xv03SoNj9955",
        "DB_URL": f"postgres://me:{KEY.replace('/', '%2F')}@h/db",
        "A_KEY": str(file),
    })  # fmt: skip

    for secret in ("Zx81QpLm7733", "Yw92RnMk8844", "Xv03SoNj9955", KEY):
        assert secret not in own.text(f"it is {secret}.")
    assert own.text(f"in {file}") == f"in {file}"


@pytest.mark.parametrize(
    "value", ["ollama", "default", "not-needed", "<|im_end|>", "12345678", "xxxxxxxxxxxxxxxx"]
)
def test_a_word_is_not_looked_for_in_texts_and_the_run_says_so_once(value, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    assert count_bits(value) < ENOUGH
    client = httpx.Client(
        transport=transport(by_rule(lambda r: Response(200, (), (f"run {value} now".encode(),))), httpx)
    )
    with tracefork.record() as run:
        for _ in range(2):
            client.post("http://m/", headers={"authorization": f"Bearer {value}"}, content=value)

    assert run.tape[0].request.body == value.encode()
    assert run.tape[0].response.body == f"run {value} now".encode()
    assert dict(run.tape[0].request.headers)["authorization"] == "Bearer [secret:authorization]"
    assert [said for said in run.remarks if "OPENAI_API_KEY" in said] == run.remarks[:1]


SENT = {
    "bearer": {"headers": {"authorization": f"Bearer {PLAIN}"}},
    "api-key": {"headers": {"api-key": PLAIN}},
    "cookie": {"headers": {"cookie": f"theme=dark; s={PLAIN}"}},
    "basic": {"headers": {"authorization": "Basic " + base64.b64encode(f"me:{PLAIN}".encode()).decode()}},
    "parameter": {"params": {"api_key": PLAIN}},
    "password": {"url": f"http://me:{PLAIN}@m/"},
}


@pytest.mark.parametrize("where", SENT)
def test_what_was_sent_as_a_key_is_known_from_then_on(where):
    def agent():
        said = by_rule(lambda r: Response(401, (), (json.dumps({"error": f"invalid: {PLAIN}"}).encode(),)))
        with httpx.Client(transport=transport(said, httpx)) as client:
            client.post(**{"url": "http://m/", **SENT[where]})
            client.post("http://m/more", content=f"what is {PLAIN}?")

    with tracefork.record() as run:
        agent()

    assert PLAIN.encode() not in tracefork.dumps(run.tape)
    for exchange in run.tape:
        assert PLAIN.encode() not in exchange.response.body + exchange.request.body
    assert tracefork.verify(run.tape, agent).ok


def test_what_left_the_environment_is_known_until_the_run_ends(monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", PLAIN)
    client = httpx.Client(transport=transport(by_rule(lambda r: Response(200, (), (PLAIN.encode(),))), httpx))
    with tracefork.record() as run:
        monkeypatch.delenv("SHOP_API_KEY")
        client.get("http://m/")
        monkeypatch.setenv("SHOP_API_KEY", "Yw92-RnMk-8844-bbUU")
        client.get("http://m/")

    assert [x.response.body for x in run.tape.masked] == [b"[secret:SHOP_API_KEY]"] * 2
    assert run.tape[0].response.body == run.tape[1].response.body != PLAIN.encode()


@given(st.binary(max_size=300) | st.text('{}[]",:\\ \n\rdata%&;0x-', max_size=300).map(str.encode))
def test_any_bytes_are_searched(body):
    kept = ours.answer(Response(200, (), (body,)))
    assert kept.body == body or b"[secret:" in kept.body
    for view in across_events.join_texts(body):
        for at in range(len(view.data)):
            for low, high in view.parts(at, at + 1):
                assert view.data[at : at + 1] == body[low:high] or high - low > 1


@given(st.text("aZ9\\u002b%2F&amp;\n/", max_size=80).map(str.encode))
def test_what_is_read_says_where_it_stood(data):
    view = decoded.unescape(data)
    if view is not None:
        assert view.parts(0, len(view.data)) in ([(0, len(data))], [])


def repetitions(parsed, within=False):
    for op, value in parsed:
        repeats = op in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT) and value[1] > 1
        if repeats and within:
            yield op, value
        for inner in value if isinstance(value, (list, tuple)) else [value]:
            for one in inner if isinstance(inner, list) else [inner]:
                if isinstance(one, parser.SubPattern):
                    yield from repetitions(one, within or repeats)


def test_no_expression_has_a_repetition_within_a_repetition():
    modules = [
        m
        for name, m in sys.modules.items()
        if re.match(r"tracefork\.(redact|patterns|issuers|kinds|codec\.(views|spread))", name)
    ]
    found = [(m.__name__, n, v) for m in modules for n, v in vars(m).items() if isinstance(v, re.Pattern)]

    assert len(found) > 15
    assert {(name, n) for name, n, v in found if any(repetitions(parser.parse(v.pattern, v.flags)))} == set()
