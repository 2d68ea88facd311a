"""The same requests by each library of HTTP, and by SDKs that try again; what each makes of the answers."""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

JSON = {"content-type": "application/json"}
CASES = {
    "json": ("POST", "/echo?b=2&a=1", JSON, b'{"say": "\xc3\xa9"}'),
    "gzip": ("GET", "/gzip", {}, None),
    "deflate": ("GET", "/deflate", {}, None),
    "chunks": ("POST", "/events", JSON, b"{}"),
    "packed-chunks": ("GET", "/gzip-events", {}, None),
    "redirect": ("GET", "/moved?n=1", {}, None),
    "see-other": ("POST", "/other", JSON, b'{"n": 1}'),
    "missing": ("GET", "/missing", {}, None),
    "broken": ("GET", "/broken", {}, None),
    "empty": ("GET", "/empty", {}, None),
    "head": ("HEAD", "/echo", {}, None),
    "cookies": ("GET", "/cookies", {}, None),
    "bytes": ("GET", "/bytes", {}, None),
    "form": ("POST", "/echo", {"content-type": "application/x-www-form-urlencoded"}, b"a=1&b=%C3%A9"),
    "put": ("PUT", "/caf%C3%A9/x", JSON, b"[]"),
}


def by_httpx(base, name="httpx"):
    library = __import__(name)
    with library.Client(verify=False, follow_redirects=True) as client:
        for case, (method, path, headers, body) in CASES.items():
            got = client.request(method, base + path, headers=headers, content=body)
            yield (
                case,
                tell(got.status_code, got.headers.multi_items(), got.content, str(got.url), got.history),
            )


def by_httpx2(base):
    return by_httpx(base, "httpx2")


def by_httpx_streaming(base):
    import httpx

    with httpx.Client(verify=False, follow_redirects=True) as client:
        for case, (method, path, headers, body) in CASES.items():
            with client.stream(method, base + path, headers=headers, content=body) as got:
                raw = b"".join(got.iter_bytes())
            yield case, tell(got.status_code, got.headers.multi_items(), raw, str(got.url), got.history)


def by_httpx_async(base, name="httpx"):
    async def main():
        library = __import__(name)
        async with library.AsyncClient(verify=False, follow_redirects=True) as client:
            asked = [
                (case, client.request(method, base + path, headers=headers, content=body))
                for case, (method, path, headers, body) in CASES.items()
            ]
            told = []
            for case, waiting in asked:
                got = await waiting
                pairs = got.headers.multi_items()
                told.append((case, tell(got.status_code, pairs, got.content, str(got.url), got.history)))
            return told

    return asyncio.run(main())


def by_httpx2_async(base):
    return by_httpx_async(base, "httpx2")


def by_requests(base):
    import requests

    with requests.Session() as client:
        for case, (method, path, headers, body) in CASES.items():
            got = client.request(method, base + path, headers=headers, data=body, timeout=9)
            yield case, tell(got.status_code, got.raw.headers.items(), got.content, got.url, got.history)
        yield "jar", dict(client.cookies)


def by_requests_streaming(base):
    import requests

    with requests.Session() as client:
        for case, (method, path, headers, body) in CASES.items():
            with client.request(
                method, base + path, headers=headers, data=body, timeout=9, stream=True
            ) as got:
                lines = list(got.iter_lines())
            yield case, [got.status_code, [line.decode("latin-1") for line in lines]]


def by_urllib3(base):
    import urllib3

    with urllib3.PoolManager() as client:
        for case, (method, path, headers, body) in CASES.items():
            got = client.request(method, base + path, headers=headers, body=body)
            yield case, tell(got.status, got.headers.items(), got.data, got.url, [])


def by_urllib3_streaming(base):
    import urllib3

    with urllib3.PoolManager() as client:
        for case, (method, path, headers, body) in CASES.items():
            got = client.request(method, base + path, headers=headers, body=body, preload_content=False)
            raw = b"".join(got.stream(7))
            got.release_conn()
            yield case, tell(got.status, got.headers.items(), raw, "", [])


def by_aiohttp(base):
    async def main():
        import aiohttp
        from yarl import URL

        told = []
        async with aiohttp.ClientSession() as client:
            for case, (method, path, headers, body) in CASES.items():
                url = URL(base + path, encoded=True)
                async with client.request(method, url, headers=headers, data=body) as got:
                    said = await got.read()
                    told.append(
                        (case, tell(got.status, got.headers.items(), said, str(got.url), got.history))
                    )
        return told

    return asyncio.run(main())


def by_aiohttp_streaming(base):
    async def main():
        import aiohttp
        from yarl import URL

        told = []
        async with aiohttp.ClientSession() as client:
            for case, (method, path, headers, body) in CASES.items():
                url = URL(base + path, encoded=True)
                async with client.request(method, url, headers=headers, data=body) as got:
                    lines = [line.decode("latin-1") async for line in got.content]
                    told.append((case, [got.status, lines]))
        return told

    return asyncio.run(main())


def by_http_client(base):
    for case, (method, path, headers, body) in CASES.items():
        client = http.client.HTTPConnection(urlsplit(base).netloc, timeout=9)
        client.request(method, path, body, headers)
        got = client.getresponse()
        yield case, tell(got.status, got.getheaders(), got.read(), "", [])
        client.close()


def by_urllib(base):
    for case, (method, path, headers, body) in CASES.items():
        asked = urllib.request.Request(base + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=9) as got:
                yield case, tell(got.status, got.headers.items(), got.read(), got.url, [])
        except urllib.error.HTTPError as error:
            yield case, ["raises", error.code, error.read().decode("latin-1")]


# -- which try again ------------------------------------------------------------------------


def by_openai_again(base):
    import openai

    with openai.OpenAI(api_key="k", base_url=f"{base}/v1", max_retries=3) as client:
        for text in ("busy", "broken twice"):
            said = client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])
            yield text, said.choices[0].message.content
        try:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "ever broken"}])
        except openai.APIStatusError as error:
            yield "ever broken", [type(error).__name__, error.status_code, error.body]


def by_openai_async_again(base):
    import openai

    async def main():
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{base}/v1", max_retries=3) as client:
            asked = [{"role": "user", "content": "busy"}]
            said = await client.chat.completions.create(model="m", messages=asked)
            return [("busy", said.choices[0].message.content)]

    return asyncio.run(main())


def by_anthropic_again(base):
    import anthropic

    with anthropic.Anthropic(api_key="k", base_url=base, max_retries=3) as client:
        asked = [{"role": "user", "content": "busy"}]
        said = client.messages.create(model="m", max_tokens=9, messages=asked)
        yield "busy", said.content[0].text


def by_boto3_again(base):
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=base,
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}),
    )
    asked = [{"role": "user", "content": [{"text": "busy"}]}]
    said = client.converse(modelId="m", messages=asked)
    yield "busy", [said["output"], said["ResponseMetadata"]["RetryAttempts"]]


def by_urllib3_again(base):
    import urllib3

    retries = urllib3.Retry(3, status_forcelist=[429], allowed_methods=None, backoff_factor=0)
    with urllib3.PoolManager(retries=retries) as client:
        got = client.request("POST", f"{base}/v1/messages", headers=JSON, body=b'{"content": "busy"}')
        yield "busy", [got.status, got.data.decode(), len(got.retries.history)]


def by_requests_again(base):
    import requests
    import urllib3

    retries = urllib3.Retry(3, status_forcelist=[429], allowed_methods=None, backoff_factor=0)
    with requests.Session() as client:
        client.mount("http://", requests.adapters.HTTPAdapter(max_retries=retries))
        got = client.post(f"{base}/v1/messages", json={"content": "busy"}, timeout=9)
        yield "busy", [got.status_code, got.text]


ALL = {name: made for name, made in list(globals().items()) if name.startswith("by_")}
_TOLD = {"content-type", "x-said", "set-cookie", "location"}


def tell(status, headers, body, url, history):
    """What a client makes of an answer, as plain values."""
    told = sorted([name.lower(), value] for name, value in headers if name.lower() in _TOLD)
    before = [getattr(one, "status_code", getattr(one, "status", None)) for one in history]
    return [status, told, body.decode("latin-1"), url, before]


def main(name, base):
    """What this client makes of all answers, as JSON."""
    return json.dumps(dict(ALL[name](base)))
