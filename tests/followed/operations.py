"""A long-running operation, as Azure has them."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, quote, urlsplit

from followed.service import KEY, Service, client, follows, key, said, shape, sound

READ = {"apiVersion": "2024-11-30", "modelId": "prebuilt-layout", "stringIndexType": "textElements"}
READ |= {"content": "A letter.", "pages": []}


class Operations(Service):
    """Says in a header where to ask how an operation goes, and in the end where its result is."""

    signed = base64.b64encode(hashlib.sha256(b"operation").digest()).decode()
    shared = base64.b64encode(hashlib.sha256(b"result").digest()).decode()
    secrets = (KEY, signed, shared, quote(signed, safe=""), quote(shared, safe=""))

    def __init__(self):
        self.asked = 0

    def answer(self, asked):
        base = f"{asked.host}/documentintelligence/documentModels/prebuilt-layout"
        result = f"{asked.host}/results/7?sv=2024-08-04&se=2030-01-01T00%3A00%3A00Z&sr=b&sp=r&sig="
        match asked.way:
            case "POST", path if path.endswith(":analyze"):
                if asked.headers.get("ocp-apim-subscription-key") != KEY:
                    return None
                signed = quote(self.signed, safe="")
                where = f"{base}/analyzeResults/0f3b?sig={signed}&api-version=2024-11-30"
                return said(b"", 202, ("Operation-Location", where), ("Retry-After", "3"))
            case "GET", path if path.endswith("/analyzeResults/0f3b") and asked.query["sig"] == self.signed:
                self.asked += 1
                told = {"status": "running", "percentCompleted": 40 * self.asked}
                if self.asked > 2:
                    told = {"status": "succeeded", "analyzeResult": READ}
                    told["resourceLocation"] = result + quote(self.shared, safe="")
                return said(told, 200, ("Retry-After", "2"))
            case "GET", "/results/7" if asked.query["sig"] == self.shared:
                return said({"analyzeResult": READ}, 200, ("ETag", '"0x8DC"'))
        return None


def azure_transport(slept):
    from azure.core.pipeline.transport import RequestsTransport

    class Awake(RequestsTransport):
        def sleep(self, duration):
            slept.append(duration)

    return Awake()


@follows(Operations, "azure.core", turns=1)
def azure_core_poller(url):
    from azure.core import PipelineClient
    from azure.core.credentials import AzureKeyCredential
    from azure.core.pipeline.policies import AzureKeyCredentialPolicy, RequestIdPolicy
    from azure.core.polling import LROPoller
    from azure.core.polling.base_polling import LROBasePolling
    from azure.core.rest import HttpRequest

    slept = []
    policies = [
        RequestIdPolicy(),
        AzureKeyCredentialPolicy(AzureKeyCredential(key()), "Ocp-Apim-Subscription-Key"),
    ]
    with PipelineClient(url, policies=policies, transport=azure_transport(slept)) as client:
        asked = HttpRequest("POST", f"{url}/documentModels/m:analyze", json={"urlSource": "https://h/x.pdf"})
        began = client.send_request(asked, _return_pipeline_response=True)
        read = lambda answer: answer.http_response.json()
        done = LROPoller(client, began, read, LROBasePolling(timeout=1)).result()
    at = urlsplit(began.http_response.headers["Operation-Location"])
    return done, slept, at.path, list(parse_qs(at.query))


@follows(Operations, "azure.ai.documentintelligence", turns=1)
def azure_document(url):
    from azure.ai.documentintelligence import DocumentIntelligenceClient
    from azure.core.credentials import AzureKeyCredential

    slept = []
    with DocumentIntelligenceClient(
        url, AzureKeyCredential(key()), transport=azure_transport(slept)
    ) as client:
        poller = client.begin_analyze_document("prebuilt-layout", b"%PDF-")
        return poller.result().as_dict(), poller.details, slept


@follows(Operations, turns=1)
def operation_by_hand(url):
    with client() as http_client:
        head = {"ocp-apim-subscription-key": key()}
        began = sound(http_client.post(f"{url}/documentModels/m:analyze", headers=head, json={"a": 1}))
        where, waited = began.headers["operation-location"], int(began.headers["retry-after"])
        for _ in range(9):
            told = sound(http_client.get(where)).json()
            if told["status"] == "succeeded":
                break
            waited += told["percentCompleted"]
        result = told["resourceLocation"]
        signed = parse_qs(urlsplit(result).query)
        got = sound(http_client.get(result)).json()
        size = len(base64.b64decode(signed.pop("sig")[0]))
        return got, waited, size, signed, shape(where.partition("?")[2])
