"""What the keys of well-known issuers look like: their prefixes, lengths and alphabets, as data. Pure.

The forms are those that issuers document, or that their tokens are known to have. What has no letters
of its own, such as forty hexadecimal digits, is not here: too much else looks like it. In no form is
there a repetition within a repetition, so that none takes more than a step for each byte.
"""

from __future__ import annotations

from itertools import chain

from .kinds import Kind, has_a_line, is_drawn, is_jwt, is_mixed, is_named_key, is_of_user, kinds

_END = r"(?![A-Za-z0-9_-])"
_NO_BASE64 = r"(?![A-Za-z0-9+=_-])"  # of a slash, see `Kind.holds`
_FILLED = r"(?:={1,3}(?![A-Za-z0-9+=_-])|(?![A-Za-z0-9+/=_-]))"
_URLSAFE = "[A-Za-z0-9_-]"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ROUTED = r"(?:\.[0-9a-z]{2}\.?[0-9a-z]{7,9})?" + _END

KINDS: tuple[Kind, ...] = tuple(
    chain(
        # models
        kinds("anthropic", "sk-ant-", _URLSAFE + "{20,}", is_mixed),
        kinds("openai", "sk-proj-|sk-svcacct-|sk-admin-|sk-None-", _URLSAFE + "{20,}", is_mixed),
        kinds("openrouter", "sk-or-v1-", "[0-9a-f]{64}" + _END),
        kinds("api-key", "sk-", "[A-Za-z0-9]{32,64}" + _END, is_mixed),
        kinds("google", "AIza", _URLSAFE + "{35}" + _NO_BASE64, weak=True),
        kinds("google", "AQ.Ab8", _URLSAFE + "{47}" + _END),
        kinds("google-oauth", "ya29.", r"(?:c\.)?" + _URLSAFE + "{30,}"),
        kinds("google-oauth", "1//0", _URLSAFE + "{60,120}" + _NO_BASE64, is_mixed, weak=True),
        kinds("google-oauth", "GOCSPX-", _URLSAFE + "{28}" + _END),
        kinds("groq", "gsk_", "[A-Za-z0-9]{40,60}" + _END, is_mixed),
        kinds("xai", "xai-", _URLSAFE + "{60,120}" + _END, is_mixed),
        kinds("perplexity", "pplx-", "[A-Za-z0-9]{40,60}" + _END, is_mixed),
        kinds("replicate", "r8_", "[A-Za-z0-9]{37}" + _END, is_mixed),
        kinds("huggingface", "hf_|api_org_", "[A-Za-z0-9]{34,40}" + _END, is_drawn),
        kinds("fireworks", "fw_", "[A-Za-z0-9]{20,40}" + _END, is_mixed),
        kinds("cerebras", "csk-", "[a-z0-9]{48}" + _END, is_mixed),
        kinds("together", "tgp_v1_", _URLSAFE + "{43}" + _END),
        kinds("voyage", "pa-", _URLSAFE + "{43}" + _NO_BASE64, is_mixed, weak=True),
        kinds("elevenlabs", "sk_", "[0-9a-f]{48}" + _END),
        kinds("cartesia", "sk_car_", "[A-Za-z0-9_]{20}" + _END, is_mixed),
        kinds("nvidia", "nvapi-", _URLSAFE + "{60,70}" + _END),
        kinds("llama-cloud", "llx-", "[A-Za-z0-9]{44,52}" + _END, is_mixed),
        kinds("tavily", "tvly-", _URLSAFE + "{28,50}" + _END, is_mixed),
        kinds("jina", "jina_", "[0-9a-f]{32}" + _URLSAFE + "{28}" + _END),
        kinds("firecrawl", "fc-", "[0-9a-f]{32}" + _NO_BASE64, weak=True),
        kinds("apify", "apify_api_", "[A-Za-z0-9]{34,40}" + _END, is_mixed),
        kinds("browserbase", "bb_live_", _URLSAFE + "{20,40}" + _END, is_mixed),
        kinds("e2b", "e2b_", "[0-9a-f]{40}" + _END),
        kinds("runpod", "rpa_", "[A-Z0-9]{40}[A-Za-z0-9]{6}" + _END),
        kinds("pinecone", "pcsk_", "[A-Za-z0-9]{5,6}_[A-Za-z0-9]{63}" + _END),
        kinds("langsmith", "lsv2_pt_|lsv2_sk_", "[0-9a-f]{32}_[0-9a-f]{10}" + _END),
        kinds("langfuse", "sk-lf-", _UUID + _END),
        kinds("wandb", "wandb_v1_", "[A-Za-z0-9_]{77}" + _END),
        # clouds
        kinds("aws", "AKIA|ASIA|ABIA|ACCA", "[A-Z2-7]{16}" + _END),
        kinds("aws", "A3T", "[A-Z0-9][A-Z2-7]{16}" + _END, is_mixed),
        kinds("aws-bedrock", "ABSKQmVkcm9ja0FQSUtleS", "[A-Za-z0-9+/]{80,260}" + _FILLED),
        kinds(
            "aws-bedrock", "bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t", "[A-Za-z0-9+/]{100,6000}" + _FILLED
        ),
        kinds("azure", "AccountKey=", "[A-Za-z0-9+/]{86}==(?!=)"),
        kinds("azure", "SharedAccessKey=", "[A-Za-z0-9+/]{43}=(?!=)"),
        kinds(
            "azure", "Q~", "[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~-])", before="[A-Za-z0-9_~.]{3}[0-9]", into=4
        ),
        kinds("azure", "JQQJ99", "[A-Za-z0-9]{26}" + _NO_BASE64, before="[A-Za-z0-9]{52}", into=52),
        kinds("digitalocean", "dop_v1_|doo_v1_|dor_v1_", "[0-9a-f]{64}" + _END),
        kinds("alibaba", "LTAI", "[A-Za-z0-9]{20}" + _NO_BASE64, is_mixed, weak=True),
        kinds("cloudflare", "cfut_|cfat_", "[A-Za-z0-9]{40}[0-9a-f]{8}" + _END),
        kinds("cloudflare", "v1.0-", "[0-9a-f]{24}-[0-9a-f]{146}" + _END),
        kinds("flyio", "fo1_", _URLSAFE + "{40,50}" + _END),
        kinds("flyio", "fm2_|fm1r_|fm1a_", "[A-Za-z0-9+/=,_-]{100,}"),
        kinds("heroku", "HRKU-", "(?:AA" + _URLSAFE + "{58}|" + _UUID + ")" + _END),
        kinds("netlify", "nfp_", "[A-Za-z0-9]{36,40}" + _END, is_mixed),
        kinds("render", "rnd_", "[A-Za-z0-9]{28}" + _END, is_mixed),
        kinds("vercel", "vck_|vcp_|vca_|vcr_|vci_", _URLSAFE + "{56}" + _END),
        kinds("neon", "napi_", "[a-z0-9]{64}" + _END),
        kinds("mongodb", "mdb_sa_sk_", _URLSAFE + "{40}" + _END),
        kinds("cockroachdb", "CCDB1_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{40}" + _END),
        kinds("clickhouse", "4b1d", "[A-Za-z0-9]{38}" + _NO_BASE64, is_mixed, weak=True),
        kinds("scalingo", "tk-us-", _URLSAFE + "{48}" + _END),
        kinds("pulumi", "pul-", "[0-9a-f]{40}" + _END),
        kinds("terraform", ".atlasv1.", "[A-Za-z0-9_=-]{60,70}" + _END, before="[A-Za-z0-9]{14}", into=14),
        kinds("vault", "hvs.", _URLSAFE + "{24,}", is_mixed),
        kinds("vault", "hvb.|hvr.", _URLSAFE + "{60,}", is_mixed),
        kinds("openshift", "sha256~", _URLSAFE + "{43}" + _END),
        kinds("tailscale", "tskey-api-|tskey-auth-|tskey-client-", _URLSAFE + "{20,60}" + _END, is_mixed),
        kinds("databricks", "dapi", "[0-9a-f]{32}(?:-[0-9])?" + _END),
        kinds("supabase", "sbp_", "[0-9a-f]{40}" + _END),
        kinds("supabase", "sb_secret_", _URLSAFE + "{31}" + _END),
        kinds(
            "planetscale", "pscale_tkn_|pscale_pw_|pscale_oauth_", "[A-Za-z0-9=._-]{32,64}" + _END, is_mixed
        ),
        # version control and packages
        kinds("github", "ghp_|gho_|ghu_|ghs_|ghr_", "[A-Za-z0-9]{36}" + _END, is_mixed),
        kinds("github", "github_pat_", "[A-Za-z0-9]{22}_[A-Za-z0-9]{59}" + _END),
        kinds("gitlab", "glpat-|gldt-|glrt-|glft-|glsoat-|glffct-", _URLSAFE + "{20,}" + _ROUTED, is_mixed),
        kinds("gitlab", "glcbt-", "[0-9a-zA-Z]{1,5}_" + _URLSAFE + "{20}" + _END),
        kinds("gitlab", "glimt-", _URLSAFE + "{25}" + _END, is_mixed),
        kinds("gitlab", "glagent-", _URLSAFE + "{50,}", is_mixed),
        kinds("gitlab", "gloas-", _URLSAFE + "{64}" + _END, is_mixed),
        kinds("gitlab", "GR1348941", _URLSAFE + "{20}" + _END),
        kinds("gitlab", "glptt-", "[0-9a-f]{40}" + _END),
        kinds("gitlab", "_gitlab_session=", "[0-9a-z]{32}" + _END),
        kinds("bitbucket", "ATBB", "[A-Za-z0-9]{32}" + _NO_BASE64, is_mixed, weak=True),
        kinds("atlassian", "ATATT3", "[A-Za-z0-9_=-]{180,200}" + _END),
        kinds("sourcegraph", "sgp_", "(?:(?:[0-9a-fA-F]{16}|local)_)?[0-9a-fA-F]{40}" + _END),
        kinds("npm", "npm_", "[A-Za-z0-9]{36}" + _END, is_mixed),
        kinds("pypi", "pypi-AgEI|pypi-AgEN", _URLSAFE + "{50,}"),
        kinds("rubygems", "rubygems_", "[0-9a-f]{48}" + _END),
        kinds("crates", "cio", "[A-Za-z0-9]{32}" + _NO_BASE64, is_mixed, weak=True),
        kinds("nuget", "oy2", "[a-z0-9]{43}" + _NO_BASE64, is_mixed, weak=True),
        kinds("clojars", "CLOJARS_", "[0-9a-z]{60}" + _END),
        kinds("docker", "dckr_pat_", _URLSAFE + "{27}" + _END),
        kinds("docker", "dckr_oat_", _URLSAFE + "{32}" + _END),
        kinds("artifactory", "AKCp", "[A-Za-z0-9]{69}" + _NO_BASE64, weak=True),
        kinds("artifactory", "cmVmd", "[A-Za-z0-9]{59}" + _NO_BASE64, weak=True),
        kinds("circleci", "CCIPAT_|CCIPRJ_", "[A-Za-z0-9]{22}_[0-9a-f]{40}" + _END),
        kinds("buildkite", "bkua_", "[a-z0-9]{40}" + _END),
        kinds("sonar", "squ_|sqp_|sqa_", "[0-9a-f]{40}" + _END),
        # services
        kinds(
            "slack",
            "xoxb-|xoxp-|xoxa-|xoxr-|xoxs-|xoxo-|xoxe-|xoxc-|xapp-",
            "[A-Za-z0-9-]{20,}" + _END,
            is_mixed,
        ),
        kinds("slack", "xoxd-", "[A-Za-z0-9+/]{100,400}" + _FILLED),
        kinds("slack", "hooks.slack.com/services/", "T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]{20,}" + _END),
        kinds("slack", "hooks.slack.com/triggers/", "[A-Z0-9]{8,14}/[0-9]{8,16}/[0-9a-f]{32}" + _END),
        kinds(
            "slack",
            "hooks.slack.com/workflows/",
            "T[A-Z0-9]{6,14}/A[A-Z0-9]{6,14}/[0-9]{8,24}/[A-Za-z0-9]{20,}" + _END,
        ),
        kinds(
            "stripe",
            "sk_live_|sk_test_|sk_prod_|rk_live_|rk_test_|rk_prod_",
            "[A-Za-z0-9]{16,247}" + _END,
            is_mixed,
        ),
        kinds("webhooks", "whsec_", "[A-Za-z0-9+/]{16,99}" + _FILLED),
        kinds("square", "sq0atp-", _URLSAFE + "{22}" + _END),
        kinds("square", "sq0csp-", _URLSAFE + "{43}" + _END),
        kinds("square", "EAAA", _URLSAFE + "{60}" + _NO_BASE64, is_mixed, weak=True),
        kinds("shopify", "shpat_|shpss_|shpca_|shppa_", "[0-9a-fA-F]{32}" + _END),
        kinds("plaid", "access-production-|access-development-|access-sandbox-", _UUID + _END),
        kinds("shippo", "shippo_live_|shippo_test_", "[0-9a-fA-F]{40}" + _END),
        kinds("flutterwave", "FLWSECK-|FLWSECK_TEST-", "(?:[0-9a-h]{32}-X|[0-9a-h]{12})" + _END),
        kinds("settlemint", "sm_aat_|sm_pat_|sm_sat_", "[A-Za-z0-9]{16}" + _END, is_mixed),
        kinds("easypost", "EZAK|EZTK", "[A-Za-z0-9]{54}" + _NO_BASE64, is_mixed, weak=True),
        kinds("duffel", "duffel_live_|duffel_test_", "[A-Za-z0-9_=-]{43}" + _END),
        kinds("sendgrid", "SG.", _URLSAFE + r"{22}\." + _URLSAFE + "{43}" + _END),
        kinds("mailgun", "key-", "[0-9a-f]{32}" + _NO_BASE64, weak=True),
        kinds("mailchimp", "-us", "[0-9]{1,2}" + _END, before="[0-9a-f]{32}", into=32),
        kinds("brevo", "xkeysib-|xsmtpsib-", "[0-9a-f]{64}-[A-Za-z0-9]{16}" + _END),
        kinds("resend", "re_", "[1-9A-HJ-NP-Za-km-z]{8}_[1-9A-HJ-NP-Za-km-z]{24}" + _END),
        kinds("mailersend", "mlsn.", "[0-9a-f]{64}" + _END),
        kinds("twilio", "SK", "[0-9a-f]{32}" + _NO_BASE64, weak=True),
        kinds("linear", "lin_api_|lin_oauth_", "[A-Za-z0-9]{40,64}" + _END, is_mixed),
        kinds("notion", "ntn_", "[A-Za-z0-9]{40,50}" + _END, is_mixed),
        kinds("notion", "secret_", "[A-Za-z0-9]{43}" + _END, is_mixed),
        kinds("airtable", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{64}" + _END),
        kinds("hubspot", "pat-na1-|pat-na2-|pat-eu1-|pat-ap1-", _UUID + _END),
        kinds("figma", "figd_", _URLSAFE + "{40,}", is_mixed),
        kinds("contentful", "CFPAT-", _URLSAFE + "{43}" + _END),
        kinds("typeform", "tfp_", "[A-Za-z0-9_=.-]{59}" + _END, is_mixed),
        kinds("postman", "PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}" + _END),
        kinds("readme", "rdme_", "[a-z0-9]{70}" + _END),
        kinds("dropbox", "sl.", r"(?:u\.)?" + _URLSAFE + "{130,}", is_mixed),
        kinds("newrelic", "NRAK-", "[A-Z0-9]{27}" + _END),
        kinds("grafana", "glsa_", "[A-Za-z0-9]{32}_[0-9a-fA-F]{8}" + _END),
        kinds("grafana", "glc_", "[A-Za-z0-9+/]{32,400}" + _FILLED, is_mixed),
        kinds("grafana", "eyJrIjoi", "[A-Za-z0-9]{40,400}" + _FILLED, is_named_key),
        kinds("dynatrace", "dt0c01.|dt0s16.", r"[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}" + _END),
        kinds("sentry", "sntrys_", "[A-Za-z0-9+/=_-]{60,}"),
        kinds("sentry", "sntryu_", "[0-9a-f]{64}" + _END),
        kinds("posthog", "phx_", _URLSAFE + "{40,50}" + _END, is_mixed),
        kinds("prefect", "pnu_|pnb_", "[A-Za-z0-9]{36}" + _END, is_mixed),
        kinds("doppler", "dp.pt.|dp.ct.|dp.sa.|dp.scim.|dp.audit.", "[A-Za-z0-9]{40,44}" + _END, is_mixed),
        kinds("harness", "pat.|sat.", _URLSAFE + r"{22}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{20}" + _END),
        kinds("octopus", "API-", "[A-Z0-9]{26}" + _NO_BASE64, is_mixed, weak=True),
        kinds("frameio", "fio-u-", "[A-Za-z0-9_=-]{64}" + _END),
        kinds("adobe", "p8e-", "[A-Za-z0-9]{32}" + _NO_BASE64, is_mixed, weak=True),
        kinds("facebook", "EAA", "[A-Za-z0-9]{100,300}" + _NO_BASE64, is_mixed, weak=True),
        kinds("intra42", "s-s4t2ud-|s-s4t2af-", "[0-9a-f]{64}" + _END),
        kinds("maxmind", "_mmk", _END, before="[A-Za-z0-9]{6}_[A-Za-z0-9]{29}", into=36),
        kinds(
            "authress",
            "sc_|ext_|scauth_|authress_",
            r"[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[a-z0-9+/_=-]{30,120}" + _END,
        ),
        kinds("infracost", "ico-", "[A-Za-z0-9]{32}" + _END, is_mixed),
        kinds("telegram", "bot", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}" + _END),
        kinds("telegram", ":AA", _URLSAFE + "{33}" + _END, before="[0-9]{10}", into=10),
        kinds("telegram", ":AA", _URLSAFE + "{33}" + _END, before="[0-9]{9}", into=9),
        kinds("telegram", ":AA", _URLSAFE + "{33}" + _END, before="[0-9]{8}", into=8),
        kinds(
            "discord",
            "M|N|O",
            r"[A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}" + _NO_BASE64,
            is_of_user,
            weak=True,
        ),
        kinds(
            "discord",
            "https://discord.com/api/webhooks/|https://discordapp.com/api/webhooks/",
            "[0-9]{17,20}/" + _URLSAFE + "{60,80}" + _END,
        ),
        kinds(
            "teams",
            "webhook.office.com/webhookb2/",
            f"{_UUID}@{_UUID}/IncomingWebhook/[0-9a-f]{{32}}/{_UUID}",
        ),
        kinds("zapier", "https://hooks.zapier.com/hooks/catch/", "[0-9]{5,9}/[a-z0-9]{6,8}" + _END),
        kinds("1password", "ops_eyJ", "[A-Za-z0-9+/_-]{250,4000}" + _FILLED),
        kinds(
            "1password",
            "A3-",
            "[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}" + _END,
            is_mixed,
        ),
        kinds("age", "AGE-SECRET-KEY-1", "[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}" + _END),
        # of everybody
        kinds("jwt", "eyJ", r"[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", is_jwt),
        kinds(
            "private-key",
            "-----BEGIN",  # a form has + for a space
            r"[A-Z0-9 +]{0,40}[ +]PRIVATE[ +]KEY(?:[ +]BLOCK)?-----"
            r"(?:[^-]|-(?!----)){40,8000}(?:-----END[A-Z0-9 +]{3,40}-----)?",
            has_a_line,
        ),
    )
)

PRIVATE_KEY = KINDS[-1]
"""The one kind that has lines."""

AMID = tuple(kind for kind in KINDS if kind.into)
"""Kinds that are known by what stands amid them, or at their end."""

WORDS = tuple(kind for kind in KINDS[:-1] if not kind.into)
