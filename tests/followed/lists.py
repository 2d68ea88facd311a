"""Tokens as keys, images with unlucky letters, pages of lists."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import quote

from followed.service import KEY, Service, client, drawn, follows, key, said, shape, sound


class Keys(Service):
    """Its answer has a token as a key, thrice; each opens another door."""

    tokens = f"sk-proj-{drawn('k0', 48)}", f"sk-proj-{drawn('k1', 48)}", f"ghp_{drawn('k2', 36)}"
    secrets = tokens

    def answer(self, asked):
        if asked.way == ("GET", "/keys"):
            return said({token: n for n, token in enumerate(self.tokens)} | {"again": self.tokens[0]})
        given = asked.headers.get("authorization", "").removeprefix("Bearer ")
        return said({"door": self.tokens.index(given)}) if given in self.tokens else None


@follows(Keys, turns=1)
def tokens_as_keys(url):
    with client() as http_client:
        given = sound(http_client.get(f"{url}/keys")).json()
        again = given.pop("again")
        doors = [
            sound(http_client.get(f"{url}/door/{n}", headers={"authorization": f"Bearer {token}"})).json()
            for token, n in given.items()
        ]
        return (
            len(given),
            {shape(token): n for token, n in given.items()},
            given[again],
            doors,
            sorted(
                token.rstrip("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
                for token in given
            ),
        )


UNLUCKY = (
    "/AIza" + drawn("u0", 35),
    "/ABSK" + drawn("u1", 120),
    "+LTAI" + drawn("u2", 20),
    "/ATBB" + drawn("u3", 32),
)


def picture():
    noise = base64.b64encode(hashlib.shake_256(b"picture").digest(1200)).decode()
    text = noise + "/".join(UNLUCKY) + noise
    return "iVBORw0KGgo" + text[: len(text) // 4 * 4 - 11]


class Images(Service):
    """Draws what has unlucky letters, and takes it back to change it."""

    secrets = (KEY,)

    def answer(self, asked):
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return None
        sent = json.loads(asked.body) if asked.body.startswith(b"{") else {}
        if asked.way[1].endswith("/responses"):
            fine = sent["input"] == "data:image/png;base64," + picture()
            return said({"fine": fine}, 200 if fine else 400)
        return said({"created": 1, "data": [{"b64_json": picture()}, {"b64_json": picture()[:400]}]})


@follows(Images, "openai")
def openai_images(url):
    from openai import OpenAI

    with OpenAI(api_key=key(), base_url=f"{url}/v1", max_retries=0) as client:
        images = [image.b64_json for image in client.images.generate(prompt="rain", model="m").data]
        fine = client.post("/responses", cast_to=object, body={"input": "data:image/png;base64," + images[0]})
    return images, [hashlib.sha256(base64.b64decode(image)).hexdigest() for image in images], fine


PAGES = {
    "nextPageToken": "pageToken",
    "next_page_token": "page_token",
    "NextToken": "NextToken",
    "continuation_token": "continuation_token",
    "next_cursor": "cursor",
    "@odata.nextLink": "$skiptoken",
    "NextContinuationToken": "continuation-token",
}
"""What a list says of its next page, and the parameter that asks for it."""


class Pages(Service):
    """Has three pages of each list, and gives the next one to whoever says its token to the letter."""

    secrets = (KEY,)

    def answer(self, asked):
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return None
        name = list(PAGES)[int(asked.way[1][1:])]
        given = (asked.query or json.loads(asked.body or b"{}")).get(PAGES[name])
        tokens = [None, *(base64.b64encode(drawn(f"{name}{n}", 45).encode()).decode() for n in range(2))]
        if given not in tokens:
            return None
        n = tokens.index(given)
        told = {"items": [3 * n, 3 * n + 1]}
        if n == len(tokens) - 1:
            return said(told)
        link = f"{asked.url.partition('?')[0]}?{PAGES[name]}={quote(tokens[n + 1], safe='')}"
        told[name] = link if "Link" in name else tokens[n + 1]
        return said(told, 200, ("Link", f'<{link}>; rel="next"'), ("x-next-page", str(n + 1)))


def by_parameter(client, at, got, name):
    token = got.json().get(name)
    return token and client.get(at, params={PAGES[name]: token})


def by_body(client, at, got, name):
    token = got.json().get(name)
    return token and client.post(at, json={"MaxResults": 2, PAGES[name]: token})


def by_link(client, at, got, name):
    return "next" in got.links and client.get(got.links["next"]["url"])


def by_url(client, at, got, name):
    link = got.json().get(name)
    return link and client.get(link)


def paged(number, name, further):
    def agent(url):
        at, seen = f"{url}/{number}", []
        with client(headers={"authorization": f"Bearer {key()}"}) as http_client:
            got = http_client.get(at)
            while got and len(seen) < 9:
                tree = sound(got).json()
                seen.append(
                    (tree["items"], got.headers.get("x-next-page"), tree.get(name, "").replace(url, ""))
                )
                got = further(http_client, at, got, name)
        return seen

    return agent


for number, name in enumerate(PAGES):
    for further in (by_link, by_url) if "Link" in name else (by_link, by_parameter, by_body):
        follows(Pages, name=f"pages_{further.__name__}-{name}")(paged(number, name, further))
