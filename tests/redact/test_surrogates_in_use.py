"""What a replayed agent does with surrogates, and what of them leaves once it is live again."""

from __future__ import annotations

import base64
import json

import httpx
import pytest
import redact.test_search_for_secrets as search
from redact.test_surrogates import HEX, token

import tracefork
from tracefork import Response
from tracefork.errors import RedactedSecret
from tracefork.testing.scripted import Script, by_rule, transport

# -- what a replayed agent does ----------------------------------------------------------------


def replayed(answers, look):
    """What `look` makes of the answers, live and replayed."""
    served = iter(answers)
    network = httpx.MockTransport(lambda request: next(served))

    def agent():
        with httpx.Client(transport=network) as client:
            return look(client)

    with tracefork.record() as run:
        live = agent()
    with tracefork.replay(run.tape) as again:
        second = agent()

    assert again.tape.digest() == run.tape.digest()
    return live, second, run.tape


def test_a_token_keeps_its_claims_and_is_worthless():
    claims = {"exp": 1790000000, "sub": "u1", "aud": ["a", "b"]}

    def look(client):
        said = client.post("https://a.example/token").json()["id_token"]
        head, body, signature = said.split(".")
        return json.loads(base64.urlsafe_b64decode(body + "==")), head, len(signature)

    live, again, tape = replayed([httpx.Response(200, json={"id_token": token(claims)})], look)

    assert live == again and live[0] == claims
    assert token(claims).rpartition(".")[2].encode() not in tracefork.dumps(tape)


def test_a_private_key_keeps_its_lines():
    line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n"
    pem = f"-----BEGIN PRIVATE KEY-----\n{line * 3}-----END PRIVATE KEY-----\n"
    live, again, tape = replayed(
        [httpx.Response(200, json={"key": pem})],
        lambda client: [
            (len(line), line[:5]) for line in client.get("https://a.example/").json()["key"].splitlines()
        ][::4],
    )

    assert live == again
    assert b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" not in tracefork.dumps(tape)


def test_cookies_keep_their_names_their_attributes_and_their_length():
    headers = [
        ("set-cookie", "session=a1B2c3D4e5F6g7H8; Path=/; HttpOnly; Max-Age=3600"),
        ("set-cookie", "lang=en; Path=/"),
    ]
    seen = []

    def serve(request):
        seen.append(request.headers.get("cookie", ""))
        return httpx.Response(200, headers=headers)

    def agent():
        with httpx.Client(transport=httpx.MockTransport(serve)) as client:
            answer = client.get("https://a.example/")
            client.get("https://a.example/again")
            attributes = answer.headers.get_list("set-cookie")[0][24:]
            return len(client.cookies["session"]), client.cookies["lang"], attributes

    with tracefork.record() as run:
        live = agent()
    with tracefork.replay(run.tape):
        assert agent() == live

    assert live[:2] == (16, "en")
    assert seen[1] == "session=a1B2c3D4e5F6g7H8; lang=en", "the live server sees the true cookie"
    asked = {name.lower(): value for name, value in run.tape[1].request.headers}
    assert asked["cookie"] == "session=[secret:set-cookie]; lang=[secret:cookie]"
    assert b"a1B2c3D4e5F6g7H8" not in tracefork.dumps(run.tape)


def test_a_presigned_url_keeps_all_but_its_signature():
    url = f"https://s3.example/b/k?X-Amz-Expires=900&X-Amz-Signature={HEX}&response-content-type=text%2Fplain"
    live, again, tape = replayed(
        [httpx.Response(200, json={"url": url}), httpx.Response(200, text="done")],
        lambda client: client.put(client.post("https://a.example/").json()["url"]).text,
    )
    kept_url = json.loads(tape[0].response.body)["url"]

    assert live == again == "done"
    assert kept_url.replace(kept_url.split("Signature=")[1][:32], "") == url.replace(HEX, "")
    assert HEX.encode() not in tracefork.dumps(tape)
    assert tape[1].request.url == url.replace(HEX, "[secret:x-amz-signature]")


def test_equal_secrets_have_equal_surrogates_and_others_others():
    one, two = "sk-proj-" + "aB3d" * 12, "sk-proj-" + "Zx9q" * 12

    def look(client):
        said = client.get("https://a.example/").json()
        return len(said), said[said["of"][0]], said[said["of"][1]]

    answer = httpx.Response(200, json={one: 1, two: 2, "of": [one, two, one]})
    live, again, tape = replayed([answer], look)

    assert live == again == (3, 1, 2)
    assert tape.redacted == {"openai": 2}


def test_a_surrogate_that_comes_back_in_a_question_is_the_secret_that_it_stands_for():
    def look(client):
        said = client.post("https://a.example/", json={}).json()["token"]
        for written in (said, said.replace("-", "%2D"), base64.b64encode(f"me:{said}".encode()).decode()):
            client.post("https://a.example/", content=f"use {written} now")
        return len(said)

    secret = f"Zx81-{'QpLm-7733-' * 3}aaTT"
    answer = httpx.Response(200, json={"token": secret}, headers={"x-session-token": secret})
    live, again, _ = replayed([answer, *[httpx.Response(200)] * 3], look)

    assert live == again


@pytest.mark.parametrize("now", [search.PLAIN, "Yw92-RnMk-8844-bbUU", None], ids=["same", "other", "none"])
def test_what_is_asked_is_the_same_with_the_true_secret_another_or_none(now, monkeypatch):
    def agent():
        network = by_rule(lambda r: Response(200, (), (json.dumps({"k": search.PLAIN}).encode(),)))
        with httpx.Client(transport=transport(network, httpx)) as client:
            said = client.post("http://m/", content=b"?").json()["k"]
            return len(client.post("http://m/", json={"again": said}).text)

    monkeypatch.setenv("SHOP_TOKEN", search.PLAIN)
    with tracefork.record() as run:
        agent()
    monkeypatch.setenv("SHOP_TOKEN", now) if now else monkeypatch.delenv("SHOP_TOKEN")

    with tracefork.replay(run.tape) as again:
        agent()
    assert again.tape.digest() == run.tape.digest()
    assert tracefork.diff(run.tape, again.tape, exact=True) is None


def test_the_digest_does_not_depend_on_what_was_drawn():
    def recorded():
        network = by_rule(lambda r: Response(200, (), (search.ISSUED.encode(),)))
        with tracefork.record() as run, httpx.Client(transport=transport(network, httpx)) as client:
            client.get("http://m/")
        return run.tape

    one, two = recorded(), recorded()

    assert one[0].response.body != two[0].response.body
    assert one.digest() == two.digest() == one.masked.digest()
    assert tracefork.digest(one, version=1) == tracefork.digest(two, version=1)
    assert tracefork.diff(one, two, exact=True) is None


# -- what is live again --------------------------------------------------------------------------


def heard_then_used(network):
    with httpx.Client(transport=transport(network, httpx)) as client:
        said = client.post("http://m/", content=b"log me in").json()["token"]
        return client.post("http://m/", headers={"authorization": f"Bearer {said}"}, json={"t": said}).text


def test_a_token_that_the_tape_gave_and_that_would_go_out_is_refused_by_the_step_that_gave_it():
    answer = Response(200, (), (json.dumps({"token": search.ISSUED}).encode(),))
    with tracefork.record() as run:
        heard_then_used(Script(answer, Response(200)))
    live = Script(Response(200, (), (b"live",)))
    with pytest.raises(RedactedSecret, match="step 0 gave it") as caught, tracefork.fork(run.tape, 1):
        heard_then_used(live)

    assert caught.value.step == 0 and caught.value.placeholder == "[secret:anthropic]"
    assert live.requests == ()
    with tracefork.fork(run.tape, 0) as branch:  # who gave it is asked anew: the token is a true one
        heard_then_used(Script(answer, Response(200, (), (b"live",))))
    assert branch.tape[1].response.body == b"live"


WEAK = {
    "a header": (
        Response(200, (("x-session-token", "a1b2c3"),)),
        lambda answer: {"headers": {"x-session-token": answer.headers["x-session-token"]}},
    ),
    "a cookie": (
        Response(200, (("set-cookie", "csrf=abcd1234; Path=/"),)),
        lambda answer: {"headers": {"cookie": f"csrf={answer.cookies['csrf']}"}},
    ),
    "a parameter": (
        Response(200, (("location", "http://m/next?sig=a1b2c3"),)),
        lambda answer: {"params": {"sig": answer.headers["location"][-6:]}},
    ),
}


@pytest.mark.parametrize("where", WEAK)
def test_what_may_stand_anywhere_by_chance_is_known_only_in_its_place(where):
    answer, use = WEAK[where]

    def heard(client):
        answer = client.post("http://m/", content=b"?")
        client.cookies.clear()
        return answer

    with tracefork.record() as run, httpx.Client(transport=transport(Script(answer), httpx)) as client:
        heard(client)
    [row] = run.tape.surrogates.rows
    live = Script(Response(204))
    with pytest.raises(RedactedSecret, match="step 0"), tracefork.resume(run.tape):
        with httpx.Client(transport=transport(live, httpx)) as client:
            client.post("http://m/", **use(heard(client)))

    assert row.place == where.split()[1] and live.requests == ()
    with tracefork.resume(run.tape), httpx.Client(transport=transport(live, httpx)) as client:
        client.post("http://m/", content=f"in a text it is any text: {use(heard(client))}")
    assert row.value.encode() in live.requests[0].body


@pytest.mark.parametrize("now", [search.PLAIN, "Yw92-RnMk-8844-bbUU-and-longer"], ids=["as long", "longer"])
def test_a_surrogate_of_a_known_secret_goes_out_as_what_it_is_now(now, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", search.PLAIN)
    with tracefork.record() as run:
        answer = Response(200, (), (json.dumps({"token": search.PLAIN}).encode(),))
        heard_then_used(Script(answer, Response(200)))
    monkeypatch.setenv("SHOP_TOKEN", now)
    live = Script(Response(200, (), (b"live",)))
    with tracefork.fork(run.tape, 1) as branch:
        heard_then_used(live)
    headers = {name.lower(): value for name, value in live.requests[0].headers}

    assert json.loads(live.requests[0].body) == {"t": now}
    assert headers["authorization"] == f"Bearer {now}"
    assert now.encode() not in tracefork.dumps(branch.tape)
    assert json.loads(branch.tape[1].request.body) == {"t": "[secret:SHOP_TOKEN]"}


def test_a_tool_that_is_live_again_is_given_the_true_secret(monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", search.PLAIN)
    given = []

    def agent(run):
        said = run.call("find", lambda: {"key": search.PLAIN})["key"]
        run.call("use", lambda key: given.append(key) or True, said)

    with tracefork.record() as run:
        agent(run)
    with tracefork.fork(run.tape, run.tape.effects[1]) as branch:
        agent(branch)

    assert given == [search.PLAIN] * 2
    assert search.PLAIN.encode() not in tracefork.dumps(branch.tape)
