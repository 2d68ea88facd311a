"""Reads the tape out of a page: the page has every byte of the run, and its digest."""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from bisect import bisect_right
from hashlib import sha256
from typing import cast

from ...codec.limits import DEFAULT, Limits, check_count, check_nesting
from ...codec.strict_json import damage, expect_list, expect_natural, expect_whole
from ...core.tape import Tape
from ...core.values import Deferred, Exchange
from ...errors import CorruptTape
from ..model.cutting import MOST
from . import step_json
from .payload import GZIP

_BLOCK = re.compile(r'<script type="application/gzip;base64" id="([a-z0-9]+)">([A-Za-z0-9+/=]*)</script>')


def is_page(text: str) -> bool:
    """True if `text` is a page that `html` made."""
    return text.startswith("<!doctype html>") and '<meta name="generator" content="tracefork">' in text[:2000]


def tape_in(page: str, *, limits: Limits = DEFAULT) -> Tape:
    """Return the tape that `html` made `page` of; branches and blame are not in it.

    Raises:
        CorruptTape: the page has none, or it is not the one that the page was made of.
        TooLarge: it is more than `limits` allow.
    """
    with damage("the report"):
        blocks = _Blocks(dict(_BLOCK.findall(page)), limits)
        facts = blocks.json("tape")
        tape = step_json.run_of(facts, [blocks.exchange(step) for step in range(blocks.own)])
        if tape.digest() != step_json.digest_of(facts):
            raise CorruptTape(
                "its digest is not the one that it was made with", advice="the page was changed"
            )
        return tape


class Joined(Deferred):
    """A body as the pieces that it has in common with others; joined whenever somebody looks."""

    __slots__ = ("_pieces",)

    def __init__(self, pieces: tuple[bytes, ...]) -> None:
        self._pieces = pieces

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def __bytes__(self) -> bytes:
        return b"".join(self._pieces)

    def chunks(self) -> tuple[bytes, ...]:
        return (bytes(self),)

    def lengths(self) -> tuple[int, ...]:
        return (len(self),)

    def sha256(self) -> str:
        found = sha256()
        for piece in self._pieces:
            found.update(piece)
        return found.hexdigest()

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other)

    def __hash__(self) -> int:
        return hash(bytes(self))


class _Blocks:
    """The payload of a page, opened as it is needed; each block once."""

    def __init__(self, packed: dict[str, str], limits: Limits) -> None:
        self._packed, self._limits = packed, limits
        self._room = limits.allowed(sum(map(len, packed.values())))
        self._size = self._pieces = self._bytes = 0
        self._opened = dict[str, object]()
        self._made = dict[int, bytes]()
        self._requests = dict[int, tuple[int, ...]]()
        index = cast("dict[str, object]", self.json("index"))
        self.own = expect_natural(index["own"])
        self._steps = cast("list[dict[str, object]]", expect_list(index["steps"]))
        self._chunks = [expect_natural(first) for first in expect_list(index["chunks"])]
        self._facts = expect_natural(index["facts"])

    def json(self, name: str) -> object:
        if name not in self._opened:
            if name not in self._packed:
                raise CorruptTape(f"it has no block {name!r}", advice="a static page holds no tape")
            self._opened[name] = self._parse(self._packed[name])
        return self._opened[name]

    def _parse(self, packed: str) -> object:
        opened = zlib.decompressobj(GZIP)
        try:
            data = opened.decompress(base64.b64decode(packed, validate=True), self._room - self._size + 1)
        except (zlib.error, binascii.Error) as error:
            raise CorruptTape(f"a block cannot be undone: {error}") from error
        self._size += len(data)
        check_count("bytes in all blocks", self._size, self._room)
        if not opened.eof or opened.unused_data:
            raise CorruptTape("a block stops early, or something follows it")
        check_nesting(data, self._limits)
        return json.loads(data)

    def facts(self, step: int) -> object:
        return expect_list(self.json(f"f{step // self._facts}"))[step % self._facts]

    def exchange(self, step: int) -> Exchange:
        """The run's own exchange `step`; its base must have been made before it."""
        row = self._steps[step]
        base, *woven = expect_list(row["q"])
        pieces = self._weave(woven, self._requests.get(expect_whole(base), ()))
        self._requests[step] = pieces
        request = Joined(tuple(map(self._piece, pieces)))
        response = self._piece(expect_natural(row["r"])) if "r" in row else b""
        self._bytes += len(request) + len(response)
        check_count("bytes in one body", len(request), self._limits.blob)
        check_count(
            "bytes in all bodies", self._bytes, max(self._limits.total, self._limits.ratio * self._size)
        )
        made = step_json.step_of(self.facts(step), request, response)
        if not isinstance(made, Exchange):
            raise CorruptTape(f"step {step} is no exchange")
        return made

    def _weave(self, woven: list[object], base: tuple[int, ...]) -> tuple[int, ...]:
        out = list[int]()
        for part in woven:
            if isinstance(part, list):
                first, many = map(expect_natural, part)
                out.extend(base[first : first + many])
            else:
                out.append(expect_natural(part))
            check_count("pieces of one body", len(out), MOST)
        self._pieces += len(out)
        check_count("pieces of all bodies", self._pieces, MOST * 256)
        return tuple(out)

    def _piece(self, number: int) -> bytes:
        if number not in self._made:
            chunk = bisect_right(self._chunks, number) - 1
            text, binary, *_ = expect_list(expect_list(self.json(f"c{chunk}"))[number - self._chunks[chunk]])
            body = cast("str", text)
            self._made[number] = base64.b64decode(body, validate=True) if binary else body.encode()
        return self._made[number]
