"""A link with a token in it, written as links are: escaped, encoded, compressed, or in a model's pieces."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from urllib.parse import urlsplit

from followed.service import KEY, Service, client, drawn, follows, key, said, shape, sound

from tracefork import Response


class Links(Service):
    """Tells a link in the way that it is asked for, and opens to whoever comes by it."""

    token = drawn("link", 43)
    secrets = (KEY, token)

    def answer(self, asked):
        if asked.way == ("GET", "/open"):
            return said({"opened": asked.query["n"]}) if asked.query.get("token") == self.token else None
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return None
        return WRITTEN[asked.way[1][1:]](f"Go to {asked.host}/open?n=7&token={self.token}&lang=en now.")


class Issued(Links):
    """As these, with a token that has the form of a well-known issuer."""

    token = f"ghp_{drawn('link', 36)}"
    secrets = (KEY, token)


def as_json(text):
    return said(json.dumps({"text": text}).replace("&", "\\u0026").replace("/", "\\/").encode())


def as_page(text):
    page = f'<p><a href="{html.escape(text[6:-5])}">{html.escape(text)}</a></p>'
    return said(page.encode(), 200, ("content-type", "text/html"))


def as_mail(text):
    return said({"payload": {"body": {"data": base64.urlsafe_b64encode(text.encode()).decode()}}})


def zipped(text):
    body = gzip.compress(json.dumps({"text": text}).encode(), mtime=0)
    return said(body, 200, ("content-type", "application/json"), ("content-encoding", "gzip"))


def in_pieces(text):
    deltas = [{"type": "text.delta", "delta": text[n : n + 3]} for n in range(0, len(text), 3)]
    chunks = tuple(b"data: %b\n\n" % json.dumps(delta).encode() for delta in deltas)
    return Response(200, (("content-type", "text/event-stream"),), chunks)


def of_pieces(got):
    return "".join(json.loads(line[6:])["delta"] for line in got.text.splitlines() if line)


WRITTEN = {"json": as_json, "page": as_page, "mail": as_mail, "gzip": zipped, "stream": in_pieces}
READ = {
    "json": lambda got: got.json()["text"],
    "page": lambda got: html.unescape(re.search(r'href="([^"]*)"', got.text)[1]),
    "mail": lambda got: base64.urlsafe_b64decode(got.json()["payload"]["body"]["data"]).decode(),
    "gzip": lambda got: got.json()["text"],
    "stream": of_pieces,
}


def following(way):
    def agent(url):
        with client() as http_client:
            text = READ[way](
                sound(http_client.get(f"{url}/{way}", headers={"authorization": f"Bearer {key()}"}))
            )
            link = re.search(r"http://\S+", text)[0]
            return sound(http_client.get(link)).json(), shape(urlsplit(link).query), len(text)

    return agent


for way in WRITTEN:
    follows(Links, name=f"link_in_{way}-plain", turns=1)(following(way))
    follows(Issued, name=f"link_in_{way}-issued", turns=1)(following(way))
