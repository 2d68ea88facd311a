# /// script
# dependencies = ["haystack-ai"]
# ///
"""haystack"""

import os

from weather_task import KEY, SYSTEM, TASK, weather

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # it reports to its maker

from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import create_tool_from_function
from haystack.utils import Secret


def agent(url: str) -> str:
    model = OpenAIChatGenerator(model="gpt-5-mini", api_key=Secret.from_token(KEY), api_base_url=f"{url}/v1")
    guide = Agent(chat_generator=model, tools=[create_tool_from_function(weather)], system_prompt=SYSTEM)
    return guide.run(messages=[ChatMessage.from_user(TASK)])["messages"][-1].text
