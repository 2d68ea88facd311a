"""Uploads that go on where the answer says, and where they broke off: Google's, and those by tus."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import warnings
from urllib.parse import urlsplit

import httpx
from followed.service import KEY, PIECE, VIDEO, Service, client, drawn, follows, key, said, shape, sound

from tracefork import Fault, Response

# -- a resumable upload of Google's -----------------------------------------------------------------


class Files(Service):
    """Says where to upload in a header, takes the pieces there, and needs a while to look at them."""

    secrets = (KEY,)

    def __init__(self):
        self.upload, self.taken, self.looked = drawn("upload", 90), b"", 0

    def answer(self, asked):
        file = {"name": "files/v1d", "mimeType": "video/mp4", "sizeBytes": str(len(VIDEO)), "uri": asked.host}
        match asked.way:
            case _ if asked.headers.get("x-goog-api-key") != KEY and "upload_id" not in asked.query:
                return said({"error": {"code": 403, "message": "no key"}}, 403)
            case "POST", "/upload/v1beta/files" if "upload_id" not in asked.query:
                url = f"{asked.host}/upload/v1beta/files?upload_id={self.upload}&upload_protocol=resumable"
                told = [("X-Goog-Upload-Status", "active"), ("X-Goog-Upload-URL", url)]
                told += [("X-Goog-Upload-Chunk-Granularity", str(PIECE)), ("X-GUploader-UploadID", "u-1")]
                return said({}, 200, *told)
            case "POST", "/upload/v1beta/files" if asked.query["upload_id"] == self.upload:
                if asked.headers["x-goog-upload-offset"] != str(len(self.taken)):
                    return said({}, 400, ("x-goog-upload-status", "cancelled"))
                self.taken += asked.body
                if "finalize" not in asked.headers["x-goog-upload-command"]:
                    return said({}, 200, ("X-Goog-Upload-Status", "active"))
                done = {"file": {**file, "state": "PROCESSING"}}
                return said(done, 200, ("X-Goog-Upload-Status", "final"))
            case "GET", "/v1beta/files/v1d":
                self.looked += 1
                hashed = base64.b64encode(hashlib.sha256(self.taken).hexdigest().encode()).decode()
                state = "ACTIVE" if self.looked > 2 else "PROCESSING"
                return said({**file, "state": state, "sha256Hash": hashed})
        return None


def genai(url, **options):
    from google.genai import Client
    from google.genai.types import HttpOptions

    return Client(api_key=key(), http_options=HttpOptions(base_url=url, api_version="v1beta", **options))


def about(file):
    hashed = base64.b64decode(file.sha256_hash or b"").decode()
    return file.name, file.size_bytes, file.state and file.state.name, hashed


@follows(Files, "google.genai")
def genai_upload(url):
    with genai(url) as client:
        file = client.files.upload(file=io.BytesIO(VIDEO), config={"mime_type": "video/mp4"})
        seen = [about(file)]
        while file.state.name != "ACTIVE" and len(seen) < 9:
            file = client.files.get(name=file.name)
            seen.append(about(file))
        return seen


@follows(Files, "google.genai")
def genai_upload_async(url):
    import httpx2

    async def main():
        async with httpx2.AsyncClient(trust_env=False) as http_client:
            async with genai(url, httpx_async_client=http_client).aio as client:
                file = await client.files.upload(file=io.BytesIO(VIDEO), config={"mime_type": "video/mp4"})
                seen = [about(file)]
                while file.state.name != "ACTIVE" and len(seen) < 9:
                    file = await client.files.get(name=file.name)
                    seen.append(about(file))
                return seen

    return asyncio.run(main())


@follows(Files, "google.genai", "aiohttp")
def genai_upload_over_aiohttp(url):
    async def main():
        async with genai(url).aio as client:
            file = await client.files.upload(file=io.BytesIO(VIDEO), config={"mime_type": "video/mp4"})
            seen = [about(file)]
            while file.state.name != "ACTIVE" and len(seen) < 9:
                file = await client.files.get(name=file.name)
                seen.append(about(file))
            return seen

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Inheritance class", DeprecationWarning)  # google-auth's own
        return asyncio.run(main())


# -- a resumable upload by tus ----------------------------------------------------------------------


class Tus(Service):
    """Takes an upload by pieces at the place that it gave; the connection breaks at the second."""

    token = drawn("tus", 43)
    secrets = (KEY, token)

    def __init__(self):
        self.taken, self.broken = b"", False

    def answer(self, asked):
        told = [("Tus-Resumable", "1.0.0"), ("Cache-Control", "no-store")]
        where = "/files/24e5"
        if asked.way == ("POST", "/files") and asked.headers.get("authorization") == f"Bearer {KEY}":
            told += [("Location", f"{asked.host}{where}?token={self.token}")]
            return Response(201, (("content-length", "0"), *told))
        if asked.way[1] != where or asked.query.get("token") != self.token:
            return None
        if asked.way[0] == "PATCH":
            if asked.headers["upload-offset"] != str(len(self.taken)):
                return said({"error": "another offset"}, 409)
            if len(self.taken) == PIECE and not self.broken:
                self.taken, self.broken = self.taken + asked.body[:300], True
                return Fault("ReadError", "reset")
            self.taken += asked.body
        told += [("Upload-Offset", str(len(self.taken))), ("Upload-Length", str(len(VIDEO)))]
        return Response(204 if asked.way[0] == "PATCH" else 200, (*told, ("content-length", "0")))


@follows(Tus, "tusclient", turns=1)
def tuspy_upload(url):
    from tusclient.client import TusClient

    tus = TusClient(f"{url}/files", headers={"Authorization": f"Bearer {key()}"})
    uploader = tus.uploader(file_stream=io.BytesIO(VIDEO), chunk_size=PIECE, retries=2, retry_delay=0)
    uploader.upload()
    return uploader.offset, urlsplit(uploader.url).path, shape(uploader.url.partition("?")[2])


@follows(Tus, turns=1)
def tus_by_hand(url):
    offsets = [0]
    with client() as http_client:
        head = {"authorization": f"Bearer {key()}", "upload-length": str(len(VIDEO))}
        where = sound(http_client.post(f"{url}/files", headers=head)).headers["location"]
        while offsets[-1] < len(VIDEO) and len(offsets) < 9:
            told = {"upload-offset": str(offsets[-1]), "content-type": "application/offset+octet-stream"}
            piece = VIDEO[offsets[-1] : offsets[-1] + PIECE]
            try:
                answer = sound(http_client.patch(where, headers=told, content=piece))
            except httpx.TransportError:
                answer = sound(http_client.head(where))
            offsets.append(int(answer.headers["upload-offset"]))
    return offsets, shape(where.partition("?")[2])
