"""Tapes that were written once open for ever, and say what they said.

They are never regenerated, whatever compressor or codec this is: a new version of
the format gets files, and a test, of its own beside these.
"""

from hashlib import sha256
from pathlib import Path

import pytest

from tracefork.backends.memory import MemoryBackend
from tracefork.codec import journal, pack
from tracefork.codec.records import Parent
from tracefork.core.values import (
    RETURNED,
    Branch,
    Call,
    Departure,
    Effect,
    Fault,
    Omitted,
    Outcome,
    Pending,
    Reading,
    Reply,
    Request,
    Source,
    Span,
    Timing,
)
from tracefork.errors import CorruptTape
from tracefork.storage.parent_hash import identity
from tracefork.storage.store import TapeStore
from tracefork.storage.tape_file import load

FOLDER = Path(__file__).parents[1] / "golden"
V2 = {
    "branch.tape": "3dad147140ad1cd66c4fe3148938c2f2e3d85eda798bdb67e114bd2bb5f98075",
    "every-kind.journal": "d733b1f8d4dd65e5c0e14abb66184179c55d8323ed85f56e3ff042d3a117a963",
    "every-kind.tape": "eb6c262ff1f0164adad9e5cb17c2e97555f33895dedc9d4dac1a4d32efe31d2e",
    "parent.tape": "087ffd7fc7946ff81428cc2dd3128ef4b17cd64a7a5e19400add9f21b1406c6f",
    "streams.tape": "b4ddeb3bba18aac31b0a8f81a855af89f6aa85fda1316857a1077524b3acaed1",
}
MOTHER = "1254337a8129d0eb315ddba83fbbb6dd62ae30faf570f816a4d4bfa7010408e6"
DAUGHTER = "5eeffa6e6b3c94a200f059f2e001897784c1456ed0bf53f1aa2158a8c55a0317"


V3 = {
    "branch.tape": "2a438f381062b7b3ad8f06c29c1fe332aff164f0b0bbdd5d8a3d388809832737",
    "every-kind.journal": "aea651ae0524ee575bd0344f96e205211f1ed2b3d7d8780f7ea7ff74bf31b92c",
    "every-kind.tape": "e6e8e4a946a5b753c787e0332c5d31029d1157b9a578ff394945fb22178cb051",
    "parent.tape": "bdf356258e2f00d9e2595a8e01b0d5f274cec1a848f0afe636550b2c72bc78e5",
    "secrets.journal": "47459a10fcbb7c1c96f3f0fd91e2383cdd5d1cd49d6715e1b33c2227a15ee474",
    "secrets.tape": "d7eddcc5c15e25e6551275ab9adc40d869500cae2e9b14e9f942b48f484e7f99",
    "streams.tape": "009e446a4cb718110d7d251cfe4c4b4d354e4e35154bf28e01dd5aaee9aa7f3a",
}
V4 = {
    "agents.journal": "5abd45ef95af824094e15c32c8061555dfa901867e43e8d3b16be385bbaa3ac5",
    "agents.tape": "15e90648c80cd26dd754d2f721f9603cdf56e6b245e4fcfbe1f344c0087b4a5e",
    "branch.tape": "4dd00c99631f8e118fc96c3be450c95ca213444c91fca3637ad4a6df239e24c6",
    "every-kind.journal": "8d090ba2ee1270ed1b36f50f3b9eb5e48e731b3f5a6cb2db0c803dac30be6853",
    "every-kind.tape": "f425a360fa1f2402ce6cbd9474d720b204f8e59a640ee0576d67330499105315",
    "parent.tape": "cbc71c113fee68b6dc6dd0987b28b71a467a9759706874018539de426236b0d0",
    "rerun.journal": "d96718cff5873fbe888603e47024dfe65c301ab9764d9837c1a10b089dea9395",
    "rerun.tape": "d76f703cbe6b47c8209cafb432a4b180e46510dd822f103430367d3de4c62545",
    "secrets.journal": "4578ef64b78ee8da030e9ed7dc7cd6df51dd570dd0f172ee1a635f6c0d9bd1d6",
    "secrets.tape": "a79acad8ef70cd89600877eb83cf5800eb48328edb4e47ecdacccdfaedc9aa39",
    "streams.tape": "714ddee361b2c7fd9aee9ba09e125d2e3d2d7340fde4206b86da1e5f3d3f890b",
}
V5 = {
    "agents.journal": "16bfe16fb2af3755578d22c1ed69db064c4420d20db8261bd13b09959b9ce3d7",
    "agents.tape": "7f65b5d9d329e91f56d6094fad7401386c466196a97a63e724d082a7c02cf90e",
    "branch.tape": "aff45a2d701f6bfb1ed7001949e48ccf67bab4fce6f0dd90705552dd48d3be32",
    "every-kind.journal": "5d67d6427fc0f58e931a617ec20163c781bb81ce78fc947397d484931486194a",
    "every-kind.tape": "070c2b4364bcdc0ed004b740da7330e8a2991cac55867bb06770ebe79a1bcd39",
    "parent.tape": "bf57a6781968730da5fd487b44d729a93b07ef6602a9016fc496d072060030a9",
    "rerun.journal": "6e52ed0ff8fcec48a47e051a20faff0e5c5031576cec244301d3f3049f1962ec",
    "rerun.tape": "203b6239aa32686562874554eb8256e9ac6edaecd5cf32211b75daab42f00c67",
    "secrets.journal": "346387fc150db30ea44028e3109a888ad53a83bf27169afe6c905b405f83cd30",
    "secrets.tape": "7d8ca5ad56e231ed7a58b0c674ba48a7ab01b45fe87598d36ee65330fa5da6d6",
    "sites.journal": "a2dc08bff87acd0cf96401a1ddb278b60702289a4a3505af1c812c4586a839ef",
    "sites.tape": "be716589824633fe02852979f7b77d5a218bf37470d02eec747ea28b6b76e6d6",
    "streams.tape": "c2f646e179a2852284f3791bc0ca8e09cdaa601fd12ffca3841a548277379f8b",
}
FILES = [(n, *one) for n, files in [(2, V2), (3, V3), (4, V4), (5, V5)] for one in files.items()]
VERSIONS = [2, 3, 4, 5]


@pytest.fixture(params=VERSIONS, ids=lambda version: f"v{version}")
def version(request):
    return request.param


def path(name, version):
    return FOLDER / f"v{version}-{name}"


def chunks(version, name="every-kind.journal"):
    """The chunks of a journal, each of which has its length before it."""
    data, at = path(name, version).read_bytes(), 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : end]
        at = end


@pytest.mark.parametrize(("version", "name", "digest"), FILES)
def test_the_files_are_those_that_were_written(version, name, digest):
    assert sha256(path(name, version).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("form", ["sealed", "journal"])
def test_steps_of_every_kind_are_what_they_were(form, version):
    tape = (
        load(path("every-kind.tape", version))
        if form == "sealed"
        else journal.unroll(chunks(version), "every kind")
    )
    first, failed, large, again = tape

    assert tape.digest() == "99c5b9dc643cfd6dde8e269e1d3119776c8a037b9d7dafdd39e960dabf7e1524"
    assert (len(tape.steps), len(tape), len(tape.draws), len(tape.effects)) == (10, 4, 2, 4)
    assert tape.draws[1].source == Source("env", "HOME")
    assert tape.draws[1].reading == Reading("=/home/\udcff")
    assert first.request.url == "https://api.test/v1/é"
    assert first.request.headers[1:] == (("x-latin", "\xff\xe9"), ("x-twice", "1"), ("x-twice", "2"))
    assert first.request.body == b'{"q": 1}' * 60
    assert first.response.chunks == (b"\x00\xff", b"", b"two")
    assert (first.response.end, first.response.reason) == (Fault("ReadError", "cut"), "OK")
    assert (first.response.http_version, first.lane, first.span) == ("HTTP/2", "crew.0", Span(2, 4, 9))
    assert first.timing == Timing(1_700_000_000.123456, 0.5, 1.25, (0.5, 0.1 + 0.2), 3, None)
    assert failed.answer == Fault("ConnectError", "refused")
    assert large.request.omitted == Omitted(1 << 33, "ab" * 32)
    assert (large.response.omitted, large.response.end) == (Omitted(1 << 34, "cd" * 32), "closed")
    assert again.request.body == b'{"q": 1}' * 60 + b', {"then": 2}'
    assert again.timing == Timing(0.1, 5e-324, 1e300, (), None, 7)
    assert [effect.reply for effect in tape.effects] == [
        Reply("returned", "[1]"),
        Reply("raised", '["no"]', "shop.Refused"),
        Reply("opaque", '"<socket>"', "socket.socket"),
        Fault("cancelled"),
    ]
    assert tape.effects[1] == Effect(Call("pay", "{}"), tape.effects[1].reply, "crew.1", Span(8, 10, 10))


@pytest.mark.parametrize("form", ["sealed", "journal"])
def test_what_is_known_of_a_run_is_what_it_was(form, version):
    tape = (
        load(path("every-kind.tape", version))
        if form == "sealed"
        else journal.unroll(chunks(version), "every kind")
    )

    assert (tape.run_id, tape.agent_name, tape.boundary) == ("every kind", "booking \U0001f600", "http")
    assert (tape.created_at, tape.meta) == (1_699_999_999.75, {"who": "we", "why": "\n\x00\u2028"})
    assert tape.parent == Branch("mother", 3, "polite", "why not")
    assert tape.outcome == Outcome("raised", "ValueError", "no " * 300)
    assert tape.pending == (
        Pending(Request("GET", "https://api.test/poll"), "crew.1", 21, 22),
        Pending(Call("ship", "{}"), "", 23),
    )


def test_a_summary_is_what_it_was(version):
    said = pack.read_summary(path("every-kind.tape", version).read_bytes())

    assert (said.exchanges, said.draws, said.effects) == (4, 2, 4)
    assert said.outcome == Outcome("raised", "ValueError", ("no " * 300)[:500])


def test_streams_are_what_they_were(version):
    tape = load(path("streams.tape", version))

    assert tape.digest() == "832c7f3d0fa6d0592dd23faad00e0f808c004a4fcab46d0728eb680137972e88"
    assert [(len(step.response.chunks), step.response.sha256[:16]) for step in tape] == [
        (14, "16321be81cd9ca41"),
        (8, "b446c06716a5a2b0"),
        (10, "d5624891840c8b84"),
        (3, "96532a951845ffca"),
    ]
    assert tape[0].response.chunks[3] == (
        b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": 0, '
        b'"delta": {"type": "text_delta", "text": "\\"it\\" "}}\n\n'
    )
    assert tape[1].response.chunks[-1] == b"data: [DONE]\n\n"
    assert tape[2].response.chunks[-1] == b'event: message_stop\r\ndata: {"type": "message_stop"}\r\n\r\n'
    assert tape[3].response.chunks[1:] == (b"data: ", b"[DONE]")
    assert [step.request.body for step in tape] == [b'{"stream": true, "n": %d}' % n for n in range(4)]


def test_a_branch_is_what_it_was_beside_its_parent(version):
    mother = load(path("parent.tape", version))
    data = path("branch.tape", version).read_bytes()
    said = pack.read_summary(data).header
    branch = pack.unpack(data, Parent(mother.steps, said.shares))

    assert [len(step.request.body) for step in mother] == [7342, 8045, 8825, 9577, 10524, 11798]
    assert (mother.digest(), branch.digest()) == (MOTHER, DAUGHTER)
    assert (said.shares.identity, said.shares.depth) == (identity(mother.steps), 1)
    assert (branch.parent, branch.outcome) == (Branch("mother", 2, "otherwise"), RETURNED)
    assert [a.request == b.request for a, b in zip(branch, mother)] == [True, True, True, False]
    assert branch[3].request.body == mother[2].request.body[:-2] + b', {"role": "user"}]}'
    assert branch[2].response.chunks == (b'data: "otherwise"\n\n',)


def test_a_branch_without_its_parent_is_refused(version):
    with pytest.raises(CorruptTape, match="its parent 'mother'"):
        load(path("branch.tape", version))


def test_a_store_opens_them_all(version):
    backend = MemoryBackend()
    for number, chunk in enumerate(chunks(version)):
        backend.append("every kind", number, chunk)
    for name, run_id in (("streams", "streams"), ("parent", "mother"), ("branch", "daughter")):
        backend.append(run_id, 0, b"")
        backend.seal(run_id, path(f"{name}.tape", version).read_bytes())
    store = TapeStore(backend)

    assert list(store.check()) == []
    assert store.load("daughter").digest() == DAUGHTER
    assert {info.run_id: info.exchanges for info in store.runs()} == {
        "every kind": None,
        "streams": 4,
        "mother": 6,
        "daughter": 4,
    }


def test_an_older_tape_is_replayed_by_the_rules_of_its_time():
    assert load(path("streams.tape", 2)).rules == 1
    assert load(path("streams.tape", 3)).rules == 2


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("form", ["sealed", "journal"])
def test_what_stood_for_secrets_is_what_it_was(form, version):
    tape = (
        load(path("secrets.tape", version))
        if form == "sealed"
        else journal.unroll(chunks(version, "secrets.journal"), "secrets")
    )

    assert tape.digest() == "d598be93a2eae1e12e13f7a36c51d1a5a5c44f43b7a6005668a6aafc7ae4915f"
    assert [(row.name, row.value, row.place) for row in tape.surrogates.rows] == [
        ("github", "ghp_kd82", ""),
        ("set-cookie", "qzxwvu123", "cookie"),
    ]
    assert tape[0].response.body == b'{"token": "ghp_kd82", "again": "ghp_kd82"}'
    assert tape.masked[0].response.chunks == (
        b'{"token": "[secret:github]',
        b'", "again": "[secret:github]"}',
    )
    assert tape.masked[0].response.headers == (("set-cookie", "session=[secret:set-cookie]; Path=/"),)
    assert tape.masked.effects[0].reply == Reply("returned", '"[secret:github]"')


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("form", ["sealed", "journal"])
def test_where_an_agent_left_its_tape_and_what_was_served_are_what_they_were(form, version):
    tape = (
        load(path("rerun.tape", version))
        if form == "sealed"
        else journal.unroll(chunks(version, "rerun.journal"), "rerun")
    )
    departure = Departure(1, "differs", "$.messages[2].content", "'a flight'", "'a train\u2028'", "crew.0")

    assert journal.decode_header(next(chunks(version, "rerun.journal"))).parent == Branch(
        "mother", None, "rerun", "a train"
    )
    assert tape.parent == Branch("mother", 1, "rerun", "a train", departure)
    assert [step.origin for step in tape.steps] == [4, None, 7]
    assert tape.effects[0].call.repeatable
    assert tape.digest() == "48215eaa2e06eb6ee76406e9106cb73d329a8c4b93847595611390d633c2adf7"


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("form", ["sealed", "journal"])
def test_a_sub_agent_and_the_code_of_a_tool_are_what_they_were(form, version):
    tape = (
        load(path("agents.tape", version))
        if form == "sealed"
        else journal.unroll(chunks(version, "agents.journal"), "agents")
    )
    agent, tool = tape.effects

    assert tape.digest() == "231b0321fe0cdf83a82dec81b3a4c92af121c160ea45132552c66435662e1da6"
    assert (agent.call.inside, agent.call.code, agent.is_agent) == ("research.0", "", True)
    assert [agent.holds(step) for step in tape.steps] == [False, True, True]
    assert (tool.call.code, tool.is_agent) == ("ast:9f86d081884c7d65 cpython-311:60303ae22b998861", False)
    assert [left.asked.inside for left in tape.pending] == ["research.1"]


@pytest.mark.parametrize("form", ["sealed", "journal"])
def test_the_lines_that_asked_and_the_traceback_are_what_they_were(form):
    tape = (
        load(path("sites.tape", 5))
        if form == "sealed"
        else journal.unroll(chunks(5, "sites.journal"), "sites")
    )
    plan = "crew/\U0001f600.py:31 in plan"

    assert [step.site for step in tape.steps] == ["crew.py:9 in main", plan, plan, ""]
    assert [left.site for left in tape.pending] == ["crew.py:9 in main"]
    assert tape.outcome.traceback == "Traceback ...\n  crew.py\nValueError: no\n"
    assert tape.digest() == "6e797959ef034ff15dcdd9877ec5ae510aff42a0a5b9c787be12384eaa8b0b9b"
