# /// script
# dependencies = ["litellm"]
# ///
"""litellm, asynchronous, over a transport of aiohttp's"""

import json
import os

from weather_task import CHAT_TOOL, KEY, SYSTEM, TASK, weather

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it downloads a table of prices

import litellm


async def agent(url: str) -> str:
    litellm.in_memory_llm_clients_cache.flush_cache()
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
    while True:
        said = await litellm.acompletion(
            model="anthropic/claude-sonnet-4-5",
            api_base=url,
            api_key=KEY,
            messages=messages,
            tools=[CHAT_TOOL],
        )
        message = said.choices[0].message
        messages.append(message.model_dump())
        if not message.tool_calls:
            return message.content
        for call in message.tool_calls:
            result = weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
