# /// script
# dependencies = ["anthropic"]
# ///
"""anthropic, streamed"""

from anthropic import Anthropic
from weather_task import DESCRIPTION, KEY, SCHEMA, SYSTEM, TASK, weather

TOOL = {"name": "weather", "description": DESCRIPTION, "input_schema": SCHEMA}


def agent(url: str) -> str:
    messages = [{"role": "user", "content": TASK}]
    with Anthropic(api_key=KEY, base_url=url) as client:
        while True:
            with client.messages.stream(
                model="claude-sonnet-4-5", max_tokens=99, system=SYSTEM, messages=messages, tools=[TOOL]
            ) as events:
                said = events.get_final_message()
            messages.append({"role": "assistant", "content": said.content})
            results = [
                {"type": "tool_result", "tool_use_id": block.id, "content": weather(**block.input)}
                for block in said.content
                if block.type == "tool_use"
            ]
            if not results:
                return said.content[0].text
            messages.append({"role": "user", "content": results})
