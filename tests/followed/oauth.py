"""Tokens of OAuth: of no known form, of a well-known issuer's, and such as have claims."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from urllib.parse import parse_qsl

import httpx
from followed.service import KEY, NOW, Service, client, drawn, follows, key, said, shape, sound


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(seed, **claims):
    head = {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    parts = [base64url(json.dumps(part).encode()) for part in (head, claims)]
    return ".".join([*parts, base64url(hashlib.shake_256(seed.encode()).digest(256))])


def claims(token):
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


class Issuer(Service):
    """Gives out tokens, another for each one that is refreshed, and takes the newest one only."""

    def __init__(self):
        self.given = -1

    def answer(self, asked):
        form = dict(parse_qsl(asked.body.decode("latin-1")))
        match asked.way:
            case "POST", "/token":
                basic = base64.b64encode(f"shop:{KEY}".encode()).decode()
                known = asked.headers.get("authorization") == f"Basic {basic}"
                if not (known or form.get("client_secret") == KEY):
                    return said({"error": "invalid_client"}, 401)
                if (
                    form["grant_type"] == "refresh_token"
                    and form["refresh_token"] != self.refresh[self.given]
                ):
                    return said({"error": "invalid_grant"}, 400)
                self.given = min(self.given + 1, 1)
                told = {"access_token": self.access[self.given], "token_type": "Bearer", "scope": "orders"}
                told |= {
                    "expires_in": (30, 3600)[self.given],
                    "refresh_token": self.refresh[self.given],
                    "n": self.given,
                }
                return said(told, 200, ("Cache-Control", "no-store"))
            case "GET", "/orders" if (
                asked.headers.get("authorization") == f"Bearer {self.access[self.given]}"
            ):
                return said({"orders": [7, 11], "given": self.given})
            case "GET", "/whoami" if (
                asked.headers.get("authorization") == f"Bearer {self.access[self.given]}"
            ):
                return said({"by": self.access[self.given], "then": self.refresh[self.given]})
        return None


class Opaque(Issuer):
    """Its tokens have no form that anybody would know."""

    access, refresh = (drawn("a0", 43), drawn("a1", 43)), (drawn("r0", 40), drawn("r1", 40))
    secrets = (KEY, *access, *refresh)


class Known(Issuer):
    """Its tokens have the forms of a well-known issuer."""

    access = tuple(f"ya29.{drawn(seed, 60)}" for seed in ("g0", "g1"))
    refresh = tuple(f"ghr_{drawn(seed, 36)}" for seed in ("h0", "h1"))
    secrets = (KEY, *access, *refresh)


class Claiming(Issuer):
    """Its tokens are JSON web tokens, the first one of them over."""

    access = jwt("j0", sub="u1", exp=NOW - 10, scope="orders"), jwt("j1", sub="u1", exp=NOW + 3600, scope="x")
    refresh = jwt("j2", sub="u1", typ="r0"), jwt("j3", sub="u1", typ="r1")
    secrets = (KEY, *(token.rpartition(".")[2] for token in (*access, *refresh)))


ISSUERS = {"opaque": Opaque, "known": Known, "jwt": Claiming}


def told(token):
    return {
        name: shape(said) if "_token" in name else said
        for name, said in token.items()
        if name != "expires_at"
    }


def authlib_client(url):
    from authlib.integrations.httpx_client import OAuth2Client

    with OAuth2Client("shop", key(), token_endpoint=f"{url}/token", trust_env=False) as client:
        first = client.fetch_token(grant_type="client_credentials")
        orders = sound(client.get(f"{url}/orders")).json()  # refreshes, as that is over in half a minute
        return told(first), orders, told(client.token), sound(client.get(f"{url}/orders")).json()


def authlib_client_async(url):
    from authlib.integrations.httpx_client import AsyncOAuth2Client

    async def main():
        async with AsyncOAuth2Client("shop", key(), token_endpoint=f"{url}/token", trust_env=False) as client:
            first = await client.fetch_token(grant_type="client_credentials")
            orders = sound(await client.get(f"{url}/orders")).json()
            return told(first), orders, told(client.token)

    return asyncio.run(main())


def requests_oauthlib_session(url):
    from oauthlib.oauth2 import BackendApplicationClient
    from requests_oauthlib import OAuth2Session

    with OAuth2Session(client=BackendApplicationClient("shop")) as session:
        first = told(session.fetch_token(f"{url}/token", client_id="shop", client_secret=key()))
        orders = sound(session.get(f"{url}/orders")).json()
        second = told(session.refresh_token(f"{url}/token", auth=("shop", key())))
        return first, orders, second, sound(session.get(f"{url}/orders")).json()


def httpx_oauth_client(url):
    from httpx_oauth.oauth2 import OAuth2

    async def main():
        made = OAuth2("shop", key(), f"{url}/authorize", f"{url}/token", f"{url}/token")
        first = await made.get_access_token("c0de", f"{url}/callback")
        second = await made.refresh_token(first["refresh_token"])
        async with httpx.AsyncClient(trust_env=False) as client:
            head = {"authorization": f"Bearer {second['access_token']}"}
            return told(first), told(second), sound(await client.get(f"{url}/orders", headers=head)).json()

    return asyncio.run(main())


def token_by_hand(url):
    """Refreshes a token that is over by its claims or, if it has none, by what came beside it."""
    with client() as http_client:
        asking, form, seen = {"auth": ("shop", key())}, {"grant_type": "client_credentials"}, []
        for _ in range(3):
            token = sound(http_client.post(f"{url}/token", data=form, **asking)).json()
            access = token["access_token"]
            read = claims(access) if access.count(".") == 2 else []
            seen.append((told(token), read))
            if (read[1]["exp"] - NOW if read else token["expires_in"] - 60) > 0:
                break
            form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
        head = {"authorization": f"{token['token_type']} {access}"}
        asked = sound(http_client.get(f"{url}/whoami", headers=head)).json()
        same = asked["by"] == access, asked["then"] == token["refresh_token"], shape(asked["by"])
        return seen, same, sound(http_client.get(f"{url}/orders", headers=head)).json()


for issuer, service in ISSUERS.items():
    for agent, needs, more in (
        (authlib_client, ["authlib"], {"turns": 1}),
        (authlib_client_async, ["authlib"], {"turns": 1}),
        (requests_oauthlib_session, ["requests_oauthlib"], {"turns": 1}),
        (httpx_oauth_client, ["httpx_oauth"], {"turns": 1, "says_key": True}),
        (token_by_hand, [], {"turns": 2}),
    ):
        follows(service, *needs, name=f"{agent.__name__}-{issuer}", **more)(agent)
