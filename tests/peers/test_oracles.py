"""What other searchers for secrets find and we do not, and the other way round: listed, and judged.

detect-secrets is asked where it is installed. gitleaks is asked where TRACEFORK_GITLEAKS names its binary,
or where it is on the path; its rules are read from the file that TRACEFORK_GITLEAKS names, or out of that
binary. Nothing of either stands here but the names of its rules.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import subprocess
import tomllib
import zlib
from functools import cache
from pathlib import Path
from random import Random
from shutil import which

import pytest
import zstandard
from peers.corpus import FOLDER
from peers.processes import beside_python
from tokens import of_form

from tracefork.redact import redactor
from tracefork.redact.by_form import patterns
from tracefork.redact.texts.across_events import join_texts

pytestmark = pytest.mark.peers

STRANGER = redactor({})
DRAWN = 20
FOUND = 0.85
"""Of what is drawn from a form of theirs: where that has letters alone, a draw may have no digit."""

NO_TOKEN = "what stands beside it says that it is one, and nothing in it"

OF_THE_CORPUS = {"generic-api-key": re.compile(r"(?:req_)?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f-]{16,22}")}
"""Rules of gitleaks that find in the corpus what is none: the number of a request, by a header's name."""

DETECT_SECRETS = {
    "ArtifactoryDetector": "of ten letters: a word in capitals, or the beginning of any base64",
    "AWSKeyDetector": "0, 1, 8 and 9 are in no key of AWS; and forty letters beside the word aws: "
    + NO_TOKEN,
    "AzureStorageKeyDetector": "two = stand at the end of a key, and nowhere else",
    "CloudantDetector": NO_TOKEN,
    "DiscordBotTokenDetector": "its first part is no number of a user in base64, as one of Discord's is",
    "GitHubTokenDetector": "an underscore is in no token of GitHub's",
    "GitLabTokenDetector": "gldt- and others are met; glptt- has hexadecimal digits, glcbt- a number of two",
    "IbmCloudIamDetector": NO_TOKEN,
    "IbmCosHmacDetector": NO_TOKEN,
    "JwtTokenDetector": "its first part is no JSON that names an algorithm",
    "MailchimpDetector": "g to z are in no key of Mailchimp's",
    "NpmDetector": "the forms of a file of npm: " + NO_TOKEN,
    "OpenAIDetector": "a text of any length, dots and underscores within",
    "PrivateKeyDetector": "the line that a key begins with, and no key",
    "SlackDetector": "of digits and one letter; or a hook without the parts that Slack's have",
    "SoftlayerDetector": NO_TOKEN,
    "SquareOAuthDetector": "a backslash is in no secret of Square's",
    "TelegramBotTokenDetector": "what stands behind the colon does not begin with AA, as Telegram's does",
    "TwilioKeyDetector": "AC begins the name of an account, no key; g to z are in no key of Twilio's",
}
"""Detectors from whose forms texts can be drawn that are not found, and why that is right."""

GITLEAKS = {
    "aws-amazon-bedrock-api-key-long-lived": "a key's base64 begins with the name that AWS gives it",
    "aws-amazon-bedrock-api-key-short-lived": "the beginning that all of them have, and no key",
    "curl-auth-header": NO_TOKEN,
    "curl-auth-user": NO_TOKEN,
    "facebook-access-token": "digits, a bar and some letters: too much looks like it",
    "flutterwave-public-key": "a public key",
    "freemius-secret-key": NO_TOKEN,
    "github-fine-grained-pat": "a token has one underscore, behind 22 letters",
    "grafana-api-key": "it is base64 of JSON with a key and a name, which what was drawn is not",
    "jwt": "its first part is no JSON that names an algorithm",
    "jwt-base64": "base64 of the same",
    "kubernetes-secret-yaml": NO_TOKEN,
    "microsoft-teams-webhook": "its UUIDs have hexadecimal digits",
    "nuget-config-password": NO_TOKEN,
    "private-key": "no line of base64 stands in what was drawn",
    "sendgrid-api-token": "a key has its dots at two places",
    "slack-config-access-token": "any letter where a dot stands in one of Slack's",
    "slack-legacy-workspace-token": "of eight letters: a word",
    "slack-webhook-url": "the parts of a hook begin with T and B",
    "sourcegraph-access-token": "forty hexadecimal digits, as any commit has",
    "square-access-token": "22 letters behind sq0atp-, 60 behind EAAA, and none between",
    "stripe-access-token": "of ten letters: a word",
    "twilio-api-key": "large letters are in no key of Twilio's",
    "vault-service-token": "s. and 24 letters: an attribute in any program",
}
"""Rules with a form of their own, of which texts can be drawn that are not found, and why that is right."""

BESIDE = re.compile(r"\(?(?:\(\?i\))?\[\\w\.-\]\{0,50\}\?")
"""What rules begin with whose tokens have no form, and are known by the name before them."""

READ = (("(?i)", ""), ("(?-i:", "(?:"), ("(?i:", "(?:"), ("(?s:", "(?:"), (r"\z", r"\Z"),
        ("[[:alnum:]]", "[A-Za-z0-9]"))  # fmt: skip
"""What Go writes otherwise than Python."""


@pytest.fixture(scope="module")
def said():
    """Everything that is said in the corpus, as texts: URLs, values of headers, decoded bodies."""
    if not FOLDER:
        pytest.skip("there is no corpus: point TRACEFORK_CORPUS at its folder")
    texts = dict[str, None]()
    for file in sorted(Path(FOLDER).glob("*.jsonl.zst")):
        with file.open("rb") as packed:
            lines = zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines()
        for kept in map(json.loads, lines):
            texts[kept["url"]] = None
            for side in ("req", "resp"):
                texts.update((f"{name}: {value}", None) for name, value in kept[f"{side}_headers"])
                texts[plain(base64.b64decode(kept[f"{side}_body_b64"])).decode("utf-8", "replace")] = None
    assert sum(map(len, texts)) > 8_000_000
    return list(texts)


def plain(body: bytes) -> bytes:
    try:
        return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    except (OSError, EOFError, zlib.error):
        return body


def is_left(secret: str, text: str) -> bool:
    """True if a secret in a text is kept."""
    clean = STRANGER.text(text)
    return "[secret:" not in clean or (secret in clean)


def share_found(pattern: str, group: int, flags: int) -> float:
    """The share that is found of texts that are drawn from a form, its letters of one case or of both."""
    draw = Random(pattern)

    def written(case) -> float:
        pairs = [of_form(pattern, draw, group, 0 if case else flags) for _ in range(DRAWN)]
        return sum(not is_left(secret, f"it is {whole} .") for whole, secret in pairs) / DRAWN

    return max(written(True), written(False)) if flags & re.IGNORECASE else written(False)


def tells(body: bytes) -> bool:
    """True if there is what looks as an issuer's token, whole or in pieces."""
    pieces = (seen for view in join_texts(body) for seen in patterns.find_across(view))
    return any(patterns.found(body)) or any(pieces)


@pytest.mark.slow
def test_nothing_in_the_corpus_is_taken_for_a_secret(said):
    assert [text[:80] for text in said if tells(text.encode())] == []


@pytest.fixture(scope="module")
def detectors():
    """The detectors of detect-secrets that know tokens by their form, by name."""
    util = pytest.importorskip("detect_secrets.core.plugins.util", reason="pip install detect-secrets")
    made = [kind() for kind in util.get_mapping_from_secret_type_to_class().values()]
    others = {"Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector", "IPPublicDetector"}
    return {type(one).__name__: one for one in made if type(one).__name__ not in others}


@pytest.mark.slow
def test_detect_secrets_finds_nothing_in_the_corpus_that_we_do_not(said, detectors):
    missed = [
        (name, found[:4])
        for text in said
        for name, one in detectors.items()
        for found in one.analyze_string(text) or ()
        if is_left(found, text)
    ]

    assert len(detectors) > 15
    assert missed == []


def test_what_is_drawn_from_the_forms_of_detect_secrets_is_found_or_judged(detectors):
    shares = {
        name: min(share_found(form.pattern, form.groups and 0, form.flags) for form in one.denylist)
        for name, one in detectors.items()
    }

    assert {name for name, share in shares.items() if share < FOUND} == DETECT_SECRETS.keys(), shares


def gitleaks() -> Path | None:
    """Its binary, or a file of its rules."""
    places = (os.environ.get("TRACEFORK_GITLEAKS"), beside_python("gitleaks"), which("gitleaks"))
    return next((Path(place) for place in places if place and Path(place).is_file()), None)


@cache
def rules() -> list[dict]:
    """The rules of gitleaks, out of its file or its binary."""
    place = gitleaks()
    if place is None:
        pytest.skip("there is no gitleaks: point TRACEFORK_GITLEAKS at its binary or at a file of its rules")
    data = place.read_bytes()
    text = data if place.suffix == ".toml" else re.search(rb'title = "gitleaks config"[\t\n -\xff]*', data)[0]
    told = text if isinstance(text, str) else text.decode("utf-8", "replace")
    while True:
        try:
            return tomllib.loads(told)["rules"]
        except tomllib.TOMLDecodeError:  # in a binary something else stands behind it
            told = told.rpartition("\n")[0]


@pytest.mark.slow
def test_gitleaks_finds_nothing_in_the_corpus_that_we_do_not_or_it_is_judged(said, tmp_path):
    place = gitleaks()
    if place is None or place.suffix == ".toml":
        pytest.skip("there is no gitleaks: point TRACEFORK_GITLEAKS at its binary")
    for n, text in enumerate(said):
        (tmp_path / str(n)).write_text(text, encoding="utf-8", newline="")
    report = tmp_path.parent / "report.json"
    flags = ("--report-format", "json", "--report-path", str(report), "--exit-code", "0", "--no-banner")
    subprocess.run([str(place), "dir", str(tmp_path), *flags], check=True, capture_output=True, timeout=120)
    missed = [
        (one["RuleID"], one["Secret"][:4])
        for one in json.loads(report.read_bytes())
        if is_left(one["Secret"], said[int(Path(one["File"]).name)])
        and not (one["RuleID"] in OF_THE_CORPUS and OF_THE_CORPUS[one["RuleID"]].fullmatch(one["Secret"]))
    ]

    assert missed == []


def test_what_is_drawn_from_the_rules_of_gitleaks_is_found_or_judged():
    shares = dict[str, float]()
    for rule in rules():
        form = rule.get("regex", "")
        if not form or BESIDE.match(form):
            continue
        flags = re.IGNORECASE if "(?i" in form else 0
        for written, python in READ:
            form = form.replace(written, python)
        shares[rule["id"]] = share_found(form, rule.get("secretGroup", 1), flags)

    assert len(shares) > 60
    assert {name for name, share in shares.items() if share < FOUND} <= GITLEAKS.keys(), shares
