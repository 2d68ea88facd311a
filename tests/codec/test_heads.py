"""The base of a body is the last one of its own conversation, however many there are."""

from edits import bodies
from hypothesis import given
from hypothesis import strategies as st

from tracefork.codec.bodies.bases import MOST, Heads
from tracefork.codec.bodies.delta import make_delta, measure_prefix


class Followed:
    """Heads that are followed as a writer does; `bases` has the number of each body's base."""

    def __init__(self):
        self.heads, self.bases, self.bodies = Heads(), [], []

    def add(self, body):
        choice = self.heads.choose(body)
        ops = make_delta(choice.head.body, body, choice.prefix) if choice else ()
        self.heads.follow(len(self.bodies), body, ops, choice)
        self.bases.append(choice.head.number if choice else None)
        self.bodies.append(body)
        return choice


@given(st.lists(bodies, max_size=20))
def test_a_choice_is_an_earlier_body_and_knows_the_common_prefix(told):
    followed = Followed()
    for body in told:
        choice = followed.add(body)
        if choice:
            assert choice.head.body == followed.bodies[choice.head.number]
            assert choice.prefix == measure_prefix(choice.head.body, body)


@given(st.lists(bodies, max_size=40))
def test_no_more_conversations_are_remembered_than_allowed(told):
    followed = Followed()
    for n, body in enumerate(told):
        followed.add(b"%d" % n * 300 + body)

    assert len(followed.heads._heads) <= MOST


def turn(agent, n):
    said = "".join(f'{{"role": "user", "content": "{agent} says {m} {agent * 40}"}}' for m in range(n + 2))
    return f'{{"system": "{agent * 600}", "messages": [{said}]}}'.encode()


def test_interleaved_conversations_each_go_on_from_their_own():
    followed, agents = Followed(), "abcde"
    for n in range(6):
        for agent in agents:
            followed.add(turn(agent, n))

    assert followed.bases[5:] == list(range(25))


def test_a_conversation_that_changes_in_front_is_known_by_its_last_news():
    followed = Followed()
    for body in (b"old " * 300, b"old " * 300 + b"".join(b"news %d, " % n for n in range(60)) + b"]}"):
        followed.add(body)
    choice = followed.add(b"summary " * 200 + b"".join(b"news %d, " % n for n in range(70)) + b"]}")

    assert (choice.head.number, choice.follows) == (1, True)


def test_a_body_that_saves_nothing_stands_by_itself():
    followed = Followed()
    followed.add(b"a" * 1_000)

    assert followed.add(b"b" * 1_000) is None
    assert followed.add(b"a" * 100 + b"c" * 2_000) is None
