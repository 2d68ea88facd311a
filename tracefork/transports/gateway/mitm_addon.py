"""What mitmdump runs: each request goes to the gateway instead, and answers pass as they come.

It is loaded by mitmproxy, maybe in an environment without tracefork: nothing of ours is imported.
"""

import os
from typing import Any

BASE = os.environ.get("TRACEFORK_GATEWAY", "")
_PORTS = {"http": 80, "https": 443}


def requestheaders(flow: Any) -> None:
    """Let the gateway at BASE stand for the server that is asked."""
    asked = flow.request
    port = "" if asked.port == _PORTS.get(asked.scheme) else f":{asked.port}"
    asked.url = f"{BASE}/to/{asked.scheme}/{asked.pretty_host}{port}{asked.path}"


def responseheaders(flow: Any) -> None:
    """Pass the body on, chunk by chunk."""
    flow.response.stream = True
