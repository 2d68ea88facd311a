"""Signed URLs and forms of S3, and what boto3 lists."""

from __future__ import annotations

import base64
import hashlib
import json
from types import MappingProxyType
from urllib.parse import parse_qsl, quote, urlsplit

from followed.service import KEY, Service, client, drawn, follows, key, said, shape, sound

ID, SECRET = "AKIA" + drawn("aws", 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), drawn("aws-secret", 40)
TOKEN = base64.b64encode(hashlib.shake_256(b"session").digest(240)).decode()
SIGNED = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": f"{ID}/20261130/eu-west-1/s3/aws4_request",
    "X-Amz-Date": "20261130T000000Z",
    "X-Amz-Expires": "900",
    "X-Amz-Security-Token": TOKEN,
    "X-Amz-SignedHeaders": "host;x-amz-meta-n",
}


class Bucket(Service):
    """Gives out URLs that are signed, and keeps what is put there."""

    signatures = MappingProxyType({m: hashlib.sha256(m.encode()).hexdigest() for m in ("PUT", "GET")})
    secrets = (KEY, ID, TOKEN, quote(TOKEN, safe=""), *signatures.values())

    def __init__(self):
        self.kept = b""

    def answer(self, asked):
        if asked.way == ("POST", "/uploads"):
            if asked.headers.get("authorization") != f"Bearer {KEY}":
                return None
            query = "&".join(f"{name}={quote(value, safe='')}" for name, value in SIGNED.items())
            where = f"{asked.host}/bucket/a%20file.txt?{query}&X-Amz-Signature="
            return said({m.lower(): where + self.signatures[m] for m in ("PUT", "GET")})
        method = asked.way[0]
        if asked.query != SIGNED | {"X-Amz-Signature": self.signatures[method]}:
            return None
        if method == "PUT":
            self.kept = asked.body
            return said(b"", 200, ("ETag", f'"{hashlib.md5(asked.body).hexdigest()}"'))
        return said(self.kept, 200, ("x-amz-meta-n", "1"), ("x-amz-server-side-encryption", "AES256"))


class Counter(Service):
    """Gives out the fields of a form to be filled in, and takes it back."""

    signature = hashlib.sha256(b"POST").hexdigest()
    policy = base64.b64encode(json.dumps({"expiration": "2031-01-01T00:00:00Z", "conditions": []}).encode())
    secrets = (KEY, ID, TOKEN, signature)

    def answer(self, asked):
        if asked.way == ("POST", "/uploads") and asked.headers.get("authorization") == f"Bearer {KEY}":
            fields = {name.lower(): value for name, value in SIGNED.items() if "Headers" not in name}
            fields |= {"policy": self.policy.decode(), "key": "a file.txt", "x-amz-signature": self.signature}
            return said({"url": f"{asked.host}/bucket", "fields": fields})
        wanted = self.signature.encode(), self.policy, TOKEN.encode(), ID.encode()
        return said(b"", 201, ("ETag", '"2"')) if all(text in asked.body for text in wanted) else None


def scope(url):
    """What a signed URL says: all but its signature and its token."""
    said = dict(parse_qsl(urlsplit(url).query))
    key_id, *rest = said.pop("X-Amz-Credential").split("/")
    hidden = [shape(said.pop(name)) for name in ("X-Amz-Signature", "X-Amz-Security-Token")]
    return said, shape(key_id), key_id[:4], rest, hidden, int(said["X-Amz-Expires"]) > 60, urlsplit(url).path


@follows(Bucket, turns=1)
def signed_urls(url):
    with client() as http_client:
        head = {"authorization": f"Bearer {key()}"}
        given = sound(http_client.post(f"{url}/uploads", headers=head, json={"name": "a file.txt"})).json()
        put = sound(http_client.put(given["put"], content=b"said by the agent"))
        got = sound(http_client.get(given["get"]))
    return (
        put.headers["etag"],
        got.content,
        got.headers["x-amz-meta-n"],
        scope(given["put"]),
        scope(given["get"]),
    )


@follows(Counter, turns=1)
def signed_form(url):
    with client() as http_client:
        head = {"authorization": f"Bearer {key()}"}
        given = sound(http_client.post(f"{url}/uploads", headers=head, json={"name": "a file.txt"})).json()
        fields = given["fields"]
        put = sound(http_client.post(given["url"], data=fields, files={"file": b"said by the agent"}))
    return (
        put.status_code,
        json.loads(base64.b64decode(fields["policy"])),
        fields["x-amz-credential"].split("/")[1:],
    )


LISTED = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><KeyCount>1</KeyCount>
<MaxKeys>1</MaxKeys><IsTruncated>{more}</IsTruncated>{next}<Contents><Key>file {n}</Key><Size>{n}</Size>
<LastModified>2026-11-30T00:00:00.000Z</LastModified><ETag>&quot;{n}&quot;</ETag></Contents></ListBucketResult>"""


class Listing(Service):
    """A bucket as boto3 sees it: pages that have a token each, objects that are put and got."""

    pages = (None, *(base64.b64encode(drawn(f"s3{n}", 60).encode()).decode() for n in range(2)))
    secrets = (SECRET, ID)

    def __init__(self):
        self.kept = b""

    def answer(self, asked):
        if ID not in asked.headers.get("authorization", ""):
            return None
        match asked.way[0]:
            case "PUT":
                self.kept = asked.body
                return said(b"", 200, ("ETag", '"1"'), ("x-amz-version-id", drawn("version", 32)))
            case "GET" if "list-type" in asked.query:
                if (given := asked.query.get("continuation-token")) not in self.pages:
                    return None
                n = self.pages.index(given)
                more = f"<NextContinuationToken>{self.pages[n + 1]}</NextContinuationToken>" if n < 2 else ""
                page = LISTED.format(more=str(n < 2).lower(), next=more, n=n)
                return said(page.encode(), 200, ("content-type", "application/xml"))
            case "GET" if asked.query.get("versionId") == drawn("version", 32):
                return said(self.kept, 200, ("ETag", '"1"'))
        return None


@follows(Listing, "boto3")
def boto3_pages(url):
    import boto3
    from botocore.config import Config

    from tracefork.transports.botocore import attach

    config = Config(
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1},
        request_checksum_calculation="when_required",
    )
    keys = {"aws_access_key_id": ID, "aws_secret_access_key": key() if key() != KEY else SECRET}
    s3 = boto3.client("s3", region_name="eu-west-1", endpoint_url=url, config=config, **keys)
    try:
        with attach(s3):
            put = s3.put_object(Bucket="bucket", Key="a", Body=b"said by the agent")
            got = s3.get_object(Bucket="bucket", Key="a", VersionId=put["VersionId"])["Body"].read()
            pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="bucket"))
    finally:
        s3.close()
    return put["ETag"], got, [(p["Contents"][0]["Key"], p.get("NextContinuationToken")) for p in pages]
