# /// script
# dependencies = ["boto3"]
# ///
"""boto3, Bedrock's converse"""

import boto3
from weather_task import DESCRIPTION, KEY, SCHEMA, SYSTEM, TASK, weather

TOOL = {"toolSpec": {"name": "weather", "description": DESCRIPTION, "inputSchema": {"json": SCHEMA}}}


def agent(url: str) -> str:
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY[::-1],
    )
    messages = [{"role": "user", "content": [{"text": TASK}]}]
    while True:
        said = client.converse(
            modelId="amazon.nova-lite-v1:0",
            system=[{"text": SYSTEM}],
            messages=messages,
            toolConfig={"tools": [TOOL]},
        )["output"]["message"]
        messages.append(said)
        uses = [block["toolUse"] for block in said["content"] if "toolUse" in block]
        if not uses:
            return said["content"][0]["text"]
        results = [
            {"toolResult": {"toolUseId": use["toolUseId"], "content": [{"text": weather(**use["input"])}]}}
            for use in uses
        ]
        messages.append({"role": "user", "content": results})
