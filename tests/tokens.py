"""Tokens as their issuers might draw them: any text of a kind's form, from a seeded chance."""

from __future__ import annotations

import base64
import json
import re._constants as codes
import re._parser as parser
from random import Random

from tracefork.issuers import Kind

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
    return "".join(_text(parser.parse(kind.form.pattern.decode()), draw))


def _text(parsed: parser.SubPattern, draw: Random) -> list[str]:
    out = list[str]()
    for op, value in parsed:
        if op is codes.LITERAL:
            out.append(chr(value))
        elif op is codes.IN:
            out.append(draw.choice(_letters(value)))
        elif op is codes.MAX_REPEAT:
            least, most, what = value
            for _ in range(draw.randint(least, min(most, least + MORE))):
                out += _text(what, draw)
        elif op is codes.SUBPATTERN:
            out += _text(value[-1], draw)
        elif op is codes.BRANCH:
            out += _text(draw.choice(value[1]), draw)
        else:
            assert op in (codes.ASSERT_NOT, codes.ASSERT), op
    return out


def _letters(alphabet: list[tuple[object, object]]) -> str:
    letters = ""
    for op, value in alphabet:
        letters += chr(value) if op is codes.LITERAL else "".join(map(chr, range(value[0], value[1] + 1)))
    return letters
