"""Secrets that nobody told us of, by what their issuers make them look like. Pure.

A kind has a prefix that is searched for as it is, and the form of what follows; the
forms are those that the issuers document, with their lengths. A JWT is told by its header, and what
might be a word of hyphens by its digits. What has no prefix of its own, such as forty
hexadecimal digits, is not looked for: too much else looks like it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import string
from collections.abc import Callable, Iterator
from itertools import chain

from attrs import field, frozen

from .codec.spread import strings

OVERLAP = 8192
"""Bytes that no secret of these kinds is longer than; of longer ones so many are taken out."""

Span = tuple[int, int, bytes]
"""Where a secret stands, and its placeholder: (start, stop, mark)."""

_WORD = string.ascii_letters + string.digits
_ESCAPED = re.compile(rb"(?:\\[nrtbf]|\\u[0-9a-fA-F]{4}|%[0-9a-fA-F]{2})\Z")
UNBROKEN = (_WORD + "+/_=.:,-").encode()
"""What secrets are written in, all but private keys, which have lines."""

_SHAPE = bytes(120 if code in UNBROKEN else 32 for code in range(256))
"""Makes an x of what secrets are written in, and a blank of all else: runs of x are found fast."""
_LONG = b"x" * 20
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{28,}={0,2}")
_MOST_BASE64 = OVERLAP  # characters: what is longer is an image or a file


@frozen
class Kind:
    """A kind of secret: what it begins with, the form of all of it, and what else must be so."""

    name: str
    prefix: bytes
    form: re.Pattern[bytes]
    check: Callable[[bytes], bool] | None = None
    mark: bytes = field(init=False)

    @mark.default
    def _mark(self) -> bytes:
        return b"[secret:%s]" % self.name.encode()

    def at(self, data: bytes, start: int) -> int | None:
        """Where a secret of this kind ends that begins at `start`; None if none does."""
        found = self.form.match(data, start)
        if found is None or not _apart(data, start) or (self.check and not self.check(found[0])):
            return None
        return found.end()


def found(data: bytes, start: int = 0) -> Iterator[Span]:
    """Where secrets stand that begin at `start` or later, in no order; they may overlap.

    All kinds but private keys are words of 20 characters or more, of which ordinary text
    has few: so each of these is looked at, and not each kind looked for.
    """
    for low, high in _long(data, start):
        if _PREFIXES.search(data, low, min(high, low + _OPENING)) or _STARTS.search(data, low, high):
            for kind in _WORDS:
                yield from _of(kind, data, low, high)
        yield from _encoded(data, low, high)
    yield from _of(_PRIVATE_KEY, data, start, len(data))


def _long(data: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Where words stand that are long enough to be a secret: (start, stop)."""
    shape = data[start:].translate(_SHAPE)
    at = shape.find(_LONG)
    while at >= 0:
        stop = shape.find(b" ", at + len(_LONG))
        stop = len(shape) if stop < 0 else stop
        yield start + at, start + stop
        at = shape.find(_LONG, stop)


def safe(data: bytes, start: int) -> int:
    """The last place at or before `start` at which no secret is in the middle."""
    low = max(0, start - OVERLAP)
    begun = data.rfind(_PRIVATE_KEY.prefix, low, start)
    return begun if begun >= 0 else low + len(data[low:start].rstrip(UNBROKEN))


def _of(kind: Kind, data: bytes, low: int, high: int) -> Iterator[Span]:
    """Where secrets of this kind stand that begin between these places."""
    at = data.find(kind.prefix, low, high)
    while at >= 0:
        stop = kind.at(data, at)
        if stop is not None:
            yield at, stop, kind.mark
        at = data.find(kind.prefix, at + 1 if stop is None else stop, high)


def spread(body: bytes) -> Iterator[list[Span]]:
    """Secrets cut over the strings of a stream's events: their parts; the first has the mark."""
    for parts in strings(body):
        joined = b"".join(body[start:stop] for start, stop in parts)
        for start, stop, mark in found(joined):
            pieces, at = list[Span](), 0
            for low, high in parts:
                begin, end = max(start, at), min(stop, at + high - low)
                if begin < end:
                    pieces.append((low + begin - at, low + end - at, b"" if pieces else mark))
                at += high - low
            if len(pieces) > 1:
                yield pieces


def _apart(data: bytes, start: int) -> bool:
    """True if what begins here is not the middle of a word."""
    if start == 0 or chr(data[start - 1]) not in _WORD:
        return True
    return _ESCAPED.search(data, max(0, start - 6), start) is not None


def _encoded(data: bytes, low: int, high: int) -> Iterator[Span]:
    """Base64 between these places of something that holds a secret."""
    for run in _BASE64.finditer(data, low, high):
        text = run[0]
        if len(text) > _MOST_BASE64:
            continue
        plain = text.rstrip(b"=").translate(_STANDARD)
        try:
            inner = binascii.a2b_base64(plain[: len(plain) - (len(plain) % 4 == 1)] + b"==")
        except binascii.Error:
            continue
        if _PREFIXES.search(inner) or _PRIVATE_KEY.prefix in inner:
            inside = (mark for kind in KINDS for *_, mark in _of(kind, inner, 0, len(inner)))
            if mark := next(inside, None):
                yield *run.span(), mark


_STANDARD = bytes.maketrans(b"-_", b"+/")


def _mixed(text: bytes) -> bool:
    """Has digits and letters, as a drawn text does; a name of words and hyphens has not."""
    letters, digits = re.search(rb"[A-Za-z]", text[3:]), re.search(rb"[0-9]", text)
    return bool(letters and digits)


def _jwt(text: bytes) -> bool:
    """Its header is JSON that names an algorithm."""
    head = text.partition(b".")[0]
    try:
        said = json.loads(base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)))
    except (ValueError, binascii.Error):
        return False
    return isinstance(said, dict) and "alg" in said


def _kind(name: str, prefix: str, rest: str, check: Callable[[bytes], bool] | None = None) -> Iterator[Kind]:
    pattern = re.compile(re.escape(prefix.encode()) + rest.encode())
    yield Kind(name, prefix.encode(), pattern, check)


_END = r"(?![A-Za-z0-9_-])"
_URLSAFE = "[A-Za-z0-9_-]"

KINDS: tuple[Kind, ...] = tuple(
    chain(
        # models
        _kind("anthropic", "sk-ant-", _URLSAFE + "{20,}", _mixed),
        _kind("openai", "sk-proj-", _URLSAFE + "{20,}", _mixed),
        _kind("openai", "sk-svcacct-", _URLSAFE + "{20,}", _mixed),
        _kind("openai", "sk-admin-", _URLSAFE + "{20,}", _mixed),
        _kind("openrouter", "sk-or-v1-", "[0-9a-f]{64}" + _END),
        _kind("api-key", "sk-", "[A-Za-z0-9]{32,64}" + _END, _mixed),
        _kind("google", "AIza", _URLSAFE + "{35}" + _END),
        _kind("google-oauth", "ya29.", _URLSAFE + "{30,}"),
        _kind("google-oauth", "GOCSPX-", _URLSAFE + "{28}" + _END),
        _kind("groq", "gsk_", "[A-Za-z0-9]{40,60}" + _END, _mixed),
        _kind("xai", "xai-", "[A-Za-z0-9]{60,90}" + _END, _mixed),
        _kind("perplexity", "pplx-", "[A-Za-z0-9]{40,60}" + _END, _mixed),
        _kind("replicate", "r8_", "[A-Za-z0-9]{37}" + _END, _mixed),
        _kind("huggingface", "hf_", "[A-Za-z0-9]{34,40}" + _END, _mixed),
        _kind("fireworks", "fw_", "[A-Za-z0-9]{20,40}" + _END, _mixed),
        _kind("nvidia", "nvapi-", _URLSAFE + "{60,70}" + _END),
        _kind("tavily", "tvly-", _URLSAFE + "{28,50}" + _END, _mixed),
        _kind("langsmith", "lsv2_pt_", "[0-9a-f]{32}_[0-9a-f]{10}" + _END),
        _kind("langsmith", "lsv2_sk_", "[0-9a-f]{32}_[0-9a-f]{10}" + _END),
        _kind("langfuse", "sk-lf-", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}" + _END),
        # clouds
        *(_kind("aws", prefix, "[A-Z2-7]{16}" + _END) for prefix in ("AKIA", "ASIA", "ABIA", "ACCA")),
        _kind("aws-bedrock", "ABSK", "[A-Za-z0-9+/]{100,140}={0,2}"),
        _kind("azure", "AccountKey=", "[A-Za-z0-9+/]{86}=="),
        _kind("azure", "SharedAccessKey=", "[A-Za-z0-9+/]{43}="),
        _kind("digitalocean", "dop_v1_", "[0-9a-f]{64}" + _END),
        _kind("digitalocean", "doo_v1_", "[0-9a-f]{64}" + _END),
        _kind("digitalocean", "dor_v1_", "[0-9a-f]{64}" + _END),
        _kind("alibaba", "LTAI", "[A-Za-z0-9]{16,24}" + _END, _mixed),
        _kind("flyio", "fo1_", _URLSAFE + "{40,50}" + _END),
        _kind("flyio", "fm2_", "[A-Za-z0-9+/=,_-]{40,}"),
        _kind("heroku", "HRKU-", "[0-9a-zA-Z-]{30,70}" + _END, _mixed),
        _kind("pulumi", "pul-", "[0-9a-f]{40}" + _END),
        _kind("terraform", "hvs.", _URLSAFE + "{24,}", _mixed),
        _kind("vault", "hvb.", _URLSAFE + "{60,}", _mixed),
        _kind("databricks", "dapi", "[0-9a-f]{32}(?:-[0-9])?" + _END),
        _kind("supabase", "sbp_", "[0-9a-f]{40}" + _END),
        _kind("planetscale", "pscale_tkn_", "[A-Za-z0-9=._-]{32,64}", _mixed),
        _kind("planetscale", "pscale_pw_", "[A-Za-z0-9=._-]{32,64}", _mixed),
        # version control and packages
        *(
            _kind("github", prefix, "[A-Za-z0-9]{36}" + _END, _mixed)
            for prefix in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")
        ),
        _kind("github", "github_pat_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{59}" + _END),
        _kind("gitlab", "glpat-", _URLSAFE + "{20,}", _mixed),
        _kind("gitlab", "gldt-", _URLSAFE + "{20,}", _mixed),
        _kind("gitlab", "glrt-", _URLSAFE + "{20,}", _mixed),
        _kind("gitlab", "glptt-", "[0-9a-f]{40}" + _END),
        _kind("bitbucket", "ATBB", "[A-Za-z0-9]{32}" + _END, _mixed),
        _kind("atlassian", "ATATT3", "[A-Za-z0-9_=-]{180,200}"),
        _kind("npm", "npm_", "[A-Za-z0-9]{36}" + _END, _mixed),
        _kind("pypi", "pypi-AgEI", _URLSAFE + "{70,}"),
        _kind("rubygems", "rubygems_", "[0-9a-f]{48}" + _END),
        _kind("docker", "dckr_pat_", _URLSAFE + "{27}" + _END),
        # services
        *(
            _kind("slack", prefix, "[A-Za-z0-9-]{20,}", _mixed)
            for prefix in ("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-")
        ),
        _kind("slack", "https://hooks.slack.com/services/", "T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,}"),
        *(
            _kind("stripe", prefix, "[A-Za-z0-9]{16,99}" + _END)
            for prefix in ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_")
        ),
        _kind("square", "sq0atp-", _URLSAFE + "{22}" + _END),
        _kind("square", "sq0csp-", _URLSAFE + "{43}" + _END),
        _kind("shopify", "shpat_", "[0-9a-fA-F]{32}" + _END),
        _kind("shopify", "shpss_", "[0-9a-fA-F]{32}" + _END),
        _kind("sendgrid", "SG.", _URLSAFE + r"{22}\." + _URLSAFE + "{43}" + _END),
        _kind("mailchimp", "key-", "[0-9a-f]{32}" + _END),
        _kind("linear", "lin_api_", "[A-Za-z0-9]{40}" + _END),
        _kind("notion", "ntn_", "[A-Za-z0-9]{40,50}" + _END, _mixed),
        _kind("notion", "secret_", "[A-Za-z0-9]{43}" + _END, _mixed),
        _kind("airtable", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{64}" + _END),
        _kind("figma", "figd_", _URLSAFE + "{40,}", _mixed),
        _kind("postman", "PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}" + _END),
        _kind("newrelic", "NRAK-", "[A-Z0-9]{27}" + _END),
        _kind("grafana", "glsa_", "[A-Za-z0-9]{32}_[0-9a-fA-F]{8}" + _END),
        _kind("grafana", "glc_", "[A-Za-z0-9+/]{32,}={0,2}", _mixed),
        _kind("sentry", "sntrys_", "[A-Za-z0-9+/=_-]{60,}"),
        _kind("sentry", "sntryu_", "[0-9a-f]{64}" + _END),
        _kind("posthog", "phx_", "[A-Za-z0-9]{40,50}" + _END, _mixed),
        _kind("doppler", "dp.pt.", "[A-Za-z0-9]{40,44}" + _END, _mixed),
        _kind("telegram", "bot", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}" + _END),
        _kind("discord", "https://discord.com/api/webhooks/", "[0-9]{17,20}/" + _URLSAFE + "{60,80}"),
        _kind("age", "AGE-SECRET-KEY-1", "[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}" + _END),
        # of everybody
        _kind("jwt", "eyJ", r"[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", _jwt),
        _kind(
            "private-key",
            "-----BEGIN ",
            r"(?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[^-]|-(?!----)){40,8000}(?:-----END [A-Z0-9 ]{3,40}-----)?",
        ),
    )
)

*_WORDS, _PRIVATE_KEY = KINDS
_ANY = b"|".join(re.escape(kind.prefix) for kind in _WORDS)
_PREFIXES = re.compile(_ANY)
_STARTS = re.compile(rb"[^A-Za-z0-9](?:%s)" % _ANY)
"""A prefix within a word: behind a sign, which is found faster than any of the prefixes."""
_OPENING = 64
"""Bytes at the beginning of a word, where an escape may end whose last letter is none of the secret's."""
