"""A session that is kept by cookies, and a token against forgery that is repeated in page, form and JSON."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, unquote

import requests
from followed.service import NOW, Service, client, drawn, follows, said, shape, sound

PAGE = """<html><head><meta name="csrf-token" content="{0}"></head>
<form method="post"><input type="hidden" name="csrf_token" value="{0}"></form></html>"""


class Shop(Service):
    """Lets in whoever has its cookies and repeats its token."""

    session = "s%3A" + drawn("session", 32) + "." + drawn("signed", 43)
    csrf = drawn("csrf-0", 40), drawn("csrf-1", 40)
    secrets = (session, *csrf)

    def answer(self, asked):
        crumbs = dict(
            crumb.strip().partition("=")[::2] for crumb in asked.headers.get("cookie", "").split(";")
        )
        form = dict(parse_qsl(asked.body.decode("latin-1")))
        inside = crumbs.get("session") == self.session
        match asked.way:
            case "GET", "/login":
                given = [("Set-Cookie", f"csrf={self.csrf[0]}; Path=/; SameSite=Strict")]
                given += [("Content-Type", "text/html"), ("Set-Cookie", "theme=dark; Path=/; Max-Age=60")]
                return said(PAGE.format(self.csrf[0]).encode(), 200, *given)
            case "POST", "/login" if form.get("csrf_token") == self.csrf[0] == crumbs.get("csrf"):
                when = "Wed, 01 Jan 2031 00:00:00 GMT"
                given = [
                    (
                        "Set-Cookie",
                        f"session={self.session}; Path=/; HttpOnly; Max-Age=86400; Expires={when}",
                    ),
                    ("Set-Cookie", f"csrf={self.csrf[1]}; Path=/; Expires={when}"),
                ]
                return said(b"", 303, ("Location", "/home"), *given)
            case "GET", "/home" if inside:
                return said({"user": "me", "csrf": self.csrf[1], "orders": [1, 2]})
            case "GET", "/again" if inside:
                return said(b"", 302, ("Location", f"{asked.host}/home"))
            case "POST", "/cart" if inside and asked.headers.get("x-csrf-token") == self.csrf[1]:
                if json.loads(asked.body) == {"_csrf": self.csrf[1], "item": 7}:
                    return said({"cart": [7]}, 201)
        return None


def crumb(cookie):
    fixed = cookie.expires and cookie.expires > NOW + 10**8
    more = cookie.has_nonstandard_attr("HttpOnly"), cookie.get_nonstandard_attr("SameSite")
    return cookie.name, shape(cookie.value), cookie.path, cookie.discard, cookie.is_expired(NOW), fixed, more


def shopped(session, url, **options):
    """The ways of a session of httpx and of requests are alike here."""
    page = sound(session.get(f"{url}/login")).text
    meta = re.search(r'csrf-token" content="([^"]*)"', page)[1]
    field = re.search(r'name="csrf_token" value="([^"]*)"', page)[1]
    home = sound(session.post(f"{url}/login", data={"csrf_token": field, "user": "me"}, **options)).json()
    head = {"x-csrf-token": session.cookies["csrf"]}
    cart = sound(session.post(f"{url}/cart", json={"_csrf": home["csrf"], "item": 7}, headers=head)).json()
    same = meta == field, home["csrf"] == session.cookies["csrf"], home["csrf"] != field
    jar = getattr(session.cookies, "jar", session.cookies)
    return (
        same,
        cart,
        sorted(map(crumb, jar)),
        shape(unquote(session.cookies["session"])),
        session.cookies["session"],
    )


@follows(Shop, turns=1)
def cookies_of_httpx(url):
    with client(follow_redirects=True) as session:
        *got, kept = shopped(session, url)
    with client(follow_redirects=True, cookies={"session": kept}) as later:
        return got, shape(kept), sound(later.get(f"{url}/again")).json()["orders"]


@follows(Shop, turns=1)
def cookies_of_requests(url):
    with requests.Session() as session:
        *got, kept = shopped(session, url)
    again = requests.get(f"{url}/again", cookies={"session": kept})
    return got, shape(kept), sound(again).json()["orders"]
