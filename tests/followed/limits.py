"""How many questions are left, and when to come again."""

from __future__ import annotations

import re

from followed.service import KEY, Service, client, follows, key, said, sound

LIMITS = {
    "openai": """
        x-ratelimit-limit-requests: 60 | x-ratelimit-remaining-requests: 59 | x-ratelimit-limit-tokens: 150000
        x-ratelimit-remaining-tokens: 149984 | x-ratelimit-reset-requests: 1s | x-ratelimit-reset-tokens: 6m0s
        openai-processing-ms: 123 | retry-after-ms: 250 | x-ratelimit-remaining-tokens_usage_based: 5""",
    "anthropic": """
        anthropic-ratelimit-requests-limit: 50 | anthropic-ratelimit-requests-remaining: 49
        anthropic-ratelimit-tokens-remaining: 39000 | anthropic-ratelimit-input-tokens-remaining: 31000
        anthropic-ratelimit-output-tokens-remaining: 8000 | anthropic-ratelimit-tokens-limit: 40000
        anthropic-priority-input-tokens-remaining: 9 | retry-after: 7
        anthropic-ratelimit-unified-5h-utilization: 0.25 | anthropic-ratelimit-unified-reset: 1790000600""",
    "github": """
        x-ratelimit-limit: 5000 | x-ratelimit-remaining: 4999 | x-ratelimit-reset: 1790000000
        x-ratelimit-used: 1 | x-github-api-version-selected: 2022 | x-github-request-id: 8241""",
    "ietf": """
        ratelimit-limit: 100 | ratelimit-remaining: 12 | ratelimit-reset: 30
        ratelimit: limit=100, remaining=12 | ratelimit-policy: "default";q=100;w=60 | retry-after: 30""",
    "aws": """
        x-amzn-ratelimit-limit: 5 | x-amzn-bedrock-input-token-count: 12
        x-amzn-bedrock-output-token-count: 34 | x-amzn-bedrock-cache-read-input-token-count: 7
        x-amzn-bedrock-invocation-latency: 456
        x-amz-retry-after: 2 | x-amz-max-results: 25 | x-amzn-remapped-content-length: 2""",
    "azure": """
        x-ms-ratelimit-remaining-subscription-reads: 11999 | x-ms-request-charge: 2.5
        x-ms-retry-after-ms: 40 | x-ms-region-remaining-tokens: 250 | x-ratelimit-remaining-tokens: 777""",
    "others": """
        x-rate-limit-remaining: 899 | x-ratelimit-reset-after: 1.5 | x-quota-remaining-tokens: 4000
        x-total-tokens: 321 | x-total-count: 57 | x-linked-size: 9000 | x-compute-time: 0.125 | x-page: 3
        x-goog-stored-content-length: 11 | x-cost-tokens: 8
        x-inference-max-tokens: 16 | x-envoy-attempt: 1""",
}
"""Headers as they are sent, by who sends them."""


class Limits(Service):
    secrets = (KEY,)

    def answer(self, asked):
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return None
        lines = re.split(r"\||\n", LIMITS[asked.way[1][1:]])
        return said({}, 200, *(tuple(line.strip().split(": ", 1)) for line in lines if line.strip()))


def counting(of):
    def agent(url):
        with client() as http_client:
            got = sound(http_client.get(f"{url}/{of}", headers={"authorization": f"Bearer {key()}"}))
        named = re.findall(r"([a-z0-9_-]+): ", LIMITS[of])
        found = {name: [float(n) for n in re.findall(r"\d+(?:\.\d+)?", got.headers[name])] for name in named}
        whole = {name: int(got.headers[name]) for name in named if re.fullmatch(r"\d+", got.headers[name])}
        waits = sum(whole.get(name, 0) for name in ("retry-after", "retry-after-ms", "x-ms-retry-after-ms"))
        return found, len(whole) > 2 or None, whole, waits

    return agent


for vendor in LIMITS:
    follows(Limits, name=f"limits-{vendor}")(counting(vendor))


class Busy(Service):
    """Takes the second question, and says each time how many are left."""

    secrets = (KEY,)

    def __init__(self):
        self.asked = 0

    def answer(self, asked):
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return None
        self.asked += 1
        left = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-remaining-tokens", "149984")]
        if self.asked == 1:
            return said({"error": {"message": "slow down"}}, 429, ("retry-after-ms", "1"), *left)
        message = {"role": "assistant", "content": "yes"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        tree = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return said(tree, 200, *left)


@follows(Busy, "openai")
def openai_that_waits(url):
    from openai import OpenAI

    with OpenAI(api_key=key(), base_url=f"{url}/v1", max_retries=2) as client:
        asked = [{"role": "user", "content": "?"}]
        got = client.chat.completions.with_raw_response.create(model="m", messages=asked)
        left = [int(got.headers[f"x-ratelimit-remaining-{of}"]) for of in ("requests", "tokens")]
        return got.retries_taken, left, got.parse().model_dump()
