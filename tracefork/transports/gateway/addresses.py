"""Where a command is told to ask, and which server that stands for. Pure.

An origin is written into the path: `http://127.0.0.1:PORT/KEY/to/https/api.openai.com/v1` stands for
`https://api.openai.com/v1`. So any client that can be told a base URL can be recorded, and nothing has to be
known of it. The key keeps out whoever was not told it, a page in a browser for one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

VENDORS: Mapping[str, str] = {
    "ANTHROPIC_BASE_URL": "https://api.anthropic.com",
    "COHERE_BASE_URL": "https://api.cohere.com",
    "CO_API_URL": "https://api.cohere.com",
    "DEEPSEEK_BASE_URL": "https://api.deepseek.com",
    "GEMINI_BASE_URL": "https://generativelanguage.googleapis.com",
    "GOOGLE_GEMINI_BASE_URL": "https://generativelanguage.googleapis.com",
    "GROQ_BASE_URL": "https://api.groq.com",
    "MISTRAL_BASE_URL": "https://api.mistral.ai",
    "MISTRAL_SERVER_URL": "https://api.mistral.ai",
    "OPENAI_API_BASE": "https://api.openai.com/v1",
    "OPENAI_BASE_URL": "https://api.openai.com/v1",
    "OPENROUTER_BASE_URL": "https://openrouter.ai/api/v1",
    "TOGETHER_BASE_URL": "https://api.together.xyz/v1",
    "XAI_BASE_URL": "https://api.x.ai/v1",
}
"""Variables by which clients are told whom to ask, and whom they ask without."""

IF_SET = (
    "ANTHROPIC_API_URL",
    "ANTHROPIC_VERTEX_BASE_URL",
    "AZURE_OPENAI_ENDPOINT",
    "GOOGLE_VERTEX_BASE_URL",
    "LITELLM_PROXY_API_BASE",
    "OLLAMA_HOST",
)
"""More of them, whose servers are known only where they are set."""

MARK = "to"
_ADDRESS = re.compile(rf"(?P<key>.*?)/{MARK}/(?P<scheme>https?)/(?P<host>[^/]+)(?P<below>/.*)?", re.DOTALL)
_WITHOUT_VERSION = "https://api.anthropic.com/messages"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
NODE_HEEDS = ("NODE_USE_ENV_PROXY", "1")
"""By this Node's own `fetch` and `http` heed proxies, from 22.21 and 24.5 on."""

_DIRECT = ("NO_PROXY", "no_proxy")
_HERE = ("127.0.0.1", "localhost", "::1")


def find_origins(env: Mapping[str, str]) -> dict[str, str]:
    """Return whom each variable stands for: what `env` says, else the vendor's own server."""
    set_ones = {name: env[name] for name in (*VENDORS, *IF_SET) if env.get(name)}
    return {**VENDORS, **{name: _with_scheme(url) for name, url in set_ones.items()}}


def write_address(base: str, origin: str) -> str:
    """Return the address below `base`, which ends without a slash, that stands for the URL `origin`."""
    parts = urlsplit(origin)
    return f"{base}/{MARK}/{parts.scheme}/{quote(parts.netloc, safe=':@[]')}{parts.path}".rstrip("/")


def read_address(path: str) -> tuple[str, str] | None:
    """Return the key and the URL that a path with its query, as it came, stands for; None if it is none.

    `KEY/to/https/HOST/REST`; the key may itself hold slashes.
    """
    where, _, query = path.partition("?")
    found = _ADDRESS.fullmatch(f"/{where.lstrip('/')}")
    if found is None:
        return None
    asked = _add_version(f"{found['scheme']}://{unquote(found['host'])}{found['below'] or '/'}")
    return found["key"].lstrip("/"), f"{asked}?{query}" if query else asked


def _add_version(url: str) -> str:
    """`ANTHROPIC_BASE_URL` is without the version for the vendor's own SDKs, and with it for Vercel's.

    These find it without, and ask where the vendor has nothing.
    """
    if url == _WITHOUT_VERSION or url.startswith(f"{_WITHOUT_VERSION}/"):
        return url.replace("/messages", "/v1/messages", 1)
    return url


def point_at(
    base: str, proxy: str, origins: Mapping[str, str], env: Mapping[str, str], *, overrule: bool
) -> dict[str, str]:
    """Return `env` with every variable of `origins` leading below `base`, and all else through `proxy`.

    A proxy that `env` has stays, unless it is to be overruled; "" for `proxy` is none. This machine is asked
    without one.
    """
    made = {**env, **{name: write_address(base, url) for name, url in origins.items()}}
    if proxy:
        made.update({name: proxy if overrule else env.get(name) or proxy for name in PROXIES})
        made.setdefault(*NODE_HEEDS)
    for name in _DIRECT:
        hosts = [host for host in env.get(name, "").split(",") if host]
        made[name] = ",".join(dict.fromkeys([*hosts, *_HERE]))
    return made


def _with_scheme(url: str) -> str:
    """`OLLAMA_HOST` may be a host and port alone."""
    return url if "://" in url else f"http://{url}"
