# /// script
# dependencies = ["openai"]
# ///
"""openai, Responses, streamed, asynchronous"""

import json

from openai import AsyncOpenAI
from weather_task import DESCRIPTION, KEY, SCHEMA, SYSTEM, TASK, weather

TOOL = {"type": "function", "name": "weather", "description": DESCRIPTION, "parameters": SCHEMA}


async def agent(url: str) -> str:
    asked = [{"role": "user", "content": TASK}]
    async with AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1") as client:
        while True:
            async with client.responses.stream(
                model="gpt-5-mini", instructions=SYSTEM, input=asked, tools=[TOOL]
            ) as events:
                said = await events.get_final_response()
            calls = [item for item in said.output if item.type == "function_call"]
            if not calls:
                return said.output_text
            for call in calls:
                result = weather(**json.loads(call.arguments))
                asked.append(call.model_dump(include={"type", "call_id", "name", "arguments"}))
                asked.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
