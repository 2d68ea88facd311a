"""Any text is the name of a log, and logs with different names are independent. Part of BackendTests."""

from __future__ import annotations

import pytest

from tracefork.backends.base import Backend

from .appending import fill

ODD_NAMES = {
    "one letter": "a",
    "a capital": "A",
    "dot": ".",
    "two dots": "..",
    "a way out": "../../etc/passwd",
    "a slash": "/",
    "an absolute path": "/tmp/x",  # noqa: S108 - a name, not a file
    "a backslash": "..\\x",
    "a share": "\\\\server\\share",
    "a drive": "C:\\x",
    "a device": "CON",
    "a device with a suffix": "nul.txt",
    "a trailing dot": "name.",
    "a trailing space": "name ",
    "a NUL": "a\0b",
    "only a NUL": "\0",
    "a line break": "a\r\nb",
    "composed": "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "decomposed": "e\N{COMBINING ACUTE ACCENT}",
    "an emoji": "\N{SNOWMAN}\N{GRINNING FACE}",
    "right to left": "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "a lone surrogate": "\ud800",
    "a temporary file": ".tmp-1-2",
    "a log file": "0" * 64 + ".log",
    "512 letters": "x" * 512,
    "512 astral letters": "\U0001f600" * 512,
    "an injection": "'; DROP TABLE logs; --",
    "another injection": 'x" OR "1"="1',
    "wildcards": "%_*?[a]",
    "a format": "{0} %s ${HOME} $(id)",
}


class NameTests:
    """What `Backend` promises of names, up to 512 characters of anything."""

    def test_logs_are_independent(self, backend: Backend) -> None:
        for seq in range(3):
            backend.append("a", seq, b"a%d" % seq)
            backend.append("b", seq, b"b%d" % seq)
        backend.seal("a", b"A")

        assert list(backend.chunks("b")) == [b"b0", b"b1", b"b2"]
        backend.delete("a")
        backend.append("b", 3, b"b3")
        assert list(backend.chunks("b")) == [b"b0", b"b1", b"b2", b"b3"]

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES.keys())
    def test_any_text_is_a_name(self, backend: Backend, name: str) -> None:
        fill(backend, name, b"a", b"b")
        assert list(backend.chunks(name)) == [b"a", b"b"]
        assert list(backend.heads()) == [(name, b"a")]

        backend.seal(name, b"ab")
        assert list(backend.chunks(name)) == [b"ab"]

        backend.delete(name)
        assert list(backend.heads()) == []

    def test_names_that_look_alike_are_different(self, backend: Backend) -> None:
        for name in ODD_NAMES.values():
            backend.append(name, 0, name.encode("utf-8", "surrogatepass"))

        assert {name: head.decode("utf-8", "surrogatepass") for name, head in backend.heads()} == {
            name: name for name in ODD_NAMES.values()
        }

    @pytest.mark.parametrize("name", ["", "x" * 513], ids=["empty", "513 letters"])
    def test_a_name_without_text_or_with_too_much_is_a_slip(self, backend: Backend, name: str) -> None:
        for refused in (
            lambda: backend.append(name, 0, b"a"),
            lambda: list(backend.chunks(name)),
            lambda: backend.seal(name, b"a"),
            lambda: backend.delete(name),
        ):
            with pytest.raises(ValueError, match="512"):
                refused()
        assert list(backend.heads()) == []
