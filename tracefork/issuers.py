"""What the keys of well-known issuers look like: their prefixes, lengths and alphabets, as data. Pure.

The forms are those that the issuers document. What has no prefix of its own, such as forty
hexadecimal digits, is not here: too much else looks like it. In no form is there a repetition within a
repetition, so that none takes more than a step for each byte.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from itertools import chain

from attrs import field, frozen


@frozen
class Kind:
    """A kind of secret: what it begins with, the form of all of it, and what else must be so.

    A `weak` prefix is so short that images and hashes have it by chance: then nothing
    that may be base64 stands on either side.
    """

    name: str
    prefix: bytes
    form: re.Pattern[bytes]
    check: Callable[[bytes], bool] | None = None
    weak: bool = False
    mark: bytes = field(init=False)
    beside: bytes = field(init=False)
    """What does not stand before it: letters and digits, and what else is a letter in tokens of this kind."""

    @mark.default
    def _mark(self) -> bytes:
        return b"[secret:%s]" % self.name.encode()

    @beside.default
    def _beside(self) -> bytes:
        hyphens = self.weak or b"_-]" in self.form.pattern or b"9-]" in self.form.pattern
        return _WORD + (b"_-" if hyphens else b"") + (b"+" if self.weak else b"")

    def at(self, data: bytes, start: int) -> int | None:
        """Where a secret of this kind ends that begins at `start`; None if none does."""
        found = self.form.match(data, start)
        return found.end() if found and self.holds(data, *found.span()) else None

    def holds(self, data: bytes, start: int, stop: int) -> bool:
        """True if what has the form of this kind between these places is one."""
        if start and (data[start - 1] in self.beside or (self.weak and _is_amid_base64(data, start))):
            return False
        if self.weak and data[stop : stop + 1] == b"/" and (not start or data[start - 1] != _SLASH):
            return False  # of a path it would be a whole part
        return self.check is None or self.check(data[start:stop])


def _is_amid_base64(data: bytes, start: int) -> bool:
    """True if a slash stands before this place that is none of a URL's or a path's, but of base64."""
    if data[start - 1] != _SLASH:
        return False
    before = data[max(0, start - _NEAR) : start]
    run = before[len(before.rstrip(_BASE64)) :]
    return not run.startswith(b"/") and before[: len(before) - len(run)][-1:] not in (b".", b":")


def _mixed(text: bytes) -> bool:
    """Has digits and letters, as a drawn text does; a name of words and hyphens has not."""
    letters, digits = re.search(rb"[A-Za-z]", text[3:]), re.search(rb"[0-9]", text)
    return bool(letters and digits)


def _jwt(text: bytes) -> bool:
    """Its header is JSON that names an algorithm."""
    head = text.partition(b".")[0]
    if len(head) > _LONGEST_HEAD:
        return False
    try:
        said = json.loads(base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)))
    except (ValueError, RecursionError, binascii.Error):
        return False
    return isinstance(said, dict) and "alg" in said


def _kind(
    name: str, prefix: str, rest: str, check: Callable[[bytes], bool] | None = None, *, weak: bool = False
) -> Iterator[Kind]:
    pattern = re.compile(re.escape(prefix.encode()) + rest.encode())
    yield Kind(name, prefix.encode(), pattern, check, weak)


_WORD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BASE64 = _WORD + b"+/"
_SLASH = ord("/")
_NEAR = 64  # bytes: the name of a host, or a part of a path
_LONGEST_HEAD = 4096
_END = r"(?![A-Za-z0-9_-])"
_NO_BASE64 = r"(?![A-Za-z0-9+=_-])"  # of a slash, see `_is_amid_base64`
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
        _kind("google", "AIza", _URLSAFE + "{35}" + _NO_BASE64, weak=True),
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
        _kind("langfuse", "sk-lf-", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}" + _END),
        # clouds
        *(_kind("aws", prefix, "[A-Z2-7]{16}" + _END) for prefix in ("AKIA", "ASIA", "ABIA", "ACCA")),
        _kind("aws-bedrock", "ABSK", "[A-Za-z0-9+/]{100,140}={0,2}" + _NO_BASE64, weak=True),
        _kind("azure", "AccountKey=", "[A-Za-z0-9+/]{86}=="),
        _kind("azure", "SharedAccessKey=", "[A-Za-z0-9+/]{43}="),
        _kind("digitalocean", "dop_v1_", "[0-9a-f]{64}" + _END),
        _kind("digitalocean", "doo_v1_", "[0-9a-f]{64}" + _END),
        _kind("digitalocean", "dor_v1_", "[0-9a-f]{64}" + _END),
        _kind("alibaba", "LTAI", "[A-Za-z0-9]{20}" + _NO_BASE64, _mixed, weak=True),
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
        _kind("bitbucket", "ATBB", "[A-Za-z0-9]{32}" + _NO_BASE64, _mixed, weak=True),
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
        _kind("mailchimp", "key-", "[0-9a-f]{32}" + _NO_BASE64, weak=True),
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
            r"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            r"(?:[^-]|-(?!----)){40,8000}(?:-----END [A-Z0-9 ]{3,40}-----)?",
        ),
    )
)

*WORDS, PRIVATE_KEY = KINDS
