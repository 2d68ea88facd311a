"""Tokens as their issuers might draw them: any text of a kind's form, from a seeded chance."""

from __future__ import annotations

import base64
import json
import re
import re._constants as codes
import re._parser as parser
import string
from random import Random

from tracefork.redact.by_form.kinds import Kind

MORE = 40
"""Letters beyond the fewest that a form asks for, where it names no end."""


def drawn(kind: Kind, draw: Random) -> str:
    """A token of this kind, each of its letters drawn from its alphabet."""
    match kind.name, kind.prefix:
        case "jwt", _:
            said = (
                {"alg": "HS256", "typ": "JWT"},
                {"sub": str(draw.getrandbits(40)), "n": draw.getrandbits(60)},
            )
            parts = [
                base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in said
            ]
            return ".".join([*parts, base64.urlsafe_b64encode(draw.randbytes(32)).decode().rstrip("=")])
        case "private-key", _:
            lines = base64.encodebytes(draw.randbytes(draw.randint(100, 1200))).decode()
            return f"-----BEGIN RSA PRIVATE KEY-----\n{lines}-----END RSA PRIVATE KEY-----"
        case "grafana", b"eyJrIjoi":
            said = {"k": draw.randbytes(24).hex(), "n": "mine", "id": draw.randint(1, 9)}
            return base64.b64encode(json.dumps(said, separators=(",", ":")).encode()).decode()
        case "discord", b"M" | b"N" | b"O":
            first = {b"M": "123", b"N": "45", b"O": "89"}[kind.prefix]
            number = draw.choice(first) + "".join(draw.choices("0123456789", k=draw.randint(17, 18)))
            head = base64.urlsafe_b64encode(number.encode()).decode().rstrip("=")
            letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
            return ".".join([head, *("".join(draw.choices(letters, k=k)) for k in (6, 38))])
    return of_form(kind.form.pattern.decode(), draw)[0]


def of_form(pattern: str, draw: Random, group: int = 0, flags: int = 0) -> tuple[str, str]:
    """A text of this form, and what its group is of that."""
    out, parts = list[str](), dict[int, str]()
    _text(parser.parse(pattern, flags & ~re.UNICODE), draw, out, parts, both=bool(flags & re.IGNORECASE))
    return "".join(out), parts.get(group) or "".join(out)


def _text(
    parsed: parser.SubPattern, draw: Random, out: list[str], parts: dict[int, str], *, both: bool
) -> None:
    """Put out what is drawn, of `both` small letters and large ones where it is not written out."""
    for op, value in parsed:
        if op is codes.LITERAL:
            out.append(chr(value))
        elif op is codes.IN:
            letters = _letters(value)
            out.append(draw.choice(sorted({*letters, *letters.swapcase()}) if both else letters))
        elif op in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            least, most, what = value
            for _ in range(draw.randint(least, min(most, least + MORE))):
                _text(what, draw, out, parts, both=both)
        elif op is codes.SUBPATTERN:
            begun = len(out)
            _text(value[-1], draw, out, parts, both=both)
            if value[0]:
                parts[value[0]] = "".join(out[begun:])
        elif op is codes.BRANCH:
            _text(draw.choice(value[1]), draw, out, parts, both=both)
        elif op in (codes.NOT_LITERAL, codes.ANY):
            out.append(draw.choice(_CATEGORIES[codes.CATEGORY_DIGIT]))
        else:
            assert op in (codes.ASSERT_NOT, codes.ASSERT, codes.AT, codes.GROUPREF), op


def _letters(alphabet: list[tuple[object, object]]) -> str:
    """The letters of a set, as far as they are printed."""
    letters = set[str]()
    for op, value in alphabet:
        if op is codes.LITERAL:
            letters.add(chr(value))
        elif op is codes.RANGE:
            letters.update(map(chr, range(value[0], min(value[1], 126) + 1)))
        elif op is codes.CATEGORY:
            letters.update(_CATEGORIES[value])
    if alphabet[0][0] is codes.NEGATE:
        letters = {*string.ascii_letters, " "} - letters
    return "".join(sorted(letters))


_CATEGORIES = {
    codes.CATEGORY_WORD: string.ascii_letters + string.digits + "_",
    codes.CATEGORY_DIGIT: string.digits,
    codes.CATEGORY_SPACE: " ",
    codes.CATEGORY_NOT_SPACE: string.ascii_letters + string.digits,
    codes.CATEGORY_NOT_WORD: " ",
}
