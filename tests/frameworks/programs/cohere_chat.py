# /// script
# dependencies = ["cohere"]
# ///
"""cohere, v2"""

import json

from cohere import ClientV2
from weather_task import CHAT_TOOL, KEY, SYSTEM, TASK, weather


def agent(url: str) -> str:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
    with ClientV2(api_key=KEY, base_url=url) as client:
        while True:
            said = client.chat(model="command-r7b", messages=messages, tools=[CHAT_TOOL]).message
            messages.append(said)
            if not said.tool_calls:
                return said.content[0].text
            for call in said.tool_calls:
                result = weather(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
