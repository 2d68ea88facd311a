# /// script
# dependencies = ["groq"]
# ///
"""groq, asynchronous"""

import json

from groq import AsyncGroq
from weather_task import CHAT_TOOL, KEY, SYSTEM, TASK, weather


async def agent(url: str) -> str:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
    async with AsyncGroq(api_key=KEY, base_url=url) as client:
        while True:
            said = await client.chat.completions.create(
                model="llama-3.1-8b-instant", messages=messages, tools=[CHAT_TOOL]
            )
            message = said.choices[0].message
            messages.append(message.model_dump(exclude_none=True))
            if not message.tool_calls:
                return message.content
            for call in message.tool_calls:
                result = weather(**json.loads(call.function.arguments))
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
