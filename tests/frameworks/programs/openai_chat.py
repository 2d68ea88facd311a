# /// script
# dependencies = ["openai"]
# ///
"""openai, chat completions"""

import json

from openai import OpenAI
from weather_task import CHAT_TOOL, KEY, SYSTEM, TASK, weather


def agent(url: str) -> str:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
    with OpenAI(api_key=KEY, base_url=f"{url}/v1") as client:
        while True:
            said = client.chat.completions.create(model="gpt-5-mini", messages=messages, tools=[CHAT_TOOL])
            message = said.choices[0].message
            messages.append(message)
            if not message.tool_calls:
                return message.content
            for call in message.tool_calls:
                result = weather(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
