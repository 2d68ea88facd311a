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
    """A kind of secret: what it is known by, the form of all of it, and what else must be so.

    The `prefix` stands at its beginning, or `into` it behind so many letters. A `weak` one is so short
    that images and hashes have it by chance: then nothing that may be base64 stands on either side.
    """

    name: str
    prefix: bytes
    form: re.Pattern[bytes]
    check: Callable[[bytes], bool] | None = None
    weak: bool = False
    into: int = 0
    mark: bytes = field(init=False)
    beside: bytes = field(init=False)
    """What does not stand before it: letters and digits, and what else is a letter in tokens of this kind."""

    @mark.default
    def _mark(self) -> bytes:
        return b"[secret:%s]" % self.name.encode()

    @beside.default
    def _beside(self) -> bytes:
        hyphens = self.weak or b"_-]" in self.form.pattern or b"9-]" in self.form.pattern
        return (
            _WORD + (b"_-" if hyphens else b"") + (b"+" if self.weak else b"") + (b"~" if self.into else b"")
        )

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
    """Has digits and letters, or letters that nobody speaks, as drawn texts do; a name of words has not."""
    letters = re.search(rb"[A-Za-z]", text[3:])
    return bool(letters and (re.search(rb"[0-9]", text) or _unspoken(text)))


def _unspoken(text: bytes) -> bool:
    """Has small letters and large ones, and five consonants in a row that are not all the same."""
    if text.islower() or text.isupper():
        return False
    return any(len({*run.lower()}) >= _UNLIKE for run in _CONSONANTS.findall(text))


def _drawn(text: bytes) -> bool:
    """Has digits or both small letters and large ones behind its prefix: for tokens of letters alone."""
    letters = text.rpartition(b"_")[2]
    return _mixed(text) or not (letters.islower() or letters.isupper())


def _jwt(text: bytes) -> bool:
    """Its header is JSON that names an algorithm."""
    head = text.partition(b".")[0]
    return len(head) <= _LONGEST_HEAD and "alg" in _said(head)


def _named_key(text: bytes) -> bool:
    """It is JSON that holds a key and says whose it is."""
    return {"k", "n", "id"} <= _said(text.rstrip(b"=")).keys()


def _said(packed: bytes) -> dict[str, object]:
    """The JSON in base64 without what fills it up; nothing if it is none."""
    try:
        said = json.loads(base64.urlsafe_b64decode(packed + b"=" * (-len(packed) % 4)))
    except (ValueError, RecursionError, binascii.Error):
        return {}
    return said if isinstance(said, dict) else {}


def _has_a_line(text: bytes) -> bool:
    """It holds a line of base64, as a key does; a text about keys has none."""
    return bool(_LINE.search(text, 0, _HEADERS))


def _of_a_user(text: bytes) -> bool:
    """Its first part is the number of a user, in base64."""
    head = text.partition(b".")[0]
    try:
        return base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)).isdigit()
    except (ValueError, binascii.Error):
        return False


def _kind(
    name: str,
    prefixes: str,
    rest: str,
    check: Callable[[bytes], bool] | None = None,
    *,
    weak: bool = False,
    before: str = "",
    into: int = 0,
) -> Iterator[Kind]:
    """A kind for each of these prefixes; `before` is the form of the `into` letters that stand before it."""
    for prefix in prefixes.split("|"):
        pattern = re.compile((before + re.escape(prefix) + rest).encode())
        yield Kind(name, prefix.encode(), pattern, check, weak, into)


_WORD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BASE64 = _WORD + b"+/"
_SLASH = ord("/")
_NEAR = 64  # bytes: the name of a host, or a part of a path
_LONGEST_HEAD = 4096
_CONSONANTS = re.compile(rb"[BCDFGHJKLMNPQRSTVWXZbcdfghjklmnpqrstvwxz]{5,}")
_UNLIKE = 3
_LINE, _HEADERS = re.compile(rb"[A-Za-z0-9+/=]{28}"), 1024
_END = r"(?![A-Za-z0-9_-])"
_NO_BASE64 = r"(?![A-Za-z0-9+=_-])"  # of a slash, see `_is_amid_base64`
_FILLED = r"(?:={1,3}(?![A-Za-z0-9+=_-])|(?![A-Za-z0-9+/=_-]))"
_URLSAFE = "[A-Za-z0-9_-]"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ROUTED = r"(?:\.[0-9a-z]{2}\.?[0-9a-z]{7,9})?" + _END

KINDS: tuple[Kind, ...] = tuple(
    chain(
        # models
        _kind("anthropic", "sk-ant-", _URLSAFE + "{20,}", _mixed),
        _kind("openai", "sk-proj-|sk-svcacct-|sk-admin-|sk-None-", _URLSAFE + "{20,}", _mixed),
        _kind("openrouter", "sk-or-v1-", "[0-9a-f]{64}" + _END),
        _kind("api-key", "sk-", "[A-Za-z0-9]{32,64}" + _END, _mixed),
        _kind("google", "AIza", _URLSAFE + "{35}" + _NO_BASE64, weak=True),
        _kind("google", "AQ.Ab8", _URLSAFE + "{47}" + _END),
        _kind("google-oauth", "ya29.", r"(?:c\.)?" + _URLSAFE + "{30,}"),
        _kind("google-oauth", "1//0", _URLSAFE + "{60,120}" + _NO_BASE64, _mixed, weak=True),
        _kind("google-oauth", "GOCSPX-", _URLSAFE + "{28}" + _END),
        _kind("groq", "gsk_", "[A-Za-z0-9]{40,60}" + _END, _mixed),
        _kind("xai", "xai-", _URLSAFE + "{60,120}" + _END, _mixed),
        _kind("perplexity", "pplx-", "[A-Za-z0-9]{40,60}" + _END, _mixed),
        _kind("replicate", "r8_", "[A-Za-z0-9]{37}" + _END, _mixed),
        _kind("huggingface", "hf_|api_org_", "[A-Za-z0-9]{34,40}" + _END, _drawn),
        _kind("fireworks", "fw_", "[A-Za-z0-9]{20,40}" + _END, _mixed),
        _kind("cerebras", "csk-", "[a-z0-9]{48}" + _END, _mixed),
        _kind("together", "tgp_v1_", _URLSAFE + "{43}" + _END),
        _kind("voyage", "pa-", _URLSAFE + "{43}" + _NO_BASE64, _mixed, weak=True),
        _kind("elevenlabs", "sk_", "[0-9a-f]{48}" + _END),
        _kind("cartesia", "sk_car_", "[A-Za-z0-9_]{20}" + _END, _mixed),
        _kind("nvidia", "nvapi-", _URLSAFE + "{60,70}" + _END),
        _kind("llama-cloud", "llx-", "[A-Za-z0-9]{44,52}" + _END, _mixed),
        _kind("tavily", "tvly-", _URLSAFE + "{28,50}" + _END, _mixed),
        _kind("jina", "jina_", "[0-9a-f]{32}" + _URLSAFE + "{28}" + _END),
        _kind("firecrawl", "fc-", "[0-9a-f]{32}" + _NO_BASE64, weak=True),
        _kind("apify", "apify_api_", "[A-Za-z0-9]{34,40}" + _END, _mixed),
        _kind("browserbase", "bb_live_", _URLSAFE + "{20,40}" + _END, _mixed),
        _kind("e2b", "e2b_", "[0-9a-f]{40}" + _END),
        _kind("runpod", "rpa_", "[A-Z0-9]{40}[A-Za-z0-9]{6}" + _END),
        _kind("pinecone", "pcsk_", "[A-Za-z0-9]{5,6}_[A-Za-z0-9]{63}" + _END),
        _kind("langsmith", "lsv2_pt_|lsv2_sk_", "[0-9a-f]{32}_[0-9a-f]{10}" + _END),
        _kind("langfuse", "sk-lf-", _UUID + _END),
        _kind("wandb", "wandb_v1_", "[A-Za-z0-9_]{77}" + _END),
        # clouds
        _kind("aws", "AKIA|ASIA|ABIA|ACCA", "[A-Z2-7]{16}" + _END),
        _kind("aws", "A3T", "[A-Z0-9][A-Z2-7]{16}" + _END, _mixed),
        _kind("aws-bedrock", "ABSKQmVkcm9ja0FQSUtleS", "[A-Za-z0-9+/]{80,260}" + _FILLED),
        _kind(
            "aws-bedrock", "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t", "[A-Za-z0-9+/]{100,6000}" + _FILLED
        ),
        _kind("azure", "AccountKey=", "[A-Za-z0-9+/]{86}==(?!=)"),
        _kind("azure", "SharedAccessKey=", "[A-Za-z0-9+/]{43}=(?!=)"),
        _kind(
            "azure", "Q~", "[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~-])", before="[A-Za-z0-9_~.]{3}[0-9]", into=4
        ),
        _kind("azure", "JQQJ99", "[A-Za-z0-9]{26}" + _NO_BASE64, before="[A-Za-z0-9]{52}", into=52),
        _kind("digitalocean", "dop_v1_|doo_v1_|dor_v1_", "[0-9a-f]{64}" + _END),
        _kind("alibaba", "LTAI", "[A-Za-z0-9]{20}" + _NO_BASE64, _mixed, weak=True),
        _kind("cloudflare", "cfut_|cfat_", "[A-Za-z0-9]{40}[0-9a-f]{8}" + _END),
        _kind("cloudflare", "v1.0-", "[0-9a-f]{24}-[0-9a-f]{146}" + _END),
        _kind("flyio", "fo1_", _URLSAFE + "{40,50}" + _END),
        _kind("flyio", "fm2_|fm1r_|fm1a_", "[A-Za-z0-9+/=,_-]{100,}"),
        _kind("heroku", "HRKU-", "(?:AA" + _URLSAFE + "{58}|" + _UUID + ")" + _END),
        _kind("netlify", "nfp_", "[A-Za-z0-9]{36,40}" + _END, _mixed),
        _kind("render", "rnd_", "[A-Za-z0-9]{28}" + _END, _mixed),
        _kind("vercel", "vck_|vcp_|vca_|vcr_|vci_", _URLSAFE + "{56}" + _END),
        _kind("neon", "napi_", "[a-z0-9]{64}" + _END),
        _kind("mongodb", "mdb_sa_sk_", _URLSAFE + "{40}" + _END),
        _kind("cockroachdb", "CCDB1_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{40}" + _END),
        _kind("clickhouse", "4b1d", "[A-Za-z0-9]{38}" + _NO_BASE64, _mixed, weak=True),
        _kind("scalingo", "tk-us-", _URLSAFE + "{48}" + _END),
        _kind("pulumi", "pul-", "[0-9a-f]{40}" + _END),
        _kind("terraform", ".atlasv1.", "[A-Za-z0-9_=-]{60,70}" + _END, before="[A-Za-z0-9]{14}", into=14),
        _kind("vault", "hvs.", _URLSAFE + "{24,}", _mixed),
        _kind("vault", "hvb.|hvr.", _URLSAFE + "{60,}", _mixed),
        _kind("openshift", "sha256~", _URLSAFE + "{43}" + _END),
        _kind("tailscale", "tskey-api-|tskey-auth-|tskey-client-", _URLSAFE + "{20,60}" + _END, _mixed),
        _kind("databricks", "dapi", "[0-9a-f]{32}(?:-[0-9])?" + _END),
        _kind("supabase", "sbp_", "[0-9a-f]{40}" + _END),
        _kind("supabase", "sb_secret_", _URLSAFE + "{31}" + _END),
        _kind("planetscale", "pscale_tkn_|pscale_pw_|pscale_oauth_", "[A-Za-z0-9=._-]{32,64}" + _END, _mixed),
        # version control and packages
        _kind("github", "ghp_|gho_|ghu_|ghs_|ghr_", "[A-Za-z0-9]{36}" + _END, _mixed),
        _kind("github", "github_pat_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{59}" + _END),
        _kind("gitlab", "glpat-|gldt-|glrt-|glft-|glsoat-|glffct-", _URLSAFE + "{20,}" + _ROUTED, _mixed),
        _kind("gitlab", "glcbt-", "[0-9a-zA-Z]{1,5}_" + _URLSAFE + "{20}" + _END),
        _kind("gitlab", "glimt-", _URLSAFE + "{25}" + _END, _mixed),
        _kind("gitlab", "glagent-", _URLSAFE + "{50,}", _mixed),
        _kind("gitlab", "gloas-", _URLSAFE + "{64}" + _END, _mixed),
        _kind("gitlab", "GR1348941", _URLSAFE + "{20}" + _END),
        _kind("gitlab", "glptt-", "[0-9a-f]{40}" + _END),
        _kind("gitlab", "_gitlab_session=", "[0-9a-z]{32}" + _END),
        _kind("bitbucket", "ATBB", "[A-Za-z0-9]{32}" + _NO_BASE64, _mixed, weak=True),
        _kind("atlassian", "ATATT3", "[A-Za-z0-9_=-]{180,200}" + _END),
        _kind("sourcegraph", "sgp_", "(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}" + _END),
        _kind("npm", "npm_", "[A-Za-z0-9]{36}" + _END, _mixed),
        _kind("pypi", "pypi-AgEI|pypi-AgEN", _URLSAFE + "{50,}"),
        _kind("rubygems", "rubygems_", "[0-9a-f]{48}" + _END),
        _kind("crates", "cio", "[A-Za-z0-9]{32}" + _NO_BASE64, _mixed, weak=True),
        _kind("nuget", "oy2", "[a-z0-9]{43}" + _NO_BASE64, _mixed, weak=True),
        _kind("clojars", "CLOJARS_", "[0-9a-z]{60}" + _END),
        _kind("docker", "dckr_pat_", _URLSAFE + "{27}" + _END),
        _kind("docker", "dckr_oat_", _URLSAFE + "{32}" + _END),
        _kind("artifactory", "AKCp", "[A-Za-z0-9]{69}" + _NO_BASE64, weak=True),
        _kind("artifactory", "cmVmd", "[A-Za-z0-9]{59}" + _NO_BASE64, weak=True),
        _kind("circleci", "CCIPAT_|CCIPRJ_", "[A-Za-z0-9]{22}_[0-9a-f]{40}" + _END),
        _kind("buildkite", "bkua_", "[a-z0-9]{40}" + _END),
        _kind("sonar", "squ_|sqp_|sqa_", "[0-9a-f]{40}" + _END),
        # services
        _kind(
            "slack",
            "xoxb-|xoxp-|xoxa-|xoxr-|xoxs-|xoxo-|xoxe-|xoxc-|xapp-",
            "[A-Za-z0-9-]{20,}" + _END,
            _mixed,
        ),
        _kind("slack", "xoxd-", "[A-Za-z0-9+/]{100,400}" + _FILLED),
        _kind("slack", "hooks.slack.com/services/", "T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,}" + _END),
        _kind("slack", "hooks.slack.com/triggers/", "[A-Z0-9]{8,14}/[0-9]{8,16}/[0-9a-f]{32}" + _END),
        _kind(
            "slack",
            "hooks.slack.com/workflows/",
            "T[A-Z0-9]{6,14}/A[A-Z0-9]{6,14}/[0-9]{8,24}/[A-Za-z0-9]{20,}" + _END,
        ),
        _kind(
            "stripe",
            "sk_live_|sk_test_|sk_prod_|rk_live_|rk_test_|rk_prod_",
            "[A-Za-z0-9]{16,247}" + _END,
            _mixed,
        ),
        _kind("webhooks", "whsec_", "[A-Za-z0-9+/]{16,99}" + _FILLED),
        _kind("square", "sq0atp-", _URLSAFE + "{22}" + _END),
        _kind("square", "sq0csp-", _URLSAFE + "{43}" + _END),
        _kind("square", "EAAA", _URLSAFE + "{60}" + _NO_BASE64, _mixed, weak=True),
        _kind("shopify", "shpat_|shpss_|shpca_|shppa_", "[0-9a-fA-F]{32}" + _END),
        _kind("plaid", "access-production-|access-development-|access-sandbox-", _UUID + _END),
        _kind("shippo", "shippo_live_|shippo_test_", "[0-9a-fA-F]{40}" + _END),
        _kind("flutterwave", "FLWSECK-|FLWSECK_TEST-", "(?:[0-9a-h]{32}-X|[0-9a-h]{12})" + _END),
        _kind("settlemint", "sm_aat_|sm_pat_|sm_sat_", "[A-Za-z0-9]{16}" + _END, _mixed),
        _kind("easypost", "EZAK|EZTK", "[A-Za-z0-9]{54}" + _NO_BASE64, _mixed, weak=True),
        _kind("duffel", "duffel_live_|duffel_test_", "[A-Za-z0-9_=-]{43}" + _END),
        _kind("sendgrid", "SG.", _URLSAFE + r"{22}\." + _URLSAFE + "{43}" + _END),
        _kind("mailgun", "key-", "[0-9a-f]{32}" + _NO_BASE64, weak=True),
        _kind("mailchimp", "-us", "[0-9]{1,2}" + _END, before="[0-9a-f]{32}", into=32),
        _kind("brevo", "xkeysib-|xsmtpsib-", "[0-9a-f]{64}-[A-Za-z0-9]{16}" + _END),
        _kind("resend", "re_", "[1-9A-HJ-NP-Za-km-z]{8}_[1-9A-HJ-NP-Za-km-z]{24}" + _END),
        _kind("mailersend", "mlsn.", "[0-9a-f]{64}" + _END),
        _kind("twilio", "SK", "[0-9a-f]{32}" + _NO_BASE64, weak=True),
        _kind("linear", "lin_api_|lin_oauth_", "[A-Za-z0-9]{40,64}" + _END, _mixed),
        _kind("notion", "ntn_", "[A-Za-z0-9]{40,50}" + _END, _mixed),
        _kind("notion", "secret_", "[A-Za-z0-9]{43}" + _END, _mixed),
        _kind("airtable", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{64}" + _END),
        _kind("hubspot", "pat-na1-|pat-na2-|pat-eu1-|pat-ap1-", _UUID + _END),
        _kind("figma", "figd_", _URLSAFE + "{40,}", _mixed),
        _kind("contentful", "CFPAT-", _URLSAFE + "{43}" + _END),
        _kind("typeform", "tfp_", "[A-Za-z0-9_=.-]{59}" + _END, _mixed),
        _kind("postman", "PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}" + _END),
        _kind("readme", "rdme_", "[a-z0-9]{70}" + _END),
        _kind("dropbox", "sl.", r"(?:u\.)?" + _URLSAFE + "{130,}", _mixed),
        _kind("newrelic", "NRAK-", "[A-Z0-9]{27}" + _END),
        _kind("grafana", "glsa_", "[A-Za-z0-9]{32}_[0-9a-fA-F]{8}" + _END),
        _kind("grafana", "glc_", "[A-Za-z0-9+/]{32,400}" + _FILLED, _mixed),
        _kind("grafana", "eyJrIjoi", "[A-Za-z0-9]{40,400}" + _FILLED, _named_key),
        _kind("dynatrace", "dt0c01.|dt0s16.", r"[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}" + _END),
        _kind("sentry", "sntrys_", "[A-Za-z0-9+/=_-]{60,}"),
        _kind("sentry", "sntryu_", "[0-9a-f]{64}" + _END),
        _kind("posthog", "phx_", _URLSAFE + "{40,50}" + _END, _mixed),
        _kind("prefect", "pnu_|pnb_", "[A-Za-z0-9]{36}" + _END, _mixed),
        _kind("doppler", "dp.pt.|dp.ct.|dp.sa.|dp.scim.|dp.audit.", "[A-Za-z0-9]{40,44}" + _END, _mixed),
        _kind("harness", "pat.|sat.", _URLSAFE + r"{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}" + _END),
        _kind("octopus", "API-", "[A-Z0-9]{26}" + _NO_BASE64, _mixed, weak=True),
        _kind("frameio", "fio-u-", "[A-Za-z0-9_=-]{64}" + _END),
        _kind("adobe", "p8e-", "[A-Za-z0-9]{32}" + _NO_BASE64, _mixed, weak=True),
        _kind("facebook", "EAA", "[A-Za-z0-9]{100,300}" + _NO_BASE64, _mixed, weak=True),
        _kind("intra42", "s-s4t2ud-|s-s4t2af-", "[0-9a-f]{64}" + _END),
        _kind("maxmind", "_mmk", _END, before="[A-Za-z0-9]{6}_[A-Za-z0-9]{29}", into=36),
        _kind(
            "authress",
            "sc_|ext_|scauth_|authress_",
            r"[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[a-z0-9+/_=-]{30,120}" + _END,
        ),
        _kind("infracost", "ico-", "[A-Za-z0-9]{32}" + _END, _mixed),
        _kind("telegram", "bot", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}" + _END),
        _kind("telegram", ":AA", _URLSAFE + "{33}" + _END, before="[0-9]{10}", into=10),
        _kind("telegram", ":AA", _URLSAFE + "{33}" + _END, before="[0-9]{9}", into=9),
        _kind("telegram", ":AA", _URLSAFE + "{33}" + _END, before="[0-9]{8}", into=8),
        _kind(
            "discord",
            "M|N|O",
            r"[A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}" + _END,
            _of_a_user,
            weak=True,
        ),
        _kind(
            "discord",
            "https://discord.com/api/webhooks/|https://discordapp.com/api/webhooks/",
            "[0-9]{17,20}/" + _URLSAFE + "{60,80}" + _END,
        ),
        _kind(
            "teams",
            "webhook.office.com/webhookb2/",
            f"{_UUID}@{_UUID}/IncomingWebhook/[0-9a-f]{{32}}/{_UUID}",
        ),
        _kind("zapier", "https://hooks.zapier.com/hooks/catch/", "[0-9]{5,9}/[a-z0-9]{6,8}" + _END),
        _kind("1password", "ops_eyJ", "[A-Za-z0-9+/_-]{250,4000}" + _FILLED),
        _kind(
            "1password",
            "A3-",
            "[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}" + _END,
            _mixed,
        ),
        _kind("age", "AGE-SECRET-KEY-1", "[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}" + _END),
        # of everybody
        _kind("jwt", "eyJ", r"[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", _jwt),
        _kind(
            "private-key",
            "-----BEGIN",  # a form has + for a space
            r"[A-Z0-9 +]{0,40}[ +]PRIVATE[ +]KEY(?:[ +]BLOCK)?-----"
            r"(?:[^-]|-(?!----)){40,8000}(?:-----END[A-Z0-9 +]{3,40}-----)?",
            _has_a_line,
        ),
    )
)

PRIVATE_KEY = KINDS[-1]
AMID = tuple(kind for kind in KINDS if kind.into)
WORDS = tuple(kind for kind in KINDS[:-1] if not kind.into)
