"""The SDKs of Google, Cohere, Mistral, Ollama and AWS."""

from __future__ import annotations

from functools import cache

from .rows import KEY, Heard, events, finished, plain, run


def google(row):
    """Gemini by its key, or in Vertex. What was recorded over aiohttp is sent over it."""
    if "$alt" in row.query:  # of the SDK before this one
        return None
    in_loop = row.method == "post" or row.number % 3 == 0
    return run(_google(row, in_loop), in_loop=in_loop)


async def _google(row, in_loop):
    from google import genai
    from google.oauth2.credentials import Credentials

    options = {"api_version": row.parts[0]}
    if in_loop and row.method == "POST":
        import httpx2

        options["httpx_async_client"] = httpx2.AsyncClient()
    if row.provider == "google-vertex":
        _, _, project, _, location, *_ = row.parts
        told = {"vertexai": True, "project": project, "location": location, "credentials": Credentials(KEY)}
    else:
        told = {"api_key": KEY}
    client = genai.Client(**told, http_options=options)
    models = client.aio.models if in_loop else client.models
    body = row.json
    contents, config = body.pop("contents"), body.pop("generationConfig", {})
    model, _, verb = row.parts[-1].partition(":")
    given = {"model": model, "contents": contents, "config": {**config, **body}}
    try:
        if verb == "streamGenerateContent":
            return Heard("google", "a stream", None, await events(models.generate_content_stream(**given)))
        said = await finished(models.generate_content(**given))
        return Heard("google", type(said).__name__, None, plain(said))
    except Exception as error:
        return Heard("google", f"raises {type(error).__name__}", getattr(error, "code", None), str(error))
    finally:
        if in_loop:
            await client.aio.aclose()
        client.close()


def cohere(row):
    in_loop = row.number % 2 == 1
    return run(_cohere(row, in_loop), in_loop=in_loop)


async def _cohere(row, in_loop):
    import cohere

    version, verb = row.parts
    name = ("Async" if in_loop else "") + ("ClientV2" if version == "v2" else "Client")
    client = getattr(cohere, name)(api_key=KEY, max_retries=0)
    body = row.json
    body.pop("stream", None)
    try:
        if row.asks_stream:
            return Heard("cohere", "a stream", None, await events(getattr(client, f"{verb}_stream")(**body)))
        raw = await finished(getattr(client.with_raw_response, verb)(**body))
        return Heard("cohere", type(raw.data).__name__, None, plain(raw.data))
    except Exception as error:
        status = getattr(error, "status_code", None)
        return Heard("cohere", f"raises {type(error).__name__}", status, str(error))


def mistral(row):
    in_loop = row.number % 2 == 1
    return run(_mistral(row, in_loop), in_loop=in_loop)


async def _mistral(row, in_loop):
    from mistralai.client import Mistral

    body = row.json
    body.pop("stream", None)
    client = Mistral(api_key=KEY)
    if row.parts[1] == "embeddings":
        resource, verb = client.embeddings, "create"
        body["inputs"] = body.pop("input")
    else:
        resource, verb = client.chat, "stream" if row.asks_stream else "complete"
    try:
        said = await finished(getattr(resource, f"{verb}_async" if in_loop else verb)(**body))
        if row.asks_stream:
            return Heard("mistral", "a stream", said.response.status_code, await events(said))
        return Heard("mistral", type(said).__name__, None, plain(said))
    except Exception as error:
        status = getattr(error, "status_code", None)
        return Heard("mistral", f"raises {type(error).__name__}", status, str(error))


def ollama(row):
    in_loop = row.number % 2 == 1
    return run(_ollama(row, in_loop), in_loop=in_loop)


async def _ollama(row, in_loop):
    import ollama

    client = getattr(ollama, "AsyncClient" if in_loop else "Client")(host=row.url.rpartition("/api/")[0])
    try:
        said = await finished(getattr(client, row.parts[1])(**row.json))
        if row.asks_stream:
            return Heard("ollama", "a stream", None, await events(said))
        return Heard("ollama", type(said).__name__, None, plain(said))
    except Exception as error:
        status = getattr(error, "status_code", None)
        return Heard("ollama", f"raises {type(error).__name__}", status, str(error))


def bedrock(row):
    """By boto3; what Anthropic's own SDK had sent, by that."""
    from . import stainless

    if ":" in row.url.split("/model/")[1]:
        return stainless.send(row)
    from botocore.exceptions import ClientError

    _, model, verb = row.parts
    given = {"modelId": model}
    if verb.startswith("invoke"):
        headers = {name.lower(): value for name, value in row.headers}
        given |= {"body": row.body, "contentType": headers.get("content-type", "application/json")}
        given |= {"accept": headers["accept"]} if "accept" in headers else {}
    else:
        given |= row.json
    verbs = {
        "invoke": "invoke_model",
        "invoke-with-response-stream": "invoke_model_with_response_stream",
        "converse": "converse",
        "converse-stream": "converse_stream",
    }
    try:
        said = getattr(_boto(), verbs[verb])(**given)
        status = said["ResponseMetadata"]["HTTPStatusCode"]
        if "stream" in said or verb == "invoke-with-response-stream":
            return Heard(
                "boto3", "a stream", status, plain(list(said["stream" if "stream" in said else "body"]))
            )
        if "body" in said:
            said["body"] = said["body"].read()
        return Heard("boto3", verb, status, plain(said))
    except ClientError as error:
        return Heard("boto3", f"raises {type(error).__name__}", None, plain(error.response))
    except Exception as error:
        return Heard("boto3", f"raises {type(error).__name__}", None, str(error))


@cache
def _boto():
    """A client that all tests share, as theirs do: it takes long to make."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}),
    )
