# /// script
# dependencies = ["huggingface_hub"]
# ///
"""huggingface_hub, InferenceClient, streamed"""

import json

from huggingface_hub import InferenceClient
from weather_task import CHAT_TOOL, KEY, SYSTEM, TASK, weather


def agent(url: str) -> str:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
    client = InferenceClient(base_url=f"{url}/v1", api_key=KEY)
    while True:
        text, name, call_id, arguments = "", "", "", ""
        for event in client.chat_completion(
            messages,
            model="llama-3.1",
            tools=[CHAT_TOOL],
            stream=True,
            stream_options={"include_usage": True},
        ):
            for choice in event.choices:
                text += choice.delta.content or ""
                for call in choice.delta.tool_calls or ():
                    name, call_id = name or call.function.name, call_id or call.id
                    arguments += call.function.arguments or ""
        if not name:
            return text
        function = {"name": name, "arguments": arguments}
        call = {"id": call_id, "type": "function", "function": function}
        messages.append({"role": "assistant", "content": text, "tool_calls": [call]})
        result = weather(**json.loads(arguments))
        messages.append({"role": "tool", "tool_call_id": call_id, "content": result})
