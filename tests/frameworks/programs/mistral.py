# /// script
# dependencies = ["mistralai"]
# ///
"""mistralai"""

import json

from mistralai.client import Mistral
from weather_task import CHAT_TOOL, KEY, SYSTEM, TASK, weather


def agent(url: str) -> str:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
    with Mistral(api_key=KEY, server_url=url) as client:
        while True:
            said = client.chat.complete(model="mistral-small-latest", messages=messages, tools=[CHAT_TOOL])
            message = said.choices[0].message
            messages.append(message)
            if not message.tool_calls:
                return message.content
            for call in message.tool_calls:
                result = weather(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
