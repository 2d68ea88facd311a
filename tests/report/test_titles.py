"""A line of text is one line, says whether it is all, and changes nothing around it."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from tracefork.report.model.titles import LINE, beginning, line

BLANK = "\x00 \t\r\n\x0b\x1b\x85\xa0\u2028\u2029\u3000"
TEXTS = (
    st.text()
    | st.text("ab" + BLANK, max_size=300)
    | st.text(BLANK + "\ud800\u202e\u2066\uffff…é😀", max_size=40)
)
LONG = st.builds(lambda one, many, other: one * many + other, TEXTS, st.integers(1, 200), TEXTS)
MOST = st.integers(1, 200)


def plain(text):
    """`text` with what is blank in it as one space, and what cannot be printed replaced."""

    def one(c):
        if c in "\u202e\u2066\uffff" or "\ud800" <= c <= "\udfff":
            return "\ufffd"
        return " " if c.isspace() or ord(c) < 32 or 127 <= ord(c) < 160 else c

    return " ".join("".join(map(one, text)).split())


@given(TEXTS | LONG, MOST)
def test_a_line_is_one_line_and_no_longer_than_it_may_be(text, most):
    said = line(text, most)

    assert len(said) <= most
    assert said == said.strip()
    assert said.encode().decode() == said
    assert all(c.isprintable() or c not in BLANK + "\u202e\u2066\uffff" for c in said)
    assert line(said, most) == said


@given(TEXTS | LONG, MOST)
@example("a" + " " * 1_000 + "b", 10)
@example(" " * 1_000 + "b", 10)
@example("a" + " " * 1_000, 10)
def test_a_line_is_all_that_was_said_or_shows_that_it_is_not(text, most):
    said, whole = line(text, most), plain(text)

    assert said == whole or (said.endswith("…") and whole.startswith(said[:-1]))


@given(st.text(BLANK, max_size=600), st.text(), MOST)
def test_blanks_before_a_text_are_no_part_of_it(blank, text, most):
    assert line(blank + text, most) == line(text, most)


@given(st.text("aé€😀 ", max_size=700))
@example("é" * 700)
@example("a" + "😀" * 600)
def test_the_beginning_of_a_body_ends_at_a_character(text):
    assert beginning(text.encode()) == line(text, LINE)
    assert "\ufffd" not in beginning(text.encode())


@given(st.binary(max_size=60))
def test_bytes_that_are_no_text_begin_with_something_printable(body):
    said = beginning(body)

    assert said.encode().decode() == said
    assert len(said) <= LINE
