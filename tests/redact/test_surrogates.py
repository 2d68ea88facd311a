"""A replayed agent reads something of the same shape in the place of each secret, and the tape says where."""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import json
import os
import struct
import zlib
from itertools import pairwise

import httpx
import pytest
import redact.test_search_for_secrets as search
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

import tracefork
from tracefork import Request, Response, TapeStore, report
from tracefork.codec.limits import DEFAULT
from tracefork.codec.rows.rows import RowReader
from tracefork.core.content_encoding import decode_body
from tracefork.core.tape import Tape
from tracefork.core.values import Exchange, Fault, Reading, Reply, Span
from tracefork.errors import CorruptTape, RedactedSecret
from tracefork.redact import Redactor, Vault, emails, redactor, scrubbed
from tracefork.redact.surrogates.draw import make_surrogate
from tracefork.report.text import step_table
from tracefork.testing.scripted import Script, by_rule, transport

CHANCE = bytes(range(32))
KNOWN = {"with signs": search.KEY, "plain": search.PLAIN, "issued": search.ISSUED}
HEX = "0f3c9a7b5d1e4f60a2b8c6d4e0f1a3b5"


def encoded(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def token(claims):
    parts = b'{"alg":"RS256"}', json.dumps(claims).encode(), hashlib.sha256(b"x").digest()
    return ".".join(map(encoded, parts))


def keeping(environ=None, **options):
    """A redactor that draws surrogates, as that of a run does."""
    environ = {"VAULT_API_KEY": search.KEY, "SHOP_TOKEN": search.PLAIN} if environ is None else environ
    return evolve(redactor(environ, **options), vault=Vault(CHANCE))


def kept(response, redact=None):
    """What is kept of a response, after all that is true of each was looked at."""
    redact = redact or keeping()
    made = redact.keep(response)
    surrogates = redact.vault.surrogates

    assert surrogates.masked(made) == redact.answer(response), "it is shown as the answer is without secrets"
    assert redact.keep(made) == made, "a surrogate stands for itself"
    assert made.status == response.status and len(made.chunks) == len(response.chunks)
    assert [name for name, _ in made.headers] == [name for name, _ in response.headers]
    return made


def plain(response):
    return b"".join(decode_body(response.headers, response.chunks) or response.chunks)


def cut(body, *places):
    edges = sorted({min(place, len(body)) for place in places} | {0, len(body)})
    return tuple(body[low:high] for low, high in pairwise(edges))


# -- laws -----------------------------------------------------------------------------------


@given(st.text(min_size=1), st.binary(min_size=16, max_size=64))
@example("sk-ant-api03-" + "aB3dE6gH9jK2" * 7, CHANCE)
@example("\ud800 half of a pair", CHANCE)
def test_a_surrogate_has_the_shape_of_its_secret_and_is_another(secret, chance):
    made = make_surrogate(secret, chance)
    if made is None:
        assert not any(char.isascii() and char.isalnum() for char in secret)
        return

    assert made != secret and made == make_surrogate(secret, chance)
    assert len(made.encode("utf-8", "surrogatepass")) == len(secret.encode("utf-8", "surrogatepass"))
    assert json.loads(json.dumps(made)) == made and len(json.dumps(made)) == len(json.dumps(secret))
    for old, new in zip(secret, made, strict=True):
        for kind in (str.isdigit, str.islower, str.isupper, str.isspace):
            assert not old.isascii() or kind(old) == kind(new)


@given(st.from_regex(r"[A-Za-z0-9]{12,40}", fullmatch=True), st.integers(0, 2**32))
def test_nothing_about_a_secret_is_told_but_its_shape(secret, seed):
    """Chance alone decides: secrets of one shape have surrogates that have nothing to do with each other."""
    other = "".join("b" if c == "a" else "a" if c.islower() else c for c in secret)
    chance = hashlib.sha256(str(seed).encode()).digest()
    one, two = make_surrogate(secret, chance), make_surrogate(other, chance)

    assert secret == other or one != two
    assert make_surrogate(secret, hashlib.sha256(chance).digest()) != one


@pytest.mark.parametrize("framing", search.FRAMINGS)
@pytest.mark.parametrize("secret", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("size", [1, 5, 30])
def test_in_every_framing_a_body_keeps_its_length_and_its_form(framing, secret, size):
    body = search.FRAMINGS[framing](search.cut(secret, size))
    made = kept(Response(200, (), cut(body, 7, len(body) // 2)))

    assert made.lengths == tuple(map(len, cut(body, 7, len(body) // 2)))
    assert made.body != body
    if framing in ("Converse", "Bedrock"):
        return  # see below
    for old, new in zip(body.splitlines(), made.body.splitlines(), strict=True):
        for line, again in ((old, new), (old.removeprefix(b"data: "), new.removeprefix(b"data: "))):
            try:
                json.loads(line)
            except ValueError:
                continue
            json.loads(again)


@pytest.mark.parametrize("written", [name for name in search.WRITTEN if name != "numbers"])
@pytest.mark.parametrize("secret", KNOWN.values(), ids=KNOWN)
def test_however_a_secret_is_written_its_surrogate_is_written_so(written, secret):
    body = f"so {search.WRITTEN[written](secret)} it is".encode()
    redact = keeping()
    made = kept(Response(200, (), (body,)), redact)
    [row] = redact.vault.surrogates.rows

    assert made.body == f"so {search.WRITTEN[written](row.value)} it is".encode()


def test_a_secret_in_decimal_entities_that_have_no_room_for_another_is_taken_out_all_the_same():
    body = search.WRITTEN["numbers"]("Zx81-QpLm-7733-aaTT").encode()
    made = keeping().keep(Response(200, (), (body,))).body

    assert made == b"[secret:SHOP_TOKEN]" or (len(made) == len(body) and b"&#97;" * 2 not in made)
    assert keeping().keep(Response(200, (), (b"it is " + body,))).body.startswith(b"it is ")


@given(st.integers(0, 50), st.sampled_from([b"+/", b"-_"]), st.sampled_from([0, 64, 76]), st.booleans())
def test_in_base64_it_stands_in_base64(before, signs, width, in_json):
    redact = keeping()
    text = base64.b64encode(b"?" * before + search.KEY.encode() + b">" * 90, signs).decode()
    lines = "\n".join(text[n : n + width] for n in range(0, len(text), width)) if width else text
    made = kept(Response(200, (), ((json.dumps({"d": lines}) if in_json else lines).encode(),)), redact)
    said = json.loads(made.body)["d"] if in_json else made.body.decode()
    [row] = redact.vault.surrogates.rows

    opened = base64.b64decode(said.replace("\n", ""), signs)
    assert opened == b"?" * before + row.value.encode() + b">" * 90


def messages(body):
    """The payloads of an event stream of Amazon's, whose checksums are all right."""
    while body:
        size, headers, check = struct.unpack(">III", body[:12])
        assert binascii.crc32(body[:8]) == check
        assert binascii.crc32(body[: size - 4]) == struct.unpack(">I", body[size - 4 : size])[0]
        yield body[12 + headers : size - 4]
        body = body[size:]


@pytest.mark.parametrize("secret", KNOWN.values(), ids=KNOWN)
def test_the_checksums_of_an_event_stream_are_made_anew(secret):
    for framing in ("Converse", "Bedrock"):
        body = search.FRAMINGS[framing](search.cut(secret, 7))
        made = kept(Response(200, (), (body,)))
        old, new = list(messages(body)), list(messages(made.body))

        assert old != new and [len(one) for one in old] == [len(one) for one in new]
        for payload in new:
            json.loads(payload)


def zstd(data):
    return pytest.importorskip("zstandard").ZstdCompressor().compress(data)


def brotli(data):
    return pytest.importorskip("brotli").compress(data)


@pytest.mark.parametrize(
    ("name", "compress"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd), ("br", brotli)],
    ids=lambda it: it if isinstance(it, str) else "",
)
@given(st.lists(st.integers(0, 400), max_size=6))
def test_a_compressed_body_is_compressed_again_and_each_chunk_decodes_to_as_much(name, compress, cuts):
    body = b"it is " + search.PLAIN.encode() + b" and " + bytes(range(256)) * 2
    packed = compress(body)
    headers = (("content-encoding", name), ("content-length", str(len(packed))))
    response = Response(200, headers, cut(packed, *cuts))
    redact = keeping()
    made = kept(response, redact)
    [row] = redact.vault.surrogates.rows

    assert plain(made) == body.replace(search.PLAIN.encode(), row.value.encode())
    assert dict(made.headers) == {"content-encoding": name, "content-length": str(made.size)}
    pieces = [decode_body(side.headers, side.chunks) for side in (response, made)]
    assert [len(piece) for piece in pieces[0]] == [len(piece) for piece in pieces[1]]


DAMAGED = {
    "junk behind it": lambda packed: packed + b"junk",
    "junk in its tail": lambda packed: packed[:-12] + b"\xff" * 12,
    "a chunk of junk": lambda packed: packed[:-30] + b"\xff\0" * 15,
    "cut": lambda packed: packed[:-9],
}


@pytest.mark.parametrize("how", DAMAGED)
@pytest.mark.parametrize(("name", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
@pytest.mark.parametrize("cuts", [(), (40,), (10, 60, 90)], ids=str)
def test_a_damaged_body_holds_no_secret_and_is_damaged_still(how, name, compress, cuts):
    body = b"it is " + search.PLAIN.encode() + b" and " + bytes(range(256))
    packed = DAMAGED[how](compress(body))
    response = Response(200, (("content-encoding", name),), cut(packed, *cuts))
    redact = keeping()
    made = kept(response, redact)

    def read(answer):
        out, it = b"", zlib.decompressobj(zlib.MAX_WBITS | (16 if name == "gzip" else 0))
        try:
            for chunk in answer.chunks:
                out += it.decompress(chunk)
        except zlib.error:
            return len(out), "damaged"
        return len(out), "fine"

    assert read(made) == read(response)
    whole = zlib.decompressobj(zlib.MAX_WBITS | (16 if name == "gzip" else 0))
    said = b""
    for code in made.body:
        try:
            said += whole.decompress(bytes([code]))
        except zlib.error:
            break
    assert said.startswith(b"it is ") and search.PLAIN.encode() not in said


# -- kept ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["runs.db", "runs"])
def test_surrogates_are_kept_with_the_run_and_inherited_by_what_comes_of_it(where, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", search.PLAIN)
    cookie = ("set-cookie", f"__cf_bm={HEX}; path=/")
    network = by_rule(lambda r: Response(200, (cookie,), (f"it is {search.PLAIN}".encode(), r.body)))

    def agent():
        with httpx.Client(transport=transport(network, httpx)) as client:
            return [client.post("http://m/", content=str(n).encode()).text for n in range(3)]

    with tracefork.record(tmp_path / where, run_id="r") as run:
        agent()
    with TapeStore.open(tmp_path / where) as store:
        tape = store.load("r")
        with tracefork.fork(tape, 2, store=store, run_id="branch"):
            agent()
        with tracefork.resume(tape, store, run_id="on"):
            agent()
        branch, on = store.load("branch"), store.load("on")

    assert tape == run.tape and tape.surrogates == run.tape.surrogates and len(tape.surrogates.rows) == 2
    assert [x.answer for x in on] == [x.answer for x in tape]
    assert [x.answer for x in branch][:2] == [x.answer for x in tape][:2]
    for kept_tape in (branch, on):
        assert kept_tape.digest() == tape.digest()
        assert tracefork.loads(tracefork.dumps(kept_tape)) == kept_tape
        for exchange in kept_tape.masked:
            assert exchange.response.body.startswith(b"it is [secret:SHOP_TOKEN]")
        assert search.PLAIN.encode() not in tracefork.dumps(kept_tape)


def test_a_run_that_was_killed_says_what_is_a_surrogate(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", search.PLAIN)
    network = by_rule(lambda r: Response(200, (), (search.PLAIN.encode(),)))
    with tracefork.record(tmp_path / "runs.db", run_id="r") as run:
        with httpx.Client(transport=transport(network, httpx)) as client:
            client.get("http://m/")
        run.flush()
        with TapeStore.open(tmp_path / "runs.db") as store:
            tape = store.load("r")

    assert tape.masked[0].response.body == b"[secret:SHOP_TOKEN]"
    assert len(tape[0].response.body) == len(search.PLAIN)


def test_what_is_shown_says_what_the_secret_was(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP_TOKEN", search.PLAIN)
    network = by_rule(lambda r: Response(200, (), (json.dumps({"k": search.PLAIN}).encode(),)))
    with tracefork.record() as run:
        with httpx.Client(transport=transport(network, httpx)) as client:
            said = client.get("http://m/").json()["k"]
        run.call("tool", lambda: said)
    drawn = run.tape.surrogates.rows[0].value

    for text in (
        report.html(run.tape),
        report.text(run.tape),
        report.markdown(run.tape),
        step_table.step_in_full(run.tape, 0),
        "\n".join(step_table.lines(run.tape)),
    ):
        assert drawn not in text
    assert "[secret:SHOP_TOKEN]" in report.html(run.tape)
    assert "[secret:SHOP_TOKEN]" in step_table.step_in_full(run.tape, 0)


@pytest.mark.parametrize(
    "answer",
    [
        Fault("ConnectError", f"bad key {search.PLAIN}"),
        Reading(f"={search.PLAIN}"),
        Reply("returned", json.dumps({"k": search.PLAIN, "u": f"https://me:{search.PLAIN}@h/?sig={HEX}"})),
        Reply("raised", json.dumps([f"bad {search.PLAIN}"]), "builtins.ValueError"),
        Response(200, (), (b"part",), Fault("ReadError", f"bad {search.PLAIN}")),
        Response(
            200, (("location", f"https://h/?token={HEX}#access_token={HEX[::-1]}"),), reason=search.PLAIN
        ),
        Response(200, (("x-session-id", HEX), ("set-cookie", f"s={HEX[::-1]}; Path=/"))),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_every_kind_of_answer_has_surrogates(answer):
    redact = keeping()
    shown = redact.answer(answer)
    made = redact.keep(answer)

    assert made != answer and "[secret:" not in repr(made)
    assert redact.vault.surrogates.masked(made) == shown != answer
    assert redact.keep(made) == made
    for name in ("message", "text", "value", "reason"):
        assert len(getattr(made, name, "")) == len(getattr(answer, name, ""))
        assert search.PLAIN not in getattr(made, name, "") and HEX not in getattr(made, name, "")


@given(st.binary(min_size=12, max_size=60), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]))
def test_what_stands_for_base64_is_base64_again(raw, encode):
    signs = b"-_" if encode is base64.urlsafe_b64encode else None
    secret = encode(raw).decode()
    made, bare = make_surrogate(secret, CHANCE), make_surrogate(secret.rstrip("="), CHANCE)

    assert encode(base64.b64decode(made, signs)).decode() == made
    assert encode(base64.b64decode(bare + "=" * (-len(bare) % 4), signs)).decode().rstrip("=") == bare


def test_a_weak_or_short_variable_is_known_as_that_and_nowhere_else(monkeypatch):
    """What a variable holds may be a digit: no other text is changed by that, live or replayed."""
    monkeypatch.setenv("FEATURE_KEY", "1")
    monkeypatch.setenv("OPENAI_API_KEY", "ollama")
    monkeypatch.setenv("PORTS", "80,81,82,83,84,85,86,87,88,89,0123456789")
    network = by_rule(lambda r: Response(200, (), (r.body,)))

    def agent(run):
        drawn = [run.env(name) for name in ("FEATURE_KEY", "OPENAI_API_KEY", "PORTS")]
        with httpx.Client(transport=transport(network, httpx)) as client:
            said = client.post("http://m/", content="0123456789 of ollama").text
        return drawn, said

    with tracefork.record() as run:
        live = agent(run)
    assert live == (["1", "ollama", os.environ["PORTS"]], "0123456789 of ollama")
    for follow in (tracefork.replay, tracefork.resume, lambda tape: tracefork.fork(tape, 0)):
        with follow(run.tape) as again:
            assert agent(again) == live

    monkeypatch.delenv("FEATURE_KEY")
    with tracefork.replay(run.tape) as again:
        (feature, *_), said = agent(again)
    assert feature.isdigit() and feature != "1" and said == live[1]


def rotating(values):
    """A server that gives each of `values` as its cookie, and an agent that says which were equal."""
    answers = [Response(200, (("set-cookie", f"sid={value}; Path=/"),)) for value in values]

    def agent(network, *, forgets=True):
        heard = []
        with httpx.Client(transport=transport(network, httpx)) as client:
            for n in range(len(values)):
                heard.append(client.post("http://m/", content=str(n).encode()).cookies["sid"])
                if forgets:
                    client.cookies.clear()
        return [one == other for one, other in pairwise(heard)]

    return answers, agent


def test_a_cookie_that_rotates_is_another_in_a_branch_too(tmp_path):
    one, two = "a1B2c3D4e5F6g7H8", "h8G7f6E5d4C3b2A1"
    answers, agent = rotating([one, one, one])
    with tracefork.record() as run:
        agent(Script(*answers))
    later, _ = rotating([two, two])
    with tracefork.fork(run.tape, 1, store=tmp_path / "runs.db", run_id="branch") as branch:
        live = agent(Script(*later))
    with tracefork.replay(branch.tape):
        replayed = agent(Script())

    assert live == replayed == [False, True]
    assert branch.tape.redacted == {"set-cookie": 2}


def test_the_error_names_the_very_step_that_gave_a_secret():
    answers, agent = rotating(["a1B2c3D4e5F6g7H8", "h8G7f6E5d4C3b2A1", "k2L3m4N5o6P7q8R9"])
    with tracefork.record() as run:
        agent(Script(*answers), forgets=False)
    with pytest.raises(RedactedSecret) as caught, tracefork.fork(run.tape, 2):
        agent(Script(Response(200)), forgets=False)

    assert caught.value.step == 1, "the cookie that the second answer gave"


def test_cookies_of_proxies_are_left_out_of_what_is_live():
    answer = Response(200, (("set-cookie", f"__cf_bm={HEX}; path=/"),))
    with tracefork.record() as run, httpx.Client(transport=transport(Script(answer), httpx)) as client:
        client.get("http://m/")
    live = Script(Response(204))
    with tracefork.resume(run.tape), httpx.Client(transport=transport(live, httpx)) as client:
        client.get("http://m/")
        assert client.get("http://m/").status_code == 204

    assert "cookie" not in {name.lower() for name, _ in live.requests[0].headers}


def test_scrubbing_learns_what_was_sent_and_looks_by_the_rules_of_today():
    headers = (("x-shop-token", search.PLAIN),)
    asked = Request("POST", "http://m/", headers, b'{"use": "%s"}' % search.PLAIN.encode())
    again = Request("POST", "http://m/", (), b'{"url": "https://f.example/a?sig=5f3c9aaa0b7d2e1c"}')
    steps = [
        Exchange(question, Response(200, (), (b"ok",)), "", Span(3 * n, 3 * n + 1, 3 * n + 2))
        for n, question in enumerate((asked, again))
    ]
    old = Tape(tuple(steps), run_id="old", rules=1)
    clean = scrubbed(old, redactor({}), chance=CHANCE)

    def agent():
        with httpx.Client() as client:
            client.post("http://m/", headers=dict(headers), content=asked.body)
            client.post("http://m/", content=again.body)

    assert search.PLAIN.encode() not in tracefork.dumps(clean)
    assert b"5f3c9aaa0b7d2e1c" not in tracefork.dumps(clean)
    for tape in (old, clean):
        with tracefork.replay(tape):
            agent()


@pytest.mark.parametrize("name", ["9" * 5000 + ":x", "12:xyz", "x", "-1:" + "0" * 24, "٣:" + "0" * 24])
def test_a_row_of_places_in_a_text_of_no_name_is_damage(name):
    reader = RowReader((), DEFAULT)
    with pytest.raises(CorruptTape):
        reader.read(["s", [], [[name, 0, 1, "[secret:x]"]]], None)


def test_without_a_vault_an_answer_says_what_was_taken_out():
    redact = redactor({"SHOP_TOKEN": search.PLAIN})

    assert redact.keep(Response(200, (), (search.PLAIN.encode(),))).body == b"[secret:SHOP_TOKEN]"


def test_personal_data_has_surrogates_too():
    redact = keeping({}, finders=[emails])
    made = kept(Response(200, (), (b"write to jane@mail.example.org today",)), redact)

    assert made.body != b"write to jane@mail.example.org today" and b"@" in made.body


@given(st.binary(max_size=300) | st.text('{}[]",:\\ \n\rdata%&;0x-=?', max_size=300).map(str.encode))
def test_any_body_is_kept(body):
    redact = keeping()
    made = kept(Response(200, (), (body,)), redact)

    assert len(made.body) == len(body) or b"[secret:" in made.body


def test_a_redactor_without_secrets_leaves_all_as_it_is():
    response = Response(200, (("content-type", "text/plain"),), (b"nothing", b" here"))

    assert evolve(Redactor(), vault=Vault(CHANCE)).keep(response) is response
    assert Request("GET", "http://a/") == Redactor().question(Request("GET", "http://a/"))
