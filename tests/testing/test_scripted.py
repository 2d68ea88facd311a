import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tracefork.core.values import Fault, Request, Response
from tracefork.errors import Exhausted
from tracefork.testing import scripted
from tracefork.testing.scripted import Script, by_marker, by_rule

HELLO = Response(
    200, (("X-Twice", "a"), ("x-twice", "b")), (b"he", b"llo"), reason="Fine", http_version="HTTP/2"
)
SORRY = Response(503, (), (b"sorry",))
URL = "http://model.test/v1/messages?beta=true"


def asked(body=b"", url=URL):
    return Request("POST", url, (), body)


@pytest.fixture(params=["httpx", "httpx2"])
def lib(request):
    return pytest.importorskip(request.param)


def client(lib, *items):
    script = Script(*items)
    return lib.Client(transport=scripted.transport(script, lib)), script


# -- scripts, without any library ----------------------------------------------------


def test_answers_are_given_in_order():
    script = Script(HELLO, SORRY)

    assert [script(asked()), script(asked())] == [HELLO, SORRY]


def test_a_function_builds_the_answer_from_the_request():
    script = Script(lambda request: Response(200, (), (request.body.upper(),)))

    assert script(asked(b"loud")).body == b"LOUD"


def test_a_script_asked_once_more_than_it_has_says_so():
    script = Script(HELLO)
    script(asked())

    with pytest.raises(Exhausted) as caught:
        script(asked(b"more"))

    assert (caught.value.answers, caught.value.asked) == (1, asked(b"more"))


def test_requests_are_kept_the_unanswered_one_too():
    script = Script(HELLO)
    script(asked(b"1"))
    with pytest.raises(Exhausted):
        script(asked(b"2"))

    assert script.requests == (asked(b"1"), asked(b"2"))


def test_two_threads_never_get_the_same_answer():
    count = 400
    script = Script(*(Response(200, (), (b"%d" % n,)) for n in range(count)))
    together = threading.Barrier(2)

    def ask(_):
        together.wait(5)
        return [script(asked()).body for _ in range(count // 2)]

    with ThreadPoolExecutor(2) as pool:
        bodies = [body for half in pool.map(ask, range(2)) for body in half]

    assert sorted(map(int, bodies)) == list(range(count))
    assert len(script.requests) == count


def test_a_rule_picks_an_item_for_each_request():
    script = by_rule(lambda request: HELLO if request.body else Fault("ReadError", "empty"))

    assert script(asked(b"x")) == HELLO
    assert script(asked()) == Fault("ReadError", "empty")


def test_the_marker_in_the_body_turns_answers_faulty_and_its_absence_turns_them_back():
    script = by_marker("poison", faulty=SORRY, sound=HELLO)

    answers = [script(asked(body)) for body in (b"clean", b"a poison b", b"clean")]

    assert answers == [HELLO, SORRY, HELLO]


def test_a_marker_is_found_in_the_url_and_as_json_escapes_it():
    script = by_marker('say "é"\n', faulty=SORRY, sound=HELLO)

    assert script(asked(rb'{"text": "say \"\u00e9\"\n"}')) == SORRY
    assert script(asked('{"text": "say \\"é\\"\\n"}'.encode())) == SORRY
    assert by_marker(b"beta=true", SORRY, HELLO)(asked()) == SORRY


def test_each_side_of_a_marker_may_be_played_in_order():
    script = by_marker("poison", faulty=[SORRY], sound=Script(HELLO, SORRY))
    script(asked(b"poison"))

    assert [script(asked()), script(asked())] == [HELLO, SORRY]
    with pytest.raises(Exhausted):
        script(asked(b"poison"))


def test_an_empty_marker_is_a_slip():
    with pytest.raises(ValueError, match="empty"):
        by_marker("", SORRY, HELLO)


# -- as transports of both libraries -----------------------------------------------------


def test_a_client_sees_status_headers_and_each_chunk_as_its_own(lib):
    http, _ = client(lib, HELLO)
    with http, http.stream("POST", URL) as response:
        chunks = list(response.iter_raw())

    assert chunks == [b"he", b"llo"]
    assert response.headers.raw == [(b"X-Twice", b"a"), (b"x-twice", b"b")]
    assert (response.status_code, response.reason_phrase, response.http_version) == (200, "Fine", "HTTP/2")


def test_an_async_client_sees_the_same(lib):
    script = Script(HELLO)

    async def main():
        async with (
            lib.AsyncClient(transport=scripted.async_transport(script, lib)) as http,
            http.stream("POST", URL, content=b"hi") as response,
        ):
            return [chunk async for chunk in response.aiter_raw()]

    assert asyncio.run(main()) == [b"he", b"llo"]
    assert script.requests[0].body == b"hi"


def test_the_request_is_kept_as_it_crossed_the_seam(lib):
    http, script = client(lib, HELLO)
    with http:
        http.post(URL, content=b"hi", headers=[("X-Mixed", b"\xe9"), ("X-Mixed", b"2")])

    [request] = script.requests
    assert (request.method, request.url, request.body) == ("POST", URL, b"hi")
    assert [value for key, value in request.headers if key == "X-Mixed"] == ["é", "2"]


@pytest.mark.parametrize("kind", ["ConnectError", "ReadError", "ReadTimeout", "RemoteProtocolError"])
def test_a_fault_raises_the_librarys_own_exception_with_its_request(lib, kind):
    http, _ = client(lib, Fault(kind, "broken"))

    with http, pytest.raises(getattr(lib, kind), match="broken") as caught:
        http.post(URL)

    assert str(caught.value.request.url) == URL


def test_an_async_client_meets_the_same_fault(lib):
    async def main():
        script = Script(Fault("ConnectTimeout", "slow"))
        async with lib.AsyncClient(transport=scripted.async_transport(script, lib)) as http:
            with pytest.raises(lib.ConnectTimeout, match="slow"):
                await http.get(URL)

    asyncio.run(main())


def test_a_stream_cut_midway_gives_its_chunks_first(lib):
    http, _ = client(lib, Response(200, (), (b"one", b"two"), end=Fault("ReadError", "cut")))
    seen = []
    with http, http.stream("GET", URL) as response, pytest.raises(lib.ReadError, match="cut"):
        seen.extend(response.iter_raw())

    assert seen == [b"one", b"two"]


def test_an_async_stream_cut_midway_gives_its_chunks_first(lib):
    script = Script(Response(200, (), (b"one", b"two"), end=Fault("ReadError", "cut")))
    seen = []

    async def main():
        http = lib.AsyncClient(transport=scripted.async_transport(script, lib))
        async with http, http.stream("GET", URL) as response:
            with pytest.raises(lib.ReadError, match="cut"):
                async for chunk in response.aiter_raw():
                    seen.append(chunk)

    asyncio.run(main())

    assert seen == [b"one", b"two"]


def test_a_dotted_kind_raises_any_other_exception_class(lib):
    http, _ = client(lib, Fault("ssl.SSLError", "handshake"))

    with http, pytest.raises(OSError, match="handshake"):
        http.get(URL)


@pytest.mark.parametrize("kind", ["cancelled", "NoSuchError", "Client", "asyncio.CancelledError"])
def test_a_script_cannot_raise_what_is_no_exception_class(lib, kind):
    http, _ = client(lib, Fault(kind))

    with http, pytest.raises(ValueError, match="cannot raise"):
        http.get(URL)


def test_exhaustion_reaches_the_caller_as_itself(lib):
    http, _ = client(lib)

    with http, pytest.raises(Exhausted, match="0 answers"):
        http.get(URL)


def test_the_classes_are_made_once_for_each_library(lib):
    one, two = scripted.transport(Script(), lib), scripted.transport(Script(), lib)

    assert type(one) is type(two)
    assert isinstance(one, lib.BaseTransport)
    assert isinstance(scripted.async_transport(Script(), lib), lib.AsyncBaseTransport)
